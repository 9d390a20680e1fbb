/* test_close.c - FIN: who closes first, at once, half, with data to come; TIME-WAIT
 * (RFC 9293 3.6, RFC 6191, RFC 1337). */
#include "rig.h"

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

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		T(time_wait_answers_a_fin_and_starts_anew),
		T(time_wait_ignores_rst),
		T(time_wait_does_not_answer_a_plain_ack),
		T(time_wait_gives_way_to_a_newer_syn),
		T(time_wait_answers_an_older_syn),
		T(time_wait_judges_by_timestamp_first),
		T(time_wait_is_bounded),
	};

	return cmocka_run_group_tests_name("tcp close", tests, rig_group_setup, rig_group_teardown);
}
