/* test_input.c - frames in, frames and packets out: Ethernet, ARP, IPv4, ICMP input. */
#include "box.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

static uint8_t f[2048];

static int make(void **state)
{
	*state = box_open(1);
	memset(f, 0, sizeof(f));
	return 0;
}

static int done(void **state)
{
	box_drain(0);
	box_close(*state);
	return 0;
}

/* The frame must come to nothing but a count of `why`. */
static void expect_drop(struct box *b, unsigned len, enum counter_id why)
{
	uint64_t before = box_count(b, why);

	box_inject(b, 0, f, len);
	box_turn(b, 0);
	assert_int_equal(box_count(b, why), before + 1);
	assert_int_equal(box_drain(0), 0);
}

static struct rte_mbuf *expect_tcp(struct box *b, unsigned len)
{
	struct rte_mbuf *pkts[NET_BURST];

	box_inject(b, 0, f, len);
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	return pkts[0];
}

static void tcp_is_delivered_without_its_headers(void **state)
{
	struct ip_addr src = ip(FAR), dst = ip(OWN);
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 100);
	struct rte_mbuf *m;

	f[15] = 0xb9; /* DSCP and ECN */
	mend_ip(f + 14);
	m = expect_tcp(b, len);
	assert_int_equal(m->data_len, 120);
	assert_int_equal(m->pkt_len, 120);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), f + 34, 120);
	assert_true(ip_addr_eq(&pkt_priv(m)->src, &src));
	assert_true(ip_addr_eq(&pkt_priv(m)->dst, &dst));
	assert_int_equal(pkt_priv(m)->ecn, 1);
	assert_int_equal(pkt_priv(m)->port, 0);
	assert_int_equal(box_count(b, CTR_NET_RX_PACKETS), 1);
	assert_int_equal(box_count(b, CTR_NET_RX_BYTES), len);
	rte_pktmbuf_free(m);
}

static void ethernet_padding_is_cut_off(void **state)
{
	struct box *b = *state;

	for (unsigned n = 0; n < 6; n++) {
		struct rte_mbuf *m;
		unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, n);

		memset(f + len, 0xee, 60 - len);
		m = expect_tcp(b, 60);
		assert_int_equal(m->data_len, 20 + n);
		rte_pktmbuf_free(m);
	}
}

static void ip_options_are_accepted(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	make_tcp(b, f, FAR, 40000, OWN, 80, 30);
	memmove(f + 34 + 8, f + 34, 50);
	memset(f + 34, 1, 8); /* no-operation */
	f[14] = 0x47;
	put16(f + 16, 28 + 50);
	mend_ip(f + 14);
	m = expect_tcp(b, 14 + 28 + 50);
	assert_int_equal(m->data_len, 50);
	rte_pktmbuf_free(m);
}

static void tcp_checksum_is_verified(void **state)
{
	struct box *b = *state;

	for (unsigned n = 0; n < 40; n++) {
		unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, n);

		f[len - 1] ^= 0x40;
		expect_drop(b, len, CTR_TCP_IN_ERRS);
	}
	/* The pseudo header is part of it. */
	make_tcp(b, f, FAR, 40000, OWN, 80, 10);
	f[14 + 15] ^= 1;
	mend_ip(f + 14);
	expect_drop(b, 64, CTR_TCP_IN_ERRS);
}

static void devices_that_verify_are_believed(void **state)
{
	const uint64_t flags[] = {RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD,
				  RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_IP_CKSUM_NONE,
				  RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_GOOD,
				  RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_BAD};
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 10);

	f[len - 1] ^= 1; /* wrong: who recomputes will see it */
	for (unsigned i = 0; i < RTE_DIM(flags); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(b->pool), *pkts[NET_BURST];

		memcpy(rte_pktmbuf_append(m, (uint16_t)len), f, len);
		m->ol_flags = flags[i];
		rte_ring_enqueue(box_ring(0), m);
		assert_int_equal(box_pass(b, 0, pkts, NET_BURST), i < 2);
		if (i < 2)
			rte_pktmbuf_free(pkts[0]);
	}
	assert_int_equal(box_count(b, CTR_TCP_IN_ERRS), 1);
	assert_int_equal(box_count(b, CTR_DROP_IP_CHECKSUM), 1);
}

static void every_truncation_of_a_frame(void **state)
{
	struct box *b = *state;
	unsigned full = make_tcp(b, f, FAR, 40000, OWN, 80, 20);
	struct rte_mbuf *m;

	for (unsigned len = 0; len < full; len++) {
		struct rte_mbuf *pkts[NET_BURST];
		uint8_t *end;

		m = rte_pktmbuf_alloc(b->pool);
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), f, len);
		end = rte_pktmbuf_mtod_offset(m, uint8_t *, len);
		ASAN_POISON_MEMORY_REGION(end, 200);
		rte_ring_enqueue(box_ring(0), m);
		assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 0);
		ASAN_UNPOISON_MEMORY_REGION(end, 200);
	}
	assert_int_equal(box_count(b, CTR_DROP_ETH_SHORT), 14);
	assert_int_equal(box_count(b, CTR_DROP_IP_HEADER), full - 14);
	assert_int_equal(box_drain(0), 0);
}

static void tcp_header_must_fit(void **state)
{
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 8);

	f[14 + 20 + 12] = 0x80; /* 32 bytes of 28 */
	mend_tcp(f + 14, 28);
	expect_drop(b, len, CTR_TCP_IN_ERRS);
	f[14 + 20 + 12] = 0x40;
	mend_tcp(f + 14, 28);
	expect_drop(b, len, CTR_TCP_IN_ERRS);
	make_ip(f + 14, FAR, OWN, 6, 19);
	expect_drop(b, 14 + 39, CTR_TCP_IN_ERRS);
}

static void frames_for_others_are_ignored(void **state)
{
	const struct rte_ether_addr other = {{2, 9, 9, 9, 9, 9}};
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 8);

	memcpy(f, &other, 6);
	expect_drop(b, len, CTR_DROP_ETH_DST);
	memcpy(f, &all_macs, 6);
	expect_drop(b, len, CTR_DROP_IP_MARTIAN);
}

static void ethertypes_we_do_not_speak(void **state)
{
	const uint16_t types[] = {0x86dd, 0x8100, 0x88a8, 0x0000, 0x8847, 0x05dc};
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 8);

	for (unsigned i = 0; i < RTE_DIM(types); i++) {
		put16(f + 12, types[i]);
		expect_drop(b, len, CTR_DROP_ETH_TYPE);
	}
}

static void martian_sources(void **state)
{
	const char *bad[] = {"0.0.0.0",         "0.1.2.3",     "127.0.0.1", "224.0.0.5",
			     "239.1.1.1",       "240.0.0.1",   "255.1.1.1", OWN,
			     "255.255.255.255", "198.18.0.255"};
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(bad); i++)
		expect_drop(b, make_tcp(b, f, bad[i], 40000, OWN, 80, 8), CTR_DROP_IP_MARTIAN);
}

static void group_destinations(void **state)
{
	const char *bad[] = {"224.0.0.1", "255.255.255.255", "198.18.0.255", "127.0.0.1",
			     "0.0.0.0"};
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		expect_drop(b, make_tcp(b, f, FAR, 40000, bad[i], 80, 8), CTR_DROP_IP_MARTIAN);
		expect_drop(b, make_echo(b, f, FAR, bad[i], 8), CTR_DROP_IP_NOT_LOCAL);
	}
}

static void foreign_destinations_only_when_captured(void **state)
{
	struct ip_addr vip = ip(VIP);
	struct box *b = *state;
	struct rte_mbuf *m;

	expect_drop(b, make_tcp(b, f, FAR, 40000, VIP, 80, 8), CTR_DROP_IP_NOT_LOCAL);
	expect_drop(b, make_tcp(b, f, FAR, 40000, "10.96.0.11", VIP_PORT, 8),
		    CTR_DROP_IP_NOT_LOCAL);
	m = expect_tcp(b, make_tcp(b, f, FAR, 40000, VIP, VIP_PORT, 8));
	assert_true(ip_addr_eq(&pkt_priv(m)->dst, &vip));
	rte_pktmbuf_free(m);
}

static void fragments_are_dropped_when_told_to(void **state)
{
	struct box *b = *state;
	struct frag_table *frags = b->net[0]->frags;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 8);

	put16(f + 20, 0x2000);
	mend_ip(f + 14);
	b->net[0]->frags = NULL; /* as with dataplane.fragments: drop */
	expect_drop(b, len, CTR_DROP_IP_FRAGMENT);
	b->net[0]->frags = frags;
}

static void other_protocols_are_dropped(void **state)
{
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 8);

	f[23] = 17;
	mend_ip(f + 14);
	expect_drop(b, len, CTR_DROP_IP_PROTOCOL);
}

static void chained_frames_are_made_whole(void **state)
{
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 80, 400);
	struct rte_mbuf *head = rte_pktmbuf_alloc(b->pool), *tail = rte_pktmbuf_alloc(b->pool);
	struct rte_mbuf *pkts[NET_BURST];

	memcpy(rte_pktmbuf_append(head, 11), f, 11);
	memcpy(rte_pktmbuf_append(tail, (uint16_t)(len - 11)), f + 11, len - 11);
	rte_pktmbuf_chain(head, tail);
	rte_ring_enqueue(box_ring(0), head);
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_int_equal(pkts[0]->nb_segs, 1);
	assert_int_equal(pkts[0]->data_len, 420);
	rte_pktmbuf_free(pkts[0]);
}

static void chained_frames_too_long_for_a_buffer(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *head = rte_pktmbuf_alloc(b->pool), *tail = rte_pktmbuf_alloc(b->pool);

	memset(rte_pktmbuf_append(head, 1500), 0, 1500);
	memset(rte_pktmbuf_append(tail, 1500), 0, 1500);
	rte_pktmbuf_chain(head, tail);
	rte_ring_enqueue(box_ring(0), head);
	box_turn(b, 0);
	assert_int_equal(box_count(b, CTR_DROP_ETH_LONG), 1);
}

static void echo_is_answered(void **state)
{
	struct box *b = *state;
	const unsigned sizes[] = {0, 1, 2, 55, 56, 1471, 1472};

	box_introduce(b, 0, PEER);
	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		unsigned len = make_echo(b, f, PEER, OWN, sizes[i]);
		struct rte_mbuf *m;
		uint8_t *r;

		box_inject(b, 0, f, len);
		box_turn(b, 0);
		m = box_sent(0);
		assert_non_null(m);
		assert_int_equal(m->pkt_len, len);
		r = rte_pktmbuf_mtod(m, uint8_t *);
		assert_memory_equal(r, &peer_mac, 6);
		assert_memory_equal(r + 26, f + 30, 4);
		assert_memory_equal(r + 30, f + 26, 4);
		assert_int_equal(slow_cksum(0, r + 14, 20), 0);
		assert_int_equal(r[34], 0);
		assert_int_equal(slow_cksum(0, r + 34, 8 + sizes[i]), 0);
		assert_memory_equal(r + 38, f + 38, 4 + sizes[i]);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(box_count(b, CTR_NET_ICMP_ECHO), RTE_DIM(sizes));
}

static void echo_flood_is_limited(void **state)
{
	struct box *b = *state;
	unsigned len = make_echo(b, f, PEER, OWN, 8);

	box_introduce(b, 0, PEER);
	for (unsigned i = 0; i < 1200; i++) {
		box_inject(b, 0, f, len);
		box_turn(b, 0);
		box_drain(0);
	}
	assert_int_equal(box_count(b, CTR_NET_ICMP_ECHO), ICMP_BURST);
	assert_int_equal(box_count(b, CTR_DROP_ICMP), 200);
	b->now_us += 100000;
	for (unsigned i = 0; i < 200; i++) {
		box_inject(b, 0, f, len);
		box_turn(b, 0);
		box_drain(0);
	}
	assert_int_equal(box_count(b, CTR_NET_ICMP_ECHO), ICMP_BURST + ICMP_PER_SECOND / 10);
}

static void icmp_that_is_not_answered(void **state)
{
	struct box *b = *state;
	unsigned len = make_echo(b, f, PEER, OWN, 9);

	box_introduce(b, 0, PEER);
	f[len - 1] ^= 1;
	expect_drop(b, len, CTR_DROP_ICMP); /* checksum */
	expect_drop(b, make_echo(b, f, PEER, VIP, 9), CTR_DROP_ICMP);
	for (unsigned type = 0; type < 256; type++) {
		if (type == 8 || pkt_icmp_is_error((uint8_t)type))
			continue;
		len = make_echo(b, f, PEER, OWN, 28);
		f[34] = (uint8_t)type;
		put16(f + 36, 0);
		put16(f + 36, slow_cksum(0, f + 34, 36));
		expect_drop(b, len, CTR_DROP_ICMP);
	}
	for (unsigned n = 0; n < 8; n++) {
		make_ip(f + 14, PEER, OWN, 1, n);
		expect_drop(b, 34 + n, CTR_DROP_ICMP);
	}
}

/* An error about a segment from src to PEER, addressed to dst. */
static unsigned make_error(const struct box *b, uint8_t type, uint8_t code, uint16_t mtu,
			   const char *src, uint16_t sport, const char *dst)
{
	unsigned at = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x0800);
	uint8_t *c = f + at + 20, *q = c + 8;

	make_ip(f + at, GATEWAY, dst, 1, 8 + 28);
	memset(c, 0, 8);
	c[0] = type;
	c[1] = code;
	put16(c + 6, mtu);
	make_ip(q, src, PEER, 6, 1480);
	put16(q + 20, sport);
	put16(q + 22, 40000);
	put32(q + 24, 77777);
	put16(c + 2, slow_cksum(0, c, 36));
	return at + 20 + 36;
}

static void errors_about_our_segments_go_up(void **state)
{
	const struct {
		uint8_t type, code;
		uint16_t mtu, want_mtu;
		bool hard;
	} cases[] = {
		{3, 0, 0, 0, false},     {3, 1, 0, 0, false},       {3, 2, 0, 0, true},
		{3, 3, 0, 0, true},      {3, 4, 1400, 1400, false}, {3, 4, 0, 1492, false},
		{3, 4, 10, 68, false},   {3, 13, 0, 0, false},      {11, 0, 0, 0, false},
		{11, 1, 1200, 0, false}, {12, 0, 0, 0, false},
	};
	struct ip_addr own = ip(OWN), peer = ip(PEER);
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		box_inject(b, 0, f,
			   make_error(b, cases[i].type, cases[i].code, cases[i].mtu, OWN, 80, OWN));
		box_turn(b, 0);
		assert_int_equal(b->icmp_errors, i + 1);
		assert_true(ip_addr_eq(&b->local.ip, &own) && b->local.port == 80);
		assert_true(ip_addr_eq(&b->remote.ip, &peer) && b->remote.port == 40000);
		assert_int_equal(b->seq, 77777);
		assert_int_equal(b->hard, cases[i].hard);
		assert_int_equal(b->mtu, cases[i].want_mtu);
	}
	assert_int_equal(box_drain(0), 0); /* never an ICMP in answer to an ICMP error */
}

static void errors_that_are_not_about_us(void **state)
{
	struct box *b = *state;
	unsigned len;

	expect_drop(b, make_error(b, 3, 3, 0, "198.18.0.3", 80, OWN), CTR_DROP_ICMP);
	expect_drop(b, make_error(b, 3, 3, 0, VIP, VIP_PORT, OWN), CTR_DROP_ICMP);
	expect_drop(b, make_error(b, 3, 3, 0, VIP, 80, VIP), CTR_DROP_ICMP);
	len = make_error(b, 3, 3, 0, OWN, 80, OWN);
	f[len - 1] ^= 1;
	expect_drop(b, len, CTR_DROP_ICMP); /* checksum */
	assert_int_equal(b->icmp_errors, 0);
	box_inject(b, 0, f, make_error(b, 3, 3, 0, VIP, VIP_PORT, VIP));
	box_turn(b, 0);
	assert_int_equal(b->icmp_errors, 1);
}

static void truncated_errors(void **state)
{
	struct box *b = *state;
	unsigned len = make_error(b, 3, 3, 0, OWN, 80, OWN);

	for (unsigned n = 8; n < 36; n++) {
		make_ip(f + 14, GATEWAY, OWN, 1, n);
		put16(f + 36, 0);
		put16(f + 36, slow_cksum(0, f + 34, n));
		expect_drop(b, 34 + n, CTR_DROP_ICMP);
	}
	assert_int_equal(len, 34 + 36);
	assert_int_equal(b->icmp_errors, 0);
}

static struct neigh *known(struct box *b, const char *addr)
{
	struct ip_addr a = ip(addr);

	return neigh_find(b->net[0]->neighs, 0, &a);
}

static void arp_requests_for_us_are_answered_and_learned(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;
	uint8_t *r;

	box_inject(b, 0, f, make_arp(f, &all_macs, 1, &peer_mac, PEER, OWN));
	box_turn(b, 0);
	m = box_sent(0);
	assert_non_null(m);
	r = rte_pktmbuf_mtod(m, uint8_t *);
	assert_int_equal(m->pkt_len, 42);
	assert_memory_equal(r, &peer_mac, 6);
	assert_int_equal(r[21], 2);
	assert_memory_equal(r + 22, &b->ports->ports[0].mac, 6);
	assert_memory_equal(r + 28, f + 38, 4); /* our address from us */
	assert_memory_equal(r + 32, &peer_mac, 6);
	assert_memory_equal(r + 38, f + 28, 4);
	rte_pktmbuf_free(m);
	assert_non_null(known(b, PEER));
	assert_int_equal(known(b, PEER)->state, NEIGH_REACHABLE);
}

static void arp_for_others_is_neither(void **state)
{
	struct box *b = *state;

	box_inject(b, 0, f, make_arp(f, &all_macs, 1, &peer_mac, PEER, "198.18.0.3"));
	box_turn(b, 0);
	box_inject(b, 0, f, make_arp(f, &all_macs, 1, &peer_mac, PEER, VIP)); /* no proxy */
	box_turn(b, 0);
	assert_int_equal(box_drain(0), 0);
	assert_null(known(b, PEER));
}

static void arp_replies_teach_only_about_whom_we_know(void **state)
{
	struct box *b = *state;

	box_inject(b, 0, f, make_arp(f, &all_macs, 2, &peer_mac, PEER, PEER));
	box_turn(b, 0);
	assert_null(known(b, PEER));
}

/* An announcement, an answer to no question, a question with a forged sender: the gateway is asked
 * by unicast, and stays where it is when it answers. */
static void the_gateway_does_not_move_at_a_word(void **state)
{
	const struct rte_ether_addr evil = {{2, 0, 0, 0, 0, 2}};
	static const struct {
		uint16_t op;
		const char *target;
	} words[] = {{1, GATEWAY}, {2, GATEWAY}, {2, OWN}, {1, OWN}};
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(words); i++) {
		struct rte_mbuf *m;

		b->now_us += 2000000;
		box_introduce(b, 0, GATEWAY);
		box_inject(b, 0, f,
			   make_arp(f, &all_macs, words[i].op, &evil, GATEWAY, words[i].target));
		box_turn(b, 0);
		assert_memory_equal(&known(b, GATEWAY)->mac, &peer_mac, 6);
		m = box_sent(0);
		assert_non_null(m);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), &peer_mac, 6);
		rte_pktmbuf_free(m);
		assert_int_equal(box_drain(0), words[i].op == 1 && i == 3);
		box_inject(b, 0, f, make_arp(f, &peer_mac, 2, &peer_mac, GATEWAY, OWN));
		box_inject(b, 0, f, make_arp(f, &peer_mac, 2, &evil, GATEWAY, OWN));
		box_turn(b, 0);
		assert_memory_equal(&known(b, GATEWAY)->mac, &peer_mac, 6);
	}
}

static void arp_that_teaches_nothing(void **state)
{
	struct box *b = *state;

	/* Off-link, a probe for our address (RFC 5227), somebody with our address. */
	box_inject(b, 0, f, make_arp(f, &all_macs, 1, &peer_mac, FAR, OWN));
	box_turn(b, 0);
	assert_null(known(b, FAR));
	assert_int_equal(box_drain(0), 1);
	box_inject(b, 0, f, make_arp(f, &all_macs, 1, &peer_mac, "0.0.0.0", OWN));
	box_turn(b, 0);
	assert_null(known(b, "0.0.0.0"));
	assert_int_equal(box_drain(0), 1);
	expect_drop(b, make_arp(f, &all_macs, 1, &peer_mac, OWN, OWN), CTR_DROP_ARP);
	expect_drop(b, make_arp(f, &all_macs, 1, &peer_mac, PEER, OWN) - 1, CTR_DROP_ARP);
}

static void arp_flood_is_bounded(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < 5000; i++) {
		make_arp(f, &all_macs, 1, &peer_mac, "198.18.0.3", OWN);
		put16(f + 30, (uint16_t)i);
		box_inject(b, 0, f, 42);
		box_turn(b, 0);
		box_drain(0);
	}
	/* 198.18.0.0/24 is on-link: nothing else was learned, nor the broadcast address. */
	assert_null(known(b, "198.18.1.1"));
	assert_null(known(b, "198.18.0.255"));
	assert_non_null(known(b, "198.18.0.77"));
}

static void random_garbage_never_leaks(void **state)
{
	struct box *b = *state;
	uint32_t seed = 99;

	box_introduce(b, 0, PEER);
	for (unsigned i = 0; i < 30000; i++) {
		struct rte_mbuf *pkts[NET_BURST];
		unsigned len, n;

		seed = seed * 1664525u + 1013904223u;
		switch (seed >> 30) {
		case 0:
			len = make_tcp(b, f, FAR, 1, OWN, 2, seed >> 20 & 63);
			break;
		case 1:
			len = make_echo(b, f, PEER, OWN, seed >> 20 & 63);
			break;
		case 2:
			len = make_error(b, 3, 3, 0, OWN, 80, OWN);
			break;
		default:
			len = make_arp(f, &all_macs, 1, &peer_mac, PEER, OWN);
		}
		for (unsigned flips = seed >> 10 & 3; flips; flips--) {
			seed = seed * 1664525u + 1013904223u;
			f[(seed >> 8) % len] ^= (uint8_t)(seed >> 24);
		}
		if (seed & 256)
			len -= (seed >> 12) % 20;
		box_inject(b, 0, f, len);
		n = box_pass(b, 0, pkts, NET_BURST);
		rte_pktmbuf_free_bulk(pkts, n);
		box_drain(0);
		b->now_us += 1000;
	}
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, done)
	const struct CMUnitTest tests[] = {
		TEST(tcp_is_delivered_without_its_headers),
		TEST(ethernet_padding_is_cut_off),
		TEST(ip_options_are_accepted),
		TEST(tcp_checksum_is_verified),
		TEST(devices_that_verify_are_believed),
		TEST(every_truncation_of_a_frame),
		TEST(tcp_header_must_fit),
		TEST(frames_for_others_are_ignored),
		TEST(ethertypes_we_do_not_speak),
		TEST(martian_sources),
		TEST(group_destinations),
		TEST(foreign_destinations_only_when_captured),
		TEST(fragments_are_dropped_when_told_to),
		TEST(other_protocols_are_dropped),
		TEST(chained_frames_are_made_whole),
		TEST(chained_frames_too_long_for_a_buffer),
		TEST(echo_is_answered),
		TEST(echo_flood_is_limited),
		TEST(icmp_that_is_not_answered),
		TEST(errors_about_our_segments_go_up),
		TEST(errors_that_are_not_about_us),
		TEST(truncated_errors),
		TEST(arp_requests_for_us_are_answered_and_learned),
		TEST(arp_for_others_is_neither),
		TEST(arp_replies_teach_only_about_whom_we_know),
		TEST(the_gateway_does_not_move_at_a_word),
		TEST(arp_that_teaches_nothing),
		TEST(arp_flood_is_bounded),
		TEST(random_garbage_never_leaks),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
