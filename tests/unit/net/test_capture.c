/* test_capture.c - which frames a filter matches, and what of them is kept. */
#include "box.h"

#include <net/capture.h>

static uint8_t f[2048];
static struct capture c;

static int make(void **state)
{
	*state = box_open(1);
	memset(&c, 0, sizeof(c));
	c.n_slots = 4;
	c.slots = calloc(c.n_slots, sizeof(*c.slots));
	return 0;
}

static int done(void **state)
{
	free(c.slots);
	box_drain(0);
	box_close(*state);
	return 0;
}

static struct capture_term net_term(const char *addr, unsigned len, enum capture_side side)
{
	struct capture_term t = {.kind = CAPTURE_NET,
				 .side = side,
				 .last = true,
				 .prefix = {ip(addr), (uint8_t)len}};
	return t;
}

static struct capture_term value_term(enum capture_kind kind, uint16_t value,
				      enum capture_side side)
{
	struct capture_term t = {.kind = kind, .side = side, .last = true, .value = value};
	return t;
}

/* Does the frame match the one term? */
static bool matches(struct capture_term t, unsigned len)
{
	struct capture_filter filter = {.n = 1, .terms = {t}};
	struct capture_view v;

	capture_parse(f, len, &v);
	return capture_matches(&filter, &v);
}

static void expect_tcp_view(unsigned len)
{
	assert_true(matches(net_term(FAR, 128, CAPTURE_SRC), len));
	assert_false(matches(net_term(FAR, 128, CAPTURE_DST), len));
	assert_true(matches(net_term(FAR, 128, CAPTURE_EITHER), len));
	assert_true(matches(net_term("198.18.0.0", 96 + 15, CAPTURE_DST), len));
	assert_false(matches(net_term("198.20.0.0", 96 + 15, CAPTURE_EITHER), len));
	assert_true(matches(value_term(CAPTURE_PORT, 40000, CAPTURE_SRC), len));
	assert_true(matches(value_term(CAPTURE_PORT, 80, CAPTURE_DST), len));
	assert_true(matches(value_term(CAPTURE_PORT, 80, CAPTURE_EITHER), len));
	assert_false(matches(value_term(CAPTURE_PORT, 80, CAPTURE_SRC), len));
	assert_true(matches(value_term(CAPTURE_PROTOCOL, 6, 0), len));
	assert_false(matches(value_term(CAPTURE_PROTOCOL, 17, 0), len));
	assert_true(matches(value_term(CAPTURE_ETHERTYPE, 0x800, 0), len));
	assert_false(matches(value_term(CAPTURE_ETHERTYPE, 0x86dd, 0), len));
}

static void tcp_over_ip4(void **state)
{
	expect_tcp_view(make_tcp(*state, f, FAR, 40000, OWN, 80, 10));
}

static void tags_are_stepped_over(void **state)
{
	unsigned len = make_tcp(*state, f, FAR, 40000, OWN, 80, 10);

	for (unsigned tags = 0; tags < 2; tags++) {
		memmove(f + 16, f + 12, len - 12);
		put16(f + 12, 0x8100);
		put16(f + 14, 5);
		len += 4;
		expect_tcp_view(len);
	}
}

static void later_fragments_have_no_ports(void **state)
{
	unsigned len = make_tcp(*state, f, FAR, 40000, OWN, 80, 10);

	put16(f + 20, 2);
	assert_false(matches(value_term(CAPTURE_PORT, 80, CAPTURE_EITHER), len));
	assert_true(matches(value_term(CAPTURE_PROTOCOL, 6, 0), len));
	put16(f + 20, 0x2000);
	assert_true(matches(value_term(CAPTURE_PORT, 80, CAPTURE_EITHER), len));
}

static void ports_behind_ip6_extensions(void **state)
{
	struct ip_addr src = ip("2001:2::1"), dst = ip("2001:2::2");
	unsigned at = make_ether(f, &all_macs, &peer_mac, 0x86dd);
	uint8_t *p = f + at;

	(void)state;
	memset(p, 0, 100);
	p[0] = 0x60;
	p[6] = 0;
	memcpy(p + 8, &src, 16);
	memcpy(p + 24, &dst, 16);
	p[40] = 60; /* hop-by-hop of 8 bytes, options of 16 */
	p[48] = 17;
	p[49] = 1;
	put16(p + 64, 53);
	put16(p + 66, 5353);
	assert_true(matches(value_term(CAPTURE_PORT, 53, CAPTURE_SRC), at + 72));
	assert_true(matches(value_term(CAPTURE_PROTOCOL, 17, 0), at + 72));
	assert_true(matches(net_term("2001:2::", 32, CAPTURE_DST), at + 72));
	assert_false(matches(net_term("2001:3::", 32, CAPTURE_EITHER), at + 72));
}

static void arp_has_hosts(void **state)
{
	unsigned len = make_arp(f, &all_macs, 1, &peer_mac, PEER, OWN);

	(void)state;
	assert_true(matches(net_term(PEER, 128, CAPTURE_SRC), len));
	assert_true(matches(net_term(OWN, 128, CAPTURE_DST), len));
	assert_true(matches(value_term(CAPTURE_ETHERTYPE, 0x806, 0), len));
	assert_false(matches(value_term(CAPTURE_PROTOCOL, 0, 0), len));
}

/* At every length, and whatever it says: nothing is read beyond, for ASan to see. */
static void cut_frames_are_no_trouble(void **state)
{
	unsigned len = make_tcp(*state, f, FAR, 40000, OWN, 80, 10);

	for (unsigned n = 0; n <= len; n++) {
		uint8_t *copy = malloc(n + 1);
		struct capture_view v;

		memcpy(copy, f, n);
		capture_parse(copy, n, &v);
		if (n < 14 + 24)
			assert_false(v.has_ports);
		free(copy);
	}
}

static bool all_of(const struct capture_term *terms, unsigned n, unsigned len)
{
	struct capture_filter filter = {.n = n};
	struct capture_view v;

	for (unsigned i = 0; i < n; i++)
		filter.terms[i] = terms[i];
	capture_parse(f, len, &v);
	return capture_matches(&filter, &v);
}

static void terms_are_joined(void **state)
{
	unsigned len = make_tcp(*state, f, FAR, 40000, OWN, 80, 10);
	struct capture_term yes = value_term(CAPTURE_PORT, 80, CAPTURE_EITHER);
	struct capture_term no = value_term(CAPTURE_PORT, 81, CAPTURE_EITHER);

	assert_true(all_of(NULL, 0, len));
	for (unsigned bits = 0; bits < 256; bits++) {
		/* a op b op c, each true or false and negated or not */
		struct capture_term t[3];
		bool v[3], and1 = bits & 64, and2 = bits & 128, want;

		for (unsigned i = 0; i < 3; i++) {
			t[i] = bits >> i & 1 ? yes : no;
			t[i].negate = bits >> (3 + i) & 1;
			v[i] = (bits >> i & 1) != (bits >> (3 + i) & 1);
		}
		t[0].last = !and1;
		t[1].last = !and2;
		want = and1 && and2 ? v[0] && v[1] && v[2]
		       : and1       ? (v[0] && v[1]) || v[2]
		       : and2       ? v[0] || (v[1] && v[2])
				    : v[0] || v[1] || v[2];
		assert_int_equal(all_of(t, 3, len), want);
	}
}

static void inject(struct box *b, uint16_t port)
{
	struct rte_mbuf *pkts[NET_BURST];

	box_inject(b, 0, f, make_tcp(b, f, FAR, port, OWN, 80, 10));
	if (box_pass(b, 0, pkts, NET_BURST))
		rte_pktmbuf_free(pkts[0]);
}

static unsigned port_in_slot(unsigned i)
{
	return c.slots[i].data[34] * 256u + c.slots[i].data[35];
}

static void the_last_packets_are_kept(void **state)
{
	struct box *b = *state;

	inject(b, 999); /* before */
	net_set_capture(b->ports, &c);
	for (uint16_t i = 0; i < 10; i++)
		inject(b, (uint16_t)(1000 + i));
	net_set_capture(b->ports, NULL);
	inject(b, 2000);
	assert_int_equal(c.matched, 10);
	assert_int_equal(c.missed, 0);
	for (unsigned i = 0; i < 4; i++) {
		unsigned nth = (unsigned)c.slots[i].seq - 1;

		assert_in_range(nth, 6, 9);
		assert_int_equal(nth % 4, i);
		assert_int_equal(port_in_slot(i), 1000 + nth);
		assert_int_equal(c.slots[i].len, 64);
		assert_false(c.slots[i].out);
		assert_int_equal(c.slots[i].busy, 0);
	}
}

static void or_the_first(void **state)
{
	struct box *b = *state;

	c.keep_first = true;
	net_set_capture(b->ports, &c);
	for (uint16_t i = 0; i < 10; i++)
		inject(b, (uint16_t)(1000 + i));
	net_set_capture(b->ports, NULL);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(port_in_slot(i), 1000 + i);
}

static void a_busy_slot_is_left_alone(void **state)
{
	struct box *b = *state;

	c.slots[0].busy = 1;
	net_set_capture(b->ports, &c);
	inject(b, 1000);
	inject(b, 1001);
	net_set_capture(b->ports, NULL);
	assert_int_equal(c.matched, 2);
	assert_int_equal(c.missed, 1);
	assert_int_equal(c.slots[0].seq, 0);
	assert_int_equal(c.slots[1].seq, 2);
	c.slots[0].busy = 0;
}

/* What is sent is copied whole, also when it is a chain; the filter decides which way. */
static void what_is_sent_is_seen(void **state)
{
	struct box *b = *state;
	struct net_addr src = {ip(OWN), 80}, dst = {ip(PEER), 40000};
	struct rte_mbuf *m = make_segment(b, 80, 40000, 0), *tail = rte_pktmbuf_alloc(b->pool);

	box_introduce(b, 0, PEER);
	memset(rte_pktmbuf_append(tail, 700), 0x77, 700);
	rte_pktmbuf_chain(m, tail);
	c.filter.n = 1;
	c.filter.terms[0] = value_term(CAPTURE_OUT, 0, 0);
	net_set_capture(b->ports, &c);
	inject(b, 1000);
	net_tx_tcp(b->net[0], &src, &dst, m, NULL);
	net_flush(b->net[0]);
	net_set_capture(b->ports, NULL);
	assert_int_equal(c.matched, 1);
	assert_true(c.slots[0].out);
	assert_int_equal(c.slots[0].len, 54 + 700);
	assert_int_equal(c.slots[0].data[53 + 700], 0x77);
	assert_int_equal(port_in_slot(0), 80);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, done)
	const struct CMUnitTest tests[] = {
		TEST(tcp_over_ip4),
		TEST(tags_are_stepped_over),
		TEST(later_fragments_have_no_ports),
		TEST(ports_behind_ip6_extensions),
		TEST(arp_has_hosts),
		TEST(cut_frames_are_no_trouble),
		TEST(terms_are_joined),
		TEST(the_last_packets_are_kept),
		TEST(or_the_first),
		TEST(a_busy_slot_is_left_alone),
		TEST(what_is_sent_is_seen),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
