/* tcp_input.c - TCP's input side: segments in order on one path, everything else on another. */
#include "tcp.h"

#define CWND_START  10
#define DUPACKS     3
#define UNACKED_MAX 15

/* ---- whose segment is it ---- */

uint32_t tcp_lookup_begin(struct tcp *t, const struct segment *s)
{
	uint32_t addr = rte_be_to_cpu_32(s->dst) - t->place.local, key;

	if (t->place.client) {
		key = port_plan_slot(&t->place.plan, addr, rte_be_to_cpu_16(s->dport));
		if (key >= t->n_conns)
			return FLOWS_NONE;
		__builtin_prefetch(&t->conns[key]);
		return key;
	}
	key = flow_hash(s->src, s->sport, (uint16_t)addr);
	flow_prefetch(&t->flows, key);
	return key;
}

uint32_t tcp_lookup_end(struct tcp *t, const struct segment *s, uint32_t key)
{
	uint32_t addr = rte_be_to_cpu_32(s->dst) - t->place.local;
	const struct conn *c;

	if (!t->place.client)
		return flow_find(&t->flows, t->conns, key, s->src, s->sport, (uint16_t)addr);
	if (key == FLOWS_NONE)
		return FLOWS_NONE;
	c = &t->conns[key];
	if (c->port != s->dport || c->state == CONN_FREE || s->src != t->place.remote ||
	    s->sport != t->place.port)
		return FLOWS_NONE;
	return key;
}

/* ---- acknowledgements ---- */

static void grow_window(struct conn *c, uint32_t acked)
{
	uint32_t cwnd = c->cwnd + 1 + acked / 2048;

	c->cwnd = (uint8_t)RTE_MIN(cwnd, (uint32_t)CONN_CWND_OPEN);
}

static void leave_recovery(struct conn *c)
{
	if ((int16_t)((uint16_t)(c->snd_una >> 8) - c->recover) >= 0)
		c->flags &= (uint8_t)~CONN_RECOVER;
}

/* RFC 5681 section 2 defines it, section 3.2 counts them. */
static __rte_noinline void take_duplicate_ack(struct tcp *t, struct conn *c,
					      const struct segment *s)
{
	uint32_t half = (c->snd_nxt - c->snd_una) / 2 / c->mss;

	if (s->window != c->snd_wnd || c->flags & CONN_RECOVER)
		return;
	if (++c->dupacks < DUPACKS)
		return;
	tcp_go_back(t, c, (uint8_t)RTE_MAX(2u, RTE_MIN(half, CONN_CWND_OPEN - 1u)));
}

static inline void take_ack(struct tcp *t, struct conn *c, const struct segment *s)
{
	uint32_t acked = s->ack - c->snd_una;

	if (acked == 0) {
		if (unlikely(s->len == 0 && c->snd_nxt != c->snd_una))
			take_duplicate_ack(t, c, s);
		c->snd_wnd = s->window;
		return;
	}
	if (unlikely(acked > c->snd_end - c->snd_una))
		return; /* of the past, or of what was never sent */
	c->snd_una = s->ack;
	c->snd_wnd = s->window;
	c->timer_ms = (uint16_t)t->clock->ms;
	c->tries = 0;
	c->dupacks = 0;
	if (unlikely((int32_t)(s->ack - c->snd_nxt) > 0))
		c->snd_nxt = s->ack;
	if (c->cwnd != CONN_CWND_OPEN)
		grow_window(c, acked);
	if (unlikely(c->flags & CONN_RECOVER))
		leave_recovery(c);
	t->ops->acked(t->user, c);
}

/* ---- in order ---- */

static inline void take_data(struct tcp *t, struct conn *c, const struct segment *s)
{
	c->rcv_nxt += s->len;
	c->unacked = (uint8_t)(c->unacked + (c->unacked < UNACKED_MAX));
	t->stats.bytes_in += s->len;
	t->ops->data(t->user, tcp_index(t, c), s->data, s->len);
}

static inline void touch_if_needed(struct tcp *t, struct conn *c)
{
	if (c->snd_end != c->snd_nxt || c->unacked || c->flags & CONN_ACK_NOW)
		tcp_touch(t, c);
}

/* ---- everything else ---- */

static void learn_options(struct tcp *t, struct conn *c, const struct segment *s)
{
	uint16_t mss = s->mss ? s->mss : FRAME_MIN_MSS;

	c->mss = RTE_MIN(mss, t->mss);
	if (s->has_ts && t->timestamps) {
		c->flags |= CONN_TS;
		c->ts_recent = s->tsval;
		c->mss = (uint16_t)(c->mss - FRAME_TS_LEN);
	}
	c->snd_wnd = s->window;
	c->rcv_nxt = s->seq + 1;
}

static void opened(struct tcp *t, struct conn *c)
{
	c->snd_una++; /* our SYN */
	c->tries = 0;
	c->state = CONN_OPEN;
	t->n_open++;
	t->ops->opened(t->user, tcp_index(t, c));
}

static void syn_sent(struct tcp *t, struct conn *c, const struct segment *s)
{
	bool acks = s->flags & TCP_ACK && s->ack == c->snd_nxt;

	if (s->flags & TCP_RST) {
		if (acks)
			tcp_end(t, c, TCP_END_REFUSED);
		return;
	}
	if (s->flags & TCP_ACK && !acks) {
		tcp_send_reset(t, s); /* of an older connection that the peer still has */
		return;
	}
	if (!(s->flags & TCP_SYN) || !acks)
		return;
	learn_options(t, c, s);
	c->wscale = s->scales ? s->wscale & 15 : 0;
	c->flags |= CONN_ACK_NOW;
	opened(t, c);
}

static bool syn_received(struct tcp *t, struct conn *c, const struct segment *s)
{
	if (s->flags & TCP_SYN) {
		tcp_send_syn(t, c);
		return false;
	}
	if (!(s->flags & TCP_ACK) || s->ack != c->snd_nxt)
		return false;
	if (c->wscale == 15)
		c->wscale = 0;
	c->snd_wnd = s->window;
	opened(t, c);
	return tcp_is_open(c);
}

/* Cuts off what was received before. False when nothing new is left, or when it is not next. */
static bool trim(struct tcp *t, struct conn *c, struct segment *s)
{
	uint32_t old = c->rcv_nxt - s->seq;

	if ((int32_t)old < 0) {
		t->stats.out_of_order++;
		c->flags |= CONN_ACK_NOW;
		return false;
	}
	if (old > s->len || (old == s->len && !(s->flags & TCP_FIN))) {
		/* A keep-alive probe is one byte before the next and empty. */
		if (s->len || s->flags & TCP_FIN || old == 1)
			c->flags |= CONN_ACK_NOW;
		return false;
	}
	s->seq += old;
	s->data += old;
	s->len = (uint16_t)(s->len - old);
	return true;
}

static void take_fin(struct tcp *t, struct conn *c)
{
	c->rcv_nxt++;
	c->state = CONN_HALF;
	c->flags |= CONN_ACK_NOW;
	t->ops->peer_closed(t->user, tcp_index(t, c));
}

/* Both FINs are sent, and ours is acknowledged. The peer's last one is acknowledged only once:
 * should that be lost, the answer to its next FIN is a reset. */
static bool finish(struct tcp *t, struct conn *c)
{
	if (c->state != CONN_HALF || !(c->flags & CONN_FIN) || c->snd_una != c->snd_end)
		return false;
	if (c->flags & CONN_ACK_NOW)
		tcp_send_ack(t, c);
	tcp_end(t, c, TCP_END_CLOSED);
	return true;
}

static void open_slow(struct tcp *t, struct conn *c, struct segment *s)
{
	bool next = s->seq == c->rcv_nxt && s->len == 0 && !(s->flags & TCP_FIN);

	if (s->flags & TCP_SYN) {
		c->flags |= CONN_ACK_NOW; /* RFC 5961 section 4 */
		return;
	}
	if (!(s->flags & TCP_ACK))
		return;
	take_ack(t, c, s);
	if (!next && c->state == CONN_OPEN && trim(t, c, s)) {
		if (s->has_ts)
			c->ts_recent = s->tsval;
		if (s->len)
			take_data(t, c, s);
		if (s->flags & TCP_FIN && c->state == CONN_OPEN)
			take_fin(t, c);
	} else if (s->len || s->flags & TCP_FIN) {
		c->flags |= CONN_ACK_NOW;
	}
	if (tcp_is_open(c))
		finish(t, c);
}

/* RFC 5961 section 3: a reset in the window that is not the next byte is asked for again. */
static void take_reset(struct tcp *t, struct conn *c, const struct segment *s)
{
	if (s->seq == c->rcv_nxt)
		tcp_end(t, c, TCP_END_RESET);
	else if (s->seq - c->rcv_nxt < (uint32_t)t->window << t->wscale)
		c->flags |= CONN_ACK_NOW;
}

static __rte_noinline void input_slow(struct tcp *t, struct conn *c, const struct segment *seg)
{
	struct segment s = *seg;

	if (c->state == CONN_SYN_SENT) {
		syn_sent(t, c, &s);
	} else if (s.flags & TCP_RST) {
		take_reset(t, c, &s);
	} else if (c->state != CONN_SYN_RCVD || syn_received(t, c, &s)) {
		open_slow(t, c, &s);
	}
	if (tcp_is_open(c))
		touch_if_needed(t, c);
}

void tcp_input(struct tcp *t, uint32_t i, const struct segment *s)
{
	struct conn *c = &t->conns[i];

	if (unlikely(c->state != CONN_OPEN || s->seq != c->rcv_nxt ||
		     (s->flags & (TCP_SYN | TCP_RST | TCP_FIN | TCP_ACK)) != TCP_ACK)) {
		input_slow(t, c, s);
		return;
	}
	if (s->has_ts)
		c->ts_recent = s->tsval;
	take_ack(t, c, s);
	if (s->len)
		take_data(t, c, s);
	if (likely(c->state == CONN_OPEN))
		touch_if_needed(t, c);
}

/* ---- no connection ---- */

static void accept_conn(struct tcp *t, const struct segment *s)
{
	uint32_t i, hash;
	struct conn *c;

	if (t->n_free == 0) {
		t->stats.refused++;
		tcp_send_reset(t, s);
		return;
	}
	i = t->free[--t->n_free];
	c = &t->conns[i];
	conn_reset(c);
	c->state = CONN_SYN_RCVD;
	c->addr = (uint16_t)(rte_be_to_cpu_32(s->dst) - t->place.local);
	c->port = s->sport;
	c->backend.raddr = s->src;
	c->cwnd = CWND_START;
	learn_options(t, c, s);
	c->wscale = s->scales ? s->wscale & 15 : 15;
	hash = flow_hash(s->src, s->sport, c->addr);
	c->snd_una = t->clock->ms * 256 + hash;
	c->snd_nxt = c->snd_end = c->msg_seq = c->snd_una + 1;
	c->timer_ms = (uint16_t)t->clock->ms;
	flow_insert(&t->flows, hash, i);
	t->stats.accepted++;
	wire_learn_peer(t->wire, s->frame + RTE_ETHER_ADDR_LEN);
	tcp_send_syn(t, c);
	tcp_arm(t, c);
}

void tcp_input_stray(struct tcp *t, const struct segment *s)
{
	if (s->flags & TCP_RST)
		return;
	if (!t->place.client && (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	    s->dport == t->place.port)
		accept_conn(t, s);
	else
		tcp_send_reset(t, s);
}
