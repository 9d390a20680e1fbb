/* test_ext6.c - IPv6 headers and their extensions, at a guard page, with every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <net/pkt6.h>

#define HOP  EXT_HOP_BY_HOP
#define DST  EXT_DESTINATION
#define RH   EXT_ROUTING
#define FRAG EXT_FRAGMENT
#define TCP  IPPROTO_TCP

static uint8_t *page; /* what lies before its end is readable, nothing behind */
static uint8_t p[4096];
static unsigned len;
static uint8_t *last; /* where the next header's number goes */

static int map(void **state)
{
	long size = sysconf(_SC_PAGESIZE);

	(void)state;
	page = mmap(NULL, 3 * (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (page == MAP_FAILED || mprotect(page + 2 * size, (size_t)size, PROT_NONE) != 0)
		return -1;
	page += 2 * size;
	return 0;
}

static int start(void **state)
{
	(void)state;
	memset(p, 0, sizeof(p));
	p[0] = 0x60;
	p[8] = 0x20;
	p[24] = 0x20;
	last = p + 6;
	len = 40;
	return 0;
}

/* Appends a header of `units` * 8 bytes; options are PadN. */
static uint8_t *add(uint8_t proto, unsigned units)
{
	uint8_t *h = p + len;

	*last = proto;
	last = h;
	h[1] = proto == FRAG ? 0 : (uint8_t)(units - 1);
	for (unsigned i = 2; proto != RH && proto != FRAG && i < units * 8;) {
		unsigned n = units * 8 - i > 257 ? 257 : units * 8 - i;

		h[i] = n > 1;
		if (n > 1)
			h[i + 1] = (uint8_t)(n - 2);
		i += n;
	}
	if (proto == RH)
		h[2] = 4; /* segment routing, nothing left */
	len += units * 8;
	return h;
}

static struct ip6_problem problem;
static struct ip_packet out;

static int parse_n(unsigned n)
{
	uint8_t *at = page - n;

	memcpy(at, p, n);
	memset(&problem, 0, sizeof(problem));
	return pkt_parse_ipv6(at, n, &out, &problem);
}

/* With a TCP header behind what was added. */
static int parse(void)
{
	*last = TCP;
	p[4] = (uint8_t)((len - 40 + 20) >> 8);
	p[5] = (uint8_t)(len - 40 + 20);
	return parse_n(len + 20);
}

static void no_extension(void **state)
{
	(void)state;
	p[0] = 0x6a; /* traffic class 0xa2: ECT(0) */
	p[1] = 0x20;
	assert_int_equal(parse(), 40);
	assert_int_equal(out.proto, TCP);
	assert_int_equal(out.total_len, 60);
	assert_int_equal(out.hdr_len, 40);
	assert_int_equal(out.ecn, 2);
	assert_false(out.fragment);
	assert_int_equal(problem.at, 6);
	assert_memory_equal(&out.src, p + 8, 16);
	assert_memory_equal(&out.dst, p + 24, 16);
}

static void every_order_that_makes_sense(void **state)
{
	(void)state;
	add(HOP, 1);
	add(DST, 2);
	add(RH, 3);
	add(DST, 1);
	assert_int_equal(parse(), 40 + 7 * 8);
	assert_int_equal(out.proto, TCP);
	assert_int_equal(out.hdr_len, 96);
	assert_int_equal(problem.at, 88); /* the last header said that TCP follows */
}

static void every_truncation(void **state)
{
	(void)state;
	add(HOP, 1);
	add(DST, 2);
	add(RH, 3);
	add(FRAG, 1);
	assert_true(parse() > 0);
	for (unsigned n = 0; n < len + 20; n++)
		assert_int_equal(parse_n(n), -CTR_DROP_IP_HEADER);
	/* The IP header says that there is no more than there is. */
	for (unsigned n = 41; n < len; n++) {
		p[4] = 0;
		p[5] = (uint8_t)(n - 40);
		assert_true(parse_n(n) < 0 || out.hdr_len <= n);
	}
}

static void headers_that_are_none(void **state)
{
	(void)state;
	p[0] = 0x40;
	assert_int_equal(parse(), -CTR_DROP_IP_HEADER);
	p[0] = 0x60;
	assert_int_equal(parse(), 40);
	p[5] = 0; /* nothing, or a jumbogram (RFC 2675) */
	assert_int_equal(parse_n(60), -CTR_DROP_IP_HEADER);
}

static void hop_by_hop_comes_first_or_not_at_all(void **state)
{
	(void)state;
	add(DST, 1);
	add(HOP, 1);
	assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
	assert_true(problem.tell);
	assert_int_equal(problem.code, 1);
	assert_int_equal(problem.at, 48);
}

static void the_number_of_headers_is_limited(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EXT_HEADERS_MAX; i++)
		add(DST, 1);
	assert_true(parse() > 0);
	add(DST, 1);
	assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
	assert_false(problem.tell);
}

static void their_bytes_are_limited(void **state)
{
	(void)state;
	add(DST, EXT_BYTES_MAX / 8);
	assert_true(parse() > 0);
	start(NULL);
	add(DST, EXT_BYTES_MAX / 8 + 1);
	assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
	start(NULL);
	add(DST, EXT_BYTES_MAX / 16);
	add(DST, EXT_BYTES_MAX / 16 + 1);
	assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
}

static void routing_type_0_is_refused(void **state)
{
	uint8_t *h = add(RH, 3);

	(void)state;
	h[2] = 0; /* even with nothing left to route (RFC 5095) */
	assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
	assert_true(problem.tell);
	assert_int_equal(problem.code, 0);
	assert_int_equal(problem.at, 42);
}

static void other_routing_only_when_it_is_done(void **state)
{
	uint8_t *h = add(RH, 3);

	(void)state;
	for (unsigned type = 1; type < 256; type++) {
		h[2] = (uint8_t)type;
		h[3] = 0;
		assert_int_equal(parse(), 64);
		h[3] = 1;
		assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
		assert_true(problem.tell);
	}
}

static void unknown_options_are_judged_by_their_bits(void **state)
{
	uint8_t *h = add(HOP, 1);

	(void)state;
	for (unsigned type = 2; type < 256; type++) {
		h[2] = (uint8_t)type;
		h[3] = 2;
		h[6] = h[7] = 0; /* Pad1 */
		assert_int_equal(parse(), type < 64 ? 48 : -CTR_DROP_IP_EXTENSION);
		assert_int_equal(problem.tell, type >= 128);
		if (problem.tell) {
			assert_int_equal(problem.code, 2);
			assert_int_equal(problem.at, 42);
		}
	}
	/* Sent to a group, only "10" is answered. */
	p[24] = 0xff;
	h[2] = 0x85;
	assert_true(parse() < 0 && problem.tell);
	h[2] = 0xc5;
	assert_true(parse() < 0 && !problem.tell);
}

static void options_must_fit_their_header(void **state)
{
	uint8_t *h = add(DST, 1);

	(void)state;
	h[2] = 1;
	h[3] = 5; /* one byte too much */
	assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
	h[3] = 3;
	h[7] = 1; /* PadN without its length */
	assert_int_equal(parse(), -CTR_DROP_IP_EXTENSION);
	h[7] = 0;
	assert_true(parse() > 0);
}

static void fragments_end_the_walk(void **state)
{
	uint8_t *h;

	(void)state;
	add(HOP, 1);
	h = add(FRAG, 1);
	h[3] = 1; /* more */
	assert_int_equal(parse(), 48);
	assert_true(out.fragment);
	assert_int_equal(out.proto, FRAG);
	h[2] = 1; /* not the first */
	h[3] = 0;
	assert_int_equal(parse(), 48);
	assert_true(out.fragment);
}

static void a_fragment_that_is_all_is_none(void **state)
{
	uint8_t *h = add(FRAG, 1);

	(void)state;
	h[3] = 6; /* reserved bits say nothing */
	add(DST, 1);
	assert_int_equal(parse(), 56);
	assert_false(out.fragment);
	assert_int_equal(out.proto, TCP);
}

/* Whatever the bytes are, nothing is read behind the packet and the result lies in it. */
static void noise(void **state)
{
	static const uint8_t kinds[] = {HOP, RH, FRAG, DST, TCP, 58, 59, 17};
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 300000; round++) {
		unsigned n = 40 + round % 90;
		int rc;

		for (unsigned i = 40; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			p[i] = seed >> 28 ? kinds[seed >> 24 & 7] & (seed >> 16 & 1 ? 0xff : 3)
					  : (uint8_t)(seed >> 16);
		}
		p[6] = kinds[seed >> 20 & 7];
		p[5] = (uint8_t)(n - 40 - (seed >> 8 & 1));
		rc = parse_n(n);
		assert_true(rc < 0 || (rc >= 40 && out.hdr_len <= out.total_len));
		assert_true(rc < 0 || out.total_len <= n);
	}
}

static void martians(void **state)
{
	static const char *const bad[] = {"::", "::1", "::10.0.0.1", "::ffff:10.0.0.1", "100::1"};
	static const char *const good[] = {"2001:2::1",      "fe80::1",   "fd00::1",
					   "64:ff9b::a00:1", "::1:0:0:1", "100:0:0:1::1"};
	struct ip_addr a;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		assert_true(ip_addr_parse(bad[i], &a));
		assert_true(ip6_is_martian(&a));
	}
	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		assert_true(ip_addr_parse(good[i], &a));
		assert_false(ip6_is_martian(&a));
	}
}

static void groups(void **state)
{
	const uint8_t mac[6] = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
	struct ip_addr a, group;
	struct rte_ether_addr m;
	char text[IP_ADDR_STRLEN];

	(void)state;
	ip_addr_parse("2001:db8::ab12:3456", &a);
	group = ip6_solicited_node(&a);
	m = ip6_group_mac(&group);
	assert_string_equal(ip_addr_format(&group, text), "ff02::1:ff12:3456");
	assert_memory_equal(&m, mac, 6);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup(t, start)
	const struct CMUnitTest tests[] = {
		TEST(no_extension),
		TEST(every_order_that_makes_sense),
		TEST(every_truncation),
		TEST(headers_that_are_none),
		TEST(hop_by_hop_comes_first_or_not_at_all),
		TEST(the_number_of_headers_is_limited),
		TEST(their_bytes_are_limited),
		TEST(routing_type_0_is_refused),
		TEST(other_routing_only_when_it_is_done),
		TEST(unknown_options_are_judged_by_their_bits),
		TEST(options_must_fit_their_header),
		TEST(fragments_end_the_walk),
		TEST(a_fragment_that_is_all_is_none),
		TEST(noise),
		TEST(martians),
		TEST(groups),
	};
#undef TEST

	return cmocka_run_group_tests(tests, map, NULL);
}
