/* test_steer6.c - several workers and IPv6: tuples, extension headers, errors, what all learn. */
#include "box6.h"

#define WORKERS 3

static uint8_t f[2048];

static int make(void **state)
{
	*state = box6_open(WORKERS);
	return 0;
}

static int done(void **state)
{
	for (unsigned q = 0; q < WORKERS; q++)
		box_drain(q);
	box_close(*state);
	return 0;
}

static unsigned owner_of(struct box *b, const struct net_addr *local, const struct net_addr *remote)
{
	unsigned w = steer_worker(b->ports, local, remote);

	assert_int_equal(steer_worker(b->ports, remote, local), w);
	return w;
}

/* The vectors that Microsoft published for its RSS specification. */
static void toeplitz_gives_the_published_hashes(void **state)
{
	static const uint8_t key[PORT_RSS_KEY_LEN] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
		0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
		0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	};
	static const struct {
		const char *src;
		uint16_t sport;
		const char *dst;
		uint16_t dport;
		uint32_t hash;
	} published[] = {
		{"66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178},
		{"199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0ea},
		{"24.19.198.95", 12898, "12.22.207.184", 38024, 0x5c2b394a},
		{"38.27.205.30", 48228, "209.142.163.6", 2217, 0xafc7327f},
		{"153.39.163.191", 44251, "202.188.127.2", 1303, 0x10e828a2},
		{"3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x40207d3d},
		{"3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0xdde51bbf},
		{"3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024,
		 0x02d1feef},
	};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(published); i++) {
		struct net_addr src = {ip(published[i].src), published[i].sport};
		struct net_addr dst = {ip(published[i].dst), published[i].dport};

		assert_int_equal(steer_rss_hash(key, &src, &dst), published[i].hash);
		/* As inside: with its link's number, which devices do not see. */
		zone_enter(&dst.ip, 5);
		assert_int_equal(steer_rss_hash(key, &src, &dst), published[i].hash);
	}
}

static void both_ways_of_steering_are_symmetric_and_spread(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN6), 80}, remote = {ip(FAR6), 0};

	b->ports->reta_size = 128;
	for (unsigned way = 0; way < 2; way++) {
		unsigned count[WORKERS] = {0};

		b->ports->steering = way ? STEER_DEVICES : STEER_RINGS;
		for (unsigned i = 0; i < 9000; i++) {
			remote.ip.b[15] = (uint8_t)i;
			remote.port = (uint16_t)(1024 + i * 7919);
			count[owner_of(b, &local, &remote)]++;
		}
		for (unsigned w = 0; w < WORKERS; w++)
			assert_in_range(count[w], 2500, 3500);
	}
	b->ports->steering = STEER_RINGS;
}

/* Everybody's turn; who got a packet, WORKERS when nobody did. */
static unsigned who_gets(struct box *b, unsigned at, unsigned len)
{
	unsigned got = WORKERS;

	box_inject(b, at, f, len);
	for (unsigned turn = 0; turn < WORKERS; turn++) {
		struct rte_mbuf *pkts[NET_BURST];
		unsigned w = (at + turn) % WORKERS;

		if (!box_pass(b, w, pkts, NET_BURST))
			continue;
		assert_int_equal(got, WORKERS);
		got = w;
		rte_pktmbuf_free(pkts[0]);
	}
	return got;
}

static void every_packet_reaches_its_worker(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN6), 80}, remote = {ip(FAR6), 0};

	for (unsigned i = 0; i < 300; i++) {
		remote.port = (uint16_t)(1024 + i * 71);
		assert_int_equal(
			who_gets(b, i % WORKERS, make_tcp6(b, f, FAR6, remote.port, OWN6, 80, 9)),
			owner_of(b, &local, &remote));
	}
}

/* A device does not look behind extension headers: its choice is corrected. */
static void extension_headers_do_not_change_the_worker(void **state)
{
	static const uint8_t ext[8] = {6, 0, 1, 4};
	struct box *b = *state;
	struct net_addr local = {ip(OWN6), 80}, remote = {ip(FAR6), 0};

	b->ports->reta_size = 128;
	for (unsigned i = 0; i < 200; i++) {
		unsigned len = make_tcp6(b, f, FAR6, (uint16_t)(2000 + i), OWN6, 80, 9);

		b->ports->steering = i & 1 ? STEER_DEVICES : STEER_RINGS;
		memmove(f + AT_NEXT + 8, f + AT_NEXT, len - AT_NEXT);
		memcpy(f + AT_NEXT, ext, 8);
		f[AT_IP + 6] = 60;
		put16(f + AT_IP + 4, (uint16_t)(len + 8 - AT_NEXT));
		remote.port = (uint16_t)(2000 + i);
		assert_int_equal(who_gets(b, i % WORKERS, len + 8), owner_of(b, &local, &remote));
	}
	b->ports->steering = STEER_RINGS;
}

static void link_local_peers_have_one_worker(void **state)
{
	struct box *b = *state;
	struct net_addr local = {box6_link_local(b), 80}, remote = {ip("fe80::77"), 0};
	char own[IP_ADDR_STRLEN];

	ip_addr_format(&local.ip, own);
	zone_enter(&local.ip, 0);
	zone_enter(&remote.ip, 0);
	for (unsigned i = 0; i < 100; i++) {
		remote.port = (uint16_t)(3000 + i);
		assert_int_equal(who_gets(b, i % WORKERS,
					  make_tcp6(b, f, "fe80::77", remote.port, own, 80, 9)),
				 owner_of(b, &local, &remote));
	}
}

static void icmp_errors_reach_the_connections_worker(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN6), 80}, remote = {ip(FAR6), 0};

	for (unsigned port = 40000; port < 40050; port++) {
		unsigned len = make_icmp6(b, f, PEER6, OWN6, 2, 0, 8 + 48), owner;
		uint8_t *q = f + AT_NEXT + 8;

		put32(f + AT_NEXT + 4, 1300);
		make_ip6(q, OWN6, FAR6, 6, 1440);
		put16(q + 40, 80);
		put16(q + 42, (uint16_t)port);
		mend_icmp6(f, len);
		remote.port = (uint16_t)port;
		owner = owner_of(b, &local, &remote);
		assert_int_equal(who_gets(b, port % WORKERS, len), WORKERS);
		assert_int_equal(b->counters[owner].v[CTR_NET_ICMP_ERROR], 1);
		b->counters[owner].v[CTR_NET_ICMP_ERROR] = 0;
		assert_int_equal(b->remote.port, port);
	}
}

static void every_worker_learns_and_one_answers(void **state)
{
	struct box *b = *state;
	unsigned answers = 0;

	who_gets(b, 1, make_nd(b, f, 135, PEER6, "ff02::1:ff00:2", 0, OWN6, &peer_mac));
	for (unsigned w = 0; w < WORKERS; w++) {
		assert_non_null(box6_known(b, w, PEER6));
		answers += box_drain(w);
	}
	assert_int_equal(answers, 1);
	assert_int_equal(box_count(b, CTR_NET_ND_IN), 1);
	/* Another's answer to one worker's question is everybody's. */
	who_gets(b, 2, make_nd(b, f, 136, PEER6, OWN6, 0x60, PEER6, &all_macs));
	assert_int_equal(box_count(b, CTR_DROP_ND), 1);
	who_gets(b, 2,
		 make_nd(b, f, 136, PEER6, OWN6, 0x60, PEER6,
			 &(struct rte_ether_addr){{2, 0, 0, 0, 0, 9}}));
	for (unsigned w = 0; w < WORKERS; w++)
		assert_int_equal(box6_known(b, w, PEER6)->mac.addr_bytes[5], 9);
}

static void an_objection_to_one_worker_counts_for_all(void **state)
{
	struct ip_addr own = ip(OWN6);
	struct box *b = *state;
	struct own_addr *a = (struct own_addr *)(uintptr_t)route_own(&b->ports->routes, &own, 0);

	a->state = OWN_TENTATIVE;
	who_gets(b, 2, make_nd(b, f, 136, OWN6, NODES6, 0x20, OWN6, &peer_mac));
	for (unsigned w = 0; w < WORKERS; w++)
		assert_false(net_is_local(b->net[w], &own));
	assert_int_equal(box_count(b, CTR_NET_ADDR_DUPLICATE), 1);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, done)
	const struct CMUnitTest tests[] = {
		TEST(toeplitz_gives_the_published_hashes),
		TEST(both_ways_of_steering_are_symmetric_and_spread),
		TEST(every_packet_reaches_its_worker),
		TEST(extension_headers_do_not_change_the_worker),
		TEST(link_local_peers_have_one_worker),
		TEST(icmp_errors_reach_the_connections_worker),
		TEST(every_worker_learns_and_one_answers),
		TEST(an_objection_to_one_worker_counts_for_all),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
