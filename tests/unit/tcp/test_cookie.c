/* test_cookie.c - SYN cookies (RFC 4987 section 3.6), and the limits on answers nobody is owed
 * (RFC 5961 section 7). */
#include "rig.h"

#include <tcp/cookie.h>

static void always(struct rig *r)
{
	r->cfg.cookies = SYN_COOKIES_ALWAYS;
	rig_restart(r);
}

static void a_cookie_needs_no_memory(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
	assert_int_equal(rig_count(r, CTR_TCP_COOKIE_SENT), 1);
	assert_int_equal(rig_count(r, CTR_TCP_PASSIVE_OPENS), 0);
}

static void its_ack_opens_the_connection(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_establish(r);
	assert_int_equal(rig_count(r, CTR_TCP_COOKIE_GOOD), 1);
	assert_int_equal(rig_count(r, CTR_TCP_PASSIVE_OPENS), 1);
	assert_int_equal(rig_count(r, CTR_TCP_CURR_ESTAB), 1);
	assert_int_equal(tcp_stream_cookie(r->s), 0xc00c1e);
	PEER(r, .flags = TCP_ACK, .data = "hello");
	assert_int_equal(r->s->rx.bytes, 5);
	rig_write(r, 100, 100);
	rig_pass(r, 0);
	expect(r, TCP_ACK, r->peer_ack, r->peer_seq, 100);
}

static void data_completes_it_when_the_ack_was_lost(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK, .data = "GET");
	assert_int_equal(r->n_accepted, 1);
	assert_int_equal(r->s->rx.bytes, 3);
}

static void data_and_fin_complete_it(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK | TCP_FIN, .data = "GET");
	assert_int_equal(rig_state(r), TCP_CLOSE_WAIT);
}

/* Every offer survives with timestamps, only the MSS without. */
static void options_survive_in_the_timestamp(void **state)
{
	for (unsigned offer = 0; offer < 8; offer++) {
		struct rig *r;
		struct tcp_conn *c;
		bool ts = offer & PEER_TS;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		r->cfg.rcv_buf = 1 << 20;
		always(r);
		r->peer_options = offer;
		rig_establish(r);
		c = rig_conn(r);
		assert_int_equal(!!(c->flags & TCP_F_TS), ts);
		assert_int_equal(!!(c->flags & TCP_F_SACK), ts && (offer & PEER_SACK));
		assert_int_equal(!!(c->flags & TCP_F_WSCALE), ts && (offer & PEER_WSCALE));
		assert_int_equal(c->snd_wscale, ts && (offer & PEER_WSCALE) ? 7 : 0);
		assert_int_equal(c->mss, 1460 - (ts ? TCP_TS_OPTION : 0));
	}
}

static void the_answer_offers_what_it_can_keep(void **state)
{
	struct rig *r = *state;

	always(r);
	r->peer_options = PEER_SACK | PEER_WSCALE;
	rig_listen_syn(r);
	assert_int_equal(r->out[0].opt.present, TCP_OPT_MSS);
	r->peer_options |= PEER_TS;
	r->peer_seq = PEER_ISS;
	rig_listen_syn(r);
	assert_int_equal(r->out[0].opt.present,
			 TCP_OPT_MSS | TCP_OPT_TS | TCP_OPT_SACK_OK | TCP_OPT_WSCALE);
}

static void the_mss_is_rounded_down(void **state)
{
	static const uint16_t offered[] = {0, 60, 64, 535, 536, 1219, 1300, 1380, 1452, 1460, 9000};
	static const uint16_t kept[] = {536, 64, 64, 64, 536, 536, 1220, 1360, 1440, 1460, 1460};

	for (unsigned i = 0; i < RTE_DIM(offered); i++) {
		struct rig *r;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		always(r);
		r->peer_mss = offered[i];
		rig_establish(r);
		assert_int_equal(rig_conn(r)->mss, kept[i]);
	}
}

/* What the low bits carry must not make the clock go back later. */
static void the_timestamp_is_never_ahead(void **state)
{
	for (unsigned i = 0; i < 200; i++) {
		struct rig *r;
		uint32_t first;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		always(r);
		r->now_us += i * MS;
		r->peer_options = PEER_TS | PEER_SACK | PEER_WSCALE;
		rig_listen_syn(r);
		first = r->our_ts;
		PEER(r, .flags = TCP_ACK, .len = 1);
		PEER(r, .flags = TCP_ACK, .len = 1);
		rig_pass(r, 0);
		assert_in_range(r->our_ts - first, 0, 64);
	}
}

static void a_repeated_syn_gets_the_same_cookie(void **state)
{
	struct rig *r = *state;
	uint32_t iss;

	always(r);
	rig_listen_syn(r);
	iss = r->iss;
	r->peer_seq = PEER_ISS;
	rig_pass(r, 3 * SEC);
	rig_listen_syn(r);
	assert_int_equal(r->iss, iss);
}

static void a_cookie_lives_for_a_generation_at_least(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	rig_pass(r, TCP_COOKIE_GENERATION_US);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
}

static void an_old_cookie_is_none(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	rig_pass(r, 2 * TCP_COOKIE_GENERATION_US);
	PEER(r, .flags = TCP_ACK);
	expect_rst(r, r->peer_ack);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

/* Also while newer ones are out: its parity is that of the present generation. */
static void an_old_cookie_is_none_among_new_ones(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	rig_pass(r, 2 * TCP_COOKIE_GENERATION_US);
	PEER(r, .flags = TCP_SYN, .port = 77, SEQ(5));
	rig_forget(r);
	PEER(r, .flags = TCP_ACK);
	rig_silent(r);
	assert_int_equal(r->n_accepted, 0);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_COOKIE), 1);
}

static void any_changed_bit_is_noticed(void **state)
{
	struct rig *r = *state;

	always(r);
	r->peer_seq = 0x1fff; /* no single bit makes the number of a probe of it */
	rig_listen_syn(r);
	for (unsigned bit = 0; bit < 32; bit++) {
		PEER(r, .flags = TCP_ACK, ACKNO(((r->peer_ack - 1) ^ 1u << bit) + 1));
		PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq ^ 1u << bit));
	}
	PEER(r, .flags = TCP_ACK, .port = PEER_PORT + 1);
	assert_int_equal(r->n_accepted, 0);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_COOKIE), 65);
	rig_silent(r);
}

static void changed_timestamp_bits_are_noticed(void **state)
{
	struct rig *r = *state;

	always(r);
	r->peer_options = PEER_TS | PEER_SACK | PEER_WSCALE;
	rig_listen_syn(r);
	for (unsigned bit = 0; bit < 6; bit++) {
		r->our_ts ^= 1u << bit;
		PEER(r, .flags = TCP_ACK);
		r->our_ts ^= 1u << bit;
	}
	PEER(r, .flags = TCP_ACK, .no_ts = true);
	assert_int_equal(r->n_accepted, 0);
	rig_forget(r);
	PEER(r, .flags = TCP_ACK);
	assert_int_equal(r->n_accepted, 1);
}

static void without_cookies_out_nothing_is_tried(void **state)
{
	struct rig *r = *state;

	PEER(r, .flags = TCP_ACK, ACKNO(12345));
	expect_rst(r, 12345);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_COOKIE), 0);
}

static void another_key_makes_another_cookie(void **state)
{
	struct rig *r = *state;
	uint32_t iss;

	always(r);
	rig_listen_syn(r);
	iss = r->iss;
	r->cfg.secret[0] ^= 1;
	rig_restart(r);
	r->peer_seq = PEER_ISS;
	rig_listen_syn(r);
	assert_int_not_equal(r->iss, iss);
}

static void syn_with_ack_is_no_cookie(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	PEER(r, .flags = TCP_SYN | TCP_ACK, SEQ(r->peer_seq));
	expect_rst(r, r->peer_ack);
	assert_int_equal(r->n_accepted, 0);
}

static void a_port_closed_meanwhile_refuses(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	r->refuse = true;
	PEER(r, .flags = TCP_ACK);
	expect_rst(r, r->peer_ack);
	assert_int_equal(tcp_conns_in_use(r->tcp), 0);
}

/* The first segment was lost and comes again. */
static void what_overtakes_the_answer_is_not_refused(void **state)
{
	struct rig *r = *state;

	always(r);
	rig_listen_syn(r);
	PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq + 1460), .len = 1460);
	rig_silent(r);
	PEER(r, .flags = TCP_ACK, .len = 1460);
	assert_int_equal(r->s->rx.bytes, 1460);
	PEER(r, .flags = TCP_ACK, .port = 9, .to = 81, SEQ(5), ACKNO(6));
	assert_int_equal(r->out[r->n_out - 1].flags, TCP_RST);
}

static void a_probe_opens_it_when_we_are_to_speak_first(void **state)
{
	for (unsigned len = 0; len < 2; len++) {
		struct rig *r;

		rig_teardown(state);
		rig_setup(state);
		r = *state;
		always(r);
		rig_listen_syn(r);
		PEER(r, .flags = TCP_ACK, SEQ(r->peer_seq - 1), .len = len);
		assert_int_equal(r->n_accepted, 1);
		assert_int_equal(rig_state(r), TCP_ESTABLISHED);
		assert_int_equal(r->s->rx.bytes, 0);
		rig_write(r, 10, 10);
		rig_pass(r, 0);
		expect(r, TCP_ACK, r->peer_ack, r->peer_seq, 10);
	}
}

static void a_full_slab_drops_the_ack(void **state)
{
	struct rig *r = *state;

	r->cfg.max_conns = 1;
	always(r);
	rig_listen_syn(r);
	r->batch = true;
	PEER(r, .flags = TCP_ACK);
	PEER(r, .flags = TCP_SYN, .port = 9, SEQ(1));
	rig_pass(r, 0);
	r->batch = false;
	r->iss = rig_sent(r)->seq;
	PEER(r, .flags = TCP_ACK, .port = 9, SEQ(2), ACKNO(r->iss + 1));
	assert_int_equal(r->n_accepted, 1);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_NO_CONN), 1);
}

/* --- when --- */

static void syns(struct rig *r, uint16_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		PEER(r, .flags = TCP_SYN, .port = (uint16_t)(first + i), SEQ(PEER_ISS));
	rig_forget(r);
}

static void pressure_switches_them_on_and_off(void **state)
{
	struct rig *r = *state;

	syns(r, 100, 8);
	assert_int_equal(rig_count(r, CTR_TCP_COOKIE_SENT), 0);
	rig_establish(r);
	assert_int_equal(rig_count(r, CTR_TCP_COOKIE_SENT), 1);
	assert_int_equal(rig_count(r, CTR_TCP_COOKIE_GOOD), 1);
	/* The others were not pushed out for it. */
	assert_int_equal(r->tcp->n_half_open, 8);
	assert_int_equal(rig_count(r, CTR_DROP_TCP_BACKLOG), 0);
	PEER(r, .flags = TCP_RST, .port = 100, SEQ(PEER_ISS + 1));
	syns(r, 300, 1);
	assert_int_equal(rig_count(r, CTR_TCP_COOKIE_SENT), 1);
}

static void memory_is_flat_under_a_flood(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 20000; i++) {
		PEER(r, .flags = TCP_SYN, .port = (uint16_t)(i + 6000), SEQ(i));
		rig_forget(r);
	}
	assert_int_equal(tcp_conns_in_use(r->tcp), 8);
	rig_establish(r);
	PEER(r, .flags = TCP_ACK, .data = "in");
	assert_int_equal(r->s->rx.bytes, 2);
}

/* --- limits --- */

static void an_rst_flood_is_challenged_rarely(void **state)
{
	struct rig *r = *state;
	unsigned n = 0;

	rig_in_state(r, TCP_ESTABLISHED);
	for (unsigned i = 0; i < 10000; i++) {
		PEER(r, .flags = TCP_RST, SEQ(r->peer_seq + 1 + i % 60000));
		while (rig_try(r))
			n++;
		rig_forget(r);
		rig_pass(r, 100);
	}
	/* Five at once, then one each 50 ms of a second. */
	assert_in_range(n, 20, 26);
	assert_int_equal(rig_state(r), TCP_ESTABLISHED);
	assert_int_equal(rig_count(r, CTR_TCP_CHALLENGE_SKIP), 10000 - n);
}

static unsigned challenges_in_a_second(struct rig *r, struct tcp_conn *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 4000; i++) {
		struct tcp_segment s = {.flags = TCP_SYN, .seq = c->rcv_nxt};

		c->answer_ms = r->tcp->now_ms; /* as many connections have */
		tcp_state_segment(r->tcp, c, &s);
	}
	n = (unsigned)rig_count(r, CTR_TCP_CHALLENGE_ACK);
	rig_pass(r, SEC);
	rig_forget(r);
	return n;
}

static void the_limit_of_all_is_not_to_be_guessed(void **state)
{
	struct rig *r = *state;
	unsigned before = 0, last = 0, different = 0;

	rig_in_state(r, TCP_ESTABLISHED);
	for (unsigned i = 0; i < 20; i++) {
		unsigned sum = challenges_in_a_second(r, rig_conn(r));

		assert_in_range(sum - before, 500, 1500);
		different += sum - before != last;
		last = sum - before;
		before = sum;
	}
	assert_in_range(different, 15, 20);
}

static void resets_to_strangers_are_limited(void **state)
{
	struct rig *r = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 30000; i++) {
		PEER(r, .flags = TCP_ACK, SEQ(i), ACKNO(i), .port = (uint16_t)i);
		n += r->n_out;
		rig_forget(r);
	}
	assert_int_equal(n, 10000);
	assert_int_equal(rig_count(r, CTR_TCP_RST_SKIP), 20000);
	rig_pass(r, 10 * MS);
	PEER(r, .flags = TCP_ACK, ACKNO(1));
	expect_rst(r, 1);
}

static void the_allowance_survives_the_clocks_wrap(void **state)
{
	struct rig *r = *state;

	rig_in_state(r, TCP_ESTABLISHED);
	for (unsigned i = 0; i < 5; i++)
		PEER(r, .flags = TCP_SYN, SEQ(5));
	rig_pass(r, 3000000ull * SEC);
	rig_forget(r);
	PEER(r, .flags = TCP_SYN, SEQ(5));
	expect_ack(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_cookie_needs_no_memory),
		T(its_ack_opens_the_connection),
		T(data_completes_it_when_the_ack_was_lost),
		T(data_and_fin_complete_it),
		T(options_survive_in_the_timestamp),
		T(the_answer_offers_what_it_can_keep),
		T(the_mss_is_rounded_down),
		T(the_timestamp_is_never_ahead),
		T(a_repeated_syn_gets_the_same_cookie),
		T(a_cookie_lives_for_a_generation_at_least),
		T(an_old_cookie_is_none),
		T(an_old_cookie_is_none_among_new_ones),
		T(any_changed_bit_is_noticed),
		T(changed_timestamp_bits_are_noticed),
		T(without_cookies_out_nothing_is_tried),
		T(another_key_makes_another_cookie),
		T(syn_with_ack_is_no_cookie),
		T(a_port_closed_meanwhile_refuses),
		T(what_overtakes_the_answer_is_not_refused),
		T(a_probe_opens_it_when_we_are_to_speak_first),
		T(a_full_slab_drops_the_ack),
		T(pressure_switches_them_on_and_off),
		T(memory_is_flat_under_a_flood),
		T(an_rst_flood_is_challenged_rarely),
		T(the_limit_of_all_is_not_to_be_guessed),
		T(resets_to_strangers_are_limited),
		T(the_allowance_survives_the_clocks_wrap),
	};

	return cmocka_run_group_tests_name("tcp cookie", tests, rig_group_setup,
					   rig_group_teardown);
}
