/* test_tcp_routes.c - TCP servers and the one rule that each gets: group K, and what is shared with
 * group L. */
#include "fresh.h"

#include <stdio.h>
#include <string.h>

#include "yaml.h"

#define TCP_PORT(n) "port: {number: " n ", name: tcp-" n ", protocol: TCP}"
#define TCP_GW      GATEWAY("edge", "{hosts: ['*'], " TCP_PORT("5000") "}")
/* rules: the list's items. */
#define TCP_VS(name, hosts, gateways, rules)                                                       \
	ISTIO("VirtualService", name, "default")                                                   \
	"spec: {hosts: " hosts ", gateways: [" gateways "], tcp: [" rules "]}\n"

static const struct tcp_route *route_of(uint16_t port)
{
	const struct listener *l = world_listener(&w, NULL, port);

	return l ? l->tcp : NULL;
}

/* The first target's service: "b". */
static const char *target_of(uint16_t port)
{
	static char name[64];
	const struct tcp_route *r = route_of(port);
	const char *host;

	if (!r)
		return "none";
	host = strrchr(r->split.targets[0].cluster_name, '|') + 1;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(host, "."), host);
	return name;
}

static void test_b181_weights(void **state)
{
	const struct tcp_route *r;
	uint32_t of_b = 0;

	(void)state;
	world_load(&w,
		   WITH_FIXTURE(TCP_GW TCP_VS(
			   "v", "['*']", "edge",
			   "{match: [{port: 5000}], route: [{destination: {host: b}, weight: 80},"
			   " {destination: {host: c}, weight: 20}]}")));
	r = route_of(5000);
	assert_non_null(r);
	assert_int_equal(r->split.n_targets, 2);
	assert_string_equal(r->split.targets[0].cluster_name,
			    "outbound|8000||b.default.svc.cluster.local");
	assert_non_null(snapshot_cluster(w.s, r->split.targets[1].cluster_id));
	for (uint32_t i = 0; i < r->split.n_slots; i++)
		of_b += r->split.slots[i] == 0;
	assert_int_equal(of_b * 100, r->split.n_slots * 80);
	assert_string_equal(r->origin.resource, "VirtualService default/v");
	assert_string_equal(r->origin.field, "spec.tcp[0]");
	assert_int_equal(w.d.n, 0);
}

static void test_b182_without_rule_not_open(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(TCP_GW));
	assert_null(world_listener(&w, NULL, 5000));
	assert_true(world_reported(&w, "WEIR0911"));
	/* Nor with rules of another port, gateway or host, or those of http. */
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v", "['*']", "edge",
						  "{match: [{port: 5001}], " DEST("b") "}")));
	assert_null(world_listener(&w, NULL, 5000));
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v", "['*']", "other", "{" DEST("b") "}")));
	assert_null(world_listener(&w, NULL, 5000));
	world_load(&w, WITH_FIXTURE(GATEWAY("edge", "{hosts: [x.test], " TCP_PORT("5000") "}")
					    TCP_VS("v", "[y.test]", "edge", "{" DEST("b") "}")));
	assert_null(world_listener(&w, NULL, 5000));
	world_load(&w, WITH_FIXTURE(TCP_GW VS("v", "default", "['*']", "edge", DEST("b"))));
	assert_null(world_listener(&w, NULL, 5000));
}

static void test_first_match_wins(void **state)
{
	(void)state;
	world_load(
		&w,
		WITH_FIXTURE(TCP_GW TCP_VS(
			"v", "['*']", "edge",
			"{match: [{port: 1}, {gateways: [other]}], " DEST(
				"a") "},"
				     "{match: [{port: 1}, {port: 5000, gateways: [edge]}], " DEST(
					     "b") "}, {" DEST("c") "}")));
	assert_string_equal(target_of(5000), "b");
	/* The next VirtualService, when none of the first one's rules is for the port. */
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v1", "['*']", "edge",
						  "{match: [{port: 1}], " DEST("a") "}")
					    TCP_VS("v2", "['*']", "edge", "{" DEST("c") "}")));
	assert_string_equal(target_of(5000), "c");
}

/* Istio's gateways look at nothing else (reference 2.9). */
static void test_other_conditions_do_not_count(void **state)
{
	static const char *const conditions[] = {
		"destinationSubnets: [192.0.2.0/24]",
		"sourceSubnet: 192.0.2.1",
		"sourceLabels: {app: other}",
		"sourceNamespace: other",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		snprintf(text, sizeof(text),
			 TCP_GW TCP_VS("v", "['*']", "edge",
				       "{match: [{%s}], " DEST("b") "}, {" DEST("c") "}"),
			 conditions[i]);
		world_load(&w, WITH_FIXTURE(text));
		assert_string_equal(target_of(5000), "b");
		assert_true(world_reported(&w, "WEIR0904"));
	}
}

static void test_b195_one_server_a_port(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(GATEWAY("alpha", "{hosts: ['*'], " TCP_PORT("81") "}") GATEWAY(
			       "beta", "{hosts: ['*'], " HTTP_PORT("81") "}")
					    TCP_VS("v", "['*']", "alpha", "{" DEST("b") "}")));
	assert_string_equal(target_of(81), "b");
	assert_true(world_reported(&w, "WEIR0905"));
	world_load(&w, WITH_FIXTURE(GATEWAY("alpha", "{hosts: ['*'], " HTTP_PORT("81") "}") GATEWAY(
			       "beta", "{hosts: ['*'], " TCP_PORT("81") "}")
					    TCP_VS("v", "['*']", "beta", "{" DEST("b") "}")));
	assert_non_null(world_listener(&w, NULL, 81));
	assert_null(route_of(81));
	assert_true(world_reported(&w, "WEIR0905"));
	/* Two of TCP: the first one has it. */
	world_load(&w,
		   WITH_FIXTURE(GATEWAY("alpha", "{hosts: ['*'], " TCP_PORT("81") "}") GATEWAY(
			   "beta", "{hosts: ['*'], " TCP_PORT("81") "}")
					TCP_VS("va", "['*']", "alpha", "{" DEST("a") "}")
						TCP_VS("vb", "['*']", "beta", "{" DEST("b") "}")));
	assert_string_equal(target_of(81), "a");
	assert_true(world_reported(&w, "WEIR0905"));
}

/* Whether there is a listener hangs on a rule: a change of rules alone is seen. */
static void test_rules_change(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v", "['*']", "edge", "{" DEST("b") "}")));
	assert_string_equal(target_of(5000), "b");
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v", "['*']", "edge", "{" DEST("c") "}")));
	assert_string_equal(target_of(5000), "c");
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v", "['*']", "edge",
						  "{match: [{port: 1}], " DEST("c") "}")));
	assert_null(world_listener(&w, NULL, 5000));
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v", "['*']", "edge", "{" DEST("a") "}")));
	assert_string_equal(target_of(5000), "a");
}

static void test_missing_cluster(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(TCP_GW TCP_VS("v", "['*']", "edge", "{" DEST("gone") "}")));
	assert_non_null(route_of(5000));
	assert_null(snapshot_cluster(w.s, route_of(5000)->split.targets[0].cluster_id));
}

static void test_protocols_and_bind(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(GATEWAY("edge",
					    "{hosts: ['*'], port: {number: 1, name: a, protocol: "
					    "MONGO}}, {hosts: ['*'], port: {number: 2, name: b, "
					    "protocol: redis}}, {hosts: ['*'], bind: 198.18.0.2, "
					    "port: {number: 3, name: c, protocol: MYSQL}}")
					    TCP_VS("v", "['*']", "edge", "{" DEST("b") "}")));
	assert_string_equal(target_of(1), "b");
	assert_string_equal(target_of(2), "b");
	assert_null(world_listener(&w, NULL, 3));
	assert_non_null(world_listener(&w, "198.18.0.2", 3)->tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_b181_weights),           T(test_b182_without_rule_not_open),
		T(test_first_match_wins),       T(test_other_conditions_do_not_count),
		T(test_b195_one_server_a_port), T(test_rules_change),
		T(test_missing_cluster),        T(test_protocols_and_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
