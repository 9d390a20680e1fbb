/* test_pkt.c - parsers of foreign bytes: every truncated length, ending at a guard page, and
 * every header rule. */
#include "box.h"

#include <sys/mman.h>
#include <unistd.h>

static uint8_t *page_end;

static int map_guard(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE) != 0)
		return -1;
	page_end = p + page;
	return 0;
}

/* The bytes, so placed that reading one more is a fault. */
static const uint8_t *guarded(const uint8_t *p, unsigned n)
{
	memcpy(page_end - n, p, n);
	return page_end - n;
}

static int parse_ip(const uint8_t *p, unsigned n, struct ip_packet *out)
{
	return pkt_parse_ipv4(guarded(p, n), n, false, out);
}

static void ipv4_fields(void **state)
{
	struct ip_addr src = ip(PEER), dst = ip(OWN);
	struct ip_packet out = {0};
	uint8_t h[60];

	(void)state;
	make_ip(h, PEER, OWN, 6, 30);
	h[1] = 0x03;
	mend_ip(h);
	assert_int_equal(parse_ip(h, 50, &out), 20);
	assert_true(ip_addr_eq(&out.src, &src));
	assert_true(ip_addr_eq(&out.dst, &dst));
	assert_int_equal(out.total_len, 50);
	assert_int_equal(out.proto, 6);
	assert_int_equal(out.ecn, 3);
	assert_false(out.fragment);
}

static void ipv4_every_truncation(void **state)
{
	struct ip_packet out = {0};
	uint8_t h[80] = {0};

	(void)state;
	make_ip(h, PEER, OWN, 6, 40);
	for (unsigned n = 0; n < 60; n++)
		assert_int_equal(parse_ip(h, n, &out), -CTR_DROP_IP_HEADER);
	for (unsigned n = 60; n < 80; n++) /* Ethernet padding */
		assert_int_equal(parse_ip(h, n, &out), 20);
}

static void ipv4_header_rules(void **state)
{
	struct ip_packet out = {0};
	uint8_t h[80];

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		unsigned hdr = (first & 15) * 4;
		bool good = first >> 4 == 4 && hdr >= 20;

		memset(h, 0, sizeof(h));
		make_ip(h, PEER, OWN, 6, 60);
		h[0] = (uint8_t)first;
		if (good)
			mend_ip(h);
		assert_int_equal(parse_ip(h, 80, &out), good ? (int)hdr : -CTR_DROP_IP_HEADER);
	}
	make_ip(h, PEER, OWN, 6, 60);
	for (unsigned total = 0; total < 20; total++) {
		put16(h + 2, (uint16_t)total);
		mend_ip(h);
		assert_int_equal(parse_ip(h, 80, &out), -CTR_DROP_IP_HEADER);
	}
}

static void ipv4_every_flipped_bit_is_noticed(void **state)
{
	struct ip_packet out = {0};
	uint8_t h[60] = {0};

	(void)state;
	make_ip(h, PEER, OWN, 6, 40);
	for (unsigned bit = 0; bit < 160; bit++) {
		h[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(parse_ip(h, 60, &out) < 0);
		h[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	h[11] ^= 1;
	assert_int_equal(parse_ip(h, 60, &out), -CTR_DROP_IP_CHECKSUM);
	assert_int_equal(pkt_parse_ipv4(h, 60, true, &out), 20);
}

static void ipv4_fragments(void **state)
{
	const uint16_t fields[] = {0x2000, 0x0001, 0x1fff, 0x2001, 0x4000, 0x0000, 0x8000};
	const bool fragment[] = {true, true, true, true, false, false, false};
	struct ip_packet out = {0};
	uint8_t h[40] = {0};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(fields); i++) {
		make_ip(h, PEER, OWN, 6, 20);
		put16(h + 6, fields[i]);
		mend_ip(h);
		assert_int_equal(parse_ip(h, 40, &out), 20);
		assert_int_equal(out.fragment, fragment[i]);
	}
}

static void tcp_lengths(void **state)
{
	uint8_t t[70] = {0};

	(void)state;
	for (unsigned doff = 0; doff < 16; doff++) {
		t[12] = (uint8_t)(doff << 4);
		for (unsigned n = 0; n < sizeof(t); n++) {
			bool good = n >= 20 && doff >= 5 && doff * 4 <= n;
			int want = good ? (int)doff * 4 : -CTR_TCP_IN_ERRS;

			assert_int_equal(pkt_parse_tcp(guarded(t, n), n), want);
		}
	}
}

static void quote_truncations_and_rules(void **state)
{
	uint8_t q[100] = {0};
	struct icmp_quote out = {0};

	(void)state;
	for (unsigned options = 0; options <= 40; options += 4) {
		unsigned hdr = 20 + options;

		make_ip(q, OWN, PEER, 6, 1400);
		q[0] = (uint8_t)(0x40 | hdr / 4);
		put16(q + hdr, 80);
		put16(q + hdr + 2, 12345);
		put32(q + hdr + 4, 0xdeadbeef);
		for (unsigned n = 0; n < hdr + 8; n++)
			assert_true(pkt_parse_icmp_quote(guarded(q, n), n, &out) < 0);
		assert_int_equal(pkt_parse_icmp_quote(guarded(q, hdr + 8), hdr + 8, &out), hdr);
		assert_int_equal(out.local.port, 80);
		assert_int_equal(out.remote.port, 12345);
		assert_int_equal(out.seq, 0xdeadbeef);
	}
	make_ip(q, OWN, PEER, 17, 100);
	assert_true(pkt_parse_icmp_quote(q, 60, &out) < 0);
	make_ip(q, OWN, PEER, 6, 100);
	q[7] = 1; /* not the first fragment: no ports in it */
	assert_true(pkt_parse_icmp_quote(q, 60, &out) < 0);
	make_ip(q, OWN, PEER, 6, 100);
	q[0] = 0x44;
	assert_true(pkt_parse_icmp_quote(q, 60, &out) < 0);
	q[0] = 0x65;
	assert_true(pkt_parse_icmp_quote(q, 60, &out) < 0);
}

static void arp_truncations_and_rules(void **state)
{
	const struct rte_ether_addr zero = {{0}};
	struct arp_message out = {0};
	uint8_t f[64];
	const uint8_t *a = f + 14;

	(void)state;
	make_arp(f, &all_macs, 1, &peer_mac, PEER, OWN);
	for (unsigned n = 0; n < 28; n++)
		assert_true(pkt_parse_arp(guarded(a, n), n, &out) < 0);
	assert_int_equal(pkt_parse_arp(guarded(a, 28), 28, &out), 28);
	assert_true(out.request);
	/* Hardware and protocol type, their lengths, the operation. */
	for (unsigned i = 0; i < 8; i++) {
		f[14 + i] ^= 0x10;
		assert_true(pkt_parse_arp(a, 28, &out) < 0);
		f[14 + i] ^= 0x10;
	}
	make_arp(f, &all_macs, 2, &peer_mac, PEER, OWN);
	assert_int_equal(pkt_parse_arp(a, 28, &out), 28);
	assert_false(out.request);
	make_arp(f, &all_macs, 2, &all_macs, PEER, OWN);
	assert_true(pkt_parse_arp(a, 28, &out) < 0);
	make_arp(f, &all_macs, 2, &zero, PEER, OWN);
	assert_true(pkt_parse_arp(a, 28, &out) < 0);
}

static void random_bytes_stay_within_their_length(void **state)
{
	uint32_t seed = 4711;
	uint8_t p[128];

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct ip_packet packet;
		struct icmp_quote quote;
		struct arp_message arp;
		unsigned n;
		int hdr;

		for (unsigned j = 0; j < sizeof(p); j++) {
			seed = seed * 1664525u + 1013904223u;
			p[j] = (uint8_t)(seed >> 24);
		}
		n = p[127] % 100;
		p[0] = (uint8_t)(0x40 | (p[0] & 15)); /* get past the first rule */
		p[2] = 0;
		hdr = pkt_parse_ipv4(guarded(p, n), n, true, &packet);
		if (hdr > 0)
			assert_true((unsigned)hdr <= packet.total_len && packet.total_len <= n);
		pkt_parse_icmp_quote(guarded(p, n), n, &quote);
		pkt_parse_tcp(guarded(p, n), n);
		pkt_parse_arp(guarded(p, n), n, &arp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_fields),
		cmocka_unit_test(ipv4_every_truncation),
		cmocka_unit_test(ipv4_header_rules),
		cmocka_unit_test(ipv4_every_flipped_bit_is_noticed),
		cmocka_unit_test(ipv4_fragments),
		cmocka_unit_test(tcp_lengths),
		cmocka_unit_test(quote_truncations_and_rules),
		cmocka_unit_test(arp_truncations_and_rules),
		cmocka_unit_test(random_bytes_stay_within_their_length),
	};

	return cmocka_run_group_tests(tests, map_guard, NULL);
}
