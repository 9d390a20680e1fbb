/* test_idle.c - a worker spins where it has the CPU to itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <worker/idle.h>

#define NOW 1000000u

/* As if the CPU had just been looked at, so that the test's own preemptions do not count. */
static struct idle fresh(void)
{
	struct idle i = {.since_us = NOW};

	idle_note(&i, 1000, NOW);
	return i;
}

static void alone_it_spins_for_long(void **state)
{
	struct idle i = fresh();

	(void)state;
	assert_false(idle_is_over(&i, NOW + IDLE_SPIN_CROWDED_US + 1));
	assert_false(idle_is_over(&i, NOW + IDLE_SPIN_US));
	assert_true(idle_is_over(&i, NOW + IDLE_SPIN_US + 1));
}

static void in_a_crowd_it_sleeps_soon(void **state)
{
	struct idle i = fresh();

	(void)state;
	idle_note(&i, 1010, NOW);
	assert_false(idle_is_over(&i, NOW + IDLE_SPIN_CROWDED_US));
	assert_true(idle_is_over(&i, NOW + IDLE_SPIN_CROWDED_US + 1));
}

static void the_crowd_is_remembered_for_a_while(void **state)
{
	struct idle i = fresh();

	(void)state;
	idle_note(&i, 1010, NOW);
	idle_note(&i, 1010, NOW + 50000);
	i.since_us = NOW + 50000;
	assert_true(idle_is_over(&i, NOW + 50020));
	idle_note(&i, 1011, NOW + 150000);
	i.since_us = NOW + 150000;
	assert_false(idle_is_over(&i, NOW + 150020));
}

static void the_kernels_housekeeping_is_no_crowd(void **state)
{
	struct idle i = fresh();

	(void)state;
	for (unsigned k = 1; k < 10; k++)
		idle_note(&i, 1000 + k * 2, NOW + k * 10000);
	i.since_us = NOW + 100000;
	assert_false(idle_is_over(&i, NOW + 100020));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_it_spins_for_long),
		cmocka_unit_test(in_a_crowd_it_sleeps_soon),
		cmocka_unit_test(the_crowd_is_remembered_for_a_while),
		cmocka_unit_test(the_kernels_housekeeping_is_no_crowd),
	};

	return cmocka_run_group_tests_name("worker idle", tests, NULL, NULL);
}
