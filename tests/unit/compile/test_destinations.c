/* test_destinations.c - where a route sends requests, in which shares: group D. */
#include "fresh.h"

#include <stdio.h>
#include <string.h>

#define LOAD_PORT(gateways, route)                                                                 \
	world_load(&w, WITH_FIXTURE("apiVersion: networking.istio.io/v1\n"                         \
				    "kind: VirtualService\n"                                       \
				    "metadata: {name: v}\n"                                        \
				    "spec: {hosts: [x.test], gateways: [" gateways "],"            \
				    " http: [{route: [" route "]}]}\n"                             \
				    "---\n"                                                        \
				    "apiVersion: networking.istio.io/v1\n"                         \
				    "kind: Gateway\n"                                              \
				    "metadata: {name: gw2}\n"                                      \
				    "spec: {servers: [{hosts: ['*'],"                              \
				    " port: {number: 9999, name: http, protocol: HTTP}}]}\n"       \
				    "---\n"                                                        \
				    "apiVersion: v1\n"                                             \
				    "kind: Service\n"                                              \
				    "metadata: {name: two}\n"                                      \
				    "spec: {ports: [{name: http, port: 80},"                       \
				    " {name: http-x, port: 8000}]}\n"))
#define LOAD(route) LOAD_PORT("gw", route)

static void count(const struct split *s, unsigned n, unsigned *counts)
{
	memset(counts, 0, s->n_targets * sizeof(*counts));
	for (unsigned i = 0; i < n; i++)
		counts[lb_pick_target(w.lb, s)]++;
}

static void test_b059_75_25(void **state)
{
	const struct route *r;
	unsigned counts[2];

	(void)state;
	LOAD("{destination: {host: a, subset: v1}, weight: 75},"
	     "{destination: {host: a, subset: v2}, weight: 25}");
	r = ROUTE(&w, .path = "/");
	assert_int_equal(r->split.n_targets, 2);
	for (unsigned run = 0; run < 64; run++) {
		count(&r->split, 10000, counts);
		assert_in_range(counts[0], 7496, 7504);
		lb_pick_target(w.lb, &r->split); /* the next run starts elsewhere */
	}
}

static void test_b060_single_destination_gets_all(void **state)
{
	const struct route *r;

	(void)state;
	LOAD("{destination: {host: b}, weight: 0}");
	r = ROUTE(&w, .path = "/");
	assert_int_equal(r->split.n_targets, 1);
	assert_int_equal(lb_pick_target(w.lb, &r->split), 0);
}

static void test_b061_weight_0_gets_nothing(void **state)
{
	const struct route *r;

	(void)state;
	LOAD("{destination: {host: b}, weight: 0}, {destination: {host: c}, weight: 100}");
	r = ROUTE(&w, .path = "/");
	assert_int_equal(r->split.n_targets, 1);
	assert_string_equal(r->split.targets[0].cluster_name,
			    "outbound|8000||c.default.svc.cluster.local");
}

static void test_b062_any_sum(void **state)
{
	const struct route *r;
	unsigned counts[2];

	(void)state;
	LOAD("{destination: {host: b}, weight: 1}, {destination: {host: c}, weight: 1}");
	r = ROUTE(&w, .path = "/");
	count(&r->split, 1000, counts);
	assert_in_range(counts[0], 499, 501);
}

static void test_b065_single_port_of_the_service(void **state)
{
	(void)state;
	LOAD("{destination: {host: b}}");
	assert_string_equal(CLUSTER(&w, .path = "/"), "outbound|8000||b.default.svc.cluster.local");
}

static void test_b066_else_the_listeners_port(void **state)
{
	const struct route *r;

	(void)state;
	LOAD_PORT("gw, gw2", "{destination: {host: two}}");
	assert_string_equal(CLUSTER(&w, .port = 80), "outbound|80||two.default.svc.cluster.local");
	r = ROUTE(&w, .port = 9999);
	assert_string_equal(r->split.targets[0].cluster_name,
			    "outbound|9999||two.default.svc.cluster.local");
	assert_null(snapshot_cluster(w.s, r->split.targets[0].cluster_id));
}

static void test_b067_unknown_port(void **state)
{
	const struct route *r;

	(void)state;
	LOAD("{destination: {host: b, port: {number: 1234}}}");
	r = ROUTE(&w, .path = "/");
	assert_null(snapshot_cluster(w.s, r->split.targets[0].cluster_id));
	assert_string_equal(r->split.targets[0].cluster_name,
			    "outbound|1234||b.default.svc.cluster.local");
}

static void test_port_by_name(void **state)
{
	(void)state;
	LOAD("{destination: {host: two, port: {name: http-x}}}");
	assert_string_equal(CLUSTER(&w, .path = "/"),
			    "outbound|8000||two.default.svc.cluster.local");
}

static void test_b069_unknown_subset(void **state)
{
	const struct route *r;

	(void)state;
	LOAD("{destination: {host: a, subset: v9}}");
	r = ROUTE(&w, .path = "/");
	assert_null(snapshot_cluster(w.s, r->split.targets[0].cluster_id));
}

/* The id of a missing cluster is the one that the cluster gets when it appears, so that the
 * virtual host need not be compiled again. */
static void test_missing_cluster_appears(void **state)
{
	const struct vhost *before, *after;
	uint32_t id;

	(void)state;
	LOAD("{destination: {host: late, port: {number: 70}}}");
	before = world_vhost(&w, &(struct request){0});
	id = before->routes[0].split.targets[0].cluster_id;
	assert_null(snapshot_cluster(w.s, id));
	LOAD("{destination: {host: late, port: {number: 70}}}]}]}\n"
	     "---\n"
	     "apiVersion: v1\n"
	     "kind: Service\n"
	     "metadata: {name: late}\n"
	     "spec: {ports: [{name: http, port: 70}]}\n"
	     "---\n"
	     "apiVersion: networking.istio.io/v1\n"
	     "kind: VirtualService\n"
	     "metadata: {name: other}\n"
	     "spec: {hosts: [o.test], gateways: [gw], http: [{route: [{destination: {host: b}}");
	after = world_vhost(&w, &(struct request){0});
	assert_ptr_equal(before, after);
	assert_non_null(snapshot_cluster(w.s, id));
	assert_string_equal(snapshot_cluster(w.s, id)->name,
			    "outbound|70||late.default.svc.cluster.local");
}

static void test_b071_no_subset_is_everybody(void **state)
{
	(void)state;
	LOAD("{destination: {host: a}}");
	assert_string_equal(world_endpoints(&w, "outbound|8000||a.default.svc.cluster.local"),
			    "198.18.1.1:8000 198.18.1.2:8000");
	assert_string_equal(world_endpoints(&w, "outbound|8000|v2|a.default.svc.cluster.local"),
			    "198.18.1.2:8000");
}

static void test_two_blocks_share_weights_not_cursors(void **state)
{
	const struct vhost *vh;

	(void)state;
	world_load(&w, WITH_FIXTURE("apiVersion: networking.istio.io/v1\n"
				    "kind: VirtualService\n"
				    "metadata: {name: v}\n"
				    "spec: {hosts: [x.test], gateways: [gw], http: [{match: "
				    "[{uri: {exact: /1}}, {uri: {exact: /2}}], route: "
				    "[{destination: {host: a}, weight: 1},"
				    " {destination: {host: b}, weight: 2}]}]}\n"));
	vh = world_vhost(&w, &(struct request){0});
	assert_int_not_equal(vh->routes[0].split.id, vh->routes[1].split.id);
	assert_true(vh->routes[0].split.id < w.s->n_split_ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_b059_75_25),
		T(test_b060_single_destination_gets_all),
		T(test_b061_weight_0_gets_nothing),
		T(test_b062_any_sum),
		T(test_b065_single_port_of_the_service),
		T(test_b066_else_the_listeners_port),
		T(test_b067_unknown_port),
		T(test_port_by_name),
		T(test_b069_unknown_subset),
		T(test_missing_cluster_appears),
		T(test_b071_no_subset_is_everybody),
		T(test_two_blocks_share_weights_not_cursors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
