/* recover.c - owns what is known of sent segments: acknowledged, held by the peer, lost. */
#include <tcp/recover.h>

#include <rte_common.h>

#include <tcp/cc.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>
#include <tcp/timer.h>

#define DUP_THRESHOLD_MAX 100u
#define REORDER_MIN_MS    2u
#define NOBODY_WAITS(c)   (!((c)->flags & TCP_F_USER))

static void sample_rtt(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_sendq_acked r,
		       const struct tcp_options *opt)
{
	if ((c->flags & TCP_F_TS) && opt->ts_ecr) {
		uint32_t ms = ctx->now_ms + c->ts_offset - opt->ts_ecr;

		if (ms < TCP_RTO_MAX_MS)
			tcp_timer_measure(c, RTE_MAX(ms, 1u) * 1000);
	} else if (r.timed && !r.ambiguous) {
		tcp_timer_measure(c, RTE_MAX(ctx->now_ms - r.sent_ms, 1u) * 1000);
	}
	if (r.timed && (int32_t)(r.sent_ms - c->rack_ms) > 0)
		c->rack_ms = r.sent_ms;
}

static void wake_writer(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (!c->s.tx_blocked || c->s.tx_queued > c->s.tx_limit / 2)
		return;
	c->s.tx_blocked = false;
	tcp_conn_post(ctx, c, BS_WRITABLE);
}

static void lose_head(struct tcp_conn *c)
{
	struct pkt_priv *p;

	if (!c->sq_head || c->sq_head == c->sq_unsent)
		return;
	p = pkt_priv(c->sq_head);
	if (p->flags)
		return;
	p->flags = TCP_SQ_LOST;
	c->lost += p->len;
}

static void leave(struct tcp_conn *c)
{
	if (c->recovery == TCP_RECOVERY)
		c->cwnd = RTE_MAX(RTE_MIN(c->cwnd, c->ssthresh), 2u * c->mss);
	c->recovery = TCP_OPEN;
	c->dupacks = 0;
	if (!(c->flags & TCP_F_SACK))
		c->sacked = 0;
}

/* How many segments above a missing one make it lost: more than three where reordering was
 * seen, but not more than can be under way. */
static unsigned dup_threshold(const struct tcp_conn *c)
{
	unsigned flight = (c->snd_nxt - c->snd_una) / c->mss;

	/* RFC 5827: nothing more will be sent that could bring the missing duplicates. */
	if (!c->sq_unsent && flight <= TCP_DUP_THRESHOLD)
		return RTE_MAX(flight, 2u) - 1;
	return RTE_MIN((unsigned)c->dup_threshold, RTE_MAX(flight, TCP_DUP_THRESHOLD + 1u) - 1);
}

/* A loss was found: what follows may turn out to be needless. */
static void doubt(struct tcp_conn *c)
{
	c->flags &= ~(TCP_F_DOUBT_TIMED | TCP_F_DOUBT_SLOW);
	c->flags |= TCP_F_DOUBT | (c->cwnd < c->ssthresh ? TCP_F_DOUBT_SLOW : 0);
	c->cwnd_before = c->cwnd;
}

/* RFC 4015: back to where it was. Next time a segment may be as late as this one was. */
static void undo(struct tcp_conn *c)
{
	unsigned late = RTE_MAX((unsigned)c->n_sacked, (unsigned)c->dupacks) + 1;

	if (late > c->dup_threshold)
		c->dup_threshold = (uint8_t)RTE_MIN(late, DUP_THRESHOLD_MAX);
	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m))
		pkt_priv(m)->flags &= TCP_SQ_SACKED;
	c->lost = c->retrans = 0;
	c->cwnd = RTE_MAX(c->cwnd, c->cwnd_before);
	c->ssthresh = c->flags & TCP_F_DOUBT_SLOW ? TCP_CWND_MAX : c->cwnd;
	c->recovery = TCP_OPEN;
	c->dupacks = 0;
}

/* RFC 3522: the first progress after a retransmission echoes a timestamp from before it, so
 * it was the original that arrived. */
static void settle_doubt(struct tcp_conn *c, const struct tcp_options *opt)
{
	if (!(c->flags & TCP_F_DOUBT_TIMED))
		return;
	if (c->recovery != TCP_OPEN && (c->flags & TCP_F_TS) && opt->ts_ecr &&
	    seq_lt(opt->ts_ecr, c->rexmt_ts))
		undo(c);
	c->flags &= ~(TCP_F_DOUBT | TCP_F_DOUBT_TIMED);
}

/* A partial acknowledgement: the segment that is first now was lost as well (RFC 6582). */
static void partial(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t acked)
{
	if (!(c->flags & TCP_F_SACK)) {
		c->sacked -= RTE_MIN(c->sacked, acked);
		c->dupacks = 0;
	}
	lose_head(c);
	tcp_conn_mark(ctx, c, TCP_F_REXMT_DUE);
}

static void progress(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t acked)
{
	if (c->recovery != TCP_OPEN && seq_geq(c->snd_una, c->recover)) {
		leave(c);
	} else if (c->recovery == TCP_RECOVERY) {
		partial(ctx, c, acked);
	} else if (c->recovery == TCP_LOSS) {
		/* One segment an ACK: it may be of what was not lost at all. */
		tcp_cc_cubic.grow(ctx, c, RTE_MIN(acked, c->mss));
	} else {
		c->dupacks = 0;
		if (!(c->flags & TCP_F_SACK))
			c->sacked = 0;
		if (c->flags & TCP_F_CWND_FULL)
			tcp_cc_cubic.grow(ctx, c, acked);
	}
}

void tcp_recover_acked(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t ack,
		       const struct tcp_options *opt)
{
	uint32_t acked = ack - c->snd_una;

	settle_doubt(c, opt);
	sample_rtt(ctx, c, tcp_sendq_ack(c, ack), opt);
	c->snd_una = ack;
	c->backoff = 0;
	progress(ctx, c, acked);
	if (c->snd_una == c->snd_nxt)
		tcp_timer_clear(c, TCP_DUE_RETRANS);
	else
		tcp_timer_set(ctx, c, TCP_DUE_RETRANS, tcp_timer_rto_ms(c));
	if (NOBODY_WAITS(c) && tcp_timer_is_set(c, TCP_DUE_LIFE))
		tcp_timer_set(ctx, c, TCP_DUE_LIFE, TCP_ORPHAN_MS);
	wake_writer(ctx, c);
	if (c->sq_unsent || c->recovery != TCP_OPEN || (c->flags & TCP_F_FIN_QUEUED))
		tcp_conn_mark(ctx, c, 0);
}

static void sack_entry(struct tcp_conn *c, struct pkt_priv *p)
{
	if (p->flags & TCP_SQ_LOST)
		c->lost -= p->len;
	if (p->flags & TCP_SQ_RETRANS)
		c->retrans -= p->len;
	p->flags = TCP_SQ_SACKED;
	c->sacked += p->len;
	c->n_sacked++;
	if (p->transmits == 1 && (int32_t)(p->sent_ms - c->rack_ms) > 0)
		c->rack_ms = p->sent_ms;
}

static bool covered(const struct tcp_sack_block *b, unsigned n, uint32_t start, uint32_t end)
{
	for (unsigned i = 0; i < n; i++)
		if (seq_leq(b[i].start, start) && seq_geq(b[i].end, end))
			return true;
	return false;
}

/* Blocks that make sense; anything else is a duplicate report (RFC 2883) or an attack. */
static unsigned valid_blocks(const struct tcp_conn *c, const struct tcp_options *o,
			     struct tcp_sack_block *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->n_sack; i++) {
		const struct tcp_sack_block *x = &o->sack[i];

		if (seq_lt(x->start, x->end) && seq_geq(x->start, c->snd_una) &&
		    seq_leq(x->end, c->snd_nxt))
			b[n++] = *x;
	}
	return n;
}

/* Returns whether anything was learnt. An entry is held by the peer only as a whole. */
static bool take_sack(struct tcp_conn *c, const struct tcp_options *o)
{
	struct tcp_sack_block b[TCP_SACK_MAX];
	unsigned n = valid_blocks(c, o, b);
	bool fresh = false;

	if (!n)
		return false;
	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m)) {
		struct pkt_priv *p = pkt_priv(m);

		if ((p->flags & TCP_SQ_SACKED) || !covered(b, n, p->seq, p->seq + p->len))
			continue;
		sack_entry(c, p);
		fresh = true;
	}
	return fresh;
}

/* Something sent clearly later has arrived (RFC 8985's idea): finds lost retransmissions, and
 * losses in flights too small for the threshold. Where reordering was seen, later is later. */
static bool is_overdue(const struct tcp_conn *c, const struct pkt_priv *p)
{
	uint32_t late_ms = c->srtt_us / 4000 * c->dup_threshold / TCP_DUP_THRESHOLD;

	late_ms = RTE_MAX(RTE_MIN(late_ms, c->srtt_us / 1000), REORDER_MIN_MS);
	return (int32_t)(c->rack_ms - p->sent_ms - late_ms) > 0;
}

static void lose(struct tcp_conn *c, struct pkt_priv *p)
{
	if (!(p->flags & TCP_SQ_LOST))
		c->lost += p->len;
	else if (p->flags & TCP_SQ_RETRANS)
		c->retrans -= p->len;
	p->flags = TCP_SQ_LOST;
}

/* RFC 6675 IsLost(): enough was held above it; or it is overdue. Only what has something held
 * above it can be either. */
static void find_lost(struct tcp_conn *c)
{
	uint32_t above = c->sacked;
	unsigned n_above = c->n_sacked, enough = dup_threshold(c);

	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent && n_above;
	     m = tcp_sendq_next(m)) {
		struct pkt_priv *p = pkt_priv(m);

		if (p->flags & TCP_SQ_SACKED) {
			above -= p->len;
			n_above--;
		} else if (is_overdue(c, p) ||
			   (!p->flags && (n_above >= enough || above > (enough - 1) * c->mss))) {
			lose(c, p);
		}
	}
}

static void enter(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	counter_inc(ctx->counters, CTR_TCP_FAST_RETRANS);
	doubt(c);
	tcp_cc_cubic.reduce(c);
	c->cwnd = c->ssthresh;
	c->recover = c->snd_nxt;
	c->recovery = TCP_RECOVERY;
	tcp_conn_mark(ctx, c, TCP_F_REXMT_DUE);
}

/* Without SACK a duplicate says that one more segment left the network, not which. */
static void count_duplicate(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	uint32_t flight = c->snd_nxt - c->snd_una;

	if (c->recovery == TCP_LOSS)
		return;
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	c->sacked = RTE_MIN(c->sacked + c->mss, flight > c->lost ? flight - c->lost : 0);
	if (c->recovery == TCP_OPEN && c->dupacks >= dup_threshold(c) &&
	    seq_gt(c->snd_una, c->recover)) {
		lose_head(c);
		enter(ctx, c);
	}
	tcp_conn_mark(ctx, c, 0);
}

static void take_duplicate(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s,
			   bool same_window, bool fresh)
{
	bool duplicate = s->ack == c->snd_una && c->snd_nxt != c->snd_una && !s->len &&
			 !(s->flags & (TCP_SYN | TCP_FIN));

	if (!(c->flags & TCP_F_SACK)) {
		if (duplicate && same_window)
			count_duplicate(ctx, c);
		return;
	}
	if (!fresh)
		return;
	find_lost(c);
	if (c->lost && c->recovery == TCP_OPEN)
		enter(ctx, c);
	tcp_conn_mark(ctx, c, 0);
}

void tcp_recover_segment(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s,
			 bool same_window)
{
	bool fresh = false, advances = seq_gt(s->ack, c->snd_una);

	if (advances)
		tcp_recover_acked(ctx, c, s->ack, &s->opt);
	if ((c->flags & TCP_F_SACK) && s->opt.n_sack)
		fresh = take_sack(c, &s->opt);
	if (!advances || fresh)
		take_duplicate(ctx, c, s, same_window, fresh);
}

void tcp_recover_timeout(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	counter_inc(ctx->counters, CTR_TCP_RTO);
	if (c->recovery != TCP_LOSS || !c->backoff) {
		if (c->recovery == TCP_OPEN)
			doubt(c);
		tcp_cc_cubic.reduce(c);
	}
	c->dup_threshold = TCP_DUP_THRESHOLD;
	if (c->backoff < UINT8_MAX)
		c->backoff++;
	c->cwnd = c->mss;
	c->recovery = TCP_LOSS;
	c->recover = c->snd_nxt;
	c->dupacks = 0;
	/* The peer may forget what it held (RFC 2018 section 8), certainly when it is the first
	 * byte that it waits for. Without SACK `sacked` was a guess. */
	if (!(c->flags & TCP_F_SACK) || (c->sq_head && pkt_priv(c->sq_head)->flags & TCP_SQ_SACKED))
		tcp_sendq_forget(c);
	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m)) {
		struct pkt_priv *p = pkt_priv(m);

		if (p->flags & TCP_SQ_SACKED)
			continue;
		if (!(p->flags & TCP_SQ_LOST))
			c->lost += p->len;
		p->flags = TCP_SQ_LOST;
	}
	c->retrans = 0;
	if (c->sq_head != c->sq_unsent)
		tcp_conn_mark(ctx, c, TCP_F_REXMT_DUE);
	else if (c->flags & TCP_F_FIN_SENT)
		tcp_conn_mark(ctx, c, TCP_F_FIN_DUE);
	tcp_timer_set(ctx, c, TCP_DUE_RETRANS, tcp_timer_rto_ms(c));
}
