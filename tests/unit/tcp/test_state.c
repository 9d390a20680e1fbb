/* test_state.c - what arrives in synchronized states: the table, resets, challenges, old duplicates
 * (RFC 9293 3.10.7.4, RFC 5961, RFC 7323 section 5). */
#include "rig.h"

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
	};

	return cmocka_run_group_tests_name("tcp state", tests, rig_group_setup, rig_group_teardown);
}
