/* cc.c - what controllers share: the start of a connection, slow start, pacing by window. */
#include <tcp/cc.h>

#include <rte_common.h>

#include <tcp/pace.h>
#include <tcp/seq.h>

/* RFC 9406 section 4.2's constants. */
#define RTT_THRESH_MIN_US 4000u
#define RTT_THRESH_MAX_US 16000u
#define RTT_DIVISOR       8u
#define RTT_SAMPLES       8u
#define CSS_DIVISOR       4u
#define CSS_ROUNDS        5u

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

static void next_round(struct tcp_conn *c, struct tcp_hystart *h)
{
	h->round_end = c->snd_nxt;
	h->last_min_us = h->min_us;
	h->min_us = UINT32_MAX;
	h->samples = 0;
	if (h->css_rounds && h->css_rounds++ >= CSS_ROUNDS)
		c->ssthresh = c->cwnd;
}

/* The round trips have become longer: a queue is building. Back when they shorten again. */
static void watch_delay(struct tcp_hystart *h)
{
	uint32_t thresh;

	if (h->samples < RTT_SAMPLES || h->last_min_us == UINT32_MAX)
		return;
	thresh = RTE_MIN(RTE_MAX(h->last_min_us / RTT_DIVISOR, RTT_THRESH_MIN_US),
			 RTT_THRESH_MAX_US);
	if (h->css_rounds) {
		if (h->min_us < h->base_us)
			h->css_rounds = 0;
	} else if (h->min_us >= h->last_min_us + thresh) {
		h->base_us = h->min_us;
		h->css_rounds = 1;
	}
}

void tcp_cc_slow_start_init(const struct tcp_conn *c, struct tcp_hystart *h)
{
	h->round_end = c->snd_una;
	h->min_us = h->last_min_us = UINT32_MAX;
}

void tcp_cc_slow_start(struct tcp_conn *c, struct tcp_hystart *h, const struct tcp_delivered *d)
{
	uint32_t grown = d->bytes;

	if (seq_geq(c->snd_una, h->round_end))
		next_round(c, h);
	if (d->rtt_us) {
		h->min_us = RTE_MIN(h->min_us, d->rtt_us);
		h->samples += h->samples < UINT8_MAX;
	}
	watch_delay(h);
	if (h->css_rounds)
		grown /= CSS_DIVISOR;
	c->cwnd = RTE_MIN(c->cwnd + grown, TCP_CWND_MAX);
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
