/* test_changes.c - who is told of, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <health/changes.h>
#include <upstream/health.h>

#define N 3

static struct check_tally tally;
static const struct health_check check = {
	.http = true, .healthy_threshold = 1, .unhealthy_threshold = 1};
static const struct health_check *of[N];
static const struct cluster_checks checks = {.tally = &tally, .of = of};
static struct endpoint_health healths[N];
static struct endpoint endpoints[N];
static struct endpoint_set set;
static struct cluster cluster;
static const struct cluster *by_id[2] = {NULL, &cluster};
static struct snapshot snap;
static struct health_changes changes;
static char said[1024];

static int setup(void **state)
{
	(void)state;
	memset(healths, 0, sizeof(healths));
	memset(&tally, 0, sizeof(tally));
	for (uint32_t i = 0; i < N; i++) {
		static const char *const names[N] = {"a", "b", "c"};

		endpoints[i] = (struct endpoint){.id = i, .name = names[i], .health = &healths[i]};
		of[i] = &check;
		healths[i].state = HEALTH_FAILING;
	}
	set = (struct endpoint_set){.n = N, .endpoints = endpoints};
	cluster = (struct cluster){.name = "x", .endpoints = &set, .checks = &checks};
	snap = (struct snapshot){.n_cluster_ids = 2, .cluster_by_id = by_id};
	health_changes_init(&changes);
	health_changes_follow(&changes, &snap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	health_changes_fini(&changes);
	return 0;
}

static void tell(const struct cluster *c, const struct endpoint *e, enum health_state state,
		 const char *why)
{
	size_t len = strlen(said);

	snprintf(said + len, sizeof(said) - len, "%s/%s %d %s;", c->name, e->name, state, why);
}

static const char *news(void)
{
	said[0] = '\0';
	health_changes_tell(&changes, tell);
	return said;
}

static void result(unsigned i, enum check_result r)
{
	health_report(&check, &healths[i], &tally, r, 0);
}

static void first_passes_are_no_news(void **state)
{
	(void)state;
	assert_string_equal(news(), "");
	result(0, CHECK_PASSED);
	assert_string_equal(news(), "");
}

static void first_failure_is(void **state)
{
	(void)state;
	result(1, CHECK_REFUSED);
	assert_string_equal(news(), "x/b 1 it refused the connection of its health check;");
	result(1, CHECK_REFUSED);
	assert_string_equal(news(), "");
	result(1, CHECK_PASSED);
	assert_string_equal(news(), "x/b 0 it passed its health checks;");
}

/* What happened and unhappened since is not told. */
static void back_and_forth(void **state)
{
	(void)state;
	result(0, CHECK_PASSED);
	result(0, CHECK_STATUS);
	result(0, CHECK_PASSED);
	assert_string_equal(news(), "");
	health_leave_alone(&healths[0], &tally);
	assert_string_equal(news(), "x/a 2 it answered x-envoy-immediate-health-check-fail;");
}

static void a_reload_tells_nothing_again(void **state)
{
	(void)state;
	result(0, CHECK_TIMEOUT);
	result(2, CHECK_PASSED);
	assert_string_not_equal(news(), "");
	health_changes_follow(&changes, &snap);
	assert_string_equal(news(), "");
	of[0] = NULL;
	health_changes_follow(&changes, &snap);
	assert_string_equal(news(), "");
	health_changes_follow(&changes, NULL);
	assert_string_equal(news(), "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(first_passes_are_no_news),
		T(first_failure_is),
		T(back_and_forth),
		T(a_reload_tells_nothing_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
