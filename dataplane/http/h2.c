/* h2.c - owns a session: nghttp2's callbacks, and bytes between it and mbufs. */
#include <http/h2.h>

#include <http/h1_io.h>

/* The connection's window, which is opened as content arrives: what may be on its way. */
#define CONNECTION_WINDOW (16 * 1024 * 1024)
/* Streams until the peer's SETTINGS say how many it wants (RFC 9113 6.5.2 advises it to want no
 * less). */
#define STREAMS_AT_FIRST 100
/* PING, SETTINGS, WINDOW_UPDATE, empty DATA and frames nobody knows cost us and not the peer. */
#define HOLLOW_MAX 10000
/* Ours are as long as a rewritten head may be, which may be much longer than the one that came. */
#define SEND_HEAD_MAX (16 * 1024 * 1024)
#define FRAME_HEADER  9

static struct h2_stream *find(nghttp2_session *ng, int32_t id)
{
	return nghttp2_session_get_stream_user_data(ng, id);
}

/* The session knows st no more. */
static void part(struct h2_stream *st)
{
	nghttp2_session_set_stream_user_data(st->session->ng, st->id, NULL);
	st->id = 0;
}

/* ---- header blocks ---- */

static void forget_block(struct h2_block *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		nghttp2_rcbuf_decref(b->fields[i].name);
		nghttp2_rcbuf_decref(b->fields[i].value);
	}
	b->n = b->bytes = 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *s = arg;

	(void)ng;
	(void)frame;
	forget_block(&s->block);
	return 0;
}

/* As many bytes as it would have in HTTP/1.1, so that one limit means the same to both. */
static uint32_t size_of(nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
	return (uint32_t)(nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len + 4);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	struct h2_session *s = arg;
	struct h2_block *b = &s->block;
	uint32_t size = size_of(name, value);

	(void)ng;
	(void)frame;
	(void)flags;
	if (b->n == H2_BLOCK_FIELDS_MAX || size > s->limits.max_head_bytes - b->bytes)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_rcbuf_incref(name);
	nghttp2_rcbuf_incref(value);
	b->fields[b->n].name = name;
	b->fields[b->n++].value = value;
	b->bytes += size;
	return 0;
}

/* nghttp2 would leave it out: whoever sends it means something that we do not understand. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
			     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	(void)ng;
	(void)frame;
	(void)name;
	(void)value;
	(void)flags;
	(void)arg;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* ---- content that arrives ---- */

/* Appends bytes that lie in the mbuf that is being read: the mbuf itself when nothing follows them
 * there, a reference to it when something does, and a copy of what is too little for either. */
static bool take(struct h2_session *s, const uint8_t *p, uint32_t n, struct mbq *to)
{
	struct rte_mbuf *m = s->in, *ref;
	uint32_t off = (uint32_t)(p - rte_pktmbuf_mtod(m, const uint8_t *));

	if (n <= H1_COPY_BREAK)
		return h1_append_bytes(to, slice_of((const char *)p, n), s->pool);
	if (off + n == m->data_len) {
		s->in = NULL;
		rte_pktmbuf_adj(m, (uint16_t)off);
		mbq_push(to, m);
		return true;
	}
	ref = rte_pktmbuf_alloc(s->pool);
	if (!ref)
		return false;
	rte_pktmbuf_attach(ref, m);
	ref->data_off = (uint16_t)(m->data_off + off);
	ref->data_len = (uint16_t)n;
	ref->pkt_len = n;
	mbq_push(to, ref);
	return true;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
			 void *arg)
{
	struct h2_session *s = arg;
	struct h2_stream *st = find(ng, id);

	(void)flags;
	s->hollow = 0;
	nghttp2_session_consume_connection(ng, n);
	if (!st) /* a reset is on its way */
		return 0;
	if (take(s, p, (uint32_t)n, &st->rx)) {
		s->events->data(st);
		return 0;
	}
	nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
	part(st);
	s->events->lost(st, H2_NO_MEMORY);
	return 0;
}

/* ---- frames ---- */

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *arg)
{
	struct h2_session *s = arg;

	(void)ng;
	(void)hd;
	return ++s->hollow > HOLLOW_MAX ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void take_head(struct h2_session *s, struct h2_stream *st)
{
	s->hollow = 0;
	if (st)
		s->events->head(st, &s->block);
	forget_block(&s->block);
}

static void take_end(struct h2_session *s, struct h2_stream *st)
{
	st->rx_end = true;
	s->events->data(st);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_session *s = arg;
	bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
	struct h2_stream *st = frame->hd.stream_id ? find(ng, frame->hd.stream_id) : NULL;

	/* The end first, so that who takes the head knows whether there is more. */
	if (st && message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		st->rx_end = true;
	if (frame->hd.type == NGHTTP2_HEADERS) {
		take_head(s, st);
		st = find(ng, frame->hd.stream_id);
	} else if (frame->hd.type == NGHTTP2_RST_STREAM && st) {
		st->reset_by_peer = true;
	} else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) {
		s->events->pong(s);
	}
	if (st && message && st->rx_end)
		take_end(s, st);
	return 0;
}

/* GOAWAY came before the request had left. */
static int on_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *arg)
{
	struct h2_stream *st = find(ng, frame->hd.stream_id);
	bool late = error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED ||
		    error == NGHTTP2_ERR_SESSION_CLOSING;

	(void)arg;
	if (st && late && frame->hd.type == NGHTTP2_HEADERS)
		st->unsent = true;
	return 0;
}

static enum h2_loss why_lost(const struct h2_stream *st, uint32_t code)
{
	if (st->unsent)
		return H2_UNPROCESSED;
	if (st->reset_by_peer)
		return code == NGHTTP2_REFUSED_STREAM ? H2_REFUSED : H2_RESET;
	/* That is how nghttp2 closes those above the number in GOAWAY. */
	return code == NGHTTP2_REFUSED_STREAM ? H2_UNPROCESSED : H2_MALFORMED;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
	struct h2_session *s = arg;
	struct h2_stream *st = find(ng, id);

	if (!st)
		return 0;
	part(st);
	if (!st->rx_end)
		s->events->lost(st, why_lost(st, code));
	return 0;
}

/* ---- content that is sent ---- */

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
			 nghttp2_data_source *source, void *arg)
{
	struct h2_stream *st = find(ng, id);
	uint32_t n;

	(void)buf;
	(void)source;
	(void)arg;
	if (!st) { /* it had said all */
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		return 0;
	}
	if (st->tx.bytes == 0 && !st->tx_end) {
		st->tx_waits = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	n = (uint32_t)RTE_MIN(max, (size_t)st->tx.bytes);
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n == st->tx.bytes && st->tx_end)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* A DATA frame: its header, and then n bytes of content as they are. */
static int send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *header, size_t n,
		     nghttp2_data_source *source, void *arg)
{
	struct h2_session *s = arg;
	struct h2_stream *st = find(ng, frame->hd.stream_id);
	struct mbq content;

	(void)source;
	mbq_init(&content);
	if (n && !h1_take_bytes(&st->tx, (uint32_t)n, &content, s->pool))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!h1_append_bytes(&s->out, slice_of((const char *)header, FRAME_HEADER), s->pool)) {
		mbq_free(&content);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	mbq_append(&s->out, &content);
	if (st)
		s->events->sent(st);
	return s->out.bytes >= s->room ? NGHTTP2_ERR_PAUSE : 0;
}

/* ---- the session ---- */

static nghttp2_session_callbacks *make_callbacks(void)
{
	nghttp2_session_callbacks *c;

	if (nghttp2_session_callbacks_new(&c) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_not_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
	nghttp2_session_callbacks_set_send_data_callback(c, send_data);
	return c;
}

static nghttp2_option *make_options(void)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_peer_max_concurrent_streams(o, STREAMS_AT_FIRST);
	nghttp2_option_set_max_send_header_block_length(o, SEND_HEAD_MAX);
	return o;
}

static bool introduce(struct h2_session *s)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, s->limits.max_head_bytes},
	};

	return nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, settings, RTE_DIM(settings)) ==
		       0 &&
	       nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0,
						     CONNECTION_WINDOW) == 0;
}

bool h2_session_open(struct h2_session *s, struct h2_mem *mem)
{
	nghttp2_session_callbacks *c = make_callbacks();
	nghttp2_option *o = make_options();

	if (!c || !o || nghttp2_session_client_new3(&s->ng, c, s, o, &mem->api) != 0)
		s->ng = NULL;
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(c);
	return s->ng && introduce(s);
}

void h2_session_close(struct h2_session *s)
{
	forget_block(&s->block);
	nghttp2_session_del(s->ng);
	s->ng = NULL;
	mbq_free(&s->out);
}

static enum h2_verdict verdict_of(ssize_t error)
{
	return error == NGHTTP2_ERR_NOMEM ? H2_SHORT : H2_BROKEN;
}

enum h2_verdict h2_session_read(struct h2_session *s, struct bytestream *bs)
{
	uint32_t taken = 0;
	ssize_t rc = 0;

	while (rc >= 0 && (s->in = mbq_pop(&bs->rx))) {
		uint32_t n = s->in->data_len;

		rc = nghttp2_session_mem_recv(s->ng, rte_pktmbuf_mtod(s->in, uint8_t *), n);
		taken += n;
		if (s->in)
			rte_pktmbuf_free_seg(s->in);
	}
	s->in = NULL;
	bytestream_consumed(bs, taken);
	return rc < 0 ? verdict_of(rc) : H2_GO_ON;
}

/* Frames that are not content, of any length. */
static bool append(struct h2_session *s, const uint8_t *p, size_t n)
{
	while (n) {
		uint32_t part = (uint32_t)RTE_MIN(n, (size_t)H1_WRITE_SEGMENT);

		if (!h1_append_bytes(&s->out, slice_of((const char *)p, part), s->pool))
			return false;
		p += part;
		n -= part;
	}
	return true;
}

enum h2_verdict h2_session_write(struct h2_session *s, struct bytestream *bs)
{
	const uint8_t *p;
	ssize_t n = 1;

	s->room = bs->tx_queued < bs->tx_limit ? bs->tx_limit - bs->tx_queued : 0;
	while (n > 0 && s->out.bytes < s->room) {
		n = nghttp2_session_mem_send(s->ng, &p);
		if (n > 0 && !append(s, p, (size_t)n))
			return H2_SHORT;
	}
	if (n < 0)
		return verdict_of(n);
	if (s->out.bytes >= s->room)
		bs->tx_blocked = true;
	if (s->out.bytes)
		bytestream_write(bs, &s->out);
	if (nghttp2_session_want_read(s->ng) || nghttp2_session_want_write(s->ng))
		return H2_GO_ON;
	return H2_OVER;
}

uint32_t h2_session_streams_max(const struct h2_session *s)
{
	return nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool h2_session_may_open(const struct h2_session *s)
{
	return nghttp2_session_check_request_allowed(s->ng);
}

bool h2_session_ping(struct h2_session *s)
{
	return nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL) == 0;
}

void h2_session_bye(struct h2_session *s)
{
	nghttp2_session_terminate_session(s->ng, NGHTTP2_NO_ERROR);
}

/* ---- streams ---- */

bool h2_stream_open(struct h2_stream *st, struct h2_session *s, const nghttp2_nv *nv, size_t n,
		    bool body)
{
	const nghttp2_data_provider source = {.read_callback = read_body};
	int32_t id = nghttp2_submit_request(s->ng, NULL, nv, n, body ? &source : NULL, st);

	if (id < 0)
		return false;
	st->session = s;
	st->id = id;
	st->tx_end = !body;
	return true;
}

/* There is something to send again. */
static void go_on(struct h2_stream *st)
{
	if (!st->tx_waits || !st->id)
		return;
	st->tx_waits = false;
	nghttp2_session_resume_data(st->session->ng, st->id);
}

void h2_stream_send(struct h2_stream *st, struct mbq *data)
{
	if (!st->id) { /* the peer has closed it */
		mbq_free(data);
		return;
	}
	mbq_append(&st->tx, data);
	go_on(st);
}

void h2_stream_end(struct h2_stream *st)
{
	st->tx_end = true;
	go_on(st);
}

void h2_stream_consumed(struct h2_stream *st, uint32_t n)
{
	if (st->id)
		nghttp2_session_consume_stream(st->session->ng, st->id, n);
}

void h2_stream_leave(struct h2_stream *st)
{
	bool whole = st->rx_end && st->tx_end && !st->tx.bytes;

	if (st->id && !whole)
		nghttp2_submit_rst_stream(st->session->ng, NGHTTP2_FLAG_NONE, st->id,
					  st->rx_end ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
	if (st->id)
		part(st);
	mbq_free(&st->rx);
	mbq_free(&st->tx);
}
