/* test_rate_limit.c - token buckets: what they admit, to the last request, whoever asks; and what
 * a client is told that is refused. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <proxy/rate_limit.h>

#include "rig.h"

#define SECOND_US 1000000ull
#define THREADS   4
#define OK        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* count requests a unit, burst at once, as the compiler makes it. */
static struct rate_limit limit_of(struct rate_bucket *b, uint64_t count, uint64_t unit_us,
				  uint64_t burst)
{
	struct rate_limit l = {.bucket = b};

	l.cost = (unit_us * RATE_TICKS_US + count - 1) / count;
	l.room = l.cost * (burst - 1);
	return l;
}

static unsigned drain(const struct rate_limit *l, uint64_t now_us)
{
	unsigned n = 0;

	while (rate_limit_take(l, 1, now_us))
		n++;
	return n;
}

static void a_burst_and_what_it_refills(void **state)
{
	struct rate_bucket b = {0};
	struct rate_limit l = limit_of(&b, 100, SECOND_US, 10);
	uint64_t now = 5 * SECOND_US;

	(void)state;
	assert_int_equal(drain(&l, now), 10);
	assert_int_equal(drain(&l, now + 9999), 0);
	assert_int_equal(drain(&l, now + 10000), 1);
	assert_int_equal(drain(&l, now + 40000), 3);
	/* Full again, and no more than full. */
	assert_int_equal(drain(&l, now + 60 * SECOND_US), 10);
}

/* In every microsecond of a second, with a unit that the rate does not divide. */
static void never_more_than_the_rate(void **state)
{
	static const uint64_t rates[] = {1, 3, 7, 100, 999, 99999};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rates); i++) {
		struct rate_bucket b = {0};
		struct rate_limit l = limit_of(&b, rates[i], SECOND_US, 1);
		unsigned n = 0;

		for (uint64_t us = 0; us < SECOND_US; us++)
			n += rate_limit_take(&l, 1, SECOND_US + us);
		assert_true(n <= rates[i]);
		/* One at a time, so a request can be late by less than a microsecond. */
		assert_true(n * 100 >= rates[i] * 90);
	}
}

static void a_clock_that_is_behind_is_stricter(void **state)
{
	struct rate_bucket b = {0};
	struct rate_limit l = limit_of(&b, 10, SECOND_US, 2);

	(void)state;
	assert_int_equal(drain(&l, 2 * SECOND_US), 2);
	assert_int_equal(drain(&l, SECOND_US), 0);
	assert_int_equal(drain(&l, 2 * SECOND_US + 99999), 0);
	assert_int_equal(drain(&l, 2 * SECOND_US + 100000), 1);
}

/* Who is refused by one bucket has not counted at the others. */
static void all_buckets_or_none(void **state)
{
	struct rate_bucket b[2] = {0};
	struct rate_limit l[2] = {limit_of(&b[0], 1, SECOND_US, 5),
				  limit_of(&b[1], 1, SECOND_US, 2)};

	(void)state;
	assert_true(rate_limit_take(l, 2, SECOND_US));
	assert_true(rate_limit_take(l, 2, SECOND_US));
	for (unsigned i = 0; i < 20; i++)
		assert_false(rate_limit_take(l, 2, SECOND_US));
	assert_int_equal(drain(&l[0], SECOND_US), 3);
	assert_true(rate_limit_take(l, 0, SECOND_US));
}

/* ---- many workers ---- */

struct crowd {
	struct rate_limit limits[2];
	uint32_t n_limits;
	uint64_t now_us;
	unsigned asks;
	pthread_barrier_t start;
	unsigned taken[THREADS];
	unsigned seats;
};

static void *ask(void *arg)
{
	struct crowd *c = arg;
	unsigned me = __atomic_fetch_add(&c->seats, 1, __ATOMIC_RELAXED), n = 0;

	pthread_barrier_wait(&c->start);
	for (unsigned i = 0; i < c->asks; i++)
		n += rate_limit_take(c->limits, c->n_limits,
				     __atomic_load_n(&c->now_us, __ATOMIC_RELAXED));
	c->taken[me] = n;
	return NULL;
}

static unsigned taken_by_all(struct crowd *c)
{
	pthread_t threads[THREADS];
	unsigned n = 0;

	c->seats = 0;
	pthread_barrier_init(&c->start, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask, c);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		n += c->taken[i];
	}
	pthread_barrier_destroy(&c->start);
	return n;
}

static void workers_share_one_bucket(void **state)
{
	struct rate_bucket b = {0};
	struct crowd c = {.n_limits = 1, .now_us = SECOND_US, .asks = 20000};

	(void)state;
	c.limits[0] = limit_of(&b, 1000, SECOND_US, 5000);
	assert_int_equal(taken_by_all(&c), 5000);
	for (unsigned i = 0; i < 20; i++) {
		c.now_us += SECOND_US / 10;
		assert_int_equal(taken_by_all(&c), 100);
	}
}

/* What is given back is not given twice. */
static void workers_give_back_what_they_took(void **state)
{
	struct rate_bucket b[2] = {0};
	struct crowd c = {.n_limits = 2, .now_us = SECOND_US, .asks = 20000};

	(void)state;
	c.limits[0] = limit_of(&b[0], 1000, SECOND_US, 8000);
	c.limits[1] = limit_of(&b[1], 1000, SECOND_US, 3000);
	assert_int_equal(taken_by_all(&c), 3000);
	assert_int_equal(drain(&c.limits[0], c.now_us), 5000);
}

/* ---- a request that is refused ---- */

static struct rate_bucket bucket;
static struct rate_limit limit;
static struct route_actions actions;

static void limit_route(struct rig *r, uint64_t burst)
{
	bucket = (struct rate_bucket){0};
	limit = limit_of(&bucket, 1, SECOND_US, burst);
	actions = (struct route_actions){.n_limits = 1, .limits = &limit};
	r->routes[0].actions = &actions;
}

static void refused_with_429(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	limit_route(r, 1);
	rig_ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n");
	rig_answer(r, rig_origin(r), OK);
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
	rig_ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n");
	rig_expect_response(r, client, 429);
	rig_check_body(&r->response, "local_rate_limited");
	rig_check_field(&r->response, "x-envoy-ratelimited", "true");
	rig_check_field(&r->response, "content-type", "text/plain");
	rig_check_log(r, 429, RESPONSE_FLAG_RL, "local_rate_limited");
	assert_int_equal(rig_count(r, CTR_HTTP_RATE_LIMITED), 1);
	assert_int_equal(rig_requests(r, 429, RESPONSE_FLAG_RL), 1);
	assert_false(rig_has_origin(r));
	/* The connection goes on, and so does time. */
	rig_wait(r, SECOND_US);
	rig_ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n");
	rig_expect_silence(r, client);
}

static void a_grpc_client_is_told_unavailable(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	limit_route(r, 1);
	while (rate_limit_take(&limit, 1, r->now_us))
		;
	rig_ask(r, client,
		"POST / HTTP/1.1\r\nHost: web\r\nContent-Type: application/grpc\r\n"
		"Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_field(&r->response, "grpc-status", "14");
	rig_check_field(&r->response, "grpc-message", "local_rate_limited");
	rig_check_log(r, 200, RESPONSE_FLAG_RL, "local_rate_limited");
}

/* Before the body has come, and before a fault's delay. */
static void refused_before_anything_else(void **state)
{
	static const struct fault fault = {.delay_share = SHARE_WHOLE, .delay_us = SECOND_US};
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	limit_route(r, 1);
	actions.fault = &fault;
	while (rate_limit_take(&limit, 1, r->now_us))
		;
	rig_ask(r, client, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1000\r\n\r\n");
	rig_expect_response(r, client, 429);
	rig_check_log(r, 429, RESPONSE_FLAG_RL, "local_rate_limited");
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_what_it_refills),
		cmocka_unit_test(never_more_than_the_rate),
		cmocka_unit_test(a_clock_that_is_behind_is_stricter),
		cmocka_unit_test(all_buckets_or_none),
		cmocka_unit_test(workers_share_one_bucket),
		cmocka_unit_test(workers_give_back_what_they_took),
		WITH_RIG(refused_with_429),
		WITH_RIG(a_grpc_client_is_told_unavailable),
		WITH_RIG(refused_before_anything_else),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
