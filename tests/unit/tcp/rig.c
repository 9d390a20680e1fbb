/* rig.c - the hand-driven peer. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>
#include <rte_tcp.h>

#include "../../eal.h"

#define MBUFS 2047

static struct rte_mempool *shared_pool(struct rte_mempool *set)
{
	static struct rte_mempool *pool;

	if (set)
		pool = set;
	return pool;
}

int rig_group_setup(void **state)
{
	(void)state;
	if (!test_eal_init("test", "64"))
		return -1;
	return shared_pool(rte_pktmbuf_pool_create("rig", MBUFS, 0, sizeof(struct pkt_priv),
						   2048 + RTE_PKTMBUF_HEADROOM, 0))
		       ? 0
		       : -1;
}

int rig_group_teardown(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

static void record(struct rig *r, const struct rte_mbuf *m, struct out *o)
{
	const struct rte_tcp_hdr *th = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	unsigned header = (th->data_off >> 4) * 4u, at = 0;

	assert_int_equal(m->l4_len, header);
	assert_int_equal(th->cksum, 0);
	assert_true(m->data_off >= 54);
	assert_true(tcp_options_parse((const uint8_t *)(th + 1), header - 20, &o->opt));
	o->seq = rte_be_to_cpu_32(th->sent_seq);
	o->ack = rte_be_to_cpu_32(th->recv_ack);
	o->wnd = rte_be_to_cpu_16(th->rx_win);
	o->src_port = rte_be_to_cpu_16(th->src_port);
	o->dst_port = rte_be_to_cpu_16(th->dst_port);
	o->flags = th->tcp_flags;
	o->ect = m->ol_flags & PKT_F_ECT;
	o->len = m->pkt_len - header;
	o->segs = m->nb_segs;
	assert_true(o->len <= sizeof(o->data));
	for (const struct rte_mbuf *i = m; i; i = i->next) {
		unsigned skip = i == m ? header : 0;

		memcpy(o->data + at, rte_pktmbuf_mtod_offset(i, char *, skip), i->data_len - skip);
		at += i->data_len - skip;
	}
	assert_int_equal(at, o->len);
	if (o->opt.present & TCP_OPT_TS)
		r->our_ts = o->opt.ts_val;
}

static void output(void *owner, struct tcp_conn *conn, const struct tcp_tuple *t,
		   struct rte_mbuf *m)
{
	struct rig *r = owner;

	assert_true(r->n_out < OUT_MAX);
	assert_true(ip_addr_eq(&t->local.ip, &r->our_ip));
	memset(&r->out[r->n_out], 0, sizeof(r->out[0]));
	r->out[r->n_out].conn = conn != NULL;
	record(r, m, &r->out[r->n_out++]);
	if (r->keep_silent && r->n_held < 256)
		r->held[r->n_held++] = m;
	else
		rte_pktmbuf_free(m);
}

static bool admit(void *owner, const struct tcp_tuple *t, uint64_t *cookie)
{
	struct rig *r = owner;

	*cookie = 0xc00c1e;
	return !r->refuse && t->local.port == OUR_PORT;
}

static void notify(struct bytestream *s, uint32_t events)
{
	struct rig *r = s->user;

	r->n_notified++;
	r->events |= events;
	if (r->on_notify)
		r->on_notify(r, events);
}

static void accepted(void *owner, struct bytestream *s)
{
	struct rig *r = owner;

	r->n_accepted++;
	r->s = s;
	s->user = r;
	s->notify = notify;
	if (r->on_accept)
		r->on_accept(r);
}

static uint16_t mtu(void *owner, const struct tcp_tuple *t)
{
	(void)t;
	return ((struct rig *)owner)->mtu;
}

static void fire(void *arg, struct wheel_timer *t)
{
	tcp_timer(((struct rig *)arg)->tcp, t);
}

static void start(struct rig *r)
{
	wheel_init(&r->wheel, r->now_us, fire, r);
	r->tcp = tcp_create(&r->cfg, &r->ops, r, &r->wheel, shared_pool(NULL), &r->counters);
	assert_non_null(r->tcp);
	tcp_set_now(r->tcp, r->now_us);
}

void rig_restart(struct rig *r)
{
	tcp_destroy(r->tcp);
	start(r);
}

int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->ops = (struct tcp_ops){
		.output = output, .admit = admit, .accepted = accepted, .mtu = mtu};
	r->cfg = tcp_config_default();
	r->cfg.max_conns = 64;
	r->cfg.max_half_open = 8;
	r->cfg.max_time_wait = 8;
	r->cfg.max_orphans = 8;
	r->cfg.rcv_buf = 65535;
	r->cfg.keepalive_us = 0;
	r->cfg.zero_window_us = 0;
	memcpy(r->cfg.secret, "0123456789abcdef", sizeof(r->cfg.secret));
	r->now_us = 1000 * SEC;
	r->mtu = 1500;
	r->peer_mss = 1460;
	r->peer_wnd = 65535;
	r->peer_seq = PEER_ISS;
	r->peer_ts = 5000;
	r->our_ip = ip_addr_v4(rte_cpu_to_be_32(0xc6120002));
	r->peer_ip = ip_addr_v4(rte_cpu_to_be_32(0xc6120063));
	start(r);
	*state = r;
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < r->n_held; i++)
		rte_pktmbuf_free(r->held[i]);
	for (unsigned i = 0; i < r->n_queued; i++)
		rte_pktmbuf_free(r->queued[i]);
	tcp_destroy(r->tcp);
	assert_int_equal(rte_mempool_avail_count(shared_pool(NULL)), MBUFS);
	free(r);
	return 0;
}

static unsigned put_ts(struct rig *r, const struct in *in, uint8_t *p)
{
	struct tcp_options o = {.present = TCP_OPT_TS, .ts_ecr = r->our_ts};

	o.ts_val = in->has_tsval ? in->tsval : r->peer_ts + (uint32_t)(r->now_us / 1000);
	return tcp_options_write(p, &o);
}

static struct rte_mbuf *make(struct rig *r, const struct in *in)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(shared_pool(NULL));
	uint8_t opt[TCP_OPTIONS_MAX + 12];
	unsigned n = 0;
	struct rte_tcp_hdr *th;
	char *payload;

	assert_non_null(m);
	if (r->ts_on && !in->no_ts && !(in->flags & TCP_SYN))
		n = put_ts(r, in, opt);
	memcpy(opt + n, in->opt, in->opt_len);
	n += in->opt_len;
	th = (struct rte_tcp_hdr *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*th) + n + in->len));
	memset(th, 0, sizeof(*th));
	th->src_port = rte_cpu_to_be_16(in->port ? in->port : PEER_PORT);
	th->dst_port = rte_cpu_to_be_16(in->to ? in->to : OUR_PORT);
	th->sent_seq = rte_cpu_to_be_32(in->has_seq ? in->seq : r->peer_seq);
	if (in->flags & TCP_ACK)
		th->recv_ack = rte_cpu_to_be_32(in->has_ack ? in->ack : r->peer_ack);
	th->data_off = (uint8_t)((sizeof(*th) + n) << 2);
	th->tcp_flags = in->flags;
	th->rx_win = rte_cpu_to_be_16(in->has_wnd ? in->wnd : r->peer_wnd);
	memcpy(th + 1, opt, n);
	payload = (char *)(th + 1) + n;
	if (in->data)
		memcpy(payload, in->data, in->len);
	else
		memset(payload, 'x', in->len);
	pkt_priv(m)->src = r->peer_ip;
	pkt_priv(m)->dst = r->our_ip;
	pkt_priv(m)->ecn = in->ecn;
	return m;
}

void peer(struct rig *r, struct in in)
{
	if (in.data && !in.len)
		in.len = (unsigned)strlen(in.data);
	r->queued[r->n_queued++] = make(r, &in);
	if (!in.has_seq)
		r->peer_seq += in.len + !!(in.flags & TCP_SYN) + !!(in.flags & TCP_FIN);
	if (!r->batch)
		rig_pass(r, 0);
}

void rig_pass(struct rig *r, uint64_t us)
{
	unsigned n = r->n_queued;

	r->now_us += us;
	r->n_queued = 0;
	tcp_set_now(r->tcp, r->now_us);
	tcp_take_segments(r->tcp, r->queued, n);
	while (tcp_next_event(r->tcp))
		;
	wheel_turn(&r->wheel, r->now_us);
	tcp_flush(r->tcp);
	while (tcp_next_event(r->tcp))
		;
}

void rig_wait_ms(struct rig *r, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++)
		rig_pass(r, MS);
}

struct out *rig_try(struct rig *r)
{
	return r->next_out < r->n_out ? &r->out[r->next_out++] : NULL;
}

struct out *rig_sent(struct rig *r)
{
	struct out *o = rig_try(r);

	assert_non_null(o);
	return o;
}

void rig_silent(struct rig *r)
{
	assert_int_equal(r->n_out - r->next_out, 0);
	rig_forget(r);
}

void rig_forget(struct rig *r)
{
	r->n_out = r->next_out = 0;
}

void expect(struct rig *r, uint8_t flags, uint32_t seq, uint32_t ack, unsigned len)
{
	struct out *o = rig_sent(r);

	assert_int_equal(o->flags & ~TCP_PSH, flags);
	assert_int_equal(o->seq, seq);
	assert_int_equal(o->ack, ack);
	assert_int_equal(o->len, len);
}

void expect_ack(struct rig *r)
{
	expect(r, TCP_ACK, r->peer_ack, r->peer_seq, 0);
}

void expect_rst(struct rig *r, uint32_t seq)
{
	struct out *o = rig_sent(r);

	assert_true(o->flags & TCP_RST);
	assert_int_equal(o->seq, seq);
}

static unsigned syn_options(struct rig *r, uint8_t *p)
{
	struct tcp_options o = {.present = r->peer_mss ? TCP_OPT_MSS : 0,
				.mss = r->peer_mss,
				.wscale = 7,
				.ts_val = r->peer_ts + (uint32_t)(r->now_us / 1000)};

	if (r->peer_options & PEER_TS)
		o.present |= TCP_OPT_TS;
	if (r->peer_options & PEER_SACK)
		o.present |= TCP_OPT_SACK_OK;
	if (r->peer_options & PEER_WSCALE)
		o.present |= TCP_OPT_WSCALE;
	o.ts_ecr = r->our_ts;
	return tcp_options_write(p, &o);
}

void rig_listen_syn(struct rig *r)
{
	struct in in = {.flags = TCP_SYN};
	struct out *o;

	in.opt_len = syn_options(r, in.opt);
	peer(r, in);
	o = rig_sent(r);
	assert_int_equal(o->flags, TCP_SYN | TCP_ACK);
	assert_int_equal(o->ack, r->peer_seq);
	r->iss = o->seq;
	r->peer_ack = r->iss + 1;
	r->ts_on = o->opt.present & TCP_OPT_TS;
	rig_silent(r);
}

void rig_establish(struct rig *r)
{
	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->n_accepted, 1);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	rig_silent(r);
}

void rig_connect(struct rig *r)
{
	struct net_addr remote = {.ip = r->peer_ip, .port = PEER_PORT};
	struct net_addr local = {.ip = r->our_ip, .port = OUR_PORT};
	struct out *o;

	r->s = tcp_connect(r->tcp, &remote, &local, r->connect_timeout_us, NULL);
	assert_non_null(r->s);
	r->s->user = r;
	r->s->notify = notify;
	rig_pass(r, 0);
	o = rig_sent(r);
	assert_int_equal(o->flags, TCP_SYN);
	r->iss = o->seq;
	r->peer_ack = r->iss + 1;
	rig_silent(r);
}

void rig_establish_actively(struct rig *r)
{
	struct in in = {.flags = TCP_SYN | TCP_ACK};

	rig_connect(r);
	in.opt_len = syn_options(r, in.opt);
	peer(r, in);
	r->ts_on = r->peer_options & PEER_TS;
	assert_int_equal(r->events, BS_CONNECTED);
	r->events = 0;
	expect_ack(r);
	rig_silent(r);
}

/* Our FIN goes out; the peer has seen it. */
static void shut(struct rig *r)
{
	bytestream_shutdown(r->s);
	rig_pass(r, 0);
	expect(r, TCP_ACK | TCP_FIN, r->peer_ack, r->peer_seq, 0);
	rig_silent(r);
	r->peer_ack++;
}

void rig_in_state(struct rig *r, enum tcp_state state)
{
	rig_establish(r);
	if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK) {
		PEER(r, .flags = TCP_ACK | TCP_FIN);
		rig_forget(r);
	}
	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		shut(r);
	if (state == TCP_FIN_WAIT_2 || state == TCP_TIME_WAIT)
		PEER(r, .flags = TCP_ACK);
	if (state == TCP_CLOSING)
		PEER(r, .flags = TCP_ACK | TCP_FIN, ACKNO(r->peer_ack - 1));
	if (state == TCP_TIME_WAIT)
		PEER(r, .flags = TCP_ACK | TCP_FIN);
	rig_forget(r);
	r->events = 0;
	assert_int_equal(rig_state(r), state);
}

struct tcp_conn *rig_conn(struct rig *r)
{
	struct tcp_tuple t = {.local = {.ip = r->our_ip, .port = OUR_PORT},
			      .remote = {.ip = r->peer_ip, .port = PEER_PORT}};

	return tcp_flow_find(&r->tcp->flow, tcp_flow_hash(&r->tcp->flow, &t), &t);
}

enum tcp_state rig_state(struct rig *r)
{
	struct tcp_conn *c = rig_conn(r);

	return c ? c->state : TCP_CLOSED;
}

void rig_write(struct rig *r, unsigned n, unsigned piece)
{
	struct mbq q;

	mbq_init(&q);
	for (unsigned i = 0; i < n; i += piece) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(shared_pool(NULL));
		unsigned k = n - i < piece ? n - i : piece;
		char *p = rte_pktmbuf_append(m, (uint16_t)k);

		for (unsigned b = 0; b < k; b++)
			p[b] = (char)('a' + (i + b) % 26);
		mbq_push(&q, m);
	}
	bytestream_write(r->s, &q);
}

unsigned rig_read(struct rig *r, char *buf, unsigned max)
{
	struct mbq *rx = &r->s->rx;
	unsigned n = 0;

	while (rx->head && n < max) {
		unsigned k = rx->head->data_len < max - n ? rx->head->data_len : max - n;

		if (buf)
			memcpy(buf + n, rte_pktmbuf_mtod(rx->head, char *), k);
		mbq_trim(rx, k);
		n += k;
	}
	bytestream_consumed(r->s, n);
	return n;
}

uint64_t rig_count(const struct rig *r, enum counter_id id)
{
	return counter_read(&r->counters, id);
}
