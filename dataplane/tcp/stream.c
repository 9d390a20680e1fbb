/* stream.c - a connection as its user sees it: the bytestream, and tcp_connect(). */
#include <rte_common.h>

#include <tcp/ctx.h>
#include <tcp/isn.h>
#include <tcp/mtu.h>
#include <tcp/options.h>
#include <tcp/output.h>
#include <tcp/receive.h>
#include <tcp/sendq.h>
#include <tcp/state.h>
#include <tcp/stream.h>
#include <tcp/timer.h>

static struct tcp_conn *conn_of(struct bytestream *s)
{
	return container_of(s, struct tcp_conn, s);
}

static void write_queue(struct bytestream *s, struct mbq *q)
{
	struct tcp_conn *c = conn_of(s);
	struct tcp_ctx *ctx = tcp_conn_ctx(c);

	if (c->state == TCP_CLOSED || (c->flags & TCP_F_FIN_QUEUED)) {
		mbq_free(q);
		return;
	}
	s->tx_limit = RTE_MIN(RTE_MIN(ctx->snd_limit, tcp_conn_enough(c)),
			      RTE_MAX(tcp_conn_room(ctx, c), TCP_SND_FIRST));
	if (unlikely(c->flags & TCP_F_MTU_LOW))
		tcp_mtu_raise(ctx, c);
	tcp_sendq_write(ctx, c, q);
	tcp_conn_mark(ctx, c, 0);
}

static void consumed(struct bytestream *s, uint32_t n)
{
	struct tcp_conn *c = conn_of(s);

	tcp_receive_consumed(tcp_conn_ctx(c), c, n);
}

static void shutdown_writing(struct bytestream *s)
{
	struct tcp_conn *c = conn_of(s);

	if (c->state != TCP_CLOSED)
		tcp_state_shutdown(tcp_conn_ctx(c), c);
}

/* Does the peer expect a word before the connection goes? */
static bool owes_reset(const struct tcp_conn *c)
{
	return c->state != TCP_CLOSED && c->state != TCP_SYN_SENT && c->state != TCP_TIME_WAIT;
}

static void abort_stream(struct bytestream *s)
{
	struct tcp_conn *c = conn_of(s);
	struct tcp_ctx *ctx = tcp_conn_ctx(c);

	if (owes_reset(c))
		tcp_output_reset(ctx, c);
	tcp_conn_detach(ctx, c);
	tcp_conn_close(ctx, c, BS_OK);
}

static void release(struct bytestream *s)
{
	struct tcp_conn *c = conn_of(s);
	struct tcp_ctx *ctx = tcp_conn_ctx(c);

	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED) {
		abort_stream(s);
		return;
	}
	tcp_conn_detach(ctx, c);
	if (c->state == TCP_CLOSED) {
		tcp_conn_close(ctx, c, BS_OK);
		return;
	}
	if (c->state == TCP_TIME_WAIT || !tcp_conn_orphan(ctx, c))
		return;
	tcp_state_shutdown(ctx, c);
	/* What was unread is gone: the window is open, for the rest of what the peer says. */
	tcp_conn_mark(ctx, c, 0);
}

const struct bytestream_ops tcp_stream_ops = {
	.write = write_queue,
	.consumed = consumed,
	.shutdown = shutdown_writing,
	.release = release,
	.abort = abort_stream,
};

const struct tcp_tuple *tcp_stream_tuple(const struct bytestream *s)
{
	return &container_of(s, const struct tcp_conn, s)->tuple;
}

uint64_t tcp_stream_cookie(const struct bytestream *s)
{
	return container_of(s, const struct tcp_conn, s)->cookie;
}

struct bytestream *tcp_connect(struct tcp_ctx *ctx, const struct net_addr *remote,
			       const struct net_addr *local, uint64_t connect_timeout_us,
			       bool (*steer)(void *owner, const struct tcp_tuple *t))
{
	struct tcp_tuple t = {.local = *local, .remote = *remote};
	struct tcp_conn *c;

	if (!t.local.port && !tcp_isn_pick_port(ctx, &t, steer))
		return NULL;
	if (tcp_flow_find(&ctx->flow, tcp_flow_hash(&ctx->flow, &t), &t))
		return NULL;
	c = tcp_conn_create(ctx, &t);
	if (!c)
		return NULL;
	c->flags |= TCP_F_USER;
	if (!ctx->ops->mtu(ctx->owner, &t)) {
		tcp_conn_close(ctx, c, BS_UNREACHABLE);
		return &c->s;
	}
	c->snd_una = c->snd_nxt = tcp_isn(ctx, &t);
	c->snd_end = c->snd_una + 1;
	tcp_conn_set_mss(ctx, c, UINT16_MAX);
	c->mss = (uint16_t)(c->mss - TCP_TS_OPTION); /* as it will be with nearly every peer */
	tcp_conn_enter(ctx, c, TCP_SYN_SENT);
	counter_inc(ctx->counters, CTR_TCP_ACTIVE_OPENS);
	tcp_conn_mark(ctx, c, TCP_F_SYN_DUE);
	if (connect_timeout_us)
		tcp_timer_set(ctx, c, TCP_DUE_LIFE, (uint32_t)((connect_timeout_us + 999) / 1000));
	return &c->s;
}

static uint16_t or_default(uint64_t given, uint64_t otherwise)
{
	uint64_t v = given ? given : otherwise;

	return (uint16_t)RTE_MIN(RTE_MAX(v, 1u), TCP_KEEPALIVE_TIME_MAX_S);
}

void tcp_stream_keepalive(struct bytestream *s, const struct tcp_keepalive *k)
{
	struct tcp_conn *c = conn_of(s);
	struct tcp_ctx *ctx = tcp_conn_ctx(c);
	uint64_t node_s = ctx->cfg.keepalive_us / 1000000;

	if (c->state == TCP_CLOSED)
		return;
	c->flags |= TCP_F_KEEPALIVE;
	c->keepalive.time_s = or_default(k->time_s, node_s ? node_s : TCP_KEEPALIVE_TIME_S);
	c->keepalive.interval_s = or_default(k->interval_s, TCP_KEEPALIVE_INTERVAL_S);
	c->keepalive.probes = k->probes ? k->probes : TCP_KEEPALIVE_PROBES;
	if (tcp_conn_is_synchronized(c))
		tcp_timer_set(ctx, c, TCP_DUE_KEEPALIVE, c->keepalive.time_s * 1000u);
}
