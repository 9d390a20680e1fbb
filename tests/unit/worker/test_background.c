/* test_background.c - what nobody waits for stands back, and does not starve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <worker/background.h>

#define NOW 1000000u

static void nothing_is_nothing(void **state)
{
	struct background b = {0};

	(void)state;
	assert_int_equal(background_turn(&b, false, false, NOW), BACKGROUND_NOTHING);
	assert_int_equal(b.due_us, 0);
}

static void it_goes_one_by_one_between_requests(void **state)
{
	struct background b = {0};

	(void)state;
	assert_int_equal(background_turn(&b, true, true, NOW), BACKGROUND_NOTHING);
	assert_int_equal(background_turn(&b, true, false, NOW + 1), BACKGROUND_ONE);
	assert_int_equal(background_turn(&b, true, true, NOW + 2), BACKGROUND_NOTHING);
}

static void it_does_not_wait_for_ever(void **state)
{
	struct background b = {0};
	uint64_t due = NOW + BACKGROUND_WAIT_US;

	(void)state;
	for (uint64_t now = NOW; now < due; now++)
		assert_int_equal(background_turn(&b, true, true, now), BACKGROUND_NOTHING);
	/* And then all of it: a queue that is never empty must not grow. */
	for (uint64_t now = due; now < due + 3 * BACKGROUND_WAIT_US; now++)
		assert_int_equal(background_turn(&b, true, true, now), BACKGROUND_PART);
}

static void it_waits_anew_when_there_was_none(void **state)
{
	struct background b = {0};

	(void)state;
	background_turn(&b, true, true, NOW);
	assert_int_equal(background_turn(&b, true, true, NOW + 60), BACKGROUND_PART);
	assert_int_equal(background_turn(&b, false, true, NOW + 61), BACKGROUND_NOTHING);
	assert_int_equal(background_turn(&b, true, true, NOW + 62), BACKGROUND_NOTHING);
	assert_int_equal(b.due_us, NOW + 62 + BACKGROUND_WAIT_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(it_goes_one_by_one_between_requests),
		cmocka_unit_test(it_does_not_wait_for_ever),
		cmocka_unit_test(it_waits_anew_when_there_was_none),
	};

	return cmocka_run_group_tests_name("worker background", tests, NULL, NULL);
}
