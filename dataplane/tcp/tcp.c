/* tcp.c - owns a worker's TCP context: the slab of connections, their birth and death, the
 * lists of a pass, and what the layers around call. */
#include <tcp/tcp.h>

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include <tcp/ctx.h>
#include <tcp/flight.h>
#include <tcp/isn.h>
#include <tcp/mtu.h>
#include <tcp/output.h>
#include <tcp/reasm.h>
#include <tcp/recover.h>
#include <tcp/segment.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>
#include <tcp/stream.h>
#include <tcp/timer.h>

#define MSS_MIN        64u  /* a smaller offer is an attack on us (CVE-2019-11479) */
#define MSS_DEFAULT_V4 536u /* RFC 9293 MUST-15 */
#define MSS_DEFAULT_V6 1220u
#define MTU_MIN_V4     576u
#define MTU_MIN_V6     1280u

struct tcp_config tcp_config_default(void)
{
	return (struct tcp_config){
		.max_conns = 65536,
		.max_half_open = 4096,
		.max_time_wait = 16384,
		.max_orphans = 16384,
		.rcv_buf = 4 * 1024 * 1024,
		.snd_limit = 4 * 1024 * 1024,
		.time_wait_us = 60ull * 1000 * 1000,
		.keepalive_us = 7200ull * 1000 * 1000,
		.zero_window_us = 900ull * 1000 * 1000,
		.cc = CONGESTION_CUBIC,
		.ecn = true,
	};
}

struct tcp_ctx *tcp_create(const struct tcp_config *cfg, const struct tcp_ops *ops, void *owner,
			   struct wheel *wheel, struct rte_mempool *pool, struct counters *counters)
{
	struct tcp_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	ctx->stream_ops = tcp_stream_ops;
	ctx->cfg = *cfg;
	ctx->ops = ops;
	ctx->owner = owner;
	ctx->wheel = wheel;
	ctx->pool = pool;
	ctx->counters = counters;
	tcp_set_limit(ctx, UINT64_MAX);
	ctx->hold_max = UINT32_MAX;
	TAILQ_INIT(&ctx->half_open);
	TAILQ_INIT(&ctx->silent);
	TAILQ_INIT(&ctx->time_wait);
	TAILQ_INIT(&ctx->dead);
	while (ctx->rcv_wscale < TCP_WSCALE_MAX && cfg->rcv_buf >> ctx->rcv_wscale > UINT16_MAX)
		ctx->rcv_wscale++;
	tcp_isn_init(ctx);
	if (!slab_init(&ctx->conns, sizeof(struct tcp_conn), cfg->max_conns))
		goto no_slab;
	if (!slab_init(&ctx->flights, sizeof(struct tcp_flight), cfg->max_conns))
		goto no_flights;
	if (!tcp_flow_init(&ctx->flow, &(struct siphash_key){ctx->flow.key.k0, ctx->flow.key.k1},
			   (struct tcp_conn *)ctx->conns.base, cfg->max_conns))
		goto no_flow;
	return ctx;

no_flow:
	slab_fini(&ctx->flights);
no_flights:
	slab_fini(&ctx->conns);
no_slab:
	free(ctx);
	return NULL;
}

static void drop_bytes(struct tcp_conn *c)
{
	tcp_sendq_free(c);
	tcp_reasm_free(c);
}

void tcp_destroy(struct tcp_ctx *ctx)
{
	struct tcp_conn *conns = (struct tcp_conn *)ctx->conns.base;

	for (uint32_t i = 0; i < ctx->conns.fresh; i++) {
		drop_bytes(&conns[i]);
		mbq_free(&conns[i].s.rx);
		wheel_cancel(ctx->wheel, &conns[i].timer);
	}
	tcp_flow_fini(&ctx->flow);
	slab_fini(&ctx->flights);
	slab_fini(&ctx->conns);
	free(ctx);
}

void tcp_set_now(struct tcp_ctx *ctx, uint64_t now_us)
{
	ctx->now_us = now_us;
	ctx->now_ms = (uint32_t)(now_us / 1000);
}

void tcp_set_limit(struct tcp_ctx *ctx, uint64_t bytes)
{
	bytes = RTE_MAX(bytes, (uint64_t)TCP_LIMIT_MIN);
	ctx->rcv_limit = (uint32_t)RTE_MIN(bytes, (uint64_t)ctx->cfg.rcv_buf);
	ctx->snd_limit = (uint32_t)RTE_MIN(bytes, (uint64_t)ctx->cfg.snd_limit);
}

/* A slot for now or for the next pass: what dies in this pass is freed by its flush. */
static void make_room(struct tcp_ctx *ctx)
{
	struct tcp_conn *oldest = TAILQ_FIRST(&ctx->time_wait);

	if (!oldest)
		oldest = TAILQ_FIRST(&ctx->half_open);
	if (oldest && TAILQ_EMPTY(&ctx->dead))
		tcp_conn_close(ctx, oldest, BS_TIMEOUT);
}

struct tcp_conn *tcp_conn_create(struct tcp_ctx *ctx, const struct tcp_tuple *t)
{
	struct tcp_conn *c = slab_get(&ctx->conns);

	if (!c) {
		counter_inc(ctx->counters, CTR_DROP_TCP_NO_CONN);
		make_room(ctx);
		return NULL;
	}
	counter_add(ctx->counters, CTR_TCP_CONNS, 1);
	c->tuple = *t;
	c->s.ops = &ctx->stream_ops;
	c->s.tx_limit = RTE_MIN(ctx->snd_limit, TCP_SND_FIRST);
	c->cc = ctx->cfg.cc;
	c->ts_offset = tcp_isn_ts_offset(ctx, t);
	c->rcv_mss = MSS_DEFAULT_V4;
	c->answer_ms = ctx->now_ms;
	c->flags = TCP_F_FLOW;
	tcp_flow_insert(&ctx->flow, c);
	return c;
}

/* Whether c is on the list of those that only wait for their peer's last word. */
static void listen_silently(struct tcp_ctx *ctx, struct tcp_conn *c, bool on)
{
	if (!(c->flags & TCP_F_SILENT) == !on)
		return;
	c->flags ^= TCP_F_SILENT;
	if (on)
		TAILQ_INSERT_TAIL(&ctx->silent, c, age);
	else
		TAILQ_REMOVE(&ctx->silent, c, age);
}

/* Gauges and age lists, by state; d is +1 or -1. */
static void account(struct tcp_ctx *ctx, struct tcp_conn *c, int d)
{
	if (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT) {
		counter_add(ctx->counters, CTR_TCP_CURR_ESTAB, d);
	} else if (c->state == TCP_TIME_WAIT) {
		counter_add(ctx->counters, CTR_TCP_TIME_WAIT, d);
		ctx->n_time_wait += (uint32_t)d;
		if (d > 0)
			TAILQ_INSERT_TAIL(&ctx->time_wait, c, age);
		else
			TAILQ_REMOVE(&ctx->time_wait, c, age);
	} else if (c->state == TCP_FIN_WAIT_2) {
		ctx->n_fin_wait_2 += (uint32_t)d;
		listen_silently(ctx, c, d > 0 && (c->flags & TCP_F_ORPHAN));
	} else if (c->state == TCP_SYN_RECEIVED) {
		counter_add(ctx->counters, CTR_TCP_HALF_OPEN, d);
		ctx->n_half_open += (uint32_t)d;
		if (d > 0)
			TAILQ_INSERT_TAIL(&ctx->half_open, c, age);
		else
			TAILQ_REMOVE(&ctx->half_open, c, age);
	}
}

static void count_orphan(struct tcp_ctx *ctx, struct tcp_conn *c, int d)
{
	c->flags ^= TCP_F_ORPHAN;
	ctx->n_orphans += (uint32_t)d;
	counter_add(ctx->counters, CTR_TCP_ORPHANS, d);
}

/* RFC 4022's event counters are about transitions. */
static void count_transition(struct tcp_ctx *ctx, enum tcp_state from, enum tcp_state to)
{
	if (from == TCP_CLOSED && to == TCP_SYN_RECEIVED)
		counter_inc(ctx->counters, CTR_TCP_PASSIVE_OPENS);
	if (to != TCP_CLOSED)
		return;
	if (from == TCP_SYN_SENT || from == TCP_SYN_RECEIVED)
		counter_inc(ctx->counters, CTR_TCP_ATTEMPT_FAILS);
	else if (from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT)
		counter_inc(ctx->counters, CTR_TCP_ESTAB_RESETS);
}

void tcp_conn_enter(struct tcp_ctx *ctx, struct tcp_conn *c, enum tcp_state state)
{
	if ((c->flags & TCP_F_ORPHAN) && (state == TCP_TIME_WAIT || state == TCP_CLOSED))
		count_orphan(ctx, c, -1);
	count_transition(ctx, c->state, state);
	account(ctx, c, -1);
	c->state = (uint8_t)state;
	account(ctx, c, 1);
	if (state == TCP_TIME_WAIT) {
		drop_bytes(c);
		tcp_flight_put(ctx, c);
		if (ctx->n_time_wait > ctx->cfg.max_time_wait)
			tcp_conn_close(ctx, TAILQ_FIRST(&ctx->time_wait), BS_OK);
	}
}

void tcp_conn_close(struct tcp_ctx *ctx, struct tcp_conn *c, enum bytestream_error error)
{
	if (c->state != TCP_CLOSED)
		tcp_conn_enter(ctx, c, TCP_CLOSED);
	wheel_cancel(ctx->wheel, &c->timer);
	c->due = 0;
	if (c->flags & TCP_F_FLOW)
		tcp_flow_remove(&ctx->flow, c);
	c->flags &= ~TCP_F_FLOW;
	drop_bytes(c);
	tcp_flight_put(ctx, c);
	if (c->flags & TCP_F_USER) {
		c->s.error = (uint8_t)error;
		if (error != BS_OK)
			tcp_conn_post(ctx, c, BS_CLOSED);
	} else if (!(c->flags & TCP_F_DEAD)) {
		c->flags |= TCP_F_DEAD;
		TAILQ_INSERT_TAIL(&ctx->dead, c, age);
	}
}

void tcp_conn_detach(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	(void)ctx;
	c->flags &= ~TCP_F_USER;
	c->events = 0;
	mbq_free(&c->s.rx);
	c->rcv_held = 0;
}

/* All that a connection in FIN-WAIT-2 had to say has arrived: to forget it harms nobody. */
static bool make_room_for_orphan(struct tcp_ctx *ctx)
{
	struct tcp_conn *oldest = TAILQ_FIRST(&ctx->silent);

	if (ctx->n_orphans < ctx->cfg.max_orphans)
		return true;
	counter_inc(ctx->counters, CTR_TCP_ORPHANS_DROPPED);
	if (oldest)
		tcp_conn_close(ctx, oldest, BS_OK);
	return oldest != NULL;
}

bool tcp_conn_orphan(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (!make_room_for_orphan(ctx)) {
		tcp_output_reset(ctx, c);
		tcp_conn_close(ctx, c, BS_OK);
		return false;
	}
	count_orphan(ctx, c, 1);
	listen_silently(ctx, c, c->state == TCP_FIN_WAIT_2);
	/* A peer that makes no progress must not keep it for ever. */
	tcp_timer_set(ctx, c, TCP_DUE_LIFE, TCP_ORPHAN_MS);
	return true;
}

uint16_t tcp_conn_local_mss(struct tcp_ctx *ctx, const struct tcp_tuple *t)
{
	bool v4 = ip_addr_is_v4(&t->remote.ip);
	uint16_t mtu = ctx->ops->mtu(ctx->owner, t);

	mtu = (uint16_t)RTE_MAX(mtu, v4 ? MTU_MIN_V4 : MTU_MIN_V6);
	return (uint16_t)(mtu - (v4 ? 40 : 60));
}

void tcp_conn_set_mss(struct tcp_ctx *ctx, struct tcp_conn *c, uint16_t peer_mss)
{
	uint32_t mss = peer_mss;

	if (!mss)
		mss = ip_addr_is_v4(&c->tuple.remote.ip) ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
	mss = RTE_MIN(RTE_MAX(mss, MSS_MIN), (uint32_t)tcp_conn_local_mss(ctx, &c->tuple));
	if (c->flags & TCP_F_TS)
		mss -= TCP_TS_OPTION;
	c->mss = (uint16_t)mss;
}

static inline bool next_event(struct tcp_ready *q)
{
	struct tcp_conn *c;

	while ((c = q->head)) {
		uint8_t events = c->events;

		q->head = c->ready_next;
		if (!q->head)
			q->tail = NULL;
		q->n--;
		c->flags &= ~TCP_F_READY;
		c->events = 0;
		if (!events)
			continue;
		c->s.notify(&c->s, events);
		return true;
	}
	return false;
}

bool tcp_next_event(struct tcp_ctx *ctx)
{
	return next_event(&ctx->ready[0]);
}

bool tcp_next_patient_event(struct tcp_ctx *ctx)
{
	return next_event(&ctx->ready[1]);
}

uint32_t tcp_patient_events(const struct tcp_ctx *ctx)
{
	return ctx->ready[1].n;
}

bool tcp_has_events(const struct tcp_ctx *ctx)
{
	return ctx->ready[0].head || ctx->ready[1].head;
}

/* What died in this pass, except what a list still names. */
static void bury(struct tcp_ctx *ctx)
{
	struct tcp_conn *c, *next;

	for (c = TAILQ_FIRST(&ctx->dead); c; c = next) {
		next = TAILQ_NEXT(c, age);
		if (c->flags & (TCP_F_READY | TCP_F_DIRTY))
			continue;
		TAILQ_REMOVE(&ctx->dead, c, age);
		mbq_free(&c->s.rx);
		c->flags = 0;
		slab_put(&ctx->conns, c);
		counter_add(ctx->counters, CTR_TCP_CONNS, -1);
	}
}

void tcp_flush(struct tcp_ctx *ctx)
{
	struct tcp_conn *c;

	while ((c = ctx->dirty_head)) {
		if (unlikely(ctx->ops->busy && ctx->ops->busy(ctx->owner)))
			break;
		ctx->dirty_head = c->dirty_next;
		if (!ctx->dirty_head)
			ctx->dirty_tail = NULL;
		c->flags &= ~TCP_F_DIRTY;
		if (c->state != TCP_CLOSED)
			tcp_output_conn(ctx, c);
	}
	bury(ctx);
}

static struct tcp_conn *find(const struct tcp_ctx *ctx, const struct tcp_tuple *t)
{
	return tcp_flow_find(&ctx->flow, tcp_flow_hash(&ctx->flow, t), t);
}

void tcp_take_icmp_error(struct tcp_ctx *ctx, const struct tcp_tuple *t, uint32_t seq, bool hard,
			 uint16_t mtu)
{
	struct tcp_conn *c = find(ctx, t);

	/* RFC 5927 section 4.1: it must quote something that is under way. */
	if (!c || seq_lt(seq, c->snd_una) || seq_geq(seq, c->snd_nxt))
		return;
	if (mtu && tcp_conn_is_synchronized(c))
		tcp_mtu_told(ctx, c, mtu);
	else if (!mtu && hard && c->state == TCP_SYN_SENT)
		tcp_conn_close(ctx, c, BS_REFUSED);
}

/* Once a connection stands this is no end: the neighbour may come back before the timeout. */
void tcp_unreachable(struct tcp_ctx *ctx, const struct tcp_tuple *t)
{
	struct tcp_conn *c = find(ctx, t);

	if (c && (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED))
		tcp_conn_close(ctx, c, BS_UNREACHABLE);
}

bool tcp_knows(const struct tcp_ctx *ctx, const struct tcp_tuple *t)
{
	return find(ctx, t) != NULL;
}

uint32_t tcp_conns_in_use(const struct tcp_ctx *ctx)
{
	return ctx->conns.used;
}

uint32_t tcp_conns_unfinished(const struct tcp_ctx *ctx)
{
	return ctx->conns.used - ctx->n_time_wait - ctx->n_fin_wait_2;
}

void *tcp_conn_path(struct tcp_conn *c)
{
	return &c->path;
}
