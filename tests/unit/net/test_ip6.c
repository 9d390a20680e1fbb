/* test_ip6.c - IPv6 and ICMPv6 in and out: what test_input.c and test_output.c are for IPv4. */
#include "box6.h"

#include <net/frag.h>

static uint8_t f[2048], g[2048];

static int make(void **state)
{
	*state = box6_open(1);
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

/* Inserts n bytes of extension headers that end in `next`; returns the frame's new length. */
static unsigned insert(unsigned len, const uint8_t *ext, unsigned n, uint8_t first)
{
	memmove(f + AT_NEXT + n, f + AT_NEXT, len - AT_NEXT);
	memcpy(f + AT_NEXT, ext, n);
	put16(f + AT_IP + 4, (uint16_t)(len - AT_NEXT + n));
	f[AT_IP + 6] = first;
	return len + n;
}

/* ---- in ---- */

static void tcp_is_delivered_without_its_headers(void **state)
{
	struct ip_addr src = ip(FAR6), dst = ip(OWN6);
	struct box *b = *state;
	unsigned len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 100);
	struct rte_mbuf *m;

	f[AT_IP + 1] = 0x10; /* ECT(1) */
	memset(f + len, 0xee, 6);
	m = expect_tcp(b, len + 6); /* padding of the frame */
	assert_int_equal(m->data_len, 120);
	assert_int_equal(m->pkt_len, 120);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), f + AT_NEXT, 120);
	assert_true(ip_addr_eq(&pkt_priv(m)->src, &src));
	assert_true(ip_addr_eq(&pkt_priv(m)->dst, &dst));
	assert_int_equal(pkt_priv(m)->ecn, 1);
	rte_pktmbuf_free(m);
}

static void tcp_behind_extension_headers(void **state)
{
	static const uint8_t ext[] = {60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0};
	struct box *b = *state;
	unsigned len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 300);
	struct rte_mbuf *m = expect_tcp(b, insert(len, ext, sizeof(ext), 0));

	assert_int_equal(m->data_len, 320);
	assert_true(m->ol_flags & PKT_F_SUMMED);
	rte_pktmbuf_free(m);
}

static void tcp_checksum_is_verified(void **state)
{
	struct box *b = *state;
	unsigned len;

	for (unsigned n = 0; n < 40; n++) {
		len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, n);
		f[len - 1] ^= 0x40;
		expect_drop(b, len, CTR_TCP_IN_ERRS);
	}
	len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 10);
	f[AT_IP + 23] ^= 1; /* the pseudo header is part of it */
	expect_drop(b, len, CTR_TCP_IN_ERRS);
}

static void every_truncation_of_a_frame(void **state)
{
	struct box *b = *state;
	unsigned full = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 20);

	for (unsigned len = 14; len < full; len++)
		expect_drop(b, len, CTR_DROP_IP_HEADER);
}

static void martian_sources(void **state)
{
	static const char *const bad[] = {"::",           "::1",     "::ffff:198.18.0.1",
					  "::198.18.0.1", "ff02::1", "ff0e::9",
					  OWN6,           "100::1"};
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(bad); i++)
		expect_drop(b, make_tcp6(b, f, bad[i], 40000, OWN6, 80, 8), CTR_DROP_IP_MARTIAN);
	/* A link-local address has nothing but zeros before the interface's identifier. */
	expect_drop(b, make_tcp6(b, f, "fe80:0:1::1", 40000, OWN6, 80, 8), CTR_DROP_IP_MARTIAN);
	expect_drop(b, make_tcp6(b, f, "fe80:1::1", 40000, OWN6, 80, 8), CTR_DROP_IP_MARTIAN);
}

static void destinations_that_are_not_ours(void **state)
{
	struct box *b = *state;
	unsigned len;

	expect_drop(b, make_tcp6(b, f, FAR6, 40000, "2001:2::3", 80, 8), CTR_DROP_IP_NOT_LOCAL);
	expect_drop(b, make_tcp6(b, f, FAR6, 40000, "::1", 80, 8), CTR_DROP_IP_MARTIAN);
	expect_drop(b, make_tcp6(b, f, FAR6, 40000, "::ffff:198.18.0.2", 80, 8),
		    CTR_DROP_IP_MARTIAN);
	expect_drop(b, make_tcp6(b, f, FAR6, 40000, NODES6, 80, 8), CTR_DROP_IP_MARTIAN);
	expect_drop(b, make_echo6(b, f, PEER6, NODES6, 8), CTR_DROP_ICMP);
	/* A frame for a group with a packet for us alone. */
	len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 8);
	memcpy(f, "\x33\x33\0\0\0\1", 6);
	expect_drop(b, len, CTR_DROP_IP_MARTIAN);
}

static void only_groups_of_ours_pass_the_filter(void **state)
{
	static const uint8_t others[][6] = {{0x33, 0x33, 0, 0, 0, 2},
					    {0x33, 0x33, 0xff, 0, 0, 3},
					    {0x33, 0x33, 0, 0, 0, 0xfb},
					    {1, 0, 0x5e, 0, 0, 1}};
	struct box *b = *state;
	unsigned len = make_nd(b, f, 135, PEER6, "ff02::1:ff00:2", 0, OWN6, &peer_mac);

	for (unsigned i = 0; i < RTE_DIM(others); i++) {
		memcpy(f, others[i], 6);
		expect_drop(b, len, CTR_DROP_ETH_DST);
	}
	b->ports->routes.v6[0] = false;
	memcpy(f, "\x33\x33\0\0\0\1", 6);
	expect_drop(b, len, CTR_DROP_ETH_DST);
	memcpy(f, &b->ports->ports[0].mac, 6);
	expect_drop(b, len, CTR_DROP_ETH_TYPE);
}

static const uint8_t first_part[] = {6, 0, 0, 1, 0, 0, 0, 9};
static const uint8_t last_part[] = {6, 0, 0, 40, 0, 0, 0, 9};

static void a_lone_fragment_is_none(void **state)
{
	static const uint8_t all[] = {6, 0, 0, 0, 0, 0, 0, 9};
	struct box *b = *state;
	unsigned len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 8);

	rte_pktmbuf_free(expect_tcp(b, insert(len, all, 8, 44)));
}

static void fragments_are_dropped_if_so_configured(void **state)
{
	struct box *b = *state;
	struct frag_table *frags = b->net[0]->frags;
	unsigned len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 20);

	b->net[0]->frags = NULL;
	expect_drop(b, insert(len, first_part, 8, 44), CTR_DROP_IP_FRAGMENT);
	b->net[0]->frags = frags;
}

/* 64 bytes of TCP in two, the latter first and padded. */
static void fragments_are_put_together(void **state)
{
	struct rte_mbuf *pkts[NET_BURST];
	struct box *b = *state;
	unsigned len = make_tcp6(b, f, FAR6, 40000, OWN6, 80, 44);

	memmove(f + AT_NEXT, f + AT_NEXT + 40, 24);
	len = insert(len - 40, last_part, 8, 44);
	memset(f + len, 0xee, 6);
	box_inject(b, 0, f, len + 6);
	box_turn(b, 0);
	make_tcp6(b, f, FAR6, 40000, OWN6, 80, 44);
	box_inject(b, 0, f, insert(AT_NEXT + 40, first_part, 8, 44));
	box_turn(b, 0);
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_int_equal(pkts[0]->pkt_len, 64);
	rte_pktmbuf_free(pkts[0]);
	assert_int_equal(box_count(b, CTR_NET_REASSEMBLED), 1);
}

/* RFC 6980. A solicitation is 32 bytes here: 24 and 8. */
static void neighbour_discovery_in_fragments_is_not_believed(void **state)
{
	static const uint8_t first[] = {58, 0, 0, 1, 0, 0, 0, 9},
			     last[] = {58, 0, 0, 24, 0, 0, 0, 9};
	struct box *b = *state;
	unsigned len = make_nd(b, f, 135, PEER6, OWN6, 0, OWN6, &peer_mac);

	memcpy(f, &b->ports->ports[0].mac, 6);
	box_inject(b, 0, f, insert(AT_NEXT + 24, first, 8, 44));
	box_turn(b, 0);
	make_nd(b, f, 135, PEER6, OWN6, 0, OWN6, &peer_mac);
	memcpy(f, &b->ports->ports[0].mac, 6);
	memmove(f + AT_NEXT, f + AT_NEXT + 24, len - AT_NEXT - 24);
	expect_drop(b, insert(len - 24, last, 8, 44), CTR_DROP_ND);
}

/* RFC 4443 section 3.3: with what came of it, the fragment header included. */
static void who_sent_only_a_part_is_told(void **state)
{
	struct box *b = *state;
	unsigned len, sent;

	make_tcp6(b, f, PEER6, 40000, OWN6, 80, 44);
	sent = insert(AT_NEXT + 40, first_part, 8, 44);
	box_inject(b, 0, f, sent);
	box_turn(b, 0);
	b->now_us += FRAG_TIMEOUT_US;
	box6_introduce(b, 0, PEER6);
	box_turn(b, 0);
	len = box6_take_sent(0, g);
	assert_int_equal(len, AT_NEXT + 8 + sent - AT_IP);
	assert_true(is_intact6(g, len));
	assert_int_equal(g[AT_NEXT], 3);
	assert_int_equal(g[AT_NEXT + 1], 1);
	assert_memory_equal(g + AT_NEXT + 8, f + AT_IP, sent - AT_IP);
	assert_int_equal(box_count(b, CTR_DROP_FRAG_TIMEOUT), 1);
	assert_int_equal(box_drain(0), 0);
}

/* What a sender is told of a packet that was refused: m's frame is in g. */
static void expect_told(struct box *b, unsigned sent_len, enum counter_id why, uint8_t type,
			uint8_t code, uint32_t value)
{
	uint64_t before = box_count(b, why), told = box_count(b, CTR_NET_ICMP_ERROR_OUT);
	unsigned len, quoted = sent_len - AT_IP;
	uint8_t want[4];

	box_inject(b, 0, f, sent_len);
	box_turn(b, 0);
	assert_int_equal(box_count(b, why), before + 1);
	assert_int_equal(box_count(b, CTR_NET_ICMP_ERROR_OUT), told + 1);
	len = box6_take_sent(0, g);
	assert_int_equal(len, AT_NEXT + 8 + RTE_MIN(quoted, 1232u));
	assert_true(is_intact6(g, len));
	assert_int_equal(g[AT_NEXT], type);
	assert_int_equal(g[AT_NEXT + 1], code);
	put32(want, value);
	assert_memory_equal(g + AT_NEXT + 4, want, 4);
	assert_memory_equal(g + AT_NEXT + 8, f + AT_IP, RTE_MIN(quoted, 1232u));
	assert_memory_equal(g + AT_IP + 24, f + AT_IP + 8, 16);
}

static void senders_of_what_is_refused_are_told(void **state)
{
	static const uint8_t routed[24] = {6, 2, 0, 0}, dest[8] = {6, 0, 0xc9, 4};
	struct box *b = *state;
	unsigned len;

	box6_introduce(b, 0, PEER6);
	len = make_tcp6(b, f, PEER6, 40000, OWN6, 80, 100);
	expect_told(b, insert(len, routed, 24, 43), CTR_DROP_IP_EXTENSION, 4, 0, 42);
	make_tcp6(b, f, PEER6, 40000, OWN6, 80, 100);
	expect_told(b, insert(len, dest, 8, 60), CTR_DROP_IP_EXTENSION, 4, 2, 42);
	len = make_tcp6(b, f, PEER6, 40000, OWN6, 80, 1440);
	f[AT_IP + 6] = 17;
	expect_told(b, len, CTR_DROP_IP_PROTOCOL, 1, 4, 0);
	f[AT_IP + 6] = 132;
	expect_told(b, len, CTR_DROP_IP_PROTOCOL, 4, 1, 6);
	f[AT_IP + 6] = 59;
	expect_drop(b, len, CTR_DROP_IP_PROTOCOL); /* no next header: nothing to complain of */
}

static void nobody_is_told_who_must_not_be(void **state)
{
	static const uint8_t routed[24] = {6, 2, 0, 0};
	struct box *b = *state;
	unsigned len = make_tcp6(b, f, PEER6, 40000, "2001:2::3", 80, 100);

	box6_introduce(b, 0, PEER6);
	expect_drop(b, insert(len, routed, 24, 43), CTR_DROP_IP_EXTENSION); /* not to us */
	make_tcp6(b, f, "::1", 40000, OWN6, 80, 100);
	expect_drop(b, insert(len, routed, 24, 43), CTR_DROP_IP_MARTIAN);
	b->net[0]->icmp_tokens = 0;
	b->net[0]->icmp_refill_us = b->now_us;
	make_tcp6(b, f, PEER6, 40000, OWN6, 80, 100);
	expect_drop(b, insert(len, routed, 24, 43), CTR_DROP_IP_EXTENSION);
}

static void echo_is_answered(void **state)
{
	static const unsigned sizes[] = {0, 1, 2, 55, 56, 1451, 1452};
	struct box *b = *state;

	box6_introduce(b, 0, PEER6);
	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		unsigned len = make_echo6(b, f, PEER6, OWN6, sizes[i]);

		box_inject(b, 0, f, len);
		box_turn(b, 0);
		assert_int_equal(box6_take_sent(0, g), len);
		assert_memory_equal(g, &peer_mac, 6);
		assert_int_equal(g[AT_IP + 7], 64);
		assert_memory_equal(g + AT_IP + 8, f + AT_IP + 24, 16);
		assert_memory_equal(g + AT_IP + 24, f + AT_IP + 8, 16);
		assert_int_equal(g[AT_NEXT], 129);
		assert_true(is_intact6(g, len));
		assert_memory_equal(g + AT_NEXT + 4, f + AT_NEXT + 4, 4 + sizes[i]);
	}
	assert_int_equal(box_count(b, CTR_NET_ICMP_ECHO), RTE_DIM(sizes));
}

static void echo_flood_is_limited(void **state)
{
	struct box *b = *state;
	unsigned len = make_echo6(b, f, PEER6, OWN6, 8);

	box6_introduce(b, 0, PEER6);
	for (unsigned i = 0; i < 1200; i++) {
		box_inject(b, 0, f, len);
		box_turn(b, 0);
		box_drain(0);
	}
	assert_int_equal(box_count(b, CTR_NET_ICMP_ECHO), ICMP_BURST);
	assert_int_equal(box_count(b, CTR_DROP_ICMP), 200);
}

static void link_local_echo_goes_back_to_its_link(void **state)
{
	struct box *b = *state;
	struct ip_addr own = box6_link_local(b);
	char text[IP_ADDR_STRLEN];
	unsigned len;

	ip_addr_format(&own, text);
	box6_introduce(b, 0, "fe80::77");
	len = make_echo6(b, f, "fe80::77", text, 40);
	box_inject(b, 0, f, len);
	box_turn(b, 0);
	assert_int_equal(box6_take_sent(0, g), len);
	assert_memory_equal(g + AT_IP + 8, &own, 16);
	assert_memory_equal(g + AT_IP + 24, f + AT_IP + 8, 16);
	assert_true(is_intact6(g, len));
}

static void icmp_that_is_not_answered(void **state)
{
	struct box *b = *state;
	unsigned len = make_echo6(b, f, PEER6, OWN6, 9);

	box6_introduce(b, 0, PEER6);
	f[len - 1] ^= 1;
	expect_drop(b, len, CTR_DROP_ICMP); /* checksum */
	expect_drop(b, make_echo6(b, f, PEER6, "2001:2::3", 9), CTR_DROP_ICMP);
	expect_drop(b, make_echo6(b, f, "::", OWN6, 9), CTR_DROP_ICMP);
	for (unsigned type = 0; type < 256; type++) {
		bool nd = type >= 133 && type <= 136;

		if (type == 128 || pkt_icmp6_is_error((uint8_t)type))
			continue;
		len = make_icmp6(b, f, PEER6, OWN6, (uint8_t)type, 0, 36);
		f[AT_IP + 7] = 64;
		expect_drop(b, len, nd ? CTR_DROP_ND : CTR_DROP_ICMP);
	}
	for (unsigned n = 1; n < 8; n++)
		expect_drop(b, make_icmp6(b, f, PEER6, OWN6, 128, 0, 8) - 8 + n,
			    CTR_DROP_IP_HEADER);
}

/* An error about a segment from src to PEER6. */
static unsigned make_error(const struct box *b, uint8_t type, uint8_t code, uint32_t mtu,
			   const char *src, uint16_t sport, const char *dst)
{
	unsigned len = make_icmp6(b, f, "2001:db8::fe", dst, type, code, 8 + 48);
	uint8_t *c = f + AT_NEXT, *q = c + 8;

	f[AT_IP + 7] = 60;
	put32(c + 4, mtu);
	make_ip6(q, src, PEER6, 6, 1440);
	put16(q + 40, sport);
	put16(q + 42, 40000);
	put32(q + 44, 77777);
	mend_icmp6(f, len);
	return len;
}

static void errors_about_our_segments_go_up(void **state)
{
	static const struct {
		uint8_t type, code;
		uint32_t mtu;
		uint16_t want_mtu;
		bool hard;
	} cases[] = {
		{1, 0, 0, 0, false},       {1, 1, 0, 0, true},
		{1, 3, 0, 0, false},       {1, 4, 0, 0, true},
		{2, 0, 1400, 1400, false}, {2, 0, 0, 1280, false},
		{2, 0, 68, 1280, false},   {2, 0, 1u << 20, 65535, false},
		{3, 0, 0, 0, false},       {3, 1, 1400, 0, false},
		{4, 0, 40, 0, false},      {4, 1, 6, 0, false},
	};
	struct ip_addr own = ip(OWN6), peer = ip(PEER6);
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		box_inject(
			b, 0, f,
			make_error(b, cases[i].type, cases[i].code, cases[i].mtu, OWN6, 80, OWN6));
		box_turn(b, 0);
		assert_int_equal(b->icmp_errors, i + 1);
		assert_true(ip_addr_eq(&b->local.ip, &own) && b->local.port == 80);
		assert_true(ip_addr_eq(&b->remote.ip, &peer) && b->remote.port == 40000);
		assert_int_equal(b->seq, 77777);
		assert_int_equal(b->hard, cases[i].hard);
		assert_int_equal(b->mtu, cases[i].want_mtu);
	}
	assert_int_equal(box_drain(0), 0); /* never an error in answer to an error */
}

static void errors_that_are_not_about_us(void **state)
{
	struct box *b = *state;
	unsigned len;

	expect_drop(b, make_error(b, 1, 4, 0, "2001:2::3", 80, OWN6), CTR_DROP_ICMP);
	len = make_error(b, 1, 4, 0, OWN6, 80, OWN6);
	f[AT_NEXT + 8 + 6] = 17;
	mend_icmp6(f, len);
	expect_drop(b, len, CTR_DROP_ICMP);
	f[AT_NEXT + 8 + 6] = 6;
	f[AT_NEXT + 8] = 0x45;
	mend_icmp6(f, len);
	expect_drop(b, len, CTR_DROP_ICMP);
	for (unsigned n = 8; n < 56; n++) {
		make_error(b, 1, 4, 0, OWN6, 80, OWN6);
		put16(f + AT_IP + 4, (uint16_t)n);
		mend6(f + AT_IP, 58, f + AT_NEXT, 2, n);
		expect_drop(b, AT_NEXT + n, CTR_DROP_ICMP);
	}
	assert_int_equal(b->icmp_errors, 0);
}

/* ---- out ---- */

static struct net_addr own6, peer6;

/* Sends a segment of n bytes to `to` and returns the frame's length, in g. */
static unsigned send_tcp(struct box *b, const struct net_addr *to, unsigned n, void *path)
{
	net_tx_tcp(b->net[0], &own6, to, make_segment(b, 80, to->port, n), path);
	net_flush(b->net[0]);
	return box6_take_sent(0, g);
}

static int addresses(void **state)
{
	own6 = (struct net_addr){ip(OWN6), 80};
	peer6 = (struct net_addr){ip(PEER6), 40000};
	return make(state);
}

static void headers_and_checksums_of_every_length(void **state)
{
	struct box *b = *state;

	box6_introduce(b, 0, PEER6);
	for (unsigned n = 0; n <= 1440; n += n < 70 ? 1 : 137) {
		unsigned len = send_tcp(b, &peer6, n, NULL);

		assert_int_equal(len, AT_NEXT + 20 + n);
		assert_memory_equal(g, &peer_mac, 6);
		assert_int_equal(g[12] << 8 | g[13], 0x86dd);
		assert_int_equal(g[AT_IP] >> 4, 6);
		assert_int_equal(g[AT_IP + 4] << 8 | g[AT_IP + 5], 20 + n);
		assert_int_equal(g[AT_IP + 6], 6);
		assert_int_equal(g[AT_IP + 7], 64);
		assert_memory_equal(g + AT_IP + 8, &own6.ip, 16);
		assert_memory_equal(g + AT_IP + 24, &peer6.ip, 16);
		assert_true(is_intact6(g, len));
	}
}

static void offloaded_checksum_is_the_pseudo_header(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;
	uint8_t *h;

	box6_introduce(b, 0, PEER6);
	b->ports->ports[0].tx_cksum = true;
	net_tx_tcp(b->net[0], &own6, &peer6, make_segment(b, 80, 40000, 100), NULL);
	net_flush(b->net[0]);
	m = box_sent(0);
	h = rte_pktmbuf_mtod_offset(m, uint8_t *, AT_IP);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 40);
	assert_int_equal(h[40 + 16] << 8 | h[40 + 17],
			 (uint16_t)~slow_cksum(slow_pseudo6(h, 6, 120), h, 0));
	rte_pktmbuf_free(m);
}

static void a_capable_segment_says_so(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	box6_introduce(b, 0, PEER6);
	m = make_segment(b, 80, 40000, 10);
	m->ol_flags = PKT_F_ECT;
	net_tx_tcp(b->net[0], &own6, &peer6, m, NULL);
	net_flush(b->net[0]);
	assert_true(is_intact6(g, box6_take_sent(0, g)));
	assert_int_equal(g[14] << 8 | g[15], 0x6020);
}

/* Received by one family with n bytes of payload, its header replaced by another. */
static struct rte_mbuf *received(struct box *b, bool v6, unsigned n)
{
	unsigned len = v6 ? make_tcp6(b, f, PEER6, 40000, OWN6, 80, n)
			  : make_tcp(b, f, PEER, 40000, OWN, 80, n);
	struct rte_mbuf *m = expect_tcp(b, len);
	uint8_t *t;

	rte_pktmbuf_adj(m, 20);
	t = (uint8_t *)rte_pktmbuf_prepend(m, 32);
	memset(t, 0, 32);
	t[12] = 0x80;
	put32(t + 20, 0x0101080a);
	m->l4_len = 32;
	return m;
}

static bool relayed_intact(struct box *b, struct rte_mbuf *m, bool v6)
{
	const struct net_addr own = {ip(OWN), 80}, peer = {ip(PEER), 40000};
	unsigned len;

	net_tx_tcp(b->net[0], v6 ? &own6 : &own, v6 ? &peer6 : &peer, m, NULL);
	net_flush(b->net[0]);
	len = box6_take_sent(0, g);
	if (v6)
		return is_intact6(g, len);
	return slow_cksum(slow_pseudo(g + 14, 6, len - 34), g + 34, len - 34) == 0;
}

/* All four ways between two families. */
static void a_relayed_payload_is_not_summed_again(void **state)
{
	struct box *b = *state;

	box_introduce(b, 0, PEER);
	box6_introduce(b, 0, PEER6);
	for (unsigned way = 0; way < 4; way++) {
		struct rte_mbuf *m;

		for (unsigned n = 1; n <= 1420; n += n < 300 ? 7 : 29)
			assert_true(relayed_intact(b, received(b, way & 1, n), way & 2));
		/* The proof: a byte that changes meanwhile is not noticed. */
		m = received(b, way & 1, 1000);
		rte_pktmbuf_mtod(m, uint8_t *)[500]++;
		assert_false(relayed_intact(b, m, way & 2));
	}
}

static void link_local_peers_get_their_checksums_right(void **state)
{
	struct box *b = *state;
	struct net_addr own = {box6_link_local(b), 80}, peer = {ip("fe80::77"), 40000};
	unsigned len;

	box6_introduce(b, 0, "fe80::77");
	zone_enter(&own.ip, 0);
	zone_enter(&peer.ip, 0);
	net_tx_tcp(b->net[0], &own, &peer, make_segment(b, 80, 40000, 77), NULL);
	net_flush(b->net[0]);
	len = box6_take_sent(0, g);
	assert_true(is_intact6(g, len));
	assert_int_equal(g[AT_IP + 8 + 3] | g[AT_IP + 8 + 5] | g[AT_IP + 24 + 3], 0);
}

static void far_destinations_go_by_the_link_local_gateway(void **state)
{
	struct net_addr far = {ip(FAR6), 40000};
	struct box *b = *state;
	struct ip_addr gateway = ip(GATEWAY6);
	uint64_t path = 0;

	assert_int_equal(send_tcp(b, &far, 50, &path), AT_NEXT + 32); /* it is asked for */
	assert_int_equal(g[AT_NEXT], 135);
	assert_memory_equal(g + AT_NEXT + 8, &gateway, 16);
	box6_introduce(b, 0, GATEWAY6);
	net_flush(b->net[0]);
	assert_int_equal(box6_take_sent(0, g), AT_NEXT + 70); /* what waited */
	assert_int_equal(g[AT_NEXT + 2] << 8 | g[AT_NEXT + 3], 40000);
	assert_int_equal(send_tcp(b, &far, 10, &path), AT_NEXT + 30);
	assert_true(is_intact6(g, AT_NEXT + 30));
}

static void dead_neighbours_are_told_between_passes(void **state)
{
	struct box *b = *state;

	send_tcp(b, &peer6, 10, NULL);
	for (unsigned i = 0; i < NEIGH_TRIES; i++) {
		assert_int_equal(b->unreachables, 0);
		b->now_us += NEIGH_RETRY_US + 5000;
		box_turn(b, 0);
	}
	box_turn(b, 0);
	assert_int_equal(b->unreachables, 1);
	assert_true(ip_addr_eq(&b->local.ip, &own6.ip) && b->local.port == 80);
	assert_true(ip_addr_eq(&b->remote.ip, &peer6.ip) && b->remote.port == 40000);
}

static int make_two_ways(void **state)
{
	struct dataplane_config cfg;
	struct iface_config *i = &cfg.ifaces[0];

	own6 = (struct net_addr){ip(OWN6), 80};
	box6_configure(&cfg, 1);
	i->routes[i->n_routes++] = (struct iface_route){{ip("::"), 0}, ip("fe80::fd")};
	*state = box_open_as(&cfg);
	net_flush(((struct box *)*state)->net[0]);
	box_drain(0);
	return 0;
}

static unsigned sent_at_once(struct box *b, unsigned flows)
{
	struct net_addr far = {ip(FAR6), 0};
	unsigned sent = 0;

	for (unsigned i = 0; i < flows; i++) {
		far.port = (uint16_t)(5000 + i);
		for (unsigned len = send_tcp(b, &far, 1, NULL); len; len = box6_take_sent(0, g))
			sent += g[AT_IP + 6] == 6;
	}
	return sent;
}

/* Half of the flows wait for a next hop that is gone; once that is known, none does. */
static void a_dead_next_hop_is_passed_over(void **state)
{
	struct box *b = *state;

	box6_introduce(b, 0, "fe80::fd");
	assert_in_range(sent_at_once(b, 200), 60, 140);
	for (unsigned i = 0; i < NEIGH_TRIES; i++) {
		b->now_us += NEIGH_RETRY_US + 5000;
		box_turn(b, 0);
		box_drain(0);
	}
	assert_int_equal(box6_known(b, 0, GATEWAY6)->state, NEIGH_FAILED);
	assert_int_equal(sent_at_once(b, 200), 200);
}

static void route_tells_source_and_mtu(void **state)
{
	struct ip_addr far = ip(FAR6), own = ip(OWN6), src;
	struct box *b = *state;
	uint16_t mtu;

	assert_true(net_route(b->net[0], &far, &src, &mtu));
	assert_true(ip_addr_eq(&src, &own));
	assert_int_equal(mtu, 1500);
	assert_true(net_is_local(b->net[0], &own));
	assert_false(net_is_local(b->net[0], &far));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, addresses, done)
	const struct CMUnitTest tests[] = {
		TEST(tcp_is_delivered_without_its_headers),
		TEST(tcp_behind_extension_headers),
		TEST(tcp_checksum_is_verified),
		TEST(every_truncation_of_a_frame),
		TEST(martian_sources),
		TEST(destinations_that_are_not_ours),
		TEST(only_groups_of_ours_pass_the_filter),
		TEST(a_lone_fragment_is_none),
		TEST(fragments_are_dropped_if_so_configured),
		TEST(fragments_are_put_together),
		TEST(neighbour_discovery_in_fragments_is_not_believed),
		TEST(who_sent_only_a_part_is_told),
		TEST(senders_of_what_is_refused_are_told),
		TEST(nobody_is_told_who_must_not_be),
		TEST(echo_is_answered),
		TEST(echo_flood_is_limited),
		TEST(link_local_echo_goes_back_to_its_link),
		TEST(icmp_that_is_not_answered),
		TEST(errors_about_our_segments_go_up),
		TEST(errors_that_are_not_about_us),
		TEST(headers_and_checksums_of_every_length),
		TEST(offloaded_checksum_is_the_pseudo_header),
		TEST(a_capable_segment_says_so),
		TEST(a_relayed_payload_is_not_summed_again),
		TEST(link_local_peers_get_their_checksums_right),
		TEST(far_destinations_go_by_the_link_local_gateway),
		TEST(dead_neighbours_are_told_between_passes),
		cmocka_unit_test_setup_teardown(a_dead_next_hop_is_passed_over, make_two_ways,
						done),
		TEST(route_tells_source_and_mtu),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
