/* state.c - owns the transitions of a connection. Segments come here when the fast path does
 * not know them; which kinds are legal in which state is the table's business. */
#include <tcp/state.h>

#include <rte_common.h>

#include <tcp/cc.h>
#include <tcp/limit.h>
#include <tcp/listen.h>
#include <tcp/output.h>
#include <tcp/receive.h>
#include <tcp/recover.h>
#include <tcp/sendq.h>
#include <tcp/seq.h>
#include <tcp/timer.h>

#define PAWS_IDLE_MS (24u * 24 * 3600 * 1000) /* RFC 7323 section 5.5 */

/* The four bits that matter, packed: FIN 1, SYN 2, RST 4, ACK 8. */
#define CLASS(flags) (((flags) & (TCP_FIN | TCP_SYN | TCP_RST)) | ((flags)&TCP_ACK) >> 1)
#define CLASSES      16

#define RST_CELLS(action)                                                                          \
	[CLASS(TCP_RST)] = (action), [CLASS(TCP_RST | TCP_ACK)] = (action),                        \
	[CLASS(TCP_RST | TCP_FIN)] = (action), [CLASS(TCP_RST | TCP_FIN | TCP_ACK)] = (action)
#define TEXT_CELLS [CLASS(TCP_ACK)] = TCP_ACT_SEGMENT, [CLASS(TCP_ACK | TCP_FIN)] = TCP_ACT_SEGMENT
#define SYNCHRONIZED                                                                               \
	RST_CELLS(TCP_ACT_RESET), TEXT_CELLS, [CLASS(TCP_SYN)] = TCP_ACT_CHALLENGE,                \
					      [CLASS(TCP_SYN | TCP_ACK)] = TCP_ACT_CHALLENGE

static const uint8_t actions[TCP_STATES][CLASSES] = {
	[TCP_SYN_SENT] = {RST_CELLS(TCP_ACT_SEGMENT), TEXT_CELLS,
			  [CLASS(TCP_SYN)] = TCP_ACT_SEGMENT,
			  [CLASS(TCP_SYN | TCP_ACK)] = TCP_ACT_SEGMENT},
	[TCP_SYN_RECEIVED] = {RST_CELLS(TCP_ACT_RESET), TEXT_CELLS,
			      [CLASS(TCP_SYN)] = TCP_ACT_SYN_AGAIN,
			      [CLASS(TCP_SYN | TCP_ACK)] = TCP_ACT_SYN_AGAIN},
	[TCP_ESTABLISHED] = {SYNCHRONIZED},
	[TCP_FIN_WAIT_1] = {SYNCHRONIZED},
	[TCP_FIN_WAIT_2] = {SYNCHRONIZED},
	[TCP_CLOSE_WAIT] = {SYNCHRONIZED},
	[TCP_CLOSING] = {SYNCHRONIZED},
	[TCP_LAST_ACK] = {SYNCHRONIZED},
	[TCP_TIME_WAIT] = {RST_CELLS(TCP_ACT_IGNORE), TEXT_CELLS, [CLASS(TCP_SYN)] = TCP_ACT_REOPEN,
			   [CLASS(TCP_SYN | TCP_ACK)] = TCP_ACT_CHALLENGE},
};

enum tcp_action tcp_state_action(enum tcp_state state, uint8_t flags)
{
	return actions[state][CLASS(flags)];
}

static void drop(struct tcp_ctx *ctx, enum counter_id reason)
{
	counter_inc(ctx->counters, reason);
}

static void challenge(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	(void)s;
	if (tcp_limit_challenge(ctx, c))
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
}

/* RFC 7323 section 5.3 R1; false: drop. A RST is exempt (section 5.2). */
static bool fresh_timestamp(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	if (!(c->flags & TCP_F_TS))
		return true;
	if (!(s->opt.present & TCP_OPT_TS)) {
		drop(ctx, CTR_DROP_TCP_PAWS); /* its section 3.2: silently */
		return false;
	}
	if (seq_geq(s->opt.ts_val, c->ts_recent) || ctx->now_ms - c->ts_recent_ms > PAWS_IDLE_MS)
		return true;
	drop(ctx, CTR_DROP_TCP_PAWS);
	tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
	return false;
}

/* RFC 9293 section 3.10.7.4, a little more lenient at the edge: the ACK in a segment that
 * begins where the window ends is good even when its bytes are not taken. */
static bool in_window(const struct tcp_conn *c, const struct tcp_segment *s)
{
	uint32_t end = tcp_segment_end(s);

	if (seq_gt(s->seq, c->rcv_edge))
		return false;
	return end == s->seq ? seq_geq(s->seq, c->rcv_nxt) : seq_gt(end, c->rcv_nxt);
}

static void answer_stray(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	drop(ctx, CTR_DROP_TCP_WINDOW);
	if (s->len && seq_gt(s->seq, c->rcv_nxt - ctx->cfg.rcv_buf))
		tcp_receive_again(ctx, c, s->seq, seq_min(s->seq + s->len, c->rcv_nxt));
	if (tcp_segment_end(s) != s->seq || tcp_limit_stray(ctx, c))
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
}

static bool acceptable(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	if (!fresh_timestamp(ctx, c, s))
		return false;
	if (!in_window(c, s)) {
		answer_stray(ctx, c, s);
		return false;
	}
	/* RFC 7323 section 4.3 (2). */
	if ((c->flags & TCP_F_TS) && seq_leq(s->seq, c->rcv_acked)) {
		c->ts_recent = s->opt.ts_val;
		c->ts_recent_ms = ctx->now_ms;
	}
	tcp_timer_heard(ctx, c);
	if (c->flags & TCP_F_ECN)
		tcp_receive_marks(ctx, c, s);
	return true;
}

/* RFC 5961 section 5.2. */
static bool acceptable_ack(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (seq_gt(s->ack, c->snd_nxt)) {
		drop(ctx, CTR_DROP_TCP_ACK);
		challenge(ctx, c, s);
		return false;
	}
	if (seq_lt(s->ack, c->snd_una - c->snd_wnd_max)) {
		drop(ctx, CTR_DROP_TCP_ACK);
		challenge(ctx, c, s);
		return false;
	}
	return true;
}

/* SND.WL2 is not kept: s->ack >= SND.UNA, and that is SND.WL2's upper bound.
 * Returns whether the window is what it was. */
static bool update_window(struct tcp_conn *c, const struct tcp_segment *s)
{
	uint32_t wnd = (uint32_t)s->wnd << c->snd_wscale;
	bool same = wnd == c->snd_wnd;

	if (seq_geq(s->seq, c->snd_wl1)) {
		c->snd_wnd = wnd;
		c->snd_wnd_max = RTE_MAX(c->snd_wnd_max, wnd);
		c->snd_wl1 = s->seq;
	}
	return same;
}

/* The ACK field of a synchronized connection. False: the segment is to be dropped. */
static bool take_ack(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	bool same;

	if (!acceptable_ack(ctx, c, s))
		return false;
	if (seq_lt(s->ack, c->snd_una))
		return true;
	same = update_window(c, s);
	tcp_recover_segment(ctx, c, s, same);
	/* It answers: a closed window is no silence (RFC 9293 section 3.8.6.1). */
	if (!c->snd_wnd || (c->flags & TCP_F_PERSIST))
		c->since_ms = ctx->now_ms;
	if (c->sq_unsent)
		tcp_conn_mark(ctx, c, 0);
	return true;
}

static void enter_time_wait(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	tcp_conn_enter(ctx, c, TCP_TIME_WAIT);
	if (c->state != TCP_TIME_WAIT) /* evicted at once: none are allowed */
		return;
	tcp_timer_clear(c, TCP_DUE_RETRANS);
	tcp_timer_set(ctx, c, TCP_DUE_LIFE, (uint32_t)(ctx->cfg.time_wait_us / 1000));
}

/* Our FIN has been acknowledged, for the first time. */
static void drained(struct tcp_ctx *ctx, struct tcp_conn *c, enum tcp_state next)
{
	tcp_conn_post(ctx, c, BS_DRAINED);
	if (next == TCP_TIME_WAIT) {
		enter_time_wait(ctx, c);
	} else if (next == TCP_CLOSED) {
		tcp_conn_close(ctx, c, BS_OK);
	} else {
		tcp_conn_enter(ctx, c, next);
		if (!(c->flags & TCP_F_USER))
			tcp_timer_set(ctx, c, TCP_DUE_LIFE, TCP_ORPHAN_MS);
	}
}

static void established(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (!acceptable(ctx, c, s) || !take_ack(ctx, c, s))
		return;
	tcp_receive_data(ctx, c, s);
	if (tcp_receive_fin(ctx, c, s))
		tcp_conn_enter(ctx, c, TCP_CLOSE_WAIT);
}

static void fin_wait_2(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (!acceptable(ctx, c, s) || !take_ack(ctx, c, s))
		return;
	tcp_receive_data(ctx, c, s);
	if (tcp_receive_fin(ctx, c, s))
		enter_time_wait(ctx, c);
}

static void fin_wait_1(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (!acceptable(ctx, c, s) || !take_ack(ctx, c, s))
		return;
	if (tcp_conn_fin_acked(c))
		drained(ctx, c, TCP_FIN_WAIT_2);
	tcp_receive_data(ctx, c, s);
	if (!tcp_receive_fin(ctx, c, s))
		return;
	if (c->state == TCP_FIN_WAIT_2)
		enter_time_wait(ctx, c);
	else
		tcp_conn_enter(ctx, c, TCP_CLOSING);
}

/* The peer has sent its FIN: only acknowledgements matter. */
static void close_wait(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (acceptable(ctx, c, s))
		take_ack(ctx, c, s);
}

static void closing(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (acceptable(ctx, c, s) && take_ack(ctx, c, s) && tcp_conn_fin_acked(c))
		drained(ctx, c, TCP_TIME_WAIT);
}

static void last_ack(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (acceptable(ctx, c, s) && take_ack(ctx, c, s) && tcp_conn_fin_acked(c))
		drained(ctx, c, TCP_CLOSED);
}

/* A FIN again means that our last ACK was lost: 2 MSL begin anew. */
static void time_wait(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (!fresh_timestamp(ctx, c, s))
		return;
	if (tcp_segment_end(s) == s->seq && s->seq == c->rcv_nxt)
		return;
	answer_stray(ctx, c, s);
	if ((s->flags & TCP_FIN) && tcp_segment_end(s) == c->rcv_nxt)
		enter_time_wait(ctx, c);
}

static void reset(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (s->seq == c->rcv_nxt) {
		tcp_conn_close(ctx, c, c->state == TCP_SYN_RECEIVED ? BS_REFUSED : BS_RESET);
		return;
	}
	drop(ctx, CTR_DROP_TCP_RST);
	if (seq_gt(s->seq, c->rcv_nxt) && seq_lt(s->seq, c->rcv_edge))
		challenge(ctx, c, s);
}

/* What both SYNs agree on. */
static void negotiate(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_options *o)
{
	if (o->present & TCP_OPT_WSCALE) {
		c->flags |= TCP_F_WSCALE;
		c->snd_wscale = o->wscale;
	}
	if (o->present & TCP_OPT_SACK_OK)
		c->flags |= TCP_F_SACK;
	if (o->present & TCP_OPT_TS) {
		c->flags |= TCP_F_TS;
		c->ts_recent = o->ts_val;
		c->ts_recent_ms = ctx->now_ms;
	}
	tcp_conn_set_mss(ctx, c, o->present & TCP_OPT_MSS ? o->mss : 0);
}

uint16_t tcp_state_first_window(const struct tcp_ctx *ctx)
{
	return (uint16_t)RTE_MIN(ctx->rcv_limit, TCP_RCV_FIRST);
}

void tcp_state_peer_syn(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	negotiate(ctx, c, &s->opt);
	if (ctx->cfg.ecn &&
	    (s->flags & (TCP_SYN | TCP_ACK | TCP_ECE | TCP_CWR)) == (TCP_SYN | TCP_ECE | TCP_CWR))
		c->flags |= TCP_F_ECN;
	c->rcv_nxt = c->rcv_acked = s->seq + 1;
	c->rcv_edge = c->rcv_nxt + tcp_state_first_window(ctx);
	c->snd_wnd = c->snd_wnd_max = s->wnd; /* never scaled in a SYN */
	c->snd_wl1 = s->seq;
}

/* Handshake complete: our SYN is acknowledged. */
static void open_up(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s)
{
	/* When the SYN was sent again even timestamps may speak of the first one. */
	if (!c->backoff)
		tcp_timer_measure(c, (ctx->now_ms - c->since_ms) * 1000);
	c->snd_una = s->ack;
	c->backoff = 0;
	c->flags &= ~TCP_F_SYN_DUE;
	c->recover = c->snd_una - 1;
	tcp_timer_clear(c, TCP_DUE_RETRANS);
	tcp_timer_clear(c, TCP_DUE_LIFE);
	tcp_cc_open(ctx, c);
	tcp_sendq_resegment(ctx, c);
	tcp_conn_enter(ctx, c, TCP_ESTABLISHED);
	c->rcv_mark = c->rcv_nxt;
	c->rcv_mark_ms = ctx->now_ms;
	c->mss_max = c->mss;
	c->sent_ms = ctx->now_ms;
	if (tcp_timer_keepalive_ms(ctx, c))
		tcp_timer_set(ctx, c, TCP_DUE_KEEPALIVE, tcp_timer_keepalive_ms(ctx, c));
}

static void notify_open(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->flags & TCP_F_USER) {
		tcp_conn_post(ctx, c, BS_CONNECTED);
		tcp_conn_mark(ctx, c, 0);
		if (c->flags & TCP_F_FIN_QUEUED)
			tcp_conn_enter(ctx, c, TCP_FIN_WAIT_1);
		return;
	}
	c->flags |= TCP_F_USER;
	ctx->ops->accepted(ctx->owner, &c->s);
}

static void syn_sent_syn(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	tcp_state_peer_syn(ctx, c, s);
	if (!(s->flags & TCP_ACK)) { /* both opened at once */
		tcp_conn_enter(ctx, c, TCP_SYN_RECEIVED);
		tcp_conn_mark(ctx, c, TCP_F_SYN_DUE);
		return;
	}
	open_up(ctx, c, s);
	tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
	notify_open(ctx, c);
}

static void syn_sent(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	bool acks_syn = (s->flags & TCP_ACK) && s->ack == c->snd_nxt && s->ack != c->snd_una;

	if ((s->flags & TCP_ACK) && !acks_syn) {
		drop(ctx, CTR_DROP_TCP_ACK);
		if (!(s->flags & TCP_RST))
			tcp_output_refuse(ctx, s);
	} else if (s->flags & TCP_RST) {
		if (acks_syn)
			tcp_conn_close(ctx, c, BS_REFUSED);
		else
			drop(ctx, CTR_DROP_TCP_RST);
	} else if (s->flags & TCP_SYN) {
		syn_sent_syn(ctx, c, s);
	} else {
		drop(ctx, CTR_DROP_TCP_FLAGS);
	}
}

static void syn_received(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	if (!acceptable(ctx, c, s))
		return;
	if (s->ack != c->snd_nxt) {
		drop(ctx, CTR_DROP_TCP_ACK);
		tcp_output_refuse(ctx, s);
		return;
	}
	open_up(ctx, c, s);
	c->snd_wnd = (uint32_t)s->wnd << c->snd_wscale;
	c->snd_wnd_max = RTE_MAX(c->snd_wnd, c->snd_wnd_max);
	c->snd_wl1 = s->seq;
	notify_open(ctx, c);
	if (c->state == TCP_CLOSED) /* the user did not want it */
		return;
	tcp_receive_data(ctx, c, s);
	if (tcp_receive_fin(ctx, c, s))
		tcp_conn_enter(ctx, c, c->state == TCP_ESTABLISHED ? TCP_CLOSE_WAIT : TCP_CLOSING);
}

/* The peer did not get our SYN and ACK, or it opens at the same time as we do (RFC 9293
 * section 3.5, figure 7) and this is its SYN with our ACK. */
static void syn_again(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	bool same = s->seq + 1 == c->rcv_nxt;

	if (same && !(s->flags & TCP_ACK)) {
		if ((c->flags & TCP_F_TS) && (s->opt.present & TCP_OPT_TS))
			c->ts_recent = s->opt.ts_val;
		tcp_conn_mark(ctx, c, TCP_F_SYN_DUE);
	} else if (same && (c->flags & TCP_F_USER) && s->ack == c->snd_nxt) {
		s->flags &= (uint8_t)~TCP_SYN;
		s->seq++;
		tcp_conn_mark(ctx, c, TCP_F_ACK_DUE);
		syn_received(ctx, c, s);
	} else {
		challenge(ctx, c, s);
	}
}

/* RFC 6191: a SYN that is certainly newer than the old connection may have its tuple. */
static void reopen(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	bool by_time = (c->flags & TCP_F_TS) && (s->opt.present & TCP_OPT_TS);

	if (by_time ? seq_gt(s->opt.ts_val, c->ts_recent) ||
			      (s->opt.ts_val == c->ts_recent && seq_gt(s->seq, c->rcv_nxt))
		    : seq_gt(s->seq, c->rcv_nxt)) {
		tcp_conn_close(ctx, c, BS_OK);
		tcp_listen_segment(ctx, s);
	} else {
		challenge(ctx, c, s);
	}
}

typedef void (*segment_fn)(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s);

static const segment_fn on_segment[TCP_STATES] = {
	[TCP_SYN_SENT] = syn_sent,       [TCP_SYN_RECEIVED] = syn_received,
	[TCP_ESTABLISHED] = established, [TCP_FIN_WAIT_1] = fin_wait_1,
	[TCP_FIN_WAIT_2] = fin_wait_2,   [TCP_CLOSE_WAIT] = close_wait,
	[TCP_CLOSING] = closing,         [TCP_LAST_ACK] = last_ack,
	[TCP_TIME_WAIT] = time_wait,
};

void tcp_state_segment(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s)
{
	tcp_options_parse(s->opt_bytes, s->opt_len, &s->opt);
	switch (tcp_state_action(c->state, s->flags)) {
	case TCP_ACT_SEGMENT:
		on_segment[c->state](ctx, c, s);
		break;
	case TCP_ACT_RESET:
		reset(ctx, c, s);
		break;
	case TCP_ACT_CHALLENGE:
		challenge(ctx, c, s);
		break;
	case TCP_ACT_SYN_AGAIN:
		syn_again(ctx, c, s);
		break;
	case TCP_ACT_REOPEN:
		reopen(ctx, c, s);
		break;
	case TCP_ACT_IGNORE:
		drop(ctx, CTR_DROP_TCP_RST);
		break;
	case TCP_ACT_DROP:
		drop(ctx, CTR_DROP_TCP_FLAGS);
		break;
	}
}

void tcp_state_shutdown(struct tcp_ctx *ctx, struct tcp_conn *c)
{
	if (c->flags & TCP_F_FIN_QUEUED)
		return;
	c->flags |= TCP_F_FIN_QUEUED;
	if (c->state == TCP_ESTABLISHED)
		tcp_conn_enter(ctx, c, TCP_FIN_WAIT_1);
	else if (c->state == TCP_CLOSE_WAIT)
		tcp_conn_enter(ctx, c, TCP_LAST_ACK);
	tcp_conn_mark(ctx, c, 0);
}
