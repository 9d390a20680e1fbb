/* test_client.c - clients that leave, stall, expect, upload what nobody wants, or are drained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET     "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define OK2     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define POST(n) "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: " #n "\r\n\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n"
#define GONE    "downstream_remote_disconnect"

static struct peer *ask(struct rig *r, struct peer *client, const char *text)
{
	rig_ask(r, client, text);
	return rig_origin(r);
}

static void say_much(struct peer *p, size_t n)
{
	char part[4096];

	memset(part, 'x', sizeof(part));
	for (; n; n -= n < sizeof(part) ? n : sizeof(part))
		peer_send(p, part, n < sizeof(part) ? n : sizeof(part));
}

/* ---- leaving ---- */

enum phase { CONNECTING, ASKED, UPLOADING, RESPONDING, PHASES };

static struct peer *reach(struct rig *r, struct peer *client, enum phase phase)
{
	struct peer *origin;

	r->tcp.connect = phase == CONNECTING ? FAKE_HOLD : FAKE_ACCEPT;
	origin = ask(r, client, phase == UPLOADING ? POST(10) "abc" : GET);
	if (phase == RESPONDING)
		rig_answer(r, origin, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	return origin;
}

static void client_resets(void **state)
{
	struct rig *r = *state;

	for (unsigned phase = 0; phase < PHASES; phase++) {
		struct peer *client = rig_client(r, PORT_ROUTED);
		struct peer *origin = reach(r, client, (enum phase)phase);

		peer_reset(client);
		rig_run(r);
		assert_null(origin->stream);
		assert_int_equal(origin->was_reset, phase != CONNECTING);
		rig_check_log(r, phase == RESPONDING ? 200 : 0, RESPONSE_FLAG_DC, GONE);
		assert_int_equal(rig_count(r, CTR_HTTP_CLIENT_ABORTS), phase + 1);
		assert_int_equal(snapshot_pins(&r->snap), 0);
	}
}

/* A client that ends its side and waits gets its answer, however slow the upstream is. */
static void half_close_waits(void **state)
{
	struct rig *r = *state;

	for (unsigned hold = 0; hold < 2; hold++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin;

		r->tcp.connect = hold ? FAKE_HOLD : FAKE_ACCEPT;
		peer_say(client, GET);
		peer_end(client);
		rig_run(r);
		origin = rig_origin(r);
		rig_wait(r, 300000);
		if (hold)
			peer_accept(origin);
		rig_expect_request(r, origin);
		rig_wait(r, 3000000);
		rig_answer(r, origin, OK2);
		rig_expect_response(r, client, 200);
		assert_true(client->ended);
		rig_check_log(r, 200, 0, "via_upstream");
		peer_end(origin);
		rig_run(r);
	}
}

/* ... a moment behind the request, too. */
static void half_close_soon(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	rig_wait(r, 50000);
	peer_end(client);
	rig_run(r);
	rig_wait(r, 2000000);
	rig_answer(r, origin, OK2);
	rig_expect_response(r, client, 200);
	assert_true(client->ended);
}

/* ... and with requests waiting. */
static void half_close_behind_pipeline(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = ask(r, client, GET);
	rig_wait(r, 50000);
	peer_say(client, GET GET);
	rig_run(r);
	rig_wait(r, 500000);
	peer_end(client);
	rig_run(r);
	rig_wait(r, 5000000);
	for (unsigned i = 0; i < 3; i++) {
		rig_expect_request(r, origin);
		rig_wait(r, 1000000);
		rig_answer(r, origin, OK2);
		rig_expect_response(r, client, 200);
	}
	assert_true(client->ended);
}

/* One that has waited and then ends its side has left. */
static void half_close_gives_up(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	rig_wait(r, 200000);
	peer_end(client);
	rig_run(r);
	assert_true(origin->was_reset);
	rig_check_log(r, 0, RESPONSE_FLAG_DC, GONE);
}

static void half_close_while_reading(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = reach(r, client, RESPONDING);

	rig_wait(r, 5000000);
	peer_end(client);
	rig_answer(r, origin, "defghij");
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "abcdefghij");
	assert_true(client->ended);
}

/* A request that ends too early never looks complete to the origin. */
static void half_close_in_request(void **state)
{
	static const char *const parts[] = {
		POST(10) "abc", POST(10), CHUNKED "5\r\nhello\r\n5\r\nwo", CHUNKED "5\r\nhello\r\n",
		CHUNKED "5\r\nhello\r\n0\r\n"};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(parts); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin;

		peer_say(client, parts[i]);
		peer_end(client);
		rig_run(r);
		origin = rig_origin(r);
		assert_true(origin->was_reset);
		assert_false(message_take(origin, &r->request, MESSAGE_REQUEST));
		rig_check_log(r, 0, RESPONSE_FLAG_DC, GONE);
	}
}

static void leaves_between_requests(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	peer_end(client);
	rig_run(r);
	assert_true(client->ended);
	client = rig_client(r, PORT_ROUTED);
	peer_say(client, "GET / HT");
	peer_end(client);
	rig_run(r);
	assert_true(client->ended);
	client = rig_client(r, PORT_ROUTED);
	peer_reset(client);
	rig_run(r);
	assert_int_equal(proxy_conns(r->px), 0);
	rig_check_no_log(r);
}

/* ---- time ---- */

static void idle(void **state)
{
	struct rig *r = *state;
	struct peer *silent = rig_client(r, PORT_ROUTED), *used = rig_client(r, PORT_NO_HOST);

	rig_wait(r, 30000000);
	rig_ask(r, used, GET);
	rig_expect_response(r, used, 404);
	rig_wait(r, 30100000);
	assert_true(silent->ended);
	assert_false(used->ended);
	rig_wait(r, 30000000);
	assert_true(used->ended);
	rig_expect_silence(r, used);
}

static void slow_head(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_wait(r, 20000000);
	for (unsigned i = 0; i < 4; i++) {
		rig_ask(r, client, i ? "x" : "GET /");
		rig_wait(r, 1200000);
	}
	rig_expect_silence(r, client);
	rig_wait(r, 400000);
	rig_expect_response(r, client, 408);
	rig_check_field(&r->response, "connection", "close");
	assert_true(client->ended);
	rig_check_log(r, 408, RESPONSE_FLAG_DPE, "request_header_timeout");
}

static void stalled_upload(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, POST(10) "ab");

	for (unsigned i = 0; i < 3; i++) {
		rig_wait(r, 20000000);
		rig_ask(r, client, "c");
	}
	rig_wait(r, 30100000);
	rig_expect_response(r, client, 408);
	rig_check_field(&r->response, "connection", "close");
	rig_check_body(&r->response, "stream timeout");
	assert_true(client->ended);
	assert_true(origin->was_reset);
	rig_check_log(r, 408, RESPONSE_FLAG_SI, "stream_idle_timeout");
}

static void stalled_response(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = reach(r, client, RESPONDING);

	for (unsigned i = 0; i < 3; i++) {
		rig_wait(r, 20000000);
		rig_answer(r, origin, "d");
	}
	rig_wait(r, 30100000);
	assert_false(message_take(client, &r->response, MESSAGE_RESPONSE));
	assert_true(client->ended);
	assert_true(origin->was_reset);
	rig_check_log(r, 200, RESPONSE_FLAG_SI, "stream_idle_timeout");
}

/* More than is sent to a client that does not read; returns its origin. */
static struct peer *answer_the_deaf(struct rig *r, struct peer *client)
{
	struct peer *origin;

	client->deaf = true;
	origin = ask(r, client, GET);
	peer_say(origin, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
	say_much(origin, 300000);
	rig_run(r);
	return origin;
}

/* A client that does not read holds its response for that long, not for ever. */
static void stalled_reader(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = answer_the_deaf(r, client);
	rig_wait(r, 30100000);
	assert_null(client->stream);
	assert_true(origin->was_reset);
	rig_check_log(r, 200, RESPONSE_FLAG_SI, "stream_idle_timeout");
}

/* Nothing new is written while the peer reads what was; it reads, all the same. */
static void slow_reader(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = answer_the_deaf(r, client);
	for (unsigned i = 0; i < 6; i++) {
		rig_wait(r, 20000000);
		peer_hear(client, 1000);
	}
	rig_wait(r, 29900000);
	assert_non_null(client->stream);
	rig_wait(r, 200000);
	assert_null(client->stream);
	assert_true(origin->was_reset);
	rig_check_log(r, 200, RESPONSE_FLAG_SI, "stream_idle_timeout");
}

static void slow_origin(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct peer *origin = ask(r, client, POST(300000) "a");

	origin->deaf = true;
	say_much(client, 299999);
	rig_run(r);
	for (unsigned i = 0; i < 6; i++) {
		rig_wait(r, 20000000);
		peer_hear(origin, 1000);
	}
	rig_wait(r, 29900000);
	assert_non_null(origin->stream);
	rig_wait(r, 200000);
	rig_expect_response(r, client, 408);
	assert_true(origin->was_reset);
	rig_check_log(r, 408, RESPONSE_FLAG_SI, "stream_idle_timeout");
}

/* ---- Expect ---- */

#define EXPECT(n)                                                                                  \
	"POST / HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\nContent-Length: " #n "\r\n\r\n"

static void expect(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, EXPECT(5));

	assert_non_null(strstr(origin->heard.p, "expect: 100-continue\r\n"));
	rig_expect_silence(r, client);
	rig_answer(r, origin, "HTTP/1.1 100 Continue\r\n\r\n");
	rig_expect_response(r, client, 100);
	rig_ask(r, client, "hello");
	rig_expect_request(r, origin);
	rig_check_body(&r->request, "hello");
	rig_answer(r, origin, OK2);
	rig_expect_response(r, client, 200);
	rig_check_field(&r->response, "connection", NULL);
}

/* Whether a body follows is anybody's guess: the next request would be, too. */
static void expect_refused(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, EXPECT(5));

	rig_answer(r, origin, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 413);
	rig_check_field(&r->response, "connection", "close");
	assert_true(client->ended);
	assert_true(origin->was_reset);
}

static void unasked_continue(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	rig_answer(r, origin, "HTTP/1.1 100 Continue\r\n\r\n" OK2);
	rig_expect_response(r, client, 200);
}

/* ---- answers before the request is complete ---- */

static void early_response_to_short_rest(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, POST(10) "abc");

	rig_answer(r, origin, "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope");
	rig_expect_response(r, client, 403);
	rig_check_field(&r->response, "connection", NULL);
	assert_true(origin->was_reset);
	rig_log(r);
	/* The rest is read, and then the next request. */
	rig_ask(r, client, "defghij" GET);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK2);
	rig_expect_response(r, client, 200);
}

static void early_response_to_slow_rest(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_NO_HOST);

	rig_ask(r, client, POST(10) "abc");
	rig_expect_response(r, client, 404);
	rig_wait(r, 1900000);
	assert_false(client->ended);
	rig_wait(r, 200000);
	assert_true(client->ended);
}

static void early_response_to_long_rest(void **state)
{
	struct rig *r = *state;

	for (unsigned chunked = 0; chunked < 2; chunked++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin;

		origin = ask(r, client, chunked ? CHUNKED "5\r\nhello\r\n" : POST(20000000));
		if (!chunked)
			say_much(client, 500000);
		rig_run(r);
		rig_answer(r, origin, "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope");
		rig_expect_response(r, client, 403);
		rig_check_field(&r->response, "connection", "close");
		assert_true(client->ended);
		/* In order: a reset could take the answer with it. */
		assert_false(client->was_reset);
		assert_true(origin->was_reset);
	}
}

/* The response begins, and the upload goes on while it is read. */
static void both_ways_at_once(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = ask(r, client, CHUNKED "3\r\nabc\r\n");
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nABC\r\n");
	rig_ask(r, client, "3\r\ndef\r\n");
	rig_answer(r, origin, "3\r\nDEF\r\n");
	rig_ask(r, client, "0\r\n\r\n");
	rig_expect_request(r, origin);
	rig_check_body(&r->request, "abcdef");
	rig_answer(r, origin, "0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "ABCDEF");
}

/* The body turns out to be broken when the response has begun: no second head. */
static void breaks_while_answered(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = ask(r, client, CHUNKED "3\r\nabc\r\n");
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nABC\r\n");
	rig_ask(r, client, "xyz\r\n");
	assert_true(client->was_reset);
	assert_true(origin->was_reset);
	assert_null(strstr(client->heard.p, "400"));
	rig_check_log(r, 200, RESPONSE_FLAG_DPE, "http1.bad_chunk");
	rig_check_no_log(r);
}

/* ---- refused ---- */

static void broken_body(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED),
		    *origin = ask(r, client, CHUNKED "xyz\r\n" GET);

	rig_expect_response(r, client, 400);
	rig_check_field(&r->response, "connection", "close");
	rig_check_field(&r->response, "server", "istio-envoy");
	rig_expect_silence(r, client);
	assert_true(client->ended);
	assert_true(origin->was_reset);
	rig_check_log(r, 400, RESPONSE_FLAG_DPE, "http1.bad_chunk");
	rig_check_no_log(r);
	assert_int_equal(rig_requests(r, 400, RESPONSE_FLAG_DPE), 1);
	assert_int_equal(rig_count(r, CTR_HTTP_PARSE_ERRORS), 1);
}

static void broken_head(void **state)
{
	static const struct {
		const char *text;
		int status;
		const char *details;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400, "http1.bad_host"},
		{"GET  / HTTP/1.1\r\nHost: web\r\n\r\n", 400, "http1.bad_request_line"},
		{"GET / HTTP/2.0\r\nHost: web\r\n\r\n", 505, "http1.bad_version"},
		{"GET / HTTP/1.1\r\nHost : web\r\n\r\n", 400, "http1.bad_field"},
		{"POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501,
		 "http1.unknown_transfer_coding"},
		{"POST / HTTP/1.1\r\nHost: web\r\nContent-Length: x\r\n\r\n", 400,
		 "http1.bad_framing"},
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED);

		peer_say(client, cases[i].text);
		rig_ask(r, client, GET);
		rig_expect_response(r, client, cases[i].status);
		rig_check_field(&r->response, "connection", "close");
		rig_expect_silence(r, client);
		assert_true(client->ended);
		assert_false(client->was_reset);
		rig_check_log(r, (unsigned)cases[i].status, RESPONSE_FLAG_DPE, cases[i].details);
		assert_int_equal(rig_count(r, CTR_HTTP_PARSE_ERRORS), i + 1);
	}
	assert_false(rig_has_origin(r));
}

/* What is answered before the broken request stays answered. */
static void broken_behind_good(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = ask(r, client, GET "BROKEN\r\n\r\n" GET);
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK2);
	rig_expect_response(r, client, 200);
	rig_expect_response(r, client, 400);
	assert_true(client->ended);
	rig_expect_silence(r, origin);
}

static void connect_refused(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_ask(r, client, "CONNECT web:80 HTTP/1.1\r\nHost: web:80\r\n\r\n" GET);
	rig_expect_response(r, client, 404);
	assert_true(client->ended);
	rig_expect_silence(r, client);
	assert_false(rig_has_origin(r));
}

/* More clients than the worker has room for. */
static void too_many(void **state)
{
	struct rig *r = *state;
	struct peer *clients[70];
	unsigned refused = 0;

	for (unsigned i = 0; i < RTE_DIM(clients); i++)
		clients[i] = rig_client(r, PORT_ROUTED);
	for (unsigned i = 0; i < RTE_DIM(clients); i++)
		refused += clients[i]->was_reset;
	assert_int_equal(refused, RTE_DIM(clients) - 64);
}

/* ---- drain ---- */

static void drain(void **state)
{
	struct rig *r = *state;
	struct peer *idle = rig_client(r, PORT_ROUTED), *busy = rig_client(r, PORT_ROUTED);
	struct peer *answered = rig_client(r, PORT_ROUTED), *typing = rig_client(r, PORT_ROUTED);
	struct peer *origin, *second;
	struct net_addr local = {r->net.local, PORT_ROUTED};
	uint64_t cookie;

	origin = ask(r, busy, GET);
	rig_expect_request(r, origin);
	second = ask(r, answered, GET);
	rig_expect_request(r, second);
	rig_answer(r, second, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	rig_ask(r, typing, "GET / HTTP/1.1\r\n");
	proxy_drain(r->px);
	rig_run(r);
	assert_true(idle->ended);
	assert_false(proxy_admit(r->px, &local, &cookie));
	assert_int_equal(proxy_conns(r->px), 3);

	rig_answer(r, origin, OK2);
	rig_expect_response(r, busy, 200);
	rig_check_field(&r->response, "connection", "close");
	assert_true(busy->ended);
	assert_true(origin->ended);

	rig_answer(r, second, "defghij");
	rig_expect_response(r, answered, 200);
	assert_true(answered->ended);

	rig_ask(r, typing, "Host: web\r\n\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK2);
	rig_expect_response(r, typing, 200);
	rig_check_field(&r->response, "connection", "close");
	assert_int_equal(proxy_conns(r->px), 0);
}

/* A handshake that ends when the drain has begun. */
static void accepted_while_draining(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t = {.local = {r->net.local, PORT_ROUTED}};
	struct peer *late;

	t.remote = (struct net_addr){ip_addr_v4(htonl(0x0a000001)), 999};
	proxy_drain(r->px);
	late = fake_accept(&r->tcp, &t, (uint64_t)1 << 32);
	proxy_accept(r->px, peer_stream(late));
	rig_wait(r, 3000);
	assert_true(late->ended);
	assert_int_equal(proxy_conns(r->px), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(client_resets),
		CASE(half_close_waits),
		CASE(half_close_soon),
		CASE(half_close_behind_pipeline),
		CASE(half_close_gives_up),
		CASE(half_close_while_reading),
		CASE(half_close_in_request),
		CASE(leaves_between_requests),
		CASE(idle),
		CASE(slow_head),
		CASE(stalled_upload),
		CASE(stalled_response),
		CASE(stalled_reader),
		CASE(slow_reader),
		CASE(slow_origin),
		CASE(expect),
		CASE(expect_refused),
		CASE(unasked_continue),
		CASE(early_response_to_short_rest),
		CASE(early_response_to_slow_rest),
		CASE(early_response_to_long_rest),
		CASE(both_ways_at_once),
		CASE(breaks_while_answered),
		CASE(broken_body),
		CASE(broken_head),
		CASE(broken_behind_good),
		CASE(connect_refused),
		CASE(too_many),
		CASE(drain),
		CASE(accepted_while_draining),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
