/* test_pacing.c - turns are evenly spaced over any time, and a stall does not swallow any. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include <histogram.h>
#include <pacing.h>

#define HZ 2596000000ull

static void rate_holds_over_an_hour(void **state)
{
	static const double rates[] = {1, 3, 997, 333333.3, 7e6};

	(void)state;
	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t turns = (uint64_t)(rates[i] < 1000 ? 3600 * rates[i] : 1000000), last = 0;
		struct pacer p;

		pacer_init(&p, rates[i], HZ, 1000);
		for (uint64_t n = 0; n < turns; n++) {
			double right = 1000 + (double)n * (double)HZ / rates[i];

			assert_true(pacer_due(&p, UINT64_MAX));
			last = pacer_take(&p);
			assert_true((double)last - right < 2 && right - (double)last < 2);
		}
		assert_false(pacer_due(&p, last));
		assert_true(pacer_due(&p, last + (uint64_t)((double)HZ / rates[i]) + 2));
	}
}

static void no_rate_is_never_due(void **state)
{
	struct pacer p;

	(void)state;
	pacer_init(&p, 0, HZ, 0);
	assert_false(pacer_due(&p, UINT64_MAX));
}

/* A server that answers at once, but stops for 100 ms in each second: of 1,000 requests/s a tenth
 * waits, 50 ms on average. A closed loop would have seen one slow request a second. */
static void a_stall_is_felt_by_all_that_were_due(void **state)
{
	const uint64_t ms = HZ / 1000;
	struct histogram *h = malloc(sizeof(*h));
	struct pacer p;
	uint64_t slow = 0;

	(void)state;
	histogram_reset(h);
	pacer_init(&p, 1000, HZ, 0);
	for (uint64_t now = 0; now < 10 * HZ; now += ms / 10) {
		bool stalled = now % HZ >= HZ / 2 && now % HZ < HZ / 2 + 100 * ms;

		while (!stalled && pacer_due(&p, now))
			histogram_add(h, now - pacer_take(&p));
	}
	for (uint32_t i = histogram_bucket(ms); i < HISTOGRAM_BUCKETS; i++)
		slow += h->count[i];
	assert_in_range(h->n, 9999, 10001);
	assert_in_range(slow, 980, 1000);
	assert_in_range(h->sum / h->n, 4 * ms, 6 * ms);
	assert_in_range(histogram_quantile(h, 0.95), 45 * ms, 55 * ms);
	assert_in_range(h->max, 99 * ms, 101 * ms);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_holds_over_an_hour),
		cmocka_unit_test(no_rate_is_never_due),
		cmocka_unit_test(a_stall_is_felt_by_all_that_were_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
