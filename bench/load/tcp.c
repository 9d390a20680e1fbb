/* tcp.c - TCP's output side and its timers. */
#include "tcp.h"

#define CWND_START    10
#define OUTPUT_MAX    64   /* segments of one connection in a row, so that all get a turn */
#define LAZY_ACK_US   2000 /* an answer should carry it; if none comes, this late */
#define RTO_MS        200
#define TRIES_MAX     8
#define SYN_TRIES_MAX 4 /* 200 ms to 3.2 s */
#define PROBE_TRIES   4

bool tcp_init(struct tcp *t, const struct tcp_config *cfg, const struct tcp_ops *ops, void *user,
	      struct wire *wire, const struct clock *clock)
{
	t->ops = ops;
	t->user = user;
	t->wire = wire;
	t->clock = clock;
	t->n_conns = cfg->n_conns;
	t->mss = (uint16_t)(cfg->mtu - 40);
	t->timestamps = cfg->timestamps;
	while (cfg->window >> t->wscale > UINT16_MAX)
		t->wscale++;
	t->window = (uint16_t)(cfg->window >> t->wscale);
	t->conns = memory_reserve(t->n_conns * sizeof(*t->conns));
	if (!t->conns || !fifo_init(&t->dirty, t->n_conns) || !fifo_init(&t->lazy, t->n_conns) ||
	    !fifo_init(&t->timers, t->n_conns))
		return false;
	if (t->place.client)
		return true;
	t->free = memory_reserve(t->n_conns * sizeof(*t->free));
	if (!t->free || !flow_table_init(&t->flows, t->n_conns))
		return false;
	/* The first one is used first, so that few connections touch little memory. */
	while (t->n_free < t->n_conns) {
		t->free[t->n_free] = t->n_conns - 1 - t->n_free;
		t->n_free++;
	}
	return true;
}

/* ---- segments ---- */

static inline void fill_place(const struct tcp *t, const struct conn *c, struct frame_fields *f)
{
	f->src = rte_cpu_to_be_32(t->place.local + c->addr);
	if (t->place.client) {
		f->dst = t->place.remote;
		f->sport = c->port;
		f->dport = t->place.port;
	} else {
		f->dst = c->backend.raddr;
		f->sport = t->place.port;
		f->dport = c->port;
	}
}

static inline bool send_segment(struct tcp *t, struct conn *c, uint32_t len, uint8_t flags)
{
	uint32_t opt_len = c->flags & CONN_TS ? FRAME_TS_LEN : 0;
	struct frame_fields f = {
		.seq = c->snd_nxt, .ack = c->rcv_nxt, .flags = flags, .window = t->window};
	struct rte_mbuf *m = wire_room(t->wire) ? wire_alloc(t->wire) : NULL;
	uint64_t opt_sum = 0, sum = 0;
	uint8_t *p;

	if (unlikely(!m))
		return false;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	fill_place(t, c, &f);
	if (opt_len)
		opt_sum = frame_write_ts(p + FRAME_OPTIONS, t->clock->ms, c->ts_recent);
	if (len)
		sum = t->ops->fill(t->user, c, p + FRAME_OPTIONS + opt_len, f.seq, len);
	frame_write(p, t->wire->ether, &f, opt_len, opt_sum, len, sum);
	wire_send(t->wire, m, FRAME_OPTIONS + opt_len + len);
	c->unacked = 0;
	c->flags &= (uint8_t)~CONN_ACK_NOW;
	return true;
}

bool tcp_send_ack(struct tcp *t, struct conn *c)
{
	return send_segment(t, c, 0, TCP_ACK);
}

/* The options of a SYN, as Linux orders them; those that the peer did not offer are padding. */
static uint32_t write_syn_options(const struct tcp *t, uint8_t *p, bool ts, bool scale,
				  uint32_t ts_recent)
{
	frame_put32(p, rte_cpu_to_be_32(0x02040000u | t->mss));
	if (ts)
		frame_write_ts(p + 4, t->clock->ms, ts_recent);
	else
		memset(p + 4, 1, FRAME_TS_LEN);
	frame_put32(p + 16,
		    scale ? rte_cpu_to_be_32(0x01030300u | t->wscale) : RTE_BE32(0x01010101));
	return FRAME_SYN_LEN;
}

static bool send_syn_frame(struct tcp *t, const struct frame_fields *f, bool ts, bool scale,
			   uint32_t ts_recent)
{
	struct rte_mbuf *m = wire_room(t->wire) ? wire_alloc(t->wire) : NULL;
	uint32_t opt_len;
	uint8_t *p;

	if (!m)
		return false;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	opt_len = write_syn_options(t, p + FRAME_OPTIONS, ts, scale, ts_recent);
	frame_write(p, t->wire->ether, f, opt_len, cksum_add(0, p + FRAME_OPTIONS, opt_len), 0, 0);
	wire_send(t->wire, m, FRAME_OPTIONS + opt_len);
	return true;
}

/* A SYN, or the SYN-ACK of a connection that is being accepted. */
bool tcp_send_syn(struct tcp *t, struct conn *c)
{
	bool active = c->state == CONN_SYN_SENT;
	struct frame_fields f = {.seq = c->snd_una,
				 .ack = c->rcv_nxt,
				 .window = t->window,
				 .flags = active ? TCP_SYN : TCP_SYN | TCP_ACK};

	fill_place(t, c, &f);
	/* wscale 15 marks a peer that does not scale, until the connection is open. */
	return send_syn_frame(t, &f, active ? t->timestamps : c->flags & CONN_TS,
			      active || c->wscale != 15, c->ts_recent);
}

bool tcp_send_bare_syn(struct tcp *t, uint32_t src, uint16_t sport, uint32_t seq)
{
	struct frame_fields f = {.src = src,
				 .dst = t->place.remote,
				 .sport = sport,
				 .dport = t->place.port,
				 .seq = seq,
				 .window = t->window,
				 .flags = TCP_SYN};

	return send_syn_frame(t, &f, t->timestamps, true, 0);
}

void tcp_send_reset(struct tcp *t, const struct segment *s)
{
	struct frame_fields f = {.src = s->dst,
				 .dst = s->src,
				 .sport = s->dport,
				 .dport = s->sport,
				 .flags = TCP_RST};
	struct rte_mbuf *m = wire_room(t->wire) ? wire_alloc(t->wire) : NULL;

	if (!m)
		return;
	if (s->flags & TCP_ACK) {
		f.seq = s->ack;
	} else {
		f.flags |= TCP_ACK;
		f.ack = s->seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
	}
	frame_write(rte_pktmbuf_mtod(m, uint8_t *), t->wire->ether, &f, 0, 0, 0, 0);
	wire_send(t->wire, m, FRAME_OPTIONS);
}

/* ---- opening and ending ---- */

void tcp_connect(struct tcp *t, uint32_t i)
{
	struct conn *c = &t->conns[i];
	const struct port_plan *plan = &t->place.plan;
	uint16_t last = rte_be_to_cpu_16(c->port);
	uint16_t port = last ? port_plan_next(plan, i, last) : port_plan_port(plan, i, 0);

	conn_reset(c);
	c->addr = port_plan_addr(plan, i);
	c->port = rte_cpu_to_be_16(port);
	c->state = CONN_SYN_SENT;
	c->cwnd = CWND_START;
	c->mss = FRAME_MIN_MSS;
	/* RFC 9293 section 3.4.1: a clock, so that a tuple that is used again starts higher. */
	c->snd_una = t->clock->ms * 256 + flow_hash(c->addr, c->port, 0);
	c->snd_nxt = c->snd_end = c->msg_seq = c->snd_una + 1;
	c->timer_ms = (uint16_t)t->clock->ms;
	tcp_send_syn(t, c); /* if it cannot, the timer will */
	tcp_arm(t, c);
}

void tcp_close(struct tcp *t, struct conn *c)
{
	if (c->flags & CONN_FIN)
		return;
	c->flags |= CONN_FIN;
	tcp_send(t, c, 1);
}

void tcp_release(struct tcp *t, uint32_t i)
{
	t->conns[i].state = CONN_FREE;
	if (!t->place.client)
		t->free[t->n_free++] = i;
}

void tcp_end(struct tcp *t, struct conn *c, enum tcp_end how)
{
	uint32_t i = tcp_index(t, c);

	t->n_open -= tcp_is_open(c);
	if (!t->place.client)
		flow_remove(&t->flows, flow_hash(c->backend.raddr, c->port, c->addr), i);
	if (t->ops->ended(t->user, i, how))
		tcp_release(t, i);
	else
		c->state = CONN_DEAD;
}

void tcp_abort(struct tcp *t, uint32_t i)
{
	struct conn *c = &t->conns[i];
	uint16_t una = c->state == CONN_SYN_SENT ? 0 : TCP_ACK;

	send_segment(t, c, 0, (uint8_t)(TCP_RST | una));
	tcp_end(t, c, TCP_END_RESET);
}

/* ---- output ---- */

void tcp_go_back(struct tcp *t, struct conn *c, uint8_t cwnd)
{
	uint32_t flight = c->snd_nxt - c->snd_una;

	t->stats.retransmits += (flight + c->mss - 1) / c->mss;
	c->recover = (uint16_t)(c->snd_nxt >> 8);
	c->flags |= CONN_RECOVER;
	c->snd_nxt = c->snd_una;
	c->cwnd = cwnd;
	c->dupacks = 0;
	tcp_touch(t, c);
}

/* How many of the `data` bytes from snd_nxt on may go now, in one segment. */
static inline uint32_t segment_len(const struct conn *c, uint32_t data)
{
	uint32_t flight = c->snd_nxt - c->snd_una, len = RTE_MIN(data, (uint32_t)c->mss);
	uint32_t window = (uint32_t)c->snd_wnd << c->wscale;

	if (c->cwnd != CONN_CWND_OPEN)
		window = RTE_MIN(window, (uint32_t)c->cwnd * c->mss);
	if (likely(flight + len <= window))
		return len;
	/* RFC 9293 section 3.8.6.2.1: small pieces only when nothing is in flight. */
	return flight ? 0 : window;
}

/* Sends what may be sent. False: the device is full, or others shall have a turn. */
static inline bool send_data(struct tcp *t, struct conn *c)
{
	for (unsigned n = 0; c->snd_nxt != c->snd_end; n++) {
		bool fin = c->flags & CONN_FIN;
		uint32_t data = c->snd_end - c->snd_nxt - fin, len = segment_len(c, data);
		uint8_t flags = TCP_ACK;

		if (len == 0 && data > 0) {
			tcp_arm(t, c); /* it asks after a window that stays closed */
			return true;
		}
		if (n == OUTPUT_MAX)
			return false;
		fin = fin && len == data;
		if (len == data)
			flags |= fin ? TCP_PSH | TCP_FIN : TCP_PSH;
		if (!send_segment(t, c, len, flags))
			return false;
		if (c->snd_nxt == c->snd_una)
			c->timer_ms = (uint16_t)t->clock->ms;
		c->snd_nxt += len + fin;
		t->stats.bytes_out += len;
		tcp_arm(t, c);
	}
	return true;
}

static inline bool send_owed_ack(struct tcp *t, struct conn *c)
{
	if (c->flags & CONN_ACK_NOW || c->unacked >= 2)
		return tcp_send_ack(t, c);
	if (c->unacked && !(c->flags & CONN_LAZY)) {
		c->flags |= CONN_LAZY;
		fifo_push(&t->lazy, tcp_index(t, c), t->clock->us + LAZY_ACK_US);
	}
	return true;
}

void tcp_output(struct tcp *t)
{
	for (uint32_t n = fifo_count(&t->dirty); n > 0; n--) {
		struct conn *c = &t->conns[fifo_pop(&t->dirty)];
		bool done;

		c->flags &= (uint8_t)~CONN_QUEUED;
		if (unlikely(!tcp_is_open(c)))
			continue;
		done = send_data(t, c) && send_owed_ack(t, c);
		if (unlikely(!done)) {
			tcp_touch(t, c);
			if (wire_room(t->wire) == 0)
				return;
		}
	}
}

/* ---- timers ---- */

/* RFC 9293 section 3.8.6.1: a closed window is asked after with one byte. */
static void probe_window(struct tcp *t, struct conn *c)
{
	if (c->tries > PROBE_TRIES)
		c->tries = PROBE_TRIES;
	if (send_segment(t, c, 1, TCP_ACK))
		c->snd_nxt++;
}

static void retransmit(struct tcp *t, struct conn *c)
{
	if (c->state == CONN_SYN_SENT || c->state == CONN_SYN_RCVD) {
		t->stats.retransmits++;
		tcp_send_syn(t, c);
	} else if (c->snd_wnd == 0 && c->snd_nxt == c->snd_una) {
		if (c->snd_end - c->snd_nxt > !!(c->flags & CONN_FIN))
			probe_window(t, c);
	} else if (c->snd_nxt != c->snd_una) {
		tcp_go_back(t, c, 2);
	}
}

static void check_timer(struct tcp *t, struct conn *c)
{
	uint16_t waited = (uint16_t)(t->clock->ms - c->timer_ms);
	unsigned most = tcp_is_open(c) ? TRIES_MAX : SYN_TRIES_MAX;

	if (waited >= RTO_MS << c->tries) {
		if (c->tries == most) {
			tcp_end(t, c, TCP_END_TIMEOUT);
			return;
		}
		c->tries++;
		c->timer_ms = (uint16_t)t->clock->ms;
		retransmit(t, c);
	}
	tcp_arm(t, c);
}

void tcp_timers(struct tcp *t)
{
	while (fifo_due(&t->lazy, t->clock->us) && wire_room(t->wire)) {
		struct conn *c = &t->conns[fifo_pop(&t->lazy)];

		c->flags &= (uint8_t)~CONN_LAZY;
		if (c->unacked && tcp_is_open(c))
			tcp_send_ack(t, c);
	}
	while (fifo_due(&t->timers, t->clock->us) && wire_room(t->wire)) {
		struct conn *c = &t->conns[fifo_pop(&t->timers)];

		c->flags &= (uint8_t)~CONN_TIMED;
		if (c->state != CONN_FREE && c->state != CONN_DEAD && c->snd_end != c->snd_una)
			check_timer(t, c);
	}
}
