/* sack.c - reads and makes reports of what is held beyond a hole. */
#include <tcp/sack.h>

#include <tcp/reasm.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>

static void sack_entry(struct tcp_conn *c, struct tcp_flight *f, struct rte_mbuf *m,
		       struct tcp_delivered *d)
{
	struct pkt_priv *p = pkt_priv(m);
	uint32_t end = p->seq + p->len;

	tcp_flight_arrived(p, d, true);
	if (p->flags & TCP_SQ_LOST)
		c->lost -= p->len;
	if (p->flags & TCP_SQ_RETRANS)
		c->retrans -= p->len;
	p->flags = TCP_SQ_SACKED;
	p->run = m;
	c->sacked += p->len;
	c->n_sacked++;
	if (seq_gt(end, f->fack) || !f->high) {
		f->fack = seq_max(f->fack, end);
		f->high = m;
	}
}

/* How much of b was read with the acknowledgement before. */
static uint32_t unread(const struct tcp_flight *f, const struct tcp_sack_block *b)
{
	for (unsigned i = 0; i < f->n_seen; i++)
		if (seq_leq(f->seen[i].start, b->start) && seq_lt(b->start, f->seen[i].end))
			return f->seen[i].end;
	return b->start;
}

/* An entry is held by the peer only as a whole. */
static void take_block(struct tcp_conn *c, struct tcp_flight *f, const struct tcp_sack_block *b,
		       struct tcp_delivered *d)
{
	uint32_t from = unread(f, b);
	struct rte_mbuf *m = c->sq_head;

	if (seq_geq(from, b->end))
		return;
	if (f->high && seq_leq(pkt_priv(f->high)->seq, from))
		m = f->high;
	for (; m && m != c->sq_unsent && seq_lt(pkt_priv(m)->seq, b->end); m = tcp_sendq_past(m)) {
		const struct pkt_priv *p = pkt_priv(m);

		if (!(p->flags & TCP_SQ_SACKED) && seq_geq(p->seq, b->start) &&
		    seq_leq(tcp_sendq_end(m), b->end))
			sack_entry(c, f, m, d);
	}
}

/* RFC 2883 section 4: the first block lies before the acknowledgement or within the second. */
static bool is_duplicate(const struct tcp_options *o, uint32_t ack)
{
	const struct tcp_sack_block *b = &o->sack[0];

	if (!seq_lt(b->start, b->end))
		return false;
	if (seq_lt(b->start, ack))
		return true;
	return o->n_sack > 1 && seq_geq(b->start, o->sack[1].start) &&
	       seq_leq(b->end, o->sack[1].end);
}

/* Only what may have been sent lately; anything else is an attack or very old. */
static uint32_t take_duplicate(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_options *o,
			       uint32_t una)
{
	const struct tcp_sack_block *b = &o->sack[0];

	if (!is_duplicate(o, c->snd_una) || seq_lt(b->start, una - c->snd_wnd_max) ||
	    seq_gt(b->end, c->snd_nxt))
		return 0;
	counter_inc(ctx->counters, CTR_TCP_DSACK_IN);
	return b->end - b->start;
}

/* Blocks that make sense. */
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

uint32_t tcp_sack_take(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_options *o,
		       uint32_t una, struct tcp_delivered *d)
{
	uint32_t twice = take_duplicate(ctx, c, o, una);
	struct tcp_sack_block b[TCP_SACK_MAX];
	unsigned n = valid_blocks(c, o, b);
	struct tcp_flight *f;

	if (!n)
		return twice;
	f = tcp_flight_get(ctx, c);
	if (seq_leq(f->fack, c->snd_una))
		f->high = NULL;
	for (unsigned i = 0; i < n; i++)
		take_block(c, f, &b[i], d);
	memcpy(f->seen, b, n * sizeof(b[0]));
	f->n_seen = (uint8_t)n;
	return twice;
}

void tcp_sack_duplicate(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t start, uint32_t end)
{
	if (!(c->flags & TCP_F_SACK) || !seq_lt(start, end))
		return;
	tcp_flight_get(ctx, c)->dsack = (struct tcp_sack_block){start, end};
	c->flags |= TCP_F_DSACK_DUE;
}

unsigned tcp_sack_report(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_sack_block *b,
			 unsigned max)
{
	unsigned n = 0;

	if (max && (c->flags & TCP_F_DSACK_DUE)) {
		b[n++] = c->flight->dsack;
		c->flags &= ~TCP_F_DSACK_DUE;
		counter_inc(ctx->counters, CTR_TCP_DSACK_OUT);
	}
	return n + tcp_reasm_blocks(c, b + n, max - n);
}
