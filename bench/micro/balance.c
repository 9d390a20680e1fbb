/* balance.c - cycles to choose a target by weight and an endpoint by policy, in compiled clusters
 * of 10 and 10,000 endpoints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include <lb/lb.h>

#include "bench.h"
#include "config.h"

#define BATCH  64
#define FEW    10u
#define MANY   10000u
#define RING   "consistentHash: {useSourceIp: true}"
#define MAGLEV "consistentHash: {useSourceIp: true, maglev: {tableSize: 65537}}"

struct balancer {
	struct lb_state *lb;
	const struct cluster *cluster;
	const struct split *split;
	uint64_t chosen; /* sum of choices: what is counted is not optimised away */
};

struct variant {
	const char *name; /* the cluster's host, too */
	const char *policy;
	uint32_t n;
	bool weighted;
	/* Active health checks: all endpoints pass them, but for so many. */
	bool checked;
	uint32_t failing;
};

static const struct variant variants[] = {
	{"round-robin-10", "simple: ROUND_ROBIN", .n = FEW},
	{"round-robin-10000", "simple: ROUND_ROBIN", .n = MANY},
	{"round-robin-weighted-10000", "simple: ROUND_ROBIN", .n = MANY, .weighted = true},
	{"random-10", "simple: RANDOM", .n = FEW},
	{"random-10000", "simple: RANDOM", .n = MANY},
	{"random-weighted-10000", "simple: RANDOM", .n = MANY, .weighted = true},
	{"least-request-10", "simple: LEAST_REQUEST", .n = FEW},
	{"least-request-10000", "simple: LEAST_REQUEST", .n = MANY},
	{"least-request-weighted-10000", "simple: LEAST_REQUEST", .n = MANY, .weighted = true},
	{"ring-10", RING, .n = FEW},
	{"ring-10000", RING, .n = MANY},
	{"ring-weighted-10000", RING, .n = MANY, .weighted = true},
	{"maglev-10", MAGLEV, .n = FEW},
	{"maglev-10000", MAGLEV, .n = MANY},
	{"round-robin-warmup-10000", "simple: ROUND_ROBIN, warmup: {duration: 1s}", .n = MANY},
	{"least-request-checked-10", "simple: LEAST_REQUEST", .n = FEW, .checked = true},
	{"least-request-checked-10000", "simple: LEAST_REQUEST", .n = MANY, .checked = true},
	{"least-request-failing-10000", "simple: LEAST_REQUEST", .n = MANY, .checked = true,
	 .failing = 100},
};

/* ---- resources ---- */

static void put_cluster(FILE *f, const struct variant *v)
{
	fprintf(f,
		"---\n"
		"apiVersion: networking.istio.io/v1\n"
		"kind: DestinationRule\n"
		"metadata: {name: %s}\n"
		"spec: {host: %s.test, trafficPolicy: {loadBalancer: {%s}}}\n"
		"---\n"
		"apiVersion: networking.istio.io/v1\n"
		"kind: ServiceEntry\n"
		"metadata: {name: %s%s}\n"
		"spec:\n"
		"  hosts: [%s.test]\n"
		"  resolution: STATIC\n"
		"  ports: [{number: 80, name: http, protocol: HTTP}]\n"
		"  endpoints:\n",
		v->name, v->name, v->policy, v->name,
		v->checked ? ", annotations: {weir.io/health-check: tcp}" : "", v->name);
	for (uint32_t i = 0; i < v->n; i++)
		fprintf(f, "  - {address: 10.0.%u.%u, weight: %u}\n", i / 256, i % 256,
			v->weighted ? 1 + i % 7 : 1);
}

/* Ten destinations, whose weights make a table of a hundred slots. */
static const char split_resources[] =
	"apiVersion: networking.istio.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: public}\n"
	"spec:\n"
	"  selector: {istio: ingressgateway}\n"
	"  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]\n"
	"---\n"
	"apiVersion: networking.istio.io/v1\n"
	"kind: VirtualService\n"
	"metadata: {name: split}\n"
	"spec:\n"
	"  hosts: [split.test]\n"
	"  gateways: [public]\n"
	"  http:\n"
	"  - route:\n"
	"    - {destination: {host: round-robin-10.test}, weight: 37}\n"
	"    - {destination: {host: random-10.test}, weight: 33}\n"
	"    - {destination: {host: least-request-10.test}, weight: 19}\n"
	"    - {destination: {host: random-10000.test}, weight: 11}\n";

static char *resources(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	bench_require(f != NULL, "memory for resources");
	fputs(split_resources, f);
	for (size_t i = 0; i < RTE_DIM(variants); i++)
		put_cluster(f, &variants[i]);
	bench_require(fclose(f) == 0, "memory for resources");
	return text;
}

static const struct cluster *find_cluster(const struct snapshot *s, const char *name)
{
	char full[96];

	snprintf(full, sizeof(full), "outbound|80||%s.test", name);
	for (uint32_t i = 0; i < s->n_cluster_ids; i++)
		if (s->cluster_by_id[i] && strcmp(s->cluster_by_id[i]->name, full) == 0)
			return s->cluster_by_id[i];
	bench_require(false, "the cluster is in the snapshot");
	return NULL;
}

static const struct split *find_split(const struct snapshot *s)
{
	static const struct ip_addr any;
	const struct listener *l = listener_find(&s->listeners, &any, 80);
	const struct vhost *vh = NULL;

	for (uint32_t i = 0; l && !vh && i <= l->hosts.exact_mask; i++)
		vh = l->hosts.exact[i].vhost;
	bench_require(vh && vh->n_routes == 1, "the split's virtual host");
	bench_require(vh->routes[0].split.n_slots > 1, "the split has a table");
	return &vh->routes[0].split;
}

/* ---- what is measured ---- */

static void pick_target(void *arg, unsigned n)
{
	struct balancer *b = arg;

	for (unsigned i = 0; i < n; i++)
		b->chosen += lb_pick_target(b->lb, b->split);
}

/* A request comes to the endpoint and goes. */
static void pick(void *arg, unsigned n)
{
	struct balancer *b = arg;

	for (unsigned i = 0; i < n; i++) {
		uint32_t at = lb_pick(b->lb, b->cluster, NULL, 0);
		const struct endpoint *e = &b->cluster->endpoints->endpoints[at];

		lb_request_begin(b->lb, e);
		lb_request_end(b->lb, e->id, e->gen);
		b->chosen += at;
	}
}

/* The same by a hash, another one each time. */
static void pick_hashed(void *arg, unsigned n)
{
	struct balancer *b = arg;

	for (unsigned i = 0; i < n; i++) {
		uint32_t at = lb_pick_hashed(b->lb, b->cluster, lb_random(b->lb));
		const struct endpoint *e = &b->cluster->endpoints->endpoints[at];

		lb_request_begin(b->lb, e);
		lb_request_end(b->lb, e->id, e->gen);
		b->chosen += at;
	}
}

/* The second try of a request: another endpoint than the first one's. */
static void pick_again(void *arg, unsigned n)
{
	struct balancer *b = arg;
	uint32_t tried = b->cluster->endpoints->endpoints[0].id;

	for (unsigned i = 0; i < n; i++)
		b->chosen += lb_pick(b->lb, b->cluster, &tried, 1);
}

/* As if every endpoint had been checked: the first ones fail. */
static void set_health(const struct cluster *c, uint32_t failing)
{
	for (uint32_t i = 0; c->checks && i < c->endpoints->n; i++)
		c->endpoints->endpoints[i].health->state =
			i < failing ? HEALTH_FAILING : HEALTH_WELL;
}

/* In names of cases words are joined as in C; in names of hosts they cannot be. */
static void measure(struct balancer *b, const char *host, void (*run)(void *, unsigned))
{
	char name[64];

	snprintf(name, sizeof(name), "%s", host);
	for (char *p = name; (p = strchr(p, '-')) != NULL;)
		*p = '_';
	bench_measure(&(struct bench_case){.name = name, .run = run, .arg = b, .batch = BATCH});
}

int main(int argc, char **argv)
{
	struct compiler *compiler;
	struct snapshot *s;
	struct balancer b;
	char *yaml;

	bench_init(argc, argv, "balance", "route", BENCH_EAL_MIB);
	compiler = config_create_compiler();
	yaml = resources();
	s = config_compile(compiler, yaml);
	free(yaml);
	b = (struct balancer){.lb = lb_create(1), .split = find_split(s)};
	bench_require(b.lb && lb_resize(b.lb, s->n_split_ids, s->n_cluster_ids, s->n_endpoint_ids),
		      "memory for a balancer");
	measure(&b, "split", pick_target);
	for (size_t i = 0; i < RTE_DIM(variants); i++) {
		b.cluster = find_cluster(s, variants[i].name);
		bench_require(b.cluster->endpoints->n == variants[i].n, "its endpoints");
		set_health(b.cluster, variants[i].failing);
		measure(&b, variants[i].name, b.cluster->affinity ? pick_hashed : pick);
	}
	b.cluster = find_cluster(s, "least-request-10");
	measure(&b, "retry-10", pick_again);
	lb_destroy(b.lb);
	compiler_free_snapshot(compiler, s);
	compiler_destroy(compiler);
	return bench_exit();
}
