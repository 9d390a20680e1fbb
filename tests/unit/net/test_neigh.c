/* test_neigh.c - neighbour entries: every state, every timer, every bound. */
#include "box.h"

#include <net/neigh.h>

#define SEC 1000000ull

static struct rte_mempool *pool;

struct rig {
	struct neigh_table *t;
	struct counters counters;
	uint64_t now_us;
	unsigned broadcasts, unicasts, sent, failed;
	struct rte_mbuf *last_sent;
};

static void solicit(void *owner, const struct neigh *n, bool unicast)
{
	struct rig *r = owner;

	(void)n;
	*(unicast ? &r->unicasts : &r->broadcasts) += 1;
}

static void take_sent(void *owner, const struct neigh *n, struct rte_mbuf *m)
{
	struct rig *r = owner;

	assert_true(neigh_usable(n));
	r->sent++;
	r->last_sent = m;
	rte_pktmbuf_free(m);
}

static void take_failed(void *owner, const struct neigh *n, struct rte_mbuf *m)
{
	struct rig *r = owner;

	assert_false(neigh_usable(n));
	r->failed++;
	rte_pktmbuf_free(m);
}

static const struct neigh_ops rig_ops = {solicit, take_sent, take_failed};

static int make_pool(void **state)
{
	if (box_eal(state) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("neigh", 8191, 0, 64, 128, SOCKET_ID_ANY);
	return pool ? 0 : -1;
}

static int make(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->now_us = 5000 * SEC;
	r->t = neigh_table_create(&rig_ops, r, &r->counters, r->now_us);
	*state = r;
	return r->t ? 0 : -1;
}

static int done(void **state)
{
	struct rig *r = *state;

	neigh_table_destroy(r->t);
	free(r);
	return rte_mempool_in_use_count(pool) == 0 ? 0 : -1;
}

static void pass(struct rig *r, uint64_t us)
{
	r->now_us += us;
	neigh_set_now(r->t, r->now_us);
	neigh_turn(r->t);
}

static struct ip_addr nth(unsigned i)
{
	return ip_addr_v4(rte_cpu_to_be_32(0xc6120000u + i));
}

static struct neigh *get(struct rig *r, unsigned i)
{
	struct ip_addr a = nth(i);

	return neigh_get(r->t, 0, &a);
}

static struct neigh *find(struct rig *r, unsigned i)
{
	struct ip_addr a = nth(i);

	return neigh_find(r->t, 0, &a);
}

static void learn(struct rig *r, unsigned i, bool create)
{
	struct ip_addr a = nth(i);

	neigh_learn(r->t, 0, &a, &peer_mac, create);
}

static struct rte_mbuf *packet(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	return m;
}

static void send_to(struct rig *r, unsigned i)
{
	struct neigh *n = get(r, i);

	assert_non_null(n);
	assert_false(neigh_usable(n));
	neigh_take_packet(r->t, n, packet());
}

static void resolves_and_sends_what_waited_in_order(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *last;

	send_to(r, 1);
	send_to(r, 1);
	last = packet();
	neigh_take_packet(r->t, get(r, 1), last);
	assert_int_equal(r->broadcasts, 1);
	learn(r, 1, false);
	assert_int_equal(r->sent, 3);
	assert_ptr_equal(r->last_sent, last);
	assert_true(neigh_usable(get(r, 1)));
	assert_memory_equal(&get(r, 1)->mac, &peer_mac, 6);
	assert_int_equal(r->broadcasts, 1);
}

static void asks_three_times_then_fails_what_waits(void **state)
{
	struct rig *r = *state;

	send_to(r, 1);
	send_to(r, 1);
	pass(r, SEC + 5000);
	assert_int_equal(r->broadcasts, 2);
	pass(r, SEC + 5000);
	assert_int_equal(r->broadcasts, 3);
	assert_int_equal(r->failed, 0);
	pass(r, SEC + 5000);
	assert_int_equal(r->broadcasts, 3);
	assert_int_equal(r->failed, 2);
	assert_int_equal(r->counters.v[CTR_DROP_NEIGH_FAILED], 2);
}

static void never_asks_early(void **state)
{
	struct rig *r = *state;

	send_to(r, 1);
	for (unsigned i = 0; i < 999; i++)
		pass(r, 1000);
	assert_int_equal(r->broadcasts, 1);
	assert_true(neigh_next_timer(r->t) <= 5000 * SEC + SEC + 1024);
}

static void failure_is_remembered_then_tried_again(void **state)
{
	struct rig *r = *state;

	send_to(r, 1);
	for (unsigned i = 0; i < 3; i++)
		pass(r, SEC + 5000);
	assert_int_equal(get(r, 1)->state, NEIGH_FAILED);
	send_to(r, 1);
	assert_int_equal(r->failed, 2); /* at once */
	assert_int_equal(r->broadcasts, 3);
	pass(r, NEIGH_FAILED_US + 5000);
	assert_null(find(r, 1));
	send_to(r, 1);
	assert_int_equal(r->failed, 2);
	assert_int_equal(r->broadcasts, 4);
}

static void a_late_answer_revives(void **state)
{
	struct rig *r = *state;

	send_to(r, 1);
	for (unsigned i = 0; i < 3; i++)
		pass(r, SEC + 5000);
	learn(r, 1, false);
	assert_true(neigh_usable(get(r, 1)));
	pass(r, NEIGH_FAILED_US + 5000);
	assert_true(neigh_usable(get(r, 1)));
}

static void unused_entries_go(void **state)
{
	struct rig *r = *state;
	uint32_t gen, index;

	learn(r, 1, true);
	gen = find(r, 1)->gen;
	index = neigh_index(r->t, find(r, 1));
	pass(r, NEIGH_REACHABLE_US - SEC);
	assert_non_null(find(r, 1));
	pass(r, SEC + 5000);
	assert_null(find(r, 1));
	assert_int_not_equal(neigh_at(r->t, index)->gen, gen);
	assert_int_equal(r->unicasts + r->broadcasts, 0);
}

static void used_entries_are_probed_while_used(void **state)
{
	struct rig *r = *state;

	learn(r, 1, true);
	find(r, 1)->used = true;
	pass(r, NEIGH_REACHABLE_US + 5000);
	assert_int_equal(find(r, 1)->state, NEIGH_PROBE);
	assert_int_equal(r->unicasts, 1);
	assert_true(neigh_usable(find(r, 1)));
	pass(r, SEC + 5000);
	assert_int_equal(r->broadcasts, 1); /* its MAC may have changed */
	learn(r, 1, false);
	assert_int_equal(find(r, 1)->state, NEIGH_REACHABLE);
	pass(r, 10 * SEC);
	assert_int_equal(r->unicasts + r->broadcasts, 2);
}

static void a_probe_that_nobody_answers_fails(void **state)
{
	struct rig *r = *state;

	learn(r, 1, true);
	find(r, 1)->used = true;
	pass(r, NEIGH_REACHABLE_US + 5000);
	for (unsigned i = 0; i < 3; i++)
		pass(r, SEC + 5000);
	assert_int_equal(find(r, 1)->state, NEIGH_FAILED);
	assert_int_equal(r->unicasts + r->broadcasts, NEIGH_TRIES);
}

static const struct rte_ether_addr other_mac = {{2, 0, 0, 0, 0, 9}};

static void claim(struct rig *r, unsigned i, const struct rte_ether_addr *mac)
{
	struct ip_addr a = nth(i);

	neigh_learn(r->t, 0, &a, mac, true);
}

/* Nobody takes a neighbour's place while that is there to say so. */
static void who_is_known_is_asked_before_it_moves(void **state)
{
	struct rig *r = *state;

	learn(r, 1, true);
	find(r, 1)->used = true;
	claim(r, 1, &other_mac);
	assert_memory_equal(&find(r, 1)->mac, &peer_mac, 6);
	assert_true(neigh_usable(find(r, 1)));
	assert_int_equal(r->unicasts, 1);
	claim(r, 1, &other_mac); /* is no answer: it was not asked */
	assert_memory_equal(&find(r, 1)->mac, &peer_mac, 6);
	learn(r, 1, false);
	assert_int_equal(find(r, 1)->state, NEIGH_REACHABLE);
	pass(r, NEIGH_CONTEST_US + 5000);
	assert_int_equal(r->unicasts + r->broadcasts, 1);
}

static void who_is_silent_loses_its_place_soon(void **state)
{
	struct rig *r = *state;

	learn(r, 1, true);
	claim(r, 1, &other_mac);
	pass(r, NEIGH_CONTEST_US + 5000);
	assert_int_equal(r->broadcasts, 1);
	claim(r, 1, &other_mac);
	assert_memory_equal(&find(r, 1)->mac, &other_mac, 6);
	assert_int_equal(find(r, 1)->state, NEIGH_REACHABLE);
}

static void a_flood_of_claims_makes_us_ask_once_a_second(void **state)
{
	struct rig *r = *state;

	learn(r, 1, true);
	for (unsigned i = 0; i < 30000; i++) {
		claim(r, 1, &other_mac);
		learn(r, 1, false);
		pass(r, 100);
	}
	assert_in_range(r->unicasts, 3, 4);
	assert_int_equal(r->broadcasts, 0);
	assert_memory_equal(&find(r, 1)->mac, &peer_mac, 6);
}

static void learning_does_not_create_unless_told(void **state)
{
	struct rig *r = *state;

	learn(r, 1, false);
	assert_null(find(r, 1));
	learn(r, 1, true);
	assert_non_null(find(r, 1));
}

static void ports_are_told_apart(void **state)
{
	struct rig *r = *state;
	struct ip_addr a = nth(1);

	learn(r, 1, true);
	assert_null(neigh_find(r->t, 1, &a));
}

static void the_queue_of_one_keeps_the_latest(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *last = NULL;

	get(r, 1);
	for (unsigned i = 0; i < NEIGH_WAITING_EACH + 10; i++)
		neigh_take_packet(r->t, get(r, 1), last = packet());
	assert_int_equal(r->counters.v[CTR_DROP_NEIGH_QUEUE], 10);
	learn(r, 1, false);
	assert_int_equal(r->sent, NEIGH_WAITING_EACH);
	assert_ptr_equal(r->last_sent, last);
}

static void the_queue_of_all_is_bounded(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < NEIGH_WAITING_MAX + 100; i++)
		send_to(r, i % 100);
	assert_int_equal(r->counters.v[CTR_DROP_NEIGH_QUEUE], 100);
	assert_int_equal(rte_mempool_in_use_count(pool), NEIGH_WAITING_MAX);
	send_to(r, 200); /* none of its own to give up */
	assert_int_equal(r->counters.v[CTR_DROP_NEIGH_QUEUE], 101);
	for (unsigned i = 0; i < 3; i++)
		pass(r, SEC + 5000);
	assert_int_equal(r->failed, NEIGH_WAITING_MAX);
	send_to(r, 300); /* the room is free again */
	assert_int_equal(r->counters.v[CTR_DROP_NEIGH_QUEUE], 101);
}

static void resolutions_at_once_are_bounded(void **state)
{
	struct rig *r = *state;

	learn(r, 9999, true);
	for (unsigned i = 0; i < NEIGH_PENDING_MAX; i++)
		assert_non_null(get(r, i));
	assert_null(get(r, NEIGH_PENDING_MAX));
	assert_int_equal(r->counters.v[CTR_DROP_NEIGH_TABLE], 1);
	assert_non_null(get(r, 9999));
	learn(r, 3, false);
	assert_non_null(get(r, NEIGH_PENDING_MAX));
}

static void a_flood_of_requests_leaves_room(void **state)
{
	struct rig *r = *state;
	unsigned known = 0;

	for (unsigned i = 0; i < 20000; i++)
		learn(r, i, true);
	for (unsigned i = 0; i < 20000; i++)
		known += find(r, i) != NULL;
	assert_int_equal(known, NEIGH_LEARNED_MAX);
	assert_non_null(get(r, 30000));
}

/* Fills the table with entries that are in use. */
static void fill(struct rig *r)
{
	for (unsigned i = 0; i < NEIGH_MAX; i++) {
		assert_non_null(get(r, i));
		learn(r, i, false);
		find(r, i)->used = true;
	}
}

static void a_full_table_of_used_entries_refuses(void **state)
{
	struct rig *r = *state;

	fill(r);
	assert_null(get(r, NEIGH_MAX));
	assert_int_equal(r->counters.v[CTR_DROP_NEIGH_TABLE], 1);
	for (unsigned i = 0; i < NEIGH_MAX; i++)
		assert_non_null(find(r, i));
}

static void a_full_table_gives_up_an_unused_entry(void **state)
{
	struct rig *r = *state;
	uint32_t gen;
	struct neigh *n;

	fill(r);
	n = find(r, 17);
	gen = n->gen;
	n->used = false;
	assert_ptr_equal(get(r, NEIGH_MAX), n);
	assert_int_not_equal(n->gen, gen);
	assert_null(find(r, 17));
	assert_non_null(find(r, NEIGH_MAX));
}

static void everything_expires(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 1000; i++)
		learn(r, i, true);
	for (unsigned i = 0; i < 300; i++)
		send_to(r, 5000 + i);
	for (unsigned i = 0; i < 60; i++)
		pass(r, SEC);
	assert_true(neigh_next_timer(r->t) == UINT64_MAX);
	for (unsigned i = 0; i < 6000; i++)
		assert_null(find(r, i));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, done)
	const struct CMUnitTest tests[] = {
		TEST(resolves_and_sends_what_waited_in_order),
		TEST(asks_three_times_then_fails_what_waits),
		TEST(never_asks_early),
		TEST(failure_is_remembered_then_tried_again),
		TEST(a_late_answer_revives),
		TEST(unused_entries_go),
		TEST(used_entries_are_probed_while_used),
		TEST(a_probe_that_nobody_answers_fails),
		TEST(who_is_known_is_asked_before_it_moves),
		TEST(who_is_silent_loses_its_place_soon),
		TEST(a_flood_of_claims_makes_us_ask_once_a_second),
		TEST(learning_does_not_create_unless_told),
		TEST(ports_are_told_apart),
		TEST(the_queue_of_one_keeps_the_latest),
		TEST(the_queue_of_all_is_bounded),
		TEST(resolutions_at_once_are_bounded),
		TEST(a_flood_of_requests_leaves_room),
		TEST(a_full_table_of_used_entries_refuses),
		TEST(a_full_table_gives_up_an_unused_entry),
		TEST(everything_expires),
	};
#undef TEST

	return cmocka_run_group_tests(tests, make_pool, NULL);
}
