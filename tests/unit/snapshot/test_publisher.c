/* test_publisher.c - publication and reclamation with readers that pin, sleep and come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <snapshot/publisher.h>

#define READERS 6 /* more than the cores of any machine this is usually built on */
#define SWAPS   1000
#define HELD    4 /* pins that one reader has at a time */

static struct compiler *compiler;
static struct publisher *publisher;

static const char yaml_format[] =
	"apiVersion: networking.istio.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: gw}\n"
	"spec: {servers: [{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}]}\n"
	"---\n"
	"apiVersion: networking.istio.io/v1\n"
	"kind: VirtualService\n"
	"metadata: {name: v}\n"
	"spec: {hosts: [x.test], gateways: [gw], http: [{name: n%u,"
	" match: [{uri: {regex: '/%u.*'}}], route: [{destination: {host: e%u.test}}]}]}\n"
	"---\n"
	"apiVersion: networking.istio.io/v1\n"
	"kind: ServiceEntry\n"
	"metadata: {name: e}\n"
	"spec: {hosts: [e%u.test], resolution: STATIC, ports: [{number: 80, name: http,"
	" protocol: HTTP}], endpoints: [{address: 198.18.0.%u}]}\n";

static struct snapshot *build(unsigned n)
{
	struct resource_set set;
	struct snapshot *s;
	struct diags d;
	char yaml[2048];

	snprintf(yaml, sizeof(yaml), yaml_format, n, n % 7, n % 5, n % 5, 1 + n % 11);
	resource_set_init(&set);
	diags_init(&d);
	model_decode("test.yaml", yaml, strlen(yaml), &set, &d);
	resource_set_sort(&set);
	s = compiler_build(compiler, &set, &d);
	if (d.errors)
		diags_print(&d, stderr);
	assert_non_null(s);
	diags_fini(&d);
	resource_set_fini(&set);
	return s;
}

static int setup(void **state)
{
	(void)state;
	compiler = compiler_create(
		&(struct compile_options){.node_namespace = "default", .n_workers = READERS});
	publisher = publisher_create(compiler, READERS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	publisher_destroy(publisher);
	compiler_destroy(compiler);
	return 0;
}

static void count_wake(void *arg)
{
	++*(unsigned *)arg;
}

static void test_counts(void **state)
{
	struct publish_cell *cell = publisher_cell(publisher);
	unsigned wakes = 0;

	(void)state;
	assert_int_equal(publisher_alive(publisher), 0);
	assert_int_equal(publisher_generation(publisher), 0);
	assert_null(publish_load(cell));
	publisher_publish(publisher, build(1), count_wake, &wakes);
	assert_int_equal(wakes, 1);
	assert_int_equal(publisher_alive(publisher), 1);
	assert_int_equal(publisher_generation(publisher), 1);
	assert_int_equal(publish_load(cell)->generation, 1);
	assert_true(publisher_last_apply_seconds(publisher) >= 0);
	publisher_publish(publisher, build(2), NULL, NULL);
	assert_int_equal(publisher_generation(publisher), 2);
	assert_int_equal(publisher_alive(publisher), 1);
}

static void test_pins_keep_snapshots(void **state)
{
	struct publish_cell *cell = publisher_cell(publisher);
	struct snapshot *one, *two;

	(void)state;
	publisher_publish(publisher, build(1), NULL, NULL);
	one = publish_load(cell);
	snapshot_pin(one, 3);
	snapshot_pin(one, 3);
	snapshot_pin(one, 5);
	publisher_publish(publisher, build(2), NULL, NULL);
	two = publish_load(cell);
	snapshot_pin(two, 0);
	publisher_publish(publisher, build(3), NULL, NULL);
	assert_int_equal(publisher_alive(publisher), 3);
	assert_int_equal(one->generation, 1);
	snapshot_unpin(two, 0);
	publisher_reap(publisher);
	assert_int_equal(publisher_alive(publisher), 2);
	snapshot_unpin(one, 3);
	snapshot_unpin(one, 5);
	publisher_reap(publisher);
	assert_int_equal(publisher_alive(publisher), 2);
	snapshot_unpin(one, 3);
	publisher_reap(publisher);
	assert_int_equal(publisher_alive(publisher), 1);
}

/* A worker that is offline, or has never polled, keeps nobody waiting. */
static void test_sleepers_are_not_waited_for(void **state)
{
	struct publish_cell *cell = publisher_cell(publisher);

	(void)state;
	publish_online(cell, 0);
	publish_quiescent(cell, 0);
	publish_offline(cell, 0);
	publisher_publish(publisher, build(1), NULL, NULL);
	publisher_publish(publisher, build(2), NULL, NULL);
	assert_int_equal(publisher_alive(publisher), 1);
}

static bool published;

static void *publish_two(void *arg)
{
	(void)arg;
	publisher_publish(publisher, build(2), NULL, NULL);
	__atomic_store_n(&published, true, __ATOMIC_RELEASE);
	return NULL;
}

static void test_waits_for_a_worker_in_its_pass(void **state)
{
	struct publish_cell *cell = publisher_cell(publisher);
	struct snapshot *one;
	pthread_t thread;

	(void)state;
	published = false;
	publisher_publish(publisher, build(1), NULL, NULL);
	publish_online(cell, 0);
	publish_online(cell, 1);
	one = publish_load(cell);
	assert_int_equal(pthread_create(&thread, NULL, publish_two, NULL), 0);
	while (publish_load(cell) == one)
		sched_yield();
	publish_quiescent(cell, 1); /* one of two is not enough */
	usleep(20000);
	assert_false(__atomic_load_n(&published, __ATOMIC_ACQUIRE));
	assert_int_equal(one->generation, 1);
	publish_quiescent(cell, 0);
	publish_quiescent(cell, 1);
	pthread_join(thread, NULL);
	assert_int_equal(publisher_alive(publisher), 1);
	publish_offline(cell, 0);
	publish_offline(cell, 1);
}

static void test_destroy_frees_what_is_pinned(void **state)
{
	(void)state;
	publisher_publish(publisher, build(1), NULL, NULL);
	snapshot_pin(publish_load(publisher_cell(publisher)), 0);
	publisher_publish(publisher, build(2), NULL, NULL);
	assert_int_equal(publisher_alive(publisher), 2);
}

static uint64_t floor_generation; /* of the last publication that has returned */
static bool stop_readers;

struct reader {
	pthread_t thread;
	unsigned id;
	unsigned seed;
	uint64_t reads, failures;
	struct snapshot *held[HELD];
};

/* Touches what a request touches, in memory that must still be there. */
static bool read_snapshot(const struct snapshot *s)
{
	struct ip_addr any = {0};
	const struct listener *l = listener_find(&s->listeners, &any, 80);
	const struct vhost *vh = l ? l->hosts.exact[0].vhost : NULL;
	const struct cluster *c;

	for (uint32_t i = 0; l && !vh && i <= l->hosts.exact_mask; i++)
		vh = l->hosts.exact[i].vhost;
	if (!vh || vh->n_routes != 1 || vh->routes[0].name[0] != 'n')
		return false;
	c = snapshot_cluster(s, vh->routes[0].split.targets[0].cluster_id);
	return c && strcmp(c->name, vh->routes[0].split.targets[0].cluster_name) == 0 &&
	       c->endpoints->n == 1 &&
	       s->endpoint_by_id[c->endpoints->endpoints[0].id] == &c->endpoints->endpoints[0];
}

/* A request begins or ends now and then; until it ends its snapshot stays. */
static void work_on_requests(struct reader *r, struct snapshot *s)
{
	struct snapshot **slot = &r->held[rand_r(&r->seed) % HELD];

	if (*slot) {
		r->failures += !read_snapshot(*slot);
		if (rand_r(&r->seed) % 4 == 0) {
			snapshot_unpin(*slot, r->id);
			*slot = NULL;
		}
	} else {
		snapshot_pin(s, r->id);
		*slot = s;
	}
}

static void one_pass(struct reader *r, struct publish_cell *cell)
{
	uint64_t at_least = __atomic_load_n(&floor_generation, __ATOMIC_ACQUIRE);
	struct snapshot *s = publish_load(cell);

	r->failures += s->generation < at_least;
	r->failures += !read_snapshot(s);
	work_on_requests(r, s);
	r->reads++;
	publish_quiescent(cell, r->id);
}

static void *reader_main(void *arg)
{
	struct publish_cell *cell = publisher_cell(publisher);
	struct reader *r = arg;

	publish_online(cell, r->id);
	while (!__atomic_load_n(&stop_readers, __ATOMIC_ACQUIRE)) {
		one_pass(r, cell);
		if (rand_r(&r->seed) % 8 == 0) {
			publish_offline(cell, r->id);
			usleep(50);
			publish_online(cell, r->id);
		} else {
			sched_yield();
		}
	}
	for (unsigned i = 0; i < HELD; i++)
		if (r->held[i])
			snapshot_unpin(r->held[i], r->id);
	publish_offline(cell, r->id);
	return NULL;
}

static void start_readers(struct reader *readers)
{
	stop_readers = false;
	for (unsigned i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.id = i, .seed = i + 1};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]),
				 0);
	}
}

static void stop(struct reader *readers)
{
	__atomic_store_n(&stop_readers, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(readers[i].thread, NULL);
}

static void test_swaps_under_readers(void **state)
{
	struct reader readers[READERS];
	unsigned most = 0;

	(void)state;
	floor_generation = 0;
	publisher_publish(publisher, build(0), NULL, NULL);
	start_readers(readers);
	for (unsigned n = 1; n <= SWAPS; n++) {
		publisher_publish(publisher, build(n), NULL, NULL);
		__atomic_store_n(&floor_generation, publisher_generation(publisher),
				 __ATOMIC_RELEASE);
		most = publisher_alive(publisher) > most ? publisher_alive(publisher) : most;
	}
	stop(readers);
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(readers[i].failures, 0);
		assert_true(readers[i].reads > 0);
	}
	assert_true(most > 1); /* pins did keep some */
	assert_true(most <= READERS * HELD + 1);
	publisher_reap(publisher);
	assert_int_equal(publisher_alive(publisher), 1);
	assert_int_equal(publisher_generation(publisher), SWAPS + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_counts),
		T(test_pins_keep_snapshots),
		T(test_sleepers_are_not_waited_for),
		T(test_waits_for_a_worker_in_its_pass),
		T(test_destroy_frees_what_is_pinned),
		T(test_swaps_under_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
