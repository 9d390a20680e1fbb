/* test_mirror.c - copies of requests: what they get, and that the request does not notice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET  "GET /p HTTP/1.1\r\nHost: web\r\n\r\n"
#define POST "POST /p HTTP/1.1\r\nHost: web:8080\r\nContent-Length: 6\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct mirror mirrors[2];
static struct route_actions actions;

static void mirror_to(struct rig *r, uint32_t cluster, uint32_t n)
{
	for (unsigned i = 0; i < 2; i++)
		mirrors[i] = (struct mirror){
			.cluster_id = cluster, .cluster_name = "mirror", .share = SHARE_WHOLE};
	actions = (struct route_actions){.n_mirrors = n, .mirrors = mirrors};
	r->routes[0].actions = &actions;
}

/* The origin of the request and that of its copy, which was opened second. */
struct pair {
	struct peer *request, *copy;
};

static struct pair origins(struct rig *r)
{
	struct pair p = {rig_origin(r), NULL};

	p.copy = rig_origin(r);
	return p;
}

static void done(struct rig *r, struct peer *client, struct peer *origin)
{
	rig_answer(r, origin, OK);
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "ok");
	rig_check_log(r, 200, 0, "via_upstream");
}

/* An origin that is connected, for the requests; copies to come need connections of their own. */
static struct peer *connect_and_mirror(struct rig *r, struct peer *client)
{
	struct peer *origin;

	rig_ask(r, client, GET);
	origin = rig_origin(r);
	done(r, client, origin);
	mirror_to(r, 0, 1);
	return origin;
}

static void a_request_without_body(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct pair o;

	mirror_to(r, 0, 1);
	rig_ask(r, client, GET);
	o = origins(r);
	rig_expect_request(r, o.request);
	rig_expect_request(r, o.copy);
	rig_check_field(&r->request, "host", "web");
	/* The copy's answer comes first, and is an error: nobody sees it. */
	rig_answer(r, o.copy, "HTTP/1.1 500 Bad\r\nContent-Length: 3\r\n\r\nbad");
	rig_expect_silence(r, client);
	done(r, client, o.request);
	assert_int_equal(rig_count(r, CTR_MIRRORED), 1);
	assert_int_equal(r->px->n_mirrored, 0);
	rig_check_no_log(r);
}

/* Nobody waits for it. */
static void a_copy_waits_until_there_is_time(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin, *copy;

	mirror_to(r, 0, 1);
	r->busy = true;
	rig_ask(r, client, POST "abcdef");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	assert_false(peer_stream(origin)->patient);
	done(r, client, origin);
	assert_false(rig_has_origin(r));
	assert_int_equal(proxy_copies(r->px), 1);
	r->busy = false;
	rig_run(r);
	assert_int_equal(proxy_copies(r->px), 0);
	/* The request's connection is free meanwhile. */
	copy = origin;
	rig_expect_request(r, copy);
	rig_check_body(&r->request, "abcdef");
	assert_true(peer_stream(copy)->patient);
	rig_answer(r, copy, OK);
	assert_int_equal(r->px->n_mirrored, 0);
	/* And the next that it serves is waited for. */
	actions.n_mirrors = 0;
	rig_ask(r, client, GET);
	rig_expect_request(r, origin);
	assert_false(peer_stream(origin)->patient);
	done(r, client, origin);
}

static void a_copy_that_is_never_begun(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	mirror_to(r, 0, 2);
	r->busy = true;
	rig_ask(r, client, POST "abc");
	assert_int_equal(proxy_copies(r->px), 2);
	peer_reset(client);
	rig_run(r);
	assert_int_equal(proxy_copies(r->px), 0);
	assert_int_equal(r->px->n_mirrored, 0);
	assert_int_equal(r->px->kept, 0);
	r->busy = false;
}

static void a_body_in_pieces(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct pair o;

	mirror_to(r, 0, 1);
	rig_ask(r, client, POST "abc");
	o = origins(r);
	rig_ask(r, client, "def");
	rig_expect_request(r, o.request);
	rig_check_body(&r->request, "abcdef");
	rig_expect_request(r, o.copy);
	rig_check_body(&r->request, "abcdef");
	done(r, client, o.request);
	/* It goes on alone. */
	assert_int_equal(r->px->n_mirrored, 1);
	rig_answer(r, o.copy, OK);
	assert_int_equal(r->px->n_mirrored, 0);
	assert_int_equal(r->px->kept, 0);
}

static void a_mirror_that_refuses(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = connect_and_mirror(r, client);
	/* The request finds a connection, the copy needs one of its own. */
	r->tcp.connect = FAKE_REFUSE;
	rig_ask(r, client, POST "abcdef");
	rig_expect_request(r, origin);
	done(r, client, origin);
	assert_int_equal(r->px->n_mirrored, 0);
	assert_int_equal(rig_requests(r, 503, RESPONSE_FLAG_UF), 1);
}

/* Asks n times; the copies that were tried. */
static uint64_t tried(struct rig *r, struct peer *client, struct peer *origin, unsigned n)
{
	uint64_t before = rig_count(r, CTR_MIRRORED), rested = rig_count(r, CTR_MIRROR_RESTED);

	for (unsigned i = 0; i < n; i++) {
		rig_ask(r, client, POST "abcdef");
		rig_expect_request(r, origin);
		done(r, client, origin);
	}
	before = rig_count(r, CTR_MIRRORED) - before;
	assert_int_equal(before + rig_count(r, CTR_MIRROR_RESTED) - rested, n);
	return before;
}

/* Five refusals in a row, and it is left alone: 1 ms, 2 ms, ... a second; then each rest ends with
 * one more try. */
static void a_mirror_that_refuses_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = connect_and_mirror(r, client);
	r->tcp.connect = FAKE_REFUSE;
	assert_int_equal(tried(r, client, origin, 8), 5);
	for (uint64_t ms = 1; ms <= 4096; ms *= 2) {
		uint64_t rest_us = RTE_MIN(ms, 1000u) * 1000;

		rig_wait(r, rest_us - 1);
		assert_int_equal(tried(r, client, origin, 2), 0);
		rig_wait(r, 1);
		assert_int_equal(tried(r, client, origin, 2), 1);
	}
}

/* One copy that is connected, and it is as if nothing had been. */
static void a_mirror_that_is_back(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin, *copy = NULL;

	origin = connect_and_mirror(r, client);
	r->tcp.connect = FAKE_REFUSE;
	assert_int_equal(tried(r, client, origin, 6), 5);
	rig_wait(r, 1000);
	r->tcp.connect = FAKE_ACCEPT;
	assert_int_equal(tried(r, client, origin, 1), 1);
	while (rig_has_origin(r)) /* past those that were refused */
		copy = rig_origin(r);
	rig_expect_request(r, copy);
	rig_answer(r, copy, OK);
	assert_int_equal(r->px->n_mirrored, 0);
	for (unsigned i = 0; i < MIRROR_RESTS; i++) {
		assert_int_equal(r->px->rests[i].failures, 0);
		assert_int_equal(r->px->rests[i].wait_us, 0);
	}
}

/* What arrives before the mirror is connected waits for it, up to a limit. */
static void a_mirror_that_is_slow_to_connect(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	origin = connect_and_mirror(r, client);
	r->tcp.connect = FAKE_HOLD;
	rig_ask(r, client, POST "abcdef");
	rig_expect_request(r, origin);
	assert_int_equal(r->px->kept, 1);
	done(r, client, origin);
	rig_wait(r, 10000000);
	assert_int_equal(r->px->n_mirrored, 0);
	assert_int_equal(r->px->kept, 0);
	r->px->kept_max = 0;
	rig_ask(r, client, POST "abcdef");
	rig_expect_request(r, origin);
	done(r, client, origin);
	assert_int_equal(rig_count(r, CTR_MIRROR_DROPPED), 1);
}

static void a_mirror_that_hangs_is_given_up(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct pair o;

	mirror_to(r, 0, 1);
	rig_ask(r, client, GET);
	o = origins(r);
	done(r, client, o.request);
	rig_wait(r, 14000000);
	assert_int_equal(r->px->n_mirrored, 1);
	rig_wait(r, 1500000);
	assert_int_equal(r->px->n_mirrored, 0);
	assert_true(o.copy->was_reset);
	rig_check_no_log(r);
}

static void a_client_that_leaves_takes_the_copy_along(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct pair o;

	mirror_to(r, 0, 1);
	rig_ask(r, client, POST "abc");
	o = origins(r);
	peer_reset(client);
	rig_run(r);
	assert_true(o.copy->was_reset);
	assert_int_equal(r->px->n_mirrored, 0);
}

static void several_and_none(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *first;
	struct pair o;

	mirror_to(r, 0, 2);
	rig_ask(r, client, GET);
	first = rig_origin(r);
	o = origins(r);
	rig_expect_request(r, first);
	rig_expect_request(r, o.request);
	rig_expect_request(r, o.copy);
	done(r, client, first);
	peer_reset(o.request);
	rig_answer(r, o.copy, OK);
	peer_end(o.copy);
	rig_run(r);
	assert_int_equal(r->px->n_mirrored, 0);
	/* An unknown cluster and an empty share are no mirrors. */
	mirrors[0].cluster_id = WEIR_ID_NONE;
	mirrors[1].share = 0;
	rig_ask(r, client, GET);
	rig_expect_request(r, first);
	done(r, client, first);
	assert_int_equal(rig_count(r, CTR_MIRRORED), 2);
}

static void no_more_copies_than_there_is_room_for(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	mirror_to(r, 0, 1);
	r->px->mirrored_max = 0;
	rig_ask(r, client, GET);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	assert_false(rig_has_origin(r));
	done(r, client, origin);
	assert_int_equal(rig_count(r, CTR_MIRROR_DROPPED), 1);
}

/* B149. */
static void the_host_of_old(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	struct pair o;

	mirror_to(r, 0, 1);
	mirrors[0].host_suffix = true;
	rig_ask(r, client, POST "abcdef");
	o = origins(r);
	rig_expect_request(r, o.request);
	rig_check_field(&r->request, "host", "web:8080");
	rig_expect_request(r, o.copy);
	rig_check_field(&r->request, "host", "web-shadow:8080");
	done(r, client, o.request);
	rig_answer(r, o.copy, OK);
}

/* A retry of the request is no reason for another copy. */
static void one_copy_whatever_happens(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *again;
	struct pair o;

	mirror_to(r, 0, 1);
	r->routes[0].retry =
		(struct retry_policy){.attempts = 1, .on = RETRY_5XX, .backoff_us = 1000};
	rig_ask(r, client, POST "abcdef");
	o = origins(r);
	rig_answer(r, o.copy, OK);
	peer_reset(o.request);
	rig_run(r);
	rig_wait(r, 20000);
	again = rig_has_origin(r) ? rig_origin(r) : o.copy;
	rig_expect_request(r, again);
	rig_check_body(&r->request, "abcdef");
	assert_false(rig_has_origin(r));
	assert_int_equal(rig_count(r, CTR_MIRRORED), 1);
	peer_reset(client);
	rig_run(r);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_request_without_body),
		CASE(a_copy_waits_until_there_is_time),
		CASE(a_copy_that_is_never_begun),
		CASE(a_body_in_pieces),
		CASE(a_mirror_that_refuses),
		CASE(a_mirror_that_refuses_is_left_alone),
		CASE(a_mirror_that_is_back),
		CASE(a_mirror_that_is_slow_to_connect),
		CASE(a_mirror_that_hangs_is_given_up),
		CASE(a_client_that_leaves_takes_the_copy_along),
		CASE(several_and_none),
		CASE(no_more_copies_than_there_is_room_for),
		CASE(the_host_of_old),
		CASE(one_copy_whatever_happens),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
