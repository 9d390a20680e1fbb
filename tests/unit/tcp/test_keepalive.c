/* test_keepalive.c - keep-alive probes (RFC 9293 section 3.8.4). */
#include "rig.h"

static void keep_alive_finds_a_dead_peer(void **state)
{
	struct rig *r = *state;

	r->cfg.keepalive_us = 10 * SEC;
	rig_restart(r);
	rig_in_state(r, TCP_ESTABLISHED);
	rig_wait_ms(r, 9990);
	rig_silent(r);
	rig_wait_ms(r, 20);
	expect(r, TCP_ACK, r->peer_ack - 1, r->peer_seq, 0);
	for (unsigned i = 0; i < 20; i++)
		rig_pass(r, 10 * SEC);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_TIMEOUT);
	assert_int_equal(rig_count(r, CTR_TCP_KEEPALIVE), 9);
}

static void an_answer_satisfies_keep_alive(void **state)
{
	struct rig *r = *state;

	r->cfg.keepalive_us = 10 * SEC;
	rig_restart(r);
	rig_in_state(r, TCP_ESTABLISHED);
	for (unsigned i = 0; i < 400; i++) {
		rig_pass(r, SEC);
		if (r->n_out)
			PEER(r, .flags = TCP_ACK);
		rig_forget(r);
	}
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_in_range(rig_count(r, CTR_TCP_KEEPALIVE), 30, 41);
}

/* A connection of our own, asked as its cluster wants: first after 2 s, then every 3 s, 20 times.
 */
static void keep_alive_of_one_connection(void **state)
{
	const struct tcp_keepalive k = {.time_s = 2, .interval_s = 3, .probes = 20};
	struct rig *r = *state;

	rig_connect(r);
	tcp_stream_keepalive(r->s, &k);
	PEER(r, .flags = TCP_SYN | TCP_ACK, SEQ(PEER_ISS), ACKNO(r->iss + 1));
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	rig_forget(r);
	r->events = 0;
	rig_wait_ms(r, 1990);
	rig_silent(r);
	rig_wait_ms(r, 20);
	assert_non_null(rig_sent(r));
	/* It is there: the time begins anew. */
	r->peer_seq = PEER_ISS + 1;
	PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 1));
	rig_wait_ms(r, 1990);
	rig_silent(r);
	for (unsigned ms = 1990; !r->events; ms++) {
		/* The wheel turns in steps: each probe may be late by one. */
		if (ms % 3000 == 1900)
			assert_int_equal(rig_count(r, CTR_TCP_KEEPALIVE), 1 + ms / 3000);
		assert_true(ms < 2000 + 20 * 3000 + 200);
		rig_wait_ms(r, 1);
		rig_forget(r);
	}
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_TIMEOUT);
	assert_int_equal(rig_count(r, CTR_TCP_KEEPALIVE), 21);
}

/* What is left out is Linux's, and the time the node's; a node that asks nobody is overruled. */
static void keep_alive_by_default(void **state)
{
	static const struct {
		uint64_t node_us;
		uint32_t time_s;
	} rows[] = {{7200 * SEC, 7200}, {10 * SEC, 10}, {0, 7200}};
	const struct tcp_keepalive none = {0};
	struct rig *r = *state;

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		r->cfg.keepalive_us = rows[i].node_us;
		rig_restart(r);
		rig_connect(r);
		tcp_stream_keepalive(r->s, &none);
		assert_int_equal(rig_conn(r)->keepalive.time_s, rows[i].time_s);
		assert_int_equal(rig_conn(r)->keepalive.interval_s, 75);
		assert_int_equal(rig_conn(r)->keepalive.probes, 9);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keep_alive_finds_a_dead_peer),
		T(an_answer_satisfies_keep_alive),
		T(keep_alive_of_one_connection),
		T(keep_alive_by_default),
	};

	return cmocka_run_group_tests_name("tcp keepalive", tests, rig_group_setup,
					   rig_group_teardown);
}
