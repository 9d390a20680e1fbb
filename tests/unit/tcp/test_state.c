/* test_state.c - synchronized states: the table, resets, challenges, closing (RFC 9293
 * 3.10.7.4, RFC 5961, RFC 6191, RFC 7323 section 5). */
#include "rig.h"

#include <string.h>

/* --- the table --- */

static bool is_legal(uint8_t flags)
{
	bool syn = flags & TCP_SYN, fin = flags & TCP_FIN, rst = flags & TCP_RST;

	if (syn && (fin || rst))
		return false;
	return syn || rst || (flags & TCP_ACK);
}

static void the_table_has_no_holes(void **state)
{
	(void)state;
	for (unsigned s = TCP_SYN_SENT; s < TCP_STATES; s++)
		for (unsigned i = 0; i < 16; i++) {
			uint8_t flags = (uint8_t)((i & 7) | (i & 8) << 1);

			assert_int_equal(tcp_state_action(s, flags) != TCP_ACT_DROP,
					 is_legal(flags));
			/* The other bits do not matter. */
			assert_int_equal(tcp_state_action(s, flags),
					 tcp_state_action(s, flags | TCP_PSH | 0xe0));
		}
}

static void illegal_flags_are_dropped_in_every_state(void **state)
{
	static const uint8_t bad[] = {0,
				      TCP_FIN,
				      TCP_SYN | TCP_FIN,
				      TCP_SYN | TCP_RST,
				      TCP_SYN | TCP_FIN | TCP_ACK,
				      TCP_SYN | TCP_RST | TCP_ACK,
				      TCP_SYN | TCP_FIN | TCP_RST};

	for (unsigned s = TCP_ESTABLISHED; s < TCP_STATES; s++) {
		struct rig *r;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		rig_in_state(r, s);
		for (unsigned i = 0; i < sizeof(bad); i++)
			PEER(r, .flags = bad[i], SEQ(r->peer_seq), .len = 3);
		rig_silent(r);
		assert_int_equal(rig_state(r), s);
		assert_int_equal(rig_count(r, CTR_DROP_TCP_FLAGS), sizeof(bad));
	}
}

/* --- RST (RFC 5961 section 3) --- */

static void exact_rst_closes_every_state(void **state)
{
	for (unsigned s = TCP_ESTABLISHED; s < TCP_TIME_WAIT; s++) {
		struct rig *r;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		rig_in_state(r, s);
		PEER(r, .flags = TCP_RST);
		rig_silent(r);
		assert_int_equal(rig_state(r), TCP_CLOSED);
		assert_int_equal(r->events, BS_CLOSED);
		assert_int_equal(r->s->error, BS_RESET);
		PEER(r, .flags = TCP_ACK, ACKNO(55));
		expect_rst(r, 55);
	}
}

static void rst_in_window_is_challenged(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_RST, SEQ(r->peer_seq + 1));
	expect_ack(r);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_int_equal(rig_count(r, CTR_TCP_CHALLENGE_ACK), 1);
}

static void rst_out_of_window_is_dropped(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_RST, SEQ(r->peer_seq - 1));
	PEER(r, .flags = TCP_RST, SEQ(r->peer_seq + 65535));
	PEER(r, .flags = TCP_RST, SEQ(r->peer_seq + 0x50000000));
	rig_silent(r);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_RST), 3);
}

/* --- SYN (RFC 5961 section 4) --- */

static void syn_is_challenged_wherever_it_lies(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_SYN, SEQ(r->peer_seq + 500));
	expect_ack(r);
	PEER(r, .flags = TCP_SYN, SEQ(r->peer_seq + 0x40000000));
	expect_ack(r);
	PEER(r, .flags = TCP_SYN | TCP_ACK, SEQ(PEER_ISS));
	expect_ack(r);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
}

/* --- ACK (RFC 5961 section 5) --- */

static void ack_of_the_unsent_is_dropped_and_answered(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq), .len = 5, ACKNO(r->peer_ack + 1));
	expect_ack(r);
	assert_int_equal(r->events, 0);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_ACK), 1);
}

static void ancient_ack_is_dropped_and_answered(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq), .len = 5, ACKNO(r->peer_ack - 65536));
	expect_ack(r);
	assert_int_equal(r->events, 0);
	/* As old as the largest window is good. */
	PEER(r, .flags = TCP_ACK, .len = 5, ACKNO(r->peer_ack - 65535));
	assert_int_equal(r->events, BS_READABLE);
}

static void data_without_ack_is_dropped(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_PSH, SEQ(r->peer_seq), .len = 5);
	rig_silent(r);
	assert_int_equal(r->events, 0);
}

/* --- sequence --- */

static void keep_alive_probe_is_answered(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq - 1));
	expect_ack(r);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq - 1), .len = 1);
	expect_ack(r);
	assert_int_equal(r->events, 0);
}

static void stray_empty_segments_do_not_ping_pong(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	for (unsigned i = 0; i < 30; i++)
		PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq - 1));
	expect_ack(r);
	rig_silent(r);
	rig_pass(r, 60 * MS);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq - 1));
	expect_ack(r);
}

static void data_far_right_is_answered_without_sack(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_SACK;
	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq + 0x30000000), .len = 50);
	expect_ack(r);
	assert_int_equal(r->out[0].opt.n_sack, 0);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_WINDOW), 1);
}

static void urgent_data_stays_in_line(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK | 0x20, .data = "urgent");
	assert_int_equal(r->s->rx.bytes, 6);
}

static void sequence_numbers_wrap(void **state)
{
	static const uint32_t isn[] = {0xfffffffe, 0xffffffff, 0x7ffffff0, 0xffffff00};

	for (unsigned i = 0; i < 4; i++) {
		struct rig *r;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		r->peer_seq = isn[i];
		rig_establish(r);
		for (unsigned k = 0; k < 4; k++)
			PEER(r, .flags = TCP_ACK, .len = 100);
		assert_int_equal(r->s->rx.bytes, 400);
	}
}

/* --- timestamps --- */

static void old_timestamp_is_dropped_and_answered(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_TS;
	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq), .len = 5, TSVAL(1));
	expect_ack(r);
	assert_int_equal(r->events, 0);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_PAWS), 1);
}

static void old_timestamp_does_not_save_from_rst(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_TS;
	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_RST, TSVAL(1));
	assert_int_equal(r->events, BS_CLOSED);
}

static void missing_timestamp_is_dropped_silently(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_TS;
	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq), .len = 5, .no_ts = true);
	rig_silent(r);
	assert_int_equal(r->events, 0);
}

static void timestamps_expire_after_24_days(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_TS;
	rig_in_state(r, TCP_ESTABLISHED);
	rig_pass(r, 25ull * 24 * 3600 * SEC);
	PEER(r, .flags = TCP_ACK, .len = 5, TSVAL(1));
	assert_int_equal(r->events, BS_READABLE);
}

static uint32_t echoed(struct rig *r)
{
	struct out *o = rig_sent(r);

	assert_true(o->opt.present & TCP_OPT_TS);
	return o->opt.ts_ecr;
}

/* RFC 7323 section 4.3: in order, beside a hole, filling the hole. */
static void echoes_the_segment_that_moved_the_window(void **state)
{
	struct rig *r = *state;
	uint32_t seq, ts;

	r->peer_options = PEER_TS | PEER_SACK;
	rig_in_state(r, TCP_ESTABLISHED);
	seq = r->peer_seq;
	ts = r->peer_ts + (uint32_t)(r->now_us / 1000);
	PEER(r, .flags = TCP_ACK, .len = 50, TSVAL(ts));
	rig_wait_ms(r, 45);
	assert_int_equal(echoed(r), ts);
	PEER(r, .flags = TCP_ACK, SEQ(seq + 100), .len = 50, TSVAL(ts + 100));
	assert_int_equal(echoed(r), ts);
	PEER(r, .flags = TCP_ACK, SEQ(seq + 50), .len = 50, TSVAL(ts + 50));
	assert_int_equal(echoed(r), ts + 50);
}

/* --- closing --- */

static void peer_closes_first(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_CLOSE_WAIT);
	assert_true(r->s->eof);
	bytestream_release(r->s);
	rig_pass(r, 0);
	expect(r, TCP_ACK | TCP_FIN, r->peer_ack, r->peer_seq, 0);
	assert_int_equal(rig_state(r), TCP_LAST_ACK);
	r->peer_ack++;
	PEER(r, .flags = TCP_ACK);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

/* A drain does not wait for peers that were told everything. */
static void fin_wait_2_is_finished(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_1);
	assert_int_equal(tcp_conns_unfinished(r->tcp), 1);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(rig_state(r), TCP_FIN_WAIT_2);
	assert_int_equal(tcp_conns_in_use(r->tcp), 1);
	assert_int_equal(tcp_conns_unfinished(r->tcp), 0);
}

static void eof_is_notified_once(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK | TCP_FIN);
	assert_int_equal(r->events, BS_EOF);
	expect_ack(r);
	r->events = 0;
	PEER(r, .flags = TCP_ACK | TCP_FIN, SEQ(r->peer_seq - 1));
	expect_ack(r);
	assert_int_equal(r->events, 0);
}

static void writes_go_on_in_close_wait(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_CLOSE_WAIT);
	rig_write(r, 500, 500);
	rig_pass(r, 0);
	expect(r, TCP_ACK, r->peer_ack, r->peer_seq, 500);
	r->peer_ack += 500;
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->s->tx_queued, 0);
}

static void reads_go_on_after_shutdown(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_2);
	PEER(r, .flags = TCP_ACK, .data = "still here");
	assert_int_equal(r->s->rx.bytes, 10);
	assert_int_equal(r->events, BS_READABLE);
}

static void we_close_first(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_1);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->events, BS_DRAINED);
	assert_int_equal(rig_state(r), TCP_FIN_WAIT_2);
	PEER(r, .flags = TCP_ACK | TCP_FIN);
	assert_int_equal(r->events, BS_DRAINED | BS_EOF);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
	expect_ack(r);
	assert_int_equal(rig_count(r, CTR_TCP_TIME_WAIT), 1);
}

static void fin_with_the_ack_of_ours_skips_a_state(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_1);
	PEER(r, .flags = TCP_ACK | TCP_FIN);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
	expect_ack(r);
}

static void both_close_at_once(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_1);
	PEER(r, .flags = TCP_ACK | TCP_FIN, ACKNO(r->peer_ack - 1));
	assert_int_equal(rig_state(r), TCP_CLOSING);
	expect_ack(r);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
	assert_int_equal(r->events, BS_DRAINED | BS_EOF);
	PEER(r, .flags = TCP_ACK | TCP_FIN, SEQ(r->peer_seq - 1));
	expect_ack(r);
}

static void fin_rides_on_the_last_data(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	rig_write(r, 2000, 1000);
	bytestream_shutdown(r->s);
	rig_pass(r, 0);
	expect(r, TCP_ACK, r->peer_ack, r->peer_seq, 1000);
	expect(r, TCP_ACK | TCP_FIN, r->peer_ack + 1000, r->peer_seq, 1000);
	rig_silent(r);
}

static void fin_waits_for_the_window(void **state)
{
	struct rig *r = *state;

	r->peer_wnd = 1000;
	rig_in_state(r, TCP_ESTABLISHED);
	rig_write(r, 2000, 1000);
	bytestream_shutdown(r->s);
	rig_pass(r, 0);
	expect(r, TCP_ACK, r->peer_ack, r->peer_seq, 1000);
	rig_silent(r);
	r->peer_ack += 1000;
	PEER(r, .flags = TCP_ACK);
	expect(r, TCP_ACK | TCP_FIN, r->peer_ack, r->peer_seq, 1000);
}

static void fin_is_repeated(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_1);
	for (unsigned i = 0; i < 3; i++) {
		while (r->next_out == r->n_out)
			rig_pass(r, 10 * MS);
		expect(r, TCP_ACK | TCP_FIN, r->peer_ack - 1, r->peer_seq, 0);
	}
	assert_true(r->now_us < 1005 * SEC);
}

static void fin_before_its_data_waits(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	rig_in_state(r, TCP_ESTABLISHED);
	seq = r->peer_seq;
	PEER(r, .flags = TCP_ACK | TCP_FIN, SEQ(seq + 20), .len = 10);
	expect(r, TCP_ACK, r->peer_ack, seq, 0);
	assert_int_equal(r->events, 0);
	PEER(r, .flags = TCP_ACK, SEQ(seq), .len = 20);
	assert_int_equal(r->events, BS_READABLE | BS_EOF);
	expect(r, TCP_ACK, r->peer_ack, seq + 31, 0);
	assert_int_equal(rig_state(r), TCP_CLOSE_WAIT);
}

/* --- release and abort --- */

static void release_delivers_what_is_queued(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	rig_write(r, 3000, 1000);
	bytestream_release(r->s);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 3; i++)
		expect(r, i == 2 ? TCP_ACK | TCP_FIN : TCP_ACK, r->peer_ack + i * 1000, r->peer_seq,
		       1000);
}

static void what_arrives_after_release_is_acknowledged(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, .data = "unread");
	bytestream_release(r->s);
	rig_pass(r, 0);
	rig_forget(r);
	r->peer_ack++;
	r->n_notified = 0;
	for (unsigned i = 0; i < 100; i++)
		PEER(r, .flags = TCP_ACK, .len = 1400);
	PEER(r, .flags = TCP_ACK | TCP_FIN);
	assert_int_equal(r->out[r->n_out - 1].ack, r->peer_seq);
	assert_int_equal(r->n_notified, 0);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
}

static void released_fin_wait_2_ends_by_itself(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_2);
	rig_pass(r, 1000 * SEC);
	assert_int_equal(rig_state(r), TCP_FIN_WAIT_2); /* a half-closed user may wait */
	bytestream_release(r->s);
	rig_pass(r, 59 * SEC);
	assert_int_equal(rig_state(r), TCP_FIN_WAIT_2);
	rig_pass(r, 2 * SEC);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

/* Accepted from `port`, released; all its data and its FIN acknowledged when all_said. */
static void make_orphan(struct rig *r, uint16_t port, bool all_said)
{
	PEER(r, .flags = TCP_SYN, .port = port, SEQ(PEER_ISS));
	r->iss = rig_sent(r)->seq;
	PEER(r, .flags = TCP_ACK, .port = port, SEQ(PEER_ISS + 1), ACKNO(r->iss + 1));
	bytestream_release(r->s);
	rig_pass(r, 0);
	if (all_said)
		PEER(r, .flags = TCP_ACK, .port = port, SEQ(PEER_ISS + 1), ACKNO(r->iss + 2));
}

static bool knows_port(struct rig *r, uint16_t port)
{
	struct tcp_tuple t = {.local = {.ip = r->our_ip, .port = OUR_PORT},
			      .remote = {.ip = r->peer_ip, .port = port}};

	return tcp_knows(r->tcp, &t);
}

/* Peers that never send their FIN cost so much and no more. */
static void the_oldest_in_fin_wait_2_gives_way(void **state)
{
	struct rig *r = *state;

	for (uint16_t i = 0; i < 40; i++) {
		make_orphan(r, (uint16_t)(6000 + i), true);
		rig_forget(r);
		assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), i < 8 ? i + 1 : 8);
	}
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS_DROPPED), 32);
	assert_false(knows_port(r, 6031));
	assert_true(knows_port(r, 6032));
	rig_pass(r, 61 * SEC);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), 0);
}

/* Who still has to be told something is not forgotten for the sake of another. */
static void one_orphan_too_many_is_reset(void **state)
{
	struct rig *r = *state;

	for (uint16_t i = 0; i < 8; i++)
		make_orphan(r, (uint16_t)(6000 + i), false);
	rig_forget(r);
	PEER(r, .flags = TCP_SYN, .port = 6100, SEQ(PEER_ISS));
	r->iss = rig_sent(r)->seq;
	PEER(r, .flags = TCP_ACK, .port = 6100, SEQ(PEER_ISS + 1), ACKNO(r->iss + 1));
	bytestream_release(r->s);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->flags & TCP_RST, TCP_RST);
	assert_false(knows_port(r, 6100));
	for (uint16_t i = 0; i < 8; i++)
		assert_true(knows_port(r, (uint16_t)(6000 + i)));
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS_DROPPED), 1);
}

/* The end of an orphan is one less. */
static void orphans_are_counted_until_they_are_over(void **state)
{
	struct rig *r = *state;

	make_orphan(r, 6000, true);
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), 1);
	PEER(r, .flags = TCP_ACK | TCP_FIN, .port = 6000, SEQ(PEER_ISS + 1), ACKNO(r->iss + 2));
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), 0); /* TIME-WAIT has its own bound */
	make_orphan(r, 6001, false);
	PEER(r, .flags = TCP_RST, .port = 6001, SEQ(PEER_ISS + 1));
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), 0);
}

static void a_half_closed_stream_is_no_orphan(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_FIN_WAIT_2);
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), 0);
	bytestream_release(r->s);
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), 1);
	PEER(r, .flags = TCP_ACK | TCP_FIN);
	assert_int_equal(rig_count(r, CTR_TCP_ORPHANS), 0);
	rig_forget(r);
}

static void released_with_a_closed_window_ends(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	rig_write(r, 1000, 1000);
	PEER(r, .flags = TCP_ACK, WND(0));
	bytestream_release(r->s);
	for (unsigned i = 0; i < 6500; i++) { /* the peer goes on answering probes */
		rig_pass(r, 10 * MS);
		if (r->n_out)
			PEER(r, .flags = TCP_ACK, WND(0));
		rig_forget(r);
	}
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void abort_resets(void **state)
{
	for (unsigned s = TCP_ESTABLISHED; s < TCP_TIME_WAIT; s++) {
		struct rig *r;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		rig_in_state(r, s);
		bytestream_abort(r->s);
		expect(r, TCP_RST | TCP_ACK, r->peer_ack, r->peer_seq, 0);
		rig_pass(r, 0);
		rig_silent(r);
		assert_int_equal(tcp_conns_in_use(r->tcp), 0);
	}
}

static void abort_drops_queued_bytes_and_events(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	rig_write(r, 5000, 1000);
	r->batch = true;
	PEER(r, .flags = TCP_ACK, .data = "late");
	tcp_take_segments(r->tcp, r->queued, r->n_queued);
	r->n_queued = 0;
	bytestream_abort(r->s);
	rig_forget(r);
	rig_pass(r, 0);
	rig_silent(r);
	assert_int_equal(r->n_notified, 0);
}

static void abort_inside(struct rig *r, uint32_t events)
{
	(void)events;
	bytestream_abort(r->s);
}

static void user_may_abort_inside_its_notification(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	r->on_notify = abort_inside;
	r->batch = true;
	PEER(r, .flags = TCP_ACK, .data = "a");
	PEER(r, .flags = TCP_ACK | TCP_FIN, .data = "b");
	rig_pass(r, 0);
	assert_int_equal(r->n_notified, 1);
	expect_rst(r, r->peer_ack);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void a_reset_stream_stays_until_released(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, .data = "last words");
	PEER(r, .flags = TCP_RST);
	assert_int_equal(r->events, BS_READABLE | BS_CLOSED);
	assert_int_equal(tcp_conns_in_use(r->tcp), 1);
	assert_int_equal(rig_read(r, NULL, 100), 10);
	rig_write(r, 10, 10); /* swallowed */
	bytestream_shutdown(r->s);
	bytestream_release(r->s);
	rig_pass(r, 0);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

/* --- TIME-WAIT --- */

static void time_wait_answers_a_fin_and_starts_anew(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_TIME_WAIT);
	bytestream_release(r->s);
	rig_pass(r, 50 * SEC);
	PEER(r, .flags = TCP_ACK | TCP_FIN, SEQ(r->peer_seq - 1));
	expect_ack(r);
	rig_pass(r, 50 * SEC);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
	rig_pass(r, 11 * SEC);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void time_wait_ignores_rst(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_TIME_WAIT);
	PEER(r, .flags = TCP_RST);
	rig_silent(r);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
}

static void time_wait_does_not_answer_a_plain_ack(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_TIME_WAIT);
	PEER(r, .flags = TCP_ACK);
	rig_silent(r);
}

static void time_wait_gives_way_to_a_newer_syn(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_TIME_WAIT);
	PEER(r, .flags = TCP_SYN, SEQ(r->peer_seq + 100000));
	assert_int_equal(rig_sent(r)->flags, TCP_SYN | TCP_ACK);
	assert_int_equal(rig_state(r), TCP_SYN_RECEIVED);
}

static void time_wait_answers_an_older_syn(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_TIME_WAIT);
	PEER(r, .flags = TCP_SYN, SEQ(r->peer_seq - 50000));
	expect_ack(r);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
}

static void time_wait_judges_by_timestamp_first(void **state)
{
	struct rig *r = *state;
	uint32_t ts = (uint32_t)(r->now_us / 1000) + r->peer_ts;
	struct tcp_options o = {.present = TCP_OPT_TS, .ts_val = ts - 1000};
	struct in in = {.flags = TCP_SYN, .has_seq = true};

	r->peer_options = PEER_TS;
	rig_in_state(r, TCP_TIME_WAIT);
	in.seq = r->peer_seq + 100000;
	in.opt_len = tcp_options_write(in.opt, &o);
	peer(r, in);
	expect_ack(r);
	o.ts_val = ts + 1000;
	in.seq = r->peer_seq - 100000;
	tcp_options_write(in.opt, &o);
	peer(r, in);
	assert_int_equal(rig_sent(r)->flags, TCP_SYN | TCP_ACK);
}

static void time_wait_is_bounded(void **state)
{
	struct rig *r = *state;

	for (uint16_t i = 0; i < 20; i++) {
		struct tcp_tuple t = {.local = {.ip = r->our_ip, .port = OUR_PORT},
				      .remote = {.ip = r->peer_ip, .port = i}};
		struct tcp_conn *c = tcp_conn_create(r->tcp, &t);

		tcp_conn_enter(r->tcp, c, TCP_TIME_WAIT);
	}
	assert_int_equal(rig_count(r, CTR_TCP_TIME_WAIT), 8);
	rig_pass(r, 0);
	assert_int_equal(tcp_conns_in_use(r->tcp), 8);
}

/* --- keep-alive --- */

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
		cmocka_unit_test(the_table_has_no_holes),
		T(illegal_flags_are_dropped_in_every_state),
		T(exact_rst_closes_every_state),
		T(rst_in_window_is_challenged),
		T(rst_out_of_window_is_dropped),
		T(syn_is_challenged_wherever_it_lies),
		T(ack_of_the_unsent_is_dropped_and_answered),
		T(ancient_ack_is_dropped_and_answered),
		T(data_without_ack_is_dropped),
		T(keep_alive_probe_is_answered),
		T(stray_empty_segments_do_not_ping_pong),
		T(data_far_right_is_answered_without_sack),
		T(urgent_data_stays_in_line),
		T(sequence_numbers_wrap),
		T(old_timestamp_is_dropped_and_answered),
		T(old_timestamp_does_not_save_from_rst),
		T(missing_timestamp_is_dropped_silently),
		T(timestamps_expire_after_24_days),
		T(echoes_the_segment_that_moved_the_window),
		T(peer_closes_first),
		T(fin_wait_2_is_finished),
		T(eof_is_notified_once),
		T(writes_go_on_in_close_wait),
		T(reads_go_on_after_shutdown),
		T(we_close_first),
		T(fin_with_the_ack_of_ours_skips_a_state),
		T(both_close_at_once),
		T(fin_rides_on_the_last_data),
		T(fin_waits_for_the_window),
		T(fin_is_repeated),
		T(fin_before_its_data_waits),
		T(release_delivers_what_is_queued),
		T(what_arrives_after_release_is_acknowledged),
		T(released_fin_wait_2_ends_by_itself),
		T(the_oldest_in_fin_wait_2_gives_way),
		T(one_orphan_too_many_is_reset),
		T(orphans_are_counted_until_they_are_over),
		T(a_half_closed_stream_is_no_orphan),
		T(released_with_a_closed_window_ends),
		T(abort_resets),
		T(abort_drops_queued_bytes_and_events),
		T(user_may_abort_inside_its_notification),
		T(a_reset_stream_stays_until_released),
		T(time_wait_answers_a_fin_and_starts_anew),
		T(time_wait_ignores_rst),
		T(time_wait_does_not_answer_a_plain_ack),
		T(time_wait_gives_way_to_a_newer_syn),
		T(time_wait_answers_an_older_syn),
		T(time_wait_judges_by_timestamp_first),
		T(time_wait_is_bounded),
		T(keep_alive_finds_a_dead_peer),
		T(an_answer_satisfies_keep_alive),
		T(keep_alive_of_one_connection),
		T(keep_alive_by_default),
	};

	return cmocka_run_group_tests_name("tcp state", tests, rig_group_setup, rig_group_teardown);
}
