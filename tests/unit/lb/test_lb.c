/* test_lb.c - choices and their distributions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <lb/lb.h>

#define N_MAX 64

static struct endpoint endpoints[N_MAX];
static struct endpoint_set set;
static struct cluster cluster;
static struct lb_state *lb;

/* A cluster of n endpoints of weight 1, ids from 0, generation 1. */
static void make_cluster(enum lb_policy policy, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		endpoints[i] = (struct endpoint){.id = i, .gen = 1, .weight = 1};
	set = (struct endpoint_set){.n = n, .endpoints = endpoints};
	cluster = (struct cluster){.id = 3, .gen = 1, .lb = policy, .endpoints = &set};
}

/* Weights 3 and 1. */
static void make_weighted(enum lb_policy policy)
{
	static const uint32_t slots[] = {0, 0, 1, 0};

	make_cluster(policy, 2);
	endpoints[0].weight = 3;
	set.weighted = true;
	set.slots = slots;
	set.n_slots = 4;
}

static int setup(void **state)
{
	(void)state;
	lb = lb_create(42);
	assert_true(lb_resize(lb, 8, 8, N_MAX));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lb_destroy(lb);
	return 0;
}

static void pick_many(unsigned n, unsigned *counts)
{
	memset(counts, 0, N_MAX * sizeof(*counts));
	for (unsigned i = 0; i < n; i++)
		counts[lb_pick(lb, &cluster, NULL, 0)]++;
}

/* Chi-square against equal shares. */
static double chi_square(const unsigned *counts, unsigned n, double expected)
{
	double x = 0;

	for (unsigned i = 0; i < n; i++)
		x += (counts[i] - expected) * (counts[i] - expected) / expected;
	return x;
}

static void test_nobody_to_choose(void **state)
{
	(void)state;
	for (int p = LB_LEAST_REQUEST; p <= LB_RANDOM; p++) {
		make_cluster((enum lb_policy)p, 0);
		assert_int_equal(lb_pick(lb, &cluster, NULL, 0), LB_NONE);
		make_cluster((enum lb_policy)p, 1);
		assert_int_equal(lb_pick(lb, &cluster, &(uint32_t){0}, 1), 0);
	}
}

static void test_round_robin_is_exact(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_cluster(LB_ROUND_ROBIN, 7);
	for (unsigned run = 0; run < 20; run++) {
		pick_many(7 * 3, counts);
		for (unsigned i = 0; i < 7; i++)
			assert_int_equal(counts[i], 3);
		lb_pick(lb, &cluster, NULL, 0);
	}
}

static void test_b246_round_robin_by_weight(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_weighted(LB_ROUND_ROBIN);
	pick_many(1000, counts);
	assert_int_equal(counts[0], 750);
}

static void test_b244_random(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_cluster(LB_RANDOM, 2);
	pick_many(10000, counts);
	assert_in_range(counts[0], 4800, 5200);
	make_cluster(LB_RANDOM, 16);
	pick_many(160000, counts);
	assert_true(chi_square(counts, 16, 10000) < 37.7); /* p = 0.001, 15 degrees */
}

static void test_b246_random_by_weight(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_weighted(LB_RANDOM);
	pick_many(10000, counts);
	assert_in_range(counts[0], 7300, 7700);
}

static void test_b245_least_request_prefers_idle(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_cluster(LB_LEAST_REQUEST, 2);
	for (unsigned i = 0; i < 10; i++)
		lb_request_begin(lb, &endpoints[0]);
	pick_many(1000, counts);
	assert_int_equal(counts[0], 0); /* of two, both are always looked at */
	for (unsigned i = 0; i < 10; i++)
		lb_request_end(lb, 0, 1);
	pick_many(1000, counts);
	assert_in_range(counts[0], 400, 600);
}

/* Of many, the busiest is never taken against another one. */
static void test_least_request_of_many(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_cluster(LB_LEAST_REQUEST, 8);
	lb_request_begin(lb, &endpoints[5]);
	pick_many(8000, counts);
	assert_int_equal(counts[5], 0);
	for (unsigned i = 0; i < 8; i++)
		if (i != 5)
			assert_in_range(counts[i], 950, 1350);
}

static void test_least_request_by_weight(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_weighted(LB_LEAST_REQUEST);
	pick_many(10000, counts);
	assert_in_range(counts[0], 7200, 7800); /* idle: by weight */
	for (unsigned i = 0; i < 4; i++)
		lb_request_begin(lb, &endpoints[0]);
	lb_request_begin(lb, &endpoints[1]);
	pick_many(10000, counts);
	assert_true(counts[1] > counts[0] / 2); /* 4/3 against 1/1: the second is less loaded */
}

/* Load evens out when requests last. */
static void test_least_request_balances(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_cluster(LB_LEAST_REQUEST, 16);
	memset(counts, 0, sizeof(counts));
	for (unsigned i = 0; i < 1600; i++) {
		uint32_t e = lb_pick(lb, &cluster, NULL, 0);

		counts[e]++;
		lb_request_begin(lb, &endpoints[e]);
	}
	for (unsigned i = 0; i < 16; i++)
		assert_in_range(counts[i], 95, 105);
}

static void test_counts_belong_to_a_generation(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_cluster(LB_LEAST_REQUEST, 2);
	lb_request_begin(lb, &endpoints[0]);
	endpoints[0].gen = 2; /* the id is another endpoint's now */
	pick_many(1000, counts);
	assert_in_range(counts[0], 400, 600);
	lb_request_begin(lb, &endpoints[0]);
	lb_request_end(lb, 0, 1); /* the late end of the old one's request */
	pick_many(1000, counts);
	assert_int_equal(counts[0], 0);
	lb_request_end(lb, 0, 2);
	lb_request_end(lb, 0, 2); /* never below zero */
	pick_many(1000, counts);
	assert_in_range(counts[0], 400, 600);
}

/* ---- active health checks ---- */

static struct check_tally tally;
static const struct cluster_checks checks = {.tally = &tally};
static struct outlier_policy detection;
static struct outlier_state outlier;
static struct endpoint_health healths[N_MAX];

/* The same with checks. */
static void make_checked(enum lb_policy policy, uint32_t n)
{
	make_cluster(policy, n);
	memset(healths, 0, sizeof(healths));
	for (uint32_t i = 0; i < n; i++)
		endpoints[i].health = &healths[i];
	set.serial = 1;
	cluster.checks = &checks;
	cluster.elaborate = true;
}

static void set_state(uint32_t i, enum health_state to)
{
	healths[i].state = to;
	tally.changes++;
}

static void test_b287_failing_gets_nothing(void **state)
{
	static const enum lb_policy policies[] = {LB_LEAST_REQUEST, LB_ROUND_ROBIN, LB_RANDOM};
	unsigned counts[N_MAX];

	(void)state;
	for (unsigned p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
		make_checked(policies[p], 3);
		set.serial += 1 + p;
		pick_many(300, counts);
		assert_true(counts[0] && counts[1] && counts[2]);
		set_state(1, HEALTH_FAILING);
		pick_many(300, counts);
		assert_true(counts[0] && counts[1] == 0 && counts[2]);
		set_state(1, HEALTH_WELL);
		pick_many(300, counts);
		assert_true(counts[0] && counts[1] && counts[2]);
	}
}

/* Ejected and failing at once: it comes back when it is neither. */
static void test_both_kinds_of_health(void **state)
{
	unsigned counts[N_MAX];

	(void)state;
	make_checked(LB_ROUND_ROBIN, 2);
	cluster.outlier = &detection;
	cluster.outlier_state = &outlier;
	healths[0].ejected = outlier.ejected = 1;
	outlier.ejections = 1;
	set_state(0, HEALTH_FAILING);
	pick_many(20, counts);
	assert_int_equal(counts[1], 20);
	set_state(0, HEALTH_WELL);
	pick_many(20, counts);
	assert_int_equal(counts[1], 20);
	set_state(0, HEALTH_FAILING);
	healths[0].ejected = outlier.ejected = 0;
	pick_many(20, counts);
	assert_int_equal(counts[1], 20);
	set_state(0, HEALTH_WELL);
	pick_many(20, counts);
	assert_int_equal(counts[1], 10);
}

static void test_nobody_well(void **state)
{
	(void)state;
	make_checked(LB_RANDOM, 2);
	set_state(0, HEALTH_FAILING);
	set_state(1, HEALTH_LEAVING);
	assert_int_equal(lb_pick(lb, &cluster, NULL, 0), LB_NONE);
}

/* minHealthPercent ignores health, but for who asked to be left alone. */
static void test_panic_without_the_leaving(void **state)
{
	static const struct outlier_policy panic = {.min_health_percent = 50};
	unsigned counts[N_MAX];

	(void)state;
	make_checked(LB_ROUND_ROBIN, 3);
	cluster.outlier = &panic;
	cluster.outlier_state = &outlier;
	set_state(0, HEALTH_FAILING);
	set_state(1, HEALTH_LEAVING);
	pick_many(100, counts);
	assert_int_equal(counts[0] + counts[2], 100);
	assert_true(counts[0] && counts[2]);
}

static void test_skip_while_others_exist(void **state)
{
	const uint32_t skip[] = {0, 1, 2, 4, 5, 6};

	(void)state;
	for (int p = LB_LEAST_REQUEST; p <= LB_RANDOM; p++) {
		make_cluster((enum lb_policy)p, 7);
		for (unsigned i = 0; i < 1000; i++)
			assert_int_equal(lb_pick(lb, &cluster, skip, 6), 3);
	}
}

static void test_skip_everybody(void **state)
{
	const uint32_t skip[] = {0, 1, 2};

	(void)state;
	for (int p = LB_LEAST_REQUEST; p <= LB_RANDOM; p++) {
		make_cluster((enum lb_policy)p, 3);
		assert_in_range(lb_pick(lb, &cluster, skip, 3), 0, 2);
	}
}

static const uint16_t pattern[] = {0, 1, 0, 0, 1, 0, 0, 0};

static struct split make_split(uint32_t id, uint32_t n_slots)
{
	return (struct split){
		.id = id, .gen = 1, .n_targets = 2, .n_slots = n_slots, .slots = pattern};
}

static void test_split_is_exact_from_any_start(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct lb_state *s = lb_create(seed);
		struct split split = make_split(2, 8);

		assert_true(lb_resize(s, 4, 1, 1));
		for (unsigned cycle = 0; cycle < 3; cycle++) {
			unsigned ones = 0;

			for (unsigned i = 0; i < 8; i++)
				ones += lb_pick_target(s, &split);
			assert_int_equal(ones, 2);
		}
		lb_destroy(s);
	}
}

static uint32_t place_of(uint64_t seed)
{
	struct lb_state *s = lb_create(seed);
	struct split split = make_split(2, 8);
	uint32_t bits = 0;

	assert_true(lb_resize(s, 4, 1, 1));
	for (unsigned i = 0; i < 8; i++)
		bits = bits << 1 | lb_pick_target(s, &split);
	lb_destroy(s);
	return bits;
}

static void test_workers_start_apart(void **state)
{
	unsigned different = 0;

	(void)state;
	for (uint64_t seed = 1; seed < 20; seed++)
		different += place_of(seed) != place_of(0);
	assert_true(different > 10);
}

static void test_split_that_became_shorter(void **state)
{
	struct split split = make_split(2, 8);

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		lb_pick_target(lb, &split);
	split.n_slots = 2;
	for (unsigned i = 0; i < 100; i++)
		assert_in_range(lb_pick_target(lb, &split), 0, 1);
}

static void test_single_target(void **state)
{
	struct split split = {.id = 2, .gen = 1, .n_targets = 1};

	(void)state;
	assert_int_equal(lb_pick_target(lb, &split), 0);
}

/* Ids beyond the arrays (no memory to grow them) are served all the same. */
static void test_without_room(void **state)
{
	struct lb_state *s = lb_create(1);
	struct split split = make_split(100, 8);
	unsigned ones = 0;

	(void)state;
	for (unsigned i = 0; i < 8000; i++)
		ones += lb_pick_target(s, &split);
	assert_in_range(ones, 1800, 2200);
	for (int p = LB_LEAST_REQUEST; p <= LB_RANDOM; p++) {
		make_cluster((enum lb_policy)p, 3);
		assert_in_range(lb_pick(s, &cluster, NULL, 0), 0, 2);
	}
	lb_request_begin(s, &endpoints[0]);
	lb_request_end(s, 0, 1);
	lb_destroy(s);
}

static void test_resize_keeps_what_was(void **state)
{
	struct split split = make_split(2, 8);
	unsigned ones = 0, counts[N_MAX];

	(void)state;
	make_cluster(LB_LEAST_REQUEST, 2);
	lb_request_begin(lb, &endpoints[1]);
	for (unsigned i = 0; i < 3; i++)
		ones += lb_pick_target(lb, &split);
	assert_true(lb_resize(lb, 1000, 1000, 1000));
	assert_true(lb_resize(lb, 1, 1, 1)); /* never shrinks */
	for (unsigned i = 0; i < 5; i++)
		ones += lb_pick_target(lb, &split);
	assert_int_equal(ones, 2);
	pick_many(100, counts);
	assert_int_equal(counts[1], 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_nobody_to_choose),
		T(test_round_robin_is_exact),
		T(test_b246_round_robin_by_weight),
		T(test_b244_random),
		T(test_b246_random_by_weight),
		T(test_b245_least_request_prefers_idle),
		T(test_least_request_of_many),
		T(test_least_request_by_weight),
		T(test_least_request_balances),
		T(test_counts_belong_to_a_generation),
		T(test_b287_failing_gets_nothing),
		T(test_both_kinds_of_health),
		T(test_nobody_well),
		T(test_panic_without_the_leaving),
		T(test_skip_while_others_exist),
		T(test_skip_everybody),
		T(test_split_is_exact_from_any_start),
		T(test_workers_start_apart),
		T(test_split_that_became_shorter),
		T(test_single_target),
		T(test_without_room),
		T(test_resize_keeps_what_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
