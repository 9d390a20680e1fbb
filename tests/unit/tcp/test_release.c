/* test_release.c - a stream and its user: release, abort, orphans, who is notified and when. */
#include "rig.h"

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

static void patient_users_hear_later(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	r->n_notified = 0;
	r->s->patient = true;
	PEER(r, .flags = TCP_ACK, .data = "a");
	PEER(r, .flags = TCP_ACK, .data = "b");
	assert_int_equal(r->n_notified, 0);
	assert_int_equal(tcp_patient_events(r->tcp), 1);
	assert_true(tcp_has_events(r->tcp));
	assert_true(tcp_next_patient_event(r->tcp));
	assert_int_equal(r->n_notified, 1);
	assert_false(tcp_next_patient_event(r->tcp));
	/* Who lets go meanwhile hears nothing. */
	PEER(r, .flags = TCP_ACK, .data = "c");
	bytestream_abort(r->s);
	assert_false(tcp_next_patient_event(r->tcp));
	assert_int_equal(tcp_patient_events(r->tcp), 0);
	assert_int_equal(r->n_notified, 1);
	rig_pass(r, 0);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		T(patient_users_hear_later),
	};

	return cmocka_run_group_tests_name("tcp release", tests, rig_group_setup,
					   rig_group_teardown);
}
