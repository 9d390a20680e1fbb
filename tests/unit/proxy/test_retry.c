/* test_retry.c - what is tried again and how often, and how long all of it may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET        "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define POST_3     "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc"
#define RESET_TEXT "upstream connect error or disconnect/reset before headers. "

#define BEFORE(reason) "upstream_reset_before_response_started{" reason "}"
#define H200           "HTTP/1.1 200 OK\r\n"

/* A request on its way: the origin has its head. */
static struct peer *ask(struct rig *r, struct peer *client, const char *text)
{
	struct peer *origin;

	rig_ask(r, client, text);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	return origin;
}

static void check_ok_after(struct rig *r, struct peer *client)
{
	struct peer *origin = ask(r, client, GET);

	rig_answer(r, origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
	peer_end(origin);
	rig_run(r);
}

/* ---- connections that cannot be opened ---- */

static void refused_after_retries(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->tcp.connect = FAKE_REFUSE;
	r->sets[0].n = 3;
	rig_ask(r, client, GET);
	for (unsigned i = 0; i < 10; i++)
		rig_wait(r, 25000);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response,
		       RESET_TEXT "retried and the latest reset reason: remote connection failure");
	rig_check_log(r, 503, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX,
		      BEFORE("remote_connection_failure"));
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 3);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_RETRIES), 2);
	assert_int_equal(rig_requests(r, 503, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX), 1);
	/* Each try at an endpoint of its own. */
	for (unsigned i = 0; i < 3; i++) {
		struct peer *a = rig_origin(r);

		for (unsigned k = r->next_origin; k < r->tcp.n_peers; k++)
			assert_false(
				ip_addr_eq(&a->tuple.remote.ip, &r->tcp.peers[k]->tuple.remote.ip));
	}
}

static void second_try_succeeds(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->tcp.connect = FAKE_REFUSE;
	r->sets[0].n = 2;
	rig_ask(r, client, POST_3);
	rig_origin(r);
	r->tcp.connect = FAKE_ACCEPT;
	rig_wait(r, 30000);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_check_field(&r->request, "x-envoy-attempt-count", "2");
	rig_check_body(&r->request, "abc");
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
}

/* ---- pooled connections that were closed meanwhile ---- */

/* The server's FIN crosses the request. */
static void cross(struct rig *r, const char *request, const char *between, int status)
{
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	rig_answer(r, origin, H200 "Content-Length: 2\r\n\r\nok");
	rig_expect_response(r, client, 200);
	rig_log(r);
	peer_say(client, request);
	rig_run(r);
	assert_true(message_take(origin, &r->request, MESSAGE_REQUEST));
	peer_say(origin, between);
	peer_end(origin);
	rig_run(r);
	if (status == 200) {
		origin = rig_origin(r);
		rig_expect_request(r, origin);
		rig_check_field(&r->request, "x-envoy-attempt-count", "1");
		rig_answer(r, origin, H200 "Content-Length: 3\r\n\r\nnew");
		rig_expect_response(r, client, 200);
		rig_check_body(&r->response, "new");
		peer_end(origin);
		rig_run(r);
		rig_check_log(r, 200, 0, "via_upstream");
		return;
	}
	rig_expect_response(r, client, status);
	assert_false(rig_has_origin(r));
	rig_check_log(r, (unsigned)status, RESPONSE_FLAG_UC, BEFORE("connection_termination"));
}

static void stale(void **state)
{
	cross(*state, GET, "", 200);
	cross(*state, "DELETE / HTTP/1.1\r\nHost: web\r\n\r\n", "", 200);
	cross(*state, POST_3, "", 503);
	cross(*state, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\n\r\n", "", 503);
	cross(*state, "PUT / HTTP/1.1\r\nHost: web\r\nContent-Length: 1\r\n\r\nx", "", 503);
}

/* Tried again once: the second connection is not a pooled one. */
static void stale_twice(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	rig_answer(r, origin, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_ask(r, client, GET);
	rig_expect_request(r, origin);
	peer_end(origin);
	rig_run(r);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	peer_end(origin);
	rig_expect_response(r, client, 503);
	assert_false(rig_has_origin(r));
}

/* The FIN (or worse) came in the same pass as the request: the connection is not even tried. */
static void stale_in_the_same_pass(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

		rig_answer(r, origin, H200 "Content-Length: 2\r\n\r\nok");
		rig_expect_response(r, client, 200);
		if (i == 0)
			peer_end(origin);
		else if (i == 1)
			peer_reset(origin);
		else
			peer_say(origin, "HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n");
		peer_say(client, POST_3);
		rig_run(r);
		assert_null(origin->stream);
		origin = rig_origin(r);
		rig_expect_request(r, origin);
		rig_answer(r, origin, H200 "Content-Length: 2\r\n\r\nok");
		rig_expect_response(r, client, 200);
		peer_end(origin);
		rig_run(r);
	}
}

static void idle_noise(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	rig_answer(r, origin, H200 "Content-Length: 2\r\n\r\nok");
	rig_expect_response(r, client, 200);
	rig_answer(r, origin, "HTTP/1.1 408 Too Late\r\n\r\n");
	assert_true(origin->was_reset);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
	rig_log(r);
	check_ok_after(r, client);
}

/* ---- retries by status and by reset ---- */

static void retry_5xx(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry =
		(struct retry_policy){.attempts = 2, .on = RETRY_5XX, .backoff_us = 1000};
	rig_ask(r, client, GET);
	for (unsigned i = 0; i < 3; i++) {
		char attempt[2] = {(char)('1' + i), 0};

		origin = rig_origin(r);
		rig_expect_request(r, origin);
		rig_check_field(&r->request, "x-envoy-attempt-count", attempt);
		rig_answer(r, origin, "HTTP/1.1 500 Bad\r\nContent-Length: 3\r\n\r\nbad");
		rig_wait(r, 20000);
	}
	rig_expect_response(r, client, 500);
	rig_check_body(&r->response, "bad");
	rig_check_log(r, 500, RESPONSE_FLAG_URX, "via_upstream");
	assert_int_equal(rig_count(r, CTR_UPSTREAM_RETRIES), 2);
}

static void retry_reset_then_fine(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry =
		(struct retry_policy){.attempts = 3, .on = RETRY_RESET, .backoff_us = 1000};
	origin = ask(r, client, GET);
	peer_reset(origin);
	rig_run(r);
	rig_wait(r, 20000);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 503);
	rig_check_log(r, 503, 0, "via_upstream");
}

/* ---- bodies ---- */

#define POLICY(n, conditions)                                                                      \
	((struct retry_policy){.attempts = (n), .on = (conditions), .backoff_us = 1000})

/* What the origin got of the next try. */
static struct peer *next_try(struct rig *r, const char *body)
{
	struct peer *origin;

	rig_wait(r, 20000);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_check_body(&r->request, body);
	return origin;
}

static void body_is_sent_again(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(2, RETRY_5XX);
	origin = ask(r, client, POST_3);
	rig_answer(r, origin, "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n");
	origin = next_try(r, "abc");
	peer_reset(origin);
	rig_run(r);
	origin = next_try(r, "abc");
	rig_answer(r, origin, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
	assert_int_equal(r->px->kept, 0);
}

/* What had arrived is sent again, what arrives meanwhile follows. */
static void half_a_body_is_sent_again(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(1, RETRY_RESET);
	rig_ask(r, client, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 6\r\n\r\nabc");
	origin = rig_origin(r);
	peer_reset(origin);
	rig_run(r);
	rig_ask(r, client, "def");
	origin = next_try(r, "abcdef");
	rig_answer(r, origin, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
}

static void chunked_body_is_sent_again(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(1, RETRY_5XX);
	origin = ask(r, client,
		     "PUT / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	rig_answer(r, origin, "HTTP/1.1 503 Bad\r\nContent-Length: 0\r\n\r\n");
	origin = next_try(r, "abcde");
	rig_answer(r, origin, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
}

/* Conditions that only connecting or gRPC can meet need no copy of the body. */
static void body_is_kept_only_where_it_may_help(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(2, RETRY_CONNECT_FAILURE | RETRY_GRPC_UNAVAILABLE);
	origin = ask(r, client, POST_3);
	assert_int_equal(r->px->kept, 0);
	rig_answer(r, origin,
		   H200 "Content-Length: 0\r\nConnection: close\r\ngrpc-status: 14\r\n\r\n");
	peer_end(origin);
	rig_expect_response(r, client, 200);
	ask(r, client,
	    "POST / HTTP/1.1\r\nHost: web\r\ncontent-type: application/grpc\r\nContent-Length: "
	    "3\r\n\r\nabc");
	assert_int_equal(r->px->kept, 1);
	peer_reset(client);
	rig_run(r);
	assert_int_equal(r->px->kept, 0);
}

/* Neither more than a megabyte of one request nor more than a share of all memory. */
static void no_retry_with_too_much_body(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(2, RETRY_5XX);
	r->px->kept_max = 0;
	origin = ask(r, client, POST_3);
	rig_answer(r, origin, "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 500);
	rig_check_log(r, 500, 0, "via_upstream");
	assert_int_equal(r->px->kept, 0);
	assert_int_equal(rig_count(r, CTR_RETRY_BODY_DROPPED), 1);
}

/* ---- conditions ---- */

static const struct status_set status_503 = {{[503 / 64] = 1ull << (503 % 64)}};

static void conditions(void **state)
{
	static const struct {
		const char *head;
		uint32_t on;
		bool retried;
	} rows[] = {
		{"500", RETRY_5XX, true},
		{"499", RETRY_5XX, false},
		{"502", RETRY_GATEWAY_ERROR, true},
		{"504", RETRY_GATEWAY_ERROR, true},
		{"500", RETRY_GATEWAY_ERROR, false},
		{"505", RETRY_GATEWAY_ERROR, false},
		{"409", RETRY_RETRIABLE_4XX, true},
		{"404", RETRY_RETRIABLE_4XX, false},
		{"503", RETRY_STATUS, true},
		{"502", RETRY_STATUS, false},
		{"503", RETRY_RESET | RETRY_CONNECT_FAILURE | RETRY_REFUSED_STREAM, false},
		{"503 x\r\nx-envoy-ratelimited: true", RETRY_5XX, false},
		{"503 x\r\nx-envoy-ratelimited: true", RETRY_5XX | RETRY_RATELIMITED, true},
		{"429 x\r\nx-envoy-ratelimited: true", RETRY_RATELIMITED, true},
		{"429", RETRY_RATELIMITED, false},
		{"200 x\r\ngrpc-status: 14", RETRY_GRPC_UNAVAILABLE, true},
		{"200 x\r\ngrpc-status: 1", RETRY_GRPC_CANCELLED, true},
		{"200 x\r\ngrpc-status: 4", RETRY_GRPC_DEADLINE_EXCEEDED, true},
		{"200 x\r\ngrpc-status: 8", RETRY_GRPC_RESOURCE_EXHAUSTED, true},
		{"200 x\r\ngrpc-status: 13", RETRY_GRPC_INTERNAL, true},
		{"200 x\r\ngrpc-status: 0", RETRY_GRPC, false},
		{"200 x\r\ngrpc-status: 14", RETRY_GRPC_CANCELLED, false},
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin;
		char text[200];

		r->routes[0].retry = POLICY(1, rows[i].on);
		r->routes[0].retry.statuses = &status_503;
		origin = ask(r, client, GET);
		snprintf(text, sizeof(text),
			 "HTTP/1.1 %s%s\r\nContent-Length: 0\r\nConnection: "
			 "close\r\n\r\n",
			 rows[i].head, strchr(rows[i].head, '\n') ? "" : " x");
		rig_answer(r, origin, text);
		peer_end(origin);
		rig_wait(r, 20000);
		if (rig_has_origin(r) != rows[i].retried)
			print_error("row %zu: %s\n", i, rows[i].head);
		assert_int_equal(rig_has_origin(r), rows[i].retried);
		if (rows[i].retried)
			rig_origin(r);
		peer_reset(client);
		rig_run(r);
		rig_log(r);
	}
}

static void reset_before_request(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(1, RETRY_RESET_BEFORE_REQUEST);
	r->tcp.connect = FAKE_REFUSE;
	rig_ask(r, client, GET);
	rig_origin(r);
	r->tcp.connect = FAKE_ACCEPT;
	origin = next_try(r, "");
	peer_reset(origin);
	rig_run(r);
	rig_expect_response(r, client, 503);
}

/* ---- a limit for each try ---- */

static void per_try_timeout_is_retried(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(2, RETRY_5XX);
	r->routes[0].retry.per_try_timeout_us = 1000000;
	origin = ask(r, client, GET);
	for (unsigned i = 0; i < 2; i++) {
		rig_wait(r, 999000);
		assert_false(origin->was_reset);
		rig_wait(r, 3000);
		assert_true(origin->was_reset);
		origin = next_try(r, "");
	}
	rig_wait(r, 999000 - 20000);
	rig_expect_silence(r, client);
	rig_wait(r, 23000);
	rig_expect_response(r, client, 504);
	rig_check_body(&r->response, "upstream request timeout");
	rig_check_log(r, 504, RESPONSE_FLAG_UT | RESPONSE_FLAG_URX, "upstream_per_try_timeout");
}

/* B117: a timeout is none of the default conditions. */
static void per_try_timeout_alone(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->routes[0].retry = POLICY(2, RETRY_CONNECT_FAILURE);
	r->routes[0].retry.per_try_timeout_us = 1000000;
	ask(r, client, GET);
	rig_wait(r, 1003000);
	rig_expect_response(r, client, 504);
	rig_check_log(r, 504, RESPONSE_FLAG_UT, "upstream_per_try_timeout");
}

/* It runs from the request's end, and not once the response has begun. */
static void per_try_timeout_of_slow_ones(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry = POLICY(2, RETRY_5XX);
	r->routes[0].retry.per_try_timeout_us = 1000000;
	rig_ask(r, client, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\na");
	origin = rig_origin(r);
	rig_wait(r, 1500000);
	rig_ask(r, client, "bc");
	rig_wait(r, 900000);
	rig_expect_request(r, origin);
	rig_answer(r, origin, H200 "Content-Length: 2\r\n\r\no");
	rig_wait(r, 1500000);
	rig_answer(r, origin, "k");
	rig_expect_response(r, client, 200);
}

/* B119: all tries together are over when the route's time is. */
static void per_try_timeout_below_the_whole(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->routes[0].timeout_us = 2500000;
	r->routes[0].retry = POLICY(10, RETRY_5XX);
	r->routes[0].retry.per_try_timeout_us = 1000000;
	ask(r, client, GET);
	for (unsigned i = 0; i < 2; i++) {
		rig_wait(r, 1003000);
		next_try(r, "");
	}
	rig_wait(r, 400000);
	rig_expect_silence(r, client);
	rig_wait(r, 103000);
	rig_expect_response(r, client, 504);
	rig_check_log(r, 504, RESPONSE_FLAG_UT, "response_timeout");
}

/* ---- what clients ask for ---- */

static void check_answer_after(struct rig *r, const char *ip, const char *lines, uint64_t ms)
{
	struct peer *client = rig_client_from(r, PORT_ROUTED, ip);
	char text[300];

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: web\r\n%s\r\n", lines);
	ask(r, client, text);
	rig_wait(r, ms * 1000 - 1000);
	rig_expect_silence(r, client);
	rig_wait(r, 4000);
	assert_true(message_take(client, &r->response, MESSAGE_RESPONSE));
	peer_reset(client);
	rig_run(r);
	rig_log(r);
}

#define GRPC "content-type: application/grpc\r\n"

static void clients_ask_for_limits(void **state)
{
	static const char inside[] = "10.0.0.1", outside[] = "192.0.2.1";
	struct rig *r = *state;

	r->routes[0].timeout_us = 2000000;
	r->routes[0].retry.attempts = 0;
	check_answer_after(r, inside, "x-envoy-upstream-rq-timeout-ms: 500\r\n", 500);
	check_answer_after(r, inside, "x-envoy-upstream-rq-timeout-ms: 3000\r\n", 3000);
	check_answer_after(r, inside, "x-envoy-upstream-rq-per-try-timeout-ms: 700\r\n", 700);
	check_answer_after(r, outside, "x-envoy-upstream-rq-timeout-ms: 500\r\n", 2000);
	check_answer_after(r, inside, "x-envoy-upstream-rq-timeout-ms: 5x\r\n", 2000);
	check_answer_after(r, outside, GRPC "grpc-timeout: 1S\r\n", 1000);
	check_answer_after(r, outside, GRPC "grpc-timeout: 10S\r\n", 2000);
	check_answer_after(r, outside, GRPC "grpc-timeout: 300m\r\n", 300);
	check_answer_after(r, outside, GRPC "grpc-timeout: 400000u\r\n", 400);
	check_answer_after(r, outside, GRPC "grpc-timeout: 123456789S\r\n", 2000);
	check_answer_after(r, outside, "grpc-timeout: 1S\r\n", 2000);
}

static void clients_ask_for_retries(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client_from(r, PORT_ROUTED, "10.0.0.1"), *origin;

	r->routes[0].retry = POLICY(5, RETRY_5XX);
	origin = ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\nx-envoy-max-retries: 1\r\n\r\n");
	rig_check_field(&r->request, "x-envoy-max-retries", NULL);
	rig_answer(r, origin, "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n");
	origin = next_try(r, "");
	rig_answer(r, origin, "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 500);
	rig_check_log(r, 500, RESPONSE_FLAG_URX, "via_upstream");
}

/* A wait that ends with a pooled connection at hand: the body goes on without a "connected". */
static void body_goes_on_after_a_delay(void **state)
{
	static const struct fault fault = {
		.delay_us = 500000, .delay_share = SHARE_WHOLE, .abort_grpc = -1};
	static const struct route_actions actions = {.fault = &fault};
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	rig_answer(r, origin, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_log(r);
	r->routes[0].actions = &actions;
	rig_ask(r, client, POST_3);
	rig_wait(r, 499000);
	rig_expect_silence(r, client);
	rig_wait(r, 2000);
	rig_expect_request(r, origin);
	rig_check_body(&r->request, "abc");
	rig_answer(r, origin, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, RESPONSE_FLAG_DI, "via_upstream");
}

/* A chunked body without content was read to its end by the first try. */
static void retry_empty_chunked(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].retry =
		(struct retry_policy){.attempts = 2, .on = RETRY_5XX, .backoff_us = 1000};
	origin = ask(r, client,
		     "PUT / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	rig_answer(r, origin, "HTTP/1.1 503 Bad\r\nContent-Length: 0\r\n\r\n");
	rig_wait(r, 20000);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
}

static void client_leaves_between_tries(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->tcp.connect = FAKE_REFUSE;
	r->routes[0].retry.backoff_us = 10000000;
	rig_ask(r, client, GET);
	peer_reset(client);
	rig_run(r);
	rig_check_log(r, 0, RESPONSE_FLAG_DC, "downstream_remote_disconnect");
	rig_wait(r, 20000000);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 1);
}

/* ---- the route's timeout ---- */

static void check_timeout(struct rig *r, struct peer *client)
{
	rig_expect_response(r, client, 504);
	rig_check_body(&r->response, "upstream request timeout");
	rig_check_log(r, 504, RESPONSE_FLAG_UT, "response_timeout");
}

static void timeout(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].timeout_us = 1000000;
	origin = ask(r, client, GET);
	rig_wait(r, 999000);
	rig_expect_silence(r, client);
	rig_wait(r, 3000);
	check_timeout(r, client);
	assert_true(origin->was_reset);
}

static void timeout_while_connecting(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->routes[0].timeout_us = 1000000;
	r->tcp.connect = FAKE_HOLD;
	rig_ask(r, client, GET);
	rig_wait(r, 1003000);
	check_timeout(r, client);
}

/* It runs over all tries. */
static void timeout_in_second_try(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].timeout_us = 1000000;
	r->routes[0].retry =
		(struct retry_policy){.attempts = 2, .on = RETRY_5XX, .backoff_us = 1000};
	origin = ask(r, client, GET);
	rig_wait(r, 600000);
	peer_say(origin, "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n");
	rig_run(r);
	rig_wait(r, 10000);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_wait(r, 300000);
	rig_expect_silence(r, client);
	rig_wait(r, 100000);
	check_timeout(r, client);
}

/* A retry that would come too late does not come: the last response is passed on. */
static void no_retry_beyond_timeout(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].timeout_us = 1000000;
	r->routes[0].retry =
		(struct retry_policy){.attempts = 2, .on = RETRY_5XX, .backoff_us = 1000000000};
	origin = ask(r, client, GET);
	rig_wait(r, 500000);
	rig_answer(r, origin, "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 500);
	rig_check_log(r, 500, 0, "via_upstream");
}

static void timeout_in_response(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->routes[0].timeout_us = 1000000;
	origin = ask(r, client, GET);
	rig_answer(r, origin, H200 "Content-Length: 100\r\n\r\nhalf");
	rig_wait(r, 1003000);
	assert_false(message_take(client, &r->response, MESSAGE_RESPONSE));
	assert_true(client->ended);
	assert_true(origin->was_reset);
	rig_check_log(r, 200, RESPONSE_FLAG_UT, "response_timeout");
}

/* From the request's last byte on. */
static void timeout_waits_for_upload(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->routes[0].timeout_us = 1000000;
	rig_ask(r, client, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\na");
	for (unsigned i = 0; i < 5; i++)
		rig_wait(r, 900000);
	rig_ask(r, client, "bc");
	rig_wait(r, 900000);
	rig_expect_silence(r, client);
	rig_wait(r, 103000);
	check_timeout(r, client);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(refused_after_retries),
		CASE(second_try_succeeds),
		CASE(stale),
		CASE(stale_twice),
		CASE(stale_in_the_same_pass),
		CASE(idle_noise),
		CASE(retry_5xx),
		CASE(retry_reset_then_fine),
		CASE(body_is_sent_again),
		CASE(half_a_body_is_sent_again),
		CASE(chunked_body_is_sent_again),
		CASE(body_is_kept_only_where_it_may_help),
		CASE(no_retry_with_too_much_body),
		CASE(conditions),
		CASE(reset_before_request),
		CASE(per_try_timeout_is_retried),
		CASE(per_try_timeout_alone),
		CASE(per_try_timeout_of_slow_ones),
		CASE(per_try_timeout_below_the_whole),
		CASE(clients_ask_for_limits),
		CASE(clients_ask_for_retries),
		CASE(body_goes_on_after_a_delay),
		CASE(retry_empty_chunked),
		CASE(client_leaves_between_tries),
		CASE(timeout),
		CASE(timeout_while_connecting),
		CASE(timeout_in_second_try),
		CASE(no_retry_beyond_timeout),
		CASE(timeout_in_response),
		CASE(timeout_waits_for_upload),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
