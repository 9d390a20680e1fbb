/* fixture.c - the snapshot is written down by hand: nothing of the compiler is needed. */
#include "fixture.h"

#include <string.h>

static const char *const directories[] = {"/etc/weir/resources.d"};

static const struct endpoint endpoints[] = {
	{.id = 0, .weight = 1, .name = "198.18.1.11:9080", .version = "v1"},
	{.id = 1, .weight = 3, .name = "198.18.1.12:9080", .version = "unknown"},
};
static const struct endpoint_set both = {.n = 2, .endpoints = endpoints};
static const struct endpoint_set none = {0};

static const struct cluster reviews = {
	.id = 0,
	.name = "outbound|9080|v1|reviews.default.svc.cluster.local",
	.lb = LB_ROUND_ROBIN,
	.endpoints = &both,
	.connect_timeout_us = 10000000,
	.idle_timeout_us = 3600000000,
	.service_host = "reviews.default.svc.cluster.local",
	.service_name = "reviews",
	.service_namespace = "default",
	.subset = "v1",
	.port = 9080,
};
static const struct cluster ratings = {
	.id = 2,
	.name = "outbound|9080||ratings.default.svc.cluster.local",
	.endpoints = &none,
	.service_host = "ratings.default.svc.cluster.local",
	.subset = "",
	.port = 9080,
};
static const struct cluster *const clusters[] = {&reviews, NULL, &ratings};

/* What Hyperscan refuses to scan with. */
static uint64_t no_database[64];
static const struct header_name headers[] = {
	{.name = "end-user",
	 .len = 8,
	 .patterns = {.n = 4, .db = (struct hs_database *)no_database}},
};
static const struct predicate predicates[] = {
	{.field = MATCH_PATH, .op = MATCH_PREFIX, .value = "/api/ignored", .value_len = 4},
	{.field = MATCH_HEADER, .op = MATCH_REGEX, .regex = 3, .negate = true},
	{.field = MATCH_METHOD,
	 .op = MATCH_EXACT,
	 .value = "get",
	 .value_len = 3,
	 .ignore_case = true},
	{.field = MATCH_HEADER, .op = MATCH_PRESENT},
};
static const struct split_target targets[] = {
	{.cluster_id = 0, .cluster_name = "outbound|9080|v1|reviews.default.svc.cluster.local"},
	{.cluster_id = WEIR_ID_NONE,
	 .cluster_name = "outbound|80||missing.default.svc.cluster.local"},
};
static const uint16_t slots[] = {0, 0, 1, 0};
static const struct route routes[] = {
	{.name = "canary",
	 .predicates = predicates,
	 .n_predicates = 4,
	 .timeout_us = 5000000,
	 .split = {.n_targets = 2, .targets = targets, .n_slots = 4, .slots = slots},
	 .retry = {.attempts = 2}},
	{.name = "default", .split = {.n_targets = 1, .targets = targets}},
};
static const struct vhost shop = {.name = "shop.example.com:80",
				  .n_routes = 2,
				  .routes = routes,
				  .n_headers = 1,
				  .headers = headers};
static const struct vhost rest = {.name = "*:80", .n_routes = 1, .routes = routes + 1};

/* Filled where their hashes say. */
static struct host_entry exact[4], suffix[2];

static void put_host(struct host_entry *table, uint32_t mask, const char *host,
		     const struct vhost *v)
{
	uint32_t len = (uint32_t)strlen(host), hash = match_hash(host, len), i = hash & mask;

	while (table[i].vhost)
		i = (i + 1) & mask;
	table[i] = (struct host_entry){host, len, hash, v};
}

static void put_hosts(void)
{
	memset(exact, 0, sizeof(exact));
	memset(suffix, 0, sizeof(suffix));
	put_host(exact, 3, "shop.example.com", &shop);
	put_host(exact, 3, "www.example.com", &shop);
	put_host(suffix, 1, ".example.org", &rest);
}

static const struct listener gateway = {
	.addr = {.port = 80},
	.kind = LISTENER_GATEWAY,
	.name = "0.0.0.0:80",
	.hosts =
		{.exact = exact, .exact_mask = 3, .suffix = suffix, .suffix_mask = 1, .any = &rest},
};
static const struct listener mesh = {
	.addr = {.port = 9080},
	.kind = LISTENER_MESH,
	.name = "10.96.0.10:9080",
	.fallback = &shop,
};
static const struct listener *const listeners[] = {&gateway, NULL, &mesh};

void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	put_hosts();
	f->dataplane = fake_dataplane_create(2);
	f->node.name = "gw-1";
	f->node.ns = "istio-system";
	f->node.directories.n = 1;
	f->node.directories.items = (const char **)(uintptr_t)directories;
	f->snapshot.generation = 7;
	f->snapshot.n_listener_ids = 3;
	f->snapshot.listener_by_id = listeners;
	f->snapshot.n_cluster_ids = 3;
	f->snapshot.cluster_by_id = clusters;
	f->cell.current = &f->snapshot;
	f->state = (struct admin_state){
		.node = &f->node,
		.dataplane = f->dataplane,
		.cell = &f->cell,
		.running = true,
		.snapshots_alive = 2,
		.apply_seconds = 0.25,
		.loads_ok = 3,
		.loads_failed = 1,
		.last_load = {.ok = true, .when_us = 1700000000000000, .resources = 12},
	};
	diags_init(&f->state.last_load.diags);
}

void fixture_fini(struct fixture *f)
{
	diags_fini(&f->state.last_load.diags);
	dataplane_destroy(f->dataplane);
}
