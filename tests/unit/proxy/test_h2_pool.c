/* test_h2_pool.c - HTTP/2 connections to endpoints: shared, limited, kept alive, given up; and the
 * requests that lose theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <upstream/pool.h>

#include "h2_origin.h"

#define GET      "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define POST     "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc"
#define OVERFLOW "upstream connect error or disconnect/reset before headers. reset reason: overflow"
#define SECOND   1000000ull

static struct http2_policy policy;

static int setup(void **state)
{
	struct rig *r = rig_open();

	policy = (struct http2_policy){0};
	h2_origin_policy(r, &policy);
	*state = r;
	return 0;
}

static struct peer *asking(struct rig *r, const char *text)
{
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_ask(r, client, text);
	return client;
}

static void answer(struct h2_origin *o, unsigned i, struct peer *client)
{
	h2_origin_answer(o, h2_origin_request(o, i), "200", "", "ok", 2);
	rig_expect_response(o->r, client, 200);
	rig_check_log(o->r, 200, 0, "via_upstream");
}

/* Connections that are being opened, are. */
static void accept_all(struct rig *r)
{
	for (unsigned i = 0; i < r->tcp.n_peers; i++)
		if (r->tcp.peers[i]->connecting)
			peer_accept(r->tcp.peers[i]);
}

/* ---- sharing ---- */

static void one_connection_for_many(void **state)
{
	struct rig *r = *state;
	struct peer *clients[20];
	struct h2_origin *o;

	r->tcp.connect = FAKE_HOLD;
	for (unsigned i = 0; i < 10; i++)
		clients[i] = asking(r, GET);
	accept_all(r);
	r->tcp.connect = FAKE_ACCEPT;
	o = h2_origin_accept(r, 0, 0);
	for (unsigned i = 10; i < 20; i++)
		clients[i] = asking(r, GET);
	for (unsigned i = 20; i-- > 0;)
		answer(o, i, clients[i]);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 1);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 1);
	h2_origin_close(o);
}

static void the_clusters_streams(void **state)
{
	struct rig *r = *state;
	struct peer *clients[5];
	struct h2_origin *o[3];

	policy.max_streams = 2;
	for (unsigned i = 0; i < 5; i++) {
		clients[i] = asking(r, GET);
		if (i % 2 == 0)
			o[i / 2] = h2_origin_accept(r, 0, 0);
	}
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 3);
	/* Room again: no fourth. */
	answer(o[0], 0, clients[0]);
	rig_ask(r, clients[0], GET);
	answer(o[0], 2, clients[0]);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 3);
	for (unsigned i = 1; i < 5; i++)
		answer(o[i / 2], i % 2, clients[i]);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 3);
	for (unsigned i = 0; i < 3; i++)
		h2_origin_close(o[i]);
}

static void the_servers_streams(void **state)
{
	struct rig *r = *state;
	struct peer *clients[4];
	struct h2_origin *o[2];

	for (unsigned i = 0; i < 4; i++) {
		clients[i] = asking(r, GET);
		if (i % 3 == 0)
			o[i / 3] = h2_origin_accept(r, 3, 0);
	}
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 2);
	for (unsigned i = 0; i < 4; i++)
		answer(o[i / 3], i % 3, clients[i]);
	h2_origin_close(o[0]);
	h2_origin_close(o[1]);
}

static void requests_of_a_connection(void **state)
{
	struct rig *r = *state;
	struct peer *clients[3];
	struct h2_origin *o[2];

	r->clusters[0].max_requests_per_connection = 2;
	clients[0] = asking(r, GET);
	o[0] = h2_origin_accept(r, 0, 0);
	clients[1] = asking(r, GET);
	clients[2] = asking(r, GET);
	o[1] = h2_origin_accept(r, 0, 0);
	answer(o[0], 0, clients[0]);
	assert_non_null(o[0]->peer->stream);
	answer(o[0], 1, clients[1]);
	h2_origin_run(o[0]);
	assert_null(o[0]->peer->stream);
	assert_int_equal(o[0]->goaways, 1);
	assert_true(o[0]->peer->ended && !o[0]->peer->was_reset);
	answer(o[1], 0, clients[2]);
	h2_origin_close(o[0]);
	h2_origin_close(o[1]);
}

static void idle_time(void **state)
{
	struct rig *r = *state;
	struct peer *client;
	struct h2_origin *o;

	r->clusters[0].idle_timeout_us = 5 * SECOND;
	client = asking(r, GET);
	o = h2_origin_accept(r, 0, 0);
	rig_wait(r, 20 * SECOND); /* it is not idle */
	answer(o, 0, client);
	rig_wait(r, 4 * SECOND);
	assert_non_null(o->peer->stream);
	rig_wait(r, 2 * SECOND);
	h2_origin_run(o);
	assert_null(o->peer->stream);
	assert_int_equal(o->goaways, 1);
	h2_origin_close(o);
}

static void age(void **state)
{
	struct rig *r = *state;
	struct peer *a, *b;
	struct h2_origin *o, *next;

	r->clusters[0].max_connection_us = 5 * SECOND;
	a = asking(r, GET);
	o = h2_origin_accept(r, 0, 0);
	rig_wait(r, 6 * SECOND);
	b = asking(r, GET);
	next = h2_origin_accept(r, 0, 0);
	answer(o, 0, a);
	h2_origin_run(o);
	assert_null(o->peer->stream);
	answer(next, 0, b);
	h2_origin_close(o);
	h2_origin_close(next);
}

/* The protocol of a cluster changes: what is open ends in order, and new requests follow it. */
static void protocol_changes(void **state)
{
	struct rig *r = *state;
	struct peer *a = asking(r, GET), *b, *origin;
	struct h2_origin *o = h2_origin_accept(r, 0, 0);

	h2_origin_run(o);
	r->clusters[0].http2 = NULL;
	r->endpoints[0].http2 = false;
	r->snap.generation++;
	rig_run(r);
	b = asking(r, GET);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, b, 200);
	rig_check_log(r, 200, 0, "via_upstream");
	answer(o, 0, a);
	h2_origin_run(o);
	assert_null(o->peer->stream);
	/* And back, with a connection of HTTP/1.1 that idles. */
	h2_origin_policy(r, &policy);
	assert_null(origin->stream);
	h2_origin_close(o);
	a = asking(r, GET);
	o = h2_origin_accept(r, 0, 0);
	answer(o, 0, a);
	h2_origin_close(o);
}

static void endpoint_is_gone(void **state)
{
	struct rig *r = *state;
	struct peer *a = asking(r, GET), *b = asking(r, GET);
	struct h2_origin *o = h2_origin_accept(r, 0, 0);

	r->endpoints[0].gen++;
	r->snap.generation++;
	rig_run(r);
	answer(o, 0, a);
	answer(o, 1, b);
	h2_origin_run(o);
	assert_null(o->peer->stream);
	h2_origin_close(o);
}

/* ---- asked whether it lives ---- */

static void keepalive(void **state)
{
	struct rig *r = *state;
	struct peer *client;
	struct h2_origin *o;

	policy.ping_interval_us = 10 * SECOND;
	policy.ping_timeout_us = 2 * SECOND;
	client = asking(r, GET);
	o = h2_origin_accept(r, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		rig_wait(r, 11 * SECOND);
		h2_origin_run(o);
		assert_int_equal(o->pings, i + 1);
	}
	answer(o, 0, client);
	rig_wait(r, 11 * SECOND);
	h2_origin_run(o);
	assert_int_equal(o->pings, 4);
	/* No answer: idle ones are closed, and so are those in use. */
	rig_ask(r, client, POST);
	h2_origin_run(o);
	rig_wait(r, 11 * SECOND);
	assert_non_null(o->peer->stream);
	rig_wait(r, 3 * SECOND);
	assert_null(o->peer->stream);
	rig_expect_response(r, client, 503);
	rig_check_log(r, 503, RESPONSE_FLAG_UC,
		      "upstream_reset_before_response_started{connection_termination}");
	h2_origin_close(o);
}

/* ---- what is lost ---- */

/* B115: REFUSED_STREAM is tried again by a policy that says so, content and all. */
static void refused_stream(void **state)
{
	struct rig *r = *state;
	struct peer *client = asking(r, POST);
	struct h2_origin *o = h2_origin_accept(r, 0, 0);

	r->routes[0].retry.backoff_us = 0;
	nghttp2_submit_rst_stream(o->ng, 0, h2_origin_request(o, 0)->id, NGHTTP2_REFUSED_STREAM);
	h2_origin_run(o);
	rig_wait(r, SECOND);
	h2_origin_run(o);
	assert_string_equal(h2_origin_request(o, 1)->body.p, "abc");
	assert_string_equal(h2_seen_field(&o->seen[1], "x-envoy-attempt-count"), "2");
	answer(o, 1, client);
	/* One that does not say so. */
	r->routes[0].retry.on = RETRY_CONNECT_FAILURE;
	rig_ask(r, client, POST);
	nghttp2_submit_rst_stream(o->ng, 0, h2_origin_request(o, 2)->id, NGHTTP2_REFUSED_STREAM);
	h2_origin_run(o);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, "upstream connect error or disconnect/reset before headers. "
				     "reset reason: remote refused stream reset");
	rig_check_log(r, 503, RESPONSE_FLAG_UR,
		      "upstream_reset_before_response_started{remote_refused_stream_reset}");
	h2_origin_close(o);
}

/* RFC 9113 6.8: what is above the last stream goes elsewhere, what is below is finished. */
static void goaway(void **state)
{
	struct rig *r = *state;
	struct peer *clients[4];
	struct h2_origin *o, *next;

	r->routes[0].retry.attempts = 0;
	for (unsigned i = 0; i < 4; i++)
		clients[i] = asking(r, i == 3 ? "POST / HTTP/1.1\r\nHost: web\r\n"
						"Content-Length: 0\r\n\r\n"
					      : GET);
	o = h2_origin_accept(r, 0, 0);
	nghttp2_submit_goaway(o->ng, 0, h2_origin_request(o, 1)->id, NGHTTP2_NO_ERROR, NULL, 0);
	h2_origin_run(o);
	next = h2_origin_accept(r, 0, 0);
	answer(next, 0, clients[2]);
	answer(next, 1, clients[3]);
	assert_non_null(o->peer->stream);
	answer(o, 0, clients[0]);
	answer(o, 1, clients[1]);
	h2_origin_run(o);
	assert_null(o->peer->stream);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 2);
	h2_origin_close(o);
	h2_origin_close(next);
}

/* A server that takes nothing on, ever. */
static void goaway_for_ever(void **state)
{
	struct rig *r = *state;
	struct peer *client = asking(r, GET);
	unsigned n = 0;

	while (rig_has_origin(r)) {
		struct h2_origin *o = h2_origin_accept(r, 0, 0);

		nghttp2_submit_goaway(o->ng, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
		h2_origin_run(o);
		peer_end(o->peer);
		rig_run(r);
		h2_origin_close(o);
		assert_true(++n < 20);
		rig_wait(r, SECOND);
	}
	rig_expect_response(r, client, 503);
	rig_check_log(r, 503, RESPONSE_FLAG_UR | RESPONSE_FLAG_URX,
		      "upstream_reset_before_response_started{remote_refused_stream_reset}");
}

/* What can be repeated is, all of it over one new connection. */
static void connection_lost(void **state)
{
	struct rig *r = *state;
	struct peer *first = asking(r, GET), *clients[3];
	struct h2_origin *o = h2_origin_accept(r, 0, 0), *next;

	answer(o, 0, first);
	for (unsigned i = 0; i < 3; i++)
		clients[i] = asking(r, i == 2 ? POST : GET);
	h2_origin_run(o);
	peer_reset(o->peer);
	rig_run(r);
	rig_expect_response(r, clients[2], 503);
	rig_check_log(r, 503, RESPONSE_FLAG_UC,
		      "upstream_reset_before_response_started{connection_termination}");
	next = h2_origin_accept(r, 0, 0);
	answer(next, 0, clients[0]);
	answer(next, 1, clients[1]);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 2);
	h2_origin_close(o);
	h2_origin_close(next);
}

static void refused_connection(void **state)
{
	struct rig *r = *state;
	struct peer *client;

	r->routes[0].retry.attempts = 0;
	r->tcp.connect = FAKE_REFUSE;
	client = asking(r, GET);
	rig_expect_response(r, client, 503);
	assert_true(rig_log(r)->flags & RESPONSE_FLAG_UF);
	r->tcp.connect = FAKE_HOLD;
	rig_ask(r, client, GET);
	rig_wait(r, 11 * SECOND);
	rig_expect_response(r, client, 503);
	assert_true(rig_log(r)->flags & RESPONSE_FLAG_UF);
}

/* All that wait leave before there is a connection: it is given up. */
static void nobody_waits(void **state)
{
	struct rig *r = *state;
	struct peer *client;

	r->tcp.connect = FAKE_HOLD;
	client = asking(r, GET);
	assert_int_equal(upstream_conns(r->px->up), 1);
	peer_reset(client);
	rig_run(r);
	assert_int_equal(upstream_conns(r->px->up), 0);
}

/* ---- limits ---- */

static struct breaker *make_breaker(struct rig *r, struct breaker_limits limits)
{
	size_t size = sizeof(struct breaker) + sizeof(struct breaker_seat);
	struct breaker *b = aligned_alloc(WEIR_CACHE_LINE, size);

	assert_non_null(b);
	memset(b, 0, size);
	b->n_seats = 1;
	b->seats[0].breaker = b;
	r->clusters[0].breaker = b;
	r->clusters[0].limits = limits;
	r->snap.generation++;
	rig_run(r);
	return b;
}

#define NONE BREAKER_NO_LIMIT

static int limits_teardown(void **state)
{
	struct rig *r = *state;
	struct breaker *b = r->clusters[0].breaker;

	for (unsigned i = 0; i < r->tcp.n_peers; i++)
		if (r->tcp.peers[i]->stream)
			peer_reset(r->tcp.peers[i]);
	rig_run(r);
	assert_int_equal(b->connections, 0);
	assert_int_equal(b->requests, 0);
	assert_int_equal(b->pending, 0);
	assert_int_equal(b->waiting, 0);
	assert_int_equal(b->holds, 0);
	assert_int_equal(b->seats[0].roomy, 0);
	assert_int_equal(b->seats[0].idle, 0);
	rig_close(r);
	free(b);
	return 0;
}

static void most_requests(void **state)
{
	struct rig *r = *state;
	struct peer *clients[4];
	struct h2_origin *o;

	make_breaker(r, (struct breaker_limits){NONE, NONE, 3, NONE, 0, 0});
	clients[0] = asking(r, GET);
	o = h2_origin_accept(r, 0, 0);
	for (unsigned i = 1; i < 4; i++)
		clients[i] = asking(r, GET);
	rig_expect_response(r, clients[3], 503);
	rig_check_body(&r->response, OVERFLOW);
	rig_check_log(r, 503, RESPONSE_FLAG_UO, "upstream_reset_before_response_started{overflow}");
	answer(o, 0, clients[0]);
	rig_ask(r, clients[3], GET);
	for (unsigned i = 1; i < 4; i++)
		answer(o, i, clients[i]);
	h2_origin_close(o);
}

/* Those that came while it was being opened are counted when it is. */
static void most_requests_at_once(void **state)
{
	struct rig *r = *state;
	struct peer *clients[4];
	struct h2_origin *o;
	unsigned overflowed = 0;

	make_breaker(r, (struct breaker_limits){NONE, NONE, 3, NONE, 0, 0});
	r->tcp.connect = FAKE_HOLD;
	for (unsigned i = 0; i < 4; i++)
		clients[i] = asking(r, GET);
	accept_all(r);
	o = h2_origin_accept(r, 0, 0);
	assert_int_equal(o->n, 3);
	for (unsigned i = 0; i < 4; i++)
		overflowed += message_take(clients[i], &r->response, MESSAGE_RESPONSE);
	assert_int_equal(overflowed, 1);
	assert_int_equal(r->response.status, 503);
	h2_origin_close(o);
}

static void one_connection(void **state)
{
	struct rig *r = *state;
	struct peer *clients[6];
	struct h2_origin *o;
	struct breaker *b;

	policy.max_streams = 2;
	b = make_breaker(r, (struct breaker_limits){1, NONE, NONE, NONE, 0, 0});
	for (unsigned i = 0; i < 6; i++)
		clients[i] = asking(r, GET);
	o = h2_origin_accept(r, 0, 0);
	assert_int_equal(o->n, 2);
	assert_int_equal(b->connections, 1);
	for (unsigned i = 0; i < 6; i++)
		answer(o, i, clients[i]);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 1);
	h2_origin_close(o);
}

static void most_pending(void **state)
{
	struct rig *r = *state;
	struct peer *clients[3];
	struct h2_origin *o;

	make_breaker(r, (struct breaker_limits){1, 2, NONE, NONE, 0, 0});
	r->tcp.connect = FAKE_HOLD;
	for (unsigned i = 0; i < 3; i++)
		clients[i] = asking(r, GET);
	rig_expect_response(r, clients[2], 503);
	rig_check_log(r, 503, RESPONSE_FLAG_UO, "upstream_reset_before_response_started{overflow}");
	accept_all(r);
	o = h2_origin_accept(r, 0, 0);
	answer(o, 0, clients[0]);
	answer(o, 1, clients[1]);
	h2_origin_close(o);
}

/* The bound is reached: requests are refused, counted, and served again when there is room. */
static void memory_is_bounded(void **state)
{
	struct rig *r = *state;
	struct h2_mem *mem = &r->px->up->h2_mem;
	struct peer *client = asking(r, GET);
	struct h2_origin *o = h2_origin_accept(r, 0, 0);
	size_t max = mem->max;

	answer(o, 0, client);
	assert_int_equal(rig_count(r, CTR_HTTP2_MEMORY_REFUSED), 0);
	mem->max = mem->used / 2;
	rig_ask(r, client, GET);
	rig_expect_response(r, client, 503);
	rig_check_log(r, 503, RESPONSE_FLAG_UO, "upstream_reset_before_response_started{overflow}");
	assert_true(rig_count(r, CTR_HTTP2_MEMORY_REFUSED) > 0);
	mem->max = max;
	rig_ask(r, client, GET);
	answer(o, 1, client);
	h2_origin_close(o);
}

int main(void)
{
#define CASE(f)    cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
#define LIMITED(f) cmocka_unit_test_setup_teardown(f, setup, limits_teardown)
	const struct CMUnitTest tests[] = {
		CASE(one_connection_for_many),
		CASE(the_clusters_streams),
		CASE(the_servers_streams),
		CASE(requests_of_a_connection),
		CASE(idle_time),
		CASE(age),
		CASE(protocol_changes),
		CASE(endpoint_is_gone),
		CASE(keepalive),
		CASE(refused_stream),
		CASE(goaway),
		CASE(goaway_for_ever),
		CASE(connection_lost),
		CASE(refused_connection),
		CASE(nobody_waits),
		CASE(memory_is_bounded),
		LIMITED(most_requests),
		LIMITED(most_requests_at_once),
		LIMITED(one_connection),
		LIMITED(most_pending),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
