/* test_mesh.c - listeners on VIPs, their host tables, and rules bound to "mesh" (D1). */
#include "fresh.h"

#include <stdio.h>
#include <string.h>

#include "yaml.h"

#define REVIEWS                                                                                    \
	SERVICE_OF("reviews", "default", "clusterIP: 10.0.0.1, ports: [{name: http, port: 9080}]")
#define RATINGS                                                                                    \
	SERVICE_OF("ratings", "default", "clusterIP: 10.0.0.2, ports: [{name: http, port: 9080}]")
#define VIP "10.0.0.1"

static void test_default_route(void **state)
{
	const struct listener *l;
	const struct route *r;

	(void)state;
	world_load(&w, REVIEWS);
	l = world_listener(&w, VIP, 9080);
	assert_non_null(l);
	assert_int_equal(l->kind, LISTENER_MESH);
	assert_string_equal(l->name, "10.0.0.1:9080");
	r = ROUTE(&w, .ip = VIP, .port = 9080, .host = "reviews");
	assert_string_equal(r->name, "default");
	assert_string_equal(r->split.targets[0].cluster_name,
			    "outbound|9080||reviews.default.svc.cluster.local");
	assert_int_equal(r->retry.attempts, 2);
	assert_string_equal(
		world_vhost(&w, &(struct request){.ip = VIP, .port = 9080, .host = "reviews"})
			->name,
		"reviews.default.svc.cluster.local:9080");
}

static void test_domains_of_a_service(void **state)
{
	static const char *const hosts[] = {
		"ratings",
		"ratings:9080",
		"ratings.default",
		"Ratings.Default.svc",
		"ratings.default.svc.cluster.local",
		"ratings.default.svc.cluster.local:9080",
		"10.0.0.2",
		"10.0.0.2:9080",
	};

	(void)state;
	world_load(&w, REVIEWS RATINGS);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_string_equal(SERVICE(&w, .ip = VIP, .port = 9080, .host = hosts[i]),
				    "ratings");
}

static void test_unknown_host_falls_back_to_the_vip(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS);
	assert_string_equal(SERVICE(&w, .ip = VIP, .port = 9080, .host = "elsewhere.test"),
			    "reviews");
	assert_string_equal(SERVICE(&w, .ip = "10.0.0.2", .port = 9080, .host = ""), "ratings");
}

static void test_rules_bound_to_mesh(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS VS_MESH("v", "default", "[reviews]",
					       "match: [{uri: {prefix: /r}}], " DEST("ratings"))
			       VS("g", "default", "[ratings]", "gw", DEST("reviews")));
	assert_string_equal(SERVICE(&w, .ip = VIP, .port = 9080, .host = "reviews", .path = "/r"),
			    "ratings");
	assert_null(ROUTE(&w, .ip = VIP, .port = 9080, .host = "reviews", .path = "/x"));
	assert_string_equal(SERVICE(&w, .ip = VIP, .port = 9080, .host = "ratings"), "ratings");
}

/* For the mesh, rules of one host are not merged: the first keeps it (2.2). */
static void test_first_keeps_the_host(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS VS_MESH("a", "default", "[reviews]",
					       "match: [{uri: {exact: /a}}], " DEST("ratings"))
			       VS_MESH("b", "default", "[reviews]",
				       "match: [{uri: {exact: /b}}], " DEST("ratings")));
	assert_non_null(ROUTE(&w, .ip = VIP, .port = 9080, .host = "reviews", .path = "/a"));
	assert_null(ROUTE(&w, .ip = VIP, .port = 9080, .host = "reviews", .path = "/b"));
}

static void test_wildcard_rules_cover_services(void **state)
{
	(void)state;
	world_load(&w,
		   REVIEWS RATINGS VS_MESH("a", "default", "['*.default.svc.cluster.local']",
					   "name: wide, " DEST("ratings"))
			   VS_MESH("b", "default", "['*.local']", "name: wider, " DEST("ratings"))
				   VS_MESH("c", "default", "[ratings]",
					   "name: own, " DEST("ratings")));
	assert_string_equal(ROUTE(&w, .ip = VIP, .port = 9080, .host = "reviews")->name, "wide");
	assert_string_equal(ROUTE(&w, .ip = VIP, .port = 9080, .host = "ratings")->name, "own");
}

static void test_hosts_outside_the_registry(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS VS_MESH("v", "default", "[virtual.test, '*.wild.test']",
					       DEST("ratings")));
	assert_string_equal(SERVICE(&w, .ip = VIP, .port = 9080, .host = "virtual.test"),
			    "ratings");
	assert_string_equal(SERVICE(&w, .ip = VIP, .port = 9080, .host = "x.wild.test"), "ratings");
}

static void test_rules_for_other_ports_leave_the_default(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS VS_MESH("v", "default", "[reviews]",
					       "match: [{port: 1}], " DEST("ratings")));
	assert_string_equal(ROUTE(&w, .ip = VIP, .port = 9080, .host = "reviews")->name, "default");
}

/* "web" of two namespaces: the VIP says which one the client means. */
static void test_ambiguous_short_name(void **state)
{
	(void)state;
	world_load(&w,
		   SERVICE_OF("web", "n1", "clusterIP: 10.0.1.1, ports: [{name: http, port: 80}]")
			   SERVICE_OF("web", "n2",
				      "clusterIP: 10.0.1.2, ports: [{name: http, port: 80}]"));
	assert_string_equal(CLUSTER(&w, .ip = "10.0.1.1", .host = "web"),
			    "outbound|80||web.n1.svc.cluster.local");
	assert_string_equal(CLUSTER(&w, .ip = "10.0.1.2", .host = "web"),
			    "outbound|80||web.n2.svc.cluster.local");
	assert_string_equal(CLUSTER(&w, .ip = "10.0.1.1", .host = "web.n2"),
			    "outbound|80||web.n2.svc.cluster.local");
}

static void test_protocols(void **state)
{
	(void)state;
	world_load(&w, SERVICE_OF("s", "default",
				  "clusterIP: 10.0.0.9, ports: ["
				  "{name: http-a, port: 1}, {name: grpc, port: 2},"
				  "{name: odd, port: 3}, {name: tcp-x, port: 4},"
				  "{name: mongo, port: 5}, {name: dns, port: 6, protocol: UDP}]"));
	assert_non_null(world_listener(&w, "10.0.0.9", 1));
	assert_non_null(world_listener(&w, "10.0.0.9", 2));
	assert_non_null(world_listener(&w, "10.0.0.9", 3));
	assert_null(world_listener(&w, "10.0.0.9", 4));
	assert_null(world_listener(&w, "10.0.0.9", 5));
	assert_null(world_listener(&w, "10.0.0.9", 6));
	assert_null(world_cluster_named(&w, "outbound|6||s.default.svc.cluster.local"));
	assert_non_null(world_cluster_named(&w, "outbound|4||s.default.svc.cluster.local"));
}

static void test_service_entry_addresses(void **state)
{
	(void)state;
	world_load(&w, SE("s", "default",
			  "hosts: [api.test], addresses: [240.0.0.1, 240.0.0.2/32, 240.1.0.0/16],"
			  " ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC,"
			  " endpoints: [{address: 198.18.1.1}]"));
	assert_string_equal(CLUSTER(&w, .ip = "240.0.0.1", .host = "api.test"),
			    "outbound|80||api.test");
	assert_string_equal(CLUSTER(&w, .ip = "240.0.0.2", .host = "?"), "outbound|80||api.test");
	assert_null(world_listener(&w, "240.1.0.0", 80));
	assert_int_equal(w.s->listeners.n, 2);
}

static void test_headless_services_have_no_listener(void **state)
{
	(void)state;
	world_load(&w,
		   SERVICE_OF("h", "default", "clusterIP: None, ports: [{name: http, port: 80}]"));
	assert_int_equal(w.s->listeners.n, 0);
	assert_non_null(world_cluster_named(&w, "outbound|80||h.default.svc.cluster.local"));
}

static void test_one_vip_twice(void **state)
{
	(void)state;
	world_load(&w, SERVICE_OF("p", "default",
				  "clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]")
			       SERVICE_OF("q", "default",
					  "clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]"));
	assert_true(world_reported(&w, "WEIR0905"));
	assert_string_equal(SERVICE(&w, .ip = "10.0.0.1", .host = "?"), "p");
}

static void test_ipv6_vip(void **state)
{
	(void)state;
	world_load(&w, SERVICE_OF("six", "default",
				  "clusterIP: '2001:2::10', ports: [{name: http, port: 80}]"));
	assert_string_equal(SERVICE(&w, .ip = "2001:2::10", .host = "[2001:2::10]:80"), "six");
	assert_string_equal(world_listener(&w, "2001:2::10", 80)->name, "[2001:2::10]:80");
}

/* ---- sourceLabels, sourceNamespace: of the workload that sends (2.3) ---- */

#define CLIENTS                                                                                    \
	POD("jason-1", "default", "app: productpage, version: v1", "10.1.0.1", "")                 \
	POD("jason-2", "default", "app: productpage, version: v2", "10.1.0.2", "")                 \
	POD("idle", "default", "app: productpage, version: v2", "10.1.0.3, phase: Pending", "")    \
	WORKLOAD("vm", "legacy", "address: 'fd00::7', labels: {app: productpage}")
#define FROM(address) SERVICE(&w, .ip = VIP, .port = 9080, .host = "reviews", .source = address)

static void test_source_labels(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS CLIENTS VS_MESH(
			       "v", "default", "[reviews]",
			       "match: [{sourceLabels: {app: productpage, version: v2}}], " DEST(
				       "ratings") "}, {" DEST("reviews")));
	assert_string_equal(FROM("10.1.0.2"), "ratings");
	assert_string_equal(FROM("10.1.0.3"), "ratings"); /* not ready, but it can ask */
	assert_string_equal(FROM("10.1.0.1"), "reviews");
	assert_string_equal(FROM("10.1.0.9"), "reviews"); /* nobody's */
	assert_string_equal(FROM("fd00::7"), "reviews");
}

static void test_source_namespace(void **state)
{
	(void)state;
	world_load(&w,
		   REVIEWS RATINGS CLIENTS VS_MESH(
			   "v", "default", "[reviews]",
			   "match: [{sourceNamespace: legacy, sourceLabels: {app: productpage}}, "
			   "{sourceNamespace: legacy, uri: {prefix: /x}}], " DEST(
				   "ratings") "}, {" DEST("reviews")));
	assert_string_equal(FROM("fd00::7"), "ratings");
	assert_string_equal(FROM("10.1.0.1"), "reviews");
}

/* As if the VirtualService was not there for the others; its other conditions do not change that.
 */
static void test_no_block_for_this_source(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS CLIENTS VS_MESH(
			       "v", "default", "[reviews]",
			       "match: [{sourceLabels: {version: v1}, uri: {prefix: /x}}, "
			       "{sourceLabels: {version: v2}}], " DEST("ratings")));
	assert_string_equal(FROM("10.1.0.2"), "ratings");
	assert_string_equal(FROM("10.1.0.1"), "404"); /* its block wants /x */
	assert_string_equal(FROM("fd00::7"), "reviews");
	assert_string_equal(FROM("10.1.0.9"), "reviews");
}

/* gateways in a block stand in for the source conditions. */
static void test_gateways_instead_of_source(void **state)
{
	(void)state;
	world_load(&w, REVIEWS RATINGS CLIENTS VS_MESH(
			       "v", "default", "[reviews]",
			       "match: [{gateways: [mesh], sourceLabels: {version: v9}}], " DEST(
				       "ratings")));
	assert_string_equal(FROM("10.1.0.9"), "ratings");
}

/* A Pod that comes is seen, though no VirtualService has changed. */
static void test_sources_follow_the_registry(void **state)
{
	const char *const rules = REVIEWS RATINGS VS_MESH(
		"v", "default", "[reviews]",
		"match: [{sourceLabels: {version: v2}}], " DEST("ratings") "}, {" DEST("reviews"));
	char text[8192];

	(void)state;
	world_load(&w, rules);
	assert_string_equal(FROM("10.1.0.2"), "reviews");
	snprintf(text, sizeof(text), "%s%s", rules, CLIENTS);
	world_load(&w, text);
	assert_string_equal(FROM("10.1.0.2"), "ratings");
	world_load(&w, rules);
	assert_string_equal(FROM("10.1.0.2"), "reviews");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_source_labels),
		T(test_source_namespace),
		T(test_no_block_for_this_source),
		T(test_gateways_instead_of_source),
		T(test_sources_follow_the_registry),
		T(test_default_route),
		T(test_domains_of_a_service),
		T(test_unknown_host_falls_back_to_the_vip),
		T(test_rules_bound_to_mesh),
		T(test_first_keeps_the_host),
		T(test_wildcard_rules_cover_services),
		T(test_hosts_outside_the_registry),
		T(test_rules_for_other_ports_leave_the_default),
		T(test_ambiguous_short_name),
		T(test_protocols),
		T(test_service_entry_addresses),
		T(test_headless_services_have_no_listener),
		T(test_one_vip_twice),
		T(test_ipv6_vip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
