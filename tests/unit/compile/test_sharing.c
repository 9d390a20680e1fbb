/* test_sharing.c - what stays the same from one snapshot to the next: ids, generations and
 * compiled objects; and that compiling a large set stays cheap. */
#include "fresh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <compile/intern.h>

#include "yaml.h"

static void test_intern_ids(void **state)
{
	struct intern t;
	uint32_t gen_a, gen_b, gen, a, b;

	(void)state;
	intern_init(&t);
	a = intern_get(&t, "a", &gen_a);
	b = intern_get(&t, "b", &gen_b);
	assert_int_not_equal(a, b);
	assert_int_equal(gen_a, 1);
	assert_int_equal(intern_get(&t, "a", &gen), a);
	assert_int_equal(gen, gen_a);
	intern_put(&t, a);
	assert_int_equal(intern_get(&t, "c", &gen), 2); /* a is still held once */
	intern_put(&t, a);
	assert_int_equal(intern_get(&t, "d", &gen), a);
	assert_int_equal(gen, gen_a + 1);
	intern_put(&t, a);
	assert_int_equal(intern_get(&t, "a", &gen), a);
	assert_int_equal(gen, gen_a + 2); /* was somebody else's in between */
	assert_int_equal(intern_bound(&t), 3);
	intern_fini(&t);
}

#define LISTENER GATEWAY("gw", "{hosts: ['*'], " HTTP_PORT("80") "}")
#define SPLIT    "route: [{destination: {host: a}, weight: 1}, {destination: {host: b}, weight: 1}]"
#define RULES_X  VS("x", "default", "[x.test]", "gw", SPLIT)
#define RULES_Y(path)                                                                              \
	VS("y", "default", "[y.test]", "gw", "match: [{uri: {exact: " path "}}], " DEST("b"))
#define ENTRY(name, host, ips)                                                                     \
	SE(name, "default",                                                                        \
	   "hosts: [" host "], resolution: STATIC, ports: [{number: 80, name: http, protocol: "    \
	   "HTTP}], endpoints: [" ips "]")
#define P "outbound|80||p.test"
#define Q "outbound|80||q.test"

static const struct vhost *host(struct snapshot *s, const char *name)
{
	struct ip_addr any = {0};

	return match_host(listener_find(&s->listeners, &any, 80), slice_str(name));
}

static void test_unchanged_vhost_is_shared(void **state)
{
	struct snapshot *next;
	const struct vhost *x;

	(void)state;
	world_load(&w, LISTENER RULES_X RULES_Y("/1"));
	x = host(w.s, "x.test");
	next = world_build(&w, LISTENER RULES_X RULES_Y("/2"));
	assert_int_equal(next->generation, w.s->generation + 1);
	assert_ptr_equal(host(next, "x.test"), x);
	assert_ptr_not_equal(host(next, "y.test"), host(w.s, "y.test"));
	compiler_free_snapshot(w.compiler, w.s);
	w.s = next;
	/* The first snapshot is gone, what was shared is not. */
	assert_int_equal(host(next, "x.test")->routes[0].split.n_targets, 2);
}

/* Everything a rule says is part of its virtual host's identity. */
static void test_every_difference_makes_a_new_vhost(void **state)
{
#define ONE(rule) LISTENER VS("x", "default", "[x.test]", "gw", rule)
#define MATCH(m)  ONE("match: [{" m "}], " DEST("a"))
	static const char *const variants[] = {
		ONE(DEST("a")),
		ONE(DEST("b")),
		ONE("name: n, " DEST("a")),
		ONE("timeout: 1s, " DEST("a")),
		ONE("retries: {attempts: 1}, " DEST("a")),
		ONE("retries: {attempts: 1, retryOn: 5xx}, " DEST("a")),
		ONE("retries: {attempts: 1, retryOn: 5xx, backoff: 1s}, " DEST("a")),
		ONE("route: [{destination: {host: a, subset: v1}}]"),
		ONE("route: [{destination: {host: a, port: {number: 81}}}]"),
		ONE(SPLIT),
		ONE("route: [{destination: {host: b}, weight: 1}, {destination: {host: a}, weight: "
		    "1}]"),
		ONE("route: [{destination: {host: a}, weight: 1}, {destination: {host: b}, weight: "
		    "2}]"),
		MATCH("uri: {exact: /p}"),
		MATCH("uri: {prefix: /p}"),
		MATCH("uri: {regex: /p}"),
		MATCH("uri: {exact: /p}, ignoreUriCase: true"),
		MATCH("method: {exact: /p}"),
		MATCH("authority: {exact: /p}"),
		MATCH("headers: {h: {exact: /p}}"),
		MATCH("headers: {i: {exact: /p}}"),
		MATCH("headers: {h: {}}"),
		MATCH("withoutHeaders: {h: {exact: /p}}"),
		/* the same routes from another place: they say where they come from */
		LISTENER VS("other", "default", "[x.test]", "gw", DEST("a")),
		ONE("match: [{gateways: [none]}, {uri: {exact: /p}}], " DEST("a")),
		ONE("match: [{gateways: [none]}], " DEST("a") "}, {" DEST("a")),
	};
	enum { N = sizeof(variants) / sizeof(variants[0]) };
	struct snapshot *snapshots[N];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snapshots[i] = world_build(&w, variants[i]);
		for (unsigned k = 0; k < i; k++)
			assert_ptr_not_equal(host(snapshots[i], "x.test"),
					     host(snapshots[k], "x.test"));
		w.s = world_build(&w, variants[i]);
		assert_ptr_equal(host(w.s, "x.test"), host(snapshots[i], "x.test"));
		compiler_free_snapshot(w.compiler, w.s);
		w.s = NULL;
	}
	for (unsigned i = 0; i < N; i++)
		compiler_free_snapshot(w.compiler, snapshots[i]);
}

static void test_shared_between_listeners(void **state)
{
	(void)state;
	world_load(&w, GATEWAY("gw", "{hosts: ['*'], bind: 198.18.0.1, " HTTP_PORT(
					     "80") "},"
						   "{hosts: ['*'], bind: 198.18.0.2, " HTTP_PORT2(
							   "80") "}") RULES_X);
	assert_ptr_equal(world_vhost(&w, &(struct request){.ip = "198.18.0.1"}),
			 world_vhost(&w, &(struct request){.ip = "198.18.0.2"}));
}

static void test_cluster_changes_alone(void **state)
{
	const struct cluster *p, *q, *p2, *q2;
	struct snapshot *next;
	struct world v;

	(void)state;
	world_load(&w, ENTRY("p", "p.test", "{address: 198.18.0.1}, {address: 198.18.0.2}")
			       ENTRY("q", "q.test", "{address: 198.18.0.1}"));
	p = world_cluster_named(&w, P);
	q = world_cluster_named(&w, Q);
	assert_int_not_equal(p->endpoints->endpoints[0].id, q->endpoints->endpoints[0].id);
	next = world_build(&w, ENTRY("p", "p.test", "{address: 198.18.0.2}, {address: 198.18.0.3}")
				       ENTRY("q", "q.test", "{address: 198.18.0.1}"));
	v = w;
	v.s = next;
	p2 = world_cluster_named(&v, P);
	q2 = world_cluster_named(&v, Q);
	assert_ptr_equal(q, q2);
	assert_ptr_not_equal(p, p2);
	assert_int_equal(p->id, p2->id);
	assert_int_equal(p->gen, p2->gen);
	assert_int_equal(p->endpoints->endpoints[1].id, p2->endpoints->endpoints[0].id);
	assert_int_equal(p->endpoints->endpoints[1].gen, p2->endpoints->endpoints[0].gen);
	assert_int_not_equal(p->endpoints->endpoints[0].id, p2->endpoints->endpoints[1].id);
	assert_ptr_equal(next->endpoint_by_id[p2->endpoints->endpoints[1].id],
			 &p2->endpoints->endpoints[1]);
	assert_null(next->endpoint_by_id[p->endpoints->endpoints[0].id]);
	compiler_free_snapshot(w.compiler, w.s);
	w.s = next;
}

static void test_freed_id_comes_back_with_another_generation(void **state)
{
	uint32_t id, gen;

	(void)state;
	world_load(&w, ENTRY("p", "p.test", "{address: 198.18.0.1}"));
	id = world_cluster_named(&w, P)->endpoints->endpoints[0].id;
	gen = world_cluster_named(&w, P)->endpoints->endpoints[0].gen;
	world_load(&w, ENTRY("p", "p.test", ""));
	world_load(&w, ENTRY("p", "p.test", "{address: 198.18.0.7}"));
	assert_int_equal(world_cluster_named(&w, P)->endpoints->endpoints[0].id, id);
	assert_int_equal(world_cluster_named(&w, P)->endpoints->endpoints[0].gen, gen + 1);
}

/* A held snapshot keeps its ids from being given away. */
static void test_ids_of_old_snapshots_are_not_reused(void **state)
{
	struct snapshot *old, *next;
	uint32_t id;

	(void)state;
	world_load(&w, ENTRY("p", "p.test", "{address: 198.18.0.1}"));
	old = w.s;
	id = world_cluster_named(&w, P)->id;
	w.s = world_build(&w, ENTRY("q", "q.test", "{address: 198.18.0.1}"));
	assert_int_not_equal(world_cluster_named(&w, Q)->id, id);
	next = world_build(&w, ENTRY("p", "p.test", "{address: 198.18.0.1}"));
	compiler_free_snapshot(w.compiler, w.s);
	w.s = next;
	assert_int_equal(world_cluster_named(&w, P)->id, id);
	compiler_free_snapshot(w.compiler, old);
}

static void test_listener_and_split_ids_are_stable(void **state)
{
	struct split before;
	uint32_t id;

	(void)state;
	world_load(&w, LISTENER RULES_X);
	id = world_listener(&w, NULL, 80)->id;
	before = host(w.s, "x.test")->routes[0].split;
	world_load(&w, GATEWAY("early", "{hosts: ['*'], " HTTP_PORT("8080") "}") LISTENER
			       /* another timeout: the virtual host is new, its split goes on */
			       VS("x", "default", "[x.test]", "gw", "timeout: 1s, " SPLIT));
	assert_int_equal(world_listener(&w, NULL, 80)->id, id);
	assert_ptr_equal(snapshot_listener(w.s, id), world_listener(&w, NULL, 80));
	assert_int_equal(host(w.s, "x.test")->routes[0].timeout_us, 1000000);
	assert_int_equal(host(w.s, "x.test")->routes[0].split.id, before.id);
	assert_int_equal(host(w.s, "x.test")->routes[0].split.gen, before.gen);
}

static void test_patterns_are_shared(void **state)
{
#define COOKIE "match: [{headers: {cookie: {regex: '.*u=.*'}}}], "
	const struct vhost *x, *y;

	(void)state;
	world_load(&w, LISTENER VS("x", "default", "[x.test]", "gw", COOKIE DEST("a"))
			       VS("y", "default", "[y.test]", "gw", COOKIE DEST("b")));
	x = host(w.s, "x.test");
	y = host(w.s, "y.test");
	assert_ptr_not_equal(x, y);
	assert_ptr_equal(x->headers[0].patterns.db, y->headers[0].patterns.db);
	assert_non_null(w.s->scratch[0]);
	assert_non_null(w.s->scratch[1]);
	assert_ptr_not_equal(w.s->scratch[0], w.s->scratch[1]);
	assert_null(w.s->scratch[2]);
}

static void test_no_regex_no_scratch(void **state)
{
	(void)state;
	world_load(&w, LISTENER RULES_X);
	assert_null(w.s->scratch[0]);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWDOWN 20
#else
#define SLOWDOWN 1
#endif

/* Of this process's own work: the machine may be busy with other things. */
static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 2,000 services with a VirtualService each, on a Gateway and on the mesh, with a regular
 * expression of its own in every tenth. */
static void test_large_set_compiles_quickly(void **state)
{
	const size_t size = 4u << 20;
	char *yaml = malloc(size);
	struct snapshot *next;
	double start, full;
	size_t len;

	(void)state;
	len = (size_t)snprintf(yaml, size, "%s", LISTENER);
	for (int i = 0; i < 2000; i++)
		len += (size_t)snprintf(
			yaml + len, size - len,
			SERVICE_OF("s%d", "default",
				   "clusterIP: 10.1.%d.%d, selector: {app: s%d}, "
				   "ports: [{name: http, port: 80}]") POD("p%d", "default",
									  "app: s%d", "10.2.%d.%d",
									  "")
				VS("v%d", "default", "[h%d.test, s%d]", "gw, mesh",
				   "match: [{uri: {prefix: /api}}, {uri: {%s: '/x/%d'}}, {headers: "
				   "{x-user: {exact: u}}}], " DEST("s%d")),
			i, i / 256, i % 256, i, i, i, i / 256, i % 256, i, i, i,
			i % 10 ? "exact" : "regex", i, i);
	assert_true(len < size);
	w.s = world_build(&w, yaml);
	start = seconds();
	next = compiler_build(w.compiler, &w.set, &w.d);
	full = seconds() - start;
	assert_non_null(next);
	compiler_free_snapshot(w.compiler, next);
	compiler_free_snapshot(w.compiler, w.s);
	w.s = NULL;
	print_message("rebuild with everything cached: %.3f s\n", full);
	assert_true(full < 0.5 * SLOWDOWN);
	start = seconds();
	w.s = compiler_build(w.compiler, &w.set, &w.d);
	full = seconds() - start;
	print_message("build from nothing: %.3f s\n", full);
	assert_non_null(w.s);
	assert_true(full < 1.0 * SLOWDOWN);
	assert_int_equal(w.s->listeners.n, 2001);
	assert_string_equal(SERVICE(&w, .host = "h1234.test", .path = "/api"), "s1234");
	assert_string_equal(SERVICE(&w, .ip = "10.1.0.7", .host = "s7", .path = "/x/7"), "s7");
	free(yaml);
}

/* Loads again and says how many virtual hosts had to be compiled for it. */
static unsigned reload(const char *yaml)
{
	uint64_t before = compiler_work(w.compiler).vhosts;

	world_load(&w, yaml);
	return (unsigned)(compiler_work(w.compiler).vhosts - before);
}

#define ON_PORT(port)                                                                              \
	SERVICE_OF("s", "default", "clusterIP: 10.9.0.1, ports: [{name: http, port: " port "}]")
#define LEAF(host) ISTIO("VirtualService", "leaf", "default") "spec: {http: [{" DEST(host) "}]}\n"
#define ROOT       VS("r", "default", "[r.test]", "gw", "delegate: {name: leaf}")

/* What a virtual host is planned from: its VirtualServices, and everything around that they
 * refer to. Whatever of it changes, the next snapshot says so. */
static void test_planned_from(void **state)
{
	(void)state;
	reload(WITH_FIXTURE(RULES_Y("/1") RULES_X));
	assert_int_equal(reload(WITH_FIXTURE(RULES_X RULES_Y("/1"))), 0);
	assert_int_equal(reload(WITH_FIXTURE(RULES_X RULES_Y("/2"))), 1);
	assert_non_null(ROUTE(&w, .host = "y.test", .path = "/2"));
	assert_null(ROUTE(&w, .host = "y.test", .path = "/1"));
	/* a service's only port is where its requests go */
	reload(WITH_FIXTURE(ON_PORT("8000") VS("y", "default", "[y.test]", "gw", DEST("s"))));
	assert_string_equal(CLUSTER(&w, .host = "y.test"),
			    "outbound|8000||s.default.svc.cluster.local");
	reload(WITH_FIXTURE(ON_PORT("9000") VS("y", "default", "[y.test]", "gw", DEST("s"))));
	assert_string_equal(CLUSTER(&w, .host = "y.test"),
			    "outbound|9000||s.default.svc.cluster.local");
	/* a delegate */
	reload(WITH_FIXTURE(ROOT LEAF("a")));
	assert_string_equal(SERVICE(&w, .host = "r.test"), "a");
	assert_int_equal(reload(WITH_FIXTURE(ROOT LEAF("b"))), 1);
	assert_string_equal(SERVICE(&w, .host = "r.test"), "b");
	/* one more VirtualService on the host, and one less */
	reload(WITH_FIXTURE(ROOT LEAF("b") VS("q", "default", "[r.test]", "gw", DEST("c"))));
	assert_string_equal(SERVICE(&w, .host = "r.test"), "c");
	reload(WITH_FIXTURE(ROOT LEAF("b")));
	assert_string_equal(SERVICE(&w, .host = "r.test"), "b");
}

/* A warning is given at every load, not only at the first. */
static void test_warnings_come_again(void **state)
{
	static const char rule[] = VS("x", "default", "[x.test]", "gw",
				      "headers: {request: {set: {a: '%NO_SUCH%'}}}, " DEST("a"));

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		reload(WITH_FIXTURE(rule));
		assert_int_equal(world_reported(&w, "WEIR0904"), true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intern_ids),
		T(test_unchanged_vhost_is_shared),
		T(test_every_difference_makes_a_new_vhost),
		T(test_shared_between_listeners),
		T(test_cluster_changes_alone),
		T(test_freed_id_comes_back_with_another_generation),
		T(test_ids_of_old_snapshots_are_not_reused),
		T(test_listener_and_split_ids_are_stable),
		T(test_patterns_are_shared),
		T(test_no_regex_no_scratch),
		T(test_planned_from),
		T(test_warnings_come_again),
		T(test_large_set_compiles_quickly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
