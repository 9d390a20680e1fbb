/* cc.c - what controllers share: the start of a connection, pacing by window. */
#include <tcp/cc.h>

#include <rte_common.h>

#include <tcp/pace.h>

/* The wheel's tick is 1 ms: below some of them, or for what a burst may be anyway, pacing would
 * only cost. */
#define PACE_RTT_MIN_US 4000u
/* Faster than the window empties, as in Linux: pacing must not be what limits. */
#define PACE_SLOW_START_PERCENT 200u
#define PACE_PERCENT            120u

const struct tcp_cc *const tcp_ccs[CONGESTIONS] = {
	[CONGESTION_CUBIC] = &tcp_cc_cubic,
	[CONGESTION_RENO] = &tcp_cc_reno,
	[CONGESTION_BBR] = &tcp_cc_bbr,
};

void tcp_cc_open(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	c->cwnd = tcp_cc_initial_window(c->mss);
	c->ssthresh = TCP_CWND_MAX;
	c->ecn_mark = c->snd_una;
	if (tcp_cc_of(c)->model)
		tcp_flight_get(ctx, c);
}

void tcp_cc_pace(struct tcp_conn *c, struct tcp_flight *f)
{
	unsigned percent = c->cwnd < c->ssthresh / 2 ? PACE_SLOW_START_PERCENT : PACE_PERCENT;

	if (c->srtt_us < PACE_RTT_MIN_US || c->cwnd < PACE_BURST * c->mss) {
		c->flags &= ~TCP_F_PACED;
		return;
	}
	c->flags |= TCP_F_PACED;
	/* While cwnd comes down what is under way is more. */
	f->pace_rate =
		(uint64_t)RTE_MAX(c->cwnd, c->snd_nxt - c->snd_una) * 10000 * percent / c->srtt_us;
}
