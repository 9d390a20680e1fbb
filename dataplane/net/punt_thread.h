/* punt_thread.h - the thread between workers and TAPs, and what it shares with them. Private to
 * punt*.c. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/abi.h>

struct net_ports;
struct rte_mempool;
struct rte_ring;

/* Packets a second, as a bucket. */
struct punt_bucket {
	uint32_t rate;
	uint64_t tokens, refill_us;
};

struct punt_port {
	int fd; /* -1: not punted */
	struct rte_ring *up;
	struct punt_bucket to_kernel, from_kernel;
};

struct punt {
	struct net_ports *owner;
	unsigned n;
	struct punt_port ports[WEIR_PORTS_MAX];
	struct rte_ring *down; /* frames from all TAPs to the first worker */
	pthread_t thread;
	bool started;
	int wake_fd;
	uint32_t asleep, stop; /* atomic */
	uint64_t lost;         /* atomic: frames that a TAP did not take */
};

/* Tokens to use now, at most max. */
unsigned punt_bucket_take(struct punt_bucket *b, uint64_t now_us, unsigned max);

/* There is something in a queue to the kernel. */
void punt_wake(struct punt *p);
