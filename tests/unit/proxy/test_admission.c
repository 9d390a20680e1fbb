/* test_admission.c - how many client connections there may be, over all and at a listener; two rigs
 * are two workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct pair {
	struct rig *r[2];
	struct conn_count *count;
	uint32_t open;
	struct mailbox boxes[2];
};

/* A snapshot whose listener has this limit (0: none), seen by both workers. */
static void limit(struct pair *p, uint32_t max)
{
	for (unsigned i = 0; i < 2; i++) {
		p->r[i]->listeners[0].max_connections = max;
		p->r[i]->listeners[0].count = max ? p->count : NULL;
		p->r[i]->snap.generation++;
		rig_run(p->r[i]);
	}
}

static void limit_all(struct pair *p, uint32_t max)
{
	for (unsigned i = 0; i < 2; i++) {
		p->r[i]->px->env.open = &p->open;
		p->r[i]->px->env.max_open = max;
	}
}

static int setup(void **state)
{
	struct pair *p = aligned_alloc(WEIR_CACHE_LINE, sizeof(*p));

	assert_non_null(p);
	memset(p, 0, sizeof(*p));
	p->count = aligned_alloc(WEIR_CACHE_LINE, sizeof(*p->count));
	assert_non_null(p->count);
	memset(p->count, 0, sizeof(*p->count));
	for (unsigned i = 0; i < 2; i++)
		p->r[i] = rig_open_worker(i, p->boxes);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	for (unsigned i = 0; i < 2; i++)
		rig_close(p->r[i]);
	assert_int_equal(p->count->open, 0);
	assert_int_equal(p->open, 0);
	free(p->count);
	free(p);
	return 0;
}

static struct peer *come(struct rig *r)
{
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_run(r);
	return client;
}

static void expect_refused(struct rig *r, enum counter_id why)
{
	uint64_t before = rig_count(r, why);
	struct peer *client = come(r);

	assert_true(client->was_reset);
	assert_int_equal(rig_count(r, why), before + 1);
}

static void go(struct rig *r, struct peer *client)
{
	peer_reset(client);
	rig_run(r);
}

static void as_many_as_the_listener_takes(void **state)
{
	struct pair *p = *state;
	struct peer *first, *last;

	limit(p, 3);
	first = come(p->r[0]);
	come(p->r[1]);
	last = come(p->r[0]);
	assert_false(first->was_reset || last->was_reset);
	for (unsigned i = 0; i < 4; i++)
		expect_refused(p->r[i % 2], CTR_CONNS_OVER_LISTENER);
	assert_int_equal(p->count->open, 3);
	/* Other listeners have none. */
	assert_false(rig_client(p->r[0], PORT_NO_HOST)->was_reset);
	go(p->r[0], first);
	assert_false(come(p->r[1])->was_reset);
	expect_refused(p->r[0], CTR_CONNS_OVER_LISTENER);
}

/* Where a header of the PROXY protocol is awaited, too. */
static void who_waits_for_a_header_counts(void **state)
{
	struct pair *p = *state;
	struct peer *first, *second;

	limit(p, 1);
	p->r[0]->listeners[0].proxy_protocol = p->r[1]->listeners[0].proxy_protocol = true;
	first = come(p->r[0]);
	assert_int_equal(p->count->open, 1);
	expect_refused(p->r[1], CTR_CONNS_OVER_LISTENER);
	go(p->r[0], first);
	assert_int_equal(p->count->open, 0);
	second = come(p->r[1]);
	rig_ask(p->r[1], second, "PROXY TCP4 192.0.2.9 198.18.0.2 40000 80\r\n" GET);
	assert_int_equal(p->count->open, 1);
	rig_answer(p->r[1], rig_origin(p->r[1]), OK);
	expect_refused(p->r[0], CTR_CONNS_OVER_LISTENER);
	go(p->r[1], second);
}

static void as_many_as_there_may_be_at_all(void **state)
{
	struct pair *p = *state;
	struct peer *first;

	limit(p, 10);
	limit_all(p, 2);
	first = come(p->r[0]);
	rig_client(p->r[1], PORT_NO_HOST);
	expect_refused(p->r[0], CTR_CONNS_OVER_GLOBAL);
	expect_refused(p->r[1], CTR_CONNS_OVER_GLOBAL);
	assert_int_equal(p->open, 2);
	assert_int_equal(p->count->open, 1);
	go(p->r[0], first);
	assert_false(come(p->r[1])->was_reset);
}

/* Who is refused by the listener does not count among all. */
static void refused_by_one_counted_by_none(void **state)
{
	struct pair *p = *state;

	limit(p, 1);
	limit_all(p, 10);
	come(p->r[0]);
	expect_refused(p->r[1], CTR_CONNS_OVER_LISTENER);
	assert_int_equal(p->open, 1);
}

/* Those that are open when the limit comes, count, and are left alone. */
static void a_limit_that_comes_later(void **state)
{
	struct pair *p = *state;
	struct peer *old[3];

	for (unsigned i = 0; i < 3; i++)
		old[i] = come(p->r[i % 2]);
	limit(p, 2);
	assert_int_equal(p->count->open, 3);
	expect_refused(p->r[0], CTR_CONNS_OVER_LISTENER);
	rig_ask(p->r[0], old[0], GET);
	rig_answer(p->r[0], rig_origin(p->r[0]), OK);
	rig_expect_response(p->r[0], old[0], 200);
	go(p->r[0], old[0]);
	expect_refused(p->r[0], CTR_CONNS_OVER_LISTENER);
	go(p->r[1], old[1]);
	assert_false(come(p->r[0])->was_reset);
	/* Another snapshot does not count them again. */
	limit(p, 2);
	assert_int_equal(p->count->open, 2);
	/* And without the limit they still leave. */
	limit(p, 0);
	assert_false(come(p->r[0])->was_reset);
	assert_int_equal(p->count->open, 2);
}

static void a_tunnel_is_a_connection(void **state)
{
	struct pair *p = *state;
	struct rig *r = p->r[0];
	struct peer *client, *origin;

	limit(p, 1);
	limit_all(p, 1);
	client = come(r);
	rig_ask(r, client,
		"GET /chat HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: dGhl\r\nSec-WebSocket-Version: 13\r\n\r\n");
	origin = rig_origin(r);
	rig_answer(r, origin,
		   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		   "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pP\r\n\r\n");
	rig_expect_response(r, client, 101);
	assert_int_equal(p->count->open, 1);
	assert_int_equal(p->open, 1);
	expect_refused(p->r[1], CTR_CONNS_OVER_GLOBAL);
	go(r, client);
	assert_int_equal(p->count->open, 0);
	assert_false(come(p->r[1])->was_reset);
}

/* What dataplane.connections has room for. */
static void as_many_as_a_worker_has_room_for(void **state)
{
	struct pair *p = *state;

	limit_all(p, 1000);
	for (unsigned i = 0; i < 64; i++)
		assert_false(come(p->r[0])->was_reset);
	expect_refused(p->r[0], CTR_CONNS_OVER_WORKER);
	assert_int_equal(p->open, 64);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(as_many_as_the_listener_takes),    CASE(as_many_as_there_may_be_at_all),
		CASE(who_waits_for_a_header_counts),    CASE(refused_by_one_counted_by_none),
		CASE(a_limit_that_comes_later),         CASE(a_tunnel_is_a_connection),
		CASE(as_many_as_a_worker_has_room_for),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
