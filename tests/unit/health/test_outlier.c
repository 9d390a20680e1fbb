/* test_outlier.c - both halves of outlier detection: workers' reports and the sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <health/outlier.h>
#include <upstream/outlier.h>

#define SECOND 1000000ull
#define N      4

struct world {
	struct outlier_policy policy;
	struct outlier_state state;
	struct endpoint_health health[N];
	struct endpoint endpoints[N];
	struct endpoint_set set;
	struct cluster cluster;
	const struct cluster *by_id[1];
	struct snapshot snap;
	struct outlier_sweep sweep;
	uint64_t now_us;
};

static struct world w;

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.policy = (struct outlier_policy){
		.consecutive_5xx = 3,
		.max_ejection_percent = 100,
		.interval_us = SECOND,
		.base_ejection_us = 3 * SECOND,
		.max_ejection_us = 300 * SECOND,
	};
	for (unsigned i = 0; i < N; i++)
		w.endpoints[i] = (struct endpoint){.id = i, .health = &w.health[i]};
	w.set = (struct endpoint_set){.n = N, .endpoints = w.endpoints};
	w.cluster = (struct cluster){
		.endpoints = &w.set, .outlier = &w.policy, .outlier_state = &w.state};
	w.by_id[0] = &w.cluster;
	w.snap.n_cluster_ids = 1;
	w.snap.cluster_by_id = w.by_id;
	w.now_us = 10 * SECOND;
	outlier_sweep_init(&w.sweep);
	outlier_sweep_follow(&w.sweep, &w.snap, w.now_us);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	outlier_sweep_fini(&w.sweep);
	return 0;
}

static void answers(unsigned i, uint16_t status, unsigned times)
{
	while (times--)
		outlier_report_status(&w.cluster, &w.health[i], status, w.now_us);
}

/* Time passes, with every sweep that falls into it. */
static void wait_us(uint64_t us)
{
	uint64_t until = w.now_us + us;

	while (w.sweep.due_us <= until) {
		w.now_us = w.sweep.due_us;
		outlier_sweep_run(&w.sweep, w.now_us);
	}
	w.now_us = until;
}

static bool out(unsigned i)
{
	return endpoint_is_ejected(&w.health[i]);
}

static void in_a_row(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		answers(0, 500, 2);
		answers(0, 404, 1);
	}
	assert_false(out(0));
	answers(0, 500, 2);
	assert_false(out(0));
	answers(0, 599, 1);
	assert_true(out(0));
	assert_int_equal(w.state.ejected, 1);
	answers(0, 500, 30); /* in flight when it was ejected */
	assert_int_equal(w.health[0].ejections, 1);
}

static void gateway_errors(void **state)
{
	(void)state;
	w.policy.consecutive_5xx = 0;
	w.policy.consecutive_gateway = 2;
	answers(0, 503, 1);
	answers(0, 500, 1); /* another 5xx is the end of the row */
	answers(0, 504, 1);
	assert_false(out(0));
	answers(0, 502, 1);
	assert_true(out(0));
}

static void local_failures(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		outlier_report_failure(&w.cluster, &w.health[0], w.now_us);
	assert_true(out(0)); /* not split: as 5xx */
	w.policy.split_local = true;
	w.policy.consecutive_local = 2;
	for (unsigned i = 0; i < 5; i++) {
		outlier_report_failure(&w.cluster, &w.health[1], w.now_us);
		answers(1, 500, 1); /* an answer: not local; and not in a row with failures */
		answers(1, 200, 1);
	}
	assert_false(out(1));
	outlier_report_failure(&w.cluster, &w.health[1], w.now_us);
	outlier_report_failure(&w.cluster, &w.health[1], w.now_us);
	assert_true(out(1));
}

static void codes(void **state)
{
	(void)state;
	w.policy.n_codes = 1;
	w.policy.codes[429 / 64] = 1ull << (429 % 64);
	answers(0, 500, 10);
	assert_false(out(0));
	answers(0, 429, 3);
	assert_true(out(0));
}

static void cap(void **state)
{
	(void)state;
	w.policy.max_ejection_percent = 50;
	for (unsigned i = 0; i < N; i++)
		answers(i, 500, 3);
	assert_true(out(0) && out(1));
	assert_false(out(2) || out(3));
	assert_int_equal(w.state.ejected, 2);
	assert_int_equal(w.state.refused, 2);
	/* The next attempt comes after another full row. */
	answers(2, 500, 2);
	assert_int_equal(w.state.refused, 2);
	answers(2, 500, 1);
	assert_int_equal(w.state.refused, 3);
}

static void first_one_of_08(void **state)
{
	(void)state;
	w.policy.max_ejection_percent = 10;
	answers(0, 500, 3);
	assert_false(out(0));
	w.policy.always_one = true;
	answers(0, 500, 3);
	answers(1, 500, 3);
	assert_true(out(0));
	assert_false(out(1));
}

/* B232: 3 s, then 6 s, 9 s; each sweep that finds it well takes 3 s off the next. */
/* Of Istio 0.8: however long it was well in between, and without a cap. */
static void never_forgiven(void **state)
{
	(void)state;
	w.policy.unforgiving = true;
	w.policy.max_ejection_us = UINT64_MAX;
	for (unsigned i = 1; i <= 3; i++) {
		answers(0, 500, 3);
		wait_us((uint64_t)i * 3 * SECOND - 1);
		assert_true(out(0));
		wait_us(60 * SECOND);
		assert_false(out(0));
		assert_int_equal(w.health[0].multiplier, i);
	}
	w.health[0].multiplier = 999;
	answers(0, 500, 3);
	wait_us(2999 * SECOND);
	assert_true(out(0));
}

/* Its checks were given up while they failed, by a reload: the sweep finds that. */
static void checks_are_given_up(void **state)
{
	static struct check_tally tally;
	static const struct health_check check;
	static const struct health_check *of[N] = {NULL, &check};
	static const struct cluster_checks checks = {.tally = &tally, .of = of};

	(void)state;
	w.cluster.checks = &checks;
	w.health[0].state = w.health[1].state = HEALTH_FAILING;
	wait_us(2 * SECOND);
	assert_int_equal(endpoint_health_state(&w.health[0]), HEALTH_WELL);
	assert_int_equal(endpoint_health_state(&w.health[1]), HEALTH_FAILING);
	assert_int_equal(tally.changes, 1);
}

static void longer_each_time(void **state)
{
	(void)state;
	wait_us(SECOND / 2);
	for (unsigned i = 1; i <= 3; i++) {
		answers(0, 500, 3);
		assert_true(out(0));
		wait_us((uint64_t)i * 3 * SECOND - 1);
		assert_true(out(0));
		wait_us(SECOND);
		assert_false(out(0));
		assert_int_equal(w.state.ejected, 0);
		assert_int_equal(w.health[0].multiplier, i);
		w.now_us -= w.now_us % SECOND; /* before the next sweep */
		w.now_us += SECOND / 2;
	}
	wait_us(SECOND);
	assert_int_equal(w.health[0].multiplier, 2);
	wait_us(5 * SECOND);
	assert_int_equal(w.health[0].multiplier, 0);
}

static void never_longer_than_the_maximum(void **state)
{
	(void)state;
	w.policy.max_ejection_us = 4 * SECOND;
	w.health[0].multiplier = 100;
	answers(0, 500, 3);
	wait_us(5 * SECOND);
	assert_false(out(0));
}

static void starts_anew(void **state)
{
	(void)state;
	answers(0, 500, 3);
	answers(0, 500, 2);
	wait_us(5 * SECOND);
	assert_false(out(0));
	answers(0, 500, 2);
	assert_false(out(0));
}

/* A snapshot that no longer has an endpoint that is out; the sweep's time goes on. */
static void endpoint_leaves(void **state)
{
	uint64_t due = w.sweep.due_us;

	(void)state;
	answers(3, 500, 3);
	answers(0, 500, 3);
	w.set.n = 3;
	w.now_us += SECOND / 2;
	outlier_sweep_follow(&w.sweep, &w.snap, w.now_us);
	assert_int_equal(w.state.ejected, 1);
	assert_true(out(0));
	assert_int_equal(w.sweep.due_us, due);
	outlier_sweep_follow(&w.sweep, NULL, w.now_us);
	assert_true(w.sweep.due_us == UINT64_MAX);
}

/* The control thread was busy for a minute. */
static void late_sweep(void **state)
{
	(void)state;
	answers(0, 500, 3);
	w.now_us += 60 * SECOND;
	outlier_sweep_run(&w.sweep, w.now_us);
	assert_false(out(0));
	assert_int_equal(w.health[0].multiplier, 1);
	assert_int_equal(w.sweep.due_us, w.now_us + SECOND);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(in_a_row),
		CASE(gateway_errors),
		CASE(local_failures),
		CASE(codes),
		CASE(cap),
		CASE(first_one_of_08),
		CASE(longer_each_time),
		CASE(never_forgiven),
		CASE(checks_are_given_up),
		CASE(never_longer_than_the_maximum),
		CASE(starts_anew),
		CASE(endpoint_leaves),
		CASE(late_sweep),
	};

	return cmocka_run_group_tests_name("outlier", tests, NULL, NULL);
}
