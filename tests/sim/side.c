/* side.c - an end of the simulated link and its users. */
#include "side.h"

#include <stdlib.h>
#include <string.h>

#include <rte_tcp.h>

#include <tcp/ctx.h>

#define BURST      32
#define PORT       80
#define LOWER_ROOM 54

uint8_t app_byte(uint64_t key, uint64_t i)
{
	return (uint8_t)((i + key) * 0x9e3779b97f4a7c15ull >> 56);
}

static void broken(struct side *s, const char *what)
{
	if (!s->broken)
		s->broken = what;
}

/* The device sends now, but frees later; or another user keeps the buffer. */
static void hold(struct side *s, struct rte_mbuf *m)
{
	if (s->n_held < HELD_MAX && rng_chance(s->rng, 0.5))
		s->held[s->n_held++] = m;
	else
		rte_pktmbuf_free(m);
}

static void let_go(struct side *s, bool all)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->n_held; i++) {
		if (all || rng_chance(s->rng, 0.5))
			rte_pktmbuf_free(s->held[i]);
		else
			s->held[kept++] = s->held[i];
	}
	s->n_held = kept;
}

static void check_frame(struct side *s, const struct rte_mbuf *m)
{
	const struct rte_tcp_hdr *th = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);

	if (m->data_off < LOWER_ROOM)
		broken(s, "no room for the lower headers");
	if (m->l4_len != (th->data_off >> 4) * 4 || m->data_len < m->l4_len)
		broken(s, "l4_len is not the header's length");
	if (th->cksum)
		broken(s, "checksum field is not zero");
	if (m->pkt_len + 20 > s->mtu)
		broken(s, "segment larger than the MTU");
	if (m->nb_segs > 1 && !s->ops.scattered_output)
		broken(s, "a chain for a device that cannot gather");
}

static void output(void *owner, struct tcp_conn *conn, const struct tcp_tuple *t,
		   struct rte_mbuf *m)
{
	struct side *s = owner;

	(void)conn;
	check_frame(s, m);
	link_send(s->link, !s->id, s->now_us, m, &t->local.ip, &t->remote.ip);
	hold(s, m);
}

static bool admit(void *owner, const struct tcp_tuple *t, uint64_t *cookie)
{
	(void)owner;
	*cookie = t->remote.port;
	return t->local.port == PORT;
}

static uint16_t mtu(void *owner, const struct tcp_tuple *t)
{
	(void)t;
	return ((struct side *)owner)->mtu;
}

static void release(struct app *a)
{
	struct bytestream *s = a->s;

	a->s = NULL;
	a->over = true;
	a->released = true;
	a->wake_us = UINT64_MAX;
	bytestream_release(s);
}

static void abort_app(struct app *a)
{
	struct bytestream *s = a->s;

	a->s = NULL;
	a->over = a->aborted = true;
	a->wake_us = UINT64_MAX;
	bytestream_abort(s);
}

static struct rte_mbuf *make_piece(struct app *a, uint32_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(a->side->pool);
	struct rng *rng = a->side->rng;
	char *p;

	if (!m)
		return NULL;
	if (a->plan.odd_mbufs && rng_chance(rng, 0.2))
		m->data_off = (uint16_t)rng_below(rng, 128);
	p = rte_pktmbuf_append(m, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++)
		p[i] = (char)app_byte(a->key, a->written + i);
	a->written += n;
	return m;
}

/* Two pieces over one buffer: the first indirect, the second the buffer's own mbuf. */
static void push_halves(struct app *a, struct mbq *q, struct rte_mbuf *m)
{
	struct rte_mbuf *first = rte_pktmbuf_alloc(a->side->pool);
	uint16_t half = (uint16_t)(m->data_len / 2);

	if (first) {
		rte_pktmbuf_attach(first, m);
		rte_pktmbuf_trim(first, (uint16_t)(m->data_len - half));
		rte_pktmbuf_adj(m, half);
		mbq_push(q, first);
	}
	mbq_push(q, m);
}

static bool write_piece(struct app *a)
{
	struct rng *rng = a->side->rng;
	uint64_t left = a->plan.bytes - a->written;
	uint32_t max = rng_chance(rng, 0.3) ? 60 : a->plan.piece_max;
	uint32_t n = a->plan.full ? a->plan.piece_max : 1 + rng_below(rng, max);
	struct rte_mbuf *m = make_piece(a, n < left ? n : (uint32_t)left);
	struct mbq q;

	if (!m)
		return false;
	mbq_init(&q);
	if (a->plan.odd_mbufs && rng_chance(rng, 0.1) && a->side->n_held < HELD_MAX) {
		rte_mbuf_refcnt_update(m, 1);
		a->side->held[a->side->n_held++] = m;
	}
	if (a->plan.odd_mbufs && rng_chance(rng, 0.1))
		push_halves(a, &q, m);
	else
		mbq_push(&q, m);
	bytestream_write(a->s, &q);
	return true;
}

static void write_some(struct app *a)
{
	while (a->written < a->plan.bytes) {
		if (a->s->tx_queued >= a->s->tx_limit) {
			a->s->tx_blocked = true;
			return;
		}
		if (!write_piece(a)) {
			a->wake_us = a->side->now_us + 1000;
			return;
		}
	}
	if (!a->shut && (!a->plan.patient || a->eof)) {
		a->shut = true;
		bytestream_shutdown(a->s);
	}
}

static void check_bytes(struct app *a, const struct rte_mbuf *m, uint32_t n)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	for (uint32_t i = 0; i < n; i++)
		if (p[i] != app_byte(a->peer->key, a->read + i)) {
			broken(a->side, "a byte is wrong");
			return;
		}
}

static void read_some(struct app *a)
{
	struct mbq *rx = &a->s->rx;
	uint32_t room = a->plan.read_max, taken = 0;

	while (rx->head && room) {
		uint32_t n = rx->head->data_len < room ? rx->head->data_len : room;

		check_bytes(a, rx->head, n);
		a->read += n;
		room -= n;
		taken += n;
		mbq_trim(rx, n);
	}
	if (taken)
		bytestream_consumed(a->s, taken);
}

/* What remains to be done, after anything happened. */
static void go_on(struct app *a)
{
	if (!a->s || !a->opened)
		return;
	write_some(a);
	if (a->plan.end != APP_CLOSE && a->written + a->read >= a->plan.end_after) {
		if (a->plan.end == APP_ABORT)
			abort_app(a);
		else
			release(a);
		return;
	}
	if (a->eof && !a->s->rx.head && a->shut && a->drained)
		release(a);
}

static void notify(struct bytestream *s, uint32_t events)
{
	struct app *a = s->user;

	if (a->s != s || a->over) {
		broken(a->side, "notified after release");
		return;
	}
	if (events & BS_CONNECTED)
		a->opened = true;
	if (events & BS_EOF)
		a->eof = true;
	if (events & BS_DRAINED)
		a->drained = true;
	if (events & BS_CLOSED) {
		a->error = s->error;
		read_some(a);
		release(a);
		return;
	}
	if (events & (BS_READABLE | BS_EOF)) {
		if (!a->plan.read_every_us)
			read_some(a);
		else if (a->wake_us == UINT64_MAX)
			a->wake_us = a->side->now_us + a->plan.read_every_us;
	}
	go_on(a);
}

static void accepted(void *owner, struct bytestream *bs)
{
	struct side *s = owner;
	uint16_t port = tcp_stream_tuple(bs)->remote.port;

	if (tcp_stream_cookie(bs) != port)
		broken(s, "the cookie is another's");
	for (unsigned i = 0; i < s->n_apps; i++) {
		struct app *a = &s->apps[i];

		if (a->client || a->port != port || a->opened)
			continue;
		a->s = bs;
		a->opened = true;
		a->wake_us = s->now_us;
		bs->user = a;
		bs->notify = notify;
		return;
	}
	bytestream_abort(bs); /* an old SYN's ghost */
}

void app_connect(struct app *a, uint16_t port)
{
	struct side *s = a->side;
	struct net_addr local = {.ip = s->ip}, remote = {.ip = s->other->ip, .port = PORT};

	local.port = port;
	a->s = tcp_connect(s->tcp, &remote, &local, 0, NULL);
	if (!a->s) {
		broken(s, "connect failed");
		return;
	}
	a->port = a->peer->port = tcp_stream_tuple(a->s)->local.port;
	a->s->user = a;
	a->s->notify = notify;
}

static void fire(void *arg, struct wheel_timer *t)
{
	tcp_timer(((struct side *)arg)->tcp, t);
}

void side_init(struct side *s, unsigned id, const struct tcp_config *cfg, bool scattered,
	       struct link *l, struct rng *rng, struct rte_mempool *pool, uint16_t path_mtu)
{
	memset(s, 0, sizeof(*s));
	s->id = id;
	s->link = l;
	s->rng = rng;
	s->pool = pool;
	s->mtu = path_mtu;
	s->ip = ip_addr_v4(rte_cpu_to_be_32(0xc6120001 + id));
	s->ops = (struct tcp_ops){.output = output,
				  .admit = admit,
				  .accepted = accepted,
				  .mtu = mtu,
				  .scattered_output = scattered};
	wheel_init(&s->wheel, 0, fire, s);
	s->tcp = tcp_create(cfg, &s->ops, s, &s->wheel, pool, &s->counters);
}

void side_fini(struct side *s)
{
	tcp_destroy(s->tcp);
	let_go(s, true);
}

static void wake_apps(struct side *s)
{
	for (unsigned i = 0; i < s->n_apps; i++) {
		struct app *a = &s->apps[i];

		if (a->wake_us > s->now_us)
			continue;
		a->wake_us = UINT64_MAX;
		if (!a->s)
			continue;
		read_some(a);
		if (a->s->rx.head)
			a->wake_us = s->now_us + a->plan.read_every_us;
		go_on(a);
	}
}

void side_pass(struct side *s, uint64_t now_us)
{
	struct rte_mbuf *pkts[BURST];
	unsigned n;

	s->now_us = now_us;
	tcp_set_now(s->tcp, now_us);
	n = link_receive(s->link, s->id, now_us, pkts, BURST);
	tcp_take_segments(s->tcp, pkts, n);
	while (tcp_next_event(s->tcp))
		;
	wake_apps(s);
	wheel_turn(&s->wheel, now_us);
	tcp_flush(s->tcp);
	let_go(s, false);
}

void side_set_congestion(struct side *s, enum congestion cc)
{
	s->tcp->cfg.cc = cc;
}

uint64_t side_next(const struct side *s)
{
	uint64_t next = wheel_next(&s->wheel);

	if (tcp_has_events(s->tcp))
		return s->now_us;
	for (unsigned i = 0; i < s->n_apps; i++)
		if (s->apps[i].wake_us < next)
			next = s->apps[i].wake_us;
	return next;
}
