/* flow.c - cycles to find a connection by its addresses and ports.
 *
 * Hot: as many connections as a cache holds, and a million in random order, one by one and in
 * bursts as tcp_take_segments() looks them up: all hashes first, then all slots, then all
 * connections, each on its way already. */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include <tcp/conn.h>
#include <tcp/flow.h>

#include "bench.h"

#define BURST 32u
#define HOT   64u
#define COLD  1000000u

struct table {
	struct tcp_flow flow;
	struct tcp_conn *conns;
	uint32_t n;
	uint32_t *order; /* of the look-ups */
	struct tcp_tuple *tuples;
	uint32_t next;
	uint64_t found; /* of how many look-ups: what is counted is not optimised away */
};

/* Connections to one address and port of ours, from many clients. */
static struct tcp_tuple tuple_of(uint32_t i)
{
	return (struct tcp_tuple){
		.local = {ip_addr_v4(RTE_BE32(0xc6120002)), 80},
		.remote = {ip_addr_v4(rte_cpu_to_be_32(0xc6128001 + i / 50000)),
			   (uint16_t)(10000 + i % 50000)},
	};
}

static void fill(struct table *t, uint32_t n)
{
	const struct siphash_key key = {bench_random(), bench_random()};

	memset(t, 0, sizeof(*t));
	t->n = n;
	t->conns = aligned_alloc(WEIR_CACHE_LINE, n * sizeof(*t->conns));
	t->tuples = malloc(n * sizeof(*t->tuples));
	bench_require(t->conns && t->tuples && tcp_flow_init(&t->flow, &key, t->conns, n),
		      "memory for the table");
	t->order = bench_shuffled(n);
	for (uint32_t i = 0; i < n; i++) {
		memset(&t->conns[i], 0, sizeof(t->conns[i]));
		t->conns[i].tuple = tuple_of(i);
		tcp_flow_insert(&t->flow, &t->conns[i]);
	}
	/* The tuple comes with the packet: in the order in which it will be wanted. */
	for (uint32_t i = 0; i < n; i++)
		t->tuples[i] = tuple_of(t->order[i]);
}

static void clear(struct table *t)
{
	tcp_flow_fini(&t->flow);
	free(t->conns);
	free(t->tuples);
	free(t->order);
}

static uint32_t next_index(struct table *t)
{
	if (t->next == t->n)
		t->next = 0;
	return t->next++;
}

static const struct tcp_tuple *next_tuple(struct table *t)
{
	return &t->tuples[next_index(t)];
}

static void hash(void *arg, unsigned n)
{
	struct table *t = arg;

	for (unsigned i = 0; i < n; i++)
		t->found += tcp_flow_hash(&t->flow, next_tuple(t));
}

static void find(void *arg, unsigned n)
{
	struct table *t = arg;

	for (unsigned i = 0; i < n; i++) {
		const struct tcp_tuple *key = next_tuple(t);

		t->found += tcp_flow_find(&t->flow, tcp_flow_hash(&t->flow, key), key) != NULL;
	}
}

static void find_burst(void *arg, unsigned n)
{
	struct table *t = arg;
	const struct tcp_tuple *keys[BURST];
	uint32_t hashes[BURST];

	for (unsigned i = 0; i < n; i += BURST) {
		for (unsigned k = 0; k < BURST; k++) {
			keys[k] = next_tuple(t);
			hashes[k] = tcp_flow_hash(&t->flow, keys[k]);
			tcp_flow_prefetch(&t->flow, hashes[k]);
		}
		for (unsigned k = 0; k < BURST; k++) {
			const struct tcp_conn *c = tcp_flow_peek(&t->flow, hashes[k]);

			if (c)
				rte_prefetch0(&c->tuple);
		}
		for (unsigned k = 0; k < BURST; k++)
			t->found += tcp_flow_find(&t->flow, hashes[k], keys[k]) != NULL;
	}
}

/* A connection goes and comes back. */
static void replace(void *arg, unsigned n)
{
	struct table *t = arg;

	for (unsigned i = 0; i < n; i++) {
		struct tcp_conn *c = &t->conns[t->order[next_index(t)]];

		tcp_flow_remove(&t->flow, c);
		tcp_flow_insert(&t->flow, c);
	}
}

/* Nobody has these ports: what a scan or a late segment asks for. */
static void make_strangers(struct table *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		t->tuples[i].remote.port = (uint16_t)(1024 + t->order[i] % 8000);
}

static void measure(struct table *t, const char *name, void (*run)(void *, unsigned))
{
	/* Goes on where the last case stopped: what that left in the cache is not found again. */
	bench_measure(&(struct bench_case){.name = name, .run = run, .arg = t, .batch = 8 * BURST});
}

int main(int argc, char **argv)
{
	struct table t;

	bench_init(argc, argv, "flow", "tcp", BENCH_EAL_MIB);
	fill(&t, HOT);
	measure(&t, "hash", hash);
	measure(&t, "find", find);
	measure(&t, "find_burst", find_burst);
	measure(&t, "remove_insert", replace);
	make_strangers(&t);
	measure(&t, "miss", find);
	clear(&t);

	fill(&t, bench_is_smoke() ? 1000 : COLD);
	measure(&t, "find_cold", find);
	measure(&t, "find_burst_cold", find_burst);
	measure(&t, "remove_insert_cold", replace);
	make_strangers(&t);
	measure(&t, "miss_cold", find);
	clear(&t);
	return bench_exit();
}
