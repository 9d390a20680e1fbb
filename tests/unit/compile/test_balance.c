/* test_balance.c - loadBalancer from YAML to picks: distributions against theory, what consistent
 * hashing keeps when endpoints come and go, warm-up. */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/xxh64.h>

#include "fresh.h"
#include "yaml.h"

#define PICKS 100000u
#define KEYS  20000u

#define RING "loadBalancer: {consistentHash: {httpHeaderName: x-user}}"
#define RING_OF(n)                                                                                 \
	"loadBalancer: {consistentHash: {httpHeaderName: x-user, ringHash: {minimumRingSize: " n   \
	"}}}"
#define MAGLEV                                                                                     \
	"loadBalancer: {consistentHash: {httpHeaderName: x-user, maglev: {tableSize: 65537}}}"
#define SIMPLE(p) "loadBalancer: {simple: " p "}"
#define HEALTH    ", outlierDetection: {maxEjectionPercent: 100}"

/* Vectors of the specification's own sanity checks. */
static void test_xxh64(void **state)
{
	const char *long_text = "Nobody inspects the spammish repetition";

	(void)state;
	assert_true(xxh64("", 0, 0) == 0xef46db3751d8e999ull);
	assert_true(xxh64("a", 1, 0) == 0xd24ec4f1a98c6e5bull);
	assert_true(xxh64("abc", 3, 0) == 0x44bc2cf5ad770999ull);
	assert_true(xxh64(long_text, strlen(long_text), 0) == 0xfbcea83c8a378bf1ull);
}

/* ---- distributions ---- */

struct weights {
	const char *name;
	unsigned n;
	uint32_t weight[16];
	double limit; /* of chi-square with n - 1 degrees, p = 0.001 */
};

static const struct weights weight_sets[] = {
	{"equal", 10, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 27.88},
	{"B246", 2, {3, 1}, 10.83},
	{"steps", 5, {1, 2, 3, 4, 5}, 18.47},
	{"skewed", 4, {100, 10, 1, 1}, 16.27},
};

/* The share of each address that its weight asks for. */
static void ideal_shares(const struct weights *s, double *share)
{
	double total = 0;

	for (unsigned i = 0; i < s->n; i++)
		total += s->weight[i];
	for (unsigned i = 0; i < s->n; i++)
		share[i + 1] = s->weight[i] / total;
}

static double chi_square(const struct weights *s, const double *share, const unsigned *counts)
{
	double x = 0;

	for (unsigned a = 1; a <= s->n; a++) {
		double want = PICKS * share[a];

		x += (counts[a] - want) * (counts[a] - want) / want;
	}
	return x;
}

static void check_counts(const char *policy, const struct weights *s, const double *share,
			 const unsigned *counts)
{
	double x = chi_square(s, share, counts);

	if (x > s->limit)
		print_error("%s, %s: chi-square %.1f, at most %.1f\n", policy, s->name, x,
			    s->limit);
	assert_true(x <= s->limit);
}

static const struct cluster *load_weights(const char *policy, const struct weights *s)
{
	struct pool_member m[17] = {{0}};

	for (unsigned i = 0; i < s->n; i++)
		m[i] = (struct pool_member){.address = (uint8_t)(i + 1), .weight = s->weight[i]};
	return pool_load(&w, policy, m);
}

static void check_distribution(const char *policy, const struct weights *s)
{
	unsigned counts[POOL_MAX + 1];
	double share[17] = {0};

	ideal_shares(s, share);
	pool_pick(&w, load_weights(policy, s), PICKS, counts);
	check_counts(policy, s, share, counts);
}

static void test_distributions(void **state)
{
	static const char *const policies[] = {SIMPLE("RANDOM"), SIMPLE("ROUND_ROBIN"),
					       SIMPLE("LEAST_REQUEST"), SIMPLE("LEAST_CONN"),
					       SIMPLE("PASSTHROUGH")};

	(void)state;
	for (size_t p = 0; p < sizeof(policies) / sizeof(policies[0]); p++)
		for (size_t i = 0; i < sizeof(weight_sets) / sizeof(weight_sets[0]); i++)
			check_distribution(policies[p], &weight_sets[i]);
}

/* The share of all hashes that leads to each address: slots of Maglev, arcs of a ring. */
static void table_shares(const struct cluster *c, double *share)
{
	const struct hash_table *t = c->endpoints->table;

	for (uint32_t i = 0; i < t->n; i++) {
		uint8_t a = c->endpoints->endpoints[t->owners[i]].addr.ip.b[15];

		if (t->hashes) /* unsigned: the first arc is what is left of the circle */
			share[a] +=
				(double)(t->hashes[i] - t->hashes[i ? i - 1 : t->n - 1]) / 0x1p64;
		else
			share[a] += 1.0 / t->n;
	}
}

/* Consistent hashing adds a table between the weights and the picks: the table is as near to the
 * weights as its kind and size allow, and keys meet its entries as often as chance says. */
static void check_hash_distribution(const char *policy, const struct weights *s, double slack)
{
	const struct cluster *c = load_weights(policy, s);
	double want[17] = {0}, share[17] = {0}, off = 0;
	unsigned counts[POOL_MAX + 1] = {0};

	ideal_shares(s, want);
	table_shares(c, share);
	for (unsigned a = 1; a <= s->n; a++)
		off += (share[a] > want[a] ? share[a] - want[a] : want[a] - share[a]) / 2;
	print_message("%s, %s: %.2f %% of the table is with another than the weights say\n", policy,
		      s->name, 100 * off);
	assert_true(off <= slack);
	for (unsigned key = 0; key < PICKS; key++)
		counts[pool_owner(&w, c, key)]++;
	check_counts(policy, s, share, counts);
}

static void test_hash_distributions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(weight_sets) / sizeof(weight_sets[0]); i++) {
		check_hash_distribution(RING, &weight_sets[i], 0.05);
		check_hash_distribution(RING_OF("65536"), &weight_sets[i], 0.005);
		check_hash_distribution(MAGLEV, &weight_sets[i], 0.0005);
	}
}

/* Round robin is exact over its cycles; an ejected endpoint's turns go to all others alike. */
static void test_round_robin_without_the_ejected(void **state)
{
	const struct cluster *c = pool_load_many(&w, SIMPLE("ROUND_ROBIN") HEALTH, 5, 0);
	unsigned counts[POOL_MAX + 1];

	(void)state;
	pool_eject(c, 2, true);
	pool_pick(&w, c, 4000, counts);
	assert_int_equal(counts[2], 0);
	assert_int_equal(counts[1], 1000);
	assert_int_equal(counts[3], 1000);
	pool_eject(c, 2, false);
	pool_pick(&w, c, 5000, counts);
	assert_int_equal(counts[2], 1000);
}

static void test_the_ejected_get_nothing(void **state)
{
	static const char *const policies[] = {SIMPLE("RANDOM") HEALTH,
					       SIMPLE("LEAST_REQUEST") HEALTH, RING HEALTH,
					       MAGLEV HEALTH};

	(void)state;
	for (size_t p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
		const struct cluster *c = pool_load_many(&w, policies[p], 10, 0);
		unsigned counts[POOL_MAX + 1];

		for (uint8_t i = 1; i <= 9; i++)
			pool_eject(c, i, true);
		pool_pick(&w, c, 1000, counts);
		assert_int_equal(counts[10], 1000);
		pool_eject(c, 10, true);
		pool_pick(&w, c, 10, counts);
		assert_int_equal(counts[0], 10); /* 503 UH */
		for (uint8_t i = 1; i <= 10; i++)
			pool_eject(c, i, false);
	}
}

/* minHealthPercent: with less than that, health does not count. */
static void test_panic(void **state)
{
	const struct cluster *c = pool_load_many(
		&w, SIMPLE("RANDOM") ", outlierDetection: {minHealthPercent: 50}", 4, 0);
	unsigned counts[POOL_MAX + 1];

	(void)state;
	pool_eject(c, 1, true);
	pool_eject(c, 2, true);
	pool_pick(&w, c, 1000, counts);
	assert_int_equal(counts[1] + counts[2], 0); /* half is not less than half */
	pool_eject(c, 3, true);
	pool_pick(&w, c, 4000, counts);
	for (unsigned i = 1; i <= 4; i++)
		assert_in_range(counts[i], 850, 1150);
	pool_eject(c, 4, true);
	pool_pick(&w, c, 100, counts);
	assert_int_equal(counts[0], 0);
}

/* ---- consistent hashing ---- */

static void owners_of(const struct cluster *c, uint8_t *owners)
{
	for (unsigned k = 0; k < KEYS; k++)
		owners[k] = pool_owner(&w, c, k);
}

static unsigned count_owner(const uint8_t *owners, uint8_t address)
{
	unsigned n = 0;

	for (unsigned k = 0; k < KEYS; k++)
		n += owners[k] == address;
	return n;
}

/* Keys that moved although neither owner is the endpoint that came or went. */
static unsigned needless_moves(const uint8_t *a, const uint8_t *b, uint8_t changed)
{
	unsigned n = 0;

	for (unsigned k = 0; k < KEYS; k++)
		n += a[k] != b[k] && a[k] != changed && b[k] != changed;
	return n;
}

/* Removing one of ten and adding it again: its own tenth of the keys moves, and of the others no
 * more than `needless` (share of all keys). */
static void check_disruption(const char *policy, double spread, double needless)
{
	static uint8_t all[KEYS], less[KEYS], again[KEYS];
	unsigned own, moved;

	owners_of(pool_load_many(&w, policy, 10, 0), all);
	owners_of(pool_load_many(&w, policy, 10, 4), less);
	owners_of(pool_load_many(&w, policy, 10, 0), again);
	assert_memory_equal(all, again, KEYS);
	own = count_owner(all, 4);
	moved = needless_moves(all, less, 4);
	print_message("%s: endpoint 4 has %.2f %%, needless moves %.2f %%\n", policy,
		      100.0 * own / KEYS, 100.0 * moved / KEYS);
	assert_true(own > KEYS / 10 * (1 - spread) && own < KEYS / 10 * (1 + spread));
	assert_int_equal(count_owner(less, 4), 0);
	assert_true(moved <= KEYS * needless);
}

static void test_b251_disruption_of_a_ring(void **state)
{
	(void)state;
	check_disruption(RING, 0.30, 0);
	check_disruption(RING_OF("65536"), 0.05, 0);
}

static void test_disruption_of_maglev(void **state)
{
	(void)state;
	check_disruption(MAGLEV, 0.05, 0.02);
}

/* The keys of an ejected endpoint go to others and come back; no other key moves. */
static void test_ejection_moves_only_own_keys(void **state)
{
	static const char *const policies[] = {RING HEALTH, MAGLEV HEALTH};
	static uint8_t before[KEYS], during[KEYS], after[KEYS];

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		const struct cluster *c = pool_load_many(&w, policies[p], 10, 0);
		unsigned takers = 0;

		owners_of(c, before);
		pool_eject(c, 7, true);
		owners_of(c, during);
		pool_eject(c, 7, false);
		owners_of(c, after);
		assert_int_equal(needless_moves(before, during, 7), 0);
		assert_int_equal(count_owner(during, 7), 0);
		assert_memory_equal(before, after, KEYS);
		for (uint8_t i = 1; i <= 10; i++)
			takers += count_owner(during, i) > count_owner(before, i);
		assert_true(takers >= 7); /* the load is spread */
	}
}

static void test_hashing_honours_weights(void **state)
{
	static const struct pool_member m[] = {{1, 3, NULL}, {2, 1, NULL}, {0}};
	static const char *const policies[] = {RING_OF("65536"), MAGLEV};
	static uint8_t owners[KEYS];

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		owners_of(pool_load(&w, policies[p], m), owners);
		assert_in_range(count_owner(owners, 1), KEYS * 72 / 100, KEYS * 78 / 100);
	}
}

/* Sizes as they were asked for; every endpoint is on a ring, however small it was to be. */
static void test_sizes(void **state)
{
	const struct hash_table *t;

	(void)state;
	t = pool_load_many(&w, RING, 8, 0)->endpoints->table;
	assert_int_equal(t->n, 1024);
	t = pool_load_many(&w, RING_OF("1"), 8, 0)->endpoints->table;
	assert_int_equal(t->n, 8);
	t = pool_load_many(&w,
			   "loadBalancer: {consistentHash: {useSourceIp: true, "
			   "minimumRingSize: 4000}}",
			   4, 0)
		    ->endpoints->table;
	assert_int_equal(t->n, 4096); /* 1024 points each */
	t = pool_load_many(&w, MAGLEV, 8, 0)->endpoints->table;
	assert_int_equal(t->n, 65537);
	assert_null(t->hashes);
}

/* The look-up through buckets is the plain one: the first point at or after the hash. */
static void test_ring_lookup(void **state)
{
	const struct cluster *c = pool_load_many(&w, RING, 3, 0);
	const struct hash_table *t = c->endpoints->table;

	(void)state;
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t next = t->owners[i + 1 < t->n ? i + 1 : 0];

		assert_true(i == 0 || t->hashes[i - 1] <= t->hashes[i]);
		assert_int_equal(lb_pick_hashed(w.lb, c, t->hashes[i]), t->owners[i]);
		if (i + 1 == t->n || t->hashes[i] < t->hashes[i + 1])
			assert_int_equal(lb_pick_hashed(w.lb, c, t->hashes[i] + 1), next);
	}
	assert_int_equal(lb_pick_hashed(w.lb, c, 0), t->owners[0]);
	assert_int_equal(lb_pick_hashed(w.lb, c, UINT64_MAX), t->owners[0]);
}

/* What does not concern the table leaves it where it is. */
static void test_tables_are_shared(void **state)
{
	const struct hash_table *t = pool_load_many(&w, RING, 5, 0)->endpoints->table;
	const struct hash_table *other;
	struct snapshot *held = w.s;

	(void)state;
	w.s = NULL; /* the next load does not free it */
	other = pool_load_many(&w, RING ", connectionPool: {tcp: {connectTimeout: 3s}}", 5, 0)
			->endpoints->table;
	assert_ptr_equal(t, other);
	other = pool_load_many(&w, RING, 5, 3)->endpoints->table;
	assert_ptr_not_equal(t, other);
	compiler_free_snapshot(w.compiler, held);
}

static void test_retries_do_not_avoid(void **state)
{
	const struct cluster *c = pool_load_many(&w, MAGLEV, 2, 0);
	uint32_t first = lb_pick_hashed(w.lb, c, 12345);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(lb_pick_hashed(w.lb, c, 12345), first); /* B122 */
}

static void test_affinity(void **state)
{
	const struct affinity *a;

	(void)state;
	a = pool_load_many(&w,
			   "loadBalancer: {consistentHash: {httpCookie: {name: u, ttl: 1500ms, "
			   "path: /p, attributes: [{name: SameSite, value: Lax}, "
			   "{name: Secure}]}}}",
			   2, 0)
		    ->affinity;
	assert_int_equal(a->key, AFFINITY_COOKIE);
	assert_string_equal(a->set_cookie,
			    "\"; Max-Age=2; Path=/p; SameSite=Lax; Secure; HttpOnly");
	a = pool_load_many(&w, "loadBalancer: {consistentHash: {httpCookie: {name: u, ttl: 0s}}}",
			   2, 0)
		    ->affinity;
	assert_string_equal(a->set_cookie, "\"; HttpOnly");
	a = pool_load_many(&w, "loadBalancer: {consistentHash: {httpCookie: {name: u}}}", 2, 0)
		    ->affinity;
	assert_null(a->set_cookie);
}

/* ---- warm-up ---- */

static void check_share(const struct cluster *c, uint64_t at_s, double want)
{
	unsigned counts[POOL_MAX + 1];
	double share;

	lb_set_now(w.lb, at_s * 1000000);
	pool_pick(&w, c, 20000, counts);
	share = counts[5] / 20000.0;
	if (share < want - 0.015 || share > want + 0.015)
		print_error("%llu s: %.3f instead of %.3f\n", (unsigned long long)at_s, share,
			    want);
	assert_true(share > want - 0.015 && share < want + 0.015);
}

/* B261: four that are warm, and a fifth that comes later. */
static void check_warmup(const char *policy)
{
	const struct cluster *c = pool_load_many(&w, policy, 4, 0);
	unsigned counts[POOL_MAX + 1];

	lb_set_now(w.lb, 1000000);
	pool_pick(&w, c, 10000, counts);
	for (unsigned i = 1; i <= 4; i++) /* all are new: no one is slower */
		assert_in_range(counts[i], 2200, 2800);
	lb_set_now(w.lb, 20000000);
	pool_pick(&w, c, 1000, counts);
	c = pool_load_many(&w, policy, 5, 0);
	check_share(c, 30, 0.1 / 4.1);
	check_share(c, 35, 0.5 / 4.5);
	check_share(c, 40, 0.2);
	check_share(c, 41, 0.2);
}

static void test_b261_warmup(void **state)
{
	(void)state;
	check_warmup("loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s}}");
}

/* A worker that sees an endpoint later does not take it for younger, nor one that is warm for new.
 */
static void test_all_workers_know_one_age(void **state)
{
	const struct cluster *c = pool_load_many(
		&w, "loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s}}", 4, 0);
	struct lb_state *first = w.lb, *second = lb_create(2);
	unsigned counts[POOL_MAX + 1];

	(void)state;
	assert_true(second && lb_resize(second, 8, 8, 64));
	lb_set_now(first, 1000000);
	pool_pick(&w, c, 100, counts);
	lb_set_now(first, 20000000);
	pool_pick(&w, c, 100, counts);
	c = pool_load_many(&w, "loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s}}", 5,
			   0);
	check_share(c, 30, 0.1 / 4.1);
	w.lb = second;
	check_share(c, 35, 0.5 / 4.5);
	check_share(c, 40, 0.2);
	w.lb = first;
	lb_destroy(second);
}

static void test_old_warmup(void **state)
{
	(void)state;
	check_warmup("loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 10s}");
}

static void test_warmup_of_least_request(void **state)
{
	(void)state;
	check_warmup("loadBalancer: {warmup: {duration: 10s}}");
}

static void test_warmup_is_not_for_random(void **state)
{
	(void)state;
	assert_null(
		pool_load_many(&w, "loadBalancer: {simple: RANDOM, warmup: {duration: 1s}}", 2, 0)
			->slow_start);
}

/* ---- a slow backend ---- */

#define SERVERS  10u
#define REQUESTS 40000u

/* A queue in front of each server; times in microseconds. */
struct farm {
	double free_at[SERVERS];
	struct {
		double at;
		uint32_t endpoint;
	} done[REQUESTS]; /* not told to the balancer yet */
	unsigned n_done;
	double latency[REQUESTS];
};

static void tell_done(struct farm *f, const struct cluster *c, double now)
{
	for (unsigned i = 0; i < f->n_done;) {
		const struct endpoint *e = &c->endpoints->endpoints[f->done[i].endpoint];

		if (f->done[i].at > now) {
			i++;
			continue;
		}
		lb_request_end(w.lb, e->id, e->gen);
		f->done[i] = f->done[--f->n_done];
	}
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return a < b ? -1 : a > b;
}

/* The 99th percentile of latency when one server of ten is nearly five times slower: of an
 * equal share it has 96 % of what it can bear. */
static double p99(const char *policy)
{
	static struct farm f;
	const struct cluster *c = pool_load_many(&w, policy, SERVERS, 0);
	double now = 0;

	memset(&f, 0, sizeof(f));
	for (unsigned i = 0; i < REQUESTS; i++) {
		uint32_t e;
		double takes;

		now += 1 + (double)(lb_random(w.lb) % 998); /* 500 us on average */
		tell_done(&f, c, now);
		e = lb_pick(w.lb, c, NULL, 0);
		takes = e == 0 ? 4800 : 1000;
		lb_request_begin(w.lb, &c->endpoints->endpoints[e]);
		f.free_at[e] = (f.free_at[e] > now ? f.free_at[e] : now) + takes;
		f.latency[i] = f.free_at[e] - now;
		f.done[f.n_done].at = f.free_at[e];
		f.done[f.n_done++].endpoint = e;
	}
	tell_done(&f, c, 1e12);
	qsort(f.latency, REQUESTS, sizeof(f.latency[0]), by_value);
	return f.latency[REQUESTS * 99 / 100];
}

static void test_least_request_beats_round_robin(void **state)
{
	double rr = p99(SIMPLE("ROUND_ROBIN")), least = p99(SIMPLE("LEAST_REQUEST"));

	(void)state;
	print_message("p99 with a slow backend: round robin %.0f us, least request %.0f us\n", rr,
		      least);
	assert_true(least * 3 < rr * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_xxh64),
		T(test_distributions),
		T(test_hash_distributions),
		T(test_round_robin_without_the_ejected),
		T(test_the_ejected_get_nothing),
		T(test_panic),
		T(test_b251_disruption_of_a_ring),
		T(test_disruption_of_maglev),
		T(test_ejection_moves_only_own_keys),
		T(test_hashing_honours_weights),
		T(test_sizes),
		T(test_ring_lookup),
		T(test_tables_are_shared),
		T(test_retries_do_not_avoid),
		T(test_affinity),
		T(test_b261_warmup),
		T(test_all_workers_know_one_age),
		T(test_old_warmup),
		T(test_warmup_of_least_request),
		T(test_warmup_is_not_for_random),
		T(test_least_request_beats_round_robin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
