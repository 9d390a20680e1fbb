/* test_hosts.c - names and hosts: behaviours of group B that compilation and lookup decide. */
#include "fresh.h"

#include <string.h>

#define VS(name, ns, hosts, rest)                                                                  \
	"---\n"                                                                                    \
	"apiVersion: networking.istio.io/v1\n"                                                     \
	"kind: VirtualService\n"                                                                   \
	"metadata: {name: " name ", namespace: " ns "}\n"                                          \
	"spec: {hosts: " hosts ", " rest "}\n"

#define TO(host) "http: [{route: [{destination: {host: " host "}}]}]"

static void test_b009_older_wins(void **state)
{
	(void)state;
	world_load(&w,
		   WITH_FIXTURE("apiVersion: networking.istio.io/v1\n"
				"kind: VirtualService\n"
				"metadata: {name: zzz, creationTimestamp: '2020-01-01T00:00:00Z'}\n"
				"spec: {hosts: [x.test], gateways: [gw], http: [{match: [{uri: "
				"{exact: /x}}],"
				" route: [{destination: {host: b}}]}]}\n"
				"---\n"
				"apiVersion: networking.istio.io/v1\n"
				"kind: VirtualService\n"
				"metadata: {name: aaa, creationTimestamp: '2021-01-01T00:00:00Z'}\n"
				"spec: {hosts: [x.test], gateways: [gw], http: [{match: [{uri: "
				"{exact: /x}}],"
				" route: [{destination: {host: c}}]}]}\n"));
	assert_string_equal(SERVICE(&w, .path = "/x"), "b");
}

static void test_b010_then_name(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(VS("b", "default", "[x.test]",
				       "gateways: [gw], http: [{match: [{uri: {exact: /}}],"
				       " route: [{destination: {host: b}}]}]")
					    VS("a", "default", "[x.test]",
					       "gateways: [gw], http: [{match: [{uri: {exact: /}}],"
					       " route: [{destination: {host: c}}]}]")));
	assert_string_equal(SERVICE(&w, .path = "/"), "c");
}

static void test_b011_short_destination(void **state)
{
	(void)state;
	world_load(&w,
		   WITH_FIXTURE(VS("v", "shop", "[x.test]", "gateways: [default/gw], " TO("b"))));
	assert_string_equal(CLUSTER(&w, .path = "/"), "outbound|80||b.shop.svc.cluster.local");
}

static void test_b012_dotted_destination_is_complete(void **state)
{
	const struct route *r;

	(void)state;
	world_load(&w,
		   WITH_FIXTURE(VS("v", "default", "[x.test]", "gateways: [gw], " TO("b.shop"))));
	r = ROUTE(&w, .path = "/");
	assert_non_null(r);
	assert_string_equal(r->split.targets[0].cluster_name, "outbound|80||b.shop");
	assert_null(snapshot_cluster(w.s, r->split.targets[0].cluster_id));
}

static void test_b014_no_fall_through_to_wildcard(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(VS("v1", "default", "[x.test]",
				       "gateways: [gw], http: [{match: [{uri: {exact: /only}}],"
				       " route: [{destination: {host: b}}]}]")
					    VS("v2", "default", "['*.test']",
					       "gateways: [gw], " TO("c"))));
	assert_null(ROUTE(&w, .path = "/else"));
	assert_string_equal(SERVICE(&w, .path = "/only"), "b");
	assert_string_equal(SERVICE(&w, .host = "y.test", .path = "/else"), "c");
}

static void test_b015_case_and_port_do_not_count(void **state)
{
	static const char *const same[] = {"x.test", "X.TEST", "x.test:8080", "X.Test:80",
					   "x.test:"};

	(void)state;
	world_load(&w, WITH_FIXTURE(VS("v", "default", "[X.test]", "gateways: [gw], " TO("b"))));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_string_equal(SERVICE(&w, .host = same[i]), "b");
	assert_null(ROUTE(&w, .host = "x.test:80a"));
	assert_null(ROUTE(&w, .host = "x.test."));
	assert_null(ROUTE(&w, .host = ""));
	assert_null(ROUTE(&w, .host = ":80"));
}

static void test_b020_gateway_references(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(VS("v1", "shop", "[q.test]", "gateways: [default/gw], " TO("b"))
					    VS("v2", "shop", "[r.test]", "gateways: [gw], " TO("b"))
						    VS("v3", "shop", "[s.test]",
						       "gateways: [./gw], " TO("b"))
							    VS("v4", "default", "[t.test]",
							       "gateways: [./gw], " TO("b"))));
	assert_non_null(ROUTE(&w, .host = "q.test"));
	assert_null(ROUTE(&w, .host = "r.test"));
	assert_null(ROUTE(&w, .host = "s.test"));
	assert_non_null(ROUTE(&w, .host = "t.test"));
}

static void test_b021_old_gateway_reference(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(VS("v", "shop", "[x.test]",
				       "gateways: [gw.default.svc.cluster.local], " TO("b"))));
	assert_non_null(ROUTE(&w, .host = "x.test"));
}

static void test_b022_export_to(void **state)
{
	(void)state;
	world_load(
		&w,
		WITH_FIXTURE(
			VS("v1", "shop", "[q.test]",
			   "exportTo: ['.'], gateways: [default/gw], " TO("b"))
				VS("v2", "shop", "[r.test]",
				   "exportTo: [default], gateways: [default/gw], " TO("b"))
					VS("v3", "shop", "[s.test]",
					   "exportTo: [other], gateways: [default/gw], " TO("b"))
						VS("v4", "default", "[t.test]",
						   "exportTo: ['.'], gateways: [gw], " TO("b"))));
	assert_null(ROUTE(&w, .host = "q.test"));
	assert_non_null(ROUTE(&w, .host = "r.test"));
	assert_null(ROUTE(&w, .host = "s.test"));
	assert_non_null(ROUTE(&w, .host = "t.test"));
}

/* 2.2 step 1: private before named before public, whatever the age. */
static void test_private_rules_come_first(void **state)
{
#define ON_X(to)                                                                                   \
	"gateways: [default/gw], http: [{match: [{uri: {exact: /x}}],"                             \
	" route: [{destination: {host: " to ".default.svc.cluster.local}}]}]"
	(void)state;
	world_load(&w, WITH_FIXTURE(VS("a", "default", "[x.test]", ON_X("a")) VS(
			       "b", "shop", "[x.test]", "exportTo: [default], " ON_X("b"))
					    VS("c", "default", "[x.test]",
					       "exportTo: ['.'], " ON_X("c"))));
	assert_string_equal(SERVICE(&w, .path = "/x"), "c");
	world_load(&w, WITH_FIXTURE(VS("a", "default", "[x.test]", ON_X("a")) VS(
			       "b", "shop", "[x.test]", "exportTo: [default], " ON_X("b"))));
	assert_string_equal(SERVICE(&w, .path = "/x"), "b");
}

static void test_longest_suffix_wins(void **state)
{
	(void)state;
	world_load(&w,
		   WITH_FIXTURE(VS("v1", "default", "['*.test']", "gateways: [gw], " TO("a")) VS(
			   "v2", "default", "['*.x.test']", "gateways: [gw], " TO("b"))
					VS("v3", "default", "['*']", "gateways: [gw], " TO("c"))));
	assert_string_equal(SERVICE(&w, .host = "y.test"), "a");
	assert_string_equal(SERVICE(&w, .host = "x.test"), "a");
	assert_string_equal(SERVICE(&w, .host = "y.x.test"), "b");
	assert_string_equal(SERVICE(&w, .host = "z.y.x.test:1"), "b");
	assert_string_equal(SERVICE(&w, .host = ".x.test"), "a");
	assert_string_equal(SERVICE(&w, .host = "test"), "c");
	assert_string_equal(SERVICE(&w, .host = ".test"), "c");
	assert_string_equal(SERVICE(&w, .host = "[2001:db8::1]:80"), "c");
}

static void test_partial_wildcard(void **state)
{
	(void)state;
	world_load(&w,
		   WITH_FIXTURE(VS("v1", "default", "['*-a.test']", "gateways: [gw], " TO("a")) VS(
			   "v2", "default", "['*.b-a.test']", "gateways: [gw], " TO("b"))));
	assert_string_equal(SERVICE(&w, .host = "x-a.test"), "a");
	assert_string_equal(SERVICE(&w, .host = "x.y-a.test"), "a");
	assert_string_equal(SERVICE(&w, .host = "x.b-a.test"), "b");
	assert_null(ROUTE(&w, .host = "-a.test"));
	assert_null(ROUTE(&w, .host = "a.test"));
}

static void test_very_long_authority(void **state)
{
	char host[2000];

	(void)state;
	memset(host, 'a', sizeof(host));
	memcpy(host + sizeof(host) - 6, ".test", 6);
	world_load(&w, WITH_FIXTURE(VS("v1", "default", "['*.test']", "gateways: [gw], " TO("a"))));
	assert_null(ROUTE(&w, .host = host));
	assert_string_equal(SERVICE(&w, .host = host + sizeof(host) - 300), "a");
}

static void test_ip_hosts(void **state)
{
	(void)state;
	world_load(&w,
		   WITH_FIXTURE(VS("v1", "default", "[198.18.0.2]", "gateways: [gw], " TO("a")) VS(
			   "v2", "default", "['2001:2::2']", "gateways: [gw], " TO("b"))));
	assert_string_equal(SERVICE(&w, .host = "198.18.0.2:80"), "a");
	assert_string_equal(SERVICE(&w, .host = "[2001:2::2]:80"), "b");
	assert_string_equal(SERVICE(&w, .host = "[2001:2::2]"), "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_b009_older_wins),
		T(test_b010_then_name),
		T(test_b011_short_destination),
		T(test_b012_dotted_destination_is_complete),
		T(test_b014_no_fall_through_to_wildcard),
		T(test_b015_case_and_port_do_not_count),
		T(test_b020_gateway_references),
		T(test_b021_old_gateway_reference),
		T(test_b022_export_to),
		T(test_private_rules_come_first),
		T(test_longest_suffix_wins),
		T(test_partial_wildcard),
		T(test_very_long_authority),
		T(test_ip_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
