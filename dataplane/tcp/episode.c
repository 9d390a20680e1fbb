/* episode.c - owns c->recovery, and cwnd while it is not TCP_OPEN. */
#include <tcp/episode.h>

#include <rte_common.h>

#include <tcp/cc.h>
#include <tcp/rack.h>
#include <tcp/recover.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>

static bool models(const struct tcp_conn *c)
{
	return tcp_cc_of(c)->model;
}

/* What follows may turn out to be needless; unless a repetition is still under way: what it
 * brings would be taken for the answer to a later one. */
static void doubt(struct tcp_conn *c, struct tcp_flight *f)
{
	c->flags &= ~(TCP_F_DOUBT | TCP_F_DOUBT_TIMED | TCP_F_DOUBT_ORIGINAL);
	f->undo = false;
	if (c->retrans)
		return;
	c->flags |= TCP_F_DOUBT;
	f->before = c->cwnd;
	f->before_ssthresh = c->ssthresh;
	f->undo = true;
	f->undo_left = 0;
}

/* RFC 4015: back to where it was. What is really lost will be found again. */
static void undo(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f)
{
	counter_inc(ctx->counters, CTR_TCP_SPURIOUS);
	c->flags &= ~(TCP_F_DOUBT | TCP_F_DOUBT_TIMED | TCP_F_DOUBT_ORIGINAL | TCP_F_REXMT_DUE);
	f->undo = false;
	if (c->recovery >= TCP_RECOVERY) {
		for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m))
			pkt_priv(m)->flags &= TCP_SQ_SACKED;
		c->lost = c->retrans = 0;
	}
	c->cwnd = RTE_MAX(c->cwnd, f->before);
	c->ssthresh = RTE_MAX(c->ssthresh, f->before_ssthresh);
	c->recovery = TCP_OPEN;
	c->dupacks = 0;
	tcp_cc_of(c)->undo(c, f);
}

static void start_reduction(struct tcp_conn *c, struct tcp_flight *f, uint32_t delivered)
{
	tcp_cc_of(c)->reduce(c, f);
	f->prr_delivered = f->prr_out = 0;
	f->prr_flight = RTE_MAX(c->snd_nxt - c->snd_una - c->sacked + delivered, (uint32_t)c->mss);
}

/* cwnd comes down over a round trip, with nothing to repeat. */
static void reduce_only(struct tcp_conn *c, struct tcp_flight *f)
{
	if (c->recovery != TCP_OPEN)
		return;
	f->undo = false;
	c->flags &= ~TCP_F_DOUBT;
	start_reduction(c, f, 0);
	c->recover = c->snd_nxt;
	c->recovery = TCP_REDUCING;
}

void tcp_episode_enter(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		       const struct tcp_delivered *d)
{
	counter_inc(ctx->counters, CTR_TCP_FAST_RETRANS);
	if (c->recovery == TCP_OPEN) {
		doubt(c, f);
		start_reduction(c, f, d->bytes);
	}
	c->recover = c->snd_nxt;
	c->recovery = TCP_RECOVERY;
	tcp_conn_mark(ctx, c, TCP_F_REXMT_DUE);
}

static void leave(struct tcp_conn *c, struct tcp_flight *f)
{
	if (c->recovery != TCP_LOSS && !models(c))
		c->cwnd = RTE_MAX(c->ssthresh, 2u * c->mss);
	if (c->recovery == TCP_RECOVERY)
		tcp_rack_narrow(f);
	c->recovery = TCP_OPEN;
	c->dupacks = 0;
	if (!(c->flags & TCP_F_SACK))
		c->sacked = 0;
}

/* More was lost since, and is being repeated: to a model that is the same episode, and no reason to
 * be careful again. */
static bool goes_on(const struct tcp_conn *c)
{
	return models(c) && c->recovery == TCP_RECOVERY && c->lost;
}

/* RFC 3522: the first progress after a repetition echoes a timestamp from before it, so it was
 * the original that arrived. RFC 5682: or something that was never repeated arrived after a
 * timeout, so that there was a delay. */
static bool was_needless(struct tcp_conn *c, struct tcp_flight *f, const struct tcp_delivered *d,
			 const struct tcp_options *opt, bool advances)
{
	bool timed = (c->flags & TCP_F_TS) && opt->ts_ecr;

	if ((c->flags & TCP_F_DOUBT_ORIGINAL) && d->original &&
	    seq_leq(d->original_end, c->recover) && (timed ? d->held && !advances : !d->again))
		return true;
	if (!advances || !(c->flags & TCP_F_DOUBT_TIMED))
		return false;
	c->flags &= ~(TCP_F_DOUBT | TCP_F_DOUBT_TIMED | TCP_F_DOUBT_ORIGINAL);
	return timed && seq_lt(opt->ts_ecr, f->rexmt_ts);
}

/* RFC 3708: everything that was repeated arrived twice. */
static bool was_all_twice(const struct tcp_conn *c, struct tcp_flight *f, uint32_t twice)
{
	unsigned segments = RTE_MAX(twice / c->mss, 1u);

	if (!twice || !f->undo || !f->undo_left)
		return false;
	f->undo_left = (uint16_t)(f->undo_left - RTE_MIN(segments, (unsigned)f->undo_left));
	return !f->undo_left;
}

/* RFC 6582: the segment that is first now was lost as well. */
static void lose_head(struct tcp_conn *c, struct tcp_delivered *d)
{
	struct pkt_priv *p;

	if (!c->sq_head || c->sq_head == c->sq_unsent)
		return;
	p = pkt_priv(c->sq_head);
	if (p->flags)
		return;
	p->flags = TCP_SQ_LOST;
	c->lost += p->len;
	d->lost += p->len;
}

void tcp_episode_follow(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
			struct tcp_delivered *d, const struct tcp_options *opt, bool advances,
			uint32_t twice)
{
	bool tlp = f->tlp && f->tlp_again;

	/* Without reordering a repetition comes twice for another reason, such as a timeout. */
	if (twice && !tlp && f->reordered)
		tcp_rack_widen(c, f);
	if (c->recovery >= TCP_RECOVERY && was_needless(c, f, d, opt, advances)) {
		if (c->recovery == TCP_RECOVERY)
			tcp_rack_widen(c, f);
		undo(ctx, c, f);
	} else if (!tlp && was_all_twice(c, f, twice)) {
		undo(ctx, c, f);
	} else if (c->recovery != TCP_OPEN && seq_geq(c->snd_una, c->recover)) {
		if (goes_on(c))
			c->recover = c->snd_nxt;
		else
			leave(c, f);
	} else if (c->recovery == TCP_RECOVERY && advances && !(c->flags & TCP_F_SACK)) {
		lose_head(c, d);
		tcp_conn_mark(ctx, c, TCP_F_REXMT_DUE);
	}
}

/* More than what can be under way would never come. */
static unsigned dup_threshold(const struct tcp_conn *c)
{
	unsigned flight = (c->snd_nxt - c->snd_una) / c->mss;

	/* RFC 5827: nothing more will be sent that could bring the missing duplicates. */
	if (!c->sq_unsent && flight <= TCP_DUP_THRESHOLD)
		return RTE_MAX(flight, 2u) - 1;
	return TCP_DUP_THRESHOLD;
}

void tcp_episode_duplicates(struct tcp_conn *c, struct tcp_delivered *d)
{
	if (c->recovery < TCP_RECOVERY && c->dupacks >= dup_threshold(c) &&
	    seq_gt(c->snd_una, c->recover))
		lose_head(c, d);
}

/* Of what has arrived, as much as brings cwnd down to ssthresh by the end of the flight; a segment
 * that is begun is sent, as RFC 9937 counts in segments: what is left of one at the end of an
 * episode would be lost to it. */
static int64_t reduction_share(const struct tcp_conn *c, const struct tcp_flight *f)
{
	uint64_t part = (uint64_t)f->prr_flight * c->mss;

	return (int64_t)(((uint64_t)f->prr_delivered * c->ssthresh + part - 1) / part * c->mss);
}

void tcp_episode_window(struct tcp_conn *c, struct tcp_flight *f, const struct tcp_delivered *d,
			bool advances)
{
	uint32_t flight = tcp_conn_in_flight(c);
	int64_t more;

	f->prr_delivered += d->bytes;
	if (flight > c->ssthresh) {
		more = reduction_share(c, f) - f->prr_out;
	} else {
		more = RTE_MAX((int64_t)f->prr_delivered - f->prr_out, (int64_t)d->bytes);
		if (advances && !d->lost)
			more += c->mss;
		more = RTE_MIN(more, (int64_t)c->ssthresh - flight);
	}
	/* Until the first repetition is out. */
	if (!f->prr_out)
		more = RTE_MAX(more, (int64_t)c->mss);
	c->cwnd = flight + (uint32_t)RTE_MAX(more, (int64_t)0);
}

void tcp_episode_probe_answered(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
				bool progress, uint32_t twice)
{
	bool beyond = seq_gt(c->snd_una, f->tlp_end);

	(void)ctx;
	if (seq_lt(c->snd_una, f->tlp_end))
		return;
	/* More is acknowledged and nobody said that the probe came twice: it repaired a loss. */
	if (f->tlp_again && beyond && !twice)
		reduce_only(c, f);
	/* A plain duplicate says that it came twice, by a peer without DSACK. */
	if (!f->tlp_again || beyond || twice || !progress)
		f->tlp = false;
}

void tcp_episode_marks(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	if (!(c->flags & TCP_F_ECN) || !(s->flags & TCP_ECE) || seq_lt(c->snd_una, c->ecn_mark))
		return;
	counter_inc(ctx->counters, CTR_TCP_ECN_REDUCED);
	c->ecn_mark = c->snd_nxt;
	c->flags |= TCP_F_CWR;
	reduce_only(c, tcp_flight_get(ctx, c));
}

void tcp_episode_timeout(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f)
{
	if (c->recovery < TCP_RECOVERY || (c->recovery == TCP_LOSS && !c->backoff)) {
		doubt(c, f);
		tcp_cc_of(c)->reduce(c, f);
		if ((c->flags & TCP_F_SACK) && (c->flags & TCP_F_DOUBT) &&
		    c->recovery < TCP_RECOVERY)
			c->flags |= TCP_F_DOUBT_ORIGINAL;
	} else {
		c->flags &= ~TCP_F_DOUBT_ORIGINAL;
	}
	if (c->backoff < TCP_BACKOFF_MAX)
		c->backoff++;
	c->recovery = TCP_LOSS;
	c->recover = c->snd_nxt;
	c->dupacks = 0;
	f->tlp = false;
	c->flags &= ~TCP_F_TLP_DUE;
	/* The peer may forget what it held (RFC 2018 section 8), certainly when it is the first
	 * byte that it waits for. Without SACK `sacked` was a guess. */
	if (!(c->flags & TCP_F_SACK) ||
	    (c->sq_head && pkt_priv(c->sq_head)->flags & TCP_SQ_SACKED)) {
		tcp_sendq_forget(c);
		f->n_seen = 0;
		f->high = NULL;
	}
	/* Repetitions under way are as silent as everything else. */
	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m))
		pkt_priv(m)->flags &= (uint8_t)~TCP_SQ_RETRANS;
	c->retrans = 0;
	tcp_rack_timeout(ctx, c, f);
	c->cwnd = tcp_conn_in_flight(c) + c->mss;
}
