/* test_proxy_header.c - headers of the PROXY protocol: what is taken, what is refused, and that it
 * does not matter in which pieces they come. */
#include <base/proxy_header.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../http/guard.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        "\xc6\x12\x00\x09\xc6\x12\x00\x02\x9c\x40\x00\x50"
#define SRC6      "\x20\x01\x00\x02\0\0\0\0\0\0\0\0\0\0\0\x09"
#define DST6      "\x20\x01\x00\x02\0\0\0\0\0\0\0\0\0\0\0\x02"
#define PORTS     "\x9c\x40\x00\x50"

struct row {
	const char *in;
	uint32_t n;
	int result;       /* length, or an error */
	const char *text; /* "source destination", "-": the connection's own, NULL: refused */
};

#define TAKE(text, in)                                                                             \
	{                                                                                          \
		in, sizeof(in) - 1, (int)sizeof(in) - 1, text                                      \
	}
/* Bytes of something else follow. */
#define BEFORE(len, text, in)                                                                      \
	{                                                                                          \
		in, sizeof(in) - 1, len, text                                                      \
	}
#define REFUSE(error, in)                                                                          \
	{                                                                                          \
		in, sizeof(in) - 1, error, NULL                                                    \
	}

static const struct row rows[] = {
	/* Version 1. */
	TAKE("198.18.0.9:40000 198.18.0.2:80", "PROXY TCP4 198.18.0.9 198.18.0.2 40000 80\r\n"),
	TAKE("255.255.255.255:65535 0.0.0.0:0", "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"),
	TAKE("[2001:2::9]:40000 [2001:2::2]:80", "PROXY TCP6 2001:2::9 2001:2::2 40000 80\r\n"),
	TAKE("[2001:db8::a]:1 [2001:db8::b]:2", "PROXY TCP6 2001:DB8::A 2001:db8:0::B 1 2\r\n"),
	TAKE("198.18.0.9:1 [2001:2::2]:2", "PROXY TCP6 ::ffff:198.18.0.9 2001:2::2 1 2\r\n"),
	TAKE("-", "PROXY UNKNOWN\r\n"),
	TAKE("-", "PROXY UNKNOWN \r\n"),
	TAKE("-", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"),
	BEFORE(15, "-", "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"),
	BEFORE(33, "1.2.3.4:5 6.7.8.9:10", "PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n\r\n"),
	REFUSE(PROXY_HEADER_ABSENT, "GET / HTTP/1.1\r\n"),
	REFUSE(PROXY_HEADER_ABSENT, "P\r\n"),
	REFUSE(PROXY_HEADER_ABSENT, "PROXY\tTCP4"),
	REFUSE(PROXY_HEADER_ABSENT, "proxy TCP4 1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_ABSENT, " PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_ABSENT, "\r\nPROXY UNKNOWN\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY \r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY UNKNOWN\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY UNKNOWNX\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP5 1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY UDP4 1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY tcp4 1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 5\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 5 \r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 5 10 \r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 5 10 11\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4  1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY  TCP4 1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 05 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 5 65536\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 5 100000\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 +5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4 6.7.8.9 5 10\0\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.4\0 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 01.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 1.2.3.256 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP4 ::1 ::2 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP6 1.2.3.4 6.7.8.9 5 10\r\n"),
	REFUSE(PROXY_HEADER_BROKEN, "PROXY TCP6 fe80::1%eth0 ::2 5 10\r\n"),
	REFUSE(PROXY_HEADER_LONG, "PROXY UNKNOWN 345678901234567890123456789012345678901234567890"
				  "123456789012345678901234567890123456789012345\r\n"),
	/* Version 2. */
	TAKE("198.18.0.9:40000 198.18.0.2:80", SIGNATURE "\x21\x11\x00\x0c" V4),
	TAKE("[2001:2::9]:40000 [2001:2::2]:80", SIGNATURE "\x21\x21\x00\x24" SRC6 DST6 PORTS),
	TAKE("-", SIGNATURE "\x20\x00\x00\x00"),
	TAKE("-", SIGNATURE "\x20\x11\x00\x0c" V4),      /* LOCAL: not the client's */
	TAKE("-", SIGNATURE "\x20\x11\x00\x03\x03\0\0"), /* whatever follows */
	TAKE("-", SIGNATURE "\x21\x00\x00\x00"),
	/* TLVs: of no interest. */
	TAKE("198.18.0.9:40000 198.18.0.2:80",
	     SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xfe\xed\xfa\xce"),
	TAKE("-", SIGNATURE "\x21\x00\x00\x05\xff\x00\x02zz"),
	BEFORE(28, "198.18.0.9:40000 198.18.0.2:80", SIGNATURE "\x21\x11\x00\x0c" V4 "GET /"),
	REFUSE(PROXY_HEADER_ABSENT, "\r\n\r\n\0\r\nQUIT\r\x21\x11\x00\x0c" V4),
	REFUSE(PROXY_HEADER_ABSENT, "\r\n\r\nGET / HTTP/1.1"),
	REFUSE(PROXY_HEADER_BROKEN, SIGNATURE "\x11\x11\x00\x0c" V4), /* version 1? */
	REFUSE(PROXY_HEADER_BROKEN, SIGNATURE "\x31\x11\x00\x0c" V4),
	REFUSE(PROXY_HEADER_BROKEN, SIGNATURE "\x22\x11\x00\x0c" V4), /* command 2? */
	REFUSE(PROXY_HEADER_BROKEN, SIGNATURE "\x21\x11\x00\x0b" V4),
	REFUSE(PROXY_HEADER_BROKEN, SIGNATURE "\x21\x21\x00\x23" SRC6 DST6 PORTS),
	REFUSE(PROXY_HEADER_UNSUPPORTED, SIGNATURE "\x21\x12\x00\x0c" V4), /* UDP */
	REFUSE(PROXY_HEADER_UNSUPPORTED, SIGNATURE "\x21\x22\x00\x24" SRC6 DST6 PORTS),
	REFUSE(PROXY_HEADER_UNSUPPORTED, SIGNATURE "\x21\x31\x00\xd8"), /* AF_UNIX */
	REFUSE(PROXY_HEADER_UNSUPPORTED, SIGNATURE "\x21\x13\x00\x0c" V4),
	REFUSE(PROXY_HEADER_UNSUPPORTED, SIGNATURE "\x21\x10\x00\x0c" V4),
	REFUSE(PROXY_HEADER_LONG, SIGNATURE "\x21\x11\x0f\xf1" V4),
	REFUSE(PROXY_HEADER_LONG, SIGNATURE "\x20\x00\xff\xff"),
};

static const char *describe(const struct proxy_header *h)
{
	static char text[2 * NET_ADDR_STRLEN];
	char from[NET_ADDR_STRLEN], to[NET_ADDR_STRLEN];

	if (!h->has_addresses)
		return "-";
	snprintf(text, sizeof(text), "%s %s", net_addr_format(&h->source, from),
		 net_addr_format(&h->destination, to));
	return text;
}

static void check(const struct row *r, int result, const struct proxy_header *h)
{
	if (result != r->result)
		fail_msg("row %d: %d instead of %d", (int)(r - rows), result, r->result);
	if (r->text && strcmp(describe(h), r->text) != 0)
		fail_msg("row %d: %s instead of %s", (int)(r - rows), describe(h), r->text);
}

static void reads_and_refuses(void **state)
{
	struct guard g = guard_create(4096);

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		const char *in = guard_put(&g, rows[i].in, rows[i].n);
		struct proxy_header h;

		check(&rows[i], proxy_header_parse((const uint8_t *)in, rows[i].n, &h), &h);
	}
	guard_destroy(&g);
}

/* Of every beginning: the answer, or "more"; and once there is an answer it stays. */
static void waits_for_the_rest(void **state)
{
	struct guard g = guard_create(4096);

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		bool decided = false;

		for (uint32_t n = 0; n <= rows[i].n; n++) {
			const char *in = guard_put(&g, rows[i].in, n);
			struct proxy_header h;
			int rc = proxy_header_parse((const uint8_t *)in, n, &h);

			if (rc == 0 && !decided)
				continue;
			decided = true;
			check(&rows[i], rc, &h);
		}
	}
	guard_destroy(&g);
}

/* ---- queues ---- */

/* One mbuf and its private area, without a pool. */
struct piece {
	struct rte_mbuf m;
	struct pkt_priv priv;
};

static void put_piece(struct mbq *q, struct piece *p, const char *bytes, uint32_t n)
{
	memset(p, 0, sizeof(*p));
	p->m.priv_size = sizeof(p->priv);
	p->m.buf_addr = (void *)(uintptr_t)bytes;
	p->m.data_len = (uint16_t)n;
	p->m.pkt_len = n;
	mbq_push(q, &p->m);
}

static void comes_in_any_two_pieces(void **state)
{
	struct piece a, b;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++)
		for (uint32_t cut = 0; cut <= rows[i].n; cut++) {
			struct proxy_header h;
			struct mbq q;

			mbq_init(&q);
			put_piece(&q, &a, rows[i].in, cut);
			put_piece(&q, &b, rows[i].in + cut, rows[i].n - cut);
			check(&rows[i], proxy_header_read(&q, &h), &h);
		}
}

/* More than is looked at, in many pieces: all of it must be there. */
static void tlvs_are_waited_for(void **state)
{
	static const char head[] = SIGNATURE "\x21\x11\x0f\xf0" V4;
	static char in[PROXY_HEADER_READ_MAX];
	enum { STEP = 64, PIECES = sizeof(in) / STEP };
	struct piece *p = calloc(PIECES, sizeof(*p));
	struct proxy_header h;
	struct mbq q;

	(void)state;
	assert_non_null(p);
	memset(in, 0xee, sizeof(in));
	memcpy(in, head, sizeof(head) - 1);
	mbq_init(&q);
	for (unsigned i = 0; i < PIECES; i++) {
		assert_int_equal(proxy_header_read(&q, &h), 0);
		put_piece(&q, &p[i], in + i * STEP, STEP);
	}
	assert_int_equal(proxy_header_read(&q, &h), PROXY_HEADER_READ_MAX);
	assert_string_equal(describe(&h), "198.18.0.9:40000 198.18.0.2:80");
	free(p);
}

/* ---- writing ---- */

static struct net_addr addr(const char *ip, uint16_t port)
{
	struct net_addr a = {.port = port};

	assert_true(ip_addr_parse(ip, &a.ip));
	return a;
}

static void check_written(unsigned version, struct net_addr src, struct net_addr dst,
			  const char *bytes, size_t n)
{
	uint8_t out[PROXY_HEADER_WRITE_MAX];

	assert_int_equal(proxy_header_write(out, version, &src, &dst), n);
	assert_memory_equal(out, bytes, n);
}

#define WRITTEN(version, src, dst, bytes) check_written(version, src, dst, bytes, sizeof(bytes) - 1)

static void writes_both_versions(void **state)
{
	struct net_addr v4 = addr("198.18.0.9", 40000), v4_here = addr("198.18.0.2", 80);
	struct net_addr v6 = addr("2001:2::9", 40000), v6_here = addr("2001:2::2", 80);

	(void)state;
	WRITTEN(1, v4, v4_here, "PROXY TCP4 198.18.0.9 198.18.0.2 40000 80\r\n");
	WRITTEN(1, v6, v6_here, "PROXY TCP6 2001:2::9 2001:2::2 40000 80\r\n");
	WRITTEN(2, v4, v4_here, SIGNATURE "\x21\x11\x00\x0c" V4);
	WRITTEN(2, v6, v6_here, SIGNATURE "\x21\x21\x00\x24" SRC6 DST6 PORTS);
}

/* What was written reads the same, also of a pair of both families, and of the longest. */
static void reads_what_it_wrote(void **state)
{
	static const char *const ips[] = {"198.18.0.9", "255.255.255.255", "2001:2::9",
					  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1"};
	uint8_t out[PROXY_HEADER_WRITE_MAX];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(ips) * RTE_DIM(ips) * 2; i++) {
		struct net_addr src = addr(ips[i / 2 % RTE_DIM(ips)], 65535);
		struct net_addr dst = addr(ips[i / 2 / RTE_DIM(ips)], 443);
		uint32_t n = proxy_header_write(out, i % 2 + 1, &src, &dst);
		struct proxy_header h;

		assert_in_range(n, 1, PROXY_HEADER_WRITE_MAX - 1);
		assert_int_equal(proxy_header_parse(out, n, &h), n);
		assert_true(h.has_addresses);
		assert_true(ip_addr_eq(&h.source.ip, &src.ip));
		assert_true(ip_addr_eq(&h.destination.ip, &dst.ip));
		assert_int_equal(h.source.port, src.port);
		assert_int_equal(h.destination.port, dst.port);
	}
}

/* Which of the worker's links a link-local address is on is nobody else's business. */
static void tells_no_link(void **state)
{
	struct net_addr src = addr("fe80::9", 1), dst = addr("fe80::2", 2);
	uint8_t out[PROXY_HEADER_WRITE_MAX];
	struct proxy_header h;

	(void)state;
	src.ip.b[3] = dst.ip.b[3] = 7;
	WRITTEN(1, src, dst, "PROXY TCP6 fe80::9 fe80::2 1 2\r\n");
	proxy_header_parse(out, proxy_header_write(out, 2, &src, &dst), &h);
	assert_int_equal(h.source.ip.b[3] | h.destination.ip.b[3], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_refuses),       cmocka_unit_test(waits_for_the_rest),
		cmocka_unit_test(comes_in_any_two_pieces), cmocka_unit_test(tlvs_are_waited_for),
		cmocka_unit_test(writes_both_versions),    cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(tells_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
