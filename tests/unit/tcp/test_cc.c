/* test_cc.c - controllers alone: CUBIC (RFC 9438), Reno, HyStart++ (RFC 9406), the BBR-style model,
 * and pacing. */
#include "fly.h"

#include <tcp/cc.h>

/* A connection with `segments` of 1000 bytes of cwnd under way in a round trip of rtt_ms. */
static struct tcp_conn *steady(struct rig *r, enum congestion cc, unsigned segments,
			       unsigned rtt_ms)
{
	struct tcp_conn *c;

	r->cfg.cc = cc;
	rig_restart(r);
	rig_establish(r);
	c = rig_conn(r);
	c->mss = 1000;
	c->srtt_us = rtt_ms * 1000;
	c->cwnd = segments * 1000;
	c->snd_nxt = c->snd_una + c->cwnd;
	tcp_flight_get(r->tcp, c);
	return c;
}

static void rest(struct tcp_conn *c)
{
	c->snd_nxt = c->snd_una;
}

/* One round trip in which cwnd arrives, two segments an ACK. */
static void round_trip(struct rig *r, struct tcp_conn *c, uint32_t rtt_us)
{
	struct tcp_delivered d = {.bytes = 2000, .rtt_us = rtt_us};
	unsigned acks = c->cwnd / 2000;

	for (unsigned i = 0; i < acks; i++) {
		tcp_set_now(r->tcp, r->now_us += c->srtt_us / acks);
		c->snd_una += 2000;
		c->snd_nxt = c->snd_una + c->cwnd;
		tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
	}
}

static void lose_one(struct tcp_conn *c)
{
	c->snd_nxt = c->snd_una + c->cwnd;
	tcp_cc_of(c)->reduce(c, c->flight);
	c->cwnd = c->ssthresh;
}

/* --- CUBIC --- */

static void cubic_grows_back_to_the_maximum_and_beyond(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 100, 50);
	uint32_t before;

	lose_one(c);
	assert_int_equal(c->ssthresh, 70000);
	before = c->cwnd;
	for (unsigned i = 0; i < 80; i++) { /* K is 4.2 s */
		round_trip(r, c, 50000);
		assert_true(c->cwnd >= before);
		before = c->cwnd;
	}
	assert_in_range(c->cwnd, 95000, 125000); /* no less than Reno */
	for (unsigned i = 0; i < 120; i++)
		round_trip(r, c, 50000);
	assert_true(c->cwnd > 180000);
	rest(c);
}

static void cubic_is_flat_about_the_maximum(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 1000, 100);
	uint32_t at_k, later;

	lose_one(c);
	for (unsigned i = 0; i < 85; i++) /* K = cbrt(300 / 0.4) = 9.1 s */
		round_trip(r, c, 100000);
	at_k = c->cwnd;
	for (unsigned i = 0; i < 10; i++)
		round_trip(r, c, 100000);
	later = c->cwnd;
	assert_in_range(at_k, 990000, 1005000);
	assert_in_range(later, at_k, at_k + 6000);
	rest(c);
}

/* Whether its first millisecond is an odd or an even one. */
static void cubic_begins_an_epoch_at_rest(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 1000, 100);
	struct tcp_delivered d = {.bytes = 2000};

	for (unsigned i = 0; i < 2; i++) {
		c->cwnd = 1000000;
		tcp_set_now(r->tcp, r->now_us += MS);
		lose_one(c);
		tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
		assert_in_range(c->cwnd, 700000, 700100);
	}
	rest(c);
}

static void cubic_is_no_slower_than_reno_in_short_round_trips(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 20, 5);

	lose_one(c); /* 14 segments; 6 missing at 0.529 a round trip */
	for (unsigned i = 0; i < 12; i++)
		round_trip(r, c, 5000);
	assert_in_range(c->cwnd, 19500, 21500);
	for (unsigned i = 0; i < 10; i++) /* and then a segment a round trip */
		round_trip(r, c, 5000);
	assert_in_range(c->cwnd, 28500, 31500);
	rest(c);
}

static void cubic_converges_fast_when_the_maximum_shrinks(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 100, 50);

	lose_one(c);
	assert_int_equal(c->flight->cubic.w_max, 100000);
	lose_one(c); /* at 70, below the last maximum: 70 * 1.7 / 2 */
	assert_int_equal(c->flight->cubic.w_max, 59500);
	rest(c);
}

static void cubic_takes_back_a_needless_reduction(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 100, 50);

	lose_one(c);
	lose_one(c);
	tcp_cc_of(c)->undo(c, c->flight);
	assert_int_equal(c->flight->cubic.w_max, 100000);
	rest(c);
}

static void a_pause_is_no_growth(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 100, 50);
	uint32_t before;

	lose_one(c);
	round_trip(r, c, 50000);
	before = c->cwnd;
	r->now_us += 60 * SEC;
	tcp_cc_of(c)->restart(c, c->flight);
	round_trip(r, c, 50000);
	assert_in_range(c->cwnd, before, before + 3000);
	rest(c);
}

static void ssthresh_is_two_segments_at_least(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 2, 50);

	lose_one(c);
	assert_int_equal(c->ssthresh, 2000);
	rest(c);
}

/* --- Reno --- */

static void reno_halves_and_adds_one_a_round_trip(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_RENO, 100, 50);

	lose_one(c);
	assert_int_equal(c->cwnd, 50000);
	for (unsigned i = 0; i < 10; i++)
		round_trip(r, c, 50000);
	assert_in_range(c->cwnd, 59000, 61000);
	rest(c);
}

/* Of five segments four had arrived: the sixth would have been due. */
static void reno_does_not_forget_at_a_loss_what_it_counted(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_RENO, 5, 50);
	struct tcp_delivered d = {.bytes = 4000}, one = {.bytes = 1000};

	c->ssthresh = 5000;
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
	lose_one(c);
	assert_int_equal(c->cwnd, 2500);
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &one);
	assert_int_equal(c->cwnd, 3500);
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &one);
	assert_int_equal(c->cwnd, 3500);
	rest(c);
}

/* Two segments of two and a half: no more are ever under way. */
static void reno_grows_by_what_fits_the_window(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_RENO, 5, 50);
	struct tcp_delivered d = {.bytes = 2000};

	lose_one(c);
	assert_int_equal(c->cwnd, 2500);
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
	assert_int_equal(c->cwnd, 3500);
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
	assert_int_equal(c->cwnd, 3500);
	rest(c);
}

/* --- HyStart++ --- */

static void slow_start_doubles_while_delay_is_flat(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 20, 50);

	for (unsigned i = 0; i < 4; i++)
		round_trip(r, c, 50000);
	assert_int_equal(c->cwnd, 320000);
	rest(c);
}

static void growing_delay_ends_slow_start_without_a_loss(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 20, 50);
	uint32_t cwnd;

	round_trip(r, c, 50000);
	round_trip(r, c, 50000);
	cwnd = c->cwnd;
	for (unsigned i = 0; i < 8; i++) /* a sixth more: over the threshold of an eighth */
		round_trip(r, c, 58000 + i * 8000);
	assert_true(c->ssthresh < TCP_CWND_MAX);
	assert_int_equal(c->cwnd >= c->ssthresh, true);
	assert_in_range(c->cwnd, cwnd, cwnd * 5); /* a quarter of the pace for five rounds */
	rest(c);
}

static void reno_waits_for_the_loss(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_RENO, 20, 50);

	for (unsigned i = 0; i < 4; i++)
		round_trip(r, c, 50000 + i * 20000);
	assert_int_equal(c->cwnd, 320000);
	assert_int_equal(c->ssthresh, TCP_CWND_MAX);
	rest(c);
}

static void delay_that_goes_away_resumes_it(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 20, 50);

	round_trip(r, c, 50000);
	round_trip(r, c, 50000);
	round_trip(r, c, 60000);
	assert_int_equal(c->flight->cubic.hystart.css_rounds > 0, true);
	round_trip(r, c, 50000);
	round_trip(r, c, 50000);
	assert_int_equal(c->flight->cubic.hystart.css_rounds, 0);
	assert_int_equal(c->ssthresh, TCP_CWND_MAX);
	rest(c);
}

static void few_samples_decide_nothing(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_CUBIC, 10, 50);

	round_trip(r, c, 50000); /* 5 samples a round */
	c->cwnd = 10000;
	round_trip(r, c, 90000);
	assert_int_equal(c->flight->cubic.hystart.css_rounds, 0);
	rest(c);
}

/* --- the model --- */

/* A path of bw bytes/s that holds rtt_us: what was sent arrives at that rate. */
static void deliver(struct rig *r, struct tcp_conn *c, uint64_t bw, uint32_t rtt_us,
		    unsigned rounds)
{
	struct tcp_flight *f = c->flight;

	for (unsigned i = 0; i < rounds; i++) {
		uint32_t window = c->cwnd, step_us = (uint32_t)(2000ull * 1000000 / bw);
		uint32_t delivered = f->delivered, began_us = (uint32_t)r->now_us;

		for (uint32_t sent = 0; sent + 2000 <= window; sent += 2000) {
			uint32_t now_us = (uint32_t)(r->now_us += step_us);
			struct tcp_delivered d = {.bytes = 2000,
						  .rtt_us = rtt_us,
						  .sampled = true,
						  .sample_us = now_us - rtt_us,
						  .delivered = delivered,
						  .delivered_us = began_us,
						  .first_sent_us = began_us - rtt_us};

			tcp_set_now(r->tcp, r->now_us);
			f->delivered += 2000;
			c->snd_una += 2000;
			c->snd_nxt = c->snd_una + RTE_MIN(c->cwnd, (uint32_t)(bw / 20));
			tcp_cc_of(c)->acked(r->tcp, c, f, &d);
		}
		r->now_us += 1000;
	}
}

/* A model of a path of 10 MB/s and 50 ms, which holds 500,000 bytes. */
static struct tcp_conn *bbr_knows(struct rig *r)
{
	struct tcp_conn *c = steady(r, CONGESTION_BBR, 10, 50);

	c->snd_nxt = c->snd_una;
	deliver(r, c, 10000000, 50000, 30);
	return c;
}

static void bbr_finds_the_bandwidth(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = bbr_knows(r);

	assert_in_range(RTE_MAX(c->flight->bbr.bw[0], c->flight->bbr.bw[1]), 9000000, 10500000);
	assert_true(c->flight->bbr.full_rounds >= 3);
	assert_int_equal(c->flight->bbr.min_rtt_us, 50000);
	assert_in_range(c->cwnd, 500000, 1100000);
	assert_in_range(c->flight->pace_rate, 6500000, 13500000);
	rest(c);
}

static void bbr_does_not_halve_at_a_loss(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = bbr_knows(r);
	uint32_t before = c->cwnd;

	tcp_cc_of(c)->reduce(c, c->flight);
	deliver(r, c, 10000000, 50000, 3);
	assert_true(c->cwnd >= before / 4 * 3);
	rest(c);
}

/* A loss is found while so much is under way, and 2,000 bytes have arrived. */
static void bbr_loses(struct rig *r, struct tcp_conn *c, uint32_t in_flight)
{
	const struct tcp_delivered d = {.bytes = 2000, .rtt_us = 50000};

	tcp_cc_of(c)->reduce(c, c->flight);
	c->recovery = TCP_RECOVERY;
	c->snd_nxt = c->snd_una + in_flight;
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
}

static void bbr_replaces_what_arrives_after_a_loss(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = bbr_knows(r);
	struct rte_mbuf more;
	struct tcp_delivered d = {.bytes = 2000, .rtt_us = 50000};

	c->sq_unsent = &more;
	bbr_loses(r, c, 50000);
	assert_int_equal(c->cwnd, 50000 + 2000);
	/* Less is under way for a moment: pacing, not the path, keeps it back. */
	c->snd_nxt = c->snd_una + 10000;
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
	assert_int_equal(c->cwnd, 50000 + 2000);
	d.lost = 3000;
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
	assert_int_equal(c->cwnd, 50000 + 2000 - 3000);
	c->sq_unsent = NULL;
	rest(c);
}

static void bbr_keeps_its_window_where_nothing_is_left_to_send(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = bbr_knows(r);
	uint32_t before = c->cwnd;

	bbr_loses(r, c, 5000);
	assert_int_equal(c->cwnd, before);
	rest(c);
}

/* After a timeout windows are small; that says nothing of the path. */
static void bbr_learns_nothing_from_a_timeout(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = bbr_knows(r);

	c->recovery = TCP_LOSS;
	deliver(r, c, 100000, 50000, 30);
	assert_in_range(RTE_MAX(c->flight->bbr.bw[0], c->flight->bbr.bw[1]), 9000000, 10500000);
	rest(c);
}

static void bbr_looks_for_a_shorter_round_trip(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = bbr_knows(r);

	deliver(r, c, 10000000, 80000, 150); /* 12 s */
	assert_in_range(c->flight->bbr.min_rtt_us, 79000, 80000);
	rest(c);
}

/* Whatever the samples were: the pace is not slower than the smallest window would be without. */
static void bbr_does_not_stall_by_a_wrong_bandwidth(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c = steady(r, CONGESTION_BBR, 10, 50);
	struct tcp_delivered d = {.bytes = 1000, .rtt_us = 50000};

	c->flight->bbr.full_rounds = 3;
	c->flight->bbr.bw[0] = 100;
	c->snd_nxt = c->snd_una;
	tcp_cc_of(c)->acked(r->tcp, c, c->flight, &d);
	assert_int_equal(c->flight->pace_rate, 80000); /* four segments a round trip */
	rest(c);
}

/* --- pacing --- */

/* 1.2 segments a millisecond, in a window of 65; the flight has just begun. */
static void begin_paced(struct rig *r)
{
	fly(r, PEER_SACK, 1);
	DUP(r, 1);
	rig_conn(r)->cwnd = rig_conn(r)->ssthresh = 65000;
	rig_conn(r)->srtt_us = 65000;
	tcp_cc_pace(rig_conn(r), tcp_flight_get(r->tcp, rig_conn(r)));
	rig_forget(r);
}

static void a_large_window_is_paced(void **state)
{
	struct rig *r = *state;
	unsigned sent = 0, bursts = 0;

	begin_paced(r);
	rig_write(r, 60000, 1000);
	rig_pass(r, 0);
	assert_in_range(r->n_out, 1, 4);
	for (unsigned i = 0; i < 55; i++) {
		unsigned before = r->n_out;

		rig_pass(r, MS);
		bursts = RTE_MAX(bursts, r->n_out - before);
	}
	while (rig_try(r))
		sent++;
	assert_int_equal(sent, 60); /* all of it, in less than a round trip */
	assert_in_range(bursts, 1, 4);
}

static void burst_after_a_pause(struct rig *r)
{
	begin_paced(r);
	rig_pass(r, 60 * MS);
	rig_write(r, 60000, 1000);
	rig_pass(r, 0);
}

static void a_burst_after_a_pause_is_not_held_back(void **state)
{
	struct rig *r = *state;

	burst_after_a_pause(r);
	assert_int_equal(r->n_out, 60);
}

static void but_no_second_one_at_once(void **state)
{
	struct rig *r = *state;

	burst_after_a_pause(r);
	rig_forget(r);
	DUP(r, 61);
	rig_write(r, 60000, 1000);
	rig_pass(r, 0);
	assert_in_range(r->n_out, 4, 10); /* what is left of 64, and what the rate allows */
}

/* A worker's clock begins at a second, and an old echo makes a long round trip of any path. */
static void a_pause_may_be_longer_than_the_clock_is_old(void **state)
{
	struct rig *r = *state;

	r->now_us = SEC;
	rig_restart(r);
	fly(r, PEER_SACK, 1);
	DUP(r, 1);
	rig_conn(r)->cwnd = rig_conn(r)->ssthresh = 65000;
	rig_conn(r)->srtt_us = 30 * SEC;
	tcp_cc_pace(rig_conn(r), tcp_flight_get(r->tcp, rig_conn(r)));
	rig_forget(r);
	rig_write(r, 10000, 1000);
	for (unsigned i = 0; i < 10; i++)
		rig_pass(r, SEC);
	assert_in_range(r->n_out, 10, 12);
}

static void a_small_window_is_not(void **state)
{
	struct rig *r = *state;

	fly(r, PEER_SACK, 10);
	assert_int_equal(r->n_out, 10);
	assert_int_equal(rig_conn(r)->flags & TCP_F_PACED, 0);
}

static void a_paced_connection_does_not_stall_with_a_late_clock(void **state)
{
	struct rig *r = *state;

	begin_paced(r);
	rig_write(r, 60000, 1000);
	for (unsigned i = 0; i < 40; i++)
		rig_pass(r, 5 * MS);
	assert_in_range(r->n_out, 60, 62);
}

static void the_pace_follows_the_round_trip_where_cwnd_stands(void **state)
{
	struct rig *r = *state;
	struct tcp_conn *c;

	fly(r, PEER_SACK, 1);
	DUP(r, 1);
	c = rig_conn(r);
	c->cwnd = c->ssthresh = 400000;
	c->srtt_us = 400000; /* a pause has spoilt it */
	tcp_cc_pace(c, tcp_flight_get(r->tcp, c));
	rig_write(r, 60000, 1000);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 20; i++) {
		rig_wait_ms(r, 2);
		PEER(r, .flags = TCP_ACK, ACKNO(c->snd_nxt));
	}
	assert_true(c->flight->pace_rate > 400000ull * 1000000 / 200000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cubic_grows_back_to_the_maximum_and_beyond),
		T(cubic_is_flat_about_the_maximum),
		T(cubic_begins_an_epoch_at_rest),
		T(cubic_is_no_slower_than_reno_in_short_round_trips),
		T(cubic_converges_fast_when_the_maximum_shrinks),
		T(cubic_takes_back_a_needless_reduction),
		T(a_pause_is_no_growth),
		T(ssthresh_is_two_segments_at_least),
		T(reno_halves_and_adds_one_a_round_trip),
		T(reno_does_not_forget_at_a_loss_what_it_counted),
		T(reno_grows_by_what_fits_the_window),
		T(slow_start_doubles_while_delay_is_flat),
		T(growing_delay_ends_slow_start_without_a_loss),
		T(reno_waits_for_the_loss),
		T(delay_that_goes_away_resumes_it),
		T(few_samples_decide_nothing),
		T(bbr_finds_the_bandwidth),
		T(bbr_does_not_halve_at_a_loss),
		T(bbr_replaces_what_arrives_after_a_loss),
		T(bbr_learns_nothing_from_a_timeout),
		T(bbr_keeps_its_window_where_nothing_is_left_to_send),
		T(bbr_looks_for_a_shorter_round_trip),
		T(bbr_does_not_stall_by_a_wrong_bandwidth),
		T(a_large_window_is_paced),
		T(a_burst_after_a_pause_is_not_held_back),
		T(but_no_second_one_at_once),
		T(a_pause_may_be_longer_than_the_clock_is_old),
		T(a_small_window_is_not),
		T(the_pace_follows_the_round_trip_where_cwnd_stands),
		T(a_paced_connection_does_not_stall_with_a_late_clock),
	};

	return cmocka_run_group_tests_name("tcp cc", tests, rig_group_setup, rig_group_teardown);
}
