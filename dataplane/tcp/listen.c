/* listen.c - owns the way from a SYN to SYN-RECEIVED. Half-open connections are bounded: beyond
 * that SYNs are answered with cookies, or, where those are off, the oldest give way, so that a
 * peer that answers within the time a flood needs to fill the list still gets in (RFC 4987
 * sections 3.6 and 3.3). */
#include <tcp/listen.h>

#include <tcp/cookie.h>
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

/* No state: the peer will bring it back (cookie.h). */
static void answer_by_cookie(struct tcp_ctx *ctx, const struct tcp_segment *s)
{
	struct tcp_bare b = {.tuple = &s->tuple, .ack = s->seq + 1, .flags = TCP_SYN | TCP_ACK};

	b.seq = tcp_cookie_make(ctx, s, &b.opt);
	b.wnd = tcp_state_first_window(ctx);
	counter_inc(ctx->counters, CTR_TCP_COOKIE_SENT);
	tcp_output_bare(ctx, &b);
}

/* A connection in SYN-RECEIVED whose peer sent `syn`; iss: the number of our SYN. */
static struct tcp_conn *half_open(struct tcp_ctx *ctx, const struct tcp_segment *syn, uint32_t iss,
				  uint64_t cookie)
{
	struct tcp_conn *c = tcp_conn_create(ctx, &syn->tuple);

	if (!c)
		return NULL;
	c->cookie = cookie;
	c->snd_una = c->snd_nxt = iss;
	c->snd_end = iss + 1;
	tcp_state_peer_syn(ctx, c, syn);
	tcp_conn_enter(ctx, c, TCP_SYN_RECEIVED);
	return c;
}

static void accept_syn(struct tcp_ctx *ctx, const struct tcp_segment *s)
{
	bool full = ctx->n_half_open >= ctx->cfg.max_half_open && ctx->n_half_open;
	struct tcp_conn *c;
	uint64_t cookie = 0;

	if (!ctx->ops->admit(ctx->owner, &s->tuple, &cookie)) {
		refuse(ctx, s);
		return;
	}
	if (ctx->pressure != TCP_EASE) {
		counter_inc(ctx->counters, CTR_DROP_TCP_NEW_MEMORY);
		return;
	}
	if (ctx->cfg.cookies == SYN_COOKIES_ALWAYS ||
	    (full && ctx->cfg.cookies == SYN_COOKIES_AUTO)) {
		answer_by_cookie(ctx, s);
		return;
	}
	if (full)
		evict_oldest(ctx);
	c = half_open(ctx, s, tcp_isn(ctx, &s->tuple), cookie);
	if (c)
		tcp_conn_mark(ctx, c, TCP_F_SYN_DUE);
}

/* The state is made as it would be had we remembered the SYN, and the segment is for it. */
static void accept_cookie(struct tcp_ctx *ctx, struct tcp_segment *s,
			  const struct tcp_options *offered, uint64_t cookie)
{
	struct tcp_segment syn = *s;
	struct tcp_conn *c;

	if (ctx->pressure != TCP_EASE) {
		counter_inc(ctx->counters, CTR_DROP_TCP_NEW_MEMORY);
		return;
	}
	syn.seq = s->seq - 1;
	syn.opt = *offered;
	c = half_open(ctx, &syn, s->ack - 1, cookie);
	if (!c)
		return;
	counter_inc(ctx->counters, CTR_TCP_COOKIE_GOOD);
	c->snd_nxt = s->ack;
	c->backoff = 1; /* when our SYN left is not known: nothing to measure */
	tcp_state_segment(ctx, c, s);
}

/* A keep-alive by a peer whose first ACK was lost and which waits for us to speak: it begins with
 * the number of its SYN. As if that ACK had come. */
static bool is_probe(struct tcp_ctx *ctx, struct tcp_segment *s, struct tcp_options *offered)
{
	if (s->len > 1 || !tcp_cookie_check(ctx, s, s->seq, offered))
		return false;
	rte_pktmbuf_adj(s->m, (uint16_t)s->len);
	s->len = 0;
	s->seq++;
	return true;
}

/* While cookies are out, what is not their answer may be a segment that overtook it, or that
 * follows it when it was lost: RST would end a connection that the next repetition will open. */
static void stray_ack(struct tcp_ctx *ctx, struct tcp_segment *s)
{
	struct tcp_options offered;
	uint64_t cookie = 0;

	if ((s->flags & TCP_SYN) || !tcp_cookie_expected(ctx) ||
	    !ctx->ops->admit(ctx->owner, &s->tuple, &cookie))
		refuse(ctx, s);
	else if (tcp_cookie_check(ctx, s, s->seq - 1, &offered) || is_probe(ctx, s, &offered))
		accept_cookie(ctx, s, &offered, cookie);
	else
		counter_inc(ctx->counters, CTR_DROP_TCP_COOKIE);
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
		stray_ack(ctx, s);
	else if (s->flags & TCP_SYN)
		accept_syn(ctx, s);
	else
		neither(ctx, s);
}
