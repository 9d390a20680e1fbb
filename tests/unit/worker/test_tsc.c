/* test_tsc.c - the measured rate of the time stamp counter against the kernel's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <worker/tsc.h>

static void the_rate_is_the_kernels(void **state)
{
	const struct timespec wait = {.tv_nsec = 200000000};
	struct moment then = moment_now(), later;
	uint64_t rate = tsc_rate_since(&then), us, ns;

	(void)state;
	nanosleep(&wait, NULL);
	later = moment_now();
	assert_true(later.tsc > then.tsc);
	us = (uint64_t)(((unsigned __int128)(later.tsc - then.tsc) * rate) >> 32);
	ns = later.ns - then.ns;
	assert_true(ns >= 250000000);
	/* Ten times as exact as a rate rounded to 10 MHz would be. */
	assert_in_range(us, ns / 1000 - ns / 10000000, ns / 1000 + ns / 10000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_the_kernels),
	};

	return cmocka_run_group_tests_name("worker tsc", tests, NULL, NULL);
}
