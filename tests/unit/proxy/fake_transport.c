/* fake_transport.c - owns the streams while they live and the peers until the end. */
#include "fake_transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Ethernet, IPv6 and TCP with options: what a device driver finds in front of the payload. */
#define HEADERS 94
/* A head, or one read of a body, may overshoot the limit. */
#define TX_OVERSHOOT (192u * 1024)

struct fake_stream {
	struct bytestream bs; /* first */
	struct peer *peer;
	uint64_t delivered, consumed;
	bool shut, closed;
};

void bytes_add(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n + 1 > b->room) {
		b->room = (b->n + n + 1) * 2;
		b->p = realloc(b->p, b->room);
		assert_non_null(b->p);
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void bytes_drop(struct bytes *b, size_t n)
{
	assert_true(n <= b->n);
	if (!n)
		return;
	memmove(b->p, b->p + n, b->n - n + 1);
	b->n -= n;
}

static struct fake_stream *stream_of(struct bytestream *s)
{
	return (struct fake_stream *)s;
}

static void check_queue(const struct mbq *q)
{
	uint32_t n = 0, bytes = 0;

	for (struct rte_mbuf *m = q->head; m; m = pkt_priv(m)->next) {
		assert_int_equal(m->nb_segs, 1);
		assert_null(m->next);
		assert_int_equal(m->pkt_len, m->data_len);
		n++;
		bytes += m->data_len;
	}
	assert_int_equal(n, q->n);
	assert_int_equal(bytes, q->bytes);
}

/* ---- what the proxy calls ---- */

static void write_queue(struct bytestream *s, struct mbq *q)
{
	struct fake_stream *f = stream_of(s);

	check_queue(q);
	assert_false(f->shut);
	assert_false(f->peer->connecting);
	if (f->closed) {
		mbq_free(q);
		return;
	}
	s->tx_queued += q->bytes;
	assert_true(s->tx_queued < s->tx_limit + TX_OVERSHOOT);
	mbq_append(&f->peer->wire, q);
}

static void consumed(struct bytestream *s, uint32_t n)
{
	struct fake_stream *f = stream_of(s);

	check_queue(&s->rx);
	f->consumed += n;
	assert_true(f->consumed + s->rx.bytes <= f->delivered);
}

static void shutdown_writing(struct bytestream *s)
{
	assert_false(stream_of(s)->shut);
	stream_of(s)->shut = true;
}

static void give_up(struct fake_stream *f)
{
	struct peer *p = f->peer;

	mbq_free(&f->bs.rx);
	p->stream = NULL;
	p->pending = 0;
	p->out.n = 0;
	p->tcp->streams--;
	free(f);
}

static void abort_stream(struct bytestream *s)
{
	struct fake_stream *f = stream_of(s);
	struct peer *p = f->peer;

	if (!f->closed && !p->connecting)
		p->was_reset = true;
	mbq_free(&p->wire);
	give_up(f);
}

static void release(struct bytestream *s)
{
	struct fake_stream *f = stream_of(s);

	if (f->peer->connecting) {
		abort_stream(s);
		return;
	}
	give_up(f);
}

static const struct bytestream_ops fake_ops = {
	.write = write_queue,
	.consumed = consumed,
	.shutdown = shutdown_writing,
	.release = release,
	.abort = abort_stream,
};

static struct peer *make_peer(struct tcp_ctx *t, const struct tcp_tuple *tuple)
{
	struct fake_stream *f = calloc(1, sizeof(*f));
	struct peer *p = calloc(1, sizeof(*p));

	assert_non_null(f);
	assert_non_null(p);
	f->bs.ops = &fake_ops;
	f->bs.tx_limit = t->tx_limit;
	f->peer = p;
	p->tcp = t;
	p->tuple = *tuple;
	p->stream = f;
	bytes_add(&p->out, "", 0);
	bytes_add(&p->heard, "", 0);
	t->streams++;
	t->peers = realloc(t->peers, (t->n_peers + 1) * sizeof(struct peer *));
	t->peers[t->n_peers++] = p;
	return p;
}

struct bytestream *tcp_connect(struct tcp_ctx *ctx, const struct net_addr *remote,
			       const struct net_addr *local, uint64_t connect_timeout_us,
			       bool (*steer)(void *owner, const struct tcp_tuple *t))
{
	struct tcp_tuple t = {.local = *local, .remote = *remote};
	struct peer *p;

	if (ctx->connect == FAKE_NO_PORT)
		return NULL;
	assert_int_equal(local->port, 0);
	t.local.port = (uint16_t)(32768 + ctx->n_peers % 28000);
	assert_true(!steer || steer(ctx->owner, &t));
	p = make_peer(ctx, &t);
	p->active = p->connecting = true;
	p->connect_deadline_us = connect_timeout_us ? ctx->now_us + connect_timeout_us : UINT64_MAX;
	if (ctx->connect == FAKE_ACCEPT)
		peer_accept(p);
	else if (ctx->connect == FAKE_REFUSE)
		peer_reset(p);
	return &p->stream->bs;
}

void tcp_stream_keepalive(struct bytestream *s, const struct tcp_keepalive *k)
{
	((struct fake_stream *)s)->peer->keepalive = *k;
}

const struct tcp_tuple *tcp_stream_tuple(const struct bytestream *s)
{
	return &((const struct fake_stream *)s)->peer->tuple;
}

uint64_t tcp_stream_cookie(const struct bytestream *s)
{
	return ((const struct fake_stream *)s)->peer->cookie;
}

bool net_route(const struct net *net, const struct ip_addr *dst, struct ip_addr *src, uint16_t *mtu)
{
	(void)dst;
	*src = net->local;
	*mtu = 1500;
	return !net->no_route;
}

/* Nobody sleeps here: tests run each worker when they want to. */
void net_wake(const struct net *net, unsigned worker)
{
	(void)net;
	(void)worker;
}

bool net_is_local(const struct net *net, const struct ip_addr *ip)
{
	return ip_addr_eq(&net->local, ip);
}

/* ---- the far end ---- */

void fake_init(struct tcp_ctx *t, struct rte_mempool *pool)
{
	*t = (struct tcp_ctx){.pool = pool, .tx_limit = 64 * 1024, .rcv_buf = 128 * 1024};
}

void fake_fini(struct tcp_ctx *t)
{
	for (unsigned i = 0; i < t->n_peers; i++) {
		struct peer *p = t->peers[i];

		mbq_free(&p->wire);
		free(p->out.p);
		free(p->heard.p);
		free(p);
	}
	free(t->peers);
}

struct peer *fake_accept(struct tcp_ctx *t, const struct tcp_tuple *tuple, uint64_t cookie)
{
	struct peer *p = make_peer(t, tuple);

	p->cookie = cookie;
	return p;
}

struct bytestream *peer_stream(struct peer *p)
{
	return &p->stream->bs;
}

static void post(struct peer *p, uint32_t events)
{
	if (p->stream)
		p->pending |= events;
}

static void close_stream(struct peer *p, enum bytestream_error error)
{
	struct fake_stream *f = p->stream;

	p->out.n = 0;
	mbq_free(&p->wire);
	if (!f || f->closed)
		return;
	f->closed = true;
	f->bs.error = (uint8_t)error;
	f->bs.tx_queued = 0;
	post(p, BS_CLOSED);
}

void peer_accept(struct peer *p)
{
	p->connecting = false;
	post(p, BS_CONNECTED);
}

void peer_send(struct peer *p, const void *bytes, size_t n)
{
	assert_false(p->end_queued);
	if (p->stream && !p->stream->closed)
		bytes_add(&p->out, bytes, n);
}

void peer_say(struct peer *p, const char *text)
{
	peer_send(p, text, strlen(text));
}

void peer_end(struct peer *p)
{
	p->end_queued = true;
}

void peer_reset(struct peer *p)
{
	close_stream(p, p->connecting ? BS_REFUSED : BS_RESET);
}

uint32_t peer_window(const struct peer *p)
{
	const struct fake_stream *f = p->stream;
	uint64_t held = f->delivered - f->consumed;

	return held >= p->tcp->rcv_buf ? 0 : p->tcp->rcv_buf - (uint32_t)held;
}

static bool append_to_tail(struct mbq *rx, const char *p, uint32_t n)
{
	struct rte_mbuf *tail = rx->tail;

	if (!tail || n > 256 || rte_mbuf_refcnt_read(tail) != 1 || !RTE_MBUF_DIRECT(tail) ||
	    rte_pktmbuf_tailroom(tail) < n)
		return false;
	memcpy(rte_pktmbuf_append(tail, (uint16_t)n), p, n);
	rx->bytes += n;
	return true;
}

/* One segment of at most n bytes; 0 when there is no mbuf for it. */
static uint32_t deliver(struct peer *p, uint32_t n)
{
	struct tcp_ctx *t = p->tcp;
	struct mbq *rx = &p->stream->bs.rx;
	struct rte_mbuf *m;

	if (t->piece && n > t->piece)
		n = t->piece;
	if (n > 1448)
		n = 1448;
	if (!t->coalesce || !append_to_tail(rx, p->out.p, n)) {
		m = rte_pktmbuf_alloc(t->pool);
		if (!m)
			return 0;
		rte_pktmbuf_reset_headroom(m);
		m->data_off = (uint16_t)(m->data_off + HEADERS - 40);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), p->out.p, n);
		mbq_push(rx, m);
	}
	bytes_drop(&p->out, n);
	p->stream->delivered += n;
	post(p, BS_READABLE);
	return n;
}

static void arrive(struct peer *p)
{
	struct fake_stream *f = p->stream;
	uint32_t n;

	while (p->out.n && (n = peer_window(p)))
		if (!deliver(p, p->out.n < n ? (uint32_t)p->out.n : n))
			return;
	if (p->end_queued && !p->out.n && !f->bs.eof) {
		f->bs.eof = true;
		post(p, BS_EOF);
	}
}

void fake_arrivals(struct tcp_ctx *t)
{
	for (unsigned i = 0; i < t->n_peers; i++) {
		struct peer *p = t->peers[i];

		if (p->stream && !p->connecting && !p->stream->closed)
			arrive(p);
		else if (p->stream && p->connecting && t->now_us >= p->connect_deadline_us)
			close_stream(p, BS_TIMEOUT);
	}
}

/* A stranger's header in front of each payload that nobody else looks at, and in a buffer that
 * is given back nothing of what it held. */
static void send_in_place(struct rte_mbuf *m)
{
	if (RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 &&
	    rte_pktmbuf_headroom(m) >= HEADERS)
		memset(rte_pktmbuf_mtod(m, char *) - HEADERS, '!', HEADERS);
}

static void forget(struct rte_mbuf *m)
{
	if (RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1)
		memset(m->buf_addr, '?', m->buf_len);
	rte_pktmbuf_free_seg(m);
}

static void acknowledge(struct peer *p, uint32_t n)
{
	struct bytestream *s = p->stream ? &p->stream->bs : NULL;

	if (!s)
		return;
	s->tx_queued -= n;
	s->taken_ms = (uint32_t)(p->tcp->now_us / 1000);
	if (s->tx_blocked && s->tx_queued <= s->tx_limit / 2) {
		s->tx_blocked = false;
		post(p, BS_WRITABLE);
	}
}

void peer_hear(struct peer *p, uint32_t max)
{
	while (p->wire.head && max) {
		struct rte_mbuf *m = p->wire.head;
		uint32_t n = m->data_len < max ? m->data_len : max;

		bytes_add(&p->heard, rte_pktmbuf_mtod(m, char *), n);
		if (n == m->data_len)
			forget(mbq_pop(&p->wire));
		else
			mbq_trim(&p->wire, n);
		max -= n;
		acknowledge(p, n);
	}
	if (p->wire.head || p->connecting || p->ended || p->was_reset)
		return;
	if (!p->stream || p->stream->shut) {
		p->ended = true;
		post(p, BS_DRAINED);
	}
}

bool fake_departures(struct tcp_ctx *t)
{
	for (unsigned i = 0; i < t->n_peers; i++) {
		struct peer *p = t->peers[i];

		for (struct rte_mbuf *m = p->wire.head; m; m = pkt_priv(m)->next)
			send_in_place(m);
		if (!p->deaf)
			peer_hear(p, UINT32_MAX);
	}
	return fake_has_events(t);
}

bool fake_has_events(const struct tcp_ctx *t)
{
	for (unsigned i = 0; i < t->n_peers; i++)
		if (t->peers[i]->pending)
			return true;
	return false;
}

bool tcp_next_event(struct tcp_ctx *t)
{
	unsigned start = 0;

	if (t->shuffle) {
		t->shuffle = t->shuffle * 6364136223846793005ull + 1442695040888963407ull;
		start = (unsigned)(t->shuffle >> 33) % (t->n_peers ? t->n_peers : 1);
	}
	for (unsigned i = 0; i < t->n_peers; i++) {
		struct peer *p = t->peers[(start + i) % t->n_peers];
		uint32_t events = p->pending;

		if (!events)
			continue;
		p->pending = 0;
		p->stream->bs.notify(&p->stream->bs, events);
		return true;
	}
	return false;
}
