/* output.c - owns snd_nxt: makes segments out of the send queue, and control segments.
 *
 * An entry is sent in place when nobody else looks at its mbuf: the header goes in front of
 * the payload and the device gets a reference. Otherwise a header mbuf is chained to it, or
 * the payload is copied where the device cannot gather. */
#include <tcp/output.h>

#include <rte_common.h>
#include <rte_memcpy.h>

#include <tcp/cc.h>
#include <tcp/limit.h>
#include <tcp/pace.h>
#include <tcp/receive.h>
#include <tcp/sack.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>
#include <tcp/state.h>
#include <tcp/timer.h>

/* Room that the layers below need in front of a segment: IPv6 and a tagged Ethernet header. */
#define LOWER_HEADROOM 64u
#define NO_MBUF_MS     5u /* when to try an ACK again that found no mbuf */

struct header {
	uint32_t seq;
	uint8_t flags;
	uint8_t opt_len;
	uint8_t opt[TCP_OPTIONS_MAX];
};

static void no_mbuf(struct tcp_ctx *ctx)
{
	counter_inc(ctx->counters, CTR_DROP_NO_MBUF);
}

/* Blocks that fit beside the timestamps, into room bytes. */
static unsigned sack_room(const struct tcp_conn *c, uint32_t room)
{
	uint32_t max = TCP_OPTIONS_MAX - (c->flags & TCP_F_TS ? TCP_TS_OPTION : 0u);

	return RTE_MIN((RTE_MIN(room, max) - 4) / 8, TCP_SACK_MAX);
}

/* Data, an ACK or a probe of a synchronized connection. room: bytes that options beyond the
 * timestamps may take. */
static struct header make_header(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t seq,
				 uint8_t flags, uint32_t room)
{
	struct header h = {.seq = seq, .flags = flags};
	struct tcp_options o = {0};

	if (c->flags & TCP_F_TS) {
		o.present = TCP_OPT_TS;
		o.ts_val = ctx->now_ms + c->ts_offset;
		o.ts_ecr = c->ts_recent;
	}
	if (unlikely(c->flags & TCP_F_ECE))
		h.flags |= TCP_ECE;
	if (unlikely(c->ooo || (c->flags & TCP_F_DSACK_DUE)) && (c->flags & TCP_F_SACK) &&
	    room >= 12)
		o.n_sack = (uint8_t)tcp_sack_report(ctx, c, o.sack, sack_room(c, room));
	h.opt_len = (uint8_t)tcp_options_write(h.opt, &o);
	return h;
}

static void fill(struct rte_mbuf *m, const struct tcp_tuple *t, const struct header *h,
		 uint32_t ack, uint16_t wnd)
{
	uint16_t len = (uint16_t)(sizeof(struct rte_tcp_hdr) + h->opt_len);
	struct rte_tcp_hdr *th = (struct rte_tcp_hdr *)rte_pktmbuf_prepend(m, len);

	th->src_port = rte_cpu_to_be_16(t->local.port);
	th->dst_port = rte_cpu_to_be_16(t->remote.port);
	th->sent_seq = rte_cpu_to_be_32(h->seq);
	th->recv_ack = rte_cpu_to_be_32(ack);
	th->data_off = (uint8_t)(len << 2);
	th->tcp_flags = h->flags;
	th->rx_win = rte_cpu_to_be_16(wnd);
	th->cksum = 0;
	th->tcp_urp = 0;
	memcpy(th + 1, h->opt, h->opt_len);
	m->l4_len = len;
}

/* Takes m, which holds the payload. */
static void send_segment(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m,
			 const struct header *h)
{
	uint16_t wnd = 0;
	uint32_t ack = 0;

	if (h->flags & TCP_ACK) {
		ack = c->rcv_nxt;
		if (!(h->flags & TCP_RST))
			wnd = tcp_receive_window(ctx, c, !(h->flags & TCP_SYN));
		c->rcv_acked = c->rcv_nxt;
		c->flags &= ~TCP_F_ACK_DUE;
		tcp_timer_clear(c, TCP_DUE_ACK);
	} else if (h->flags & TCP_SYN) {
		wnd = tcp_state_first_window(ctx);
	}
	fill(m, &c->tuple, h, ack, wnd);
	ctx->ops->output(ctx->owner, c, &c->tuple, m);
}

static bool send_empty(struct tcp_ctx *ctx, struct tcp_conn *c, const struct header *h)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(ctx->pool);

	if (!m) {
		no_mbuf(ctx);
		return false;
	}
	counter_inc(ctx->counters, CTR_TCP_OUT_SEGS);
	send_segment(ctx, c, m, h);
	return true;
}

static struct rte_mbuf *in_place(struct rte_mbuf *m)
{
	const struct pkt_priv *p = pkt_priv(m);

	rte_mbuf_refcnt_set(m, 2); /* ours and the device's */
	m->data_off = p->off;
	m->data_len = p->len;
	m->pkt_len = p->len;
	m->nb_segs = 1;
	m->next = NULL;
	m->ol_flags &= PKT_F_SUMMED;
	return m;
}

static struct rte_mbuf *chained(struct tcp_ctx *ctx, struct rte_mbuf *m)
{
	const struct pkt_priv *p = pkt_priv(m);
	struct rte_mbuf *head = rte_pktmbuf_alloc(ctx->pool), *body;

	if (!head)
		return NULL;
	body = rte_pktmbuf_alloc(ctx->pool);
	if (!body) {
		rte_pktmbuf_free(head);
		return NULL;
	}
	rte_pktmbuf_attach(body, m);
	body->data_off = p->off;
	body->data_len = p->len;
	head->next = body;
	head->nb_segs = 2;
	head->pkt_len = p->len;
	return head;
}

static struct rte_mbuf *copied(struct tcp_ctx *ctx, struct rte_mbuf *m)
{
	const struct pkt_priv *p = pkt_priv(m);
	struct rte_mbuf *copy = rte_pktmbuf_alloc(ctx->pool);
	char *to = copy ? rte_pktmbuf_append(copy, p->len) : NULL;

	if (!to) {
		rte_pktmbuf_free(copy);
		return NULL;
	}
	rte_memcpy(to, (char *)m->buf_addr + p->off, p->len);
	return copy;
}

/* What the device gets for entry m: its payload, with room for header_len in front. */
static struct rte_mbuf *frame(struct tcp_ctx *ctx, struct rte_mbuf *m, uint16_t header_len)
{
	if (rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
	    pkt_priv(m)->off >= header_len + LOWER_HEADROOM)
		return in_place(m);
	return ctx->ops->scattered_output ? chained(ctx, m) : copied(ctx, m);
}

/* Starts the retransmission timer when it does not run for data already. */
static void time_it(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (tcp_timer_is_set(c, TCP_DUE_RETRANS) && !(c->flags & TCP_F_PERSIST))
		return;
	if (c->flags & TCP_F_PERSIST)
		c->backoff = 0;
	c->flags &= ~TCP_F_PERSIST;
	tcp_timer_retrans(ctx, c);
}

static void fin_sent(struct tcp_conn *c)
{
	c->flags |= TCP_F_FIN_SENT;
	c->flags &= ~TCP_F_FIN_DUE;
	c->snd_nxt = seq_max(c->snd_nxt, c->snd_end + 1);
}

/* RFC 3168 sections 6.1.1, 6.1.2 and 6.1.5: repetitions say nothing of congestion. */
static void mark(struct tcp_conn *c, const struct pkt_priv *p, struct rte_mbuf *out,
		 struct header *h)
{
	if (p->transmits > 1)
		return;
	out->ol_flags |= PKT_F_ECT;
	if (c->flags & TCP_F_CWR)
		h->flags |= TCP_CWR;
	c->flags &= ~TCP_F_CWR;
}

/* Sends one entry, for the first time or again. False when there is no mbuf. */
static bool transmit(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m)
{
	struct pkt_priv *p = pkt_priv(m);
	bool last = tcp_sendq_end(m) == c->snd_end;
	bool fin = last && (c->flags & TCP_F_FIN_QUEUED);
	uint8_t flags = (uint8_t)(TCP_ACK | (last ? TCP_PSH : 0) | (fin ? TCP_FIN : 0));
	uint32_t room = p->len < c->mss ? (uint32_t)c->mss - p->len : 0;
	struct header h = make_header(ctx, c, p->seq, flags, room);
	struct rte_mbuf *out = frame(ctx, m, (uint16_t)(sizeof(struct rte_tcp_hdr) + h.opt_len));

	if (!out) {
		no_mbuf(ctx);
		return false;
	}
	c->sent_ms = ctx->now_ms;
	p->sent_us = (uint32_t)ctx->now_us;
	if (p->transmits < UINT8_MAX)
		p->transmits++;
	if (c->flags & TCP_F_ECN)
		mark(c, p, out, &h);
	if (c->flight)
		tcp_pace_sent(ctx, c, p);
	if (fin)
		fin_sent(c);
	counter_inc(ctx->counters, p->transmits > 1 ? CTR_TCP_RETRANS_SEGS : CTR_TCP_OUT_SEGS);
	send_segment(ctx, c, out, &h);
	time_it(ctx, c);
	return true;
}

/* The first retransmission of a recovery: was it needed? recover.c asks. */
static void note_first(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if ((c->flags & (TCP_F_DOUBT | TCP_F_DOUBT_TIMED)) != TCP_F_DOUBT)
		return;
	c->flags |= TCP_F_DOUBT_TIMED;
	c->flight->rexmt_ts = ctx->now_ms + c->ts_offset;
}

/* RFC 6675 NextSeg() (1): what is lost, as far as cwnd allows; one in any case when that was
 * just found out. */
static void send_lost(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	for (struct rte_mbuf *m = c->sq_head; c->lost > c->retrans && m && m != c->sq_unsent;
	     m = tcp_sendq_past(m)) {
		struct pkt_priv *p = pkt_priv(m);
		uint32_t under_way = tcp_conn_in_flight(c);

		if ((p->flags & (TCP_SQ_LOST | TCP_SQ_RETRANS)) != TCP_SQ_LOST)
			continue;
		if (under_way && under_way + p->len > c->cwnd && !(c->flags & TCP_F_REXMT_DUE))
			break;
		if (!(c->flags & TCP_F_REXMT_DUE) && tcp_pace_waits(ctx, c))
			break;
		if (!transmit(ctx, c, m))
			break;
		note_first(ctx, c);
		p->flags |= TCP_SQ_RETRANS;
		c->retrans += p->len;
		c->flags &= ~TCP_F_REXMT_DUE;
		if (m == c->sq_head)
			tcp_timer_retrans(ctx, c);
	}
	c->flags &= ~TCP_F_REXMT_DUE;
}

/* RFC 9293 section 3.8.6.2.1: a window that takes neither a full segment nor all there is
 * is worth using when it is half the largest seen, or when the override timer says so. */
static bool is_silly(const struct tcp_conn *c, uint32_t usable, uint32_t waiting)
{
	return usable < c->mss && usable < waiting && usable < c->snd_wnd_max / 2 &&
	       !(c->flags & TCP_F_FORCE_DUE);
}

/* The entry to send next, cut to the segment size and the peer's window; NULL when it has to
 * wait for a larger one. */
static struct rte_mbuf *next_new(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct rte_mbuf *m = c->sq_unsent;
	uint32_t edge = c->snd_una + c->snd_wnd, usable, most;

	if (!m || seq_leq(edge, pkt_priv(m)->seq))
		return NULL;
	usable = edge - pkt_priv(m)->seq;
	if (is_silly(c, usable, c->snd_end - pkt_priv(m)->seq))
		return NULL;
	most = RTE_MIN(usable, (uint32_t)c->mss);
	if (pkt_priv(m)->len > most && !tcp_sendq_split(ctx, c, m, (uint16_t)most))
		return NULL;
	return m;
}

/* RFC 5681 section 4.1: what was learnt about the path is stale. RFC 7661 section 4.3: but not
 * where slow start had led to. */
static __rte_noinline void restart(struct tcp_conn *c)
{
	if (tcp_cc_of(c)->model)
		return;
	if (c->ssthresh != TCP_CWND_MAX)
		c->ssthresh = RTE_MAX(c->ssthresh, c->cwnd / 4 * 3);
	c->cwnd = RTE_MIN(c->cwnd, tcp_cc_initial_window(c->mss));
	if (c->flight)
		tcp_cc_of(c)->restart(c, c->flight);
}

static void sent_new(struct tcp_conn *c, struct rte_mbuf *m)
{
	c->snd_nxt = seq_max(c->snd_nxt, tcp_sendq_end(m));
	c->sq_unsent = tcp_sendq_next(m);
	c->flags &= ~TCP_F_FORCE_DUE;
}

/* The pace follows from cwnd: to be held back by it late in a window is to fill cwnd. */
static uint32_t waited_full(const struct tcp_conn *c)
{
	return tcp_conn_in_flight(c) >= c->cwnd / 2 ? TCP_F_CWND_FULL : 0;
}

static void send_new(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	uint32_t before = c->snd_nxt;
	struct rte_mbuf *m;

	if (c->sq_unsent && c->snd_una == c->snd_nxt &&
	    ctx->now_ms - c->sent_ms > tcp_timer_rto_ms(c))
		restart(c);
	c->flags &= ~TCP_F_CWND_FULL;
	while ((m = next_new(ctx, c))) {
		uint32_t under_way = tcp_conn_in_flight(c);

		if (under_way && under_way + pkt_priv(m)->len > c->cwnd) {
			c->flags |= TCP_F_CWND_FULL;
			break;
		}
		if (tcp_pace_waits(ctx, c)) {
			c->flags |= waited_full(c);
			break;
		}
		if (!transmit(ctx, c, m))
			break;
		sent_new(c, m);
	}
	c->flags &= ~TCP_F_FORCE_DUE;
	if (c->flight)
		tcp_pace_starved(c);
	/* The peer acknowledges two segments at once: the probe need not wait for its timer. */
	if (c->retrans_kind == TCP_RETRANS_PROBE && c->snd_nxt != before &&
	    c->snd_nxt - c->snd_una > c->mss)
		tcp_timer_retrans(ctx, c);
}

static struct rte_mbuf *last_sent(struct tcp_conn *c)
{
	struct rte_mbuf *last = NULL;

	if (!c->sq_unsent)
		return c->sq_tail;
	for (struct rte_mbuf *m = c->sq_head; m && m != c->sq_unsent; m = tcp_sendq_next(m))
		last = m;
	return last;
}

/* RFC 8985 section 7.3: new data where there is, whatever cwnd says; else the last again, unless
 * something is being repeated already. */
static __rte_noinline void send_tail_probe(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct tcp_flight *f = c->flight;
	struct rte_mbuf *m = next_new(ctx, c);

	c->flags &= ~TCP_F_TLP_DUE;
	f->tlp_again = !m;
	if (!m && c->recovery < TCP_RECOVERY)
		m = last_sent(c);
	if (!m || !transmit(ctx, c, m)) {
		f->tlp = false;
		return;
	}
	if (!f->tlp_again)
		sent_new(c, m);
	f->tlp_end = c->snd_nxt;
}

static void send_fin(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	bool first = (c->flags & TCP_F_FIN_QUEUED) && !(c->flags & TCP_F_FIN_SENT);
	struct header h;

	if (c->sq_unsent || (!first && !(c->flags & TCP_F_FIN_DUE)))
		return;
	h = make_header(ctx, c, c->snd_end, TCP_ACK | TCP_FIN, TCP_OPTIONS_MAX);
	if (!first)
		counter_inc(ctx->counters, CTR_TCP_RETRANS_SEGS);
	if (send_empty(ctx, c, &h))
		fin_sent(c);
	time_it(ctx, c);
}

/* As on the wire of a keep-alive: an old number, so that the peer must answer. */
static void send_probe(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct header h = make_header(ctx, c, c->snd_una - 1, TCP_ACK, 0);

	c->flags &= ~TCP_F_PROBE_DUE;
	send_empty(ctx, c, &h);
}

void tcp_output_ack(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct header h = make_header(ctx, c, c->snd_nxt, TCP_ACK, TCP_OPTIONS_MAX);

	if (!send_empty(ctx, c, &h))
		tcp_timer_set(ctx, c, TCP_DUE_ACK, NO_MBUF_MS);
	c->flags &= ~TCP_F_ACK_DUE;
}

/* SYN with all we offer, or SYN and ACK with what both want. */
static void send_syn(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	bool active = c->state == TCP_SYN_SENT;
	struct header h = {.seq = c->snd_una, .flags = TCP_SYN};
	struct tcp_options o = {.present = TCP_OPT_MSS, .wscale = ctx->rcv_wscale};

	o.mss = tcp_conn_local_mss(ctx, &c->tuple);
	if (active && ctx->cfg.connect_mss)
		o.mss = RTE_MIN(o.mss, ctx->cfg.connect_mss);
	if (active || (c->flags & TCP_F_WSCALE))
		o.present |= TCP_OPT_WSCALE;
	if (active || (c->flags & TCP_F_SACK))
		o.present |= TCP_OPT_SACK_OK;
	if (active || (c->flags & TCP_F_TS))
		o.present |= TCP_OPT_TS;
	o.ts_val = ctx->now_ms + c->ts_offset;
	o.ts_ecr = active ? 0 : c->ts_recent;
	if (!active)
		h.flags |= c->flags & TCP_F_ECN ? TCP_ACK | TCP_ECE : TCP_ACK;
	h.opt_len = (uint8_t)tcp_options_write(h.opt, &o);
	c->flags &= ~(TCP_F_SYN_DUE | TCP_F_ACK_DUE);
	if (!c->backoff)
		c->since_ms = ctx->now_ms;
	c->snd_nxt = c->snd_una + 1;
	send_empty(ctx, c, &h);
	tcp_timer_set(ctx, c, TCP_DUE_RETRANS, tcp_timer_rto_ms(c));
}

/* Data waits, nothing is under way that could bring an acknowledgement: ask for a window. */
static void start_persist(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (!c->sq_unsent || c->snd_una != c->snd_nxt || tcp_timer_is_set(c, TCP_DUE_RETRANS))
		return;
	c->flags |= TCP_F_PERSIST;
	c->backoff = 0;
	tcp_timer_set(ctx, c, TCP_DUE_RETRANS, tcp_timer_rto_ms(c));
}

void tcp_output_conn(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->flags & TCP_F_SYN_DUE)
		send_syn(ctx, c);
	if (tcp_conn_is_synchronized(c)) {
		if (unlikely(c->flags & TCP_F_TLP_DUE))
			send_tail_probe(ctx, c);
		send_lost(ctx, c);
		send_new(ctx, c);
		send_fin(ctx, c);
		if (c->flags & TCP_F_PROBE_DUE)
			send_probe(ctx, c);
		start_persist(ctx, c);
	}
	if (c->flags & TCP_F_ACK_DUE)
		tcp_output_ack(ctx, c);
}

void tcp_output_reset(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	struct header h = {.seq = c->snd_nxt, .flags = TCP_RST | TCP_ACK};

	counter_inc(ctx->counters, CTR_TCP_OUT_RSTS);
	send_empty(ctx, c, &h);
}

void tcp_output_bare(struct tcp_ctx *ctx, const struct tcp_bare *b)
{
	struct header h = {.seq = b->seq, .flags = b->flags};
	struct rte_mbuf *m = rte_pktmbuf_alloc(ctx->pool);

	if (!m) {
		no_mbuf(ctx);
		return;
	}
	h.opt_len = (uint8_t)tcp_options_write(h.opt, &b->opt);
	counter_inc(ctx->counters, CTR_TCP_OUT_SEGS);
	fill(m, b->tuple, &h, b->ack, b->wnd);
	ctx->ops->output(ctx->owner, NULL, b->tuple, m);
}

void tcp_output_refuse(struct tcp_ctx *ctx, const struct tcp_segment *s)
{
	struct tcp_bare b = {.tuple = &s->tuple, .flags = TCP_RST};

	if (!tcp_limit_reset(ctx))
		return;
	if (s->flags & TCP_ACK) {
		b.seq = s->ack;
	} else {
		b.flags |= TCP_ACK;
		b.ack = tcp_segment_end(s);
	}
	counter_inc(ctx->counters, CTR_TCP_OUT_RSTS);
	tcp_output_bare(ctx, &b);
}
