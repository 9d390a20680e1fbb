/* input.c - what arrives: a burst is parsed, looked up and handled, each phase prefetching for
 * the next. The fast path knows an open connection's next data and plain acknowledgements;
 * anything else goes to state.c. */
#include <rte_common.h>
#include <rte_prefetch.h>

#include <tcp/ctx.h>
#include <tcp/listen.h>
#include <tcp/receive.h>
#include <tcp/recover.h>
#include <tcp/segment.h>
#include <tcp/seq.h>
#include <tcp/state.h>
#include <tcp/timer.h>

#define BURST 32u

/* Reads the header and leaves the payload in m. False: malformed. */
static bool parse(struct rte_mbuf *m, struct tcp_segment *s)
{
	const struct rte_tcp_hdr *th = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	unsigned header;

	if (m->data_len < sizeof(*th))
		return false;
	header = (th->data_off >> 4) * 4u;
	if (header < sizeof(*th) || header > m->data_len)
		return false;
	s->m = m;
	s->tuple.local.ip = pkt_priv(m)->dst;
	s->tuple.local.port = rte_be_to_cpu_16(th->dst_port);
	s->tuple.remote.ip = pkt_priv(m)->src;
	s->tuple.remote.port = rte_be_to_cpu_16(th->src_port);
	s->seq = rte_be_to_cpu_32(th->sent_seq);
	s->ack = rte_be_to_cpu_32(th->recv_ack);
	s->wnd = rte_be_to_cpu_16(th->rx_win);
	s->flags = th->tcp_flags;
	s->opt_bytes = (const uint8_t *)(th + 1);
	s->opt_len = (uint8_t)(header - sizeof(*th));
	s->opt.present = 0;
	s->opt.n_sack = 0;
	s->len = m->data_len - header;
	rte_pktmbuf_adj(m, (uint16_t)header);
	return true;
}

/* Exactly the timestamps and nothing else, in the layout that every stack sends. */
static bool plain_options(const struct tcp_conn *c, struct tcp_segment *s)
{
	rte_be32_t w[3];

	if (!(c->flags & TCP_F_TS))
		return s->opt_len == 0;
	if (s->opt_len != sizeof(w))
		return false;
	memcpy(w, s->opt_bytes, sizeof(w));
	if (w[0] != rte_cpu_to_be_32(TCP_TS_CANONICAL))
		return false;
	s->opt.present = TCP_OPT_TS;
	s->opt.ts_val = rte_be_to_cpu_32(w[1]);
	s->opt.ts_ecr = rte_be_to_cpu_32(w[2]);
	return seq_geq(s->opt.ts_val, c->ts_recent);
}

static bool is_plain(const struct tcp_conn *c, struct tcp_segment *s)
{
	return c->state == TCP_ESTABLISHED && (s->flags & ~TCP_PSH) == TCP_ACK &&
	       s->seq == c->rcv_nxt && !c->ooo && c->recovery == TCP_OPEN && !c->sacked &&
	       !(c->flags & (TCP_F_FIN_KNOWN | TCP_F_PERSIST)) && plain_options(c, s);
}

/* Returns false, having changed nothing, when s is more than the fast path knows. */
static bool fast(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	uint32_t wnd = (uint32_t)s->wnd << c->snd_wscale;
	bool advances;

	if (!is_plain(c, s) || s->len > c->rcv_edge - c->rcv_nxt || !wnd ||
	    c->rcv_held >= ctx->hold_max)
		return false;
	advances = s->ack != c->snd_una;
	if (seq_gt(s->ack, c->snd_nxt) || seq_lt(s->ack, c->snd_una) || (!advances && !s->len))
		return false;
	if ((c->flags & TCP_F_TS) && c->rcv_acked == c->rcv_nxt) {
		c->ts_recent = s->opt.ts_val;
		c->ts_recent_ms = ctx->now_ms;
	}
	tcp_timer_heard(ctx, c);
	c->snd_wnd = wnd;
	c->snd_wnd_max = RTE_MAX(c->snd_wnd_max, wnd);
	c->snd_wl1 = s->seq;
	if (advances)
		tcp_recover_acked(ctx, c, s->ack, &s->opt);
	else if (c->sq_unsent)
		tcp_conn_mark(ctx, c, 0);
	if (s->len)
		tcp_receive_next(ctx, c, s);
	return true;
}

static void take(struct tcp_ctx *ctx, struct tcp_segment *s)
{
	struct tcp_conn *c = tcp_flow_find(&ctx->flow, s->hash, &s->tuple);

	if (unlikely(!c)) {
		tcp_options_parse(s->opt_bytes, s->opt_len, &s->opt);
		tcp_listen_segment(ctx, s);
	} else if (!fast(ctx, c, s)) {
		tcp_state_segment(ctx, c, s);
	}
	rte_pktmbuf_free(s->m);
}

static unsigned parse_burst(struct tcp_ctx *ctx, struct rte_mbuf **pkts, unsigned n,
			    struct tcp_segment *seg)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
	for (unsigned i = 0; i < n; i++) {
		counter_inc(ctx->counters, CTR_TCP_IN_SEGS);
		if (unlikely(!parse(pkts[i], &seg[k]))) {
			counter_inc(ctx->counters, CTR_TCP_IN_ERRS);
			rte_pktmbuf_free(pkts[i]);
			continue;
		}
		seg[k].hash = tcp_flow_hash(&ctx->flow, &seg[k].tuple);
		tcp_flow_prefetch(&ctx->flow, seg[k].hash);
		k++;
	}
	return k;
}

static void prefetch_conn(const struct tcp_conn *c)
{
	rte_prefetch0(&c->s);
	rte_prefetch0(&c->snd_una);
	rte_prefetch0(&c->rcv_nxt);
	rte_prefetch0(&c->tuple);
	rte_prefetch0(&c->timer);
}

/* What the connection leads to: its user's state, and the segment that an acknowledgement will
 * free. */
static void prefetch_beyond(const struct tcp_conn *c)
{
	const char *user = c->s.user;

	rte_prefetch0(user);
	rte_prefetch0(user + WEIR_CACHE_LINE);
	if (c->sq_head)
		rte_prefetch0(pkt_priv(c->sq_head));
}

static void take_burst(struct tcp_ctx *ctx, struct rte_mbuf **pkts, unsigned n)
{
	const struct tcp_conn *conn[BURST];
	struct tcp_segment seg[BURST];

	n = parse_burst(ctx, pkts, n, seg);
	for (unsigned i = 0; i < n; i++) {
		conn[i] = tcp_flow_peek(&ctx->flow, seg[i].hash);
		if (conn[i])
			prefetch_conn(conn[i]);
	}
	for (unsigned i = 0; i < n; i++)
		if (conn[i])
			prefetch_beyond(conn[i]);
	/* Looked up only now: an earlier segment may have made or ended the connection. */
	for (unsigned i = 0; i < n; i++)
		take(ctx, &seg[i]);
}

void tcp_take_segments(struct tcp_ctx *ctx, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i += BURST)
		take_burst(ctx, pkts + i, RTE_MIN(n - i, BURST));
}
