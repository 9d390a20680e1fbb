/* side.h - one end of the simulated link: a TCP, its wheel, a device that holds what it sends
 * for a while, and users that write, read, close, release and abort at random. */
#pragma once
#include <setjmp.h>

#include <base/wheel.h>
#include <tcp/tcp.h>

#include "link.h"

#define APPS_MAX 8
#define HELD_MAX 512

enum app_end {
	APP_CLOSE,   /* writes all, reads all */
	APP_RELEASE, /* releases at a random point */
	APP_ABORT
};

struct app_plan {
	enum app_end end;
	uint64_t bytes;         /* to write */
	uint64_t end_after;     /* RELEASE, ABORT: bytes written plus read until then */
	uint32_t read_every_us; /* 0: reads at once */
	uint32_t read_max;      /* bytes a time */
	uint32_t piece_max;
	bool full;      /* pieces of piece_max bytes, not up to it */
	bool odd_mbufs; /* shared, indirect and headroom-less pieces */
	bool patient;   /* shutdown only after the peer's EOF */
};

struct app {
	struct side *side;
	struct app *peer;
	struct bytestream *s; /* NULL before and after */
	struct app_plan plan;
	uint64_t key; /* of the bytes it writes */
	uint64_t written, read;
	uint64_t wake_us; /* UINT64_MAX: not */
	uint16_t port;    /* the client's */
	bool client, opened, eof, drained, shut, over, aborted, released;
	uint8_t error;
};

struct side {
	unsigned id;
	struct tcp_ctx *tcp;
	struct wheel wheel;
	struct counters counters;
	struct link *link;
	struct rng *rng;
	struct rte_mempool *pool;
	uint64_t now_us;
	struct ip_addr ip;
	uint16_t mtu;
	struct app apps[APPS_MAX];
	unsigned n_apps;
	struct side *other;
	/* mbufs that the device (or another user of the buffer) has not let go yet */
	struct rte_mbuf *held[HELD_MAX];
	unsigned n_held;
	const char *broken; /* what the run did wrong */
	struct tcp_ops ops;
};

void side_init(struct side *s, unsigned id, const struct tcp_config *cfg, bool scattered,
	       struct link *l, struct rng *rng, struct rte_mempool *pool, uint16_t mtu);
void side_fini(struct side *s);

void app_connect(struct app *a, uint16_t port);

/* One pass of the worker at now_us. */
void side_pass(struct side *s, uint64_t now_us);

/* Of connections made from now on. */
void side_set_congestion(struct side *s, enum congestion cc);

/* When it has something to do by itself. */
uint64_t side_next(const struct side *s);

/* The byte at offset i of the stream with this key. */
uint8_t app_byte(uint64_t key, uint64_t i);
