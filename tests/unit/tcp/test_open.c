/* test_open.c - no connection, LISTEN, SYN-SENT and SYN-RECEIVED (RFC 9293 3.10.7.1 to .3). */
#include "rig.h"

#include <string.h>

/* --- no connection --- */

static void closed_syn_is_refused(void **state)
{
	struct rig *r = *state;

	r->refuse = true;
	PEER(r, .flags = TCP_SYN);
	expect(r, TCP_RST | TCP_ACK, 0, PEER_ISS + 1, 0);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_CLOSED), 1);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void closed_ack_is_refused_with_its_number(void **state)
{
	struct rig *r = *state;

	r->refuse = true;
	PEER(r, .flags = TCP_ACK, ACKNO(777));
	expect(r, TCP_RST, 777, 0, 0);
}

static void closed_data_and_fin_are_counted(void **state)
{
	struct rig *r = *state;

	r->refuse = true;
	PEER(r, .flags = TCP_FIN, .len = 10);
	expect(r, TCP_RST | TCP_ACK, 0, PEER_ISS + 11, 0);
}

static void closed_rst_is_not_answered(void **state)
{
	struct rig *r = *state;

	r->refuse = true;
	PEER(r, .flags = TCP_RST);
	PEER(r, .flags = TCP_RST | TCP_ACK, ACKNO(5));
	rig_silent(r);
}

static unsigned n_unclaimed;

static bool take_unclaimed(void *owner, struct rte_mbuf *m)
{
	(void)owner;
	n_unclaimed++;
	rte_pktmbuf_free(m);
	return true;
}

static bool leave_unclaimed(void *owner, struct rte_mbuf *m)
{
	(void)owner;
	(void)m;
	return false;
}

/* The kernel's connections and listeners: whatever the flags, it is for the kernel to say. */
static void closed_ports_may_be_somebody_elses(void **state)
{
	const uint8_t flags[] = {TCP_SYN,           TCP_ACK,           TCP_RST,
				 TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, 0};
	struct rig *r = *state;

	n_unclaimed = 0;
	r->ops.unclaimed = take_unclaimed;
	r->refuse = true;
	for (unsigned i = 0; i < RTE_DIM(flags); i++)
		PEER(r, .flags = flags[i], .seq = 5);
	assert_int_equal(n_unclaimed, RTE_DIM(flags));
	assert_int_equal(rig_count(r, CTR_DROP_TCP_CLOSED), 0);
	rig_silent(r);
	r->ops.unclaimed = leave_unclaimed;
	PEER(r, .flags = TCP_SYN, .seq = 5);
	expect_rst(r, 0);
}

static void open_ports_are_ours_alone(void **state)
{
	struct rig *r = *state;

	n_unclaimed = 0;
	r->ops.unclaimed = take_unclaimed;
	PEER(r, .flags = TCP_ACK, .seq = 5, .ack = 77, .has_ack = true);
	expect_rst(r, 77);
	rig_establish(r);
	assert_int_equal(n_unclaimed, 0);
}

static void malformed_headers_are_counted(void **state)
{
	struct rig *r = *state;
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->tcp->pool);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, 20);

	memset(p, 0, 20);
	p[12] = 0x40; /* 16 bytes of header */
	tcp_take_segments(r->tcp, &m, 1);
	m = rte_pktmbuf_alloc(r->tcp->pool);
	p = (uint8_t *)rte_pktmbuf_append(m, 20);
	memset(p, 0, 20);
	p[12] = 0x60; /* 24 of 20 */
	tcp_take_segments(r->tcp, &m, 1);
	m = rte_pktmbuf_alloc(r->tcp->pool);
	rte_pktmbuf_append(m, 19);
	tcp_take_segments(r->tcp, &m, 1);
	assert_int_equal(rig_count(r, CTR_TCP_IN_ERRS), 3);
	rig_silent(r);
}

/* --- LISTEN --- */

static void listen_rst_is_ignored(void **state)
{
	struct rig *r = *state;

	PEER(r, .flags = TCP_RST);
	PEER(r, .flags = TCP_RST | TCP_ACK, ACKNO(12345));
	rig_silent(r);
}

static void listen_ack_is_refused(void **state)
{
	struct rig *r = *state;

	PEER(r, .flags = TCP_ACK, .len = 100, ACKNO(4711));
	expect(r, TCP_RST, 4711, 0, 0);
	PEER(r, .flags = TCP_SYN | TCP_ACK, ACKNO(4712));
	expect(r, TCP_RST, 4712, 0, 0);
	rig_silent(r);
}

static void listen_neither_syn_nor_ack_is_dropped(void **state)
{
	struct rig *r = *state;

	PEER(r, .flags = 0, .len = 4);
	PEER(r, .flags = TCP_FIN);
	rig_silent(r);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_FLAGS), 2);
}

static void listen_syn_fin_is_dropped(void **state)
{
	struct rig *r = *state;

	PEER(r, .flags = TCP_SYN | TCP_FIN);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void listen_land_is_dropped(void **state)
{
	struct rig *r = *state;

	r->peer_ip = r->our_ip;
	PEER(r, .flags = TCP_SYN, .port = OUR_PORT);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void listen_offers_only_what_was_offered(void **state)
{
	struct rig *r = *state;

	PEER(r, .flags = TCP_SYN);
	assert_int_equal(rig_sent(r)->opt.present, TCP_OPT_MSS);
}

static void listen_agrees_to_everything(void **state)
{
	struct rig *r = *state;
	struct out *o;

	PEER(r, .flags = TCP_SYN,
	     .opt = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 77, 0, 0, 0, 0, 1, 3, 3, 7},
	     .opt_len = 20);
	o = rig_sent(r);
	assert_int_equal(o->opt.present, 15);
	assert_int_equal(o->opt.ts_ecr, 77);
	assert_int_equal(o->opt.mss, 1460);
	assert_int_equal(o->wnd, 65535);
}

/* What an IPv4 backend sends must fit an IPv6 client's segments. */
static void the_mss_of_active_opens_can_be_limited(void **state)
{
	struct rig *r = *state;

	r->cfg.connect_mss = 1440;
	rig_restart(r);
	rig_connect(r);
	assert_int_equal(r->out[0].opt.mss, 1440);
}

static void but_not_that_of_passive_ones(void **state)
{
	struct rig *r = *state;

	r->cfg.connect_mss = 1440;
	rig_restart(r);
	PEER(r, .flags = TCP_SYN);
	assert_int_equal(rig_sent(r)->opt.mss, 1460);
}

static void window_scale_covers_the_buffer(void **state)
{
	struct rig *r = *state;

	r->cfg.rcv_buf = 1 << 20;
	rig_restart(r);
	r->peer_options = PEER_WSCALE;
	PEER(r, .flags = TCP_SYN, .opt = {3, 3, 0, 0}, .opt_len = 4);
	assert_int_equal(rig_sent(r)->opt.wscale, 5); /* 1 MiB >> 4 would be 65536 */
}

static void data_on_syn_is_not_acknowledged(void **state)
{
	struct rig *r = *state;

	PEER(r, .flags = TCP_SYN, .data = "GET /");
	assert_int_equal(rig_sent(r)->ack, PEER_ISS + 1);
	rig_silent(r);
	assert_int_equal(r->n_accepted, 0);
}

static void without_cookies_the_oldest_half_open_gives_way(void **state)
{
	struct rig *r = *state;

	r->cfg.cookies = SYN_COOKIES_NEVER;
	rig_restart(r);
	for (uint16_t i = 0; i < 20; i++)
		PEER(r, .flags = TCP_SYN, SEQ(i * 1000u), .port = (uint16_t)(2000 + i));
	assert_int_equal(tcp_conns_in_use(r->tcp), 8);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_BACKLOG), 12);
	rig_forget(r);
	/* The last is there, the first is not. */
	PEER(r, .flags = TCP_ACK, SEQ(1), ACKNO(5), .port = 2000);
	expect_rst(r, 5);
	PEER(r, .flags = TCP_SYN, SEQ(19000), .port = 2019);
	assert_int_equal(rig_sent(r)->flags, TCP_SYN | TCP_ACK);
	assert_int_equal(tcp_conns_in_use(r->tcp), 8);
}

static void a_full_slab_makes_room_for_the_next_syn(void **state)
{
	struct rig *r = *state;

	r->cfg.max_conns = 4;
	r->cfg.max_half_open = 100;
	rig_restart(r);
	for (uint16_t i = 0; i < 5; i++)
		PEER(r, .flags = TCP_SYN, SEQ(i), .port = (uint16_t)(2000 + i));
	assert_int_equal(rig_count(r, CTR_DROP_TCP_NO_CONN), 1);
	rig_forget(r);
	PEER(r, .flags = TCP_SYN, SEQ(9), .port = 3000);
	assert_int_equal(rig_sent(r)->flags, TCP_SYN | TCP_ACK);
}

/* --- SYN-RECEIVED --- */

static void handshake_completes(void **state)
{
	struct rig *r = *state;

	rig_establish(r);
	assert_int_equal(tcp_stream_cookie(r->s), 0xc00c1e);
	assert_int_equal(tcp_stream_tuple(r->s)->remote.port, PEER_PORT);
	assert_int_equal(rig_count(r, CTR_TCP_PASSIVE_OPENS), 1);
	assert_int_equal(rig_count(r, CTR_TCP_CURR_ESTAB), 1);
}

static void first_data_completes_the_handshake(void **state)
{
	struct rig *r = *state;
	char buf[8];

	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK, .data = "hello");
	assert_int_equal(r->n_accepted, 1);
	assert_int_equal(r->events, BS_READABLE);
	assert_int_equal(rig_read(r, buf, 8), 5);
	assert_memory_equal(buf, "hello", 5);
}

static void data_and_fin_complete_the_handshake(void **state)
{
	struct rig *r = *state;

	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK | TCP_FIN, .data = "hello");
	assert_int_equal(r->events, BS_READABLE | BS_EOF);
	assert_int_equal(rig_state(r), TCP_CLOSE_WAIT);
	expect_ack(r);
}

static void syn_again_gets_the_same_answer(void **state)
{
	struct rig *r = *state;

	rig_listen_syn(r);
	PEER(r, .flags = TCP_SYN, SEQ(PEER_ISS));
	expect(r, TCP_SYN | TCP_ACK, r->iss, PEER_ISS + 1, 0);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 1);
}

static void synrcvd_bad_ack_gets_rst_and_stays(void **state)
{
	struct rig *r = *state;

	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 100000));
	expect(r, TCP_RST, r->iss + 100000, 0, 0);
	PEER(r, .flags = TCP_ACK, ACKNO(r->iss));
	expect(r, TCP_RST, r->iss, 0, 0);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->n_accepted, 1);
}

static void synrcvd_rst_ends_it(void **state)
{
	struct rig *r = *state;

	rig_listen_syn(r);
	PEER(r, .flags = TCP_RST);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
	assert_int_equal(rig_count(r, CTR_TCP_ATTEMPT_FAILS), 1);
}

static void synrcvd_rst_elsewhere_does_not(void **state)
{
	struct rig *r = *state;

	rig_listen_syn(r);
	PEER(r, .flags = TCP_RST, SEQ(r->peer_seq + 0x40000000));
	PEER(r, .flags = TCP_RST, SEQ(r->peer_seq - 1000));
	rig_silent(r);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->n_accepted, 1);
}

static void syn_ack_is_repeated_five_times(void **state)
{
	struct rig *r = *state;
	uint64_t last, interval = 0;

	rig_listen_syn(r);
	last = r->now_us;
	for (unsigned n = 0; n < 5; n++) {
		uint64_t waited;

		while (r->n_out == r->next_out)
			rig_pass(r, 10 * MS);
		expect(r, TCP_SYN | TCP_ACK, r->iss, PEER_ISS + 1, 0);
		waited = r->now_us - last;
		assert_true(n == 0 ? waited >= SEC && waited < 2 * SEC
				   : waited > interval * 14 / 10);
		interval = waited;
		last = r->now_us;
	}
	for (unsigned i = 0; i < 70; i++)
		rig_pass(r, SEC);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
	assert_int_equal(r->n_accepted, 0);
}

static void abort_on_accept(struct rig *r)
{
	bytestream_abort(r->s);
}

static void user_may_abort_what_it_accepts(void **state)
{
	struct rig *r = *state;

	r->on_accept = abort_on_accept;
	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK, .data = "hello");
	expect_rst(r, r->peer_ack);
	rig_silent(r);
	assert_int_equal(r->n_notified, 0);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void syn_ack_and_data_in_one_burst(void **state)
{
	struct rig *r = *state;

	rig_listen_syn(r);
	r->batch = true;
	PEER(r, .flags = TCP_ACK);
	PEER(r, .flags = TCP_ACK, .data = "one ");
	PEER(r, .flags = TCP_ACK, .data = "two");
	rig_pass(r, 0);
	assert_int_equal(r->s->rx.bytes, 7);
	assert_int_equal(r->n_notified, 1);
}

static void connection_made_and_killed_in_one_burst(void **state)
{
	struct rig *r = *state;

	r->batch = true;
	PEER(r, .flags = TCP_SYN);
	PEER(r, .flags = TCP_RST);
	PEER(r, .flags = TCP_SYN, SEQ(PEER_ISS + 5));
	rig_pass(r, 0);
	assert_int_equal(rig_sent(r)->ack, PEER_ISS + 6);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 1);
}

/* --- SYN-SENT --- */

static void syn_offers_everything(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	assert_int_equal(r->out[0].opt.present, 15);
}

static void open_succeeds(void **state)
{
	struct rig *r = *state;

	rig_establish_actively(r);
	assert_int_equal(rig_count(r, CTR_TCP_ACTIVE_OPENS), 1);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
}

static void bytes_written_early_follow_the_handshake(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	rig_write(r, 100, 100);
	rig_pass(r, 0);
	rig_silent(r);
	PEER(r, .flags = TCP_SYN | TCP_ACK);
	expect(r, TCP_ACK, r->iss + 1, r->peer_seq, 100);
	rig_silent(r);
}

static void early_bytes_are_cut_to_a_small_mss(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	rig_write(r, 1000, 1000);
	PEER(r, .flags = TCP_SYN | TCP_ACK, .opt = {2, 4, 1, 0x90}, .opt_len = 4); /* 400 */
	expect(r, TCP_ACK, r->iss + 1, r->peer_seq, 400);
	expect(r, TCP_ACK, r->iss + 401, r->peer_seq, 400);
	expect(r, TCP_ACK, r->iss + 801, r->peer_seq, 200);
}

static void early_shutdown_sends_the_fin_with_the_bytes(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	rig_write(r, 10, 10);
	bytestream_shutdown(r->s);
	PEER(r, .flags = TCP_SYN | TCP_ACK);
	expect(r, TCP_ACK | TCP_FIN, r->iss + 1, r->peer_seq, 10);
	assert_int_equal(rig_state(r), TCP_FIN_WAIT_1);
}

static void refused(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	PEER(r, .flags = TCP_RST | TCP_ACK);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_REFUSED);
	rig_silent(r);
	bytestream_release(r->s);
	rig_pass(r, 0);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void synsent_rst_without_our_number_is_ignored(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	PEER(r, .flags = TCP_RST);
	PEER(r, .flags = TCP_RST | TCP_ACK, ACKNO(r->iss));
	PEER(r, .flags = TCP_RST | TCP_ACK, ACKNO(r->iss + 2));
	rig_silent(r);
	assert_int_equal(rig_state(r), TCP_SYN_SENT);
	assert_int_equal(r->events, 0);
}

static void synsent_bad_ack_is_refused(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	PEER(r, .flags = TCP_ACK, ACKNO(r->iss + 9));
	expect(r, TCP_RST, r->iss + 9, 0, 0);
	PEER(r, .flags = TCP_SYN | TCP_ACK, ACKNO(r->iss));
	expect(r, TCP_RST, r->iss, 0, 0);
	assert_int_equal(rig_state(r), TCP_SYN_SENT);
}

static void synsent_plain_ack_is_dropped(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	PEER(r, .flags = TCP_ACK);
	PEER(r, .flags = TCP_FIN | TCP_ACK);
	rig_silent(r);
	assert_int_equal(rig_state(r), TCP_SYN_SENT);
}

static void simultaneous_open(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	PEER(r, .flags = TCP_SYN, SEQ(PEER_ISS));
	r->peer_seq = PEER_ISS + 1;
	expect(r, TCP_SYN | TCP_ACK, r->iss, PEER_ISS + 1, 0);
	assert_int_equal(rig_state(r), TCP_SYN_RECEIVED);
	PEER(r, .flags = TCP_SYN | TCP_ACK, SEQ(PEER_ISS));
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_int_equal(r->events, BS_CONNECTED);
	assert_int_equal(r->n_accepted, 0);
	expect_ack(r);
}

static void simultaneous_open_by_plain_ack(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	PEER(r, .flags = TCP_SYN);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_int_equal(r->events, BS_CONNECTED);
}

static void syn_is_repeated_with_back_off(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	rig_wait_ms(r, 1003);
	expect(r, TCP_SYN, r->iss, 0, 0);
	rig_wait_ms(r, 1990);
	rig_silent(r);
	rig_wait_ms(r, 15);
	expect(r, TCP_SYN, r->iss, 0, 0);
	rig_silent(r);
}

static void connect_times_out(void **state)
{
	struct rig *r = *state;

	r->connect_timeout_us = 2500 * MS;
	rig_connect(r);
	rig_wait_ms(r, 2490);
	assert_int_equal(r->events, 0);
	rig_wait_ms(r, 15);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_TIMEOUT);
}

static void connect_gives_up_without_a_limit(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	for (unsigned i = 0; i < 200; i++)
		rig_pass(r, SEC);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_TIMEOUT);
	assert_int_equal(rig_count(r, CTR_TCP_RETRANS_SEGS), 6);
}

static void no_route_is_unreachable(void **state)
{
	struct rig *r = *state;
	struct net_addr remote = {.ip = r->peer_ip, .port = 9}, local = {.ip = r->our_ip};
	struct bytestream *s;

	r->mtu = 0;
	s = tcp_connect(r->tcp, &remote, &local, 0, NULL);
	assert_non_null(s);
	assert_int_equal(s->error, BS_UNREACHABLE);
	bytestream_release(s);
	rig_pass(r, 0);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

static void no_neighbour_ends_the_attempt(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	tcp_unreachable(r->tcp, tcp_stream_tuple(r->s));
	rig_pass(r, 0);
	assert_int_equal(r->events, BS_CLOSED);
	assert_int_equal(r->s->error, BS_UNREACHABLE);
}

static void hard_icmp_error_refuses(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->iss + 1, true, 0);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->iss, false, 0);
	rig_pass(r, 0);
	assert_int_equal(r->events, 0);
	tcp_take_icmp_error(r->tcp, tcp_stream_tuple(r->s), r->iss, true, 0);
	rig_pass(r, 0);
	assert_int_equal(r->s->error, BS_REFUSED);
}

static void release_while_opening_is_silent(void **state)
{
	struct rig *r = *state;

	rig_connect(r);
	bytestream_release(r->s);
	rig_pass(r, 0);
	rig_silent(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(closed_syn_is_refused),
		T(closed_ack_is_refused_with_its_number),
		T(closed_data_and_fin_are_counted),
		T(closed_rst_is_not_answered),
		T(closed_ports_may_be_somebody_elses),
		T(open_ports_are_ours_alone),
		T(malformed_headers_are_counted),
		T(listen_rst_is_ignored),
		T(listen_ack_is_refused),
		T(listen_neither_syn_nor_ack_is_dropped),
		T(listen_syn_fin_is_dropped),
		T(listen_land_is_dropped),
		T(listen_offers_only_what_was_offered),
		T(listen_agrees_to_everything),
		T(the_mss_of_active_opens_can_be_limited),
		T(but_not_that_of_passive_ones),
		T(window_scale_covers_the_buffer),
		T(data_on_syn_is_not_acknowledged),
		T(without_cookies_the_oldest_half_open_gives_way),
		T(a_full_slab_makes_room_for_the_next_syn),
		T(handshake_completes),
		T(first_data_completes_the_handshake),
		T(data_and_fin_complete_the_handshake),
		T(syn_again_gets_the_same_answer),
		T(synrcvd_bad_ack_gets_rst_and_stays),
		T(synrcvd_rst_ends_it),
		T(synrcvd_rst_elsewhere_does_not),
		T(syn_ack_is_repeated_five_times),
		T(user_may_abort_what_it_accepts),
		T(syn_ack_and_data_in_one_burst),
		T(connection_made_and_killed_in_one_burst),
		T(syn_offers_everything),
		T(open_succeeds),
		T(bytes_written_early_follow_the_handshake),
		T(early_bytes_are_cut_to_a_small_mss),
		T(early_shutdown_sends_the_fin_with_the_bytes),
		T(refused),
		T(synsent_rst_without_our_number_is_ignored),
		T(synsent_bad_ack_is_refused),
		T(synsent_plain_ack_is_dropped),
		T(simultaneous_open),
		T(simultaneous_open_by_plain_ack),
		T(syn_is_repeated_with_back_off),
		T(connect_times_out),
		T(connect_gives_up_without_a_limit),
		T(no_route_is_unreachable),
		T(no_neighbour_ends_the_attempt),
		T(hard_icmp_error_refuses),
		T(release_while_opening_is_silent),
	};

	return cmocka_run_group_tests_name("tcp open", tests, rig_group_setup, rig_group_teardown);
}
