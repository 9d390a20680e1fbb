/* test_locality.c - localityLbSetting from YAML to shares of traffic (istio/reference 3.4). */
#include "pool.h"

#include <stdio.h>

#include "yaml.h"

#define PICKS   20000u
#define HEALTH  "outlierDetection: {maxEjectionPercent: 100}"
#define NEAR(s) "loadBalancer: {simple: RANDOM, localityLbSetting: {" s "}}"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_init(&w, &(const struct world_options){.locality = "r1/z1/s1",
						     .labels = "rack=7,room=2"});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

/* 1, 2: here; 3: other subzone; 4: other zone; 5, 6: other regions. */
static const struct pool_member everywhere[] = {
	{1, 1, "locality: r1/z1/s1"},
	{2, 1, "locality: r1/z1/s1"},
	{3, 1, "locality: r1/z1/s2"},
	{4, 1, "locality: r1/z2"},
	{5, 1, "locality: r2/z1"},
	{6, 1, "locality: r3"},
	{0},
};

/* Shares in percent of endpoints 1 to 6. */
static void check_shares(const struct cluster *c, const unsigned *percent)
{
	unsigned counts[POOL_MAX + 1];

	pool_pick(&w, c, PICKS, counts);
	for (unsigned i = 1; i <= 6; i++) {
		unsigned want = PICKS / 100 * percent[i - 1];
		bool right = percent[i - 1]
				     ? counts[i] > want * 9 / 10 && counts[i] < want * 11 / 10
				     : counts[i] == 0;

		if (!right)
			print_error("endpoint %u: %u of %u, expected %u\n", i, counts[i], PICKS,
				    want);
		assert_true(right);
	}
}
#define SHARES(...) ((const unsigned[6]){__VA_ARGS__})

/* B262, without a setting: the mesh has it on. */
static void test_failover_by_distance(void **state)
{
	const struct cluster *c =
		pool_load(&w, "loadBalancer: {simple: RANDOM}, " HEALTH, everywhere);

	(void)state;
	check_shares(c, SHARES(50, 50, 0, 0, 0, 0));
	pool_eject(c, 1, true); /* half of 1.4 stays, the rest goes on */
	check_shares(c, SHARES(0, 70, 30, 0, 0, 0));
	pool_eject(c, 2, true);
	check_shares(c, SHARES(0, 0, 100, 0, 0, 0));
	pool_eject(c, 3, true);
	check_shares(c, SHARES(0, 0, 0, 100, 0, 0));
	pool_eject(c, 4, true);
	check_shares(c, SHARES(0, 0, 0, 0, 50, 50));
	for (uint8_t i = 1; i <= 4; i++)
		pool_eject(c, i, false);
	check_shares(c, SHARES(50, 50, 0, 0, 0, 0));
}

static void test_b262_needs_outlier_detection(void **state)
{
	(void)state;
	check_shares(pool_load(&w, "loadBalancer: {simple: RANDOM}", everywhere),
		     SHARES(17, 17, 17, 17, 17, 17));
	check_shares(pool_load(&w, NEAR("enabled: false") ", " HEALTH, everywhere),
		     SHARES(17, 17, 17, 17, 17, 17));
}

static void test_failover_to_a_region(void **state)
{
	const struct cluster *c =
		pool_load(&w, NEAR("failover: [{from: r1, to: r3}]") ", " HEALTH, everywhere);

	(void)state;
	for (uint8_t i = 1; i <= 4; i++)
		pool_eject(c, i, true);
	check_shares(c, SHARES(0, 0, 0, 0, 0, 100));
	pool_eject(c, 6, true);
	check_shares(c, SHARES(0, 0, 0, 0, 100, 0));
}

/* An unhealthy third is borne: 72 % and more keeps everything. */
static void test_overprovisioning(void **state)
{
	static const struct pool_member m[] = {
		{1, 1, "locality: r1/z1/s1"}, {2, 1, "locality: r1/z1/s1"},
		{3, 1, "locality: r1/z1/s1"}, {4, 1, "locality: r1/z1/s1"},
		{5, 1, "locality: r2"},       {0},
	};
	const struct cluster *c = pool_load(&w, "loadBalancer: {simple: RANDOM}, " HEALTH, m);

	(void)state;
	pool_eject(c, 4, true); /* 75 % of them */
	check_shares(c, SHARES(33, 33, 33, 0, 0, 0));
	pool_eject(c, 3, true); /* 50 %: 70 of 100 */
	check_shares(c, SHARES(35, 35, 0, 0, 30, 0));
}

static void test_distribute(void **state)
{
	const struct cluster *c =
		pool_load(&w,
			  NEAR("distribute: [{from: r9, to: {r9: 100}}, "
			       "{from: r1/*, to: {r1/z1/*: 60, r2: 40}}]") ", " HEALTH,
			  everywhere);

	(void)state;
	check_shares(c, SHARES(20, 20, 20, 0, 40, 0));
	pool_eject(c, 1, true); /* 2 of 3 healthy: 93 % of its weight */
	check_shares(c, SHARES(0, 29, 29, 0, 42, 0));
	pool_eject(c, 5, true);
	check_shares(c, SHARES(0, 50, 50, 0, 0, 0));
}

static void test_distribute_to_nobody(void **state)
{
	unsigned counts[POOL_MAX + 1];

	(void)state;
	pool_pick(&w, pool_load(&w, NEAR("distribute: [{from: r1, to: {r7: 100}}]"), everywhere),
		  10, counts);
	assert_int_equal(counts[0], 10);
	/* From elsewhere it does not concern us. */
	check_shares(pool_load(&w, NEAR("distribute: [{from: r7, to: {r7: 100}}]"), everywhere),
		     SHARES(17, 17, 17, 17, 17, 17));
}

static void test_failover_priority(void **state)
{
	static const struct pool_member m[] = {
		{1, 1, "labels: {rack: '7', room: '2'}"},
		{2, 1, "labels: {rack: '7'}"},
		{3, 1, "labels: {room: '2'}"},
		{4, 1, "labels: {rack: '8', room: '3'}"},
		{0},
	};
	const struct cluster *c =
		pool_load(&w, NEAR("failoverPriority: [rack, room]") ", " HEALTH, m);

	(void)state;
	check_shares(c, SHARES(100, 0, 0, 0, 0, 0));
	pool_eject(c, 1, true);
	check_shares(c, SHARES(0, 100, 0, 0, 0, 0));
	pool_eject(c, 2, true);
	check_shares(c, SHARES(0, 0, 50, 50, 0, 0));
	pool_eject(c, 1, false);
	pool_eject(c, 2, false);
	c = pool_load(&w, NEAR("failoverPriority: ['room=3']") ", " HEALTH, m);
	check_shares(c, SHARES(0, 0, 0, 100, 0, 0));
	c = pool_load(&w, NEAR("failoverPriority: [topology.kubernetes.io/region]") ", " HEALTH,
		      everywhere);
	check_shares(c, SHARES(25, 25, 25, 25, 0, 0));
}

/* Where an endpoint is, from every source; a priority of its own shows it. */
static void test_sources_of_locality(void **state)
{
	static const char resources[] = DR("a", "default", "host: a, trafficPolicy: {" HEALTH "}")
		SERVICE_OF("a", "default", "selector: {app: a}, ports: [{name: http, port: 80}]")
			POD("p1", "default", "app: a, topology.kubernetes.io/region: r1",
			    "10.0.0.3", "") POD("p2", "default", "app: a, istio-locality: r1.z1.s1",
						"10.0.0.1", "")
				WORKLOAD("e", "default",
					 "address: 10.0.0.2, locality: r1/z1, labels: {app: a}")
					WORKLOAD("f", "default",
						 "address: 10.0.0.4, labels: {app: a}");

	(void)state;
	world_load(&w, resources);
	assert_string_equal(world_endpoints(&w, "outbound|80||a.default.svc.cluster.local"),
			    "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 10.0.0.4:80");
	assert_int_equal(world_cluster_named(&w, "outbound|80||a.default.svc.cluster.local")
				 ->endpoints->n_parts,
			 4);
}

/* A ring for each priority; round robin within one is exact. */
static void test_policies_within_parts(void **state)
{
	const struct cluster *c =
		pool_load(&w, "loadBalancer: {simple: ROUND_ROBIN}, " HEALTH, everywhere);
	unsigned counts[POOL_MAX + 1];

	(void)state;
	pool_pick(&w, c, 1000, counts);
	assert_int_equal(counts[1], 500);
	c = pool_load(&w, "loadBalancer: {consistentHash: {useSourceIp: true}}, " HEALTH,
		      everywhere);
	pool_pick(&w, c, 1000, counts);
	assert_int_equal(counts[1] + counts[2], 1000);
	for (unsigned k = 0; k < 100; k++)
		assert_int_equal(pool_owner(&w, c, k), pool_owner(&w, c, k));
	pool_eject(c, 1, true);
	pool_eject(c, 2, true);
	pool_pick(&w, c, 1000, counts);
	assert_int_equal(counts[3], 1000);
}

/* A world for each: health and age belong to names and outlive their test otherwise. */
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failover_by_distance),
		TEST(test_b262_needs_outlier_detection),
		TEST(test_failover_to_a_region),
		TEST(test_overprovisioning),
		TEST(test_distribute),
		TEST(test_distribute_to_nobody),
		TEST(test_failover_priority),
		TEST(test_sources_of_locality),
		TEST(test_policies_within_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
