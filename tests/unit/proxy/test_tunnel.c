/* test_tunnel.c - upgrades: granted, refused, and the two byte streams joined by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define UPGRADE                                                                                    \
	"GET /chat HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"         \
	"Sec-WebSocket-Key: dGhl\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define SWITCHING                                                                                  \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
	"Sec-WebSocket-Accept: s3pP\r\n\r\n"

struct pair {
	struct peer *client, *origin;
};

static struct pair ask(struct rig *r, const char *early)
{
	struct pair t = {.client = rig_client(r, PORT_ROUTED)};

	peer_say(t.client, UPGRADE);
	rig_ask(r, t.client, early);
	t.origin = rig_origin(r);
	rig_expect_request(r, t.origin);
	rig_check_field(&r->request, "connection", "upgrade");
	rig_check_field(&r->request, "upgrade", "websocket");
	rig_check_field(&r->request, "sec-websocket-key", "dGhl");
	return t;
}

static struct pair join(struct rig *r)
{
	struct pair t = ask(r, "");

	rig_answer(r, t.origin, SWITCHING);
	rig_expect_response(r, t.client, 101);
	rig_check_field(&r->response, "connection", "upgrade");
	rig_check_field(&r->response, "upgrade", "websocket");
	rig_check_field(&r->response, "sec-websocket-accept", "s3pP");
	assert_int_equal(proxy_conns(r->px), 1);
	return t;
}

static void check_heard(struct peer *p, const char *text)
{
	assert_string_equal(p->heard.p, text);
	bytes_drop(&p->heard, p->heard.n);
}

static void relays(void **state)
{
	struct rig *r = *state;
	struct pair t = join(r);
	const struct log_record *rec;

	for (unsigned i = 0; i < 3; i++) {
		rig_ask(r, t.client, "GET /not-http HTTP/1.1\r\n\r\n");
		check_heard(t.origin, "GET /not-http HTTP/1.1\r\n\r\n");
		rig_answer(r, t.origin, "HTTP/1.1 500 neither\r\n\r\n");
		check_heard(t.client, "HTTP/1.1 500 neither\r\n\r\n");
	}
	rig_check_no_log(r);
	assert_int_equal(rig_count(r, CTR_HTTP_ACTIVE), 1);
	peer_end(t.client);
	rig_run(r);
	assert_true(t.origin->ended);
	assert_false(t.client->ended);
	rig_answer(r, t.origin, "last words");
	check_heard(t.client, "last words");
	peer_end(t.origin);
	rig_run(r);
	assert_true(t.client->ended);
	rec = rig_check_log(r, 101, 0, "via_upstream");
	assert_int_equal(rec->bytes_received, 3 * 26);
	assert_int_equal(rec->bytes_sent, 3 * 24 + 10);
	assert_int_equal(rig_count(r, CTR_HTTP_UPGRADES), 1);
	assert_int_equal(rig_requests(r, 101, 0), 1);
}

/* Bytes right behind either head, in the same segment or not. */
static void early_bytes(void **state)
{
	struct rig *r = *state;

	for (unsigned piece = 0; piece < 3; piece++) {
		struct pair t;

		r->tcp.piece = piece;
		t = ask(r, "early");
		rig_expect_silence(r, t.origin);
		rig_answer(r, t.origin, SWITCHING "hello");
		rig_expect_response(r, t.client, 101);
		check_heard(t.client, "hello");
		check_heard(t.origin, "early");
		peer_end(t.origin);
		peer_end(t.client);
		rig_run(r);
		assert_true(t.client->ended && t.origin->ended);
	}
}

static void every_cut(void **state)
{
	struct rig *r = *state;
	const char *answer = SWITCHING "data";

	for (size_t at = 1; at < strlen(answer); at++) {
		struct pair t = ask(r, "");

		peer_send(t.origin, answer, at);
		rig_run(r);
		rig_answer(r, t.origin, answer + at);
		rig_expect_response(r, t.client, 101);
		check_heard(t.client, "data");
		peer_end(t.client);
		peer_end(t.origin);
		rig_run(r);
	}
}

static void ends_at_once(void **state)
{
	struct rig *r = *state;
	struct pair t = ask(r, "bye");

	peer_end(t.client);
	rig_run(r);
	peer_say(t.origin, SWITCHING "bye");
	peer_end(t.origin);
	rig_run(r);
	rig_expect_response(r, t.client, 101);
	check_heard(t.client, "bye");
	check_heard(t.origin, "bye");
	assert_true(t.client->ended && t.origin->ended);
	assert_int_equal(proxy_conns(r->px), 0);
}

/* The 101 and the RST behind it arrive in one pass: nothing more will be notified. */
static void reset_with_the_answer(void **state)
{
	struct rig *r = *state;
	struct pair t = ask(r, "");

	peer_say(t.origin, SWITCHING);
	fake_arrivals(&r->tcp);
	peer_reset(t.origin);
	rig_run(r);
	assert_int_equal(proxy_conns(r->px), 0);
	assert_null(t.client->stream);
}

static void resets(void **state)
{
	struct rig *r = *state;
	struct pair t = join(r);

	peer_reset(t.client);
	rig_run(r);
	assert_true(t.origin->was_reset);
	rig_check_log(r, 101, RESPONSE_FLAG_DC, "via_upstream");
	t = join(r);
	peer_reset(t.origin);
	rig_run(r);
	assert_true(t.client->was_reset);
	rig_check_log(r, 101, RESPONSE_FLAG_UC, "via_upstream");
}

static void idles(void **state)
{
	struct rig *r = *state;
	struct pair t = join(r);

	for (unsigned i = 0; i < 6; i++) {
		rig_wait(r, 20000000);
		if (i % 2)
			rig_ask(r, t.client, ".");
		else
			rig_answer(r, t.origin, ".");
	}
	rig_wait(r, 29900000);
	assert_non_null(t.client->stream);
	rig_wait(r, 200000);
	assert_true(t.client->was_reset && t.origin->was_reset);
	rig_check_log(r, 101, RESPONSE_FLAG_SI, "stream_idle_timeout");
}

static void slow_reader_is_not_idle(void **state)
{
	struct rig *r = *state;
	struct pair t = join(r);
	static char bytes[60000];

	t.client->deaf = true;
	peer_send(t.origin, bytes, sizeof(bytes));
	rig_run(r);
	for (unsigned i = 0; i < 6; i++) {
		rig_wait(r, 20000000);
		peer_hear(t.client, 1000);
	}
	rig_wait(r, 29900000);
	assert_non_null(t.client->stream);
	rig_wait(r, 200000);
	assert_true(t.client->was_reset && t.origin->was_reset);
}

static void relay_much(struct rig *r, struct peer *from, struct peer *to)
{
	size_t n = 600000, at;
	char *bytes = malloc(n);

	for (at = 0; at < n; at++)
		bytes[at] = (char)(at * 31 + at / 256);
	to->deaf = true;
	peer_send(from, bytes, n);
	rig_run(r);
	assert_true(from->out.n > 150000);
	while (to->heard.n < 100000) {
		peer_hear(to, 3000);
		rig_run(r);
	}
	to->deaf = false;
	rig_run(r);
	assert_int_equal(to->heard.n, n);
	assert_memory_equal(to->heard.p, bytes, n);
	bytes_drop(&to->heard, n);
	free(bytes);
}

static void backpressure(void **state)
{
	struct rig *r = *state;
	struct pair t = join(r);

	relay_much(r, t.client, t.origin);
	relay_much(r, t.origin, t.client);
}

/* What waits for room when its source has ended is still delivered before the end. */
static void end_behind_backpressure(void **state)
{
	struct rig *r = *state;
	struct pair t = join(r);
	char *bytes = calloc(1, 200000);

	memset(bytes, 'z', 200000);
	t.client->deaf = true;
	peer_send(t.origin, bytes, 200000);
	peer_end(t.origin);
	peer_end(t.client);
	rig_run(r);
	assert_true(t.origin->ended);
	assert_false(t.client->ended);
	t.client->deaf = false;
	rig_run(r);
	assert_int_equal(t.client->heard.n, 200000);
	assert_true(t.client->ended);
	assert_int_equal(proxy_conns(r->px), 0);
	free(bytes);
}

/* Not 101: an ordinary response, and what follows is the next request. */
static void refused(void **state)
{
	struct rig *r = *state;
	struct pair t = ask(r, "");

	rig_answer(r, t.origin, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, t.client, 426);
	rig_ask(r, t.client, "\x01\x02garbage\r\n\r\n");
	rig_expect_response(r, t.client, 400);
	rig_expect_silence(r, t.origin);
	assert_int_equal(rig_count(r, CTR_HTTP_UPGRADES), 0);
}

/* Asked for websocket, given something else. */
static void other_protocol(void **state)
{
	struct rig *r = *state;
	struct pair t = ask(r, "");

	rig_answer(
		r, t.origin,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
	rig_expect_response(r, t.client, 502);
	rig_check_log(r, 502, RESPONSE_FLAG_UPE,
		      "upstream_reset_before_response_started{protocol_error}");
}

static void h2c_not_passed(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client,
		"GET / HTTP/1.1\r\nHost: web\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_check_field(&r->request, "upgrade", NULL);
	rig_check_field(&r->request, "connection", NULL);
	rig_check_field(&r->request, "http2-settings", NULL);
}

/* The route's timeout is for the answer, not for what comes after it. */
static void timeout_ends_with_the_answer(void **state)
{
	struct rig *r = *state;
	struct pair t;

	r->routes[0].timeout_us = 1000000;
	t = join(r);
	rig_wait(r, 5000000);
	rig_ask(r, t.client, "still here");
	check_heard(t.origin, "still here");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(relays),
		CASE(early_bytes),
		CASE(every_cut),
		CASE(ends_at_once),
		CASE(reset_with_the_answer),
		CASE(resets),
		CASE(idles),
		CASE(slow_reader_is_not_idle),
		CASE(backpressure),
		CASE(end_behind_backpressure),
		CASE(refused),
		CASE(other_protocol),
		CASE(h2c_not_passed),
		CASE(timeout_ends_with_the_answer),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
