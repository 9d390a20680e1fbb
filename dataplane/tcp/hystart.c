/* hystart.c - HyStart++ (RFC 9406), with the names of its section 4.2. */
#include <tcp/hystart.h>

#include <rte_common.h>

#include <tcp/cc.h>
#include <tcp/seq.h>

#define RTT_THRESH_MIN_US 4000u
#define RTT_THRESH_MAX_US 16000u
#define RTT_DIVISOR       8u
#define RTT_SAMPLES       8u
#define CSS_DIVISOR       4u
#define CSS_ROUNDS        5u

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

void tcp_hystart_begin(const struct tcp_conn *c, struct tcp_hystart *h)
{
	h->round_end = c->snd_una;
	h->min_us = h->last_min_us = UINT32_MAX;
}

void tcp_hystart_acked(struct tcp_conn *c, struct tcp_hystart *h, const struct tcp_delivered *d)
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
