/* test_changes.c - one change after the other, as the store gives them: what is the same object
 * again has not changed. A snapshot must not depend on how it came about. */
#include "fresh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the set, object by object ---- */

static void forget(enum resource_kind kind, const char *name)
{
	for (size_t i = 0; i < w.set.n; i++) {
		struct resource *r = w.set.items[i];

		if (r->kind == kind && strcmp(r->name, name) == 0) {
			resource_set_remove(&w.set, r);
			return;
		}
	}
}

/* Each object takes the place of the one of its name. */
static void put(const char *yaml)
{
	struct resource_set set;

	diags_fini(&w.d);
	resource_set_init(&set);
	model_decode("test.yaml", yaml, strlen(yaml), &set, &w.d);
	assert_int_equal(w.d.errors, 0);
	for (size_t i = 0; i < set.n; i++) {
		forget(set.items[i]->kind, set.items[i]->name);
		resource_set_insert(&w.set, resource_get(set.items[i]));
	}
	resource_set_fini(&set);
}

static bool build(void)
{
	struct snapshot *s;

	diags_fini(&w.d);
	s = compiler_build(w.compiler, &w.set, &w.d);
	if (!s)
		return false;
	compiler_free_snapshot(w.compiler, w.s);
	w.s = s;
	lb_resize(w.lb, s->n_split_ids, s->n_cluster_ids, s->n_endpoint_ids);
	return true;
}

/* Did this change cost no more than its virtual hosts? */
static bool rules_only(const char *yaml)
{
	uint64_t before = compiler_work(w.compiler).rules_only;

	put(yaml);
	assert_true(build());
	return compiler_work(w.compiler).rules_only > before;
}

static void start(const char *yaml)
{
	put(world_fixture);
	put(yaml);
	assert_true(build());
}

#define VS(name, spec)                                                                             \
	"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"                          \
	"metadata: {name: " name "}\nspec: {" spec "}\n"
#define HTTP(to) "http: [{route: [{destination: {host: " to "}}]}]"

static const char two[] = VS("x", "hosts: [x.test], gateways: [gw], " HTTP("a"))
	VS("y", "hosts: [y.test], gateways: [gw], " HTTP("a"));

static void test_rules_change_alone(void **state)
{
	const struct vhost *x, *y;
	uint32_t listener;

	(void)state;
	start(two);
	x = world_vhost(&w, &(struct request){.host = "x.test"});
	y = world_vhost(&w, &(struct request){.host = "y.test"});
	listener = world_listener(&w, NULL, 80)->id;
	assert_true(rules_only(VS("x", "hosts: [x.test], gateways: [gw], " HTTP("b"))));
	assert_string_equal(SERVICE(&w, .host = "x.test"), "b");
	assert_string_equal(SERVICE(&w, .host = "y.test"), "a");
	assert_ptr_not_equal(world_vhost(&w, &(struct request){.host = "x.test"}), x);
	assert_ptr_equal(world_vhost(&w, &(struct request){.host = "y.test"}), y);
	assert_int_equal(world_listener(&w, NULL, 80)->id, listener);
	assert_non_null(world_cluster_named(&w, "outbound|8000||c.default.svc.cluster.local"));
}

static void test_nothing_changes(void **state)
{
	const struct vhost *x;

	(void)state;
	start(two);
	x = world_vhost(&w, &(struct request){.host = "x.test"});
	assert_true(build());
	assert_int_equal(w.s->generation, 2);
	assert_ptr_equal(world_vhost(&w, &(struct request){.host = "x.test"}), x);
}

/* On a Gateway and on the mesh, on several hosts: everywhere at once. */
static void test_everywhere(void **state)
{
	(void)state;
	start(VS("v", "hosts: [a, x.test, '*.y.test'], gateways: [gw, mesh], " HTTP("a")));
	assert_true(rules_only(
		VS("v", "hosts: [a, x.test, '*.y.test'], gateways: [gw, mesh], " HTTP("b"))));
	assert_string_equal(SERVICE(&w, .host = "x.test"), "b");
	assert_string_equal(SERVICE(&w, .host = "z.y.test"), "b");
	assert_string_equal(SERVICE(&w, .ip = "10.96.0.1", .port = 8000, .host = "a"), "b");
	assert_string_equal(SERVICE(&w, .ip = "10.96.0.1", .port = 8000, .host = "?"), "b");
	assert_string_equal(SERVICE(&w, .ip = "10.96.0.2", .port = 8000, .host = "a.default"), "b");
	assert_string_equal(SERVICE(&w, .ip = "10.96.0.3", .port = 8000, .host = "c"), "c");
}

static void test_order_of_several_on_one_host(void **state)
{
	(void)state;
	start(VS("m", "hosts: [x.test], gateways: [gw], http: [{match: [{uri: {prefix: /}}], "
		      "route: [{destination: {host: a}}]}]")
		      VS("n", "hosts: [x.test], gateways: [gw], " HTTP("b")));
	assert_string_equal(SERVICE(&w, .path = "/"), "a");
	assert_true(rules_only(VS("n", "hosts: [x.test], gateways: [gw], " HTTP("c"))));
	assert_string_equal(SERVICE(&w, .path = "/"), "a");
	assert_true(rules_only(VS("m", "hosts: [x.test], gateways: [gw], " HTTP("b"))));
	assert_string_equal(SERVICE(&w, .path = "/"), "b");
	assert_true(rules_only(VS("m", "hosts: [x.test], gateways: [gw], http: [{match: [{uri: "
				       "{prefix: /m}}], route: [{destination: {host: a}}]}]")));
	assert_string_equal(SERVICE(&w, .path = "/"), "c");
	assert_string_equal(SERVICE(&w, .path = "/m"), "a");
}

/* Without routes a host is not there at all, and may come back. */
static void test_host_without_routes(void **state)
{
	static const char nowhere[] =
		VS("x", "hosts: [x.test], gateways: [gw], http: [{match: [{port: 81}], route: "
			"[{destination: {host: a}}]}]");

	(void)state;
	start(two);
	assert_true(rules_only(nowhere));
	assert_null(world_vhost(&w, &(struct request){.host = "x.test"}));
	assert_string_equal(SERVICE(&w, .host = "y.test"), "a");
	assert_true(rules_only(VS("x", "hosts: [x.test], gateways: [gw], " HTTP("c"))));
	assert_string_equal(SERVICE(&w, .host = "x.test"), "c");
}

static void test_other_changes_take_the_long_way(void **state)
{
	(void)state;
	start(two);
	assert_false(rules_only(VS("x", "hosts: [x.test, z.test], gateways: [gw], " HTTP("b"))));
	assert_string_equal(SERVICE(&w, .host = "z.test"), "b");
	assert_false(rules_only(VS("z", "hosts: [q.test], gateways: [gw], " HTTP("c"))));
	assert_string_equal(SERVICE(&w, .host = "q.test"), "c");
	assert_false(rules_only("{apiVersion: v1, kind: Service, metadata: {name: a}, "
				"spec: {ports: [{name: http, port: 9000}]}}\n"));
	assert_string_equal(CLUSTER(&w, .host = "y.test"),
			    "outbound|9000||a.default.svc.cluster.local");
	forget(KIND_VIRTUAL_SERVICE, "y");
	assert_true(build());
	assert_string_equal(SERVICE(&w, .host = "y.test"), "404");
	assert_string_equal(SERVICE(&w, .host = "q.test"), "c");
}

static void test_delegates(void **state)
{
	static const char root[] =
		VS("r", "hosts: [x.test], gateways: [gw], http: [{match: [{uri: {prefix: /d}}], "
			"delegate: {name: d}}]");

	(void)state;
	start(two);
	put(root);
	assert_false(rules_only(VS("d", HTTP("b"))));
	assert_string_equal(SERVICE(&w, .path = "/d"), "b"); /* x is a catch-all */
	assert_string_equal(SERVICE(&w, .path = "/x"), "a");
	assert_false(rules_only(VS("x", "hosts: [w.test], gateways: [gw], " HTTP("a"))));
	assert_string_equal(SERVICE(&w, .path = "/d"), "b");
	assert_false(rules_only(VS("d", HTTP("c"))));
	assert_string_equal(SERVICE(&w, .path = "/d"), "c");
	assert_true(rules_only(
		VS("r", "hosts: [x.test], gateways: [gw], http: [{match: [{uri: {prefix: /e}}], "
			"delegate: {name: d}}]")));
	assert_string_equal(SERVICE(&w, .path = "/d"), "404");
	assert_string_equal(SERVICE(&w, .path = "/e"), "c");
}

/* What is refused leaves everything as it was, for the next change too. */
static void test_refused_change(void **state)
{
	static char conds[400000];
	size_t len = 0;

	(void)state;
	start(two);
	len += (size_t)sprintf(conds,
			       "---\napiVersion: networking.istio.io/v1\nkind: "
			       "VirtualService\nmetadata: {name: x}\nspec: {hosts: [x.test], "
			       "gateways: [gw], http: [{match: [{headers: {");
	for (unsigned i = 0; i < 5000; i++)
		len += (size_t)sprintf(conds + len, "h%u: {exact: a}, ", i);
	sprintf(conds + len, "}}], route: [{destination: {host: b}}]}]}\n");
	put(conds);
	assert_false(build());
	assert_true(world_reported(&w, "WEIR0902"));
	put(VS("y", "hosts: [y.test], gateways: [gw], " HTTP("c")));
	assert_false(build());
	assert_true(rules_only(VS("x", "hosts: [x.test], gateways: [gw], " HTTP("b"))));
	assert_string_equal(SERVICE(&w, .host = "x.test"), "b");
	assert_string_equal(SERVICE(&w, .host = "y.test"), "c");
}

static void test_warnings_come_at_every_load(void **state)
{
	static const char fine[] = VS("x", "hosts: [x.test], gateways: [gw], http: [{route: "
					   "[{destination: {host: a}, weight: 65537}, "
					   "{destination: {host: b}, weight: 65539}]}]");

	(void)state;
	start(two);
	put(fine);
	assert_true(build());
	assert_true(world_reported(&w, "WEIR0908"));
	put(VS("y", "hosts: [y.test], gateways: [gw], " HTTP("c")));
	assert_true(build());
	assert_true(world_reported(&w, "WEIR0908"));
	put(VS("x", "hosts: [x.test], gateways: [gw], " HTTP("b")));
	assert_true(build());
	assert_false(world_reported(&w, "WEIR0908"));
	assert_true(rules_only(VS("y", "hosts: [y.test], gateways: [gw], " HTTP("b"))));
}

static void test_expressions_come_with_a_change(void **state)
{
	(void)state;
	start(two);
	assert_null(w.s->scratch[0]);
	assert_true(
		rules_only(VS("x", "hosts: [x.test], gateways: [gw], http: [{match: [{uri: "
				   "{regex: '/(x|[a-z]+)[0-9]'}}], route: [{destination: {host: "
				   "b}}]}]")));
	assert_non_null(w.s->scratch[0]);
	assert_non_null(w.s->scratch[1]);
	assert_string_equal(SERVICE(&w, .host = "x.test", .path = "/abc1"), "b");
	assert_true(rules_only(VS("y", "hosts: [y.test], gateways: [gw], http: [{match: [{uri: "
				       "{regex: '/([a-z]+|[0-9]+x){3,9}'}}], route: [{destination: "
				       "{host: c}}]}]")));
	assert_string_equal(SERVICE(&w, .host = "y.test", .path = "/abc12x"), "c");
	assert_string_equal(SERVICE(&w, .host = "x.test", .path = "/abc1"), "b");
}

/* ---- any changes at all, against a compiler that knows nothing ---- */

#define HOSTS 6

static unsigned rng = 12345;

static unsigned below(unsigned n)
{
	rng = rng * 1103515245u + 12345u;
	return (rng >> 16) % n;
}

static void random_change(void)
{
	static const char *const gateways[] = {"[gw]", "[mesh]", "[gw, mesh]"};
	static const char *const services[] = {"a", "b", "c", "unknown"};
	static unsigned places[HOSTS];
	char text[512];
	unsigned i = below(HOSTS);

	if (below(6) == 0)
		places[i] = below(3 * HOSTS);
	if (below(20) == 0) {
		snprintf(text, sizeof(text), "v%u", i);
		forget(KIND_VIRTUAL_SERVICE, text);
		return;
	}
	snprintf(text, sizeof(text),
		 "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v%u}\n"
		 "spec: {hosts: [h%u.test, '%s'], gateways: %s, http: [{match: [{uri: {prefix: "
		 "/%u}}], route: [{destination: {host: %s}}]}, {route: [{destination: {host: "
		 "%s}}]}]}\n",
		 i, places[i] % HOSTS, places[i] % 2 ? "a" : "*.q.test",
		 gateways[places[i] / HOSTS], below(3), services[below(4)], services[below(4)]);
	put(text);
}

static void name_host(char *out, size_t size, unsigned i)
{
	if (i < HOSTS)
		snprintf(out, size, "h%u.test", i);
	else
		snprintf(out, size, "%s", i == HOSTS ? "a" : "z.q.test");
}

static void assert_same_as(struct world *other)
{
	static const char *const paths[] = {"/0", "/1", "/2"};
	char host[32], mine[256];

	for (unsigned i = 0; i < HOSTS + 2; i++)
		for (unsigned k = 0; k < 3; k++)
			for (unsigned vip = 0; vip < 2; vip++) {
				struct request rq = {.host = host, .path = paths[k]};

				name_host(host, sizeof(host), i);
				if (vip) {
					rq.ip = "10.96.0.1";
					rq.port = 8000;
				}
				snprintf(mine, sizeof(mine), "%s", world_cluster(&w, &rq));
				assert_string_equal(mine, world_cluster(other, &rq));
			}
}

static void test_any_changes(void **state)
{
	uint64_t builds = 0;

	(void)state;
	start(two);
	for (unsigned i = 0; i < 600; i++) {
		struct world fresh;

		for (unsigned n = below(4) ? 1 : 3; n > 0; n--)
			random_change();
		assert_true(build());
		builds++;
		world_init(&fresh, NULL);
		fresh.s = compiler_build(fresh.compiler, &w.set, &fresh.d);
		assert_non_null(fresh.s);
		assert_same_as(&fresh);
		world_fini(&fresh);
	}
	assert_true(compiler_work(w.compiler).rules_only > builds / 4);
	assert_true(compiler_work(w.compiler).rules_only < builds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rules_change_alone),
		T(test_nothing_changes),
		T(test_everywhere),
		T(test_order_of_several_on_one_host),
		T(test_host_without_routes),
		T(test_other_changes_take_the_long_way),
		T(test_delegates),
		T(test_refused_change),
		T(test_warnings_come_at_every_load),
		T(test_expressions_come_with_a_change),
		T(test_any_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
