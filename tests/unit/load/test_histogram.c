/* test_histogram.c - every value is known to within a hundredth, and so are quantiles. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include <histogram.h>

#define CYCLES_PER_US 2600ull
#define LONGEST_US    100000000ull /* 100 s */

static void buckets_are_in_order_and_close(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t v = 1; v < LONGEST_US * CYCLES_PER_US; v += v / 1000 + 1) {
		uint32_t i = histogram_bucket(v);
		uint64_t upper = histogram_upper(i);

		assert_true(i >= last && i < HISTOGRAM_BUCKETS);
		assert_true(upper >= v);
		assert_true((double)(upper - v) <= 0.01 * (double)v);
		assert_int_equal(histogram_bucket(upper), i);
		assert_int_equal(histogram_bucket(upper + 1), i + 1);
		last = i;
	}
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void quantiles_of_a_long_tail(void **state)
{
	enum { N = 100000 };
	static const double points[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};
	struct histogram *h = malloc(sizeof(*h));
	uint64_t *v = malloc(N * sizeof(*v)), sum = 0, x = 88172645463325252ull;

	(void)state;
	histogram_reset(h);
	for (unsigned i = 0; i < N; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v[i] = CYCLES_PER_US + (x >> 20) % (1ull << (12 + i % 26));
		sum += v[i];
		histogram_add(h, v[i]);
	}
	qsort(v, N, sizeof(*v), by_value);
	for (unsigned i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		double right = (double)v[(unsigned)(points[i] * N) - 1];
		double got = (double)histogram_quantile(h, points[i]);

		assert_true(got >= right && got <= right * 1.01);
	}
	assert_int_equal(h->min, v[0]);
	assert_int_equal(h->max, v[N - 1]);
	assert_int_equal(h->sum, sum);
	free(h);
	free(v);
}

static void nothing_and_too_much(void **state)
{
	struct histogram *h = malloc(sizeof(*h));

	(void)state;
	histogram_reset(h);
	assert_int_equal(histogram_quantile(h, 0.5), 0);
	histogram_add(h, UINT64_MAX);
	assert_int_equal(h->count[HISTOGRAM_BUCKETS - 1], 1);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_in_order_and_close),
		cmocka_unit_test(quantiles_of_a_long_tail),
		cmocka_unit_test(nothing_and_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
