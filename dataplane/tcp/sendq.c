/* sendq.c - owns the send queue.
 *
 * pkt_priv says where an entry's payload is; data_off and data_len are only right during a
 * transmission. Invariant: the buffer in front of a payload belongs to nobody unless somebody
 * else holds the mbuf (refcnt > 1), so a header may be written there exactly when refcnt is 1. */
#include <tcp/sendq.h>

#include <rte_memcpy.h>

#include <tcp/seq.h>

/* A written piece up to this size is copied behind the last one instead of becoming a segment
 * (and pinning an mbuf) of its own. */
#define COALESCE_MAX 256u
/* From this MSS on pieces are split when they are written. */
#define SPLIT_EARLY_MIN 512u

static void push(struct tcp_conn *c, struct rte_mbuf *m, uint16_t off, uint16_t len)
{
	struct pkt_priv *p = pkt_priv(m);

	p->next = NULL;
	p->seq = c->snd_end;
	p->sent_us = 0;
	p->off = off;
	p->len = len;
	p->flags = 0;
	p->transmits = 0;
	if (c->sq_tail)
		pkt_priv(c->sq_tail)->next = m;
	else
		c->sq_head = m;
	c->sq_tail = m;
	if (!c->sq_unsent)
		c->sq_unsent = m;
	c->snd_end += len;
	c->s.tx_queued += len;
}

/* Only the unsent tail: what was sent may be read by a device, or must stay as it was. */
static bool coalesce(struct tcp_conn *c, struct rte_mbuf *m)
{
	struct rte_mbuf *tail = c->sq_tail;
	struct pkt_priv *p;

	if (m->data_len > COALESCE_MAX || !c->sq_unsent)
		return false;
	p = pkt_priv(tail);
	if (rte_mbuf_refcnt_read(tail) != 1 || !RTE_MBUF_DIRECT(tail) ||
	    p->len + m->data_len > c->mss || p->off + p->len + m->data_len > tail->buf_len)
		return false;
	rte_memcpy((char *)tail->buf_addr + p->off + p->len, rte_pktmbuf_mtod(m, char *),
		   m->data_len);
	p->len = (uint16_t)(p->len + m->data_len);
	c->snd_end += m->data_len;
	c->s.tx_queued += m->data_len;
	rte_pktmbuf_free_seg(m);
	return true;
}

/* An entry that stays larger than a segment, for want of an mbuf or because the peer's MSS is
 * so small that it would cost us an mbuf for next to nothing, is split when it is sent. */
static void push_segments(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m)
{
	uint16_t off = m->data_off, left = m->data_len;

	while (left > c->mss && c->mss >= SPLIT_EARLY_MIN) {
		struct rte_mbuf *front = rte_pktmbuf_alloc(ctx->pool);

		if (!front)
			break;
		rte_pktmbuf_attach(front, m);
		push(c, front, off, c->mss);
		off = (uint16_t)(off + c->mss);
		left = (uint16_t)(left - c->mss);
	}
	push(c, m, off, left);
}

void tcp_sendq_write(struct tcp_ctx *ctx, struct tcp_conn *c, struct mbq *q)
{
	struct rte_mbuf *m;

	while ((m = mbq_pop(q))) {
		if (!m->data_len)
			rte_pktmbuf_free_seg(m);
		else if (!coalesce(c, m))
			push_segments(ctx, c, m);
	}
}

/* Keeps the byte counts of RFC 6675's pipe when len bytes of m go away. */
static void uncount(struct tcp_conn *c, const struct pkt_priv *p, uint32_t len)
{
	if (p->flags & TCP_SQ_SACKED)
		c->sacked -= len;
	if (p->flags & TCP_SQ_LOST)
		c->lost -= len;
	if (p->flags & TCP_SQ_RETRANS)
		c->retrans -= len;
}

static void pop(struct tcp_conn *c)
{
	struct rte_mbuf *m = c->sq_head;
	struct pkt_priv *p = pkt_priv(m);

	uncount(c, p, p->len);
	if (p->flags & TCP_SQ_SACKED)
		c->n_sacked--;
	if (c->sq_unsent == m)
		c->sq_unsent = p->next;
	c->sq_head = p->next;
	if (!c->sq_head)
		c->sq_tail = NULL;
	c->s.tx_queued -= p->len;
	rte_pktmbuf_free_seg(m);
}

static void trim(struct tcp_conn *c, uint32_t una)
{
	struct pkt_priv *p;
	uint32_t n;

	if (!c->sq_head || seq_geq(pkt_priv(c->sq_head)->seq, una))
		return;
	p = pkt_priv(c->sq_head);
	n = una - p->seq;
	uncount(c, p, n);
	p->seq = una;
	p->off = (uint16_t)(p->off + n);
	p->len = (uint16_t)(p->len - n);
	c->s.tx_queued -= n;
}

void tcp_sendq_ack(struct tcp_conn *c, uint32_t una, struct tcp_delivered *d)
{
	while (c->sq_head && seq_leq(tcp_sendq_end(c->sq_head), una)) {
		const struct pkt_priv *p = pkt_priv(c->sq_head);

		/* What was selectively acknowledged arrived earlier than now. */
		if (!(p->flags & TCP_SQ_SACKED))
			tcp_flight_arrived(p, d, false);
		pop(c);
	}
	trim(c, una);
}

struct tcp_sendq_span tcp_sendq_ack_plain(struct tcp_conn *c, uint32_t una)
{
	struct tcp_sendq_span r = {0};
	struct rte_mbuf *m;

	while ((m = c->sq_head) && seq_leq(tcp_sendq_end(m), una)) {
		const struct pkt_priv *p = pkt_priv(m);

		r.first_us = r.bytes ? r.first_us : p->sent_us;
		r.last_us = p->sent_us;
		r.bytes += p->len;
		pop(c);
	}
	trim(c, una);
	return r;
}

bool tcp_sendq_split(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m, uint16_t n)
{
	struct rte_mbuf *rest = rte_pktmbuf_alloc(ctx->pool);
	struct pkt_priv *p = pkt_priv(m), *r;

	if (!rest)
		return false;
	rte_pktmbuf_attach(rest, m);
	r = pkt_priv(rest);
	*r = *p;
	r->off = (uint16_t)(r->off + n);
	r->len = (uint16_t)(r->len - n);
	r->seq += n;
	p->len = n;
	p->next = rest;
	if (c->sq_tail == m)
		c->sq_tail = rest;
	if (p->flags & TCP_SQ_SACKED) {
		r->run = p->run == m ? rest : p->run;
		c->n_sacked++;
	}
	return true;
}

static void lose_oversized(struct tcp_conn *c, struct pkt_priv *p)
{
	if (p->flags & TCP_SQ_RETRANS)
		c->retrans -= p->len;
	if (!(p->flags & TCP_SQ_LOST))
		c->lost += p->len;
	p->flags = TCP_SQ_LOST;
}

void tcp_sendq_resegment(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	for (struct rte_mbuf *m = c->sq_head; m; m = tcp_sendq_next(m)) {
		struct pkt_priv *p = pkt_priv(m);

		if (p->len <= c->mss)
			continue;
		if (seq_lt(p->seq, c->snd_nxt) && !(p->flags & TCP_SQ_SACKED))
			lose_oversized(c, p);
		if (!tcp_sendq_split(ctx, c, m, c->mss))
			return;
	}
}

void tcp_sendq_forget(struct tcp_conn *c)
{
	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m))
		pkt_priv(m)->flags = 0;
	c->sacked = c->lost = c->retrans = 0;
	c->n_sacked = 0;
}

void tcp_sendq_free(struct tcp_conn *c)
{
	while (c->sq_head)
		pop(c);
	c->sacked = c->lost = c->retrans = 0;
	c->n_sacked = 0;
}
