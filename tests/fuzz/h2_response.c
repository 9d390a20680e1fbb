/* h2_response.c - fuzz target: an HTTP/2 server whose every byte comes from the input, and the
 * session that hears it.
 *
 * The first byte says what is asked and how the rest is cut into mbufs. At the end nothing may be
 * left, neither of nghttp2's memory nor of the pool's. */
#include <string.h>

#include <rte_mempool.h>

#include <http/h2_head.h>

#include "pool.h"

#define MBUFS   1023
#define STREAMS 3

struct world {
	struct h2_session session;
	struct h2_stream streams[STREAMS];
	struct bytestream bs;
	struct http_head head;
	bool gone[STREAMS];
};

/* ---- the stream of bytes ---- */

static void swallow(struct bytestream *s, struct mbq *q)
{
	uint32_t n = 0, bytes = 0;

	(void)s;
	for (struct rte_mbuf *m = q->head; m; m = pkt_priv(m)->next, n++) {
		MUST(m->nb_segs == 1 && m->pkt_len == m->data_len && m->data_len);
		bytes += m->data_len;
	}
	MUST(n == q->n && bytes == q->bytes);
	mbq_free(q);
}

static void consumed(struct bytestream *s, uint32_t n)
{
	(void)s;
	(void)n;
}

static const struct bytestream_ops ops = {.write = swallow, .consumed = consumed};

static bool deliver(struct world *w, const uint8_t *p, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(fuzz_pool(MBUFS));

	if (!m)
		return false;
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), p, n);
	mbq_push(&w->bs.rx, m);
	return true;
}

/* ---- who hears it ---- */

static struct world *world_of(struct h2_stream *st)
{
	return (struct world *)((char *)st->session - offsetof(struct world, session));
}

static void on_head(struct h2_stream *st, const struct h2_block *b)
{
	struct world *w = world_of(st);

	if (!h2_is_response(b) ||
	    !h2_read_response(&w->head, b, &w->session.limits, HTTP_GET, st->rx_end))
		return;
	MUST(w->head.status >= 100 && w->head.status <= 999);
	MUST(w->head.n_fields <= w->session.limits.max_fields);
	for (unsigned i = 0; i < w->head.n_fields; i++) {
		MUST(w->head.fields[i].name.n && w->head.fields[i].name.p[0] != ':');
		MUST(!memchr(w->head.fields[i].value.p, '\n', w->head.fields[i].value.n));
	}
}

static void on_data(struct h2_stream *st)
{
	uint32_t n = st->rx.bytes;

	MUST(n <= H2_STREAM_WINDOW);
	/* One of them never reads. */
	if (st == &world_of(st)->streams[0])
		return;
	mbq_free(&st->rx);
	h2_stream_consumed(st, n);
}

static void on_sent(struct h2_stream *st)
{
	MUST(st->session);
}

static void on_lost(struct h2_stream *st, enum h2_loss why)
{
	struct world *w = world_of(st);

	MUST(why <= H2_NO_MEMORY && !st->id);
	MUST(!w->gone[st - w->streams]);
	w->gone[st - w->streams] = true;
}

static void on_pong(struct h2_session *s)
{
	MUST(s->ng);
}

static const struct h2_events events = {
	.head = on_head, .data = on_data, .sent = on_sent, .lost = on_lost, .pong = on_pong};

static void ask(struct world *w, uint8_t kind)
{
	static const struct http_extra none;
	struct http_head h = {.method = SLICE("GET"), .authority = SLICE("a"), .path = SLICE("/")};
	struct h2_fields f;

	for (unsigned i = 0; i < STREAMS; i++) {
		bool body = kind >> i & 1;

		h.framing = body ? HTTP_BODY_CHUNKED : HTTP_BODY_NONE;
		h2_write_request(&f, &h, &none);
		MUST(h2_stream_open(&w->streams[i], &w->session, f.nv, f.n, body));
	}
}

static void hear(struct world *w, const uint8_t *p, size_t n, size_t piece)
{
	enum h2_verdict v = H2_GO_ON;

	while (n && v == H2_GO_ON) {
		size_t part = n < piece ? n : piece;

		MUST(deliver(w, p, part));
		v = h2_session_read(&w->session, &w->bs);
		if (v == H2_GO_ON)
			v = h2_session_write(&w->session, &w->bs);
		p += part;
		n -= part;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct counters counters = {0};
	struct h2_mem mem;
	uint8_t kind = size ? data[0] : 0;

	memset(&w, 0, sizeof(w));
	w.bs.ops = &ops;
	w.bs.tx_limit = 65536;
	w.session.events = &events;
	w.session.pool = fuzz_pool(MBUFS);
	w.session.limits = (struct h1_limits){8192, 100};
	h2_mem_init(&mem, 4u << 20, &counters);
	MUST(h2_session_open(&w.session, &mem));
	ask(&w, kind);
	h2_session_write(&w.session, &w.bs);
	if (size)
		hear(&w, data + 1, size - 1, kind & 8 ? 1 + (kind >> 4) : 1400);
	for (unsigned i = 0; i < STREAMS; i++)
		h2_stream_leave(&w.streams[i]);
	h2_session_close(&w.session);
	mbq_free(&w.bs.rx);
	MUST(mem.used == 0);
	MUST(rte_mempool_avail_count(fuzz_pool(MBUFS)) == MBUFS);
	return 0;
}
