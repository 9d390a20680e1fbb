/* pace.c - owns pace_ns and what each entry notes of the connection when it is sent. */
#include <tcp/pace.h>

#include <rte_common.h>

#include <tcp/cc.h>
#include <tcp/timer.h>

static uint64_t duration_ns(const struct tcp_flight *f, uint32_t bytes)
{
	return (uint64_t)bytes * 1000000000 / RTE_MAX(f->pace_rate, 1u);
}

/* From when on the line counts as taken after a pause, however long that was. Acknowledgements come
 * in bursts, and in slow start they let twice as much go: who were held to the pace by each of them
 * would double later by half a round trip. The clock may be younger than the credit. */
static uint64_t earliest_ns(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	uint64_t now_ns = ctx->now_us * 1000, credit_ns = PACE_CREDIT_NS;

	if (!tcp_cc_of(c)->model)
		credit_ns = RTE_MAX(credit_ns, duration_ns(c->flight, PACE_BURST * c->mss));
	return now_ns > credit_ns ? now_ns - credit_ns : 0;
}

bool tcp_pace_waits(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	uint64_t from_ns, ahead_ns = PACE_AHEAD_NS;

	if (!(c->flags & TCP_F_PACED) || c->flight->pace_ns <= ctx->now_us * 1000 + ahead_ns)
		return false;
	ahead_ns = RTE_MAX(ahead_ns, duration_ns(c->flight, c->mss));
	from_ns = ctx->now_us * 1000 + ahead_ns;
	if (c->flight->pace_ns <= from_ns)
		return false;
	tcp_timer_set(ctx, c, TCP_DUE_PACE,
		      (uint32_t)((c->flight->pace_ns - from_ns) / 1000000) + 1);
	return true;
}

void tcp_pace_sent(struct tcp_ctx *ctx, struct tcp_conn *c, struct pkt_priv *p)
{
	struct tcp_flight *f = c->flight;
	uint32_t now_us = (uint32_t)ctx->now_us;

	if (c->snd_una == c->snd_nxt)
		f->first_sent_us = f->delivered_us = now_us;
	p->delivered = f->delivered;
	p->delivered_us = f->delivered_us;
	p->first_sent_us = f->first_sent_us;
	if (c->recovery == TCP_RECOVERY || c->recovery == TCP_REDUCING)
		f->prr_out += p->len;
	if (p->transmits > 1 && f->undo && f->undo_left < UINT16_MAX)
		f->undo_left++;
	if (c->flags & TCP_F_PACED)
		f->pace_ns = RTE_MAX(f->pace_ns, earliest_ns(ctx, c)) + duration_ns(f, p->len);
}

void tcp_pace_starved(struct tcp_conn *c)
{
	struct tcp_flight *f = c->flight;
	uint32_t flight = tcp_conn_in_flight(c);

	if (!c->sq_unsent && flight < c->cwnd)
		f->app_limited = (f->delivered + flight) | 1; /* 0 means no */
}
