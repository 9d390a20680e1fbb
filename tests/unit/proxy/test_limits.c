/* test_limits.c - connectionPool: who may have a connection, who waits, who is turned away.
 *
 * A second worker is a second rig with the same breaker; it does nothing but when it is run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define GET      "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define OK       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define OVERFLOW "upstream connect error or disconnect/reset before headers. reset reason: overflow"
#define BEFORE   "upstream_reset_before_response_started{overflow}"

#define NONE BREAKER_NO_LIMIT
#define LIMITS(connections_, pending_, requests_, retries_)                                        \
	((struct breaker_limits){.connections = (connections_),                                    \
				 .pending = (pending_),                                            \
				 .requests = (requests_),                                          \
				 .retries = (retries_)})

struct pair {
	struct rig *r[2];
	struct breaker *b;
	struct mailbox boxes[2];
};

static struct breaker *make_breaker(void)
{
	size_t size = sizeof(struct breaker) + 2 * sizeof(struct breaker_seat);
	struct breaker *b = aligned_alloc(WEIR_CACHE_LINE, size);

	assert_non_null(b);
	memset(b, 0, size);
	b->n_seats = 2;
	for (unsigned i = 0; i < 2; i++)
		b->seats[i].breaker = b;
	return b;
}

/* A snapshot with these limits, seen by both workers. */
static void limit(struct pair *p, struct breaker_limits limits)
{
	for (unsigned i = 0; i < 2; i++) {
		p->r[i]->clusters[0].breaker = p->b;
		p->r[i]->clusters[0].limits = limits;
		p->r[i]->snap.generation++;
		rig_run(p->r[i]);
	}
}

static int setup(void **state)
{
	struct pair *p = aligned_alloc(WEIR_CACHE_LINE, sizeof(*p));

	assert_non_null(p);
	memset(p, 0, sizeof(*p));
	p->b = make_breaker();
	for (unsigned i = 0; i < 2; i++)
		p->r[i] = rig_open_worker(i, p->boxes);
	*state = p;
	return 0;
}

static void run_both(struct pair *p)
{
	for (unsigned i = 0; i < 6; i++)
		rig_run(p->r[i % 2]);
}

static int teardown(void **state)
{
	struct pair *p = *state;

	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < p->r[i]->tcp.n_peers; k++)
			if (p->r[i]->tcp.peers[k]->stream && !p->r[i]->tcp.peers[k]->active)
				peer_reset(p->r[i]->tcp.peers[k]);
	run_both(p);
	for (unsigned i = 0; i < 2; i++)
		proxy_drain(p->r[i]->px);
	run_both(p);
	assert_int_equal(p->b->connections, 0);
	assert_int_equal(p->b->requests, 0);
	assert_int_equal(p->b->retries, 0);
	assert_int_equal(p->b->pending, 0);
	assert_int_equal(p->b->waiting, 0);
	assert_int_equal(p->b->holds, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(p->b->seats[i].granted, 0);
		assert_int_equal(p->b->seats[i].idle, 0);
		assert_null(p->b->seats[i].first);
		rig_close(p->r[i]);
	}
	free(p->b);
	free(p);
	return 0;
}

static struct peer *ask(struct rig *r)
{
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_ask(r, client, GET);
	return client;
}

/* The next origin, which has got a request. */
static struct peer *asked(struct rig *r)
{
	struct peer *origin = rig_origin(r);

	rig_expect_request(r, origin);
	return origin;
}

static void expect_ok(struct rig *r, struct peer *client)
{
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
}

static void expect_overflow(struct rig *r, struct peer *client)
{
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, OVERFLOW);
	rig_check_field(&r->response, "x-envoy-overloaded", "true");
	rig_check_log(r, 503, RESPONSE_FLAG_UO, BEFORE);
}

static void b215_one_served_one_waits(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[3], *origin;

	limit(p, LIMITS(1, 1, NONE, NONE));
	r->clusters[0].max_requests_per_connection = 1;
	for (unsigned i = 0; i < 3; i++)
		client[i] = ask(r);
	origin = asked(r);
	assert_false(rig_has_origin(r));
	rig_expect_silence(r, client[1]);
	expect_overflow(r, client[2]);
	rig_answer(r, origin, OK);
	expect_ok(r, client[0]);
	assert_true(origin->ended);
	origin = asked(r); /* another connection: B216 */
	rig_answer(r, origin, OK);
	expect_ok(r, client[1]);
	assert_int_equal(p->b->overflows[BREAKER_PENDING], 1);
}

/* Those that come in one pass, before any handshake is over. */
static void b215_at_once(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[3];

	limit(p, LIMITS(1, 1, NONE, NONE));
	r->tcp.connect = FAKE_HOLD;
	for (unsigned i = 0; i < 3; i++) {
		client[i] = rig_client(r, PORT_ROUTED);
		peer_say(client[i], GET);
	}
	rig_run(r);
	expect_overflow(r, client[2]);
	rig_expect_silence(r, client[0]);
	rig_expect_silence(r, client[1]);
	r->tcp.connect = FAKE_ACCEPT;
	peer_accept(rig_origin(r));
	rig_run(r);
	assert_int_equal(p->b->connections, 1);
}

/* A request whose own connection opens is pending, too. */
static void connecting_is_pending(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *first, *second;

	limit(p, LIMITS(NONE, 1, NONE, NONE));
	r->tcp.connect = FAKE_HOLD;
	first = ask(r);
	second = ask(r);
	expect_overflow(r, second);
	rig_expect_silence(r, first);
	assert_int_equal(breaker_pending(p->b), 1);
	assert_int_equal(p->b->connections, 1);
}

static void waits_in_order(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[4], *origin;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	for (unsigned i = 0; i < 4; i++)
		client[i] = ask(r);
	origin = asked(r);
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			rig_expect_request(r, origin); /* the same connection */
		rig_answer(r, origin, OK);
		expect_ok(r, client[i]);
	}
	assert_false(rig_has_origin(r));
	assert_int_equal(p->b->overflows[BREAKER_CONNECTIONS], 3);
}

/* B220: exactly one over all endpoints; an idle one elsewhere makes room. */
static void b220_one_for_two_hosts(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[3], *origin;
	char ip[3][IP_ADDR_STRLEN];

	limit(p, LIMITS(1, NONE, NONE, NONE));
	r->sets[0].n = 2;
	for (unsigned i = 0; i < 3; i++)
		client[i] = ask(r);
	for (unsigned i = 0; i < 3; i++) {
		origin = asked(r);
		ip_addr_format(&origin->tuple.remote.ip, ip[i]);
		assert_false(rig_has_origin(r));
		assert_int_equal(p->b->connections, 1);
		rig_answer(r, origin, OK);
		expect_ok(r, client[i]);
	}
	assert_string_not_equal(ip[0], ip[1]);
	assert_string_equal(ip[0], ip[2]);
}

static void b217_requests(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0], *other = p->r[1];
	struct peer *client, *origin;

	limit(p, LIMITS(NONE, NONE, 1, NONE));
	client = ask(r);
	origin = asked(r);
	expect_overflow(r, ask(r));
	expect_overflow(other, ask(other));
	rig_answer(r, origin, OK);
	expect_ok(r, client);
	client = ask(other);
	rig_answer(other, asked(other), OK);
	expect_ok(other, client);
}

/* Two that come before either is connected: the second connection is kept. */
static void b217_at_once(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[2], *origin[2];

	limit(p, LIMITS(NONE, NONE, 1, NONE));
	r->tcp.connect = FAKE_HOLD;
	for (unsigned i = 0; i < 2; i++) {
		client[i] = ask(r);
		origin[i] = rig_origin(r);
	}
	for (unsigned i = 0; i < 2; i++) {
		peer_accept(origin[i]);
		rig_run(r);
	}
	expect_overflow(r, client[1]);
	rig_expect_request(r, origin[0]);
	rig_answer(r, origin[0], OK);
	expect_ok(r, client[0]);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 2);
}

static void b222_overflow_is_not_retried(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];

	limit(p, LIMITS(NONE, NONE, 1, NONE));
	r->routes[0].retry = (struct retry_policy){
		.attempts = 3, .on = RETRY_5XX | RETRY_RESET | RETRY_CONNECT_FAILURE};
	ask(r);
	asked(r);
	expect_overflow(r, ask(r));
	assert_int_equal(rig_count(r, CTR_UPSTREAM_RETRIES), 0);
}

static void retries_are_limited(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[2], *origin[2];

	limit(p, LIMITS(NONE, NONE, NONE, 1));
	r->routes[0].retry =
		(struct retry_policy){.attempts = 1, .on = RETRY_5XX, .backoff_us = 1000};
	for (unsigned i = 0; i < 2; i++) {
		client[i] = ask(r);
		origin[i] = asked(r);
	}
	rig_answer(r, origin[0], "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
	rig_answer(r, origin[1], "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client[1], 503);
	assert_true(rig_log(r)->flags & RESPONSE_FLAG_UO);
	assert_int_equal(p->b->overflows[BREAKER_RETRIES], 1);
	rig_wait(r, 2000);
	rig_expect_request(r, origin[1]); /* its connection is free again */
	rig_answer(r, origin[1], OK);
	expect_ok(r, client[0]);
	assert_int_equal(p->b->retries, 0);
}

#define NO "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"

/* A fifth of the requests on two workers: of fifteen, then of fourteen, then of thirteen. */
static void retries_have_a_budget(void **state)
{
	struct pair *p = *state;
	struct peer *client[15], *origin[15];

	limit(p, (struct breaker_limits){NONE, NONE, NONE, NONE, 200000, 1});
	for (unsigned i = 0; i < 15; i++) {
		struct rig *r = p->r[i % 2];

		r->routes[0].retry =
			(struct retry_policy){.attempts = 1, .on = RETRY_5XX, .backoff_us = 1000};
		client[i] = ask(r);
		origin[i] = asked(r);
	}
	assert_int_equal(breaker_retries_max(p->b), 3);
	for (unsigned i = 0; i < 15; i++)
		rig_answer(p->r[i % 2], origin[i], NO);
	assert_int_equal(p->b->retries, 2);
	assert_int_equal(p->b->overflows[BREAKER_RETRIES], 13);
	for (unsigned i = 2; i < 15; i++) {
		rig_expect_response(p->r[i % 2], client[i], 503);
		assert_true(rig_log(p->r[i % 2])->flags & RESPONSE_FLAG_UO);
	}
	for (unsigned i = 0; i < 2; i++)
		peer_reset(client[i]);
	run_both(p);
	assert_int_equal(p->b->retries, 0);
}

/* Few requests have their few retries, whatever the share; without a share it is these alone. */
static void a_budget_has_a_minimum(void **state)
{
	struct pair *p = *state;

	limit(p, (struct breaker_limits){NONE, NONE, NONE, 0, 0, 3});
	assert_int_equal(breaker_retries_max(p->b), 3);
	p->b->requests = 1000;
	assert_int_equal(breaker_retries_max(p->b), 3);
	limit(p, (struct breaker_limits){NONE, NONE, NONE, 0, 200000, 3});
	assert_int_equal(breaker_retries_max(p->b), 200);
	p->b->pending = 50ull << 32 | 30;
	assert_int_equal(breaker_retries_max(p->b), 216);
	p->b->requests = 0;
	p->b->pending = 0;
}

static void waiting_has_its_time(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[3], *origin;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	client[0] = ask(r);
	origin = asked(r);
	r->routes[0].timeout_us = 100000;
	client[1] = ask(r);
	r->routes[0].timeout_us = 0;
	client[2] = ask(r);
	rig_wait(r, 102000);
	rig_expect_response(r, client[1], 504);
	rig_log(r);
	peer_reset(ask(r)); /* one that leaves the queue by itself */
	rig_run(r);
	rig_log(r);
	assert_int_equal(breaker_pending(p->b), 1);
	rig_answer(r, origin, OK);
	expect_ok(r, client[0]);
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK);
	expect_ok(r, client[2]);
}

/* A connection that dies makes room, whatever it was doing. */
static void lost_connection_makes_room(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[2];

	limit(p, LIMITS(1, NONE, NONE, NONE));
	for (unsigned i = 0; i < 2; i++)
		client[i] = ask(r);
	peer_reset(asked(r));
	rig_run(r);
	rig_expect_response(r, client[0], 503);
	rig_log(r);
	rig_answer(r, asked(r), OK);
	expect_ok(r, client[1]);
}

static void refused_connection_makes_room(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[2];

	limit(p, LIMITS(1, NONE, NONE, NONE));
	r->routes[0].retry.attempts = 0;
	r->tcp.connect = FAKE_HOLD;
	for (unsigned i = 0; i < 2; i++)
		client[i] = ask(r);
	r->tcp.connect = FAKE_ACCEPT;
	peer_reset(rig_origin(r));
	rig_run(r);
	rig_expect_response(r, client[0], 503);
	rig_log(r);
	rig_answer(r, asked(r), OK);
	expect_ok(r, client[1]);
}

/* ---- workers ---- */

/* The one connection lies idle in the other worker. */
static void idle_one_is_handed_over(void **state)
{
	struct pair *p = *state;
	struct peer *client;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	client = ask(p->r[0]);
	rig_answer(p->r[0], asked(p->r[0]), OK);
	expect_ok(p->r[0], client);
	assert_int_equal(rig_count(p->r[0], CTR_UPSTREAM_IDLE), 1);
	client = ask(p->r[1]);
	rig_expect_silence(p->r[1], client);
	rig_run(p->r[0]); /* has mail */
	assert_int_equal(rig_count(p->r[0], CTR_UPSTREAM_IDLE), 0);
	rig_run(p->r[1]);
	rig_answer(p->r[1], asked(p->r[1]), OK);
	expect_ok(p->r[1], client);
	assert_int_equal(p->b->connections, 1);
}

/* Busy in one worker while others wait in the second: given up as soon as it is free. */
static void busy_one_is_handed_over(void **state)
{
	struct pair *p = *state;
	struct peer *first, *second, *origin;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	first = ask(p->r[0]);
	origin = asked(p->r[0]);
	second = ask(p->r[1]);
	run_both(p);
	rig_expect_silence(p->r[1], second);
	assert_false(rig_has_origin(p->r[1]));
	rig_answer(p->r[0], origin, OK);
	expect_ok(p->r[0], first);
	assert_true(origin->ended);
	rig_run(p->r[1]);
	rig_answer(p->r[1], asked(p->r[1]), OK);
	expect_ok(p->r[1], second);
}

/* Slow requests: in the order in which they came, whichever worker they came to. */
static void order_over_workers(void **state)
{
	struct pair *p = *state;
	struct peer *client[6], *origin;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	for (unsigned i = 0; i < 6; i++)
		client[i] = ask(p->r[i % 2]);
	for (unsigned i = 0; i < 6; i++) {
		struct rig *r = p->r[i % 2];

		run_both(p);
		origin = asked(r);
		assert_false(rig_has_origin(p->r[0]) || rig_has_origin(p->r[1]));
		p->r[0]->now_us += 20000;
		p->r[1]->now_us += 20000;
		rig_answer(r, origin, OK);
		expect_ok(r, client[i]);
	}
}

/* Fast ones stay on their connection, but nobody is overtaken for ever. */
static void overtaking_ends(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *origin, *other, *client[40];
	unsigned n = 0;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	client[0] = ask(r);
	other = ask(p->r[1]);
	for (unsigned i = 1; i < 40; i++)
		client[i] = ask(r);
	origin = asked(r);
	for (;;) {
		rig_answer(r, origin, OK);
		expect_ok(r, client[n++]);
		if (origin->ended)
			break;
		assert_true(n < 20);
		rig_expect_request(r, origin);
	}
	assert_true(n > 1);
	rig_run(p->r[1]);
	rig_answer(p->r[1], asked(p->r[1]), OK);
	expect_ok(p->r[1], other);
	run_both(p);
	asked(r); /* and back */
}

/* The worker that was given the right to a connection has nobody left who wants it. */
static void grant_that_nobody_takes(void **state)
{
	struct pair *p = *state;
	struct peer *client[3], *origin;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	client[0] = ask(p->r[0]);
	origin = asked(p->r[0]);
	client[1] = ask(p->r[1]);
	client[2] = ask(p->r[0]);
	p->r[0]->now_us += 20000;
	rig_answer(p->r[0], origin, OK);
	expect_ok(p->r[0], client[0]);
	assert_int_equal(p->b->seats[1].granted, 1);
	peer_reset(client[1]);
	rig_run(p->r[1]);
	rig_run(p->r[0]);
	rig_answer(p->r[0], asked(p->r[0]), OK);
	expect_ok(p->r[0], client[2]);
}

/* ---- snapshots ---- */

static void higher_limit_lets_go(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];

	limit(p, LIMITS(1, NONE, NONE, NONE));
	ask(r);
	ask(r);
	asked(r);
	assert_false(rig_has_origin(r));
	limit(p, LIMITS(2, NONE, NONE, NONE));
	asked(r);
	assert_int_equal(p->b->connections, 2);
}

static void lower_limit_is_reached(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[2], *origin[2];

	limit(p, LIMITS(2, NONE, NONE, NONE));
	for (unsigned i = 0; i < 2; i++) {
		client[i] = ask(r);
		origin[i] = asked(r);
	}
	limit(p, LIMITS(1, NONE, NONE, NONE));
	for (unsigned i = 0; i < 2; i++) {
		rig_answer(r, origin[i], OK);
		expect_ok(r, client[i]);
	}
	assert_true(origin[0]->ended);
	assert_false(origin[1]->ended);
	assert_int_equal(p->b->connections, 1);
}

/* Connections from before the limit are not counted, and so not kept. */
static void new_limit(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client[2], *origin[2];

	for (unsigned i = 0; i < 2; i++) {
		client[i] = ask(r);
		origin[i] = asked(r);
	}
	rig_answer(r, origin[0], OK);
	expect_ok(r, client[0]);
	limit(p, LIMITS(1, NONE, NONE, NONE));
	assert_true(origin[0]->ended);
	rig_answer(r, origin[1], OK);
	expect_ok(r, client[1]);
	assert_true(origin[1]->ended);
	ask(r);
	asked(r);
	assert_int_equal(p->b->connections, 1);
}

static void limit_is_lifted(void **state)
{
	struct pair *p = *state;
	struct peer *client[3], *origin;
	struct rig *r = p->r[0];

	limit(p, LIMITS(1, NONE, NONE, NONE));
	client[0] = ask(r);
	origin = asked(r);
	client[1] = ask(r);
	for (unsigned i = 0; i < 2; i++) {
		p->r[i]->clusters[0].breaker = NULL;
		p->r[i]->snap.generation++;
		rig_run(p->r[i]);
	}
	client[2] = ask(r);
	rig_answer(r, asked(r), OK);
	expect_ok(r, client[2]);
	rig_answer(r, origin, OK);
	expect_ok(r, client[0]);
	assert_true(origin->ended);
	(void)client[1];
}

/* An upgraded connection is one as long as it lasts. */
static void tunnel_counts(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client = rig_client(r, PORT_ROUTED), *origin, *second;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	rig_ask(r, client,
		"GET / HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	origin = asked(r);
	rig_answer(r, origin,
		   "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	second = ask(r);
	rig_expect_silence(r, second);
	assert_int_equal(p->b->connections, 1);
	peer_reset(client);
	rig_run(r);
	rig_answer(r, asked(r), OK);
	rig_expect_response(r, second, 200);
}

/* A connection of a TCP route has one at once or is closed; when it leaves, who waits is served. */
static void b224_session_counts(void **state)
{
	struct pair *p = *state;
	struct peer *session, *late, *second;

	limit(p, LIMITS(1, NONE, NONE, NONE));
	session = rig_client(p->r[0], PORT_TCP);
	rig_run(p->r[0]);
	rig_origin(p->r[0]);
	assert_int_equal(p->b->connections, 1);
	late = rig_client(p->r[1], PORT_TCP);
	rig_run(p->r[1]);
	assert_true(late->ended);
	assert_false(rig_has_origin(p->r[1]));
	rig_check_log(p->r[1], 0, RESPONSE_FLAG_UO, NULL);
	assert_int_equal(p->b->overflows[BREAKER_CONNECTIONS], 1);
	second = ask(p->r[1]);
	rig_expect_silence(p->r[1], second);
	peer_reset(session);
	rig_run(p->r[0]);
	rig_run(p->r[1]);
	rig_answer(p->r[1], asked(p->r[1]), OK);
	expect_ok(p->r[1], second);
}

static void old_connection_is_not_kept(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client, *origin;

	r->clusters[0].max_connection_us = 10000000;
	client = ask(r);
	origin = asked(r);
	rig_answer(r, origin, OK);
	expect_ok(r, client);
	rig_wait(r, 9000000);
	assert_false(origin->ended);
	rig_ask(r, client, GET);
	rig_expect_request(r, origin);
	rig_wait(r, 1100000); /* in the middle of a request: that is finished */
	assert_false(origin->ended);
	rig_answer(r, origin, OK);
	expect_ok(r, client);
	assert_true(origin->ended);
	client = ask(r);
	origin = asked(r);
	rig_answer(r, origin, OK);
	expect_ok(r, client);
	rig_wait(r, 10100000); /* idle */
	assert_true(origin->ended);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(b215_one_served_one_waits),
		CASE(b215_at_once),
		CASE(connecting_is_pending),
		CASE(waits_in_order),
		CASE(b220_one_for_two_hosts),
		CASE(b217_requests),
		CASE(b217_at_once),
		CASE(b222_overflow_is_not_retried),
		CASE(retries_are_limited),
		CASE(retries_have_a_budget),
		CASE(a_budget_has_a_minimum),
		CASE(waiting_has_its_time),
		CASE(lost_connection_makes_room),
		CASE(refused_connection_makes_room),
		CASE(idle_one_is_handed_over),
		CASE(busy_one_is_handed_over),
		CASE(order_over_workers),
		CASE(overtaking_ends),
		CASE(grant_that_nobody_takes),
		CASE(higher_limit_lets_go),
		CASE(lower_limit_is_reached),
		CASE(new_limit),
		CASE(limit_is_lifted),
		CASE(tunnel_counts),
		CASE(b224_session_counts),
		CASE(old_connection_is_not_kept),
	};

	return cmocka_run_group_tests_name("limits", tests, rig_global_setup, NULL);
}
