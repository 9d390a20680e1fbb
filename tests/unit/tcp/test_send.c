/* test_send.c - the send queue: segmentation, sending in place, the peer's window, probes. */
#include "rig.h"

#include <string.h>

#include <tcp/sendq.h>

static struct rte_mbuf *piece(struct rig *r, unsigned headroom, unsigned n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->tcp->pool);
	char *p;

	m->data_off = (uint16_t)headroom;
	p = rte_pktmbuf_append(m, (uint16_t)n);
	for (unsigned i = 0; i < n; i++)
		p[i] = (char)('a' + i % 26);
	return m;
}

static void write_one(struct rig *r, struct rte_mbuf *m)
{
	struct mbq q;

	mbq_init(&q);
	mbq_push(&q, m);
	bytestream_write(r->s, &q);
}

static void expect_letters(struct rig *r, unsigned from, unsigned n)
{
	struct out *o = rig_sent(r);

	assert_int_equal(o->len, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(o->data[i], 'a' + (from + i) % 26);
}

/* --- segments --- */

static void small_writes_become_one_segment(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 1000, 7);
	assert_int_equal(r->s->tx_queued, 1000);
	rig_pass(r, 0);
	expect_letters(r, 0, 1000);
	rig_silent(r);
}

static bool always_busy(void *owner)
{
	(void)owner;
	return true;
}

static void nothing_leaves_while_the_way_out_is_busy(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	r->ops.busy = always_busy;
	rig_write(r, 10, 10);
	PEER(r, .len = 5);
	rig_pass(r, 0);
	rig_silent(r);
	/* Put off, not forgotten. */
	r->ops.busy = NULL;
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 10);
	rig_silent(r);
}

static void a_connection_reset_while_busy_is_gone_all_the_same(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	r->ops.busy = always_busy;
	rig_write(r, 10, 10);
	rig_pass(r, 0);
	bytestream_abort(r->s);
	rig_pass(r, 0);
	r->ops.busy = NULL;
	rig_pass(r, 0);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void no_nagle(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	for (unsigned i = 0; i < 3; i++) {
		rig_write(r, 10, 10);
		rig_pass(r, 0);
		assert_int_equal(rig_sent(r)->len, 10);
	}
}

static void large_pieces_are_split_at_the_mss(void **state)
{
	struct rig *r = *state;

	r->peer_mss = 600;
	rig_establish(r);
	rig_write(r, 2000, 2000);
	rig_pass(r, 0);
	expect_letters(r, 0, 600);
	expect_letters(r, 600, 600);
	expect_letters(r, 1200, 600);
	expect_letters(r, 1800, 200);
	rig_silent(r);
}

static void mss_counts_option_bytes(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_TS;
	r->peer_mss = 600;
	rig_establish(r);
	rig_write(r, 1200, 1200);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 588);
}

static void absent_mss_means_536(void **state)
{
	struct rig *r = *state;

	r->peer_mss = 0;
	rig_establish(r);
	rig_write(r, 1200, 1200);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 536);
}

static void absent_mss_means_1220_for_ipv6(void **state)
{
	struct rig *r = *state;

	assert_true(ip_addr_parse("2001:2::2", &r->our_ip));
	assert_true(ip_addr_parse("2001:2::63", &r->peer_ip));
	r->peer_mss = 0;
	rig_establish(r);
	rig_write(r, 1400, 1400);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 1220);
}

static void an_absurd_mss_is_not_followed(void **state)
{
	struct rig *r = *state;

	r->peer_mss = 1;
	rig_establish(r);
	rig_write(r, 100, 100);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 64);
}

static void a_tiny_mss_does_not_cost_an_mbuf_a_segment(void **state)
{
	struct rig *r = *state;

	r->peer_mss = 88;
	r->peer_wnd = 0;
	rig_establish(r);
	rig_write(r, 1500, 1500);
	rig_pass(r, 0);
	assert_ptr_equal(rig_conn(r)->sq_head, rig_conn(r)->sq_tail);
	r->peer_wnd = 2000;
	PEER(r, .flags = TCP_ACK);
	for (unsigned i = 0; i < 10; i++)
		expect_letters(r, i * 88, 88);
	rig_silent(r);
	r->peer_ack += 880;
	PEER(r, .flags = TCP_ACK);
	for (unsigned i = 10; i < 17; i++)
		expect_letters(r, i * 88, 88);
	expect_letters(r, 17 * 88, 1500 - 17 * 88);
}

static void push_marks_the_end_of_a_write(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 2000, 1000);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->flags, TCP_ACK);
	assert_int_equal(rig_sent(r)->flags, TCP_ACK | TCP_PSH);
}

static void empty_mbufs_are_nothing(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	write_one(r, piece(r, 128, 0));
	rig_pass(r, 0);
	rig_silent(r);
	assert_int_equal(r->s->tx_queued, 0);
}

/* --- in place, gathered, copied --- */

static void own_buffers_are_sent_in_place(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	r->ops.scattered_output = true;
	r->keep_silent = true; /* the device keeps what it gets */
	write_one(r, piece(r, 128, 500));
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->segs, 1);
	assert_ptr_equal(r->held[0], rig_conn(r)->sq_head);
	assert_int_equal(rte_mbuf_refcnt_read(r->held[0]), 2);
}

static void short_headroom_is_gathered(void **state)
{
	struct rig *r = *state;

	r->ops.scattered_output = true;
	rig_establish(r);
	write_one(r, piece(r, 20 + 63, 300));
	rig_pass(r, 0);
	assert_int_equal(r->out[r->next_out].segs, 2);
	expect_letters(r, 0, 300);
	write_one(r, piece(r, 20 + 64, 300));
	rig_pass(r, 0);
	assert_int_equal(r->out[r->next_out].segs, 1);
}

static void shared_buffers_are_gathered_or_copied(void **state)
{
	for (unsigned gather = 0; gather < 2; gather++) {
		struct rig *r;
		struct rte_mbuf *m;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		r->ops.scattered_output = gather;
		rig_establish(r);
		m = piece(r, 128, 700);
		rte_mbuf_refcnt_update(m, 1);
		memset(m->buf_addr, '#', 128);
		write_one(r, m);
		rig_pass(r, 0);
		assert_int_equal(r->out[r->next_out].segs, 1 + gather);
		expect_letters(r, 0, 700);
		/* Nothing was written in front of it. */
		for (unsigned i = 0; i < 128; i++)
			assert_int_equal(((char *)m->buf_addr)[i], '#');
		rte_pktmbuf_free(m);
	}
}

static void what_the_device_still_holds_is_not_overwritten(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	r->keep_silent = true;
	write_one(r, piece(r, 128, 700));
	rig_pass(r, 0);
	rig_forget(r);
	while (!r->n_out)
		rig_pass(r, 10 * MS);
	expect_letters(r, 0, 700);
	assert_ptr_not_equal(r->held[0], r->held[1]);
	assert_int_equal(rte_mbuf_refcnt_read(r->held[0]), 2);
}

static void a_shared_tail_is_not_appended_to(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *m;

	r->peer_wnd = 0;
	rig_establish(r);
	m = piece(r, 128, 100);
	rte_mbuf_refcnt_update(m, 1);
	write_one(r, m);
	write_one(r, piece(r, 128, 100));
	assert_ptr_not_equal(rig_conn(r)->sq_head, rig_conn(r)->sq_tail);
	rte_pktmbuf_free(m);
}

static void what_was_sent_is_not_appended_to(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 100, 100);
	rig_pass(r, 0);
	rig_write(r, 100, 100);
	assert_ptr_not_equal(rig_conn(r)->sq_head, rig_conn(r)->sq_tail);
}

static void no_mbuf_is_survived(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *all[2048];
	unsigned n = 0;

	rig_establish(r);
	rig_write(r, 3000, 1000);
	PEER(r, .flags = TCP_ACK, .len = 100);
	rig_forget(r);
	r->peer_ack += 3000;
	PEER(r, .flags = TCP_ACK);
	rte_mbuf_refcnt_update(all[n++] = piece(r, 128, 700), 1);
	rig_write(r, 100, 100);
	write_one(r, all[0]); /* must be copied */
	while ((all[n] = rte_pktmbuf_alloc(r->tcp->pool)))
		n++;
	rig_pass(r, 0);
	assert_true(rig_count(r, CTR_DROP_NO_MBUF) > 0);
	while (n-- > 0)
		rte_pktmbuf_free(all[n]);
	rig_forget(r);
	rig_wait_ms(r, 1000);
	r->peer_ack += 800;
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->s->tx_queued, 0);
}

/* --- accounting --- */

static void progress_is_dated(void **state)
{
	struct rig *r = *state;
	uint32_t ms;

	rig_establish(r);
	rig_write(r, 3000, 1000);
	rig_pass(r, 0);
	rig_wait_ms(r, 50);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 1500));
	ms = r->s->taken_ms;
	assert_int_equal(ms, r->tcp->now_ms);
	rig_wait_ms(r, 50);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 1500));
	assert_int_equal(r->s->taken_ms, ms);
}

static void acknowledged_bytes_leave_the_queue(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 3000, 1000);
	rig_pass(r, 0);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 1500));
	assert_int_equal(r->s->tx_queued, 1500);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 3000));
	assert_int_equal(r->s->tx_queued, 0);
	assert_null(rig_conn(r)->sq_head);
	assert_false(tcp_conn_in_flight(rig_conn(r)));
}

static void a_half_acknowledged_segment_is_trimmed(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 1000, 1000);
	rig_pass(r, 0);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 600));
	while (!r->n_out)
		rig_pass(r, 10 * MS);
	assert_int_equal(r->out[0].seq, r->peer_ack + 600);
	expect_letters(r, 600, 400);
}

static void writable_at_half_the_limit_once_and_if_asked(void **state)
{
	struct rig *r = *state;

	r->cfg.snd_limit = 4000;
	rig_restart(r);
	rig_establish(r);
	rig_write(r, 4000, 1000);
	r->s->tx_blocked = true;
	rig_pass(r, 0);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 1000));
	assert_int_equal(r->events, 0);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 2000));
	assert_int_equal(r->events, BS_WRITABLE);
	assert_false(r->s->tx_blocked);
	r->events = 0;
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 4000));
	assert_int_equal(r->events, 0);
}

/* What a long path has under way is what the queue holds: half of it would be half the rate. */
static void a_large_queue_is_filled_again_long_before_it_is_half_empty(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_WSCALE;
	rig_establish(r);
	rig_conn(r)->cwnd = TCP_WAKE_ROOM + 10 * 1024;
	r->s->tx_limit = 4 * TCP_WAKE_ROOM;
	rig_write(r, 4 * TCP_WAKE_ROOM, 1024);
	r->s->tx_blocked = true;
	rig_pass(r, 0);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + TCP_WAKE_ROOM - 1024));
	assert_int_equal(r->events, 0);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + TCP_WAKE_ROOM));
	assert_int_equal(r->events, BS_WRITABLE);
}

/* --- the peer's window --- */

static void the_window_is_respected(void **state)
{
	struct rig *r = *state;

	r->peer_wnd = 3000;
	r->peer_mss = 1000;
	rig_establish(r);
	rig_write(r, 10000, 1000);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_sent(r)->len, 1000);
	rig_silent(r);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 1000), WND(2500));
	rig_silent(r); /* 500 bytes are less than half the largest window */
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 1000), WND(3000));
	assert_int_equal(rig_sent(r)->len, 1000);
	rig_silent(r);
}

static void a_silly_window_is_not_filled(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, WND(0));
	rig_write(r, 1000, 1000);
	rig_pass(r, 0);
	rig_silent(r);
	PEER(r, .flags = TCP_ACK, WND(128));
	rig_silent(r);
	PEER(r, .flags = TCP_ACK, WND(1000));
	assert_int_equal(rig_sent(r)->len, 1000);
}

/* A head and a body: the small piece in front is no excuse while more waits behind it. */
static void a_silly_window_is_not_filled_by_a_small_piece(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, WND(0));
	rig_write(r, 44, 44);
	rig_write(r, 3000, 1460);
	PEER(r, .flags = TCP_ACK, WND(128));
	rig_silent(r);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(rig_sent(r)->len, 44);
	assert_int_equal(rig_sent(r)->len, 1460);
}

static void the_override_timer_fills_it_in_the_end(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, WND(128));
	rig_write(r, 1000, 1000);
	rig_pass(r, 0);
	rig_silent(r);
	rig_wait_ms(r, 210);
	expect_letters(r, 0, 128);
	rig_silent(r);
	r->peer_ack += 128;
	PEER(r, .flags = TCP_ACK);
	expect_letters(r, 128, 1000 - 128);
}

static void zero_window_is_probed_with_back_off(void **state)
{
	struct rig *r = *state;
	uint64_t last, gap = 0;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, WND(0));
	rig_write(r, 1000, 1000);
	rig_pass(r, 0);
	last = r->now_us;
	for (unsigned i = 0; i < 6; i++) {
		while (r->n_out == r->next_out)
			rig_pass(r, MS);
		expect(r, TCP_ACK, r->peer_ack - 1, r->peer_seq, 0);
		if (gap)
			assert_true(r->now_us - last > gap * 17 / 10);
		gap = r->now_us - last;
		last = r->now_us;
		PEER(r, .flags = TCP_ACK, WND(0));
	}
	assert_int_equal(rig_count(r, CTR_TCP_ZERO_WINDOW_PROBE), 6);
	PEER(r, .flags = TCP_ACK);
	expect_letters(r, 0, 1000);
}

static void an_answering_zero_window_is_kept_open(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, WND(0));
	rig_write(r, 1000, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		rig_pass(r, SEC);
		if (r->n_out)
			PEER(r, .flags = TCP_ACK, WND(0));
		rig_forget(r);
	}
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK);
	expect_letters(r, 0, 1000);
}

/* Memory for nothing: it is bounded all the same. */
static void an_answering_zero_window_ends_in_the_end(void **state)
{
	struct rig *r = *state;
	unsigned s = 0;

	r->cfg.zero_window_us = 600 * SEC;
	rig_restart(r);
	rig_establish(r);
	rig_pass(r, 3000 * SEC); /* idle for longer than that: not held against it */
	PEER(r, .flags = TCP_ACK, WND(0));
	rig_write(r, 1000, 1000);
	for (; s < 2000 && rig_state(r) != TCP_CLOSED; s++) {
		rig_forget(r);
		rig_pass(r, SEC);
		if (r->n_out && rig_state(r) != TCP_CLOSED)
			PEER(r, .flags = TCP_ACK, WND(0));
	}
	assert_in_range(s, 200, 700);
	assert_int_equal(r->s->error, BS_TIMEOUT);
	assert_true(r->out[r->n_out - 1].flags & TCP_RST);
}

static void a_silent_zero_window_is_given_up(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, WND(0));
	rig_write(r, 1000, 1000);
	for (unsigned i = 0; i < 400; i++)
		rig_pass(r, SEC);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_TIMEOUT);
}

static void a_shrunk_window_with_data_under_way_is_survived(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 5000, 1000);
	rig_pass(r, 0);
	for (unsigned i = 0; i < 600; i++) {
		rig_pass(r, SEC);
		if (r->n_out)
			PEER(r, .flags = TCP_ACK, WND(0));
		rig_forget(r);
	}
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	PEER(r, .flags = TCP_ACK, ACKNO(r->peer_ack + 5000));
	assert_int_equal(r->s->tx_queued, 0);
}

static void the_windows_scale_is_used(void **state)
{
	struct rig *r = *state;

	r->peer_options = PEER_WSCALE; /* 7 */
	r->peer_wnd = 1280;
	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK, WND(10)); /* 1280 */
	rig_forget(r);
	rig_write(r, 4000, 1000);
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->len, 1000);
	assert_int_equal(rig_conn(r)->snd_wnd, 1280);
}

static void an_older_segment_does_not_set_the_window(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	rig_establish(r);
	seq = r->peer_seq;
	PEER(r, .flags = TCP_ACK, SEQ(seq + 10), .len = 10, WND(4000));
	PEER(r, .flags = TCP_ACK, SEQ(seq), .len = 5, WND(9));
	assert_int_equal(rig_conn(r)->snd_wnd, 4000);
}

/* --- path MTU --- */

static void needs_fragmentation(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 2800, 1400);
	rig_pass(r, 0);
	rig_forget(r);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->peer_ack, true, 1000);
	rig_pass(r, 0);
	expect_letters(r, 0, 960);
	expect_letters(r, 960, 440);
	expect_letters(r, 1400, 960);
	expect_letters(r, 2360, 440);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_TCP_RETRANS_SEGS), 4);
	r->peer_ack += 2800;
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->s->tx_queued, 0);
	assert_int_equal(tcp_conn_in_flight(rig_conn(r)), 0);
}

static void mtu_of_a_stranger_is_ignored(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 1400, 1400);
	rig_pass(r, 0);
	rig_forget(r);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->peer_ack - 1, true, 1000);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->peer_ack + 1400, true, 1000);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->peer_ack, true, 1500);
	rig_pass(r, 0);
	rig_silent(r);
	assert_int_equal(rig_conn(r)->mss, 1460);
}

static void a_tiny_mtu_is_not_believed(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 1400, 1400);
	rig_pass(r, 0);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->peer_ack, true, 68);
	assert_int_equal(rig_conn(r)->mss, 536);
}

static void hard_errors_are_soft_once_open(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 1400, 1400);
	rig_pass(r, 0);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->peer_ack, true, 0);
	tcp_unreachable(r->tcp, tcp_stream_tuple(r->s));
	rig_pass(r, 0);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_int_equal(r->events, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(small_writes_become_one_segment),
		T(no_nagle),
		T(nothing_leaves_while_the_way_out_is_busy),
		T(a_connection_reset_while_busy_is_gone_all_the_same),
		T(large_pieces_are_split_at_the_mss),
		T(mss_counts_option_bytes),
		T(absent_mss_means_536),
		T(absent_mss_means_1220_for_ipv6),
		T(an_absurd_mss_is_not_followed),
		T(a_tiny_mss_does_not_cost_an_mbuf_a_segment),
		T(push_marks_the_end_of_a_write),
		T(empty_mbufs_are_nothing),
		T(own_buffers_are_sent_in_place),
		T(short_headroom_is_gathered),
		T(shared_buffers_are_gathered_or_copied),
		T(what_the_device_still_holds_is_not_overwritten),
		T(a_shared_tail_is_not_appended_to),
		T(what_was_sent_is_not_appended_to),
		T(no_mbuf_is_survived),
		T(progress_is_dated),
		T(acknowledged_bytes_leave_the_queue),
		T(a_half_acknowledged_segment_is_trimmed),
		T(writable_at_half_the_limit_once_and_if_asked),
		T(a_large_queue_is_filled_again_long_before_it_is_half_empty),
		T(the_window_is_respected),
		T(a_silly_window_is_not_filled),
		T(a_silly_window_is_not_filled_by_a_small_piece),
		T(the_override_timer_fills_it_in_the_end),
		T(zero_window_is_probed_with_back_off),
		T(an_answering_zero_window_is_kept_open),
		T(an_answering_zero_window_ends_in_the_end),
		T(a_silent_zero_window_is_given_up),
		T(a_shrunk_window_with_data_under_way_is_survived),
		T(the_windows_scale_is_used),
		T(an_older_segment_does_not_set_the_window),
		T(needs_fragmentation),
		T(mtu_of_a_stranger_is_ignored),
		T(a_tiny_mtu_is_not_believed),
		T(hard_errors_are_soft_once_open),
	};

	return cmocka_run_group_tests_name("tcp send", tests, rig_group_setup, rig_group_teardown);
}
