/* test_gateway.c - servers, their hosts, and how VirtualServices share them: group L. */
#include "fresh.h"

#include <string.h>

#include "yaml.h"

static void test_b185_gateway_without_rules(void **state)
{
	(void)state;
	world_load(&w, world_fixture);
	assert_non_null(world_listener(&w, NULL, 80));
	assert_null(world_listener(&w, NULL, 81));
	assert_null(world_vhost(&w, &(struct request){0}));
	assert_string_equal(world_listener(&w, NULL, 80)->name, "0.0.0.0:80");
	assert_int_equal(world_listener(&w, NULL, 80)->kind, LISTENER_GATEWAY);
}

#define BEHIND_PROXY(name, value, n)                                                               \
	"---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: " name         \
	"\n  namespace: default\n  annotations: {weir.io/proxy-protocol: \"" value "\"}\n"         \
	"spec: {servers: [{hosts: ['*'], " HTTP_PORT(n) "}]}\n"

static void test_proxy_protocol_is_the_listeners(void **state)
{
	(void)state;
	world_load(&w, BEHIND_PROXY("p", "true", "81") BEHIND_PROXY("q", "false", "82"));
	assert_true(world_listener(&w, NULL, 81)->proxy_protocol);
	assert_false(world_listener(&w, NULL, 82)->proxy_protocol);
	/* Two Gateways cannot have one port with and without it. */
	world_load(&w, BEHIND_PROXY("p", "true", "81") BEHIND_PROXY("q", "false", "81"));
	assert_true(world_listener(&w, NULL, 81)->proxy_protocol);
	assert_int_equal(w.d.n, 1);
	assert_non_null(strstr(w.d.items[0].message, "port 81 already, with the PROXY protocol"));
	world_load(&w, BEHIND_PROXY("p", "true", "81") BEHIND_PROXY("q", "true", "81"));
	assert_int_equal(w.d.n, 0);
}

static void test_b186_server_hosts_narrow_rules(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: [foo.bar], " HTTP_PORT("80") "}")
			       VS("v", "default", "['*']", "gw",
				  "match: [{uri: {exact: /productpage}}], " DEST("a")));
	assert_non_null(ROUTE(&w, .host = "foo.bar", .path = "/productpage"));
	assert_null(ROUTE(&w, .host = "foo.bar", .path = "/other"));
	assert_null(world_vhost(&w, &(struct request){.host = "bad.bar"}));
	assert_string_equal(world_vhost(&w, &(struct request){.host = "foo.bar"})->name,
			    "foo.bar:80");
}

static void test_b187_own_routes_under_a_wildcard(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: ['*.example.com'], " HTTP_PORT("80") "}")
			       VS("v1", "default", "[a.example.com]", "gw", DEST("a"))
				       VS("v2", "default", "[b.example.com]", "gw", DEST("b"))
					       VS("v3", "default", "[example.com, x.other.com]",
						  "gw", DEST("c")));
	assert_string_equal(SERVICE(&w, .host = "a.example.com"), "a");
	assert_string_equal(SERVICE(&w, .host = "b.example.com"), "b");
	assert_null(ROUTE(&w, .host = "c.example.com"));
	assert_null(ROUTE(&w, .host = "example.com"));
	assert_null(ROUTE(&w, .host = "x.other.com"));
}

static void test_wildcards_of_both_sides(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: ['*.b.com'], " HTTP_PORT("80") "}")
			       VS("v1", "default", "['*.com']", "gw", DEST("a"))
				       VS("v2", "default", "['*.x.b.com']", "gw", DEST("b")));
	assert_string_equal(SERVICE(&w, .host = "q.b.com"), "a");
	assert_string_equal(SERVICE(&w, .host = "q.x.b.com"), "b");
	assert_null(ROUTE(&w, .host = "q.com"));
}

static void test_https_redirect_is_refused(void **state)
{
	(void)state;
	world_load_bad(
		&w, GATEWAY("gw",
			    "{hosts: [foo.bar], tls: {httpsRedirect: true}, " HTTP_PORT("80") "}"));
	assert_true(world_reported(&w, "WEIR0903"));
}

static void test_b192_namespaces_of_server_hosts(void **state)
{
	(void)state;
	world_load(&w,
		   GATEWAY("gw", "{hosts: [ns1/*.example.com, ./d.test, '*/e.test'], " HTTP_PORT(
					 "80") "}") VS("v1", "ns1", "[a.example.com]", "default/gw",
						       DEST("a"))
			   VS("v2", "ns2", "[b.example.com]", "default/gw", DEST("b"))
				   VS("v3", "ns2", "[d.test, e.test]", "default/gw", DEST("c"))
					   VS("v4", "default", "[d.test]", "gw", DEST("d")));
	assert_string_equal(SERVICE(&w, .host = "a.example.com"), "a");
	assert_null(ROUTE(&w, .host = "b.example.com"));
	assert_string_equal(SERVICE(&w, .host = "d.test"), "d");
	assert_string_equal(SERVICE(&w, .host = "e.test"), "c");
}

static void test_b194_catch_alls_move_last(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: ['*'], " HTTP_PORT("80") "}")
			       VS("a-old", "default", "[x.test]", "gw",
				  "match: [{uri: {prefix: /}}], " DEST("a"))
				       VS("b-new", "default", "[x.test]", "gw",
					  "match: [{uri: {prefix: /api}}], " DEST("b"))
					       VS("c-new", "default", "[x.test]", "gw", DEST("c")));
	assert_string_equal(SERVICE(&w, .path = "/api"), "b");
	assert_string_equal(SERVICE(&w, .path = "/x"), "a");
	assert_int_equal(world_vhost(&w, &(struct request){0})->n_routes, 3);
}

/* An empty prefix is no pure catch-all and stays where it is. */
static void test_b194_empty_prefix_stays(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: ['*'], " HTTP_PORT("80") "}")
			       VS("a-old", "default", "[x.test]", "gw",
				  "match: [{uri: {prefix: ''}}], " DEST("a"))
				       VS("b-new", "default", "[x.test]", "gw",
					  "match: [{uri: {prefix: /api}}], " DEST("b")));
	assert_string_equal(SERVICE(&w, .path = "/api"), "a");
}

static void test_b195_first_protocol_keeps_the_port(void **state)
{
	(void)state;
	world_load(&w,
		   GATEWAY("alpha", "{hosts: ['*'], port: {number: 80, name: t, protocol: TCP}}")
			   GATEWAY("beta", "{hosts: ['*'], " HTTP_PORT("80") "}"));
	assert_null(world_listener(&w, NULL, 80));
	assert_true(world_reported(&w, "WEIR0905"));
	world_load(&w,
		   GATEWAY("alpha", "{hosts: ['*'], " HTTP_PORT("80") "}") GATEWAY(
			   "beta", "{hosts: ['*'], port: {number: 80, name: t, protocol: TCP}}"));
	assert_non_null(world_listener(&w, NULL, 80));
	assert_null(world_vhost(&w, &(struct request){0}));
}

static void test_b204_bind(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw",
			       "{hosts: ['*'], bind: 198.18.0.2, " HTTP_PORT(
				       "80") "},"
					     "{hosts: ['*'], bind: 0.0.0.0, " HTTP_PORT2("81") "}")
			       VS("v", "default", "[x.test]", "gw", DEST("a")));
	assert_null(world_listener(&w, NULL, 80));
	assert_non_null(world_listener(&w, "198.18.0.2", 80));
	assert_string_equal(world_listener(&w, "198.18.0.2", 80)->name, "198.18.0.2:80");
	assert_non_null(ROUTE(&w, .ip = "198.18.0.2"));
	assert_non_null(world_listener(&w, NULL, 81));
}

static void test_b205_selector(void **state)
{
	(void)state;
	world_load(&w, "apiVersion: networking.istio.io/v1\n"
		       "kind: Gateway\n"
		       "metadata: {name: gw}\n"
		       "spec: {selector: {app: other}, servers: [{hosts: ['*'], " HTTP_PORT(
			       "80") "}]}\n");
	assert_null(world_listener(&w, NULL, 80));
	world_load(&w, GATEWAY("gw", "{hosts: ['*'], " HTTP_PORT("80") "}"));
	assert_non_null(world_listener(&w, NULL, 80));
}

static void test_gateways_share_a_port(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("one", "{hosts: [a.test], " HTTP_PORT("80") "}")
			       GATEWAY("two", "{hosts: [b.test], " HTTP_PORT("80") "}")
				       VS("v1", "default", "['*']", "one",
					  DEST("a")) VS("v2", "default", "['*']", "two", DEST("b"))
					       VS("v3", "default", "[a.test, b.test]", "one, two",
						  "match: [{uri: {exact: /3}}], " DEST("c")));
	assert_int_equal(w.s->listeners.n, 1);
	assert_string_equal(SERVICE(&w, .host = "a.test"), "a");
	assert_string_equal(SERVICE(&w, .host = "b.test"), "b");
	assert_string_equal(SERVICE(&w, .host = "a.test", .path = "/3"), "c");
	assert_string_equal(SERVICE(&w, .host = "b.test", .path = "/3"), "c");
}

/* The gateways condition is decided for the Gateway that the route is made for. */
static void test_gateways_condition_on_a_shared_port(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("one", "{hosts: [a.test], " HTTP_PORT("80") "}")
			       GATEWAY("two", "{hosts: [b.test], " HTTP_PORT("80") "}")
				       VS("v", "default", "[a.test, b.test]", "one, two",
					  "match: [{gateways: [two]}], " DEST("b")));
	assert_null(ROUTE(&w, .host = "a.test"));
	assert_string_equal(SERVICE(&w, .host = "b.test"), "b");
}

static void test_one_rule_set_through_two_servers_counts_once(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: [x.test], " HTTP_PORT(
					     "80") "},"
						   "{hosts: ['*'], " HTTP_PORT2("80") "}")
			       VS("v", "default", "[x.test]", "gw",
				  "match: [{uri: {exact: /a}}], " DEST("a")));
	assert_int_equal(world_vhost(&w, &(struct request){0})->n_routes, 1);
}

static void test_ports_have_their_own_routes(void **state)
{
	(void)state;
	world_load(
		&w,
		GATEWAY("gw",
			"{hosts: ['*'], " HTTP_PORT("80") "},"
							  "{hosts: ['*'], " HTTP_PORT2("8080") "}")
			VS("v", "default", "[x.test]", "gw", "match: [{port: 8080}], " DEST("a")));
	assert_null(ROUTE(&w, .port = 80));
	assert_string_equal(SERVICE(&w, .port = 8080), "a");
}

static void test_http_family_only(void **state)
{
	(void)state;
	world_load(&w,
		   GATEWAY("gw", "{hosts: ['*'], port: {number: 80, name: a, protocol: GRPC}},"
				 "{hosts: ['*'], port: {number: 81, name: b, protocol: HTTP2}},"
				 "{hosts: ['*'], port: {number: 82, name: c, protocol: MONGO}}"));
	assert_non_null(world_listener(&w, NULL, 80));
	assert_non_null(world_listener(&w, NULL, 81));
	assert_null(world_listener(&w, NULL, 82));
}

static void test_mesh_rules_do_not_apply_to_gateways(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: ['*'], " HTTP_PORT("80") "}")
			       VS_MESH("v", "default", "[x.test]", DEST("a")));
	assert_null(ROUTE(&w, .path = "/"));
}

#define LIMITED(name, max, servers)                                                                \
	"---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: " name         \
	"\n  namespace: default\n  annotations: {weir.io/max-connections: \"" max                  \
	"\"}\nspec: {servers: [" servers "]}\n"
#define SERVER(port) "{hosts: ['*'], " HTTP_PORT(port) "}"

/* Each port has its own; of Gateways that share one the least counts. */
static void test_connection_limits(void **state)
{
	struct conn_count *count;

	(void)state;
	world_load(&w, LIMITED("a", "7", SERVER("80") ", " SERVER("81"))
			       LIMITED("b", "5", SERVER("81")) GATEWAY("c", SERVER("82")));
	assert_int_equal(world_listener(&w, NULL, 80)->max_connections, 7);
	assert_int_equal(world_listener(&w, NULL, 81)->max_connections, 5);
	count = world_listener(&w, NULL, 80)->count;
	assert_ptr_not_equal(world_listener(&w, NULL, 81)->count, count);
	assert_null(world_listener(&w, NULL, 82)->count);
	/* Who is counted stays so, whatever becomes of the limit. */
	count->open = 1;
	count->adopted = 3;
	world_load(&w, LIMITED("a", "8", SERVER("80")));
	assert_ptr_equal(world_listener(&w, NULL, 80)->count, count);
	assert_int_equal(count->adopted, 3);
	world_load(&w, GATEWAY("a", SERVER("80")));
	world_load(&w, GATEWAY("a", SERVER("80")));
	assert_int_equal(count->open, 1);
	/* It has missed some meanwhile: they are to be counted. */
	world_load(&w, LIMITED("a", "8", SERVER("80")));
	assert_ptr_equal(world_listener(&w, NULL, 80)->count, count);
	assert_int_equal(count->open, 1);
	assert_int_equal(count->adopted, 0);
	count->open = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_b185_gateway_without_rules),
		T(test_proxy_protocol_is_the_listeners),
		T(test_b186_server_hosts_narrow_rules),
		T(test_b187_own_routes_under_a_wildcard),
		T(test_wildcards_of_both_sides),
		T(test_https_redirect_is_refused),
		T(test_b192_namespaces_of_server_hosts),
		T(test_b194_catch_alls_move_last),
		T(test_b194_empty_prefix_stays),
		T(test_b195_first_protocol_keeps_the_port),
		T(test_b204_bind),
		T(test_b205_selector),
		T(test_gateways_share_a_port),
		T(test_gateways_condition_on_a_shared_port),
		T(test_one_rule_set_through_two_servers_counts_once),
		T(test_ports_have_their_own_routes),
		T(test_http_family_only),
		T(test_mesh_rules_do_not_apply_to_gateways),
		T(test_connection_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
