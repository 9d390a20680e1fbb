/* test_bounded.c - weir.io/hash-balance-factor: no endpoint has more to do than its share, and who
 * has room keeps its keys. */
#include "pool.h"

#include <weir/xxh64.h>

#include "fresh.h"
#include "yaml.h"

#define RING "loadBalancer: {consistentHash: {httpHeaderName: x-user}}"
#define MAGLEV                                                                                     \
	"loadBalancer: {consistentHash: {httpHeaderName: x-user, maglev: {tableSize: 65537}}}"
#define HEALTH ", outlierDetection: {maxEjectionPercent: 100}"

#define OPEN_MAX 2000

/* The snapshot is the test's own: it may say what the annotation would. */
static void bound(const struct cluster *c, uint32_t percent)
{
	((struct affinity *)(uintptr_t)c->affinity)->bound_percent = percent;
}

/* ---- requests in progress ---- */

struct crowd {
	const struct cluster *c;
	unsigned n;
	struct {
		uint32_t endpoint;
		struct lb_bound bound;
	} open[OPEN_MAX];
	unsigned load[POOL_MAX];
	uint64_t random;
};

static uint64_t next_random(struct crowd *k)
{
	k->random = k->random * 6364136223846793005ull + 1442695040888963407ull;
	return k->random >> 33;
}

static uint32_t arrive(struct crowd *k, unsigned key)
{
	uint32_t e = lb_pick_hashed(w.lb, k->c, xxh64(&key, sizeof(key), 0));

	assert_int_not_equal(e, LB_NONE);
	assert_true(k->n < OPEN_MAX);
	lb_request_begin(w.lb, &k->c->endpoints->endpoints[e]);
	lb_bound_begin(w.lb, k->c, e, &k->open[k->n].bound);
	k->open[k->n++].endpoint = e;
	k->load[e]++;
	return e;
}

static void leave(struct crowd *k, unsigned i)
{
	const struct endpoint *e = &k->c->endpoints->endpoints[k->open[i].endpoint];

	lb_request_end(w.lb, e->id, e->gen);
	lb_bound_end(w.lb, &k->open[i].bound);
	k->load[k->open[i].endpoint]--;
	k->open[i] = k->open[--k->n];
}

static void leave_all(struct crowd *k)
{
	while (k->n)
		leave(k, k->n - 1);
}

static unsigned most_of(const struct crowd *k)
{
	unsigned most = 0;

	for (uint32_t e = 0; e < k->c->endpoints->n; e++)
		most = k->load[e] > most ? k->load[e] : most;
	return most;
}

static unsigned load_at(const struct crowd *k, uint8_t address)
{
	for (uint32_t e = 0; e < k->c->endpoints->n; e++)
		if (k->c->endpoints->endpoints[e].addr.ip.b[15] == address)
			return k->load[e];
	return 0;
}

/* Its share of the requests in progress, those that have just come included. */
static uint64_t share_of(const struct crowd *k, uint32_t e, uint32_t percent)
{
	const struct endpoint_set *s = k->c->endpoints;
	uint64_t weight = 0;

	for (uint32_t i = 0; i < s->n; i++)
		weight += s->endpoints[i].weight;
	return (((uint64_t)k->n * percent + 99) / 100 * s->endpoints[e].weight + weight - 1) /
	       weight;
}

/* Half of all requests have one key, and end at random. */
static void check_bound(const char *policy, const struct pool_member *m, uint32_t percent)
{
	struct crowd k = {.c = pool_load(&w, policy, m), .random = percent};

	bound(k.c, percent);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t e = arrive(&k, next_random(&k) % 2 ? 7 : (unsigned)next_random(&k));

		assert_true(k.load[e] <= share_of(&k, e, percent));
		while (k.n && (next_random(&k) % 100 < 50 || k.n > 200))
			leave(&k, (unsigned)(next_random(&k) % k.n));
	}
	leave_all(&k);
}

static void test_nobody_has_more_than_its_share(void **state)
{
	static const struct pool_member even[] = {{1, 1, NULL}, {2, 1, NULL}, {3, 1, NULL},
						  {4, 1, NULL}, {5, 1, NULL}, {6, 1, NULL},
						  {7, 1, NULL}, {0, 0, NULL}};
	static const struct pool_member uneven[] = {
		{1, 1, NULL}, {2, 5, NULL}, {3, 2, NULL}, {4, 3, NULL}, {0, 0, NULL}};
	static const uint32_t percents[] = {100, 125, 150, 300};

	(void)state;
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		check_bound(RING, even, percents[i]);
		check_bound(RING, uneven, percents[i]);
		check_bound(MAGLEV, even, percents[i]);
		check_bound(MAGLEV, uneven, percents[i]);
	}
}

/* A key that all requests have: to its owner, and what that has no room for to the same few. */
static void test_a_hot_key_spreads_to_its_neighbours(void **state)
{
	struct crowd k = {.c = pool_load_many(&w, RING, 20, 0)};
	unsigned used[2] = {0};
	unsigned first[POOL_MAX];
	uint32_t owner;

	(void)state;
	owner = lb_pick_hashed(w.lb, k.c, xxh64(&(unsigned){7}, sizeof(unsigned), 0));
	bound(k.c, 500);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 400; i++)
			arrive(&k, 7);
		/* A quarter of all for each: 500 % of a twentieth. */
		assert_int_equal(k.load[owner], 100);
		for (unsigned e = 0; e < 20; e++) {
			used[round] += k.load[e] > 0;
			assert_true(round == 0 || (first[e] > 0) == (k.load[e] > 0));
			first[e] = k.load[e];
		}
		leave_all(&k);
	}
	assert_in_range(used[0], 4, 6);
}

static void test_others_keep_their_keys(void **state)
{
	struct crowd k = {.c = pool_load_many(&w, MAGLEV, 10, 0)};
	uint32_t owners[300];

	(void)state;
	for (unsigned key = 0; key < 300; key++)
		owners[key] = lb_pick_hashed(w.lb, k.c, xxh64(&key, sizeof(key), 0));
	bound(k.c, 200);
	/* One at a time nobody is full. */
	for (unsigned key = 0; key < 300; key++) {
		assert_int_equal(arrive(&k, key), owners[key]);
		leave_all(&k);
	}
}

/* Those that are left share what there is. */
static void test_without_the_ejected(void **state)
{
	struct crowd k = {.c = pool_load_many(&w, RING HEALTH, 10, 0)};

	(void)state;
	bound(k.c, 125);
	for (uint8_t a = 1; a <= 8; a++)
		pool_eject(k.c, a, true);
	for (unsigned i = 0; i < 200; i++)
		arrive(&k, 7);
	assert_int_equal(most_of(&k), 125);
	leave_all(&k);
	pool_eject(k.c, 9, true);
	for (unsigned i = 0; i < 50; i++)
		arrive(&k, i);
	leave_all(&k);
	for (uint8_t a = 1; a <= 9; a++)
		pool_eject(k.c, a, false);
}

/* Those that fail their active checks bear nothing, and the others all of it: the bound is of what
 * those that are left would have on average, and follows when one comes or goes. */
static void test_b287_without_those_that_fail(void **state)
{
	static const struct pool_member m[] = {{1, 1, NULL}, {2, 1, NULL}, {3, 1, NULL},
					       {4, 1, NULL}, {5, 1, NULL}, {0, 0, NULL}};
	static const char *const policies[] = {RING, MAGLEV};

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		struct crowd k = {.c = pool_load_checked(&w, policies[p], m)};

		bound(k.c, 125);
		for (unsigned left = 5; left >= 2; left--) {
			for (unsigned i = 0; i < 200; i++)
				arrive(&k, 7);
			assert_int_equal(most_of(&k), (250 + left - 1) / left);
			for (uint8_t a = 1; a <= 5 - left; a++)
				assert_int_equal(load_at(&k, a), 0);
			leave_all(&k);
			pool_check(k.c, (uint8_t)(6 - left), HEALTH_FAILING);
		}
		for (unsigned i = 0; i < 50; i++)
			arrive(&k, i);
		assert_int_equal(load_at(&k, 5), 50); /* the last one takes everything */
		leave_all(&k);
		pool_check(k.c, 2, HEALTH_WELL);
		for (unsigned i = 0; i < 200; i++)
			arrive(&k, 7);
		assert_int_equal(most_of(&k), 125);
		leave_all(&k);
	}
}

/* It is their weight that is missed, not their number. */
static void test_without_the_heaviest(void **state)
{
	static const struct pool_member m[] = {
		{1, 1, NULL}, {2, 1, NULL}, {3, 8, NULL}, {0, 0, NULL}};
	struct crowd k = {0};

	(void)state;
	k.c = pool_load_checked(&w, RING, m);
	bound(k.c, 125);
	pool_check(k.c, 3, HEALTH_FAILING);
	for (unsigned i = 0; i < 200; i++)
		arrive(&k, 7);
	assert_int_equal(most_of(&k), 125);
	leave_all(&k);
}

/* Priorities and localities have their loads bounded each for itself. */
static void test_within_a_part(void **state)
{
	static const struct pool_member m[] = {{1, 1, "locality: r1/z1"},
					       {2, 1, "locality: r1/z1"},
					       {3, 1, "locality: r2/z1"},
					       {4, 1, "locality: r2/z1"},
					       {0, 0, NULL}};
	struct crowd k = {0};

	(void)state;
	world_fini(&w);
	world_init(&w, &(struct world_options){.locality = "r1/z1"});
	k.c = pool_load(&w, RING HEALTH, m);
	assert_true(k.c->endpoints->n_parts > 1);
	bound(k.c, 100);
	for (unsigned i = 0; i < 100; i++)
		arrive(&k, 7);
	for (uint32_t e = 0; e < 4; e++)
		assert_int_equal(k.load[e],
				 strcmp(k.c->endpoints->endpoints[e].name, "10.0.0.3") < 0 ? 50
											   : 0);
	leave_all(&k);
}

#define ANNOTATED(factor, lb)                                                                      \
	"---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: a\n"   \
	"  namespace: default\n  annotations: {weir.io/hash-balance-factor: \"" factor "\"}\n"     \
	"spec: {host: a, trafficPolicy: {" lb "}, subsets: [{name: v1, trafficPolicy: {"           \
	"loadBalancer: {simple: RANDOM}}}, {name: v2}]}\n"
#define SERVICE_A    SERVICE_OF("a", "default", "selector: {app: a}, ports: [{name: http, port: 80}]")
#define NAME(subset) "outbound|80|" subset "|a.default.svc.cluster.local"

static void test_annotation(void **state)
{
	(void)state;
	world_load(&w, SERVICE_A ANNOTATED("130", RING));
	assert_int_equal(world_cluster_named(&w, NAME(""))->affinity->bound_percent, 130);
	assert_int_equal(world_cluster_named(&w, NAME("v2"))->affinity->bound_percent, 130);
	assert_null(world_cluster_named(&w, NAME("v1"))->affinity);
	world_load(&w, SERVICE_A ANNOTATED("140", RING));
	assert_int_equal(world_cluster_named(&w, NAME(""))->affinity->bound_percent, 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nobody_has_more_than_its_share),
		T(test_a_hot_key_spreads_to_its_neighbours),
		T(test_others_keep_their_keys),
		T(test_without_the_ejected),
		T(test_b287_without_those_that_fail),
		T(test_without_the_heaviest),
		T(test_within_a_part),
		T(test_annotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
