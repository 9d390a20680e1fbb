/* reasm.c - owns the out-of-order queue: mbufs sorted by sequence number, not overlapping,
 * linked through their private area. Mbufs that follow each other are stepped over at once, so
 * that the work is by the number of holes, not by what is held beyond them. Bounded by the receive
 * window in bytes and by a number of mbufs, because a one-byte segment pins a whole buffer. */
#include <tcp/reasm.h>

#include <string.h>

#include <rte_common.h>

#include <tcp/seq.h>

/* A full window of segments of this size fits. */
#define BYTES_PER_SEGMENT 1024u
#define SEGMENTS_MIN      16u
#define SEGMENTS_MAX      16384u /* those of a window of 16 MiB */

static unsigned segments_max(const struct tcp_ctx *ctx)
{
	return RTE_MIN(RTE_MAX(ctx->cfg.rcv_buf / BYTES_PER_SEGMENT, SEGMENTS_MIN), SEGMENTS_MAX);
}

static uint32_t end_of(struct rte_mbuf *m)
{
	return pkt_priv(m)->seq + m->data_len;
}

/* The last of those that follow m without a hole. */
static struct rte_mbuf *run_end(struct rte_mbuf *m)
{
	struct rte_mbuf *last = pkt_priv(m)->run, *next;

	while ((next = pkt_priv(last)->next) && pkt_priv(next)->seq == end_of(last))
		last = pkt_priv(next)->run;
	pkt_priv(m)->run = last;
	return last;
}

/* The block from `head` on has grown. Others that were noted in it are part of it now. */
static enum tcp_reasm note_recent(struct tcp_conn *c, struct rte_mbuf *head)
{
	uint32_t start = pkt_priv(head)->seq, end = end_of(run_end(head));
	uint32_t recent[TCP_RECENT_MAX] = {start};
	bool same = c->recent[0] - start < end - start;
	unsigned n = 1;

	for (unsigned i = 0; i < TCP_RECENT_MAX && n < TCP_RECENT_MAX; i++)
		if (seq_gt(c->recent[i], c->rcv_nxt) && c->recent[i] - start >= end - start)
			recent[n++] = c->recent[i];
	while (n < TCP_RECENT_MAX)
		recent[n++] = start;
	memcpy(c->recent, recent, sizeof(recent));
	return same ? TCP_REASM_MORE : TCP_REASM_OTHER;
}

static void link_after(struct tcp_conn *c, struct rte_mbuf *prev, struct rte_mbuf *m, uint32_t seq)
{
	struct rte_mbuf **at = prev ? &pkt_priv(prev)->next : &c->ooo;

	pkt_priv(m)->seq = seq;
	pkt_priv(m)->run = m;
	pkt_priv(m)->next = *at;
	*at = m;
	c->n_ooo++;
}

/* The first n bytes of m as an mbuf of their own. */
static struct rte_mbuf *split_front(struct tcp_ctx *ctx, struct rte_mbuf *m, uint32_t n)
{
	struct rte_mbuf *front = rte_pktmbuf_alloc(ctx->pool);

	if (!front)
		return NULL;
	rte_pktmbuf_attach(front, m);
	rte_pktmbuf_trim(front, (uint16_t)(m->data_len - n));
	return front;
}

/* Puts the piece of m before `next` behind prev. Returns what is left of m, or NULL. */
static struct rte_mbuf *place(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *prev,
			      struct rte_mbuf *next, struct rte_mbuf *m, uint32_t *seq)
{
	uint32_t room = next ? pkt_priv(next)->seq - *seq : UINT32_MAX;
	struct rte_mbuf *front;

	if (m->data_len <= room || end_of(next) - *seq >= m->data_len) {
		if (m->data_len > room)
			rte_pktmbuf_trim(m, (uint16_t)(m->data_len - room));
		link_after(c, prev, m, *seq);
		return NULL;
	}
	front = split_front(ctx, m, room);
	if (!front) {
		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - room));
		link_after(c, prev, m, *seq);
		return NULL;
	}
	link_after(c, prev, front, *seq);
	rte_pktmbuf_adj(m, (uint16_t)room);
	*seq += room;
	return m;
}

enum tcp_reasm tcp_reasm_take(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m,
			      uint32_t seq)
{
	struct rte_mbuf *prev = NULL, *next = c->ooo, *block = NULL, *grown = NULL;
	bool in_order = seq == c->rcv_nxt;

	while (m && (in_order || c->n_ooo < segments_max(ctx))) {
		while (next && seq_leq(pkt_priv(next)->seq, seq)) {
			block = next;
			prev = run_end(next);
			next = pkt_priv(prev)->next;
		}
		if (prev && seq_gt(end_of(prev), seq)) {
			uint32_t known = end_of(prev) - seq;

			if (known >= m->data_len)
				break;
			rte_pktmbuf_adj(m, (uint16_t)known);
			seq += known;
			continue;
		}
		if (!grown && prev && end_of(prev) == seq)
			grown = block;
		m = place(ctx, c, prev, next, m, &seq);
		if (!grown)
			grown = prev ? pkt_priv(prev)->next : c->ooo;
	}
	if (m && !grown && c->n_ooo >= segments_max(ctx))
		counter_inc(ctx->counters, CTR_DROP_TCP_OOO_FULL);
	rte_pktmbuf_free(m);
	if (!grown)
		return TCP_REASM_NOTHING;
	/* What is next is taken out again at once, and needs no report. */
	return in_order ? TCP_REASM_MORE : note_recent(c, grown);
}

struct rte_mbuf *tcp_reasm_pop(struct tcp_conn *c)
{
	struct rte_mbuf *m;

	while ((m = c->ooo) && seq_leq(pkt_priv(m)->seq, c->rcv_nxt)) {
		uint32_t old = c->rcv_nxt - pkt_priv(m)->seq;

		c->ooo = pkt_priv(m)->next;
		c->n_ooo--;
		if (old < m->data_len) {
			rte_pktmbuf_adj(m, (uint16_t)old);
			return m;
		}
		rte_pktmbuf_free(m);
	}
	return NULL;
}

/* The block that begins with m. Returns the segment behind it. */
static struct rte_mbuf *block_at(struct rte_mbuf *m, struct tcp_sack_block *b)
{
	struct rte_mbuf *last = run_end(m);

	b->start = pkt_priv(m)->seq;
	b->end = end_of(last);
	return pkt_priv(last)->next;
}

static bool listed(const struct tcp_sack_block *b, unsigned n, uint32_t start)
{
	for (unsigned i = 0; i < n; i++)
		if (b[i].start == start)
			return true;
	return false;
}

/* Adds the first block that contains seq (or any, when any) and is not in b[0..n). */
static unsigned add_block(const struct tcp_conn *c, struct tcp_sack_block *b, unsigned n, bool any,
			  uint32_t seq)
{
	struct rte_mbuf *m = c->ooo;

	while (m) {
		m = block_at(m, &b[n]);
		if ((any || (seq_leq(b[n].start, seq) && seq_lt(seq, b[n].end))) &&
		    !listed(b, n, b[n].start))
			return n + 1;
	}
	return n;
}

unsigned tcp_reasm_blocks(const struct tcp_conn *c, struct tcp_sack_block *b, unsigned max)
{
	unsigned n = 0, before;

	for (unsigned i = 0; i < TCP_RECENT_MAX && n < max; i++)
		n = add_block(c, b, n, false, c->recent[i]);
	for (before = max; n < max && n != before;) {
		before = n;
		n = add_block(c, b, n, true, 0);
	}
	return n;
}

bool tcp_reasm_holds(const struct tcp_conn *c, uint32_t start, uint32_t end)
{
	struct tcp_sack_block b;

	for (struct rte_mbuf *m = c->ooo; m;) {
		m = block_at(m, &b);
		if (seq_leq(b.start, start) && seq_geq(b.end, end))
			return true;
	}
	return false;
}

void tcp_reasm_free(struct tcp_conn *c)
{
	struct rte_mbuf *m;

	while ((m = c->ooo)) {
		c->ooo = pkt_priv(m)->next;
		rte_pktmbuf_free(m);
	}
	c->n_ooo = 0;
}
