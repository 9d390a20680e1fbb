/* mtu.c - owns mss after the handshake. */
#include <tcp/mtu.h>

#include <rte_common.h>

#include <tcp/flight.h>
#include <tcp/options.h>
#include <tcp/sendq.h>

#define MTU_MIN_V4 576u
#define MTU_MIN_V6 1280u
/* What a path without a word is taken for: RFC 4821 section 7.2, then the minimum. */
#define MTU_BASE_V4 1064u
#define TRIES       2u /* in vain, before it is not the network's load */
#define PROVEN      8u /* full segments that arrived: then twice as many */

/* MTU without the IP header and TCP's, in bytes of payload. */
static uint32_t payload(const struct tcp_conn *c, uint32_t mtu)
{
	return mtu - (ip_addr_is_v4(&c->tuple.remote.ip) ? 40 : 60) -
	       (c->flags & TCP_F_TS ? TCP_TS_OPTION : 0);
}

static bool lower(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t mtu)
{
	uint32_t mss = payload(c, mtu);

	if (mss >= c->mss)
		return false;
	c->mss = (uint16_t)mss;
	c->flags |= TCP_F_MTU_LOW;
	c->mtu_ms = ctx->now_ms;
	tcp_sendq_resegment(ctx, c);
	return true;
}

void tcp_mtu_told(struct tcp_ctx *ctx, struct tcp_conn *c, uint16_t mtu)
{
	uint32_t least = ip_addr_is_v4(&c->tuple.remote.ip) ? MTU_MIN_V4 : MTU_MIN_V6;

	if (!lower(ctx, c, RTE_MAX((uint32_t)mtu, least)))
		return;
	counter_inc(ctx->counters, CTR_TCP_MTU_TOLD);
	if (c->lost)
		tcp_conn_mark(ctx, c, TCP_F_REXMT_DUE);
}

/* Only a segment that the smaller size would have cut says anything about it. */
static bool guess(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t mtu)
{
	return pkt_priv(c->sq_head)->len > payload(c, mtu) && lower(ctx, c, mtu);
}

void tcp_mtu_timeout(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	bool v4 = ip_addr_is_v4(&c->tuple.remote.ip);
	unsigned tries = c->flight && c->flight->delivered > PROVEN * c->mss ? 2 * TRIES : TRIES;

	if (c->backoff < tries || !c->sq_head || c->sq_head == c->sq_unsent)
		return;
	if (guess(ctx, c, v4 ? MTU_BASE_V4 : MTU_MIN_V6) ||
	    (c->backoff >= tries + TRIES && guess(ctx, c, v4 ? MTU_MIN_V4 : MTU_MIN_V6)))
		counter_inc(ctx->counters, CTR_TCP_MTU_GUESSED);
}

void tcp_mtu_raise(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (ctx->now_ms - c->mtu_ms < TCP_MTU_RAISE_MS || c->backoff)
		return;
	c->flags &= ~TCP_F_MTU_LOW;
	c->mss = c->mss_max;
}
