/* listen.c - owns the way from a SYN to SYN-RECEIVED. Half-open connections are bounded: under
 * a flood the oldest give way, so that a peer that answers within the time the flood needs to
 * fill the list still gets in (RFC 4987 section 3.3). */
#include <tcp/listen.h>

#include <tcp/isn.h>
#include <tcp/output.h>
#include <tcp/state.h>
#include <tcp/timer.h>

static bool is_land(const struct tcp_tuple *t)
{
	return t->local.port == t->remote.port && ip_addr_eq(&t->local.ip, &t->remote.ip);
}

static void evict_oldest(struct tcp_ctx *ctx)
{
	struct tcp_conn *c = TAILQ_FIRST(&ctx->half_open);

	counter_inc(ctx->counters, CTR_DROP_TCP_BACKLOG);
	tcp_conn_close(ctx, c, BS_TIMEOUT);
}

static void refuse(struct tcp_ctx *ctx, const struct tcp_segment *s)
{
	counter_inc(ctx->counters, CTR_DROP_TCP_CLOSED);
	tcp_output_refuse(ctx, s);
}

static void accept_syn(struct tcp_ctx *ctx, const struct tcp_segment *s)
{
	struct tcp_conn *c;
	uint64_t cookie = 0;

	if (!ctx->ops->admit(ctx->owner, &s->tuple, &cookie)) {
		refuse(ctx, s);
		return;
	}
	if (ctx->n_half_open >= ctx->cfg.max_half_open && ctx->n_half_open)
		evict_oldest(ctx);
	c = tcp_conn_create(ctx, &s->tuple);
	if (!c)
		return;
	c->cookie = cookie;
	c->snd_una = c->snd_nxt = tcp_isn(ctx, &s->tuple);
	c->snd_end = c->snd_una + 1;
	tcp_state_peer_syn(ctx, c, s);
	tcp_conn_enter(ctx, c, TCP_SYN_RECEIVED);
	tcp_conn_mark(ctx, c, TCP_F_SYN_DUE);
}

/* RFC 9293 section 3.10.7.2: without SYN or ACK there is nothing to answer in LISTEN; where
 * nobody listens it is refused (3.10.7.1). */
static void neither(struct tcp_ctx *ctx, const struct tcp_segment *s)
{
	uint64_t cookie;

	if (ctx->ops->admit(ctx->owner, &s->tuple, &cookie))
		counter_inc(ctx->counters, CTR_DROP_TCP_FLAGS);
	else
		refuse(ctx, s);
}

/* A port that nobody admits may be somebody else's on this host. */
static bool hand_on(struct tcp_ctx *ctx, struct tcp_segment *s)
{
	uint64_t cookie;

	if (!ctx->ops->unclaimed || ctx->ops->admit(ctx->owner, &s->tuple, &cookie) ||
	    !ctx->ops->unclaimed(ctx->owner, s->m))
		return false;
	s->m = NULL;
	return true;
}

void tcp_listen_segment(struct tcp_ctx *ctx, struct tcp_segment *s)
{
	if (hand_on(ctx, s))
		return;
	if (s->flags & TCP_RST)
		counter_inc(ctx->counters, CTR_DROP_TCP_RST);
	else if (is_land(&s->tuple))
		counter_inc(ctx->counters, CTR_DROP_IP_MARTIAN);
	else if ((s->flags & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN))
		counter_inc(ctx->counters, CTR_DROP_TCP_FLAGS);
	else if (s->flags & TCP_ACK)
		refuse(ctx, s);
	else if (s->flags & TCP_SYN)
		accept_syn(ctx, s);
	else
		neither(ctx, s);
}
