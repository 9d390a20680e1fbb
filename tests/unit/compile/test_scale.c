/* test_scale.c - 30,000 VirtualServices of 3 routes on 30,000 hosts: what a cold start and one
 * change cost in time, memory and recompilation.
 *
 * The bounds are generous: machines differ, sanitizers slow everything down. What was measured
 * is printed, and docs/performance.md has it from a quiet machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <compile/compile.h>
#include <validate/validate.h>

#define OBJECTS 30000u

#if defined(__SANITIZE_ADDRESS__)
#define SLOWER 12
#else
#define SLOWER 1
#endif

/* Of the processor, so that a busy machine measures the same. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static const char registry[] =
	"apiVersion: networking.istio.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: gw}\n"
	"spec:\n"
	"  selector: {istio: ingressgateway}\n"
	"  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]\n"
	"---\n"
	"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: 10.96.0.1,\n"
	" ports: [{name: http, port: 8000}]}}\n";

/* Different expressions: host i has the one of i modulo this. */
static unsigned regexes;

/* An exact path, a regular expression, and the rest. */
static void write_object(FILE *f, unsigned i, unsigned timeout_s)
{
	fprintf(f,
		"---\n"
		"apiVersion: networking.istio.io/v1\n"
		"kind: VirtualService\n"
		"metadata: {name: v%u}\n"
		"spec:\n"
		"  hosts: [h%u.example.com]\n"
		"  gateways: [gw]\n"
		"  http:\n"
		"  - match: [{uri: {exact: /login}}]\n"
		"    route: [{destination: {host: a}}]\n"
		"    timeout: %us\n"
		"  - match: [{uri: {regex: '/v[0-9]+/item%u/.*'}, headers: {x-tenant: {exact: "
		"t%u}}}]\n"
		"    route: [{destination: {host: a}}]\n"
		"  - route: [{destination: {host: a}}]\n",
		i, i, timeout_s, i % regexes, i);
}

struct text {
	char *p;
	size_t len;
};

static struct text write_all(void)
{
	struct text t = {0};
	FILE *f = open_memstream(&t.p, &t.len);

	fputs(registry, f);
	for (unsigned i = 0; i < OBJECTS; i++)
		write_object(f, i, 1);
	fclose(f);
	return t;
}

/* The loaded set, and what its stages took. */
struct load {
	struct resource_set set;
	struct diags d;
	double decode_s, validate_s, build_s;
};

static void load_resources(struct load *l, const struct text *t)
{
	double began = now();

	resource_set_init(&l->set);
	diags_init(&l->d);
	model_decode("scale.yaml", t->p, t->len, &l->set, &l->d);
	l->decode_s = now() - began;
	began = now();
	for (size_t i = 0; i < l->set.n; i++)
		validate_resource(l->set.items[i], &l->d);
	resource_set_sort(&l->set);
	validate_references(&l->set, &l->d);
	l->validate_s = now() - began;
	assert_int_equal(l->d.n, 0);
	assert_int_equal(l->set.n, OBJECTS + 2);
}

static struct snapshot *build(struct compiler *c, struct load *l)
{
	double began = now();
	struct snapshot *s = compiler_build(c, &l->set, &l->d);

	l->build_s = now() - began;
	assert_non_null(s);
	return s;
}

static void unload(struct load *l)
{
	resource_set_fini(&l->set);
	diags_fini(&l->d);
}

/* Replaces one object of the set by a new version. */
static void change_one(struct load *l)
{
	struct resource_set one;
	struct text t = {0};
	FILE *f = open_memstream(&t.p, &t.len);

	write_object(f, 12345, 2);
	fclose(f);
	resource_set_init(&one);
	model_decode("scale.yaml", t.p, t.len, &one, &l->d);
	assert_int_equal(one.n, 1);
	for (size_t i = 0; i < l->set.n; i++) {
		struct resource **r = &l->set.items[i], *old = *r;

		if (old->kind == KIND_VIRTUAL_SERVICE && strcmp(old->name, "v12345") == 0) {
			*r = one.items[0];
			one.items[0] = old;
		}
	}
	resource_set_fini(&one);
	free(t.p);
}

static struct compiler *create_compiler(void)
{
	static struct label items[] = {{"istio", "ingressgateway"}};
	static const struct labels labels = {1, items};

	return compiler_create(&(struct compile_options){
		.node_namespace = "default", .node_labels = &labels, .n_workers = 1});
}

static void load_all_and_change_one(void)
{
	struct text t;
	struct compiler *c = create_compiler();
	struct compiler_work first, second;
	struct snapshot *s, *next;
	size_t before, loaded, compiled;
	struct load l;
	double cold;

	t = write_all();
	before = heap();
	load_resources(&l, &t);
	loaded = heap() - before;
	s = build(c, &l);
	cold = l.decode_s + l.validate_s + l.build_s;
	compiled = heap() - before;
	first = compiler_work(c);
	print_message("%u expressions, cold: decode %.2f s, validate %.2f s, compile %.2f s; "
		      "%zu MiB with the resources, %zu MiB without\n",
		      regexes, l.decode_s, l.validate_s, l.build_s, compiled >> 20,
		      (compiled - loaded) >> 20);
	assert_int_equal(first.vhosts, OBJECTS + 1); /* and that of service a on the mesh */
	assert_int_equal(first.patterns, regexes);
	assert_true(cold < 5 * SLOWER);
	assert_true(SLOWER > 1 || compiled < 400u << 20);

	change_one(&l);
	next = build(c, &l);
	second = compiler_work(c);
	print_message("one changed: %.1f ms, %llu virtual hosts compiled\n", l.build_s * 1e3,
		      (unsigned long long)(second.vhosts - first.vhosts));
	assert_int_equal(second.rules_only, 1);
	assert_true(l.build_s < 0.02 * SLOWER);
	assert_int_equal(second.vhosts - first.vhosts, 1);
	assert_int_equal(second.clusters, first.clusters);
	assert_int_equal(second.patterns, first.patterns);

	compiler_free_snapshot(c, s);
	compiler_free_snapshot(c, next);
	compiler_destroy(c);
	unload(&l);
	free(t.p);
}

static void many_virtual_services(void **state)
{
	(void)state;
	regexes = 16; /* each shared by many hosts */
	load_all_and_change_one();
}

/* Where a database for each would take half a minute. */
static void an_expression_for_each(void **state)
{
	(void)state;
	regexes = OBJECTS;
	load_all_and_change_one();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(many_virtual_services),
					   cmocka_unit_test(an_expression_for_each)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
