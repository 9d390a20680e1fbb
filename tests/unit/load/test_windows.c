/* test_windows.c - a pause spoils the window it falls into, and only that. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include <windows.h>

#define LENGTH 20000ull

static struct windows *w;

static int begin(void **state)
{
	(void)state;
	w = calloc(1, sizeof(*w));
	windows_begin(w, LENGTH, 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(w);
	return 0;
}

static void a_pause_stays_in_its_window(void **state)
{
	(void)state;
	for (uint64_t now = 0; now <= 100000; now += 10) {
		windows_turn(w, now);
		histogram_add(&w->current, now / LENGTH == 2 ? 5000 : 10 + now % 5);
	}
	assert_int_equal(w->n, 5);
	for (uint32_t i = 0; i < w->n; i++) {
		assert_int_equal(w->kept[i].responses, 2000);
		assert_in_range(w->kept[i].p99, i == 2 ? 5000 : 10, i == 2 ? 5000 : 14);
		assert_true(w->kept[i].p50 <= w->kept[i].p99 && w->kept[i].p99 <= w->kept[i].max);
	}
}

static void a_long_pause_is_one_window(void **state)
{
	(void)state;
	histogram_add(&w->current, 1);
	windows_turn(w, 19999);
	assert_int_equal(w->n, 0);
	windows_turn(w, 500000);
	windows_turn(w, 500010);
	assert_int_equal(w->n, 1);
	windows_turn(w, 520000);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->kept[1].responses, 0);
}

static void no_more_than_there_is_room_for(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < WINDOWS_KEPT + 10; i++)
		windows_turn(w, w->end);
	assert_int_equal(w->n, WINDOWS_KEPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pause_stays_in_its_window, begin, end),
		cmocka_unit_test_setup_teardown(a_long_pause_is_one_window, begin, end),
		cmocka_unit_test_setup_teardown(no_more_than_there_is_room_for, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
