/* test_rate_limits.c - weir.io/rate-limit: which requests share a bucket, and for how long. */
#include "fresh.h"

#include "yaml.h"

#define LIMITED(kind, name, rates, spec)                                                           \
	"---\napiVersion: networking.istio.io/v1\nkind: " kind "\nmetadata:\n  name: " name        \
	"\n  namespace: default\n  annotations: {weir.io/rate-limit: \"" rates "\"}\nspec: {" spec \
	"}\n"
#define LISTENER GATEWAY("gw", "{hosts: ['*'], " HTTP_PORT("80") "}")
#define LIMITED_GW(rates)                                                                          \
	LIMITED("Gateway", "gw", rates, "servers: [{hosts: ['*'], " HTTP_PORT("80") "}]")
#define LIMITED_VS(name, host, rates)                                                              \
	LIMITED("VirtualService", name, rates,                                                     \
		"hosts: [" host "], gateways: [gw], http: [{name: slow, match: [{uri: {prefix: "   \
		"/slow}}], " DEST("a") "}, {name: fast, match: [{uri: {prefix: /fast}}], " DEST(   \
			"a") "}, {" DEST("a") "}]")

static const struct route_actions *limits_of(const char *host, const char *path)
{
	return ROUTE(&w, .host = host, .path = path)->actions;
}

static void test_limits_are_shared_by_name(void **state)
{
	const struct route_actions *slow, *fast, *rest, *other;

	(void)state;
	world_load(&w, LIMITED_GW("1000/s") LIMITED_VS("x", "x.test", "slow=2/m burst=1; 5/s")
			       LIMITED_VS("y", "y.test", "slow=2/m burst=1"));
	slow = limits_of("x.test", "/slow");
	fast = limits_of("x.test", "/fast");
	rest = limits_of("x.test", "/");
	other = limits_of("y.test", "/slow");
	assert_int_equal(slow->n_limits, 2);
	assert_true(slow->limits[0].cost == 30 * 1000000 * RATE_TICKS_US);
	assert_int_equal(slow->limits[0].room, 0);
	assert_string_equal(slow->limits[0].name, "VirtualService default/x slow=2/60s burst=1");
	/* Rules without a limit of their own share the one for everything. */
	assert_ptr_equal(fast->limits[0].bucket, rest->limits[0].bucket);
	assert_ptr_not_equal(fast->limits[0].bucket, slow->limits[0].bucket);
	assert_true(fast->limits[0].room == 4 * fast->limits[0].cost);
	/* The Gateway's is one for all that comes through it. */
	assert_ptr_equal(slow->limits[1].bucket, other->limits[1].bucket);
	assert_ptr_not_equal(slow->limits[0].bucket, other->limits[0].bucket);
	assert_int_equal(limits_of("y.test", "/")->n_limits, 1);
}

static void test_no_limit_no_actions(void **state)
{
	(void)state;
	world_load(&w, LISTENER LIMITED_VS("x", "x.test", "slow=2/m"));
	assert_non_null(limits_of("x.test", "/slow"));
	assert_null(limits_of("x.test", "/fast"));
}

static void test_buckets_outlive_snapshots(void **state)
{
	struct rate_bucket *b;

	(void)state;
	world_load(&w, LISTENER LIMITED_VS("x", "x.test", "slow=2/m"));
	b = limits_of("x.test", "/slow")->limits[0].bucket;
	b->full_at = 12345;
	/* Another limit, another host, and the rule's own change: it is the same one still. */
	world_load(&w, LISTENER LIMITED_VS("x", "x.test", "fast=1/s; slow=2/m"));
	assert_ptr_equal(limits_of("x.test", "/slow")->limits[0].bucket, b);
	world_load(&w, LISTENER LIMITED_VS("x", "z.test", "slow=2/m")
			       LIMITED_VS("y", "y.test", "slow=2/m"));
	assert_ptr_equal(limits_of("z.test", "/slow")->limits[0].bucket, b);
	assert_int_equal(b->full_at, 12345);
	/* What it allows is another limit, and full. */
	world_load(&w, LISTENER LIMITED_VS("x", "z.test", "slow=3/m"));
	assert_int_equal(limits_of("z.test", "/slow")->limits[0].bucket->full_at, 0);
}

static void test_delegates_count_at_both(void **state)
{
	const struct route_actions *a;

	(void)state;
	world_load(&w, LISTENER LIMITED("VirtualService", "root", "all=9/s",
					"hosts: [x.test], gateways: [gw], http: [{name: all, "
					"match: [{uri: {prefix: /}}], delegate: {name: leaf}}]")
			       LIMITED("VirtualService", "leaf", "one=1/s",
				       "http: [{name: one, " DEST("a") "}]"));
	a = limits_of("x.test", "/");
	assert_int_equal(a->n_limits, 2);
	assert_string_equal(a->limits[0].name, "VirtualService default/leaf one=1/1s burst=1");
	assert_string_equal(a->limits[1].name, "VirtualService default/root all=9/1s burst=9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_limits_are_shared_by_name),
		T(test_no_limit_no_actions),
		T(test_buckets_outlive_snapshots),
		T(test_delegates_count_at_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
