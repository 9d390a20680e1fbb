/* test_h2_messages.c - requests to an HTTP/2 upstream and its responses: fields, content, windows,
 * and servers that break the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mempool.h>

#include "h2_origin.h"

#define GET   "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define LARGE 300000

static struct http2_policy policy;
static char large[LARGE + 1];

static int setup(void **state)
{
	struct rig *r = rig_open();

	for (unsigned i = 0; i < LARGE; i++)
		large[i] = (char)('a' + i / 7 % 26);
	policy = (struct http2_policy){0};
	h2_origin_policy(r, &policy);
	*state = r;
	return 0;
}

/* The server has the request. */
static struct h2_origin *ask(struct rig *r, struct peer *client, const char *text)
{
	rig_ask(r, client, text);
	return h2_origin_accept(r, 0, 0);
}

static void check_field(const struct h2_seen *s, const char *name, const char *value)
{
	const char *v = h2_seen_field(s, name);

	if (value && !v)
		fail_msg("no %s", name);
	if (value)
		assert_string_equal(v, value);
	else
		assert_null(v);
}

/* ---- heads ---- */

static void fields_of_a_request(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o =
		ask(r, client,
		    "GET /a?b=c HTTP/1.1\r\nHost: web:80\r\nX-Mixed: One\r\n"
		    "Cookie: a=b; c=d\r\nConnection: x-drop, keep-alive\r\nX-Drop: 1\r\n"
		    "Keep-Alive: timeout=5\r\nTE: trailers, deflate\r\n\r\n");
	struct h2_seen *s = h2_origin_request(o, 0);

	check_field(s, ":method", "GET");
	check_field(s, ":scheme", "http");
	check_field(s, ":authority", "web:80");
	check_field(s, ":path", "/a?b=c");
	check_field(s, "x-mixed", "One");
	check_field(s, "cookie", "a=b; c=d");
	check_field(s, "te", "trailers");
	check_field(s, "x-forwarded-for", "10.0.0.7");
	check_field(s, "x-envoy-attempt-count", "1");
	for (unsigned i = 0; i < 5; i++)
		check_field(s,
			    (const char *[]){"host", "connection", "x-drop", "keep-alive",
					     "transfer-encoding"}[i],
			    NULL);
	assert_int_equal(s->body.n, 0);
	h2_origin_answer(o, s, "200", "x-a: 1\nx-a: 2\nserver: mine\n", "hello", 5);
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "hello");
	assert_string_equal(message_field_at(&r->response, "x-a", 1), "2");
	rig_check_field(&r->response, "server", "istio-envoy");
	assert_true(r->response.chunked);
	rig_check_log(r, 200, 0, "via_upstream");
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 1);
	h2_origin_close(o);
}

/* Framing is written anew for the client: what RFC 9110 says of each has no other source. */
static void framing_of_responses(void **state)
{
	static const struct {
		const char *method, *status, *fields, *body;
		const char *length;
		bool chunked;
	} rows[] = {
		{"GET", "200", "", NULL, "0", false},
		{"GET", "200", "content-length: 3\n", "abc", "3", false},
		{"GET", "200", "", "abc", NULL, true},
		{"GET", "204", "", NULL, NULL, false},
		{"GET", "304", "content-length: 7\n", NULL, "7", false},
		{"HEAD", "200", "content-length: 7\n", NULL, "7", false},
		{"HEAD", "200", "", NULL, NULL, false},
		{"GET", "503", "content-length: 0\n", NULL, "0", false},
	};
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o = NULL;
	char text[100];

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: web\r\n\r\n", rows[i].method);
		rig_ask(r, client, text);
		o = o ? o : h2_origin_accept(r, 0, 0);
		h2_origin_answer(o, h2_origin_request(o, i), rows[i].status, rows[i].fields,
				 rows[i].body, rows[i].body ? strlen(rows[i].body) : 0);
		if (rows[i].method[0] == 'H')
			rig_expect_response_to_head(r, client, atoi(rows[i].status));
		else
			rig_expect_response(r, client, atoi(rows[i].status));
		rig_check_field(&r->response, "content-length", rows[i].length);
		assert_int_equal(r->response.chunked, rows[i].chunked);
		if (rows[i].method[0] == 'G')
			rig_check_body(&r->response, rows[i].body ? rows[i].body : "");
	}
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 1);
	h2_origin_close(o);
}

static void interim_and_trailers(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o = ask(r, client,
				  "POST / HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\n"
				  "Content-Length: 2\r\n\r\n");
	nghttp2_nv trailer = {(uint8_t *)"x-sum", (uint8_t *)"1", 5, 1, 0};
	nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"200", 7, 3, 0};

	h2_origin_run(o);
	h2_origin_answer(o, &o->seen[0], "100", "", NULL, 0);
	rig_expect_response(r, client, 100);
	rig_ask(r, client, "ok");
	h2_origin_answer(o, h2_origin_request(o, 0), "103", "link: x\n", NULL, 0);
	rig_expect_response(r, client, 103);
	/* A head, and trailers behind it: they end the message and are not passed on. */
	nghttp2_submit_headers(o->ng, 0, 1, NULL, &status, 1, NULL);
	h2_origin_run(o);
	nghttp2_submit_trailer(o->ng, 1, &trailer, 1);
	h2_origin_run(o);
	rig_expect_response(r, client, 200);
	rig_check_field(&r->response, "x-sum", NULL);
	rig_check_log(r, 200, 0, "via_upstream");
	h2_origin_close(o);
}

static void head_too_large(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o = ask(r, client, GET);
	static char fields[62000];

	snprintf(fields, sizeof(fields), "x-large: %0*d\n", 61500, 7);
	h2_origin_answer(o, h2_origin_request(o, 0), "200", fields, NULL, 0);
	rig_expect_response(r, client, 502);
	rig_check_log(r, 502, RESPONSE_FLAG_UPE,
		      "upstream_reset_before_response_started{protocol_error}");
	/* The stream's fault, not the connection's. */
	rig_ask(r, client, GET);
	h2_origin_answer(o, h2_origin_request(o, 1), "200", "", NULL, 0);
	rig_expect_response(r, client, 200);
	h2_origin_close(o);
}

static void no_upgrade(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o = ask(r, client,
				  "GET / HTTP/1.1\r\nHost: web\r\nConnection: upgrade\r\n"
				  "Upgrade: websocket\r\n\r\n");

	assert_int_equal(o->n, 0);
	rig_expect_response(r, client, 503);
	rig_check_log(r, 503, RESPONSE_FLAG_LR, "upgrade_over_http2");
	h2_origin_close(o);
}

/* ---- content ---- */

static void post(struct rig *r, struct peer *client, const char *body, size_t n)
{
	char head[100];

	snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: %zu\r\n\r\n",
		 n);
	peer_say(client, head);
	peer_send(client, body, n);
	rig_run(r);
}

static void request_content(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o;
	struct h2_seen *s;

	post(r, client, large, LARGE);
	o = h2_origin_accept(r, 0, 0);
	s = h2_origin_request(o, 0);
	assert_int_equal(s->body.n, LARGE);
	assert_memory_equal(s->body.p, large, LARGE);
	check_field(s, "content-length", "300000");
	h2_origin_answer(o, s, "200", "", NULL, 0);
	rig_expect_response(r, client, 200);
	/* Of unknown length: it ends with END_STREAM. */
	rig_ask(r, client,
		"POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n");
	s = h2_origin_request(o, 1);
	assert_string_equal(s->body.p, "abcde");
	check_field(s, "content-length", NULL);
	check_field(s, "x-sum", NULL);
	h2_origin_answer(o, s, "200", "", NULL, 0);
	rig_expect_response(r, client, 200);
	h2_origin_close(o);
}

/* A server that does not read stops the client, and holds up no other request. */
static void server_does_not_read(void **state)
{
	struct rig *r = *state;
	struct peer *slow = rig_client(r, PORT_ROUTED), *quick = rig_client(r, PORT_ROUTED);
	struct h2_origin *o;

	rig_ask(r, quick, GET);
	o = h2_origin_accept(r, 0, 8192);
	h2_origin_answer(o, h2_origin_request(o, 0), "200", "", NULL, 0);
	rig_expect_response(r, quick, 200);
	o->keeps_windows = true;
	post(r, slow, large, LARGE);
	h2_origin_run(o);
	assert_int_equal(o->seen[1].body.n, 8192);
	assert_true(slow->out.n > 0); /* what its window did not let it say */
	assert_true(rte_mempool_in_use_count(r->wire) < 400);
	rig_ask(r, quick, GET);
	h2_origin_answer(o, h2_origin_request(o, 2), "200", "", NULL, 0);
	rig_expect_response(r, quick, 200);
	h2_origin_open_windows(o, &o->seen[1]);
	assert_memory_equal(h2_origin_request(o, 1)->body.p, large, LARGE);
	h2_origin_answer(o, &o->seen[1], "200", "", NULL, 0);
	rig_expect_response(r, slow, 200);
	h2_origin_close(o);
}

/* A client that does not read stops the server, and holds up no other. */
static void client_does_not_read(void **state)
{
	struct rig *r = *state;
	struct peer *slow = rig_client(r, PORT_ROUTED), *quick = rig_client(r, PORT_ROUTED);
	static char huge[4 * LARGE];
	struct h2_origin *o;

	for (unsigned i = 0; i < sizeof(huge); i++)
		huge[i] = large[i % LARGE];
	slow->deaf = true;
	rig_ask(r, slow, GET);
	o = h2_origin_accept(r, 0, 0);
	h2_origin_answer(o, h2_origin_request(o, 0), "200", "content-length: 1200000\n", huge,
			 sizeof(huge));
	assert_true(o->seen[0].left > sizeof(huge) / 2);
	rig_ask(r, quick, GET);
	h2_origin_answer(o, h2_origin_request(o, 1), "200", "", large, LARGE);
	rig_expect_response(r, quick, 200);
	assert_int_equal(r->response.body.n, LARGE);
	slow->deaf = false;
	h2_origin_run(o);
	rig_expect_response(r, slow, 200);
	assert_int_equal(r->response.body.n, sizeof(huge));
	assert_memory_equal(r->response.body.p, huge, sizeof(huge));
	h2_origin_close(o);
}

/* What was said to the end is delivered, though the server is gone before it is read. */
static void whole_response_outlives_its_connection(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o;

	client->deaf = true;
	rig_ask(r, client, GET);
	o = h2_origin_accept(r, 0, 0);
	h2_origin_answer(o, h2_origin_request(o, 0), "200", "content-length: 200000\n", large,
			 200000);
	assert_int_equal(o->seen[0].left, 0);
	peer_reset(o->peer);
	rig_run(r);
	client->deaf = false;
	rig_expect_response(r, client, 200);
	assert_int_equal(r->response.body.n, 200000);
	rig_check_log(r, 200, 0, "via_upstream");
	h2_origin_close(o);
}

/* Cut anywhere: mbufs of every size from one byte on, both ways. */
static void any_pieces(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o = NULL;

	for (unsigned piece = 1; piece < 40; piece++) {
		r->tcp.piece = piece;
		r->tcp.coalesce = piece % 3 == 0;
		post(r, client, large, 3000);
		o = o ? o : h2_origin_accept(r, 0, 0);
		assert_memory_equal(h2_origin_request(o, piece - 1)->body.p, large, 3000);
		h2_origin_answer(o, &o->seen[piece - 1], "200", "x-a: b\n", large, 5000);
		rig_expect_response(r, client, 200);
		assert_int_equal(r->response.body.n, 5000);
		assert_memory_equal(r->response.body.p, large, 5000);
	}
	h2_origin_close(o);
}

/* ---- resets ---- */

static void client_leaves(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *other = rig_client(r, PORT_ROUTED);
	struct h2_origin *o = ask(r, client, GET);

	rig_ask(r, other, GET);
	h2_origin_request(o, 1);
	peer_reset(client);
	h2_origin_run(o);
	assert_true(o->seen[0].reset);
	assert_int_equal(o->seen[0].code, NGHTTP2_CANCEL);
	assert_false(o->seen[1].reset);
	h2_origin_answer(o, &o->seen[1], "200", "", "x", 1);
	rig_expect_response(r, other, 200);
	h2_origin_close(o);
}

/* RFC 9113 8.1: an answer before all of the request; the server wants no more of it. */
static void early_answer(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o =
		ask(r, client, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 10\r\n\r\nabc");

	h2_origin_run(o);
	h2_origin_answer(o, &o->seen[0], "413", "", NULL, 0);
	nghttp2_submit_rst_stream(o->ng, 0, o->seen[0].id, NGHTTP2_NO_ERROR);
	h2_origin_run(o);
	rig_expect_response(r, client, 413);
	rig_check_log(r, 413, 0, "via_upstream");
	h2_origin_close(o);
}

static void reset_by_server(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct h2_origin *o = ask(r, client, GET);

	h2_origin_run(o);
	nghttp2_submit_rst_stream(o->ng, 0, o->seen[0].id, NGHTTP2_INTERNAL_ERROR);
	h2_origin_run(o);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, "upstream connect error or disconnect/reset before headers. "
				     "reset reason: remote reset");
	rig_check_log(r, 503, RESPONSE_FLAG_UR,
		      "upstream_reset_before_response_started{remote_reset}");
	/* In the middle of a response. */
	rig_ask(r, client, GET);
	h2_origin_run(o);
	o->keeps_windows = true;
	client->deaf = true;
	h2_origin_answer(o, &o->seen[1], "200", "content-length: 300000\n", large, LARGE);
	nghttp2_submit_rst_stream(o->ng, 0, o->seen[1].id, NGHTTP2_CANCEL);
	h2_origin_run(o);
	client->deaf = false;
	rig_run(r);
	rig_check_log(r, 200, RESPONSE_FLAG_UR,
		      "upstream_reset_after_response_started{remote_reset}");
	h2_origin_close(o);
}

/* ---- servers that break the rules ---- */

#define SETTINGS      "\0\0\0\4\0\0\0\0\0"
#define FRAME(n)      "\0\0" n
#define HEADERS(n, f) FRAME(n) "\1" f "\0\0\0\1"
#define DATA(n, f)    FRAME(n) "\0" f "\0\0\0\1"
#define ALL           "\5" /* END_STREAM and END_HEADERS */

static const struct {
	const char *name, *bytes;
	size_t n;
} broken[] = {
#define ROW(name, bytes)                                                                           \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1                                                     \
	}
	ROW("HTTP/1.1", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
	ROW("no SETTINGS first", HEADERS("\1", ALL) "\x88"),
	ROW("no status", SETTINGS HEADERS("\5", ALL) "\0\1x\1y"),
	ROW("status of a letter", SETTINGS HEADERS("\5", ALL) "\x08\3abc"),
	ROW("status 101", SETTINGS HEADERS("\5", "\4") "\x08\3"
						       "101"),
	ROW("name in upper case", SETTINGS HEADERS("\6", ALL) "\x88\0\1X\1y"),
	ROW("connection", SETTINGS HEADERS("\x13", ALL) "\x88\0\12connection\5close"),
	ROW("transfer-encoding",
	    SETTINGS HEADERS("\x1c", ALL) "\x88\0\21transfer-encoding\7chunked"),
	ROW("unknown pseudo field", SETTINGS HEADERS("\7", ALL) "\x88\0\2:x\1y"),
	ROW("request's pseudo field", SETTINGS HEADERS("\x0a", ALL) "\x88\0\5:path\1/"),
	ROW("pseudo field behind others", SETTINGS HEADERS("\6", ALL) "\0\1x\1y\x88"),
	ROW("line end in a value", SETTINGS HEADERS("\x08", ALL) "\x88\0\1x\3a\r\n"),
	ROW("blank in a name", SETTINGS HEADERS("\x08", ALL) "\x88\0\3x y\1z"),
	ROW("HPACK index of nothing", SETTINGS HEADERS("\1", ALL) "\xfe"),
	ROW("too much content", SETTINGS HEADERS("\5", "\4") "\x88\x0f\x0d\1"
							     "2" DATA("\3", "\1") "abc"),
	ROW("too little content", SETTINGS HEADERS("\5", "\4") "\x88\x0f\x0d\1"
							       "5" DATA("\3", "\1") "abc"),
	ROW("two lengths", SETTINGS HEADERS("\x09", "\4") "\x88\x0f\x0d\1"
							  "2\x0f\x0d\1"
							  "3"),
	ROW("content without head", SETTINGS DATA("\3", "\1") "abc"),
	ROW("head of an idle stream", SETTINGS FRAME("\1") "\1" ALL "\0\0\0\5\x88"),
	ROW("even stream", SETTINGS FRAME("\1") "\1" ALL "\0\0\0\2\x88"),
	ROW("window of nothing", SETTINGS FRAME("\4") "\x08\0\0\0\0\0\0\0\0\0"),
	ROW("window overflow", SETTINGS FRAME("\4") "\x08\0\0\0\0\0\x7f\xff\xff\xff"),
	ROW("frame too large", SETTINGS "\xff\xff\xff\0\0\0\0\0\1"),
	ROW("SETTINGS of odd size", FRAME("\5") "\4\0\0\0\0\0hello"),
	ROW("block without end", SETTINGS HEADERS("\1", "\1") "\x88" DATA("\0", "\1")),
#undef ROW
};

static void servers_break_the_rules(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(broken); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin;
		int status;

		rig_ask(r, client, GET);
		origin = rig_origin(r);
		peer_send(origin, broken[i].bytes, broken[i].n);
		rig_run(r);
		if (!message_take(client, &r->response, MESSAGE_RESPONSE)) {
			/* The head was well, and what follows is cut. */
			if (client->stream)
				fail_msg("%s: silence", broken[i].name);
			status = 200;
		} else {
			status = r->response.status;
		}
		if (status != 502 && status != 200)
			fail_msg("%s: %d", broken[i].name, status);
		rig_check_log(r, (unsigned)status, RESPONSE_FLAG_UPE,
			      status == 502
				      ? "upstream_reset_before_response_started{protocol_error}"
				      : "upstream_reset_after_response_started{protocol_error}");
		peer_reset(client);
		if (origin->stream)
			peer_reset(origin);
		rig_run(r);
	}
}

/* Frames that ask for something and bring nothing end the connection at last. */
static void flood(struct rig *r, const char *frame, size_t n)
{
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, GET);
	origin = rig_origin(r);
	peer_send(origin, SETTINGS, 9);
	for (unsigned i = 0; i < 20000 && origin->stream; i++) {
		peer_send(origin, frame, n);
		if (i % 512 == 0)
			rig_run(r);
	}
	rig_run(r);
	assert_null(origin->stream);
	rig_expect_response(r, client, 502);
	rig_check_log(r, 502, RESPONSE_FLAG_UPE,
		      "upstream_reset_before_response_started{protocol_error}");
}

static void floods(void **state)
{
	flood(*state, "\0\0\x08\6\0\0\0\0\0pingpong", 17);
	flood(*state, "\0\0\0\4\0\0\0\0\0", 9);
	flood(*state, "\0\0\4\x08\0\0\0\0\1\0\0\0\1", 13);
	flood(*state, "\0\0\5\2\0\0\0\0\1\0\0\0\3\1", 14);
}

static void capture(struct h2_origin *o, struct bytes *all)
{
	const uint8_t *p;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(o->ng, &p)) > 0)
		bytes_add(all, p, (size_t)n);
}

/* What a well-behaved server says, with any byte changed: every request ends, nothing is left. */
static void any_byte_changed(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;
	struct h2_origin *o = ask(r, client, GET);
	struct bytes good = {0};
	nghttp2_nv nv[] = {{(uint8_t *)":status", (uint8_t *)"200", 7, 3, 0},
			   {(uint8_t *)"x-a", (uint8_t *)"value", 3, 5, 0},
			   {(uint8_t *)"content-length", (uint8_t *)"700", 14, 3, 0}};
	struct h2_seen *s = h2_origin_request(o, 0);

	bytes_add(&good, SETTINGS, 9);
	nghttp2_submit_headers(o->ng, 0, s->id, NULL, nv, 3, NULL);
	capture(o, &good);
	bytes_add(&good, "\0\2\xbc\0\1\0\0\0\1", 9);
	bytes_add(&good, large, 700);
	peer_reset(client);
	peer_reset(o->peer);
	rig_run(r);
	for (size_t at = 0; at < good.n; at += at < 80 ? 1 : 97)
		for (unsigned bit = 0; bit < 8; bit++) {
			client = rig_client(r, PORT_ROUTED);
			rig_ask(r, client, GET);
			origin = rig_origin(r);
			good.p[at] ^= (char)(1 << bit);
			peer_send(origin, good.p, good.n);
			good.p[at] ^= (char)(1 << bit);
			rig_run(r);
			if (origin->stream)
				peer_reset(origin);
			rig_run(r);
			peer_reset(client);
			rig_run(r);
			assert_int_equal(r->px->streams.used, 0);
			while (log_ring_peek(r->log))
				log_ring_release(r->log);
		}
	free(good.p);
	h2_origin_close(o);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(fields_of_a_request),
		CASE(framing_of_responses),
		CASE(interim_and_trailers),
		CASE(head_too_large),
		CASE(no_upgrade),
		CASE(request_content),
		CASE(server_does_not_read),
		CASE(client_does_not_read),
		CASE(whole_response_outlives_its_connection),
		CASE(any_pieces),
		CASE(client_leaves),
		CASE(early_answer),
		CASE(reset_by_server),
		CASE(servers_break_the_rules),
		CASE(floods),
		CASE(any_byte_changed),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
