/* test_capture.c - the filter's language, a session's bounds, and the file that comes out. */
#include <admin/capture.h>
#include <admin/capture_filter.h>
#include <admin/pcapng.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

static struct capture_filter filter;
static char err[256];

static void set_interfaces(struct node_config *node)
{
	node->dataplane.n_ifaces = 2;
	strcpy(node->dataplane.ifaces[0].name, "ext");
	strcpy(node->dataplane.ifaces[1].name, "int.5");
}

static bool parses(const char *text)
{
	static struct node_config node;

	set_interfaces(&node);
	err[0] = '\0';
	return capture_filter_parse(&filter, text, &node, err, sizeof(err));
}

static void nothing_is_everything(void **state)
{
	(void)state;
	assert_true(parses(""));
	assert_int_equal(filter.n, 0);
	assert_true(parses("  \t "));
	assert_int_equal(filter.n, 0);
}

static void every_primitive(void **state)
{
	static const struct {
		const char *text;
		enum capture_kind kind;
		enum capture_side side;
		bool negate;
		unsigned value;
	} cases[] = {
		{"ip", CAPTURE_ETHERTYPE, CAPTURE_EITHER, false, 0x800},
		{"ip6", CAPTURE_ETHERTYPE, CAPTURE_EITHER, false, 0x86dd},
		{"arp", CAPTURE_ETHERTYPE, CAPTURE_EITHER, false, 0x806},
		{"tcp", CAPTURE_PROTOCOL, CAPTURE_EITHER, false, 6},
		{"udp", CAPTURE_PROTOCOL, CAPTURE_EITHER, false, 17},
		{"icmp", CAPTURE_PROTOCOL, CAPTURE_EITHER, false, 1},
		{"icmp6", CAPTURE_PROTOCOL, CAPTURE_EITHER, false, 58},
		{"proto 89", CAPTURE_PROTOCOL, CAPTURE_EITHER, false, 89},
		{"port 80", CAPTURE_PORT, CAPTURE_EITHER, false, 80},
		{"src port 65535", CAPTURE_PORT, CAPTURE_SRC, false, 65535},
		{"not dst port 0", CAPTURE_PORT, CAPTURE_DST, true, 0},
		{"interface int.5", CAPTURE_INTERFACE, CAPTURE_EITHER, false, 1},
		{"out", CAPTURE_OUT, CAPTURE_EITHER, false, 0},
		{"in", CAPTURE_OUT, CAPTURE_EITHER, true, 0},
		{"not in", CAPTURE_OUT, CAPTURE_EITHER, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(parses(cases[i].text));
		assert_int_equal(filter.n, 1);
		assert_int_equal(filter.terms[0].kind, cases[i].kind);
		assert_int_equal(filter.terms[0].side, cases[i].side);
		assert_int_equal(filter.terms[0].negate, cases[i].negate);
		assert_int_equal(filter.terms[0].value, cases[i].value);
		assert_true(filter.terms[0].last);
	}
}

static void hosts_and_networks(void **state)
{
	static const struct {
		const char *text, *ip;
		unsigned len;
	} cases[] = {
		{"host 198.18.0.1", "198.18.0.1", 128},
		{"src host 2001:2::1", "2001:2::1", 128},
		{"net 198.18.0.0/15", "198.18.0.0", 96 + 15},
		{"dst net 2001:2::/48", "2001:2::", 48},
		{"net 0.0.0.0/0", "0.0.0.0", 96},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr want;

		assert_true(parses(cases[i].text));
		assert_true(ip_addr_parse(cases[i].ip, &want));
		assert_true(ip_addr_eq(&filter.terms[0].prefix.ip, &want));
		assert_int_equal(filter.terms[0].prefix.len, cases[i].len);
	}
}

static void terms_and_alternatives(void **state)
{
	static const bool last[] = {false, false, true, false, true};

	(void)state;
	assert_true(parses("host 198.18.0.1 port 80 and tcp or not arp and in"));
	assert_int_equal(filter.n, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(filter.terms[i].last, last[i]);
}

static void mistakes_are_explained(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"hots 1.2.3.4", "\"hots\" is not understood"},
		{"host", "missing after \"host\""},
		{"host example.com", "no IP address"},
		{"host 10.0.0.0/8", "no IP address"},
		{"net 10.0.0.0", "no network"},
		{"net 10.0.0.0/33", "no network"},
		{"net 10.0.0.0/", "no network"},
		{"port 65536", "up to 65535"},
		{"port -1", "no port"},
		{"port http", "no port"},
		{"proto 256", "up to 255"},
		{"interface eth0", "no interface \"eth0\""},
		{"src tcp", "\"tcp\" is not understood"},
		{"src", "ends too early"},
		{"not", "ends too early"},
		{"tcp and", "ends too early"},
		{"tcp or", "ends too early"},
		{"and tcp", "\"and\" is not understood"},
		{"tcp or or udp", "\"or\" is not understood"},
		{"tcp (udp)", "not understood"},
		{"ip ip ip ip ip ip ip ip ip ip ip ip ip ip ip ip ip", "more than 16 terms"},
		{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		 "longer than"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = parses(cases[i].text);

		/* "and" with nothing behind it must not pass for the end of the filter. */
		if (ok || !strstr(err, cases[i].why))
			fail_msg("%s: %s", cases[i].text, ok ? "was accepted" : err);
	}
}

/* ---- sessions ---- */

static struct capture_session *start(struct fixture *f, struct capture_request r)
{
	err[0] = '\0';
	set_interfaces(&f->node);
	return capture_start(&f->state, &r, 1000000, err, sizeof(err));
}

static void a_session_has_its_bounds(void **state)
{
	struct capture_session *c;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	c = start(&f, (struct capture_request){0});
	assert_non_null(c);
	assert_int_equal(f.dataplane->capture->n_slots, 1000);
	assert_false(f.dataplane->capture->keep_first);
	assert_int_equal(capture_left_ms(c, 1000000), 5000);
	f.dataplane->capture->matched = 5000;
	assert_int_equal(capture_left_ms(c, 5999001), 1);
	assert_int_equal(capture_left_ms(c, 6000000), 0);
	capture_finish(c, NULL);
	assert_null(f.dataplane->capture);
	fixture_fini(&f);
}

static void the_first_packets_end_it_early(void **state)
{
	struct capture_session *c;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	c = start(&f, (struct capture_request){
			      .packets = "3", .seconds = "60", .keep = "first", .filter = "tcp"});
	assert_non_null(c);
	assert_int_equal(f.dataplane->capture->filter.n, 1);
	assert_in_range(capture_left_ms(c, 1000000), 1, 100);
	f.dataplane->capture->matched = 3;
	assert_int_equal(capture_left_ms(c, 1000000), 0);
	capture_finish(c, NULL);
	fixture_fini(&f);
}

static void a_bad_request_starts_nothing(void **state)
{
	static const struct capture_request requests[] = {
		{.packets = "0"},  {.packets = "10001"}, {.packets = "1x"},
		{.packets = ""},   {.seconds = "0"},     {.seconds = "61"},
		{.seconds = "-1"}, {.keep = "all"},      {.filter = "nothing"},
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		assert_null(start(&f, requests[i]));
		assert_true(err[0]);
		assert_null(f.dataplane->capture);
	}
	fixture_fini(&f);
}

/* ---- the file ---- */

static uint32_t get32(const struct text *t, size_t at)
{
	uint32_t v;

	assert_true(at + 4 <= t->len);
	memcpy(&v, t->data + at, 4);
	return v;
}

/* Walks the blocks, whose two lengths must agree, and counts those of a type; *nth: where the
 * n-th of them is. */
static unsigned count_blocks(const struct text *t, uint32_t type, unsigned n, size_t *nth)
{
	unsigned found = 0;

	for (size_t at = 0; at < t->len;) {
		uint32_t len = get32(t, at + 4);

		assert_int_equal(len % 4, 0);
		assert_int_equal(get32(t, at + len - 4), len);
		if (get32(t, at) == type && found++ == n)
			*nth = at;
		at += len;
	}
	return found;
}

static void packets_come_in_their_order(void **state)
{
	static struct capture_slot slots[5];
	struct capture c = {.n_slots = 5, .slots = slots, .matched = 9};
	static struct node_config node;
	struct text out;
	size_t at = 0;

	(void)state;
	set_interfaces(&node);
	for (unsigned i = 0; i < 4; i++) { /* one slot stays empty */
		slots[i].seq = (i + 2) % 4 + 6;
		slots[i].len = i == 3 ? 9000 : 60 + i;
		slots[i].time_ns = 0x123456789abcdef0ull + i;
		slots[i].out = i & 1;
		slots[i].iface = 1;
		memset(slots[i].data, (int)i, CAPTURE_BYTES);
	}
	text_init(&out, 1 << 20);
	pcapng_write(&out, &c, &node);
	assert_false(out.full);
	assert_int_equal(count_blocks(&out, 0x0a0d0d0a, 0, &at), 1);
	assert_int_equal(at, 0);
	assert_int_equal(get32(&out, 8), 0x1a2b3c4d);
	assert_int_equal(count_blocks(&out, 1, 1, &at), 2);
	assert_int_equal(count_blocks(&out, 6, 0, &at), 4);
	for (unsigned n = 0; n < 4; n++) {
		unsigned i = (n + 2) % 4; /* by number */

		count_blocks(&out, 6, n, &at);
		assert_int_equal(get32(&out, at + 8), 1);
		assert_int_equal(get32(&out, at + 12), 0x12345678);
		assert_int_equal(get32(&out, at + 16), 0x9abcdef0 + i);
		assert_int_equal(get32(&out, at + 20), i == 3 ? CAPTURE_BYTES : 60 + i);
		assert_int_equal(get32(&out, at + 24), slots[i].len);
		assert_int_equal(out.data[at + 28], i);
	}
	text_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_everything),
		cmocka_unit_test(every_primitive),
		cmocka_unit_test(hosts_and_networks),
		cmocka_unit_test(terms_and_alternatives),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(a_session_has_its_bounds),
		cmocka_unit_test(the_first_packets_end_it_early),
		cmocka_unit_test(a_bad_request_starts_nothing),
		cmocka_unit_test(packets_come_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
