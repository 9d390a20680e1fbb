/* rack.c - RACK-TLP (RFC 8985), with the names of its sections 6 and 7. */
#include <tcp/rack.h>

#include <rte_common.h>

#include <tcp/recover.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>

#define PERSIST_ROUNDS 16u
#define WIDENED_MAX    64u
#define DELACK_MAX_MS  200u /* WCDelAckT */
#define TIMER_SLACK_MS 2u

static bool sent_after(uint32_t us, uint32_t end, uint32_t than_us, uint32_t than_end)
{
	return seq_gt(us, than_us) || (us == than_us && seq_gt(end, than_end));
}

static void advance(struct tcp_ctx *ctx, struct tcp_flight *f, uint32_t us, uint32_t end)
{
	if (!sent_after(us, end, f->rack_us, f->rack_end))
		return;
	f->rack_us = us;
	f->rack_end = end;
	f->rack_rtt_us = (uint32_t)ctx->now_us - us;
}

/* Step 2: was it the repetition that arrived, or the original? */
static bool repetition_arrived(const struct tcp_ctx *ctx, const struct tcp_conn *c,
			       const struct tcp_delivered *d, const struct tcp_options *opt)
{
	uint32_t ago_us = (uint32_t)ctx->now_us - d->again_us;
	uint32_t sent_ts = (uint32_t)((ctx->now_us - ago_us) / 1000) + c->ts_offset;

	if ((c->flags & TCP_F_TS) && opt->ts_ecr && seq_lt(opt->ts_ecr, sent_ts))
		return false;
	return ago_us >= c->min_rtt_us;
}

void tcp_rack_arrived(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		      const struct tcp_delivered *d, const struct tcp_options *opt)
{
	if (d->timed)
		advance(ctx, f, d->sent_us, d->end);
	if (d->again && repetition_arrived(ctx, c, d, opt))
		advance(ctx, f, d->again_us, d->again_end);
	/* Step 3. */
	if (d->original && seq_lt(d->original_end, d->fack))
		f->reordered = true;
	f->fack = seq_max(f->fack, c->snd_una);
}

/* Step 4. */
static uint32_t reordering_window(const struct tcp_conn *c, const struct tcp_flight *f)
{
	if (!f->reordered && (c->recovery >= TCP_RECOVERY || c->n_sacked >= TCP_DUP_THRESHOLD))
		return 0;
	return RTE_MIN(c->min_rtt_us / 4 * f->reo_mult, c->srtt_us);
}

static void lose(struct tcp_conn *c, struct pkt_priv *p)
{
	if (!(p->flags & TCP_SQ_LOST))
		c->lost += p->len;
	else if (p->flags & TCP_SQ_RETRANS)
		c->retrans -= p->len;
	p->flags = TCP_SQ_LOST;
}

static bool is_known(const struct pkt_priv *p)
{
	return (p->flags & TCP_SQ_SACKED) ||
	       (p->flags & (TCP_SQ_LOST | TCP_SQ_RETRANS)) == TCP_SQ_LOST;
}

/* Step 5. Beyond fack first transmissions lie in the order of their times: the first that is not
 * older than what arrived ends the search. */
uint32_t tcp_rack_detect(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
			 struct tcp_delivered *d)
{
	uint32_t now_us = (uint32_t)ctx->now_us, wait_us = 0;
	uint32_t late_us = f->rack_rtt_us + reordering_window(c, f);

	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_past(m)) {
		struct pkt_priv *p = pkt_priv(m);
		int32_t left_us;

		if (is_known(p))
			continue;
		if (!sent_after(f->rack_us, f->rack_end, p->sent_us, tcp_sendq_end(m))) {
			if (p->transmits <= 1 && seq_geq(p->seq, f->fack))
				break;
			continue;
		}
		left_us = (int32_t)(p->sent_us + late_us - now_us);
		if (left_us <= 0) {
			lose(c, p);
			d->lost += p->len;
		} else {
			wait_us = RTE_MAX(wait_us, (uint32_t)left_us);
		}
	}
	return wait_us ? wait_us / 1000 + 1 : 0;
}

void tcp_rack_timeout(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f)
{
	uint32_t now_us = (uint32_t)ctx->now_us;
	uint32_t old_us = RTE_MAX(f->rack_rtt_us, c->srtt_us) + reordering_window(c, f);

	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m)) {
		struct pkt_priv *p = pkt_priv(m);

		if (is_known(p))
			continue;
		if (m == c->sq_head || !(c->flags & TCP_F_SACK) || now_us - p->sent_us >= old_us)
			lose(c, p);
	}
}

void tcp_rack_widen(struct tcp_conn *c, struct tcp_flight *f)
{
	f->reo_persist = PERSIST_ROUNDS;
	if (seq_lt(c->snd_una, f->dsack_round))
		return;
	f->dsack_round = c->snd_nxt;
	f->reordered = true;
	if (f->reo_mult < WIDENED_MAX)
		f->reo_mult++;
}

void tcp_rack_narrow(struct tcp_flight *f)
{
	if (f->reo_persist)
		f->reo_persist--;
	else
		f->reo_mult = 1;
}

/* Section 7.2. In a recovery, too, where there is new data to probe with, as QUIC does (RFC 9002
 * section 6.2): the rest of a flight may be acknowledged by one ACK, that of the repetition, and
 * where that is lost nothing else would come before the timeout. */
static bool may_probe(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_SACK) || !c->sq_head || !c->srtt_us || c->backoff)
		return false;
	if (c->flight && c->flight->tlp)
		return false;
	if (c->recovery == TCP_RECOVERY)
		return c->sq_unsent != NULL;
	return c->recovery == TCP_OPEN && !c->n_sacked;
}

uint32_t tcp_rack_probe_ms(const struct tcp_conn *c, uint32_t rto_ms)
{
	uint32_t ms;

	if (!may_probe(c))
		return 0;
	ms = c->srtt_us / 500 + TIMER_SLACK_MS;
	if (c->snd_nxt - c->snd_una <= c->mss)
		ms += DELACK_MAX_MS;
	return RTE_MIN(ms, rto_ms);
}
