/* test_split.c - tables of weights: exact over a cycle, and near it over any run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <compile/split.h>

static uint64_t sum(const uint32_t *w, uint32_t n)
{
	uint64_t s = 0;

	for (uint32_t i = 0; i < n; i++)
		s += w[i];
	return s;
}

/* The largest distance from the exact share, over all runs, wherever they start and end: the
 * range of the running difference, because a cycle ends where it began. */
static double worst_deviation(const uint16_t *slots, uint32_t n_slots, const uint32_t *w,
			      uint32_t n)
{
	double worst = 0;

	for (uint32_t t = 0; t < n; t++) {
		double share = (double)w[t] / (double)sum(w, n), at = 0, low = 0, high = 0;

		for (uint32_t i = 0; i < n_slots; i++) {
			at += (slots[i] == t) - share;
			low = at < low ? at : low;
			high = at > high ? at : high;
		}
		assert_true(fabs(at) < 1e-6); /* exact over the cycle */
		worst = high - low > worst ? high - low : worst;
	}
	return worst;
}

static double table_deviation(struct arena *a, uint32_t *w, uint32_t n, const char *seed)
{
	uint32_t n_slots;
	const uint16_t *slots;

	assert_true(split_reduce(w, n, SPLIT_SLOTS_MAX));
	slots = split_table(a, w, n, seed, &n_slots);
	assert_true(n_slots >= 64);
	assert_int_equal(n_slots % sum(w, n), 0);
	return worst_deviation(slots, n_slots, w, n);
}

static void test_75_25(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 200; seed++) {
		struct arena *a = arena_create();
		uint32_t w[2] = {75, 25};
		char name[16];

		snprintf(name, sizeof(name), "s%u", seed);
		assert_true(table_deviation(a, w, 2, name) <= 4.0);
		assert_int_equal(w[0], 3);
		arena_destroy(a);
	}
}

static void test_two_targets_any_weights(void **state)
{
	(void)state;
	srand(7);
	for (unsigned run = 0; run < 500; run++) {
		struct arena *a = arena_create();
		uint32_t w[2] = {1 + (uint32_t)rand() % 1000, 1 + (uint32_t)rand() % 1000};

		assert_true(table_deviation(a, w, 2, "x") <= 6.0);
		arena_destroy(a);
	}
}

static void test_many_targets(void **state)
{
	(void)state;
	srand(8);
	for (unsigned run = 0; run < 200; run++) {
		struct arena *a = arena_create();
		uint32_t w[10];

		for (unsigned i = 0; i < 10; i++)
			w[i] = 1 + (uint32_t)rand() % 300;
		assert_true(table_deviation(a, w, 10, "x") <= 8.0);
		arena_destroy(a);
	}
}

/* One in 65,535 is still exact. */
static void test_large_sum(void **state)
{
	struct arena *a = arena_create();
	uint32_t w[2] = {65534, 1}, n_slots, ones = 0;
	const uint16_t *slots;

	(void)state;
	assert_true(split_reduce(w, 2, SPLIT_SLOTS_MAX));
	slots = split_table(a, w, 2, "x", &n_slots);
	assert_int_equal(n_slots, 65535);
	for (uint32_t i = 0; i < n_slots; i++)
		ones += slots[i] == 1;
	assert_int_equal(ones, 1);
	arena_destroy(a);
}

static void test_sum_beyond_the_table(void **state)
{
	uint32_t w[3] = {2000000011u, 1000000007u, 1};

	(void)state;
	assert_false(split_reduce(w, 3, SPLIT_SLOTS_MAX));
	assert_true(sum(w, 3) <= SPLIT_SLOTS_MAX);
	assert_int_equal(w[2], 1);
	assert_true(fabs((double)w[0] / (double)w[1] - 2.0) < 0.001);
}

static void test_seeds_differ(void **state)
{
	struct arena *a = arena_create();
	uint32_t w[2] = {3, 1}, n;
	const uint16_t *x = split_table(a, w, 2, "x", &n), *y = split_table(a, w, 2, "y", &n);

	(void)state;
	assert_memory_not_equal(x, y, n * sizeof(*x));
	assert_memory_equal(x, split_table(a, w, 2, "x", &n), n * sizeof(*x));
	arena_destroy(a);
}

/* A client that sends two kinds of requests in turn must not see one target for each. */
static void test_no_resonance(void **state)
{
	struct arena *a = arena_create();
	uint32_t w[2] = {1, 1}, n, even = 0;
	const uint16_t *slots = split_table(a, w, 2, "x", &n);

	(void)state;
	for (uint32_t i = 0; i < n; i += 2)
		even += slots[i] == 0;
	assert_true(even > n / 8 && even < n * 3 / 8);
	arena_destroy(a);
}

static void test_spread_is_even(void **state)
{
	struct arena *a = arena_create();
	uint32_t w[3] = {5, 1, 1}, n, gap = 0;
	const uint32_t *slots = split_spread(a, w, 3, &n);

	(void)state;
	assert_int_equal(n, 7);
	for (uint32_t i = 0; i < 2 * n; i++) {
		gap = slots[i % n] == 0 ? 0 : gap + 1;
		assert_true(gap <= 2);
	}
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_75_25),
		cmocka_unit_test(test_two_targets_any_weights),
		cmocka_unit_test(test_many_targets),
		cmocka_unit_test(test_large_sum),
		cmocka_unit_test(test_sum_beyond_the_table),
		cmocka_unit_test(test_seeds_differ),
		cmocka_unit_test(test_no_resonance),
		cmocka_unit_test(test_spread_is_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
