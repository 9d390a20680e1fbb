/* h2_origin.c - owns the server's session; what it answers is the test's. */
#include "h2_origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NV_MAX 64

static struct h2_seen *find(struct h2_origin *o, int32_t id)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->seen[i].id == id)
			return &o->seen[i];
	return NULL;
}

/* ---- what comes ---- */

static int on_begin(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_origin *o = arg;

	(void)ng;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	assert_true(o->n < H2_ORIGIN_STREAMS);
	o->seen[o->n].id = frame->hd.stream_id;
	bytes_add(&o->seen[o->n++].body, "", 0);
	return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct h2_seen *s = find(arg, frame->hd.stream_id);
	size_t at = strlen(s->fields);

	(void)ng;
	(void)flags;
	snprintf(s->fields + at, sizeof(s->fields) - at, "%.*s: %.*s\n", (int)name_len,
		 (const char *)name, (int)value_len, (const char *)value);
	return 0;
}

static int on_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
		    void *arg)
{
	struct h2_origin *o = arg;
	struct h2_seen *s = find(o, id);

	(void)flags;
	bytes_add(&s->body, p, n);
	if (!o->keeps_windows)
		nghttp2_session_consume(ng, id, n);
	return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
	struct h2_origin *o = arg;
	struct h2_seen *s = find(o, frame->hd.stream_id);
	uint8_t type = frame->hd.type;

	(void)ng;
	if ((type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) && s &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		s->ended = true;
	if (type == NGHTTP2_RST_STREAM && s) {
		s->reset = true;
		s->code = frame->rst_stream.error_code;
	}
	o->pings += type == NGHTTP2_PING && !(frame->hd.flags & NGHTTP2_FLAG_ACK);
	o->goaways += type == NGHTTP2_GOAWAY;
	return 0;
}

static int on_invalid(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *arg)
{
	(void)ng;
	(void)frame;
	(void)arg;
	fail_msg("the proxy broke the rules: %s", nghttp2_strerror(error));
	return 0;
}

/* ---- the session ---- */

void h2_origin_policy(struct rig *r, struct http2_policy *policy)
{
	if (policy->max_streams == 0)
		policy->max_streams = 1024;
	r->clusters[0].http2 = policy;
	for (unsigned i = 0; i < RIG_ENDPOINTS; i++)
		r->endpoints[i].http2 = true;
	r->snap.generation++;
	rig_run(r);
}

static nghttp2_session *make_session(struct h2_origin *o)
{
	nghttp2_session_callbacks *c;
	nghttp2_option *opt;
	nghttp2_session *ng;

	assert_int_equal(nghttp2_session_callbacks_new(&c), 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid);
	assert_int_equal(nghttp2_option_new(&opt), 0);
	nghttp2_option_set_no_auto_window_update(opt, 1);
	assert_int_equal(nghttp2_session_server_new2(&ng, c, o, opt), 0);
	nghttp2_option_del(opt);
	nghttp2_session_callbacks_del(c);
	return ng;
}

struct h2_origin *h2_origin_accept(struct rig *r, uint32_t max_streams, uint32_t window)
{
	struct h2_origin *o = calloc(1, sizeof(*o));
	nghttp2_settings_entry settings[2];
	size_t n = 0;

	assert_non_null(o);
	o->r = r;
	o->peer = rig_origin(r);
	o->ng = make_session(o);
	if (max_streams)
		settings[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
							 max_streams};
	if (window)
		settings[n++] =
			(nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
	assert_int_equal(nghttp2_submit_settings(o->ng, 0, settings, n), 0);
	h2_origin_run(o);
	return o;
}

void h2_origin_close(struct h2_origin *o)
{
	nghttp2_session_del(o->ng);
	for (unsigned i = 0; i < o->n; i++)
		free(o->seen[i].body.p);
	free(o);
}

static bool hear(struct h2_origin *o)
{
	struct bytes *b = &o->peer->heard;
	ssize_t n = nghttp2_session_mem_recv(o->ng, (const uint8_t *)b->p, b->n);

	assert_int_equal(n, b->n);
	bytes_drop(b, b->n);
	return n > 0;
}

static bool say(struct h2_origin *o)
{
	const uint8_t *p;
	ssize_t n;
	bool any = false;

	while ((n = nghttp2_session_mem_send(o->ng, &p)) > 0) {
		peer_send(o->peer, p, (size_t)n);
		any = true;
	}
	assert_int_equal(n, 0);
	return any;
}

void h2_origin_run(struct h2_origin *o)
{
	bool more;

	do {
		rig_run(o->r);
		more = hear(o);
		more |= say(o);
	} while (more);
}

/* ---- what the test looks at, and says ---- */

struct h2_seen *h2_origin_request(struct h2_origin *o, unsigned i)
{
	h2_origin_run(o);
	assert_true(i < o->n);
	assert_true(o->seen[i].ended);
	return &o->seen[i];
}

const char *h2_seen_field(const struct h2_seen *s, const char *name)
{
	static char value[8192];
	char mark[128];
	const char *at;

	snprintf(mark, sizeof(mark), "%s: ", name);
	at = strncmp(s->fields, mark, strlen(mark)) == 0 ? s->fields : NULL;
	if (!at) {
		snprintf(mark, sizeof(mark), "\n%s: ", name);
		at = strstr(s->fields, mark);
	}
	if (!at)
		return NULL;
	at += strlen(mark);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\n"), at);
	return value;
}

static ssize_t read_answer(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t max,
			   uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2_seen *s = source->ptr;
	size_t n = s->left < max ? s->left : max;

	(void)ng;
	(void)id;
	(void)arg;
	memcpy(buf, s->answer, n);
	s->answer += n;
	s->left -= n;
	if (s->left == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* The pieces of "name: value\n" lines; the text must outlive them. */
static size_t parse_fields(const char *fields, nghttp2_nv *nv)
{
	size_t n = 0;

	while (*fields) {
		size_t name = strcspn(fields, ":"), value = strcspn(fields + name + 2, "\n");

		assert_true(n < NV_MAX);
		nv[n++] = (nghttp2_nv){(uint8_t *)fields, (uint8_t *)fields + name + 2, name, value,
				       0};
		fields += name + 2 + value + 1;
	}
	return n;
}

void h2_origin_answer(struct h2_origin *o, struct h2_seen *s, const char *status,
		      const char *fields, const char *body, size_t n)
{
	nghttp2_data_provider source = {.source.ptr = s, .read_callback = read_answer};
	nghttp2_nv nv[NV_MAX + 1] = {
		{(uint8_t *)":status", (uint8_t *)status, 7, strlen(status), 0}};
	size_t n_fields = 1 + parse_fields(fields, nv + 1);

	s->answer = body;
	s->left = n;
	if (status[0] == '1')
		assert_int_equal(nghttp2_submit_headers(o->ng, 0, s->id, NULL, nv, n_fields, NULL),
				 0);
	else
		assert_int_equal(
			nghttp2_submit_response(o->ng, s->id, nv, n_fields, body ? &source : NULL),
			0);
	h2_origin_run(o);
}

void h2_origin_open_windows(struct h2_origin *o, struct h2_seen *s)
{
	nghttp2_session_consume(o->ng, s->id, s->body.n);
	o->keeps_windows = false;
	h2_origin_run(o);
}
