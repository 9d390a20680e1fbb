/* test_rack.c - losses by time, probes of the tail, the way of cwnd through a recovery, and
 * needless recoveries: RFC 8985, 6937, 2883, 3708, 5682. */
#include "fly.h"

#include <tcp/sendq.h>

#include <tcp/cc.h>
#include <tcp/flight.h>

/* A flight of n segments sent 1 ms apart, the last `ago` ms ago, in a path of FLY_RTT_US. */
static void fly_apart(struct rig *r, unsigned n, unsigned ago_ms)
{
	fly(r, PEER_SACK, 1);
	rig_conn(r)->min_rtt_us = FLY_RTT_US;
	for (unsigned i = 1; i < n; i++) {
		rig_pass(r, MS);
		rig_write(r, 1000, 1000);
		rig_pass(r, 0);
	}
	rig_pass(r, ago_ms * MS);
	rig_forget(r);
}

/* --- RFC 8985 section 6: RACK --- */

static void one_held_segment_makes_older_ones_lost_after_the_window(void **state)
{
	struct rig *r = *state;

	fly_apart(r, 5, 16);
	SACK(r, 0, 1, 3, 4); /* 3 ms after the first was sent; 5 ms of reordering are granted */
	rig_wait_ms(r, 1);
	rig_silent(r);
	rig_wait_ms(r, 6); /* one timer for all three */
	assert_int_equal(rig_conn(r)->lost, 3000);
	expect_data(r, 0);
}

static void reordering_within_the_window_is_no_loss(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 5);
	rig_pass(r, 20 * MS);
	rig_conn(r)->min_rtt_us = FLY_RTT_US;
	rig_forget(r);
	SACK(r, 0, 1, 1, 3); /* two held */
	rig_silent(r);
	rig_pass(r, 3 * MS);
	DUP(r, 3);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_TCP_FAST_RETRANS), 0);
	assert_true(rig_conn(r)->flight->reordered);
}

static void the_reordering_timer_finds_the_loss(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 5);
	rig_pass(r, 20 * MS);
	rig_conn(r)->min_rtt_us = FLY_RTT_US;
	rig_forget(r);
	SACK(r, 0, 1, 1, 3);
	rig_wait_ms(r, 4);
	rig_silent(r);
	rig_wait_ms(r, 4); /* a quarter of the round trip is over */
	expect_data(r, 0);
	assert_int_equal(rig_conn(r)->recovery, TCP_RECOVERY);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 0);
}

static void three_held_need_no_waiting(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 5);
	rig_pass(r, 20 * MS);
	rig_conn(r)->min_rtt_us = FLY_RTT_US;
	rig_forget(r);
	SACK(r, 0, 1, 1, 4);
	expect_data(r, 0);
}

static void where_reordering_was_seen_three_are_not_enough(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 9);
	rig_pass(r, 20 * MS);
	rig_conn(r)->min_rtt_us = FLY_RTT_US;
	SACK(r, 0, 1, 1, 2);
	DUP(r, 2); /* the first came after the second */
	rig_forget(r);
	SACK(r, 2, 1, 3, 7);
	rig_silent(r);
	rig_wait_ms(r, 8);
	expect_data(r, 2);
}

/* The first of a flight is repeated, and the peer had it already. */
static void repeat_needlessly(struct rig *r, bool reordered)
{
	struct tcp_options o = {.n_sack = 1};
	struct in in = {.flags = TCP_ACK};

	fly(r, PEER_SACK, 9);
	rig_pass(r, 20 * MS);
	rig_conn(r)->min_rtt_us = FLY_RTT_US;
	SACK(r, 0, 1, 1, 4);
	assert_int_equal(rig_conn(r)->flight->reo_mult, 1);
	rig_conn(r)->flight->reordered = reordered;
	o.sack[0] = (struct tcp_sack_block){r->iss + 1, r->iss + 1001};
	in.opt_len = tcp_options_write(in.opt, &o);
	in.has_ack = true;
	in.ack = r->iss + 4001;
	peer(r, in);
	assert_int_equal(rig_count(r, CTR_TCP_DSACK_IN), 1);
}

static void a_needless_repetition_widens_the_window(void **state)
{
	struct rig *r = *state;

	repeat_needlessly(r, true);
	assert_int_equal(rig_conn(r)->flight->reo_mult, 2);
	assert_int_equal(rig_conn(r)->flight->reo_persist, 16);
}

/* What a timeout repeats comes twice as well, and a longer wait would only bring more of them. */
static void without_reordering_it_does_not(void **state)
{
	struct rig *r = *state;

	repeat_needlessly(r, false);
	assert_int_equal(rig_conn(r)->flight->reo_mult, 1);
	assert_false(rig_conn(r)->flight->reordered);
}

/* --- RFC 8985 section 7: TLP --- */

static void the_tail_is_probed_after_two_round_trips(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 5);
	rig_forget(r);
	rig_wait_ms(r, 38);
	rig_silent(r);
	rig_wait_ms(r, 8);
	expect_data(r, 4);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_TCP_TLP), 1);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	rig_wait_ms(r, 150); /* one probe, then the timeout */
	rig_silent(r);
}

static void a_probe_prefers_new_data(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 20);
	rig_forget(r);
	rig_wait_ms(r, 46);
	expect_data(r, 10); /* beyond cwnd */
	assert_false(rig_conn(r)->flight->tlp_again);
}

static void a_single_segment_waits_for_the_delayed_ack(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 1);
	rig_forget(r);
	rig_wait_ms(r, 190);
	rig_silent(r);
	rig_wait_ms(r, 20);
	expect_data(r, 0);
	assert_int_equal(rig_count(r, CTR_TCP_TLP), 1);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 0);
}

static void without_sack_nothing_is_probed(void **state)
{
	struct rig *r = *state;

	fly(r, 0, 5);
	rig_forget(r);
	rig_wait_ms(r, 190);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_TCP_TLP), 0);
}

static void a_probe_s_answer_finds_the_loss(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 5);
	rig_forget(r);
	rig_wait_ms(r, 46);
	expect_data(r, 4);
	rig_pass(r, 20 * MS);
	SACK(r, 2, 1, 4, 5);
	rig_wait_ms(r, 10);
	expect_data(r, 2);
	expect_data(r, 3);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 0);
}

/* Of n segments ten are under way, the first lost and repeated; of the rest nothing is heard. */
static void recover_in_silence(struct rig *r, unsigned n)
{
	fly(r, PEER_SACK, n);
	rig_pass(r, 20 * MS);
	rig_forget(r);
	SACK(r, 0, 1, 1, 4);
	expect_data(r, 0);
	rig_forget(r);
}

static void a_silent_recovery_is_probed_with_new_data(void **state)
{
	struct rig *r = *state;

	recover_in_silence(r, 20);
	rig_wait_ms(r, 46);
	assert_int_equal(rig_count(r, CTR_TCP_TLP), 1);
	assert_true(rig_sent(r)->seq >= r->iss + 1 + 10000);
	rig_silent(r);
}

static void the_answer_finds_that_the_repetition_was_lost(void **state)
{
	struct rig *r = *state;
	uint32_t probe;

	recover_in_silence(r, 20);
	rig_wait_ms(r, 46);
	probe = (rig_sent(r)->seq - r->iss - 1) / 1000;
	rig_pass(r, 20 * MS);
	SACK(r, 0, 2, probe, probe + 1, 1, 4);
	rig_wait_ms(r, 10);
	expect_data(r, 0);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 0);
}

static void a_silent_recovery_without_new_data_waits_for_the_timeout(void **state)
{
	struct rig *r = *state;

	recover_in_silence(r, 10);
	rig_wait_ms(r, 100);
	rig_silent(r);
	rig_wait_ms(r, 200);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 1);
}

static void first_reports_of_a_pass_let_new_data_go(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 20); /* 10 of them under way */
	rig_pass(r, 20 * MS);
	rig_forget(r);
	r->batch = true;
	for (unsigned i = 2; i <= 4; i++)
		SACK(r, 0, 1, 1, i);
	rig_pass(r, 0);
	expect_data(r, 10);
	expect_data(r, 11);
	expect_data(r, 0);
}

static void a_loss_that_a_probe_repaired_reduces_cwnd(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 5);
	rig_wait_ms(r, 46);
	DUP(r, 5); /* the original or the probe: not known yet */
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	rig_write(r, 2000, 1000);
	rig_pass(r, 0);
	DUP(r, 7);
	assert_int_equal(rig_conn(r)->ssthresh < TCP_CWND_MAX, true);
}

static void a_probe_that_came_twice_does_not(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 5);
	rig_wait_ms(r, 46);
	DUP(r, 5);
	SACK(r, 5, 1, 4, 5); /* RFC 2883: the last came again */
	rig_write(r, 2000, 1000);
	rig_pass(r, 0);
	DUP(r, 7);
	assert_int_equal(rig_conn(r)->ssthresh, TCP_CWND_MAX);
}

/* --- RFC 6937, RFC 9937: PRR --- */

static unsigned count_sent(struct rig *r)
{
	unsigned n = 0;

	while (rig_try(r))
		n++;
	return n;
}

static void cwnd_comes_down_with_what_arrives(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 60);
	DUP(r, 10); /* 20 under way: 10..29 */
	rig_pass(r, 20 * MS);
	rig_forget(r);
	SACK(r, 10, 1, 11, 14);
	assert_int_equal(rig_conn(r)->recovery, TCP_RECOVERY);
	assert_int_equal(rig_conn(r)->ssthresh, 14000);
	for (unsigned i = 15; i <= 30; i++)
		SACK(r, 10, 1, 11, i);
	/* 19 of 20 arrived: 7 for each 10 of them, the repetition among them. */
	assert_int_equal(count_sent(r), 14);
	assert_in_range(tcp_conn_in_flight(rig_conn(r)), 12000, 14000);
}

/* Seven segments for each ten: the first of a byte more than two of them is the third. */
static void a_segment_begun_is_sent(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 60);
	DUP(r, 10);
	rig_pass(r, 20 * MS);
	rig_forget(r);
	SACK(r, 10, 1, 11, 14);
	assert_int_equal(count_sent(r), 3); /* for 2.1 */
	SACK(r, 10, 1, 11, 15);
	assert_int_equal(count_sent(r), 0); /* for 2.8 */
	SACK(r, 10, 1, 11, 16);
	assert_int_equal(count_sent(r), 1); /* for 3.5 */
}

static void after_recovery_cwnd_is_ssthresh(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 40);
	DUP(r, 10);
	rig_pass(r, 20 * MS);
	SACK(r, 10, 1, 11, 14);
	rig_pass(r, 20 * MS);
	DUP(r, 30);
	assert_int_equal(rig_conn(r)->recovery, TCP_OPEN);
	assert_int_equal(rig_conn(r)->ssthresh, 14000);
	/* And what the same acknowledgement lets it grow: less than a segment a round trip. */
	assert_in_range(rig_conn(r)->cwnd, 14001, 15000);
}

static void many_losses_do_not_make_a_burst(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 80);
	DUP(r, 10);
	DUP(r, 30); /* 40 under way: 30..69 */
	rig_pass(r, 20 * MS);
	rig_forget(r);
	SACK(r, 30, 1, 66, 70); /* 36 lost, 4 arrived: below ssthresh at once */
	assert_in_range(r->n_out, 1, 4);
}

/* --- needless recoveries --- */

static void all_repetitions_twice_undo_the_reduction(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 20);
	rig_pass(r, 20 * MS);
	rig_forget(r);
	SACK(r, 0, 1, 2, 6);
	expect_data(r, 0);
	SACK(r, 0, 1, 2, 8);
	expect_data(r, 1);
	rig_pass(r, MS);
	DUP(r, 10); /* the originals, late */
	assert_in_range(rig_conn(r)->cwnd, 7000, 8000);
	SACK(r, 10, 1, 0, 1);
	assert_in_range(rig_conn(r)->cwnd, 7000, 8000);
	SACK(r, 10, 1, 1, 2);
	assert_true(rig_conn(r)->cwnd >= 10000);
	assert_int_equal(rig_count(r, CTR_TCP_SPURIOUS), 1);
}

static void originals_held_after_a_timeout_undo_it(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 10);
	rig_forget(r);
	rig_wait_ms(r, 300);
	assert_int_equal(rig_count(r, CTR_TCP_RTO), 1);
	SACK(r, 0, 1, 1, 2); /* never repeated: a delay, RFC 5682 */
	assert_int_equal(rig_count(r, CTR_TCP_SPURIOUS), 1);
	assert_true(rig_conn(r)->cwnd >= 10000);
}

static void a_duplicate_report_before_the_ack_is_no_hole(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 10);
	rig_pass(r, 20 * MS);
	DUP(r, 5);
	rig_forget(r);
	for (unsigned i = 0; i < 5; i++)
		SACK(r, 5, 1, i, i + 1);
	rig_silent(r);
	assert_int_equal(rig_conn(r)->sacked, 0);
	assert_int_equal(rig_count(r, CTR_TCP_DSACK_IN), 5);
}

/* What is held is stepped over by runs: pieces of it must not lead back. */
static void what_is_held_may_be_cut(void **state)
{
	struct rig *r = *state;
	struct tcp_tuple t = {.local = {.ip = r->our_ip, .port = OUR_PORT},
			      .remote = {.ip = r->peer_ip, .port = PEER_PORT}};

	fly(r, PEER_SACK, 10);
	SACK(r, 0, 1, 3, 6);
	tcp_take_icmp_error(r->tcp, &t, r->iss + 1, false, 576);
	assert_int_equal(rig_conn(r)->mss, 536);
	assert_int_equal(rig_conn(r)->n_sacked, 6);
	SACK(r, 0, 1, 3, 8);
	assert_int_equal(rig_conn(r)->n_sacked, 10);
	assert_int_equal(rig_conn(r)->sacked, 5000);
	SACK(r, 4, 1, 4, 8);
	assert_int_equal(rig_conn(r)->sacked, 4000);
	DUP(r, 10);
	assert_int_equal(tcp_conn_in_flight(rig_conn(r)), 0);
	assert_int_equal(r->s->tx_queued, 0);
}

/* A peer may take back what it said to hold (RFC 2018 section 8). When it arrives in the end, the
 * rate is measured by when it was sent. */
static void what_is_taken_back_knows_when_it_was_sent(void **state)
{
	struct rig *r = *state;
	struct pkt_priv before[3];
	struct rte_mbuf *m;

	r->cfg.cc = CONGESTION_BBR;
	rig_restart(r);
	fly(r, PEER_SACK, 5);
	m = rig_conn(r)->sq_head;
	for (unsigned i = 0; i < 3; i++, m = pkt_priv(m)->next)
		before[i] = *pkt_priv(m);
	SACK(r, 0, 1, 0, 3);
	assert_int_equal(rig_conn(r)->n_sacked, 3);
	rig_wait_ms(r, 1);
	tcp_sendq_forget(rig_conn(r));
	m = rig_conn(r)->sq_head;
	for (unsigned i = 0; i < 3; i++, m = pkt_priv(m)->next) {
		assert_int_equal(pkt_priv(m)->delivered, before[i].delivered);
		assert_int_equal(pkt_priv(m)->delivered_us, before[i].delivered_us);
		assert_int_equal(pkt_priv(m)->first_sent_us, before[i].first_sent_us);
	}
}

/* --- RFC 2883: what we report --- */

static void expect_blocks(struct rig *r, unsigned n, uint32_t start, uint32_t end)
{
	struct out *o = rig_sent(r);

	assert_int_equal(o->opt.n_sack, n);
	assert_int_equal(o->opt.sack[0].start, start);
	assert_int_equal(o->opt.sack[0].end, end);
}

static void an_old_segment_is_reported(void **state)
{
	struct rig *r = *state;
	uint32_t at;

	r->peer_options = PEER_SACK;
	rig_establish(r);
	at = r->peer_seq;
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, SEQ(at), .len = 100);
	expect_blocks(r, 1, at, at + 100);
	PEER(r, .flags = TCP_ACK, .len = 100);
	PEER(r, .flags = TCP_ACK, .len = 100);
	assert_int_equal(rig_sent(r)->opt.n_sack, 0); /* once */
}

static void the_known_part_of_a_segment_is_reported(void **state)
{
	struct rig *r = *state;
	uint32_t at;

	r->peer_options = PEER_SACK;
	rig_establish(r);
	at = r->peer_seq;
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, SEQ(at + 50), .len = 100);
	rig_wait_ms(r, 50);
	expect_blocks(r, 1, at + 50, at + 100);
}

static void a_held_segment_again_is_reported_before_its_block(void **state)
{
	struct rig *r = *state;
	uint32_t at;

	r->peer_options = PEER_SACK;
	rig_establish(r);
	at = r->peer_seq;
	PEER(r, .flags = TCP_ACK, SEQ(at + 200), .len = 100);
	PEER(r, .flags = TCP_ACK, SEQ(at + 300), .len = 100);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, SEQ(at + 300), .len = 100);
	expect_blocks(r, 2, at + 300, at + 400);
	assert_int_equal(rig_count(r, CTR_TCP_DSACK_OUT), 1);
}

static void without_sack_nothing_is_reported(void **state)
{
	struct rig *r = *state;
	uint32_t at;

	rig_establish(r);
	at = r->peer_seq;
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, SEQ(at), .len = 100);
	assert_int_equal(rig_sent(r)->opt.n_sack, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_held_segment_makes_older_ones_lost_after_the_window),
		T(reordering_within_the_window_is_no_loss),
		T(the_reordering_timer_finds_the_loss),
		T(three_held_need_no_waiting),
		T(where_reordering_was_seen_three_are_not_enough),
		T(a_needless_repetition_widens_the_window),
		T(without_reordering_it_does_not),
		T(the_tail_is_probed_after_two_round_trips),
		T(a_probe_prefers_new_data),
		T(a_single_segment_waits_for_the_delayed_ack),
		T(without_sack_nothing_is_probed),
		T(a_probe_s_answer_finds_the_loss),
		T(a_silent_recovery_is_probed_with_new_data),
		T(the_answer_finds_that_the_repetition_was_lost),
		T(a_silent_recovery_without_new_data_waits_for_the_timeout),
		T(first_reports_of_a_pass_let_new_data_go),
		T(a_loss_that_a_probe_repaired_reduces_cwnd),
		T(a_probe_that_came_twice_does_not),
		T(cwnd_comes_down_with_what_arrives),
		T(a_segment_begun_is_sent),
		T(after_recovery_cwnd_is_ssthresh),
		T(many_losses_do_not_make_a_burst),
		T(all_repetitions_twice_undo_the_reduction),
		T(originals_held_after_a_timeout_undo_it),
		T(a_duplicate_report_before_the_ack_is_no_hole),
		T(what_is_held_may_be_cut),
		T(what_is_taken_back_knows_when_it_was_sent),
		T(an_old_segment_is_reported),
		T(the_known_part_of_a_segment_is_reported),
		T(a_held_segment_again_is_reported_before_its_block),
		T(without_sack_nothing_is_reported),
	};

	return cmocka_run_group_tests_name("tcp rack", tests, rig_group_setup, rig_group_teardown);
}
