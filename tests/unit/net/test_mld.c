/* test_mld.c - which groups we are in: said at the start, and when a router asks. */
#include "box6.h"

#include <net/mld.h>

#define SEC     1000000ull
#define ROUTER  "fe80::77"
#define NODE_OF "ff02::1:ff00:2" /* OWN6's */
#define ALL_MLD "ff02::16"
#define AT_MLD  (AT_NEXT + 8) /* behind the router alert */

static uint8_t f[2048], g[2048];

static int make(void **state)
{
	*state = box6_open(1);
	return 0;
}

/* Its addresses are asked for first. */
static int make_asking(void **state)
{
	struct dataplane_config cfg;

	box6_configure(&cfg, 1);
	cfg.ifaces[0].dad_transmits = 1;
	*state = box_open_as(&cfg);
	return 0;
}

static int done(void **state)
{
	box_drain(0);
	box_close(*state);
	return 0;
}

static bool is_sound_report(unsigned len, const char *dst)
{
	static const uint8_t alert[] = {58, 0, 5, 2, 0, 0, 1, 0};
	struct ip_addr to = ip(dst);
	unsigned n = len - AT_MLD;

	return g[AT_IP + 6] == 0 && g[AT_IP + 7] == 1 && memcmp(g + AT_IP + 24, &to, 16) == 0 &&
	       memcmp(g + AT_NEXT, alert, 8) == 0 && memcmp(g, "\x33\x33", 2) == 0 &&
	       memcmp(g + 2, &to.b[12], 4) == 0 &&
	       slow_cksum(slow_pseudo6(g + AT_IP, 58, n), g + AT_MLD, n) == 0;
}

/* The next report of the second version among what was sent; 0: none. */
static unsigned next_report(void)
{
	unsigned len;

	while ((len = box6_take_sent(0, g)))
		if (g[AT_IP + 6] == 0 && g[AT_MLD] == MLD_REPORT)
			return len;
	return 0;
}

/* The solicited-node groups of OWN6 and of the link-local address. */
static void expect_report(const struct box *b, unsigned len, uint8_t kind)
{
	struct ip_addr own = ip(OWN6), local = box6_link_local(b);
	struct ip_addr groups[] = {ip6_solicited_node(&own), ip6_solicited_node(&local)};
	unsigned found = 0;

	assert_int_equal(len, AT_MLD + 8 + 2 * 20);
	assert_true(is_sound_report(len, ALL_MLD));
	assert_int_equal(g[AT_MLD + 7], 2);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *record = g + AT_MLD + 8 + i * 20;

		assert_int_equal(record[0], kind);
		assert_int_equal(record[1] | record[2] | record[3], 0);
		for (unsigned k = 0; k < 2; k++)
			found |= (memcmp(record + 4, &groups[k], 16) == 0) << k;
	}
	assert_int_equal(found, 3);
}

static void groups_are_said_before_addresses_are_asked_for(void **state)
{
	static const struct ip_addr nobody;
	struct box *b = *state;
	struct ip_addr local = box6_link_local(b);

	net_flush(b->net[0]);
	assert_true(box6_take_sent(0, g) > 0);
	assert_int_equal(g[AT_MLD], MLD_REPORT);
	expect_report(b, AT_MLD + 8 + 2 * 20, 4);
	assert_memory_equal(g + AT_IP + 8, &nobody, 16);
	box_drain(0);
	for (unsigned i = 0; i < 2; i++) {
		b->now_us += SEC + 5000;
		box_turn(b, 0);
		expect_report(b, next_report(), 4);
		box_drain(0);
	}
	assert_memory_equal(g + AT_IP + 8, &local, 16); /* it may be used by now */
	for (unsigned i = 0; i < 100; i++) {
		b->now_us += SEC;
		box_turn(b, 0);
		assert_int_equal(next_report(), 0);
	}
	assert_int_equal(box_count(b, CTR_NET_MLD_OUT), 3);
}

/* A query with the router alert; version 2 has four bytes more. */
static unsigned make_query(const struct box *b, const char *src, const char *group,
			   uint16_t delay_ms, bool old)
{
	static const uint8_t alert[] = {58, 0, 5, 2, 0, 0, 0, 0};
	bool all = strcmp(group, "::") == 0;
	unsigned n = old ? 24 : 28;
	struct ip_addr asked = ip(group);
	uint8_t *h = f + make_ether6(b, f);

	make_ip6(h, src, all ? NODES6 : group, 58, n);
	memset(h + 48, 0, n);
	memcpy(h + 40, alert, 8);
	h[48] = MLD_QUERY;
	put16(h + 52, delay_ms);
	memcpy(h + 56, &asked, 16);
	mend6(h, 58, h + 48, 2, n);
	put16(h + 4, (uint16_t)(8 + n));
	h[6] = 0;
	h[7] = 1;
	to_group(f);
	return AT_MLD + n;
}

static void settle(struct box *b)
{
	for (unsigned i = 0; i < 3; i++) {
		b->now_us += 2 * SEC;
		b->net[0]->nd_us = 0;
		box_turn(b, 0);
	}
	box_drain(0);
}

static void ask(struct box *b, unsigned len)
{
	box_inject(b, 0, f, len);
	box_turn(b, 0);
}

static void a_query_is_answered_within_its_delay(void **state)
{
	struct box *b = *state;
	unsigned early = 0;

	settle(b);
	for (unsigned i = 0; i < 64; i++) {
		unsigned len;

		ask(b, make_query(b, ROUTER, i & 1 ? "::" : NODE_OF, 1000, false));
		b->now_us += SEC / 2;
		box_turn(b, 0);
		len = next_report();
		early += len > 0;
		b->now_us += SEC / 2 + 1000;
		box_turn(b, 0);
		expect_report(b, len ? len : next_report(), 2);
		assert_int_equal(next_report(), 0);
	}
	assert_in_range(early, 10, 54); /* at any time in it */
	assert_int_equal(box_count(b, CTR_NET_MLD_IN), 64);
}

static void many_queries_get_one_answer(void **state)
{
	struct box *b = *state;

	settle(b);
	for (unsigned i = 0; i < 50; i++)
		ask(b, make_query(b, ROUTER, "::", 10000, false));
	b->now_us += 10 * SEC + 1000;
	box_turn(b, 0);
	expect_report(b, next_report(), 2);
	assert_int_equal(next_report(), 0);
	assert_int_equal(b->net[0]->nd_us, UINT64_MAX);
}

static void who_asks_by_the_first_version_is_answered_by_it(void **state)
{
	struct box *b = *state;
	struct ip_addr own = ip(OWN6), group = ip6_solicited_node(&own);
	unsigned len, n = 0, found = 0;

	settle(b);
	ask(b, make_query(b, ROUTER, "::", 100, true));
	b->now_us += 101000;
	box_turn(b, 0);
	while ((len = box6_take_sent(0, g))) {
		char text[IP_ADDR_STRLEN];
		struct ip_addr to;

		assert_int_equal(len, AT_MLD + 24);
		memcpy(&to, g + AT_MLD + 8, 16);
		ip_addr_format(&to, text);
		assert_true(is_sound_report(len, text));
		assert_int_equal(g[AT_MLD], MLD_REPORT_OLD);
		found += ip_addr_eq(&to, &group);
		n++;
	}
	assert_int_equal(n, 2);
	assert_int_equal(found, 1);
}

static void expect_silence(struct box *b)
{
	b->now_us += 20 * SEC;
	box_turn(b, 0);
	assert_int_equal(box_drain(0), 0);
}

static void groups_of_others_are_their_business(void **state)
{
	struct box *b = *state;

	settle(b);
	ask(b, make_query(b, ROUTER, "ff02::1:ff77:7777", 1000, false));
	expect_silence(b);
}

static void queries_that_are_none(void **state)
{
	struct box *b = *state;
	unsigned len;

	settle(b);
	ask(b, make_query(b, PEER6, "::", 1000, false)); /* not by a link-local address */
	len = make_query(b, ROUTER, "::", 1000, false);
	f[AT_IP + 7] = 64; /* from behind a router */
	ask(b, len);
	len = make_query(b, ROUTER, "::", 1000, false);
	f[AT_MLD + 2] ^= 1;
	ask(b, len);
	assert_int_equal(box_count(b, CTR_DROP_ICMP), 3);
	assert_int_equal(box_count(b, CTR_NET_MLD_IN), 0);
	expect_silence(b);
}

/* Whichever worker receives it, the first answers. */
static void a_query_reaches_the_first_worker(void **state)
{
	struct box *b = box6_open(3);

	(void)state;
	settle(b);
	box_inject(b, 2, f, make_query(b, ROUTER, "::", 100, false));
	for (unsigned w = 3; w-- > 0;)
		box_turn(b, w);
	b->now_us += 101000;
	for (unsigned w = 0; w < 3; w++)
		box_turn(b, w);
	expect_report(b, next_report(), 2);
	for (unsigned w = 0; w < 3; w++)
		assert_int_equal(box_drain(w), 0);
	box_close(b);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, done)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(groups_are_said_before_addresses_are_asked_for,
						make_asking, done),
		TEST(a_query_is_answered_within_its_delay),
		TEST(many_queries_get_one_answer),
		TEST(who_asks_by_the_first_version_is_answered_by_it),
		TEST(groups_of_others_are_their_business),
		TEST(queries_that_are_none),
		cmocka_unit_test(a_query_reaches_the_first_worker),
	};

	return cmocka_run_group_tests_name("mld", tests, box_eal, NULL);
}
