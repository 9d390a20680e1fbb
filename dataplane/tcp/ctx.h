/* ctx.h - what one worker's TCP owns, and what its files share: the life of a connection
 * (tcp.c) and the lists that put work off within a pass. */
#pragma once
#include <rte_common.h>

#include <base/slab.h>
#include <tcp/conn.h>
#include <tcp/flow.h>

#define TCP_RCV_FIRST     65535u              /* receive window at first, bytes */
#define TCP_SND_FIRST     (256u * 1024)       /* tx_limit at first */
#define TCP_WAKE_ROOM     (TCP_SND_FIRST / 2) /* enough room for a blocked writer to be woken */
#define TCP_NEAR_ENOUGH   (4 * TCP_RCV_FIRST) /* where the round trip is not to be measured */
#define TCP_PORT_COUNTERS 256                 /* RFC 6056 section 3.3.4 */

TAILQ_HEAD(tcp_conn_list, tcp_conn);

/* How scarce packet buffers are (pressure.c). */
enum tcp_pressure {
	TCP_EASE,
	TCP_TIGHT,  /* the reserve is touched: no new connections, no data out of order */
	TCP_STARVED /* no data at all */
};

/* Connections with events for their users, in order. */
struct tcp_ready {
	struct tcp_conn *head, *tail;
	uint32_t n;
};

struct tcp_ctx {
	struct bytestream_ops stream_ops; /* of every stream: leads from one to the context */
	uint64_t now_us;
	uint32_t now_ms; /* low bits of the clock */

	const struct tcp_ops *ops;
	void *owner;
	struct wheel *wheel;
	struct rte_mempool *pool;
	struct counters *counters;
	struct tcp_config cfg;
	uint32_t rcv_limit, snd_limit; /* cfg's rcv_buf and snd_limit, or less: tcp_set_limit() */
	uint32_t hold_max;             /* who holds so many bytes gets no more (pressure.c) */
	uint8_t rcv_wscale;            /* what rcv_buf needs */
	uint8_t pressure;              /* enum tcp_pressure */
	uint32_t scarce_ms, starved_ms, shed_ms; /* pressure.c: since when; last shed */
	uint32_t shed_at;                        /* index of the next connection to look at */

	struct tcp_flow flow;
	struct slab flights; /* of struct tcp_flight */
	struct slab conns;   /* of struct tcp_conn, indexable: its size has no padding */
	uint32_t n_half_open, n_time_wait, n_fin_wait_2, n_orphans;

	struct tcp_conn *dirty_head, *dirty_tail;  /* owes the peer something; in order */
	struct tcp_ready ready[2];                 /* [1]: of users that are patient */
	struct tcp_conn_list half_open, time_wait; /* oldest first */
	struct tcp_conn_list silent;               /* orphans in FIN-WAIT-2, oldest first */
	struct tcp_conn_list dead; /* closed in this pass; still named by its batch */

	/* limit.c */
	uint32_t challenge_second; /* that challenges_left is of; 0: none yet */
	uint32_t challenges_left, resets_left, reset_ms;
	/* cookie.c */
	bool cookies;               /* any were sent, last in */
	uint32_t cookie_generation; /* this one */

	struct siphash_key isn_key, ts_key, port_key, cookie_key;
	uint32_t port_counter[TCP_PORT_COUNTERS];
};

/* A connection in CLOSED, findable by its tuple; NULL (counted) when the slab is empty and
 * neither TIME-WAIT nor SYN-RECEIVED can give one back. */
struct tcp_conn *tcp_conn_create(struct tcp_ctx *ctx, const struct tcp_tuple *t);

/* Keeps gauges and the age lists. */
void tcp_conn_enter(struct tcp_ctx *ctx, struct tcp_conn *c, enum tcp_state state);

/* To CLOSED: no more segments, no more timers. The struct stays while it has a user, who
 * learns of error by BS_CLOSED (BS_OK: nothing to learn). */
void tcp_conn_close(struct tcp_ctx *ctx, struct tcp_conn *c, enum bytestream_error error);

/* The user let go: no events any more; what it had not read is dropped. */
void tcp_conn_detach(struct tcp_ctx *ctx, struct tcp_conn *c);

/* Nobody has c any more, and it is not over: it has TCP_ORPHAN_MS for the rest, if there is room
 * for one more. False: there was none, and it is closed. */
bool tcp_conn_orphan(struct tcp_ctx *ctx, struct tcp_conn *c);

/* Effective MSS from the peer's offer (0: none) and the path; resets cwnd's unit. */
void tcp_conn_set_mss(struct tcp_ctx *ctx, struct tcp_conn *c, uint16_t peer_mss);

/* The MSS that we announce for this tuple. */
uint16_t tcp_conn_local_mss(struct tcp_ctx *ctx, const struct tcp_tuple *t);

static inline struct tcp_ctx *tcp_conn_ctx(const struct tcp_conn *c)
{
	return container_of(c->s.ops, struct tcp_ctx, stream_ops);
}

/* Bytes that are enough each way: a path whose round trip is below the clock's step does not
 * need more to be full, and what lies in buffers beyond that only leaves the cache. */
static inline uint32_t tcp_conn_enough(const struct tcp_conn *c)
{
	return c->srtt_us && c->srtt_us <= 1000 ? TCP_NEAR_ENOUGH : UINT32_MAX;
}

/* Bytes that the send queue should have room for: one window under way, one to follow while it is
 * acknowledged, and what waits with the peer behind a hole. */
static inline uint32_t tcp_conn_room(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	uint64_t room = 2ull * c->cwnd + c->sacked;

	return (uint32_t)RTE_MIN(room, (uint64_t)ctx->snd_limit);
}

/* The flush will look at c. */
static inline void tcp_conn_mark(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t due)
{
	c->flags |= due;
	if (c->flags & TCP_F_DIRTY)
		return;
	c->flags |= TCP_F_DIRTY;
	c->dirty_next = NULL;
	if (ctx->dirty_tail)
		ctx->dirty_tail->dirty_next = c;
	else
		ctx->dirty_head = c;
	ctx->dirty_tail = c;
}

/* The user will be notified of events (enum bytestream_event). */
static inline void tcp_conn_post(struct tcp_ctx *ctx, struct tcp_conn *c, uint8_t events)
{
	struct tcp_ready *q;

	if (!(c->flags & TCP_F_USER))
		return;
	c->events |= events;
	if (c->flags & TCP_F_READY)
		return;
	q = &ctx->ready[c->s.patient];
	q->n++;
	c->flags |= TCP_F_READY;
	c->ready_next = NULL;
	if (q->tail)
		q->tail->ready_next = c;
	else
		q->head = c;
	q->tail = c;
}
