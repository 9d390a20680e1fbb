/* timer.h - a connection's deadlines, on one wheel timer. */
#pragma once
#include <tcp/ctx.h>

#define TCP_RTO_INITIAL_MS 1000u  /* RFC 6298 (2.1) */
#define TCP_RTO_MIN_MS     200u   /* below its (2.4), as everybody */
#define TCP_RTO_MAX_MS     60000u /* its (2.5) */
#define TCP_DELACK_MS      40u
#define TCP_SILENCE_MS     180000u /* RFC 9293 R2: data unanswered for as long ends it */
#define TCP_ORPHAN_MS      60000u  /* FIN-WAIT-2, and a released stream without progress */

/* Sets a deadline `ms` from now; moves the wheel timer only when that is sooner. */
void tcp_timer_set(struct tcp_ctx *ctx, struct tcp_conn *c, enum tcp_deadline which, uint32_t ms);

static inline void tcp_timer_clear(struct tcp_conn *c, enum tcp_deadline which)
{
	c->due &= (uint8_t) ~(1u << which);
}

static inline bool tcp_timer_is_set(const struct tcp_conn *c, enum tcp_deadline which)
{
	return c->due >> which & 1;
}

/* The retransmission timeout with its back-off. */
uint32_t tcp_timer_rto_ms(const struct tcp_conn *c);

/* (Re)starts the retransmission deadline for data under way: a probe where that may help, else
 * the timeout. */
void tcp_timer_retrans(struct tcp_ctx *ctx, struct tcp_conn *c);

/* One round-trip time (RFC 6298 section 2). */
void tcp_timer_measure(struct tcp_conn *c, uint32_t rtt_us);

#define TCP_KEEPALIVE_TIME_S     7200u
#define TCP_KEEPALIVE_INTERVAL_S 75u
#define TCP_KEEPALIVE_PROBES     9u

/* How long the peer may be silent before it is asked; 0: for ever. */
static inline uint32_t tcp_timer_keepalive_ms(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	if (unlikely(c->flags & TCP_F_KEEPALIVE))
		return c->keepalive.time_s * 1000u;
	return (uint32_t)(ctx->cfg.keepalive_us / 1000);
}

/* A probe was answered. */
void tcp_timer_answered(struct tcp_ctx *ctx, struct tcp_conn *c);

/* The peer is there: moves the keep-alive back. */
static inline void tcp_timer_heard(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	uint32_t ms = tcp_timer_keepalive_ms(ctx, c);

	if (ms)
		c->due_ms[TCP_DUE_KEEPALIVE] = ctx->now_ms + ms;
	if (unlikely(c->probes))
		tcp_timer_answered(ctx, c);
}
