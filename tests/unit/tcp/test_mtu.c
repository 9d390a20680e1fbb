/* test_mtu.c - the path's MTU without a word from it (RFC 4821); what routers say is in
 * test_send.c. */
#include "rig.h"

#include <tcp/mtu.h>

/* Passes until the timer has repeated something n times; the length of the last repetition. */
static unsigned repeat(struct rig *r, unsigned n)
{
	unsigned len = 0;

	rig_forget(r);
	for (unsigned i = 0; i < 20000 && n; i++) {
		rig_pass(r, 10 * MS);
		if (r->n_out) {
			len = r->out[0].len;
			n--;
		}
		rig_forget(r);
	}
	assert_int_equal(n, 0);
	return len;
}

static void send_full(struct rig *r, unsigned n)
{
	rig_write(r, n * rig_conn(r)->mss, rig_conn(r)->mss);
	rig_pass(r, 0);
}

static void large_segments_that_vanish_become_smaller(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	send_full(r, 3);
	assert_int_equal(repeat(r, 2), 1460);
	assert_int_equal(repeat(r, 1), 1024);
	assert_int_equal(rig_count(r, CTR_TCP_MTU_GUESSED), 1);
	assert_int_equal(repeat(r, 1), 1024);
	assert_int_equal(repeat(r, 1), 536);
	assert_int_equal(repeat(r, 2), 536);
	assert_int_equal(rig_count(r, CTR_TCP_MTU_GUESSED), 2);
}

static void all_of_it_arrives(void **state)
{
	struct rig *r = *state;
	uint32_t got, end;

	rig_establish(r);
	got = r->peer_ack;
	end = got + 20 * 1460;
	send_full(r, 20);
	for (unsigned i = 0; i < 3000 && got != end; i++) {
		for (struct out *o; (o = rig_try(r));)
			if (o->len <= 1100 && o->seq == got)
				got += o->len;
		rig_forget(r);
		if (got != r->peer_ack) {
			r->peer_ack = got;
			PEER(r, .flags = TCP_ACK);
		} else {
			rig_pass(r, MS);
		}
	}
	assert_int_equal(got, end);
	assert_int_equal(r->s->tx_queued, 0);
}

/* Who has taken large segments may have lost three in a row: at 10 % loss one timeout in a hundred.
 */
static void where_they_arrived_loss_is_likelier(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	send_full(r, 30);
	for (unsigned i = 0; i < 10; i++) {
		r->peer_ack += 1460;
		PEER(r, .flags = TCP_ACK);
	}
	assert_int_equal(repeat(r, 4), 1460);
	assert_int_equal(rig_count(r, CTR_TCP_MTU_GUESSED), 0);
	/* The path may have become another one. */
	assert_int_equal(repeat(r, 1), 1024);
	assert_int_equal(rig_count(r, CTR_TCP_MTU_GUESSED), 1);
}

static void small_segments_do_not_count(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 500, 500);
	rig_pass(r, 0);
	assert_int_equal(repeat(r, 5), 500);
	assert_int_equal(rig_conn(r)->mss, 1460);
}

static void an_answer_in_between_is_no_black_hole(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	for (unsigned i = 0; i < 4; i++) {
		send_full(r, 1);
		assert_int_equal(repeat(r, 2), 1460);
		r->peer_ack += 1460;
		PEER(r, .flags = TCP_ACK);
	}
	assert_int_equal(rig_conn(r)->mss, 1460);
}

static void options_are_counted(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_TS;
	rig_establish(r);
	send_full(r, 1);
	assert_int_equal(repeat(r, 3), 1024 - TCP_TS_OPTION);
}

static void ipv6_stops_at_its_minimum(void **state)
{
	struct rig *r = *state;

	r->our_ip.w[0] = r->peer_ip.w[0] = rte_cpu_to_be_32(0x20010002);
	rig_establish(r);
	send_full(r, 1);
	assert_int_equal(repeat(r, 3), 1220);
	assert_int_equal(repeat(r, 4), 1220);
	assert_int_equal(rig_count(r, CTR_TCP_MTU_GUESSED), 1);
}

/* Brings it to 1024 and acknowledges all. */
static void shrink(struct rig *r)
{
	uint32_t all = r->peer_ack + 1460;

	rig_write(r, 1460, 1460);
	rig_pass(r, 0);
	assert_int_equal(repeat(r, 3), 1024);
	r->peer_ack = all;
	PEER(r, .flags = TCP_ACK);
	rig_forget(r);
}

static void larger_ones_are_tried_after_ten_minutes(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	shrink(r);
	rig_pass(r, 590 * SEC);
	rig_write(r, 1460, 1460);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 1024);
	r->peer_ack += 1024;
	PEER(r, .flags = TCP_ACK); /* cwnd is one segment after the timeouts */
	assert_int_equal(rig_sent(r)->len, 436);
	r->peer_ack += 436;
	PEER(r, .flags = TCP_ACK);
	rig_forget(r);
	rig_pass(r, 11 * SEC);
	rig_write(r, 1460, 1460);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 1460);
}

static void and_given_up_again_when_they_vanish(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	shrink(r);
	rig_pass(r, 601 * SEC);
	shrink(r);
	assert_int_equal(rig_conn(r)->mss, 1024);
	assert_int_equal(rig_count(r, CTR_TCP_MTU_GUESSED), 2);
}

static void what_a_router_said_is_tried_again_too(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t;

	rig_establish(r);
	t = rig_conn(r)->tuple;
	send_full(r, 1);
	tcp_take_icmp_error(r->tcp, &t, r->peer_ack, true, 1400);
	assert_int_equal(rig_conn(r)->mss, 1360);
	assert_int_equal(rig_count(r, CTR_TCP_MTU_TOLD), 1);
	r->peer_ack += 1460;
	PEER(r, .flags = TCP_ACK);
	rig_pass(r, 601 * SEC);
	rig_write(r, 1460, 1460);
	assert_int_equal(rig_conn(r)->mss, 1460);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(large_segments_that_vanish_become_smaller),
		T(all_of_it_arrives),
		T(where_they_arrived_loss_is_likelier),
		T(small_segments_do_not_count),
		T(an_answer_in_between_is_no_black_hole),
		T(options_are_counted),
		T(ipv6_stops_at_its_minimum),
		T(larger_ones_are_tried_after_ten_minutes),
		T(and_given_up_again_when_they_vanish),
		T(what_a_router_said_is_tried_again_too),
	};

	return cmocka_run_group_tests_name("tcp mtu", tests, rig_group_setup, rig_group_teardown);
}
