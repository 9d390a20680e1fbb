/* test_recover.c - timeouts, fast retransmit, SACK, congestion window. */
#include "fly.h"

#include <string.h>

#include <tcp/cc.h>
#include <tcp/flight.h>
#include <tcp/seq.h>
#include <tcp/timer.h>

/* --- congestion window --- */

static void ten_segments_at_first(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 40);
	for (unsigned i = 0; i < 10; i++)
		expect_data(r, i);
	rig_silent(r);
}

static void initial_window_is_rfc_6928(void **state)
{
	(void)state;
	assert_int_equal(tcp_cc_initial_window(536), 5360);
	assert_int_equal(tcp_cc_initial_window(1460), 14600);
	assert_int_equal(tcp_cc_initial_window(2000), 14600);
	assert_int_equal(tcp_cc_initial_window(8960), 17920);
}

static void slow_start_doubles(void **state)
{
	struct rig *r = *state;
	unsigned sent = 10;

	fly(r, 0, 60);
	rig_forget(r);
	DUP(r, 10);
	while (rig_try(r))
		sent++;
	assert_int_equal(sent, 30);
}

static void cwnd_does_not_grow_unused(void **state)
{
	struct rig *r = *state;
	uint32_t cwnd;

	fly(r, 0, 2);
	cwnd = rig_conn(r)->cwnd;
	DUP(r, 2);
	assert_int_equal(rig_conn(r)->cwnd, cwnd);
}

static void cwnd_restarts_after_idling(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 30);
	DUP(r, 10);
	DUP(r, 30);
	assert_true(rig_conn(r)->cwnd > 10000);
	rig_pass(r, 10 * SEC);
	rig_forget(r);
	rig_write(r, 30000, 1000);
	rig_pass(r, 0);
	assert_int_equal(r->n_out, 10);
}

/* --- timeout --- */

static void unanswered_data_is_repeated_with_back_off(void **state)
{
	struct rig *r = *state;
	uint64_t last, gap = 0;

	fly(r, 0, 1);
	expect_data(r, 0);
	last = r->now_us;
	for (unsigned i = 0; i < 4; i++) {
		while (r->next_out == r->n_out)
			rig_pass(r, MS);
		expect_data(r, 0);
		if (gap)
			assert_in_range(r->now_us - last, gap * 19 / 10, gap * 21 / 10);
		else
			assert_in_range(r->now_us - last, 200 * MS, 210 * MS);
		gap = r->now_us - last;
		last = r->now_us;
	}
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 4);
	assert_int_equal(rig_count(r, CTR_TCP_RETRANS_SEGS), 4);
}

static void silence_is_given_up(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 1);
	for (unsigned i = 0; i < 175; i++)
		rig_pass(r, SEC);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	for (unsigned i = 0; i < 70; i++)
		rig_pass(r, SEC);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_TIMEOUT);
	assert_int_equal(rig_count(r, CTR_TCP_TIMEOUT), 1);
}

static void after_a_timeout_all_is_sent_again_slowly(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 10);
	rig_forget(r);
	rig_wait_ms(r, 210);
	expect_data(r, 0);
	rig_silent(r);
	DUP(r, 1);
	expect_data(r, 1);
	expect_data(r, 2);
	rig_silent(r);
	DUP(r, 10);
	assert_int_equal(r->s->tx_queued, 0);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_int_equal(tcp_conn_in_flight(rig_conn(r)), 0);
}

static void an_ack_restarts_the_timer(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 4);
	rig_forget(r);
	for (unsigned i = 1; i < 4; i++) {
		rig_wait_ms(r, 190);
		rig_silent(r);
		DUP(r, i);
	}
	rig_wait_ms(r, 190);
	rig_silent(r);
	rig_wait_ms(r, 1500); /* the RTO has grown with the round trips */
	expect_data(r, 3);
}

static void the_timer_stops_when_all_is_acknowledged(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 4);
	DUP(r, 4);
	rig_forget(r);
	rig_wait_ms(r, 2000);
	rig_silent(r);
}

static void round_trips_are_measured_by_timestamps(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_TS, 1);
	rig_wait_ms(r, 100);
	PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 1001));
	/* The handshake took no time: 1 ms, then 7/8 of that and 1/8 of 100 ms. */
	assert_in_range(rig_conn(r)->srtt_us, 12500, 13500);
}

static void round_trips_are_measured_without(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 1);
	rig_wait_ms(r, 100);
	DUP(r, 1);
	assert_in_range(rig_conn(r)->srtt_us, 12500, 13500);
}

static void what_was_sent_twice_is_not_measured(void **state)
{
	struct rig *r = *state;
	uint32_t srtt;

	fly(r, 0, 1);
	srtt = rig_conn(r)->srtt_us;
	rig_wait_ms(r, 500);
	DUP(r, 1);
	assert_int_equal(rig_conn(r)->srtt_us, srtt);
}

static void a_lost_ack_is_not_measured_by_its_echo(void **state)
{
	struct rig *r = *state;
	uint32_t srtt, sent;

	fly(r, PEER_TS, 1);
	rig_wait_ms(r, 20);
	DUP(r, 1);
	srtt = rig_conn(r)->srtt_us;
	rig_write(r, 1000, 1000);
	rig_pass(r, 0);
	sent = r->our_ts;
	rig_wait_ms(r, 250); /* it arrived, the ACK did not; the repetition's does */
	sack_ts(r, 2, 0, 0, sent);
	assert_int_equal(rig_conn(r)->snd_una, rig_conn(r)->snd_nxt);
	assert_int_equal(rig_conn(r)->srtt_us, srtt);
}

static void rto_follows_rfc_6298(void **state)
{
	struct tcp_conn c = {0};

	(void)state;
	assert_int_equal(tcp_timer_rto_ms(&c), 1000);
	tcp_timer_measure(&c, 400000);
	assert_int_equal(c.rttvar_us, 200000);
	assert_int_equal(tcp_timer_rto_ms(&c), 1200);
	c.backoff = 1;
	assert_int_equal(tcp_timer_rto_ms(&c), 2400);
	c.backoff = TCP_BACKOFF_MAX;
	assert_int_equal(tcp_timer_rto_ms(&c), 60000);
	c.backoff = 0;
	for (unsigned i = 0; i < 100; i++)
		tcp_timer_measure(&c, 1000);
	assert_int_equal(tcp_timer_rto_ms(&c), 200);
}

/* Of two holes the second was sent after the first was found. */
static void lose_twice(struct rig *r, enum congestion cc)
{
	r->cfg.cc = cc;
	rig_restart(r);
	fly(r, PEER_SACK, 20);
	rig_pass(r, 20 * MS);
	rig_conn(r)->min_rtt_us = FLY_RTT_US;
	SACK(r, 0, 1, 1, 4);
	rig_pass(r, 20 * MS);
	SACK(r, 0, 1, 1, 10);
	rig_pass(r, 20 * MS);
	assert_true(seq_geq(rig_conn(r)->snd_nxt, r->iss + 1 + 14000));
	SACK(r, 0, 2, 11, 14, 1, 10);
	rig_pass(r, 20 * MS);
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 1);
	SACK(r, 10, 1, 11, 14);
}

static void to_a_model_all_that_is_lost_is_one_episode(void **state)
{
	struct rig *r = *state;

	lose_twice(r, CONGESTION_BBR);
	assert_int_equal(rig_conn(r)->recovery, TCP_RECOVERY);
	assert_int_equal(rig_conn(r)->recover, rig_conn(r)->snd_nxt);
	rig_pass(r, 20 * MS);
	DUP(r, 20);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 1);
}

static void to_others_what_was_sent_since_is_another(void **state)
{
	struct rig *r = *state;

	lose_twice(r, CONGESTION_CUBIC);
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 2);
}

/* --- fast retransmit without SACK (RFC 5681, 6582) --- */

static void three_duplicates_are_a_loss(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 10);
	rig_forget(r);
	DUP(r, 1);
	DUP(r, 1);
	DUP(r, 1);
	rig_silent(r);
	DUP(r, 1);
	expect_data(r, 1);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 1);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 0);
	DUP(r, 10);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_int_equal(rig_conn(r)->cwnd, rig_conn(r)->ssthresh);
}

static void duplicates_with_data_or_window_do_not_count(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 10);
	rig_forget(r);
	for (unsigned i = 0; i < 6; i++) {
		PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 1), .len = 1);
		PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 1), WND((uint16_t)(60000 - i)));
	}
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 0);
}

static void a_partial_ack_repeats_the_next(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 10);
	rig_forget(r);
	for (unsigned i = 0; i < 4; i++)
		DUP(r, 1);
	expect_data(r, 1);
	DUP(r, 4);
	expect_data(r, 4);
	assert_int_equal(rig_conn(r)->recovery, TCP_RECOVERY);
	DUP(r, 10);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 1);
}

static void duplicates_let_new_data_out(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 40); /* 10 under way */
	rig_forget(r);
	DUP(r, 0);
	expect_data(r, 10); /* limited transmit, RFC 3042 */
	DUP(r, 0);
	expect_data(r, 11);
	DUP(r, 0);
	expect_data(r, 0);
	rig_silent(r);
}

static void duplicates_after_a_timeout_do_not_start_a_recovery(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 10);
	rig_wait_ms(r, 210);
	rig_forget(r);
	for (unsigned i = 0; i < 8; i++)
		DUP(r, 0);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 0);
}

/* --- with SACK (RFC 6675) --- */

static void only_the_holes_are_repeated(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 10);
	rig_pass(r, 10 * MS);
	rig_forget(r);
	DUP(r, 1);
	SACK(r, 1, 1, 2, 3);
	SACK(r, 1, 1, 2, 4);
	rig_silent(r);
	SACK(r, 1, 2, 5, 6, 2, 4);
	expect_data(r, 1);
	SACK(r, 1, 2, 5, 7, 2, 4);
	SACK(r, 1, 2, 5, 8, 2, 4);
	SACK(r, 1, 2, 5, 9, 2, 4);
	SACK(r, 1, 2, 5, 10, 2, 4);
	expect_data(r, 4);
	rig_silent(r);
	SACK(r, 4, 1, 5, 10);
	rig_silent(r);
	DUP(r, 10);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_int_equal(r->s->tx_queued, 0);
}

/* Two that arrived have made room that nothing has filled yet, in the burst that reports a loss. */
static void a_burst_of_acks_does_not_make_the_reduction_larger(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 40);
	rig_conn(r)->ssthresh = rig_conn(r)->cwnd = 20000;
	rig_pass(r, FLY_RTT_US);
	DUP(r, 1);
	assert_int_equal(rig_conn(r)->snd_nxt, r->iss + 1 + 21000);
	r->batch = true;
	DUP(r, 5);
	SACK(r, 5, 1, 6, 9);
	r->batch = false;
	rig_pass(r, 0);
	assert_int_equal(rig_conn(r)->recovery, TCP_RECOVERY);
	assert_in_range(rig_conn(r)->ssthresh, 14000, 14500);
}

static void plain_duplicates_say_nothing_with_sack(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 10);
	rig_forget(r);
	for (unsigned i = 0; i < 10; i++)
		DUP(r, 0);
	rig_silent(r);
}

static void nonsense_blocks_are_ignored(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 10);
	rig_forget(r);
	SACK(r, 0, 1, 100, 200); /* never sent */
	SACK(r, 0, 1, 5, 2);     /* backwards */
	SACK(r, 0, 1, 3, 3);     /* empty */
	SACK(r, 0, 1, 0x300000, 0x300001);
	SACK(r, 0, 1, 9, 11); /* over the end */
	assert_int_equal(rig_conn(r)->sacked, 0);
	rig_silent(r);
}

static void a_part_of_a_segment_is_not_held(void **state)
{
	struct rig *r = *state;
	struct tcp_options o = {.n_sack = 1};
	struct in in = {.flags = TCP_ACK};

	fly(r, PEER_SACK, 10);
	o.sack[0] = (struct tcp_sack_block){r->iss + 1 + 2001, r->iss + 1 + 2999};
	in.opt_len = tcp_options_write(in.opt, &o);
	peer(r, in);
	assert_int_equal(rig_conn(r)->sacked, 0);
}

static void counts_stay_right_when_acknowledged(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c;

	fly(r, PEER_SACK, 10);
	c = rig_conn(r);
	SACK(r, 0, 1, 3, 8);
	assert_int_equal(c->sacked, 5000);
	assert_int_equal(c->lost, 3000);
	SACK(r, 5, 1, 5, 8);
	assert_int_equal(c->sacked, 3000);
	assert_int_equal(c->lost, 0);
	assert_int_equal(c->retrans, 0);
	DUP(r, 10);
	assert_int_equal(c->sacked, 0);
	assert_int_equal(c->n_sacked, 0);
	assert_int_equal(tcp_conn_in_flight(c), 0);
}

static void a_lost_repetition_is_found_without_a_timeout(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 40);
	rig_forget(r);
	rig_pass(r, 10 * MS);
	SACK(r, 0, 1, 1, 4);
	expect_data(r, 0);
	rig_pass(r, 10 * MS);
	SACK(r, 0, 1, 1, 10); /* room for new data */
	expect_data(r, 10);
	rig_forget(r);
	rig_pass(r, 10 * MS);
	SACK(r, 0, 1, 1, 11); /* the new arrived, the repetition did not */
	expect_data(r, 0);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 0);
}

static void held_segments_survive_a_timeout(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 4);
	SACK(r, 0, 1, 1, 2);
	rig_forget(r);
	rig_wait_ms(r, 220);
	expect_data(r, 0);
	DUP(r, 2);
	expect_data(r, 2);
	expect_data(r, 3);
	rig_silent(r);
}

static void a_peer_that_forgets_is_noticed(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 4);
	SACK(r, 0, 1, 1, 3);
	DUP(r, 1); /* it held 1 and 2, and yet waits for 1 */
	rig_forget(r);
	rig_wait_ms(r, 220);
	expect_data(r, 1);
	assert_int_equal(rig_conn(r)->sacked, 0);
	DUP(r, 2);
	expect_data(r, 2);
}

/* --- needless recoveries (RFC 3522, RFC 4015) --- */

static void the_original_was_only_late(void **state)
{
	struct rig *r = *state;
	uint32_t sent;

	fly(r, PEER_SACK | PEER_TS, 30);
	sent = r->our_ts;
	rig_forget(r);
	rig_pass(r, 10 * MS);
	sack_ts(r, 0, 1, 7, sent);
	expect_data(r, 0);
	assert_int_equal(rig_conn(r)->recovery, TCP_RECOVERY);
	rig_pass(r, MS);
	sack_ts(r, 7, 0, 0, sent);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_true(rig_conn(r)->cwnd >= 10000);
	assert_true(rig_conn(r)->ssthresh > 1000000); /* slow start goes on */
	assert_true(rig_conn(r)->flight->reordered);
	assert_int_equal(rig_conn(r)->lost, 0);
}

static void the_repetition_was_needed(void **state)
{
	struct rig *r = *state;
	uint32_t sent;

	fly(r, PEER_SACK | PEER_TS, 30);
	sent = r->our_ts;
	rig_pass(r, 10 * MS);
	rig_forget(r);
	sack_ts(r, 0, 1, 7, sent);
	expect_data(r, 0);
	rig_pass(r, 10 * MS);
	sack_ts(r, 10, 0, 0, r->our_ts);
	assert_in_range(rig_conn(r)->cwnd, 7000, 8000);
	assert_false(rig_conn(r)->flight->reordered);
}

static void a_needless_timeout_is_undone(void **state)
{
	struct rig *r = *state;
	uint32_t sent;

	fly(r, PEER_SACK | PEER_TS, 10);
	sent = r->our_ts;
	rig_forget(r);
	rig_wait_ms(r, 300);
	expect_data(r, 9); /* the tail, probed */
	expect_data(r, 0);
	sack_ts(r, 1, 0, 0, sent); /* a delay, no loss */
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_true(rig_conn(r)->cwnd >= 10000);
	rig_silent(r); /* nothing else is repeated */
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ten_segments_at_first),
		cmocka_unit_test(initial_window_is_rfc_6928),
		T(slow_start_doubles),
		T(cwnd_does_not_grow_unused),
		T(cwnd_restarts_after_idling),
		T(unanswered_data_is_repeated_with_back_off),
		T(silence_is_given_up),
		T(after_a_timeout_all_is_sent_again_slowly),
		T(an_ack_restarts_the_timer),
		T(the_timer_stops_when_all_is_acknowledged),
		T(round_trips_are_measured_by_timestamps),
		T(round_trips_are_measured_without),
		T(what_was_sent_twice_is_not_measured),
		T(a_lost_ack_is_not_measured_by_its_echo),
		cmocka_unit_test(rto_follows_rfc_6298),
		T(to_a_model_all_that_is_lost_is_one_episode),
		T(to_others_what_was_sent_since_is_another),
		T(three_duplicates_are_a_loss),
		T(duplicates_with_data_or_window_do_not_count),
		T(a_partial_ack_repeats_the_next),
		T(duplicates_let_new_data_out),
		T(duplicates_after_a_timeout_do_not_start_a_recovery),
		T(only_the_holes_are_repeated),
		T(a_burst_of_acks_does_not_make_the_reduction_larger),
		T(plain_duplicates_say_nothing_with_sack),
		T(nonsense_blocks_are_ignored),
		T(a_part_of_a_segment_is_not_held),
		T(counts_stay_right_when_acknowledged),
		T(a_lost_repetition_is_found_without_a_timeout),
		T(held_segments_survive_a_timeout),
		T(a_peer_that_forgets_is_noticed),
		T(the_original_was_only_late),
		T(the_repetition_was_needed),
		T(a_needless_timeout_is_undone),
	};

	return cmocka_run_group_tests_name("tcp recover", tests, rig_group_setup,
					   rig_group_teardown);
}
