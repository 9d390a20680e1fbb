/* test_overload.c - packet buffers are scarce: what HTTP gives up, in which order, and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* It becomes, or stays, scarce; ms: for how long then. */
static void scarce(struct rig *r, uint32_t ms)
{
	proxy_set_scarcity(r->px, ms);
	rig_wait(r, 10000);
}

static bool is_closed(const struct peer *p)
{
	return p->ended || p->was_reset;
}

static struct peer *served(struct rig *r)
{
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_ask(r, client, GET);
	rig_answer(r, rig_origin(r), OK);
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
	return client;
}

/* First nothing, then the idle ones, then requests of those that were busy. */
static void in_this_order(void **state)
{
	struct rig *r = *state;
	struct peer *busy = rig_client(r, PORT_ROUTED), *idle, *origin;

	rig_ask(r, busy, GET);
	origin = rig_origin(r);
	idle = served(r);
	rig_wait(r, 200000);
	scarce(r, 1);
	scarce(r, OVERLOAD_IDLE_MS);
	assert_false(is_closed(idle));
	scarce(r, OVERLOAD_IDLE_MS + 1);
	assert_true(idle->ended && !idle->was_reset);
	assert_int_equal(rig_count(r, CTR_HTTP_SHED_CONNS), 1);
	/* What is in progress goes on, and another request of the same client, too. */
	rig_answer(r, origin, OK);
	rig_expect_response(r, busy, 200);
	rig_ask(r, busy, GET);
	rig_answer(r, origin, OK);
	rig_expect_response(r, busy, 200);
	rig_log(r);
	rig_log(r);
	assert_int_equal(rig_count(r, CTR_HTTP_SHED_REQUESTS), 0);
	/* At last it does not. */
	proxy_set_scarcity(r->px, OVERLOAD_REFUSE_MS + 1);
	rig_ask(r, busy, GET);
	rig_expect_response(r, busy, 503);
	rig_check_field(&r->response, "x-envoy-overloaded", "true");
	rig_check_field(&r->response, "connection", "close");
	rig_check_log(r, 503, RESPONSE_FLAG_UO, "overload");
	assert_int_equal(rig_count(r, CTR_HTTP_SHED_REQUESTS), 1);
	assert_true(busy->ended);
}

static void it_passes(void **state)
{
	struct rig *r = *state;
	struct peer *client;

	scarce(r, OVERLOAD_REFUSE_MS + 1);
	scarce(r, 0);
	client = served(r);
	rig_wait(r, 1000000);
	assert_false(is_closed(client));
	assert_int_equal(rig_count(r, CTR_HTTP_SHED_CONNS), 0);
}

/* A request in progress ends well however long that takes. */
static void what_has_begun_is_finished(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 6\r\n\r\nabc");
	origin = rig_origin(r);
	scarce(r, OVERLOAD_REFUSE_MS + 1);
	scarce(r, 5000);
	rig_ask(r, client, "def");
	rig_expect_request(r, origin);
	rig_check_body(&r->request, "abcdef");
	rig_answer(r, origin, OK);
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
}

/* The first byte of a request keeps its connection, for a second. */
static void half_a_head(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_wait(r, 200000);
	rig_ask(r, client, "GET / HT");
	scarce(r, OVERLOAD_IDLE_MS + 1);
	rig_wait(r, 900000);
	assert_false(is_closed(client));
	rig_wait(r, 100000);
	assert_true(client->was_reset);
	assert_int_equal(rig_count(r, CTR_HTTP_SHED_CONNS), 1);
}

/* Who has just come may have a request under way. */
static void a_newcomer_has_a_moment(void **state)
{
	struct rig *r = *state;
	struct peer *client;

	scarce(r, OVERLOAD_IDLE_MS + 1);
	client = rig_client(r, PORT_ROUTED);
	rig_wait(r, 80000);
	assert_false(is_closed(client));
	rig_wait(r, 30000);
	assert_true(client->ended);
}

/* All of them, whatever is between them. */
static void every_idle_one_is_found(void **state)
{
	struct rig *r = *state;
	struct peer *idle[20], *busy[20];
	unsigned closed = 0;

	for (unsigned i = 0; i < 20; i++) {
		idle[i] = rig_client(r, PORT_ROUTED);
		busy[i] = rig_client(r, PORT_ROUTED);
		rig_ask(r, busy[i], GET);
	}
	peer_reset(busy[3]);
	rig_wait(r, 200000);
	scarce(r, OVERLOAD_IDLE_MS + 1);
	for (unsigned i = 0; i < 20; i++) {
		closed += is_closed(idle[i]);
		assert_false(is_closed(busy[i]) && i != 3);
	}
	assert_int_equal(closed, 20);
	assert_int_equal(rig_count(r, CTR_HTTP_SHED_CONNS), 20);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(in_this_order),
		CASE(it_passes),
		CASE(what_has_begun_is_finished),
		CASE(half_a_head),
		CASE(a_newcomer_has_a_moment),
		CASE(every_idle_one_is_found),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
