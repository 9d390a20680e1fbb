/* test_pressure.c - packet buffers get scarce: what shrinks, what is refused, who is reset, and
 * that it ends; and the receive window that grows while there are enough. */
#include "rig.h"

#define TOTAL   3200u
#define RESERVE 400u /* an eighth */
#define LAST    100u /* a thirty-second */

/* A pass `ms` later with so many buffers left. */
static void left(struct rig *r, uint32_t n, unsigned ms)
{
	for (unsigned i = 0; i < ms / 50 + 1; i++) {
		uint64_t us = ms < 50 ? ms * MS : i ? 50 * MS : ms % 50 * MS;

		r->now_us += us;
		tcp_set_now(r->tcp, r->now_us);
		tcp_set_memory(r->tcp, n, TOTAL);
		rig_pass(r, 0);
	}
}

static void limits_follow_what_is_left(void **state)
{
	struct rig *r = *state;

	r->cfg.rcv_buf = r->cfg.snd_limit = 1 << 20;
	rig_restart(r);
	left(r, TOTAL, 0);
	assert_int_equal(r->tcp->rcv_limit, (TOTAL - RESERVE) * 1448 / 64);
	left(r, RESERVE + 640, 0);
	assert_int_equal(r->tcp->rcv_limit, 14480);
	assert_int_equal(r->tcp->snd_limit, 14480);
	left(r, RESERVE, 0);
	assert_int_equal(r->tcp->rcv_limit, TCP_LIMIT_MIN);
	left(r, 0, 0);
	assert_int_equal(r->tcp->rcv_limit, TCP_LIMIT_MIN);
}

static void new_connections_are_refused_first(void **state)
{
	struct rig *r = *state;

	left(r, RESERVE, 0);
	assert_int_equal(rig_count(r, CTR_TCP_PRESSURE), TCP_TIGHT);
	PEER(r, .flags = TCP_SYN);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_NEW_MEMORY), 1);
	left(r, TOTAL, 0);
	assert_int_equal(rig_count(r, CTR_TCP_PRESSURE), TCP_EASE);
	r->peer_seq = PEER_ISS;
	rig_establish(r);
}

static void it_is_known_for_how_long(void **state)
{
	struct rig *r = *state;

	left(r, TOTAL, 0);
	assert_int_equal(tcp_scarce_ms(r->tcp), 0);
	left(r, RESERVE, 0);
	assert_int_equal(tcp_scarce_ms(r->tcp), 1);
	left(r, LAST - 1, 300);
	left(r, RESERVE, 300);
	assert_in_range(tcp_scarce_ms(r->tcp), 590, 611);
	left(r, TOTAL, 0);
	assert_int_equal(tcp_scarce_ms(r->tcp), 0);
}

static void closed_ports_are_still_refused(void **state)
{
	struct rig *r = *state;

	left(r, RESERVE, 0);
	PEER(r, .flags = TCP_SYN, .to = 81);
	expect_rst(r, 0);
}

static void cookies_are_not_taken_either(void **state)
{
	struct rig *r = *state;

	r->cfg.cookies = SYN_COOKIES_ALWAYS;
	rig_restart(r);
	rig_listen_syn(r);
	left(r, RESERVE, 0);
	PEER(r, .flags = TCP_ACK);
	rig_silent(r);
	assert_int_equal(r->n_accepted, 0);
	left(r, TOTAL, 0);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->n_accepted, 1);
}

static void ease_returns_with_something_to_spare(void **state)
{
	struct rig *r = *state;

	left(r, RESERVE, 0);
	left(r, RESERVE + RESERVE / 4, 0);
	assert_int_equal(rig_count(r, CTR_TCP_PRESSURE), TCP_TIGHT);
	left(r, RESERVE + RESERVE / 4 + 1, 0);
	assert_int_equal(rig_count(r, CTR_TCP_PRESSURE), TCP_EASE);
	left(r, RESERVE + 1, 0);
	assert_int_equal(rig_count(r, CTR_TCP_PRESSURE), TCP_EASE);
}

static void the_promised_window_is_kept(void **state)
{
	struct rig *r = *state;
	unsigned before;

	rig_establish(r);
	left(r, RESERVE, 0);
	for (unsigned i = 0; i < 2; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1000);
		rig_read(r, NULL, 1000);
	}
	before = 65535 - 2000;
	assert_int_equal(rig_sent(r)->wnd, before);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_MEMORY), 0);
}

static void data_in_order_is_taken_while_tight(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	left(r, LAST, 0);
	PEER(r, .flags = TCP_ACK, .len = 1000);
	assert_int_equal(r->s->rx.bytes, 1000);
}

static void data_out_of_order_is_not(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	left(r, RESERVE, 0);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq + 1000), .len = 1000);
	expect_ack(r); /* a duplicate: the peer's fast retransmission goes on working */
	assert_int_equal(rig_conn(r)->n_ooo, 0);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_MEMORY), 1);
}

static void starved_takes_acknowledgements_only(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	rig_write(r, 1000, 1000);
	rig_pass(r, 0);
	rig_forget(r);
	left(r, LAST - 1, 0);
	assert_int_equal(rig_count(r, CTR_TCP_PRESSURE), TCP_STARVED);
	r->peer_ack += 1000;
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq), .len = 500);
	assert_int_equal(r->s->rx.bytes, 0);
	assert_int_equal(r->s->tx_queued, 0);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_MEMORY), 1);
	rig_silent(r);
	left(r, LAST, 0);
	PEER(r, .flags = TCP_ACK, .len = 500);
	assert_int_equal(r->s->rx.bytes, 500);
}

static void starved_still_lets_the_released_finish(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	bytestream_release(r->s);
	rig_pass(r, 0);
	r->peer_ack++;
	rig_forget(r);
	left(r, 0, 0);
	PEER(r, .flags = TCP_ACK | TCP_FIN, .len = 500); /* nobody keeps its bytes */
	expect_ack(r);
	assert_int_equal(rig_state(r), TCP_TIME_WAIT);
}

static void starved_still_resets(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	left(r, 0, 0);
	PEER(r, .flags = TCP_RST);
	assert_int_equal(r->events, BS_CLOSED);
}

/* --- shedding --- */

static void what_is_out_of_order_is_forgotten_first(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq + 1000), .len = 1000);
	rig_forget(r);
	left(r, RESERVE, 950);
	assert_int_equal(rig_conn(r)->n_ooo, 1);
	left(r, RESERVE, 200);
	assert_int_equal(rig_conn(r)->n_ooo, 0);
	assert_int_equal(rig_count(r, CTR_TCP_OOO_FORGOTTEN), 1);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
}

/* Writes n segments that the peer never acknowledges. */
static void stall(struct rig *r, unsigned n)
{
	rig_write(r, n * 1000, 1000);
	rig_pass(r, 0);
	rig_wait_ms(r, 1500); /* beyond the first timeout */
	rig_forget(r);
}

static void the_stalled_go_after_a_second(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	stall(r, 8);
	left(r, RESERVE, 950);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	rig_forget(r);
	left(r, RESERVE, 200);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_NO_MEMORY);
	assert_int_equal(rig_count(r, CTR_TCP_SHED_STALLED), 1);
	assert_true(r->out[r->n_out - 1].flags & TCP_RST);
}

static void a_closed_window_is_stalled_too(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, WND(0));
	rig_write(r, 4000, 1000);
	rig_pass(r, 0);
	rig_wait_ms(r, 5);
	left(r, RESERVE, 1200);
	assert_int_equal(rig_count(r, CTR_TCP_SHED_STALLED), 1);
}

static void who_makes_progress_stays_for_long(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 1400);
	PEER(r, .flags = TCP_ACK, .len = 1400);
	left(r, RESERVE, 4900);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	left(r, RESERVE, 300);
	assert_int_equal(rig_state(r), TCP_CLOSED);
	assert_int_equal(rig_count(r, CTR_TCP_SHED_LARGEST), 1);
}

static void starved_waits_less(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .len = 1400);
	PEER(r, .flags = TCP_ACK, .len = 1400);
	left(r, 0, 900);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	left(r, 0, 300);
	assert_int_equal(rig_count(r, CTR_TCP_SHED_LARGEST), 1);
}

/* Connection i holds i segments; a few buffers are missing. */
static void the_largest_goes_first(void **state)
{
	struct rig *r = *state;

	for (uint16_t i = 1; i <= 6; i++) {
		uint32_t ack;

		PEER(r, .flags = TCP_SYN, .port = i, SEQ(0));
		ack = r->out[r->n_out - 1].seq + 1;
		for (uint32_t k = 0; k < i * 10u; k++)
			PEER(r, .flags = TCP_ACK, .port = i, SEQ(1 + k * 500), .len = 500,
			     ACKNO(ack));
		rig_forget(r);
	}
	assert_int_equal(rig_count(r, CTR_TCP_CURR_ESTAB), 6);
	left(r, RESERVE, 0);
	left(r, RESERVE + RESERVE / 4, 5000); /* 100 are wanted: the largest two have 110 */
	assert_int_equal(rig_count(r, CTR_TCP_SHED_LARGEST), 2);
	assert_int_equal(rig_count(r, CTR_TCP_CURR_ESTAB), 4);
	for (uint16_t i = 1; i <= 6; i++) {
		struct tcp_tuple t = {.local = {.ip = r->our_ip, .port = OUR_PORT},
				      .remote = {.ip = r->peer_ip, .port = i}};

		assert_int_equal(tcp_knows(r->tcp, &t), i <= 4);
	}
}

static void idle_connections_are_never_shed(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	left(r, 0, 60000);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_int_equal(rig_count(r, CTR_TCP_SHED_LARGEST), 0);
	left(r, TOTAL, 0);
	PEER(r, .flags = TCP_ACK, .len = 10);
	assert_int_equal(r->s->rx.bytes, 10);
}

static void a_short_shortage_costs_nobody_anything(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	stall(r, 8);
	for (unsigned i = 0; i < 20; i++) {
		left(r, RESERVE, 900);
		left(r, TOTAL, 100);
	}
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
}

/* --- the window grows with its reader --- */

static void big(struct rig *r)
{
	r->cfg.rcv_buf = r->cfg.snd_limit = 4 << 20;
	r->peer_options = PEER_WSCALE;
	rig_restart(r);
	rig_establish(r);
	rig_conn(r)->srtt_us = 50 * 1000;
}

/* Segments of 1000 bytes, n in a round trip of 50 ms, all read at once or not at all. */
static void arrive(struct rig *r, unsigned n, bool read)
{
	for (unsigned i = 0; i < n; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1000);
		if (read)
			rig_read(r, NULL, 1000);
		rig_forget(r);
	}
	rig_pass(r, 50 * MS);
	rig_forget(r);
}

static void it_doubles_for_who_keeps_up(void **state)
{
	struct rig *r = *state;
	unsigned n = 40;

	big(r);
	for (unsigned i = 0; i < 8; i++, n = RTE_MIN(n * 2, 4000u))
		arrive(r, n, true);
	assert_in_range(rig_conn(r)->rcv_edge - rig_conn(r)->rcv_nxt, 1000000, 4 << 20);
}

/* A peer in slow start waits for it in one round at most, the first in which it is short. */
static void it_is_ahead_of_who_doubles(void **state)
{
	struct rig *r = *state;
	unsigned short_of = 0;

	big(r);
	for (unsigned n = 10; n <= 2560; n *= 2) {
		short_of += rig_conn(r)->rcv_edge - rig_conn(r)->rcv_nxt < n * 1000;
		arrive(r, n, true);
	}
	assert_in_range(short_of, 0, 1);
}

/* Nothing can be read behind a hole, and the peer goes on doubling. */
static void it_is_ahead_behind_a_hole(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	big(r);
	seq = r->peer_seq + 1000;
	for (unsigned n = 10; n <= 640; n *= 2) {
		for (unsigned i = 0; i < n; i++, seq += 1000) {
			PEER(r, .flags = TCP_ACK, SEQ(seq), .len = 1000);
			rig_forget(r);
		}
		rig_pass(r, 50 * MS);
		rig_forget(r);
	}
	assert_in_range(rig_conn(r)->rcv_edge - seq, 640000, 4 << 20);
}

/* What waits for a reader and what waits behind a hole are no reason together. */
static void a_hole_does_not_excuse_a_reader(void **state)
{
	struct rig *r = *state;
	uint32_t seq;

	big(r);
	arrive(r, 50, false);
	seq = r->peer_seq + 1000;
	for (unsigned i = 0; i < 10; i++, seq += 1000)
		PEER(r, .flags = TCP_ACK, SEQ(seq), .len = 1000);
	rig_pass(r, 50 * MS);
	assert_int_equal(rig_conn(r)->rcv_grown, 0);
}

/* As it_doubles_for_who_keeps_up(), but from next door. */
static void it_is_enough_for_who_is_near(void **state)
{
	struct rig *r = *state;
	unsigned n = 40;

	big(r);
	rig_conn(r)->srtt_us = 1000;
	for (unsigned i = 0; i < 8; i++, n = RTE_MIN(n * 2, 250u)) {
		for (unsigned k = 0; k < n; k++) {
			PEER(r, .flags = TCP_ACK, .len = 1000);
			rig_read(r, NULL, 1000);
			rig_forget(r);
		}
		rig_pass(r, 1 * MS);
		rig_forget(r);
	}
	assert_in_range(rig_conn(r)->rcv_edge - rig_conn(r)->rcv_nxt, TCP_NEAR_ENOUGH / 2,
			TCP_NEAR_ENOUGH);
	rig_write(r, 1000, 1000);
	assert_in_range(r->s->tx_limit, 1, TCP_NEAR_ENOUGH);
}

static void it_stays_for_who_is_slow(void **state)
{
	struct rig *r = *state;

	big(r);
	for (unsigned i = 0; i < 100; i++)
		arrive(r, 8, true); /* an eighth of the window in a round trip */
	assert_int_equal(rig_conn(r)->rcv_grown, 0);
}

static void it_stays_for_who_does_not_read(void **state)
{
	struct rig *r = *state;

	big(r);
	arrive(r, 60, false);
	assert_int_equal(rig_conn(r)->rcv_grown, 0);
}

static void it_stays_within_the_limit(void **state)
{
	struct rig *r = *state;
	unsigned n = 40;

	big(r);
	tcp_set_limit(r->tcp, 150000);
	for (unsigned i = 0; i < 8; i++, n = RTE_MIN(n * 2, 140u))
		arrive(r, n, true);
	assert_int_equal(rig_conn(r)->rcv_grown, 2);
	assert_in_range(rig_conn(r)->rcv_edge - rig_conn(r)->rcv_nxt, 100000, 150000);
}

static void it_shrinks_without_taking_back(void **state)
{
	struct rig *r = *state;
	uint32_t edge;
	unsigned n = 40;

	big(r);
	for (unsigned i = 0; i < 6; i++, n *= 2)
		arrive(r, n, true);
	edge = rig_conn(r)->rcv_edge;
	tcp_set_limit(r->tcp, 10000);
	for (unsigned i = 0; i < 5; i++) {
		PEER(r, .flags = TCP_ACK, .len = 1000);
		rig_read(r, NULL, 1000);
		rig_pass(r, 50 * MS);
		assert_int_equal(rig_conn(r)->rcv_edge, edge);
	}
}

static void the_send_limit_follows_cwnd(void **state)
{
	struct rig *r = *state;

	big(r);
	assert_int_equal(r->s->tx_limit, TCP_SND_FIRST);
	rig_conn(r)->cwnd = 1 << 20;
	rig_write(r, 10, 10);
	assert_int_equal(r->s->tx_limit, 2 << 20);
	/* What waits with the peer behind a hole is neither under way nor to follow. */
	rig_conn(r)->sacked = 300000;
	rig_write(r, 10, 10);
	assert_int_equal(r->s->tx_limit, (2 << 20) + 300000);
	rig_conn(r)->sacked = 0;
	tcp_set_limit(r->tcp, 50000);
	rig_write(r, 10, 10);
	assert_int_equal(r->s->tx_limit, 50000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(limits_follow_what_is_left),
		T(new_connections_are_refused_first),
		T(it_is_known_for_how_long),
		T(closed_ports_are_still_refused),
		T(cookies_are_not_taken_either),
		T(ease_returns_with_something_to_spare),
		T(the_promised_window_is_kept),
		T(data_in_order_is_taken_while_tight),
		T(data_out_of_order_is_not),
		T(starved_takes_acknowledgements_only),
		T(starved_still_lets_the_released_finish),
		T(starved_still_resets),
		T(what_is_out_of_order_is_forgotten_first),
		T(the_stalled_go_after_a_second),
		T(a_closed_window_is_stalled_too),
		T(who_makes_progress_stays_for_long),
		T(starved_waits_less),
		T(the_largest_goes_first),
		T(idle_connections_are_never_shed),
		T(a_short_shortage_costs_nobody_anything),
		T(it_doubles_for_who_keeps_up),
		T(it_is_ahead_of_who_doubles),
		T(it_is_ahead_behind_a_hole),
		T(a_hole_does_not_excuse_a_reader),
		T(it_is_enough_for_who_is_near),
		T(it_stays_for_who_is_slow),
		T(it_stays_for_who_does_not_read),
		T(it_stays_within_the_limit),
		T(it_shrinks_without_taking_back),
		T(the_send_limit_follows_cwnd),
	};

	return cmocka_run_group_tests_name("tcp pressure", tests, rig_group_setup,
					   rig_group_teardown);
}
