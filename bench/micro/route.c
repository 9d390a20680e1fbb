/* route.c - cycles to find the route of a request: match_host() and match_route() in virtual
 * hosts of 1 to 100,000 routes, compiled from VirtualServices.
 *
 * first, middle, last: the position of the route that is taken, always the same one. cold: of
 * 100,000 routes one after the other, in random order. */
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include <match/match.h>

#include "bench.h"
#include "config.h"
#include "tables.h"

#define BATCH       64
#define SLOW_BATCH  2 /* when a look-up is a walk over the table: */
#define SLOW_CYCLES 10000
#define RUNS        301
#define GROUPS_MAX  10000 /* a virtual host may have 16,384 */
#define COLD        100000u
#define SMOKE_MAX   100

struct table {
	const struct listener *listener;
	struct match *match;
	struct hs_scratch *scratch;
	struct http_head head;
	const struct route *taken;      /* by the last request */
	struct table_request *requests; /* n of them, one after the other */
	uint32_t n, next;
};

static void look_up(struct table *t)
{
	static const struct ip_addr client;
	const struct vhost *vh = match_host(t->listener, t->head.authority);

	t->taken = match_route(t->match, vh, &t->head, SLICE("http"), &client, t->scratch);
}

static void look_up_same(void *arg, unsigned n)
{
	struct table *t = arg;

	for (unsigned i = 0; i < n; i++)
		look_up(t);
}

static void look_up_next(void *arg, unsigned n)
{
	struct table *t = arg;

	for (unsigned i = 0; i < n; i++) {
		const struct table_request *r = &t->requests[t->next++ % t->n];

		t->head.path = slice_of(r->path, (uint32_t)strlen(r->path));
		t->head.path_len = (uint32_t)strcspn(r->path, "?");
		t->head.fields[2].value = slice_str(r->user);
		look_up(t);
		bench_require(t->taken != NULL, "every request has a route");
	}
}

/* The fastest of some look-ups: a batch should not take longer than a scheduler's slice. */
static unsigned batch_of(struct table *t)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t start = rte_rdtsc();

		look_up(t);
		best = RTE_MIN(best, rte_rdtsc() - start);
	}
	return best < SLOW_CYCLES ? BATCH : SLOW_BATCH;
}

static void measure_at(struct table *t, enum table_kind kind, uint32_t n, uint32_t i,
		       const char *where)
{
	const struct table_request r = table_request(kind, n, i);
	char name[64];

	table_fill_head(&t->head, &r);
	look_up(t);
	bench_require((t->taken != NULL) == (i < n), "the route that is expected");
	snprintf(name, sizeof(name), "%s_%u_%s", table_names[kind], n, where);
	bench_measure(&(struct bench_case){
		.name = name, .run = look_up_same, .arg = t, .batch = batch_of(t), .runs = RUNS});
}

static void measure_cold(struct table *t, enum table_kind kind, uint32_t n)
{
	uint32_t *order = bench_shuffled(n);
	char name[64];

	t->requests = malloc(n * sizeof(*t->requests));
	bench_require(t->requests != NULL, "memory for requests");
	t->n = n;
	t->next = 0;
	for (uint32_t i = 0; i < n; i++)
		t->requests[i] = table_request(kind, n, order[i]);
	table_fill_head(&t->head, &t->requests[0]);
	snprintf(name, sizeof(name), "%s_%u_cold", table_names[kind], n);
	bench_measure(
		&(struct bench_case){.name = name, .run = look_up_next, .arg = t, .batch = BATCH});
	free(t->requests);
	free(order);
}

static void measure(enum table_kind kind, uint32_t n)
{
	static const struct ip_addr any;
	struct compiler *compiler = config_create_compiler();
	char *yaml = table_yaml(kind, n);
	struct snapshot *s = config_compile(compiler, yaml);
	struct table t = {
		.listener = listener_find(&s->listeners, &any, 80),
		.match = match_create(),
		.scratch = s->scratch[0],
	};

	free(yaml);
	bench_require(t.listener && t.match, "a listener, and memory");
	measure_at(&t, kind, n, 0, "first");
	if (n > 1) {
		measure_at(&t, kind, n, n / 2, "middle");
		measure_at(&t, kind, n, n - 1, "last");
	}
	measure_at(&t, kind, n, n, "miss");
	if (n >= COLD)
		measure_cold(&t, kind, n);
	match_destroy(t.match);
	compiler_free_snapshot(compiler, s);
	compiler_destroy(compiler);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {1, 10, 100, 1000, 10000, 100000};

	bench_init(argc, argv, "route", "route", BENCH_EAL_MIB);
	for (enum table_kind kind = 0; kind < TABLE_KINDS; kind++) {
		for (size_t i = 0; i < RTE_DIM(sizes); i++) {
			if (kind == TABLE_GROUP && sizes[i] > GROUPS_MAX)
				continue;
			if (bench_is_smoke() && sizes[i] > SMOKE_MAX)
				continue;
			measure(kind, sizes[i]);
		}
	}
	return bench_exit();
}
