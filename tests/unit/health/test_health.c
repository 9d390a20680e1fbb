/* test_health.c - the state machine of active checks: results in, states out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <upstream/health.h>

static struct health_check rule;
static struct endpoint_health health;
static struct check_tally tally;

static void begin(bool envoy, uint32_t healthy, uint32_t unhealthy, enum health_state state)
{
	rule = (struct health_check){.http = true,
				     .envoy = envoy,
				     .healthy_threshold = healthy,
				     .unhealthy_threshold = unhealthy};
	memset(&health, 0, sizeof(health));
	memset(&tally, 0, sizeof(tally));
	health.state = state;
}

/* Results by a letter each: . passed, s status, a asked, r refused, t timeout. */
static void results(const char *text)
{
	static const struct {
		char letter;
		enum check_result result;
		uint16_t status;
	} letters[] = {
		{'.', CHECK_PASSED, 200}, {'s', CHECK_STATUS, 503}, {'a', CHECK_ASKED, 200},
		{'r', CHECK_REFUSED, 0},  {'t', CHECK_TIMEOUT, 0},
	};

	for (; *text; text++)
		for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
			if (letters[i].letter == *text)
				health_report(&rule, &health, &tally, letters[i].result,
					      letters[i].status);
}

static enum health_state after(const char *text)
{
	results(text);
	return endpoint_health_state(&health);
}

/* B282: a probe's failures count, whatever they are; each row begins anew. */
static void test_b282_thresholds(void **state)
{
	(void)state;
	begin(false, 2, 3, HEALTH_WELL);
	assert_int_equal(after("ss.st.rt"), HEALTH_WELL);
	assert_int_equal(after("s"), HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_FAILING);
	assert_int_equal(after("s."), HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_WELL);
	assert_int_equal(after("ss"), HEALTH_WELL);
	assert_int_equal(tally.changes, 2);
}

/* Passes while it is well do not make up for failures to come. */
static void test_rows_do_not_carry_over(void **state)
{
	(void)state;
	begin(false, 3, 2, HEALTH_WELL);
	assert_int_equal(after("....s"), HEALTH_WELL);
	assert_int_equal(after("s"), HEALTH_FAILING);
	assert_int_equal(after("ssss.."), HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_WELL);
}

/* Of Istio's agent: a new workload needs all its successes. */
static void test_new_workload(void **state)
{
	(void)state;
	begin(false, 2, 1, HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_WELL);
}

/* Of Envoy: its first check is enough... */
static void test_first_check_is_enough(void **state)
{
	(void)state;
	begin(true, 5, 3, HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_WELL);
}

/* ... but only the first. */
static void test_second_check_is_not(void **state)
{
	(void)state;
	begin(true, 3, 3, HEALTH_FAILING);
	assert_int_equal(after("s.."), HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_WELL);
}

/* Of Envoy: the threshold is for those that do not answer; who answers badly is out at once. */
static void test_wrong_status_at_once(void **state)
{
	(void)state;
	begin(true, 1, 3, HEALTH_WELL);
	assert_int_equal(after("rt.tr"), HEALTH_WELL);
	assert_int_equal(after("r"), HEALTH_FAILING);
	assert_int_equal(after("."), HEALTH_WELL);
	assert_int_equal(after("s"), HEALTH_FAILING);
}

static void test_asked_to_be_left_alone(void **state)
{
	(void)state;
	begin(false, 2, 3, HEALTH_WELL);
	assert_int_equal(after("a"), HEALTH_LEAVING);
	assert_int_equal(after("s"), HEALTH_LEAVING);
	assert_int_equal(after(".a."), HEALTH_LEAVING);
	assert_int_equal(after("."), HEALTH_WELL);
	assert_int_equal(tally.changes, 2);
}

/* By the answer to a request, on any worker. */
static void test_asked_by_a_response(void **state)
{
	(void)state;
	begin(true, 2, 3, HEALTH_FAILING);
	results(".");
	health_leave_alone(&health, &tally);
	health_leave_alone(&health, &tally);
	assert_int_equal(endpoint_health_state(&health), HEALTH_LEAVING);
	assert_int_equal(tally.changes, 2);
	assert_int_equal(after("."), HEALTH_LEAVING);
	assert_int_equal(after("."), HEALTH_WELL);
}

static void test_what_is_told(void **state)
{
	(void)state;
	begin(true, 1, 1, HEALTH_FAILING);
	results("..s");
	assert_int_equal(health.record.checks, 3);
	assert_int_equal(health.record.passed, 2);
	assert_int_equal(health.record.last, CHECK_STATUS);
	assert_int_equal(health.record.status, 503);
	results("t");
	assert_int_equal(health.record.last, CHECK_TIMEOUT);
	assert_int_equal(health.record.status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b282_thresholds),
		cmocka_unit_test(test_rows_do_not_carry_over),
		cmocka_unit_test(test_new_workload),
		cmocka_unit_test(test_first_check_is_enough),
		cmocka_unit_test(test_second_check_is_not),
		cmocka_unit_test(test_wrong_status_at_once),
		cmocka_unit_test(test_asked_to_be_left_alone),
		cmocka_unit_test(test_asked_by_a_response),
		cmocka_unit_test(test_what_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
