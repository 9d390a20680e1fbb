/* test_ecn.c - congestion marks (RFC 3168), for peers that ask. */
#include "fly.h"

#include <tcp/cc.h>

/* A handshake that asks for ECN; the answer's flags. */
static uint8_t establish_marked(struct rig *r, uint8_t syn_flags)
{
	const struct tcp_options mss = {.present = TCP_OPT_MSS, .mss = 1000};
	struct in in = {.flags = syn_flags};
	struct out *o;

	in.opt_len = tcp_options_write(in.opt, &mss);
	peer(r, in);
	o = rig_sent(r);
	r->iss = o->seq;
	r->peer_ack = r->iss + 1;
	PEER(r, .flags = TCP_ACK);
	rig_forget(r);
	return o->flags;
}

#define ASKS (TCP_SYN | TCP_ECE | TCP_CWR)

static void who_asks_is_answered(void **state)
{
	struct rig *r = *state;

	assert_int_equal(establish_marked(r, ASKS), TCP_SYN | TCP_ACK | TCP_ECE);
}

static void who_does_not_ask_is_not(void **state)
{
	struct rig *r = *state;

	assert_int_equal(establish_marked(r, TCP_SYN), TCP_SYN | TCP_ACK);
}

static void half_a_question_is_none(void **state)
{
	struct rig *r = *state;

	assert_int_equal(establish_marked(r, TCP_SYN | TCP_ECE), TCP_SYN | TCP_ACK);
}

static void it_can_be_turned_off(void **state)
{
	struct rig *r = *state;

	r->cfg.ecn = false;
	rig_restart(r);
	assert_int_equal(establish_marked(r, ASKS), TCP_SYN | TCP_ACK);
}

static void we_do_not_ask(void **state)
{
	struct rig *r = *state;

	rig_connect(r); /* checks that the SYN has no other flag */
}

static void data_is_capable_acks_and_repetitions_are_not(void **state)
{
	struct rig *r = *state;

	establish_marked(r, ASKS);
	rig_write(r, 1000, 1000);
	rig_pass(r, 0);
	assert_true(rig_sent(r)->ect);
	rig_wait_ms(r, 250);
	assert_false(rig_sent(r)->ect);
	PEER(r, .flags = TCP_ACK, .len = 10);
	PEER(r, .flags = TCP_ACK, .len = 10);
	assert_false(rig_sent(r)->ect);
}

static void without_ecn_nothing_is_capable(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 1);
	assert_false(rig_sent(r)->ect);
}

static void a_mark_is_echoed_until_it_was_heard(void **state)
{
	struct rig *r = *state;

	establish_marked(r, ASKS);
	PEER(r, .flags = TCP_ACK, .len = 10, .ecn = TCP_IP_CE);
	assert_true(rig_sent(r)->flags & TCP_ECE);
	assert_int_equal(rig_count(r, CTR_TCP_ECN_CE), 1);
	PEER(r, .flags = TCP_ACK, .len = 10);
	PEER(r, .flags = TCP_ACK, .len = 10);
	assert_true(rig_sent(r)->flags & TCP_ECE);
	PEER(r, .flags = TCP_ACK | TCP_CWR, .len = 10);
	PEER(r, .flags = TCP_ACK, .len = 10);
	assert_false(rig_sent(r)->flags & TCP_ECE);
}

static void an_echo_reduces_once_a_round_trip(void **state)
{
	struct rig *r = *state;
	uint32_t ssthresh;

	establish_marked(r, ASKS);
	rig_write(r, 40000, 1000);
	rig_pass(r, 0);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK | TCP_ECE, ACKNO(r->iss + 1 + 2000));
	ssthresh = rig_conn(r)->ssthresh;
	assert_in_range(ssthresh, 5000, 9000);
	PEER(r, .flags = TCP_ACK | TCP_ECE, ACKNO(r->iss + 1 + 4000));
	assert_int_equal(rig_conn(r)->ssthresh, ssthresh);
	assert_int_equal(rig_count(r, CTR_TCP_ECN_REDUCED), 1);
	assert_int_equal(rig_conn(r)->lost, 0);
	PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 1 + 10000));
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_in_range(rig_conn(r)->cwnd, ssthresh, ssthresh + rig_conn(r)->mss);
}

static void the_first_echo_counts_whatever_the_sequence_numbers(void **state)
{
	struct rig *r = *state;

	for (uint8_t i = 0; i < 8; i++) {
		r->cfg.secret[0] = i;
		rig_restart(r);
		establish_marked(r, ASKS);
		rig_write(r, 4000, 1000);
		rig_pass(r, 0);
		PEER(r, .flags = TCP_ACK | TCP_ECE, ACKNO(r->iss + 1 + 2000));
		assert_int_equal(rig_count(r, CTR_TCP_ECN_REDUCED), i + 1u);
		rig_forget(r);
	}
}

static void the_reduction_is_announced_once(void **state)
{
	struct rig *r = *state;
	unsigned announced = 0, sent = 0;
	struct out *o;

	establish_marked(r, ASKS);
	rig_write(r, 40000, 1000);
	rig_pass(r, 0);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK | TCP_ECE, ACKNO(r->iss + 1 + 2000));
	PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 1 + 10000));
	while ((o = rig_try(r))) {
		announced += (o->flags & TCP_CWR) != 0;
		assert_true(sent++ || (o->flags & TCP_CWR));
	}
	assert_int_equal(announced, 1);
}

static void marks_without_agreement_say_nothing(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 10);
	PEER(r, .flags = TCP_ACK | TCP_ECE, ACKNO(r->iss + 1 + 2000), .ecn = TCP_IP_CE);
	assert_int_equal(rig_conn(r)->ssthresh, TCP_CWND_MAX);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, .len = 10, .ecn = TCP_IP_CE);
	PEER(r, .flags = TCP_ACK, .len = 10);
	assert_false(rig_sent(r)->flags & TCP_ECE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_asks_is_answered),
		T(who_does_not_ask_is_not),
		T(half_a_question_is_none),
		T(it_can_be_turned_off),
		T(we_do_not_ask),
		T(data_is_capable_acks_and_repetitions_are_not),
		T(without_ecn_nothing_is_capable),
		T(a_mark_is_echoed_until_it_was_heard),
		T(an_echo_reduces_once_a_round_trip),
		T(the_first_echo_counts_whatever_the_sequence_numbers),
		T(the_reduction_is_announced_once),
		T(marks_without_agreement_say_nothing),
	};

	return cmocka_run_group_tests_name("tcp ecn", tests, rig_group_setup, rig_group_teardown);
}
