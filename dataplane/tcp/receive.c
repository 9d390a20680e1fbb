/* receive.c - owns rcv_nxt, the offered window and the decision when to acknowledge. */
#include <tcp/receive.h>

#include <rte_common.h>
#include <rte_memcpy.h>

#include <tcp/output.h>
#include <tcp/reasm.h>
#include <tcp/sack.h>
#include <tcp/seq.h>
#include <tcp/timer.h>

/* A peer that sends tiny segments must not pin a whole buffer with each. */
#define COALESCE_MAX   256u
#define TUNE_EVERY     32768u /* bytes read; a power of two */
#define UNKNOWN_RTT_MS 200u
#define QUICK_ACKS     15u /* what rcv_quick can hold */
#define DUP_THRESH     3u  /* duplicates that are a loss; what rcv_dups can hold */

static bool coalesce(struct mbq *rx, struct rte_mbuf *m)
{
	struct rte_mbuf *tail = rx->tail;

	if (!tail || m->data_len > COALESCE_MAX || rte_mbuf_refcnt_read(tail) != 1 ||
	    !RTE_MBUF_DIRECT(tail) || rte_pktmbuf_tailroom(tail) < m->data_len)
		return false;
	rte_memcpy(rte_pktmbuf_mtod_offset(tail, char *, tail->data_len),
		   rte_pktmbuf_mtod(m, char *), m->data_len);
	tail->data_len = (uint16_t)(tail->data_len + m->data_len);
	tail->pkt_len = tail->data_len;
	pkt_changed(tail);
	rx->bytes += m->data_len;
	rte_pktmbuf_free_seg(m);
	return true;
}

/* m is the next data. After release nobody reads: what arrives is acknowledged and dropped. */
static void deliver(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m)
{
	uint16_t n = m->data_len;

	c->rcv_nxt += n;
	if (!(c->flags & TCP_F_USER)) {
		rte_pktmbuf_free_seg(m);
		return;
	}
	c->rcv_held += n;
	if (!coalesce(&c->s.rx, m))
		mbq_push(&c->s.rx, m);
	tcp_conn_post(ctx, c, BS_READABLE);
}

/* Every second segment, whatever its size (RFC 9293 section 3.8.6.3 asks for full ones only):
 * a sender of smaller ones with a small cwnd would wait for the timer at every turn. A single
 * one waits for an answer to ride on, TCP_DELACK_MS at most: unless something was lost lately. Then
 * the peer may have so small a window that nothing follows. */
static void acknowledge(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (unlikely(c->rcv_quick)) {
		c->rcv_quick--;
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
	} else if (tcp_timer_is_set(c, TCP_DUE_ACK))
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
	else
		tcp_timer_set(ctx, c, TCP_DUE_ACK, TCP_DELACK_MS);
}

void tcp_receive_next(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (s->len > c->rcv_mss)
		c->rcv_mss = (uint16_t)s->len;
	deliver(ctx, c, s->m);
	s->m = NULL;
	acknowledge(ctx, c);
}

void tcp_receive_marks(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	if (s->flags & TCP_CWR)
		c->flags &= ~TCP_F_ECE;
	if (s->ecn != TCP_IP_CE)
		return;
	counter_inc(ctx->counters, CTR_TCP_ECN_CE);
	c->flags |= TCP_F_ECE;
	tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
}

/* Cuts s to what is new and inside the window. False when nothing is left. */
static bool fit(struct tcp_conn *c, struct tcp_segment *s)
{
	uint32_t room;

	if (seq_lt(s->seq, c->rcv_nxt)) {
		uint32_t old = c->rcv_nxt - s->seq;

		if (old >= s->len)
			return false;
		rte_pktmbuf_adj(s->m, (uint16_t)old);
		s->seq += old;
		s->len -= old;
	}
	if (seq_geq(s->seq, c->rcv_edge))
		return false;
	room = c->rcv_edge - s->seq;
	if (s->len > room) {
		rte_pktmbuf_trim(s->m, (uint16_t)(s->len - room));
		s->len = room;
		s->flags &= (uint8_t)~TCP_FIN;
	}
	return true;
}

static void drain(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct rte_mbuf *m;

	while ((m = tcp_reasm_pop(c)))
		deliver(ctx, c, m);
}

/* What c may hold at present. */
static uint32_t buffer(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	return RTE_MIN(TCP_RCV_FIRST << c->rcv_grown, ctx->rcv_limit);
}

static uint32_t space(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	uint32_t most = buffer(ctx, c);

	return most > c->rcv_held ? most - c->rcv_held : 0;
}

/* at: how far the user has come. One that takes more than a quarter of a window in a round trip is
 * held back by it soon: while what it took was measured the peer has doubled its window, and
 * doubles it again before it hears of ours. What grows is only a permission: memory is the business
 * of rcv_limit, and of the user's keeping up. */
static __rte_noinline void tune(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t at)
{
	uint32_t rtt_ms = c->srtt_us ? RTE_MAX(c->srtt_us / 1000, 1u) : UNKNOWN_RTT_MS;
	uint32_t lasts = ctx->now_ms - c->rcv_mark_ms;
	uint32_t most = RTE_MIN(ctx->rcv_limit, tcp_conn_enough(c));
	uint64_t taken = (uint64_t)(at - c->rcv_mark) * rtt_ms;

	if (lasts < rtt_ms || seq_leq(at, c->rcv_mark))
		return;
	while (taken > (uint64_t)buffer(ctx, c) / 4 * lasts && TCP_RCV_FIRST << c->rcv_grown < most)
		c->rcv_grown++;
	c->rcv_mark = at;
	c->rcv_mark_ms = ctx->now_ms;
}

/* What waits behind a hole would be with a user who keeps up: where holes follow each other it is
 * nearly all that arrives. */
static void tune_by_arrival(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t end)
{
	if ((c->flags & TCP_F_USER) && !c->s.eof)
		tune(ctx, c, end - c->rcv_held);
}

void tcp_receive_again(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t start, uint32_t end)
{
	/* An acknowledgement has room for one. */
	if (c->flags & TCP_F_DSACK_DUE)
		tcp_output_ack(ctx, c);
	tcp_sack_duplicate(ctx, c, start, end);
}

static enum tcp_reasm reassemble(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	enum tcp_reasm what = tcp_reasm_take(ctx, c, s->m, s->seq);

	if (what == TCP_REASM_NOTHING && tcp_reasm_holds(c, s->seq, s->seq + s->len))
		tcp_receive_again(ctx, c, s->seq, s->seq + s->len);
	s->m = NULL;
	drain(ctx, c);
	tune_by_arrival(ctx, c, s->seq + s->len);
	return what;
}

/* Of a segment beyond a hole. The peer may count duplicates to find the loss (RFC 5681
 * section 4.2), so that the first of them are sent one by one. Then one at the end of the pass says
 * all, as that of a receiver whose NIC merges segments does, unless blocks would be pushed out of
 * it. */
static void acknowledge_beyond(struct tcp_ctx *ctx, struct tcp_conn *c, enum tcp_reasm what)
{
	if (what == TCP_REASM_MORE && c->rcv_dups == DUP_THRESH && (c->flags & TCP_F_SACK)) {
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
		return;
	}
	if (c->rcv_dups < DUP_THRESH)
		c->rcv_dups++;
	tcp_output_ack(ctx, c);
}

/* Data when there is a hole, or will be. */
static void receive_beside_hole(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	bool in_order = s->seq == c->rcv_nxt;
	enum tcp_reasm what = TCP_REASM_NOTHING;

	c->rcv_quick = QUICK_ACKS;
	if (in_order || !c->ooo)
		c->rcv_dups = 0;
	if (!in_order)
		counter_inc(ctx->counters, CTR_TCP_OOO);
	if (!in_order && ctx->pressure != TCP_EASE)
		counter_inc(ctx->counters, CTR_DROP_TCP_MEMORY);
	else
		what = reassemble(ctx, c, s);
	if (in_order)
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
	else
		acknowledge_beyond(ctx, c, what);
}

void tcp_receive_data(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (!s->len)
		return;
	/* More was promised when there was more: the peer will send it again, and by then either
	 * this has been read or memory is still short. */
	if (c->rcv_held >= ctx->hold_max && (c->flags & TCP_F_USER)) {
		counter_inc(ctx->counters, CTR_DROP_TCP_MEMORY);
		return;
	}
	if (seq_lt(s->seq, c->rcv_nxt))
		tcp_receive_again(ctx, c, s->seq, seq_min(s->seq + s->len, c->rcv_nxt));
	if (!fit(c, s)) {
		c->rcv_quick = QUICK_ACKS;
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
		return;
	}
	if (s->seq == c->rcv_nxt && !c->ooo)
		tcp_receive_next(ctx, c, s);
	else
		receive_beside_hole(ctx, c, s);
}

static void note_fin(struct tcp_conn *c, const struct tcp_segment *s)
{
	uint32_t fin = s->seq + s->len;

	/* It may lie on the window's edge: it needs no buffer. */
	if (!(s->flags & TCP_FIN) || (c->flags & TCP_F_FIN_KNOWN) || seq_lt(fin, c->rcv_nxt) ||
	    seq_gt(fin, c->rcv_edge))
		return;
	c->flags |= TCP_F_FIN_KNOWN;
	c->fin_seq = fin;
}

bool tcp_receive_fin(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	note_fin(c, s);
	if (!(c->flags & TCP_F_FIN_KNOWN) || c->s.eof || seq_lt(c->rcv_nxt, c->fin_seq))
		return false;
	/* Data beyond a FIN is nonsense; there is nothing to reassemble any more. */
	tcp_reasm_free(c);
	c->rcv_nxt = c->fin_seq + 1;
	c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt);
	c->s.eof = true;
	tcp_conn_post(ctx, c, BS_EOF);
	tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
	return true;
}

void tcp_receive_consumed(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t n)
{
	uint32_t offered, gain, enough = RTE_MIN(2u * c->rcv_mss, ctx->rcv_limit / 2);
	uint32_t before = c->rcv_nxt - c->rcv_held;

	c->rcv_held -= RTE_MIN(n, c->rcv_held);
	if (!tcp_conn_is_synchronized(c) || c->s.eof)
		return;
	/* Now and then: small requests are not to pay for it. */
	if (unlikely(((before ^ (c->rcv_nxt - c->rcv_held)) / TUNE_EVERY) != 0))
		tune(ctx, c, c->rcv_nxt - c->rcv_held);
	offered = c->rcv_edge - c->rcv_nxt;
	gain = space(ctx, c) > offered ? space(ctx, c) - offered : 0;
	if (offered < c->rcv_mss)
		enough = RTE_MIN((uint32_t)c->rcv_mss, enough);
	/* The announcement would otherwise wait for the next segment, which a closed window
	 * keeps from coming. */
	if (gain >= enough && offered < buffer(ctx, c) / 2)
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
}

/* Where the window may end: never left of what was offered; and no silly steps to the right
 * (RFC 9293 section 3.8.6.2.2). */
static uint32_t target_edge(const struct tcp_ctx *ctx, const struct tcp_conn *c)
{
	uint32_t edge = c->rcv_nxt + space(ctx, c);
	uint32_t step = RTE_MIN((uint32_t)c->rcv_mss, ctx->rcv_limit / 2);

	return seq_geq(edge, c->rcv_edge + step) ? edge : c->rcv_edge;
}

uint16_t tcp_receive_window(struct tcp_ctx *ctx, struct tcp_conn *c, bool scaled)
{
	unsigned shift = scaled && (c->flags & TCP_F_WSCALE) ? ctx->rcv_wscale : 0;
	uint32_t unit = 1u << shift;
	uint32_t wnd = target_edge(ctx, c) - c->rcv_nxt;
	uint32_t field = wnd >> shift;

	/* Rounding down may take back a part of a unit. It is rounded up instead, once: else the
	 * edge would creep with every segment. */
	if (seq_lt(c->rcv_nxt + (field << shift), c->rcv_edge) &&
	    seq_lt(c->rcv_edge, c->rcv_nxt + space(ctx, c) + unit))
		field++;
	field = RTE_MIN(field, (uint32_t)UINT16_MAX);
	c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt + (field << shift));
	return (uint16_t)field;
}
