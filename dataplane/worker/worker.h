/* worker.h - everything one core owns, and the turns of its loop. */
#pragma once
#include <net/net.h>
#include <proxy/proxy.h>
#include <tcp/tcp.h>
#include <weir/dataplane.h>
#include <worker/background.h>
#include <worker/idle.h>

/* Orders from the control thread; read once per pass. */
struct worker_orders {
	bool stop, drain;
};

struct worker {
	unsigned index; /* RCU reader id, too */
	bool adaptive;
	bool draining;
	struct publish_cell *cell;
	const struct worker_orders *orders;
	struct mailbox *mailboxes; /* of all workers */
	uint32_t *downstream;      /* client connections of all workers */
	struct rte_mempool *pool;  /* all packets, shared by the workers */
	struct net *net;
	struct tcp_ctx *tcp;
	struct tcp_ops tcp_ops;
	struct proxy *proxy;
	struct wheel tcp_wheel;
	struct request_stats *stats;
	struct log_ring *log;
	int wake_fd;                    /* eventfd: what a sleeping worker listens to */
	uint64_t tsc_start, us_per_tsc; /* the same for all; fixed point, 32 bits of fraction */
	struct idle idle;
	struct background background;
	uint64_t epoch_at_us; /* when the wall clock was last looked at */
	bool running;         /* has made its first pass */
	uint32_t open;        /* connections a drain waits for */
	struct counters counters;
} WEIR_CACHE_ALIGNED;

/* The worker's clock: microseconds, monotonic. Starts at one second, so that 0 can mean "never". */
static inline uint64_t worker_clock_us(const struct worker *w, uint64_t tsc)
{
	return 1000000 +
	       (uint64_t)(((unsigned __int128)(tsc - w->tsc_start) * w->us_per_tsc) >> 32);
}

/* Makes the worker's layers on top of the ports. False and a sentence in err on failure; the
 * worker may then be given to worker_fini(). */
bool worker_init(struct worker *w, const struct dataplane_config *cfg, struct net_ports *ports,
		 struct rte_mempool *pool, char *err, size_t err_len);
void worker_fini(struct worker *w);

/* One pass at now_us of the worker's clock, which never goes back: everything that has arrived
 * runs to completion. True when there was anything to do. The worker is online (publish.h). */
bool worker_pass(struct worker *w, uint64_t now_us);

/* The lcore's main function: polls until orders->stop. arg: struct worker. */
int worker_main(void *arg);
