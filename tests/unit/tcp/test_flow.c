/* test_flow.c - the flow table against a list, the keyed hash, ISNs and ephemeral ports. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include <tcp/flow.h>
#include <tcp/isn.h>

#define N 600

struct table {
	struct tcp_flow flow;
	struct tcp_conn *conns;
	bool in[N];
};

static void fill_tuple(struct tcp_tuple *t, unsigned i)
{
	memset(t, 0, sizeof(*t));
	t->local.ip = ip_addr_v4(rte_cpu_to_be_32(0x0a000001));
	t->local.port = 80;
	t->remote.ip = ip_addr_v4(rte_cpu_to_be_32(0x0a000100 + i / 40));
	t->remote.port = (uint16_t)(1000 + i % 40);
}

static int setup(void **state)
{
	struct table *t = calloc(1, sizeof(*t));
	struct siphash_key key = {1, 2};

	t->conns = aligned_alloc(64, sizeof(struct tcp_conn) * N);
	for (unsigned i = 0; i < N; i++)
		fill_tuple(&t->conns[i].tuple, i);
	assert_true(tcp_flow_init(&t->flow, &key, t->conns, N));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct table *t = *state;

	tcp_flow_fini(&t->flow);
	free(t->conns);
	free(t);
	return 0;
}

static struct tcp_conn *find(struct table *t, const struct tcp_tuple *x)
{
	return tcp_flow_find(&t->flow, tcp_flow_hash(&t->flow, x), x);
}

static void check_all(struct table *t)
{
	for (unsigned i = 0; i < N; i++)
		assert_ptr_equal(find(t, &t->conns[i].tuple), t->in[i] ? &t->conns[i] : NULL);
}

static void random_inserts_and_removes_agree_with_a_list(void **state)
{
	struct table *t = *state;
	unsigned seed = 7;

	for (unsigned step = 0; step < 20000; step++) {
		unsigned i;

		seed = seed * 1103515245u + 12345;
		i = (seed >> 8) % N;
		if (t->in[i])
			tcp_flow_remove(&t->flow, &t->conns[i]);
		else
			tcp_flow_insert(&t->flow, &t->conns[i]);
		t->in[i] = !t->in[i];
		if (step % 500 == 0)
			check_all(t);
	}
	check_all(t);
}

static void every_part_of_the_tuple_counts(void **state)
{
	struct table *t = *state;
	struct tcp_tuple x;

	tcp_flow_insert(&t->flow, &t->conns[0]);
	for (unsigned i = 0; i < 4; i++) {
		x = t->conns[0].tuple;
		if (i == 0)
			x.local.port++;
		else if (i == 1)
			x.remote.port++;
		else if (i == 2)
			x.local.ip.b[0] ^= 1;
		else
			x.remote.ip.b[15] ^= 1;
		assert_null(find(t, &x));
		assert_int_not_equal(tcp_flow_hash(&t->flow, &x),
				     tcp_flow_hash(&t->flow, &t->conns[0].tuple));
	}
}

static void the_key_changes_the_order(void **state)
{
	struct table *t = *state;
	uint32_t before = tcp_flow_hash(&t->flow, &t->conns[0].tuple);

	t->flow.key.k1 ^= 1;
	assert_int_not_equal(tcp_flow_hash(&t->flow, &t->conns[0].tuple), before);
}

/* Vectors of the reference implementation: key 00..0f, input 00.. of 0, 8 and 16 bytes. */
static void siphash_is_siphash(void **state)
{
	struct siphash_key key = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
	uint64_t w[2] = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};

	(void)state;
	assert_true(siphash24(&key, w, 0) == 0x726fdb47dd0e0e31ull);
	assert_true(siphash24(&key, w, 1) == 0x93f5f5799a932462ull);
	assert_true(siphash24(&key, w, 2) == 0x3f2acc7f57c29bdbull);
}

static void isn_grows_by_one_in_4_us(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t;
	uint32_t a;

	fill_tuple(&t, 1);
	a = tcp_isn(r->tcp, &t);
	tcp_set_now(r->tcp, r->now_us + 4000);
	assert_int_equal(tcp_isn(r->tcp, &t), a + 1000);
}

static void isn_depends_on_tuple_and_secret(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t, u;
	uint32_t a;

	fill_tuple(&t, 1);
	fill_tuple(&u, 2);
	a = tcp_isn(r->tcp, &t);
	assert_int_not_equal(a, tcp_isn(r->tcp, &u));
	assert_int_not_equal(tcp_isn_ts_offset(r->tcp, &t), tcp_isn_ts_offset(r->tcp, &u));
	r->cfg.secret[3] ^= 1;
	rig_restart(r);
	assert_int_not_equal(a, tcp_isn(r->tcp, &t));
}

static void ephemeral_ports_are_in_range_and_differ(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t = {.local = {.ip = r->our_ip}, .remote = {.ip = r->peer_ip, .port = 9}};
	uint16_t last = 0;

	for (unsigned i = 0; i < 1000; i++) {
		assert_true(tcp_isn_pick_port(r->tcp, &t, NULL));
		assert_in_range(t.local.port, 32768, 60999);
		assert_int_not_equal(t.local.port, last);
		last = t.local.port;
	}
}

static void ephemeral_ports_start_elsewhere_for_another_peer(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t = {.local = {.ip = r->our_ip}, .remote = {.ip = r->peer_ip, .port = 9}};
	uint16_t a, same = 0;

	for (unsigned i = 0; i < 50; i++) {
		t.remote.port = (uint16_t)(100 + i);
		assert_true(tcp_isn_pick_port(r->tcp, &t, NULL));
		a = t.local.port;
		t.remote.port = (uint16_t)(200 + i);
		assert_true(tcp_isn_pick_port(r->tcp, &t, NULL));
		same = (uint16_t)(same + (a == t.local.port));
	}
	assert_true(same < 5);
}

static bool even(void *owner, const struct tcp_tuple *t)
{
	(void)owner;
	return t->local.port % 2 == 0;
}

static bool never(void *owner, const struct tcp_tuple *t)
{
	(void)owner;
	(void)t;
	return false;
}

static void steer_filters_ports(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t = {.local = {.ip = r->our_ip}, .remote = {.ip = r->peer_ip, .port = 9}};

	for (unsigned i = 0; i < 100; i++) {
		assert_true(tcp_isn_pick_port(r->tcp, &t, even));
		assert_int_equal(t.local.port % 2, 0);
	}
	assert_false(tcp_isn_pick_port(r->tcp, &t, never));
}

static void ports_in_use_are_not_given_out(void **state)
{
	struct rig *r = *state;
	struct net_addr remote = {.ip = r->peer_ip, .port = 9}, local = {.ip = r->our_ip};
	uint8_t seen[65536] = {0};

	for (unsigned i = 0; i < 60; i++) {
		struct bytestream *s = tcp_connect(r->tcp, &remote, &local, 0, NULL);
		uint16_t port = tcp_stream_tuple(s)->local.port;

		assert_int_equal(seen[port], 0);
		seen[port] = 1;
	}
}

static void an_existing_tuple_is_refused(void **state)
{
	struct rig *r = *state;
	struct net_addr remote = {.ip = r->peer_ip, .port = 9};
	struct net_addr local = {.ip = r->our_ip, .port = 1234};

	assert_non_null(tcp_connect(r->tcp, &remote, &local, 0, NULL));
	assert_null(tcp_connect(r->tcp, &remote, &local, 0, NULL));
}

static void a_full_slab_refuses(void **state)
{
	struct rig *r = *state;
	struct net_addr remote = {.ip = r->peer_ip, .port = 9}, local = {.ip = r->our_ip};

	for (unsigned i = 0; i < 64; i++)
		assert_non_null(tcp_connect(r->tcp, &remote, &local, 0, NULL));
	assert_null(tcp_connect(r->tcp, &remote, &local, 0, NULL));
	assert_int_equal(rig_count(r, CTR_DROP_TCP_NO_CONN), 1);
	assert_int_equal(tcp_conns_in_use(r->tcp), 64);
}

#define TABLE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define RIG_TEST(f)   cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(random_inserts_and_removes_agree_with_a_list),
		TABLE_TEST(every_part_of_the_tuple_counts),
		TABLE_TEST(the_key_changes_the_order),
		cmocka_unit_test(siphash_is_siphash),
		RIG_TEST(isn_grows_by_one_in_4_us),
		RIG_TEST(isn_depends_on_tuple_and_secret),
		RIG_TEST(ephemeral_ports_are_in_range_and_differ),
		RIG_TEST(ephemeral_ports_start_elsewhere_for_another_peer),
		RIG_TEST(steer_filters_ports),
		RIG_TEST(ports_in_use_are_not_given_out),
		RIG_TEST(an_existing_tuple_is_refused),
		RIG_TEST(a_full_slab_refuses),
	};

	return cmocka_run_group_tests_name("tcp flow", tests, rig_group_setup, rig_group_teardown);
}
