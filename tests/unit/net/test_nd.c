/* test_nd.c - Neighbour Discovery: questions and answers, whose addresses are whose, routers. */
#include "box6.h"

#define SEC     1000000ull
#define NODE_OF "ff02::1:ff00:2" /* OWN6's */

static uint8_t f[2048], g[2048];
static const struct rte_ether_addr other_mac = {{2, 0, 0, 0, 0, 9}};

static int make(void **state)
{
	*state = box6_open(1);
	memset(f, 0, sizeof(f));
	return 0;
}

/* One that asks before it uses its addresses, and for routers. */
static int make_asking(void **state)
{
	struct dataplane_config cfg;

	box6_configure(&cfg, 1);
	cfg.ifaces[0].dad_transmits = 2;
	cfg.ifaces[0].router_solicitation = true;
	cfg.ifaces[0].n_routes = 1; /* IPv4's */
	*state = box_open_as(&cfg);
	return 0;
}

static int done(void **state)
{
	box_drain(0);
	box_close(*state);
	return 0;
}

static unsigned inject(struct box *b, unsigned len)
{
	box_inject(b, 0, f, len);
	box_turn(b, 0);
	return box6_take_sent(0, g);
}

static void expect_drop(struct box *b, unsigned len)
{
	uint64_t before = box_count(b, CTR_DROP_ND);

	assert_int_equal(inject(b, len), 0);
	assert_int_equal(box_count(b, CTR_DROP_ND), before + 1);
	assert_null(box6_known(b, 0, PEER6));
}

/* ---- solicitations ---- */

static void questions_for_us_are_answered_and_learned(void **state)
{
	struct box *b = *state;
	struct ip_addr own = ip(OWN6), peer = ip(PEER6);
	unsigned len = inject(b, make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &peer_mac));

	assert_int_equal(len, AT_NEXT + 32);
	assert_true(is_intact6(g, len));
	assert_memory_equal(g, &peer_mac, 6);
	assert_int_equal(g[AT_IP + 7], 255);
	assert_memory_equal(g + AT_IP + 8, &own, 16);
	assert_memory_equal(g + AT_IP + 24, &peer, 16);
	assert_int_equal(g[AT_NEXT], 136);
	assert_int_equal(g[AT_NEXT + 4], 0x60); /* solicited, override, no router */
	assert_memory_equal(g + AT_NEXT + 8, &own, 16);
	assert_int_equal(g[AT_NEXT + 24], 2);
	assert_memory_equal(g + AT_NEXT + 26, &b->ports->ports[0].mac, 6);
	assert_true(neigh_usable(box6_known(b, 0, PEER6)));
	assert_int_equal(box_count(b, CTR_NET_ND_IN), 1);
	assert_int_equal(box_count(b, CTR_NET_ND_OUT), 1);
}

static void link_local_addresses_are_ours_too(void **state)
{
	struct box *b = *state;
	struct ip_addr own = box6_link_local(b);
	char text[IP_ADDR_STRLEN];
	unsigned len;

	ip_addr_format(&own, text);
	len = inject(b, make_nd(b, f, 135, "fe80::77", text, 0, text, &peer_mac));
	assert_int_equal(len, AT_NEXT + 32);
	assert_true(is_intact6(g, len));
	assert_memory_equal(g + AT_NEXT + 8, &own, 16);
	assert_non_null(box6_known(b, 0, "fe80::77"));
}

static void questions_without_a_mac_are_answered_when_it_is_known(void **state)
{
	struct box *b = *state;

	/* Unknown: we have to ask ourselves first. */
	assert_int_equal(inject(b, make_nd(b, f, 135, PEER6, OWN6, 0, OWN6, NULL)), AT_NEXT + 32);
	assert_int_equal(g[AT_NEXT], 135);
	box6_introduce(b, 0, PEER6);
	assert_int_equal(inject(b, make_nd(b, f, 135, PEER6, OWN6, 0, OWN6, NULL)), AT_NEXT + 32);
	assert_int_equal(g[AT_NEXT], 136);
	assert_memory_equal(g, &peer_mac, 6);
}

static void who_has_no_address_yet_hears_it_with_all_others(void **state)
{
	struct ip_addr nodes = ip(NODES6);
	struct box *b = *state;

	assert_int_equal(inject(b, make_nd(b, f, 135, "::", NODE_OF, 0, OWN6, NULL)), AT_NEXT + 32);
	assert_memory_equal(g, "\x33\x33\0\0\0\1", 6);
	assert_memory_equal(g + AT_IP + 24, &nodes, 16);
	assert_int_equal(g[AT_NEXT + 4], 0x20); /* override: it must not take the address */
	assert_true(is_intact6(g, AT_NEXT + 32));
}

static void questions_for_others_are_neither(void **state)
{
	struct box *b = *state;

	assert_int_equal(
		inject(b, make_nd(b, f, 135, PEER6, NODE_OF, 0, "2001:2:0:5::2", &peer_mac)), 0);
	assert_null(box6_known(b, 0, PEER6));
}

static void off_link_askers_are_not_learned(void **state)
{
	struct box *b = *state;

	assert_int_equal(inject(b, make_nd(b, f, 135, FAR6, NODE_OF, 0, OWN6, &peer_mac)),
			 AT_NEXT + 32);
	assert_null(box6_known(b, 0, FAR6));
}

/* RFC 4861 section 7.1.1, and what only a router's far side would send. */
static void questions_that_are_none(void **state)
{
	static const struct rte_ether_addr group = {{1, 0, 0, 0, 0, 1}}, zero;
	struct box *b = *state;
	unsigned len;

	len = make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &peer_mac);
	f[AT_IP + 7] = 254;
	expect_drop(b, len);
	f[AT_IP + 7] = 255;
	f[AT_NEXT + 1] = 1; /* code */
	mend_icmp6(f, len);
	expect_drop(b, len);
	expect_drop(b, make_nd(b, f, 135, PEER6, NODE_OF, 0, "ff02::9", &peer_mac));
	expect_drop(b, make_nd(b, f, 135, "::", NODE_OF, 0, OWN6, &peer_mac));
	expect_drop(b, make_nd(b, f, 135, "::", NODES6, 0, OWN6, NULL));
	expect_drop(b, make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &group));
	expect_drop(b, make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &zero));
	expect_drop(b, make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &b->ports->ports[0].mac));
	len = make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &peer_mac);
	f[AT_NEXT + 25] = 0; /* an option of no length */
	mend_icmp6(f, len);
	expect_drop(b, len);
	f[AT_NEXT + 25] = 2; /* beyond the end */
	mend_icmp6(f, len);
	expect_drop(b, len);
	len = make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &peer_mac);
	memcpy(f + 6, &b->ports->ports[0].mac, 6); /* our own frame, sent back */
	expect_drop(b, len);
}

static void every_truncation(void **state)
{
	struct box *b = *state;

	for (unsigned n = 8; n < 32; n++) {
		if (n == 24)
			continue; /* a question without an option */
		make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &peer_mac);
		put16(f + AT_IP + 4, (uint16_t)n);
		mend6(f + AT_IP, 58, f + AT_NEXT, 2, n);
		expect_drop(b, AT_NEXT + n);
	}
}

static void a_flood_of_askers_is_bounded(void **state)
{
	struct box *b = *state;
	unsigned known = 0;

	for (unsigned i = 0; i < 5000; i++) {
		char src[IP_ADDR_STRLEN];

		snprintf(src, sizeof(src), "2001:2::1:%x", i);
		inject(b, make_nd(b, f, 135, src, NODE_OF, 0, OWN6, &peer_mac));
	}
	for (unsigned i = 0; i < 5000; i++) {
		char src[IP_ADDR_STRLEN];

		snprintf(src, sizeof(src), "2001:2::1:%x", i);
		known += box6_known(b, 0, src) != NULL;
	}
	assert_int_equal(known, NEIGH_LEARNED_MAX);
}

/* ---- advertisements: RFC 4861 section 7.2.5 ---- */

static void advertise(struct box *b, uint8_t flags, const struct rte_ether_addr *mac)
{
	bool solicited = flags & 0x40;
	struct ip_addr own = ip(OWN6);
	char text[IP_ADDR_STRLEN];

	assert_int_equal(
		inject(b, make_nd(b, f, 136, PEER6, solicited ? ip_addr_format(&own, text) : NODES6,
				  flags, PEER6, mac)),
		0);
}

static const struct rte_ether_addr *mac_of(struct box *b)
{
	return &box6_known(b, 0, PEER6)->mac;
}

static void answers_teach_only_about_whom_we_know(void **state)
{
	struct box *b = *state;

	advertise(b, 0x60, &peer_mac);
	assert_null(box6_known(b, 0, PEER6));
}

static void answers_to_our_question_release_what_waits(void **state)
{
	const struct net_addr own = {ip(OWN6), 80}, peer = {ip(PEER6), 40000};
	struct box *b = *state;

	net_tx_tcp(b->net[0], &own, &peer, make_segment(b, 80, 40000, 5), NULL);
	net_flush(b->net[0]);
	assert_int_equal(box6_take_sent(0, g), AT_NEXT + 32);
	assert_memory_equal(g, "\x33\x33\xff\0\0\1", 6); /* the solicited-node group */
	assert_true(is_intact6(g, AT_NEXT + 32));
	assert_int_equal(g[AT_NEXT + 24], 1);
	assert_memory_equal(g + AT_NEXT + 26, &b->ports->ports[0].mac, 6);
	assert_int_equal(inject(b, make_nd(b, f, 136, PEER6, OWN6, 0x60, PEER6, NULL)), 0);
	assert_false(neigh_usable(box6_known(b, 0, PEER6))); /* it did not say where */
	assert_int_equal(inject(b, make_nd(b, f, 136, PEER6, OWN6, 0x40, PEER6, &peer_mac)),
			 AT_NEXT + 25);
	assert_true(neigh_usable(box6_known(b, 0, PEER6)));
}

static void override_decides_whether_a_mac_moves(void **state)
{
	struct box *b = *state;

	box6_introduce(b, 0, PEER6);
	advertise(b, 0x00, &other_mac);
	assert_memory_equal(mac_of(b), &peer_mac, 6);
	advertise(b, 0x40, &other_mac);
	assert_memory_equal(mac_of(b), &peer_mac, 6);
	advertise(b, 0x20, &other_mac);
	assert_memory_equal(mac_of(b), &other_mac, 6);
	advertise(b, 0x60, &peer_mac);
	assert_memory_equal(mac_of(b), &peer_mac, 6);
}

/* What nobody asked for is checked within seconds of its use. */
static void unsolicited_moves_are_asked_back(void **state)
{
	const struct net_addr own = {ip(OWN6), 80}, peer = {ip(PEER6), 40000};
	struct box *b = *state;

	box6_introduce(b, 0, PEER6);
	advertise(b, 0x20, &other_mac);
	net_tx_tcp(b->net[0], &own, &peer, make_segment(b, 80, 40000, 5), NULL);
	net_flush(b->net[0]);
	assert_int_equal(box6_take_sent(0, g), AT_NEXT + 25);
	b->now_us += 6 * SEC;
	box_turn(b, 0);
	assert_int_equal(box6_take_sent(0, g), AT_NEXT + 32);
	assert_int_equal(g[AT_NEXT], 135);
	assert_memory_equal(g, &other_mac, 6); /* by unicast */
	advertise(b, 0x40, &other_mac);
	b->now_us += 6 * SEC;
	box_turn(b, 0);
	assert_int_equal(box6_take_sent(0, g), 0); /* it answered: good for half a minute */
}

static void answers_that_are_none(void **state)
{
	struct box *b = *state;
	unsigned len = make_nd(b, f, 136, PEER6, NODES6, 0x40, PEER6, &peer_mac);
	uint64_t before = box_count(b, CTR_DROP_ND);

	inject(b, len); /* solicited by nobody in particular */
	inject(b, make_nd(b, f, 136, "::", NODES6, 0x20, PEER6, &peer_mac));
	inject(b, make_nd(b, f, 136, PEER6, NODES6, 0x20, OWN6, &peer_mac)); /* ours, in use */
	assert_int_equal(box_count(b, CTR_DROP_ND), before + 3);
	assert_true(
		net_is_local(b->net[0], &(struct ip_addr){.q = {ip(OWN6).q[0], ip(OWN6).q[1]}}));
}

/* ---- own addresses ---- */

/* Lets time pass until the box speaks: the frame is in g, its length returned; 0: for a
 * minute nothing. */
static unsigned next_word(struct box *b)
{
	for (unsigned i = 0; i < 600; i++) {
		unsigned len = box6_take_sent(0, g);

		if (len && g[13] == 0xdd)
			return len;
		if (len)
			continue; /* ARP's announcements */
		b->now_us += SEC / 10;
		box_turn(b, 0);
	}
	return 0;
}

static bool is_about(const struct ip_addr *target)
{
	return memcmp(g + AT_NEXT + 8, target, 16) == 0;
}

static bool is_ours(struct box *b, const char *addr)
{
	struct ip_addr a = ip(addr);

	return net_is_local(b->net[0], &a);
}

/* RFC 4862 section 5.4.2: from nobody, to the group, without a MAC. */
static void addresses_are_asked_for_then_announced(void **state)
{
	static const struct ip_addr nobody;
	struct ip_addr own = ip(OWN6), group = ip(NODE_OF), far = ip(FAR6), src;
	unsigned asked = 0, announced = 0, len;
	struct box *b = *state;
	uint16_t mtu;

	assert_false(is_ours(b, OWN6));
	assert_false(net_route(b->net[0], &own, &src, &mtu));
	while ((len = next_word(b))) {
		if (!is_about(&own) || g[AT_NEXT] == 133)
			continue;
		assert_true(is_intact6(g, len));
		assert_int_equal(g[AT_IP + 7], 255);
		if (g[AT_NEXT] == 135) {
			assert_int_equal(len, AT_NEXT + 24);
			assert_memory_equal(g + AT_IP + 8, &nobody, 16);
			assert_memory_equal(g + AT_IP + 24, &group, 16);
			assert_false(is_ours(b, OWN6));
			assert_int_equal(announced, 0);
			asked++;
		} else {
			assert_int_equal(g[AT_NEXT], 136);
			assert_int_equal(g[AT_NEXT + 4], 0x20);
			assert_true(is_ours(b, OWN6));
			announced++;
		}
	}
	assert_int_equal(asked, 2);
	assert_int_equal(announced, ANNOUNCEMENTS);
	assert_int_equal(b->net[0]->nd_us, UINT64_MAX);
	assert_false(net_route(b->net[0], &far, &src, &mtu)); /* no router was heard of */
}

static void tentative_addresses_do_not_answer(void **state)
{
	struct box *b = *state;

	box_turn(b, 0);
	box_drain(0); /* its own questions */
	assert_int_equal(inject(b, make_nd(b, f, 135, PEER6, NODE_OF, 0, OWN6, &peer_mac)), 0);
	assert_null(box6_known(b, 0, PEER6));
	assert_int_equal(inject(b, make_echo6(b, f, PEER6, OWN6, 8)), 0);
	assert_int_equal(box_count(b, CTR_DROP_ICMP), 1);
}

static void expect_duplicate(struct box *b)
{
	struct ip_addr own = ip(OWN6), told;
	unsigned port = 9;

	while (next_word(b))
		assert_false(g[AT_NEXT] == 136 && is_about(&own));
	assert_false(is_ours(b, OWN6));
	assert_int_equal(box_count(b, CTR_NET_ADDR_DUPLICATE), 1);
	assert_true(net_next_duplicate(b->ports, &port, &told));
	assert_int_equal(port, 0);
	assert_true(ip_addr_eq(&told, &own));
	assert_false(net_next_duplicate(b->ports, &port, &told)); /* once */
	assert_false(is_ours(b, OWN6));
}

static void who_has_the_address_keeps_it(void **state)
{
	struct box *b = *state;
	struct ip_addr link_local = box6_link_local(b);

	zone_enter(&link_local, 0);
	inject(b, make_nd(b, f, 136, OWN6, NODES6, 0x20, OWN6, &peer_mac));
	expect_duplicate(b);
	assert_true(net_is_local(b->net[0], &link_local)); /* the others are ours */
}

/* Whoever has it is a neighbour like others. */
static void its_owner_can_be_talked_to(void **state)
{
	struct net_addr own = {ip("2001:2:0:1::2"), 80}, owner = {ip(OWN6), 40000};
	struct box *b = *state;

	inject(b, make_nd(b, f, 136, OWN6, NODES6, 0x20, OWN6, &peer_mac));
	while (next_word(b))
		;
	net_tx_tcp(b->net[0], &own, &owner, make_segment(b, 80, 40000, 5), NULL);
	net_flush(b->net[0]);
	assert_int_equal(box6_take_sent(0, g), AT_NEXT + 32);
	assert_int_equal(
		inject(b, make_nd(b, f, 136, OWN6, "2001:2:0:1::2", 0x60, OWN6, &peer_mac)),
		AT_NEXT + 25);
}

static void two_who_ask_for_one_address_both_lose_it(void **state)
{
	struct box *b = *state;

	inject(b, make_nd(b, f, 135, "::", NODE_OF, 0, OWN6, NULL));
	expect_duplicate(b);
}

static void our_own_question_sent_back_is_no_objection(void **state)
{
	struct box *b = *state;
	unsigned len = make_nd(b, f, 135, "::", NODE_OF, 0, OWN6, NULL);

	memcpy(f + 6, &b->ports->ports[0].mac, 6);
	inject(b, len);
	while (next_word(b))
		;
	assert_true(is_ours(b, OWN6));
}

/* ---- routers ---- */

static void routers_are_asked_for_until_one_speaks(void **state)
{
	struct box *b = *state;
	struct ip_addr routers = ip("ff02::2");
	unsigned asked = 0, len;

	while ((len = next_word(b))) {
		if (g[AT_NEXT] != 133)
			continue;
		assert_true(is_intact6(g, len));
		assert_memory_equal(g + AT_IP + 24, &routers, 16);
		/* The first comes before an address may be used. */
		assert_int_equal(len, AT_NEXT + (asked ? 16 : 8));
		if (++asked == 2)
			inject(b, make_ra(b, f, GATEWAY6, 1800, 0));
	}
	assert_int_equal(asked, 2);
}

static void a_routers_word_is_a_default_route(void **state)
{
	struct ip_addr far = ip(FAR6), own = ip(OWN6), src;
	struct net_addr from = {own, 80}, to = {far, 40000};
	struct box *b = *state;
	uint16_t mtu;

	while (next_word(b))
		;
	inject(b, make_ra(b, f, GATEWAY6, 1800, 1400));
	assert_true(net_route(b->net[0], &far, &src, &mtu));
	assert_true(ip_addr_eq(&src, &own));
	assert_int_equal(mtu, 1400);
	net_tx_tcp(b->net[0], &from, &to, make_segment(b, 80, 40000, 5), NULL);
	net_flush(b->net[0]);
	assert_int_equal(box6_take_sent(0, g), AT_NEXT + 25);
	assert_memory_equal(g, &peer_mac, 6);
	/* The link's MTU is no smaller than every link's and no larger than ours. */
	inject(b, make_ra(b, f, GATEWAY6, 1800, 1279));
	inject(b, make_ra(b, f, GATEWAY6, 1800, 1501));
	assert_true(net_route(b->net[0], &far, &src, &mtu));
	assert_int_equal(mtu, 1400);
	b->now_us += 1800 * SEC;
	box_turn(b, 0);
	box_drain(0);
	assert_false(net_route(b->net[0], &far, &src, &mtu));
}

static void a_router_that_resigns_is_none(void **state)
{
	struct ip_addr far = ip(FAR6), src;
	struct box *b = *state;
	uint16_t mtu;

	while (next_word(b))
		;
	inject(b, make_ra(b, f, GATEWAY6, 1800, 0));
	inject(b, make_ra(b, f, "fe80::fd", 1800, 0));
	assert_true(net_route(b->net[0], &far, &src, &mtu));
	inject(b, make_ra(b, f, GATEWAY6, 0, 0));
	assert_true(net_route(b->net[0], &far, &src, &mtu));
	inject(b, make_ra(b, f, "fe80::fd", 0, 0));
	assert_false(net_route(b->net[0], &far, &src, &mtu));
}

static void a_flood_of_routers_does_not_displace_the_good(void **state)
{
	struct ip_addr far = ip(FAR6), gateway = ip(GATEWAY6), src;
	struct box *b = *state;
	uint16_t mtu;

	while (next_word(b))
		;
	inject(b, make_ra(b, f, GATEWAY6, 1800, 0));
	for (unsigned i = 1; i < 100; i++) {
		char router[IP_ADDR_STRLEN];

		snprintf(router, sizeof(router), "fe80::1:%x", i);
		inject(b, make_ra(b, f, router, 9000, 0));
	}
	zone_enter(&gateway, 0);
	assert_true(net_route(b->net[0], &far, &src, &mtu));
	assert_true(ip_addr_eq(&nd_default_route(b->net[0])->via, &gateway));
}

static void routers_are_not_believed_unless_asked(void **state)
{
	struct ip_addr far = ip(FAR6), src;
	struct box *b = *state; /* without routerSolicitation */
	uint16_t mtu;

	inject(b, make_ra(b, f, "fe80::fd", 1800, 1300));
	assert_null(nd_default_route(b->net[0]));
	assert_true(net_route(b->net[0], &far, &src, &mtu)); /* the configured one */
	assert_int_equal(mtu, 1500);
	assert_null(box6_known(b, 0, "fe80::fd"));
}

static void routers_have_link_local_addresses(void **state)
{
	struct box *b = *state;
	uint64_t before = box_count(b, CTR_DROP_ND);

	inject(b, make_ra(b, f, "2001:2::fe", 1800, 0));
	assert_int_equal(box_count(b, CTR_DROP_ND), before + 1);
	assert_null(nd_default_route(b->net[0]));
}

int main(void)
{
#define TEST(t)   cmocka_unit_test_setup_teardown(t, make, done)
#define ASKING(t) cmocka_unit_test_setup_teardown(t, make_asking, done)
	const struct CMUnitTest tests[] = {
		TEST(questions_for_us_are_answered_and_learned),
		TEST(link_local_addresses_are_ours_too),
		TEST(questions_without_a_mac_are_answered_when_it_is_known),
		TEST(who_has_no_address_yet_hears_it_with_all_others),
		TEST(questions_for_others_are_neither),
		TEST(off_link_askers_are_not_learned),
		TEST(questions_that_are_none),
		TEST(every_truncation),
		TEST(a_flood_of_askers_is_bounded),
		TEST(answers_teach_only_about_whom_we_know),
		TEST(answers_to_our_question_release_what_waits),
		TEST(override_decides_whether_a_mac_moves),
		TEST(unsolicited_moves_are_asked_back),
		TEST(answers_that_are_none),
		ASKING(addresses_are_asked_for_then_announced),
		ASKING(tentative_addresses_do_not_answer),
		ASKING(who_has_the_address_keeps_it),
		ASKING(its_owner_can_be_talked_to),
		ASKING(two_who_ask_for_one_address_both_lose_it),
		ASKING(our_own_question_sent_back_is_no_objection),
		ASKING(routers_are_asked_for_until_one_speaks),
		ASKING(a_routers_word_is_a_default_route),
		ASKING(a_router_that_resigns_is_none),
		ASKING(a_flood_of_routers_does_not_displace_the_good),
		TEST(routers_are_not_believed_unless_asked),
		ASKING(routers_have_link_local_addresses),
	};
#undef TEST
#undef ASKING

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
