/* tcp_input.c - fuzz target: a real TCP with a user, and a peer whose every segment, in whatever
 * state, with whatever time between, comes from the input.
 *
 * The input is a list of steps, each led by a byte; what a step needs follows. Numbers are taken
 * relative to what the TCP said last, so that most of them mean something. After each pass the
 * invariants of all connections are checked, at the end that nothing leaked. */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include <base/wheel.h>
#include <tcp/conn.h>
#include <tcp/ctx.h>
#include <tcp/segment.h>
#include <tcp/seq.h>
#include <tcp/timer.h>

#include "pool.h"

#define MBUFS     4095
#define STEPS_MAX 400
#define PEERS     3

struct input {
	const uint8_t *p;
	size_t n;
};

/* What the peer of one tuple knows of us. */
struct peer {
	uint32_t seq, ack, ts;
	struct bytestream *s;
};

struct world {
	struct tcp_ctx *tcp;
	struct tcp_ops ops;
	struct wheel wheel;
	struct counters counters;
	uint64_t now_us;
	struct peer peers[PEERS];
	bool hold; /* the device keeps the next frame */
	struct rte_mbuf *held;
	struct input *in;
};

static uint32_t take(struct input *in, unsigned bytes)
{
	uint32_t v = 0;

	while (bytes--) {
		v = v << 8 | (in->n ? *in->p : 0);
		if (in->n) {
			in->p++;
			in->n--;
		}
	}
	return v;
}

/* A small signed distance, or seldom any number. */
static uint32_t distance(struct input *in)
{
	uint32_t b = take(in, 1);

	if (b < 160)
		return 0;
	if (b < 200)
		return (uint32_t)(int8_t)take(in, 1);
	if (b < 240)
		return (uint32_t)(int16_t)take(in, 2);
	return take(in, 4);
}

static struct ip_addr address(unsigned i)
{
	return ip_addr_v4(rte_cpu_to_be_32(0xc6120000 + i));
}

static void output(void *owner, struct tcp_conn *conn, const struct tcp_tuple *t,
		   struct rte_mbuf *m)
{
	const struct rte_tcp_hdr *th = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	struct world *w = owner;
	struct peer *p = &w->peers[t->remote.port % PEERS];
	uint32_t header = (th->data_off >> 4) * 4u, end;

	(void)conn;
	MUST(m->l4_len == header && header >= 20 && m->pkt_len >= header);
	end = rte_be_to_cpu_32(th->sent_seq) + m->pkt_len - header +
	      !!(th->tcp_flags & (TCP_SYN | TCP_FIN));
	if (!(th->tcp_flags & TCP_RST) && ((th->tcp_flags & TCP_SYN) || seq_gt(end, p->ack)))
		p->ack = end;
	if (header >= 32)
		memcpy(&p->ts, (const char *)(th + 1) + header - 32 + 4, 4);
	if (w->hold && !w->held)
		w->held = m;
	else
		rte_pktmbuf_free(m);
}

static bool admit(void *owner, const struct tcp_tuple *t, uint64_t *cookie)
{
	(void)owner;
	*cookie = 7;
	return t->local.port == 80;
}

static uint16_t mtu(void *owner, const struct tcp_tuple *t)
{
	(void)owner;
	(void)t;
	return 1500;
}

static struct peer *peer_of(struct world *w, const struct bytestream *s)
{
	return &w->peers[tcp_stream_tuple(s)->remote.port % PEERS];
}

static void drop_stream(struct world *w, struct bytestream *s, bool gently)
{
	struct peer *p = peer_of(w, s);

	if (p->s == s)
		p->s = NULL;
	if (gently)
		bytestream_release(s);
	else
		bytestream_abort(s);
}

static void read_some(struct bytestream *s, uint32_t n)
{
	n = n < s->rx.bytes ? n : s->rx.bytes;
	mbq_trim(&s->rx, n);
	bytestream_consumed(s, n);
}

static void notify(struct bytestream *s, uint32_t events)
{
	struct world *w = s->user;
	uint32_t mood = take(w->in, 1);

	if (events & BS_CLOSED)
		drop_stream(w, s, mood & 1);
	else if (mood < 20)
		drop_stream(w, s, mood & 1);
	else if (mood < 200)
		read_some(s, mood & 2 ? UINT32_MAX : mood * 10);
}

static void adopt(struct world *w, struct bytestream *s)
{
	struct peer *p = peer_of(w, s);

	s->user = w;
	s->notify = notify;
	if (p->s)
		drop_stream(w, p->s, true);
	p->s = s;
}

static void accepted(void *owner, struct bytestream *s)
{
	struct world *w = owner;

	if (take(w->in, 1) == 255) {
		s->user = w;
		s->notify = notify;
		bytestream_abort(s);
		return;
	}
	adopt(w, s);
}

static void fire(void *arg, struct wheel_timer *t)
{
	tcp_timer(((struct world *)arg)->tcp, t);
}

/* ---- invariants ---- */

static void check_send(const struct tcp_conn *c)
{
	uint32_t bytes = 0, sacked = 0, lost = 0, retrans = 0, seq = c->sq_head ? 0 : c->snd_end;
	bool unsent = false;

	for (struct rte_mbuf *m = c->sq_head; m; m = pkt_priv(m)->next) {
		const struct pkt_priv *p = pkt_priv(m);

		MUST(m == c->sq_head || p->seq == seq);
		unsent |= m == c->sq_unsent;
		MUST(!unsent || !p->flags);
		seq = p->seq + p->len;
		bytes += p->len;
		sacked += p->flags & 1 ? p->len : 0;
		lost += p->flags & 2 ? p->len : 0;
		retrans += p->flags & 4 ? p->len : 0;
	}
	MUST(unsent == (c->sq_unsent != NULL));
	MUST(bytes == c->s.tx_queued && seq == c->snd_end);
	MUST(lost == c->lost && retrans == c->retrans && retrans <= lost);
	MUST(!(c->flags & TCP_F_SACK) || sacked == c->sacked);
	MUST(seq_leq(c->snd_una, c->snd_nxt) && seq_leq(c->snd_nxt, c->snd_end + 1));
}

static void check_receive(const struct tcp_conn *c)
{
	uint32_t n = 0, seq = c->rcv_nxt;

	for (struct rte_mbuf *m = c->ooo; m; m = pkt_priv(m)->next, n++) {
		MUST(seq_gt(pkt_priv(m)->seq, c->rcv_nxt) && seq_geq(pkt_priv(m)->seq, seq));
		MUST(m->data_len);
		seq = pkt_priv(m)->seq + m->data_len;
	}
	MUST(n == c->n_ooo);
	MUST(seq_leq(c->rcv_nxt, c->rcv_edge) && seq_leq(seq, c->rcv_edge));
	MUST(c->s.rx.bytes <= c->rcv_held || !(c->flags & TCP_F_USER));
}

static void check(struct world *w)
{
	struct tcp_conn *conns = (struct tcp_conn *)w->tcp->conns.base;
	uint32_t half_open = 0;

	for (uint32_t i = 0; i < w->tcp->conns.fresh; i++) {
		const struct tcp_conn *c = &conns[i];

		half_open += c->state == TCP_SYN_RECEIVED;
		if (!tcp_conn_is_synchronized(c) || c->state == TCP_TIME_WAIT)
			continue;
		check_send(c);
		check_receive(c);
		/* Somebody will move: what waits has a timer. */
		MUST(c->snd_una == c->snd_nxt || tcp_timer_is_set(c, TCP_DUE_RETRANS));
		MUST(!c->sq_unsent || tcp_timer_is_set(c, TCP_DUE_RETRANS));
		MUST(!c->due || wheel_armed(&c->timer));
	}
	MUST(half_open == w->tcp->n_half_open);
}

/* ---- steps ---- */

static uint8_t flags_of(uint32_t b)
{
	static const uint8_t common[] = {TCP_ACK, TCP_ACK,           TCP_ACK | TCP_PSH,
					 TCP_SYN, TCP_ACK | TCP_FIN, TCP_SYN | TCP_ACK,
					 TCP_RST, TCP_RST | TCP_ACK};

	return b < 224 ? common[b % RTE_DIM(common)] : (uint8_t)(b * 37);
}

static unsigned options_of(struct input *in, struct peer *p, uint8_t *out, uint8_t flags)
{
	static const uint8_t ts[] = {1, 1, 8, 10};
	static const uint8_t syn[] = {2, 4, 5, 180, 4, 2, 1, 3, 3, 7, 1, 1};
	uint32_t kind = take(in, 1) % 8, now = rte_cpu_to_be_32(take(in, 1) + 5000);
	unsigned n = 0;

	if (kind < 5) {
		memcpy(out, ts, 4);
		memcpy(out + 4, &now, 4);
		memcpy(out + 8, &p->ts, 4);
		n = 12;
	}
	if ((flags & TCP_SYN) && kind != 5) {
		memcpy(out + n, syn, sizeof(syn));
		return n + (unsigned)sizeof(syn);
	}
	if (kind == 3 || kind == 6) { /* blocks of what we sent */
		uint32_t edge[2] = {p->ack - (take(in, 1) << 4), p->ack};

		edge[1] = rte_cpu_to_be_32(edge[0] + (take(in, 1) << 4));
		edge[0] = rte_cpu_to_be_32(edge[0]);
		memcpy(out + n, (const uint8_t[]){1, 1, 5, 10}, 4);
		memcpy(out + n + 4, edge, 8);
		return n + 12;
	}
	for (unsigned more = kind == 7 ? take(in, 1) % 6 * 4 : 0; more; more--)
		out[n++] = (uint8_t)take(in, 1);
	return n;
}

static void segment(struct world *w, struct rte_mbuf **batch, unsigned *n)
{
	struct input *in = w->in;
	unsigned i = take(in, 1) % PEERS, opt_len, len;
	struct peer *p = &w->peers[i];
	uint8_t flags = flags_of(take(in, 1)), opt[40];
	uint32_t seq = p->seq + distance(in), ack = p->ack + distance(in);
	struct rte_mbuf *m = rte_pktmbuf_alloc(fuzz_pool(MBUFS));
	struct rte_tcp_hdr *th;

	if (!m)
		return;
	opt_len = options_of(in, p, opt, flags);
	len = take(in, 1);
	len = len < 100 ? 0 : len < 220 ? len : len * 5;
	th = (struct rte_tcp_hdr *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*th) + opt_len + len));
	memset(th, 'z', sizeof(*th) + opt_len + len);
	th->src_port = rte_cpu_to_be_16((uint16_t)(3000 + i));
	th->dst_port = rte_cpu_to_be_16(take(in, 1) == 99 ? 81 : 80);
	th->sent_seq = rte_cpu_to_be_32(seq);
	th->recv_ack = rte_cpu_to_be_32(ack);
	th->data_off = (uint8_t)((sizeof(*th) + opt_len) << 2);
	th->tcp_flags = flags;
	th->rx_win = rte_cpu_to_be_16((uint16_t)(take(in, 1) * 257));
	memcpy(th + 1, opt, opt_len);
	if (seq == p->seq && !(flags & TCP_RST))
		p->seq += len + !!(flags & (TCP_SYN | TCP_FIN));
	pkt_priv(m)->src = address(1);
	pkt_priv(m)->dst = address(2);
	batch[(*n)++] = m;
}

static void write_some(struct world *w, struct bytestream *s)
{
	uint32_t pieces = 1 + take(w->in, 1) % 4, len = 1 + take(w->in, 1) * 7;
	struct mbq q;

	mbq_init(&q);
	while (pieces--) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(fuzz_pool(MBUFS));

		if (!m)
			break;
		memset(rte_pktmbuf_append(m, (uint16_t)len), 'u', len);
		mbq_push(&q, m);
	}
	if (s->tx_queued < s->tx_limit)
		bytestream_write(s, &q);
	else
		s->tx_blocked = true;
	mbq_free(&q);
}

static void use(struct world *w)
{
	struct bytestream *s = w->peers[take(w->in, 1) % PEERS].s;
	uint32_t what = take(w->in, 1) % 16;

	if (!s)
		return;
	if (what < 8)
		write_some(w, s);
	else if (what < 12)
		read_some(s, take(w->in, 2));
	else if (what < 14)
		bytestream_shutdown(s);
	else
		drop_stream(w, s, what & 1);
}

static void connect_out(struct world *w)
{
	unsigned i = take(w->in, 1) % PEERS;
	struct net_addr local = {.ip = address(2), .port = 80};
	struct net_addr remote = {.ip = address(1), .port = (uint16_t)(3000 + i)};
	struct bytestream *s;

	s = tcp_connect(w->tcp, &remote, &local, take(w->in, 1) * 10000u, NULL);
	if (s)
		adopt(w, s);
}

static void icmp(struct world *w)
{
	unsigned i = take(w->in, 1) % PEERS;
	struct tcp_tuple t = {.local = {.ip = address(2), .port = 80},
			      .remote = {.ip = address(1), .port = (uint16_t)(3000 + i)}};
	uint32_t seq = w->peers[i].ack - take(w->in, 2), kind = take(w->in, 1);

	if (kind == 0)
		tcp_unreachable(w->tcp, &t);
	else
		tcp_take_icmp_error(w->tcp, &t, seq, kind & 1, (uint16_t)(kind & 2 ? kind * 8 : 0));
}

static void pass(struct world *w, struct rte_mbuf **batch, unsigned n)
{
	tcp_set_now(w->tcp, w->now_us);
	tcp_take_segments(w->tcp, batch, n);
	while (tcp_next_event(w->tcp))
		;
	wheel_turn(&w->wheel, w->now_us);
	tcp_flush(w->tcp);
	check(w);
}

static void step(struct world *w)
{
	struct rte_mbuf *batch[4];
	unsigned n = 0;
	uint32_t what = take(w->in, 1);

	if (what < 150)
		for (unsigned k = what % 4 + 1; k; k--)
			segment(w, batch, &n);
	else if (what < 200)
		use(w);
	else if (what < 215)
		w->now_us += take(w->in, 2) * 1000ull;
	else if (what < 225)
		connect_out(w);
	else if (what < 235)
		icmp(w);
	else if (what < 245)
		tcp_set_memory(w->tcp, take(w->in, 1), 256);
	else if (what < 250)
		w->hold = !w->hold;
	else
		w->now_us += take(w->in, 1) * 1000000ull;
	w->now_us += what * 10;
	pass(w, batch, n);
	if (!w->hold && w->held) {
		rte_pktmbuf_free(w->held);
		w->held = NULL;
	}
}

static void set_up(struct world *w)
{
	struct tcp_config cfg = tcp_config_default();
	uint32_t kind = take(w->in, 1);

	cfg.max_conns = 4;
	cfg.max_half_open = 1 + kind % 3;
	cfg.max_time_wait = kind % 2;
	cfg.max_orphans = 1 + kind % 3;
	cfg.cookies = kind / 4 % 3;
	cfg.rcv_buf = kind & 16 ? 3000 : 200000;
	cfg.snd_limit = 20000;
	cfg.keepalive_us = kind & 32 ? 0 : 20000000;
	w->ops = (struct tcp_ops){.output = output,
				  .admit = admit,
				  .accepted = accepted,
				  .mtu = mtu,
				  .scattered_output = kind & 64};
	w->now_us = 1000000 + (kind & 128 ? 0xfffff000ull * 1000 : 0);
	wheel_init(&w->wheel, w->now_us, fire, w);
	w->tcp = tcp_create(&cfg, &w->ops, w, &w->wheel, fuzz_pool(MBUFS), &w->counters);
	MUST(w->tcp);
	tcp_set_now(w->tcp, w->now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct world w = {.in = &in};

	fuzz_pool(MBUFS);
	set_up(&w);
	for (unsigned i = 0; i < STEPS_MAX && in.n; i++)
		step(&w);
	rte_pktmbuf_free(w.held);
	tcp_destroy(w.tcp);
	MUST(rte_mempool_avail_count(fuzz_pool(MBUFS)) == MBUFS);
	return 0;
}
