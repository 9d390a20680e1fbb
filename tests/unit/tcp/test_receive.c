/* test_receive.c - reassembly, SACK blocks, acknowledgement policy, the offered window. */
#include "rig.h"

#include <string.h>

#include <tcp/reasm.h>

/* --- acknowledgements --- */

static void one_segment_is_acknowledged_late(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_wait_ms(r, 39);
	rig_silent(r);
	rig_wait_ms(r, 4);
	expect_ack(r);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_TCP_DELAYED_ACK), 1);
}

/* The peer's window may be one segment now: waiting for a second would be waiting for the timer. */
static void after_a_hole_single_segments_are_acknowledged_at_once(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 100, SEQ(r->peer_seq + 100));
	expect_ack(r);
	PEER(r, .flags = TCP_ACK, .len = 100);
	r->peer_seq += 100;
	expect_ack(r);
	for (unsigned i = 0; i < 15; i++) {
		PEER(r, .flags = TCP_ACK, .len = 100);
		expect_ack(r);
	}
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_silent(r);
	rig_wait_ms(r, 43);
	expect_ack(r);
	assert_int_equal(rig_count(r, CTR_TCP_DELAYED_ACK), 1);
}

static void every_second_full_segment_is_acknowledged_at_once(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	for (unsigned i = 0; i < 5; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1000);
		if (i == 0)
			rig_silent(r);
		PEER(r, .flags = TCP_ACK, .len = 1000);
		expect_ack(r);
		rig_silent(r);
	}
}

static void an_answer_carries_the_acknowledgement(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_write(r, 50, 50);
	rig_pass(r, 0);
	expect(r, TCP_ACK, r->peer_ack, r->peer_seq, 50);
	rig_wait_ms(r, 100);
	rig_silent(r);
}

static void a_burst_is_acknowledged_once(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	r->batch = true;
	for (unsigned i = 0; i < 20; i++)
		PEER(r, .flags = TCP_ACK, .len = 1000);
	rig_pass(r, 0);
	expect_ack(r);
	rig_silent(r);
}

static void old_data_is_acknowledged_again(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_wait_ms(r, 45);
	expect_ack(r);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq - 100), .len = 100);
	expect_ack(r);
	assert_int_equal(r->s->rx.bytes, 100);
}

/* --- order --- */

static void overlap_on_the_left_is_cut(void **state)
{
	struct rig *r = *state;
	char buf[16];

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .data = "abcdef");
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq - 3), .data = "XXXghi");
	assert_int_equal(rig_read(r, buf, 16), 9);
	assert_memory_equal(buf, "abcdefghi", 9);
}

static void a_hole_is_filled(void **state)
{
	struct rig *r = *state;
	uint32_t seq;
	char buf[16];

	rig_establish(r);
	seq = r->peer_seq;
	PEER(r, .flags = TCP_ACK, SEQ(seq + 6), .data = "ghi");
	expect(r, TCP_ACK, r->peer_ack, seq, 0);
	PEER(r, .flags = TCP_ACK, SEQ(seq + 3), .data = "def");
	expect(r, TCP_ACK, r->peer_ack, seq, 0);
	PEER(r, .flags = TCP_ACK, SEQ(seq), .data = "abc");
	expect(r, TCP_ACK, r->peer_ack, seq + 9, 0);
	rig_silent(r);
	assert_int_equal(rig_read(r, buf, 16), 9);
	assert_memory_equal(buf, "abcdefghi", 9);
	assert_int_equal(rig_count(r, CTR_TCP_OOO), 2);
}

static void each_segment_beside_a_hole_has_its_ack(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	rig_establish(r);
	seq = r->peer_seq;
	r->batch = true;
	for (unsigned i = 1; i <= 3; i++)
		PEER(r, .flags = TCP_ACK, SEQ(seq + i * 100), .len = 100);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 3; i++)
		expect(r, TCP_ACK, r->peer_ack, seq, 0);
	rig_silent(r);
}

/* Blocks say more than the number of acknowledgements. */
static void with_sack_a_pass_ends_with_one(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	r->peer_options = PEER_SACK;
	rig_establish(r);
	seq = r->peer_seq;
	r->batch = true;
	for (unsigned i = 1; i <= 10; i++)
		PEER(r, .flags = TCP_ACK, SEQ(seq + i * 100), .len = 100);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 3; i++) /* enough for one who counts */
		expect(r, TCP_ACK, r->peer_ack, seq, 0);
	assert_int_equal(r->out[r->n_out - 1].opt.sack[0].end, seq + 1100);
	expect(r, TCP_ACK, r->peer_ack, seq, 0);
	rig_silent(r);
	/* None is to push a block out that was not reported. */
	for (unsigned i = 20; i < 26; i += 2)
		PEER(r, .flags = TCP_ACK, SEQ(seq + i * 100), .len = 100);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 3; i++)
		expect(r, TCP_ACK, r->peer_ack, seq, 0);
	rig_silent(r);
}

static void first_bytes_win(void **state)
{
	struct rig *r = *state;
	uint32_t seq;
	char buf[16];

	rig_establish(r);
	seq = r->peer_seq;
	PEER(r, .flags = TCP_ACK, SEQ(seq + 2), .data = "CDE");
	PEER(r, .flags = TCP_ACK, SEQ(seq + 7), .data = "HI");
	PEER(r, .flags = TCP_ACK, SEQ(seq), .data = "abcdefghij");
	assert_int_equal(rig_read(r, buf, 16), 10);
	assert_memory_equal(buf, "abCDEfgHIj", 10);
}

/* All orders of overlapping pieces give every byte once. */
static void random_pieces_make_the_whole(void **state)
{
	char text[400], buf[400];
	unsigned seed = 3;

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('!' + i * 7 % 90);
	for (unsigned run = 0; run < 40; run++) {
		struct rig *r;
		uint32_t seq;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		rig_establish(r);
		seq = r->peer_seq;
		while (r->s->rx.bytes < sizeof(text)) {
			unsigned at, n;

			seed = seed * 1103515245u + 12345;
			at = (seed >> 8) % sizeof(text);
			n = 1 + (seed >> 20) % 60;
			if (at + n > sizeof(text))
				n = (unsigned)sizeof(text) - at;
			PEER(r, .flags = TCP_ACK, SEQ(seq + at), .data = text + at, .len = n);
			rig_forget(r);
		}
		assert_int_equal(rig_conn(r)->n_ooo, 0);
		assert_null(rig_conn(r)->ooo);
		assert_int_equal(rig_read(r, buf, sizeof(buf)), sizeof(text));
		assert_memory_equal(buf, text, sizeof(text));
	}
}

static void the_queue_is_bounded(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	rig_establish(r);
	seq = r->peer_seq;
	for (unsigned i = 0; i < 200; i++) {
		PEER(r, .flags = TCP_ACK, SEQ(seq + 10 + i * 2), .len = 1);
		rig_forget(r);
	}
	assert_int_equal(rig_conn(r)->n_ooo, 63); /* 65535 / 1024 */
	assert_int_equal(rig_count(r, CTR_DROP_TCP_OOO_FULL), 200 - 63);
	/* What is next is taken even so. */
	PEER(r, .flags = TCP_ACK, SEQ(seq), .len = 10);
	assert_int_equal(r->s->rx.bytes, 11);
}

static void small_segments_share_a_buffer(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	for (unsigned i = 0; i < 100; i++)
		PEER(r, .flags = TCP_ACK, .len = 10);
	assert_int_equal(r->s->rx.bytes, 1000);
	assert_int_equal(r->s->rx.n, 1);
}

static void a_shared_buffer_is_not_appended_to(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 10);
	rte_mbuf_refcnt_update(r->s->rx.head, 1);
	PEER(r, .flags = TCP_ACK, .len = 10);
	assert_int_equal(r->s->rx.n, 2);
	rte_pktmbuf_free(r->s->rx.head);
}

/* --- SACK (RFC 2018 section 4) --- */

static void expect_sack(struct rig *r, unsigned n, const struct tcp_sack_block *b, uint32_t seq)
{
	struct out *o = rig_sent(r);

	assert_int_equal(o->opt.n_sack, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(o->opt.sack[i].start, seq + b[i].start);
		assert_int_equal(o->opt.sack[i].end, seq + b[i].end);
	}
}

#define EXPECT_SACK(r, seq, n, ...)                                                                \
	expect_sack(r, n, (const struct tcp_sack_block[]){__VA_ARGS__}, seq)

static void blocks_are_exact_and_the_latest_is_first(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	r->peer_options = PEER_SACK;
	rig_establish(r);
	seq = r->peer_seq;
	PEER(r, .flags = TCP_ACK, SEQ(seq + 100), .len = 50);
	EXPECT_SACK(r, seq, 1, {100, 150});
	PEER(r, .flags = TCP_ACK, SEQ(seq + 300), .len = 50);
	EXPECT_SACK(r, seq, 2, {300, 350}, {100, 150});
	PEER(r, .flags = TCP_ACK, SEQ(seq + 200), .len = 50);
	EXPECT_SACK(r, seq, 3, {200, 250}, {300, 350}, {100, 150});
	PEER(r, .flags = TCP_ACK, SEQ(seq + 150), .len = 50); /* joins two */
	EXPECT_SACK(r, seq, 2, {100, 250}, {300, 350});
	PEER(r, .flags = TCP_ACK, SEQ(seq), .len = 100);
	EXPECT_SACK(r, seq, 1, {300, 350});
	PEER(r, .flags = TCP_ACK, SEQ(seq + 250), .len = 50);
	EXPECT_SACK(r, seq, 0, {0, 0});
}

/* RFC 2018: at least three times, for acknowledgements get lost. */
static void a_block_is_reported_until_others_have_grown(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	r->peer_options = PEER_SACK | PEER_TS;
	rig_establish(r);
	seq = r->peer_seq;
	for (unsigned i = 1; i <= 4; i++)
		PEER(r, .flags = TCP_ACK, SEQ(seq + i * 100), .len = 50);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, SEQ(seq + 600), .len = 50);
	EXPECT_SACK(r, seq, 3, {600, 650}, {400, 450}, {300, 350});
	for (unsigned i = 1; i <= 5; i++) {
		PEER(r, .flags = TCP_ACK, SEQ(seq + 600 + i * 50), .len = 50);
		EXPECT_SACK(r, seq, 3, {600, 650 + i * 50}, {400, 450}, {300, 350});
	}
	PEER(r, .flags = TCP_ACK, SEQ(seq + 350), .len = 50); /* joins two */
	EXPECT_SACK(r, seq, 3, {300, 450}, {600, 900}, {100, 150});
}

/* Each is one that the peer counts to learn whether it repeated needlessly. */
static void every_duplicate_is_reported(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	r->peer_options = PEER_SACK;
	rig_establish(r);
	seq = r->peer_seq;
	PEER(r, .flags = TCP_ACK, SEQ(seq), .len = 300);
	rig_forget(r);
	r->batch = true;
	for (unsigned i = 0; i < 3; i++)
		PEER(r, .flags = TCP_ACK, SEQ(seq + i * 100), .len = 100);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_SACK(r, seq, 1, {i * 100, i * 100 + 100});
	rig_silent(r);
}

static void as_many_blocks_as_fit(void **state)
{
	for (unsigned ts = 0; ts < 2; ts++) {
		struct rig *r;
		uint32_t seq;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		r->peer_options = PEER_SACK | (ts ? PEER_TS : 0);
		rig_establish(r);
		seq = r->peer_seq;
		for (unsigned i = 1; i < 8; i++)
			PEER(r, .flags = TCP_ACK, SEQ(seq + i * 100), .len = 50);
		assert_int_equal(r->out[r->n_out - 1].opt.n_sack, ts ? 3 : 4);
		rig_write(r, 10, 10);
		rig_pass(r, 0);
		assert_int_equal(r->out[r->n_out - 1].opt.n_sack, ts ? 3 : 4);
	}
}

static void no_blocks_without_permission(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq + 100), .len = 50);
	EXPECT_SACK(r, 0, 0, {0, 0});
}

static void full_data_segments_leave_blocks_to_acks(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_SACK | PEER_TS;
	rig_establish(r);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq + 100), .len = 50);
	assert_int_equal(rig_sent(r)->opt.n_sack, 1);
	rig_write(r, 1448 + 100, 1448);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->opt.n_sack, 0);
	assert_int_equal(rig_sent(r)->opt.n_sack, 1);
}

/* --- window --- */

static uint32_t edge(const struct out *o)
{
	return o->ack + o->wnd;
}

static void unread_bytes_close_the_window(void **state)
{
	struct rig *r = *state;
	uint32_t right = 0;

	r->cfg.rcv_buf = 10000;
	rig_restart(r);
	rig_establish(r);
	for (unsigned i = 0; i < 10; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1000);
		for (struct out *o; (o = rig_try(r));) {
			assert_true(!right || edge(o) >= right);
			right = edge(o);
		}
	}
	assert_int_equal(r->out[r->n_out - 1].wnd, 0);
	assert_int_equal(r->s->rx.bytes, 10000);
	rig_forget(r);
	/* Nothing more is taken; it is answered. */
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq), .len = 1);
	expect_ack(r);
	assert_int_equal(r->s->rx.bytes, 10000);
}

static void reading_reopens_the_window_in_steps(void **state)
{
	struct rig *r = *state;

	r->cfg.rcv_buf = 10000;
	rig_restart(r);
	rig_establish(r);
	for (unsigned i = 0; i < 10; i++)
		PEER(r, .flags = TCP_ACK, .len = 1000);
	rig_forget(r);
	rig_read(r, NULL, 400); /* silly */
	rig_pass(r, 0);
	rig_silent(r);
	rig_read(r, NULL, 600); /* a full segment, from zero */
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->wnd, 1000);
	rig_read(r, NULL, 1000);
	rig_pass(r, 0);
	rig_silent(r);
	rig_read(r, NULL, 1000);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->wnd, 3000);
}

/* Memory is short: what was promised stays promised, but more than the share is not held. */
static void a_smaller_share_holds_less(void **state)
{
	struct rig *r = *state;
	uint32_t right = 0;

	r->cfg.rcv_buf = 10000;
	rig_restart(r);
	rig_establish(r);
	r->now_us += MS;
	tcp_set_now(r->tcp, r->now_us);
	tcp_set_memory(r->tcp, 100, 1000);
	for (unsigned i = 0; i < 5; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1000);
		for (struct out *o; (o = rig_try(r));) {
			assert_true(!right || edge(o) >= right);
			right = edge(o);
		}
	}
	assert_int_equal(r->s->rx.bytes, 5000);
	PEER(r, .flags = TCP_ACK, .len = 1000);
	assert_int_equal(r->s->rx.bytes, 5000);
	rig_read(r, NULL, 2000);
	r->peer_seq -= 1000; /* it comes again */
	PEER(r, .flags = TCP_ACK, .len = 1000);
	assert_int_equal(r->s->rx.bytes, 4000);
}

static void an_open_window_needs_no_update(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	for (unsigned i = 0; i < 10; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1000);
		rig_forget(r);
		rig_read(r, NULL, 1000);
		rig_pass(r, 0);
		rig_silent(r);
	}
}

static void data_beyond_the_window_is_cut(void **state)
{
	struct rig *r = *state;

	r->cfg.rcv_buf = 2000;
	rig_restart(r);
	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 1000);
	PEER(r, .flags = TCP_ACK | TCP_FIN, SEQ(r->peer_seq), .len = 1200);
	assert_int_equal(r->s->rx.bytes, 2000);
	assert_false(r->s->eof);
	r->peer_seq += 1000;
	expect_ack(r);
}

static void fin_needs_no_window(void **state)
{
	struct rig *r = *state;

	r->cfg.rcv_buf = 2000;
	rig_restart(r);
	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 1000);
	PEER(r, .flags = TCP_ACK | TCP_FIN, .len = 1000);
	assert_int_equal(r->s->rx.bytes, 2000);
	assert_true(r->s->eof);
}

/* Window scale 7 units of 128 are offered although the buffer is not a multiple. */
static void scaled_window_never_shrinks(void **state)
{
	struct rig *r = *state;
	uint32_t right = 0;

	r->cfg.rcv_buf = 300001;
	rig_restart(r);
	r->peer_options = PEER_WSCALE;
	rig_establish(r);
	for (unsigned i = 0; i < 250; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1201);
		for (struct out *o; (o = rig_try(r));) {
			uint32_t e = o->ack + ((uint32_t)o->wnd << r->tcp->rcv_wscale);

			if (e - PEER_ISS < right)
				assert_in_range(right - (e - PEER_ISS), 0, 8);
			else
				right = e - PEER_ISS;
		}
		rig_forget(r);
	}
	assert_true(right <= 300001 + 16 + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_segment_is_acknowledged_late),
		T(after_a_hole_single_segments_are_acknowledged_at_once),
		T(every_second_full_segment_is_acknowledged_at_once),
		T(an_answer_carries_the_acknowledgement),
		T(a_burst_is_acknowledged_once),
		T(old_data_is_acknowledged_again),
		T(overlap_on_the_left_is_cut),
		T(a_hole_is_filled),
		T(each_segment_beside_a_hole_has_its_ack),
		T(with_sack_a_pass_ends_with_one),
		T(first_bytes_win),
		T(random_pieces_make_the_whole),
		T(the_queue_is_bounded),
		T(small_segments_share_a_buffer),
		T(a_shared_buffer_is_not_appended_to),
		T(blocks_are_exact_and_the_latest_is_first),
		T(a_block_is_reported_until_others_have_grown),
		T(every_duplicate_is_reported),
		T(as_many_blocks_as_fit),
		T(no_blocks_without_permission),
		T(full_data_segments_leave_blocks_to_acks),
		T(unread_bytes_close_the_window),
		T(reading_reopens_the_window_in_steps),
		T(a_smaller_share_holds_less),
		T(an_open_window_needs_no_update),
		T(data_beyond_the_window_is_cut),
		T(fin_needs_no_window),
		T(scaled_window_never_shrinks),
	};

	return cmocka_run_group_tests_name("tcp receive", tests, rig_group_setup,
					   rig_group_teardown);
}
