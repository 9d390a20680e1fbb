/* test_body.c - body framing: decodes the same at every cut, and refuses what is not exact. */
#include <http/h1.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"

#define BODY_MAX 65536

struct outcome {
	int error; /* 0 or enum h1_error */
	bool done;
	size_t used;
	uint32_t n; /* bytes in content */
	char content[BODY_MAX];
};

static struct outcome whole, parts; /* large */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static struct h1_body open_body(enum http_framing framing, uint64_t length)
{
	const struct http_head h = {.framing = framing, .length = length};
	struct h1_body b;

	h1_body_init(&b, &h);
	return b;
}

/* Feeds one piece, which ends at the guard page, until it is used up or refused. */
static void feed(struct h1_body *b, const struct guard *g, const char *p, uint32_t n,
		 struct outcome *o)
{
	const char *buf = guard_put(g, p, n);
	uint32_t at = 0, skip, data;

	while (at < n && !b->done) {
		int rc = h1_body_parse(b, buf + at, n - at, &skip, &data);

		if (rc < 0) {
			o->error = rc;
			return;
		}
		assert_int_equal((uint32_t)rc, skip + data);
		assert_in_range(rc, 1, n - at);
		memcpy(o->content + o->n, buf + at + skip, data);
		o->n += data;
		at += (uint32_t)rc;
	}
	o->used += at;
	o->done = b->done;
}

/* cuts: pieces of random size up to this; 0 is one piece. */
static void decode(const struct guard *g, const char *p, uint32_t n, uint32_t cuts, uint64_t *seed,
		   struct outcome *o)
{
	struct h1_body b = open_body(HTTP_BODY_CHUNKED, 0);

	o->error = 0;
	o->done = false;
	o->used = o->n = 0;
	for (uint32_t at = 0; at < n && !o->error && !o->done;) {
		uint32_t piece = cuts ? 1 + (uint32_t)(next_random(seed) % cuts) : n;

		if (piece > n - at)
			piece = n - at;
		feed(&b, g, p + at, piece, o);
		at += piece;
	}
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->error, b->error);
	if (a->error)
		return;
	assert_int_equal(a->done, b->done);
	assert_int_equal(a->used, b->used);
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->content, b->content, a->n);
}

/* In one piece, cut once everywhere, and byte by byte. The outcome is in `whole`. */
static void decode_everywhere(const char *p, uint32_t n)
{
	struct guard g = guard_create(n + 1);

	decode(&g, p, n, 0, NULL, &whole);
	for (uint32_t cut = 1; cut < n; cut++) {
		struct h1_body b = open_body(HTTP_BODY_CHUNKED, 0);

		parts.error = 0;
		parts.done = false;
		parts.used = parts.n = 0;
		feed(&b, &g, p, cut, &parts);
		if (!parts.error && !parts.done)
			feed(&b, &g, p + cut, n - cut, &parts);
		assert_same(&whole, &parts);
	}
	decode(&g, p, n, 1, &(uint64_t){1}, &parts);
	assert_same(&whole, &parts);
	guard_destroy(&g);
}

struct row {
	const char *in;
	uint32_t n;
	int error;
	const char *content; /* NULL: not complete */
	uint32_t rest;       /* bytes behind the body */
};

#define ACCEPT(content, in)                                                                        \
	{                                                                                          \
		in, sizeof(in) - 1, 0, content, 0                                                  \
	}
#define REST(rest, content, in)                                                                    \
	{                                                                                          \
		in, sizeof(in) - 1, 0, content, rest                                               \
	}
#define PARTIAL(in)                                                                                \
	{                                                                                          \
		in, sizeof(in) - 1, 0, NULL, 0                                                     \
	}
#define REFUSE(in)                                                                                 \
	{                                                                                          \
		in, sizeof(in) - 1, H1_BAD_CHUNK, NULL, 0                                          \
	}
#define TRAILER(in)                                                                                \
	{                                                                                          \
		in, sizeof(in) - 1, H1_BAD_TRAILER, NULL, 0                                        \
	}

#define EXT(e)  "5" e "\r\nhello\r\n0\r\n\r\n"
#define SIZE(s) s "\r\nhello\r\n0\r\n\r\n"
#define LAST(t) "5\r\nhello\r\n0\r\n" t

static const struct row rows[] = {
	ACCEPT("", "0\r\n\r\n"),
	ACCEPT("hello", SIZE("5")),
	ACCEPT("hello", SIZE("0000000000000005")),
	ACCEPT("0123456789", "a\r\n0123456789\r\n0\r\n\r\n"),
	ACCEPT("0123456789", "A\r\n0123456789\r\n0\r\n\r\n"),
	ACCEPT("abc0123456789", "3\r\nabc\r\n0a;x=y\r\n0123456789\r\n00\r\nX-T: 1\r\n\r\n"),
	ACCEPT("\r\n0\r\n", "5\r\n\r\n0\r\n\r\n0\r\n\r\n"),
	REST(18, "hello", SIZE("5") "GET / HTTP/1.1\r\n\r\n"),
	REST(2, "", "0\r\n\r\n\r\n"),
	PARTIAL("5"),
	PARTIAL("5\r\nhel"),
	PARTIAL("5\r\nhello\r\n"),
	PARTIAL("0\r\n"),
	PARTIAL("0\r\nX: y\r\n"),
	PARTIAL("7fffffffffffffff\r\nx"),
	PARTIAL("100000005\r\nhello\r\n0\r\n\r\n"),
	REFUSE("xyz\r\nhello"),
	REFUSE(SIZE("0x5")),
	REFUSE(SIZE("+5")),
	REFUSE(SIZE("-5")),
	REFUSE(SIZE("0_5")),
	REFUSE(SIZE("")),
	REFUSE(SIZE(" 5")),
	REFUSE(SIZE("\t5")),
	REFUSE(SIZE("5 ")),
	REFUSE(SIZE("5\0")),
	REFUSE(SIZE("0 5")),
	REFUSE(SIZE("5h")),
	REFUSE(SIZE("5,")),
	REFUSE(SIZE("\xb5")),
	REFUSE(SIZE("00000000000000005")),
	REFUSE(SIZE("10000000000000005")),
	REFUSE(SIZE("8000000000000000")),
	REFUSE(SIZE("FFFFFFFFFFFFFFFB")),
	REFUSE("5\nhello\r\n0\r\n\r\n"),
	REFUSE("5\rhello\r\n0\r\n\r\n"),
	REFUSE("5\r\rhello\r\n0\r\n\r\n"),
	REFUSE("5\r\nhello0\r\n\r\n"),
	REFUSE("5\r\nhelloXX\r\n0\r\n\r\n"),
	REFUSE("5\r\nhello\n0\r\n\r\n"),
	REFUSE("5\r\nhello\r0\r\n\r\n"),
	REFUSE("5\r\nhello\n\r0\r\n\r\n"),
	REFUSE("5\r\nhello\r\n\r\n0\r\n\r\n"),
	REFUSE("5\r\nhello\r\n0\n\r\n"),
	REFUSE("5\r\nhello\r\n0\r\r\n"),
	TRAILER(LAST("\n")),
	TRAILER(LAST("\r\r\n")),
	TRAILER(LAST("\rX")),
	ACCEPT("hello", "5;a=b;c=\"d;\\\"e\"\r\nhello\r\n0;z\r\n\r\n"),
	ACCEPT("hello", EXT(";a")),
	ACCEPT("hello", EXT(";a;b")),
	ACCEPT("hello", EXT(" ; a = b")),
	ACCEPT("hello", EXT("\t;\ta\t=\tb ;c")),
	ACCEPT("hello", EXT(";a=\"\"")),
	ACCEPT("hello", EXT(";a=\"\xff b\t(),/:;<=>?@[]{}\\\\\" ; b")),
	ACCEPT("hello", EXT(";5=5")),
	REFUSE(EXT(";")),
	REFUSE(EXT(";;a")),
	REFUSE(EXT(";=b")),
	REFUSE(EXT(";a=")),
	REFUSE(EXT(";a ")),
	REFUSE(EXT(";a=b ")),
	REFUSE(EXT(";a=b=c")),
	REFUSE(EXT(";a=b c")),
	REFUSE(EXT(";a=\"b")),
	REFUSE(EXT(";a=\"b\"c")),
	REFUSE(EXT(";a=\"\r\n\"")),
	REFUSE(EXT(";a=\"\\\r\n\"")),
	REFUSE(EXT(";a=\"\x01\"")),
	REFUSE(EXT(";a=\"\x7f\"")),
	REFUSE(EXT(";a(b")),
	REFUSE(EXT(";a\xff")),
	REFUSE(EXT(";a\nb")),
	REFUSE(EXT(";a\rX")),
	REFUSE(EXT(";a\0b")),
	REFUSE("2;\nxx\r\n4c\r\n0\r\n\r\n"),
	ACCEPT("hello", LAST("X-Trailer: v\r\n\r\n")),
	ACCEPT("hello", LAST("A:\r\nB: \t \xff \"\\,;=:()\r\n\r\n")),
	ACCEPT("hello", LAST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n")),
	TRAILER(LAST("X-T: v\n\r\n")),
	TRAILER(LAST("X-T: v\rX\r\n\r\n")),
	TRAILER(LAST("X-T: v\r\rX: y\r\n\r\n")),
	TRAILER(LAST("X-T: v\0\r\n\r\n")),
	TRAILER(LAST("X-T: \x01\r\n\r\n")),
	TRAILER(LAST("X-T: \x7f\r\n\r\n")),
	TRAILER(LAST("garbage\r\n\r\n")),
	TRAILER(LAST(": v\r\n\r\n")),
	TRAILER(LAST("X : v\r\n\r\n")),
	TRAILER(LAST("X(: v\r\n\r\n")),
	TRAILER(LAST(" X: v\r\n\r\n")),
	TRAILER(LAST("X: v\r\n folded\r\n\r\n")),
	TRAILER(LAST("X\xe9: v\r\n\r\n")),
	TRAILER(LAST("X\0: v\r\n\r\n")),
};

static void test_chunked(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		const struct row *r = &rows[i];

		decode_everywhere(r->in, r->n);
		if (whole.error != r->error || whole.done != (r->content != NULL))
			fail_msg("row %zu: error %d, done %d: %s", i, whole.error, whole.done,
				 r->in);
		if (!r->content)
			continue;
		assert_int_equal(whole.n, strlen(r->content));
		assert_memory_equal(whole.content, r->content, whole.n);
		assert_int_equal(whole.used, r->n - r->rest);
	}
}

#define HEX   "0123456789abcdefABCDEF"
#define TCHAR HEX "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~"
#define BLANK " \t"
#define TEXT  TCHAR BLANK "(),/:;<=>?@[]{}" /* and obs-text; quote and backslash vary */

/* Every state, reached by a prefix, takes exactly these bytes. */
static const struct {
	const char *prefix, *takes;
	bool obs_text;
	int error;
} states[] = {
	{"", HEX, false, H1_BAD_CHUNK},
	{"5", HEX BLANK ";\r", false, H1_BAD_CHUNK},
	{"5 ", BLANK ";", false, H1_BAD_CHUNK},
	{"5;", BLANK TCHAR, false, H1_BAD_CHUNK},
	{"5;a", TCHAR BLANK "=;\r", false, H1_BAD_CHUNK},
	{"5;a ", BLANK "=;", false, H1_BAD_CHUNK},
	{"5;a=", BLANK TCHAR "\"", false, H1_BAD_CHUNK},
	{"5;a=b", TCHAR BLANK ";\r", false, H1_BAD_CHUNK},
	{"5;a=b ", BLANK ";", false, H1_BAD_CHUNK},
	{"5;a=\"", TEXT "\\\"", true, H1_BAD_CHUNK},
	{"5;a=\"\\", TEXT "\\\"", true, H1_BAD_CHUNK},
	{"5;a=\"\"", BLANK ";\r", false, H1_BAD_CHUNK},
	{"5\r", "\n", false, H1_BAD_CHUNK},
	{"1\r\nx", "\r", false, H1_BAD_CHUNK},
	{"1\r\nx\r", "\n", false, H1_BAD_CHUNK},
	{"1\r\nx\r\n", HEX, false, H1_BAD_CHUNK},
	{"0\r\n", TCHAR "\r", false, H1_BAD_TRAILER},
	{"0\r\nX", TCHAR ":", false, H1_BAD_TRAILER},
	{"0\r\nX:", TEXT "\\\"\r", true, H1_BAD_TRAILER},
	{"0\r\nX:\r", "\n", false, H1_BAD_TRAILER},
	{"0\r\nX:\r\n", TCHAR "\r", false, H1_BAD_TRAILER},
	{"0\r\n\r", "\n", false, H1_BAD_TRAILER},
};

static void test_every_state(void **state)
{
	struct guard g = guard_create(64);
	char in[64];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(states); i++) {
		size_t n = strlen(states[i].prefix);

		for (unsigned c = 0; c < 256; c++) {
			bool takes = (c && strchr(states[i].takes, (int)c)) ||
				     (c >= 0x80 && states[i].obs_text);

			snprintf(in, sizeof(in), "%s%c", states[i].prefix, c);
			decode(&g, in, (uint32_t)n + 1, 0, NULL, &whole);
			if (whole.error != (takes ? 0 : states[i].error))
				fail_msg("error %d for %02x behind %s", whole.error, c,
					 states[i].prefix);
		}
	}
	guard_destroy(&g);
}

/* A line of exactly the limit passes, one byte more does not. */
static void test_line_limits(void **state)
{
	static char in[2 * H1_TRAILER_BYTES_MAX];
	int n;

	(void)state;
	for (int over = 0; over < 2; over++) {
		n = snprintf(in, sizeof(in), "1\r\nx\r\n0;a=%0*d\r\n\r\n",
			     H1_CHUNK_LINE_MAX - 6 + over, 0);
		decode_everywhere(in, (uint32_t)n);
		assert_int_equal(whole.error, over ? H1_BAD_CHUNK : 0);
		n = snprintf(in, sizeof(in), "0\r\nA: %04000d\r\nB: %0*d\r\n\r\n", 0,
			     H1_TRAILER_BYTES_MAX - 4000 - 12 + over, 0);
		decode_everywhere(in, (uint32_t)n);
		assert_int_equal(whole.error, over ? H1_BAD_TRAILER : 0);
	}
	/* The limit is of one line, not of all lines. */
	n = 0;
	for (int i = 0; i < 8; i++)
		n += snprintf(in + n, sizeof(in) - (size_t)n, "1;a=%0900d\r\nx\r\n", 0);
	n += snprintf(in + n, sizeof(in) - (size_t)n, "0\r\n\r\n");
	decode_everywhere(in, (uint32_t)n);
	assert_int_equal(whole.error, 0);
	assert_true(whole.done);
}

/* A refused body stays refused. */
static void test_error_is_final(void **state)
{
	struct h1_body b = open_body(HTTP_BODY_CHUNKED, 0);
	uint32_t skip, data;

	(void)state;
	assert_int_equal(h1_body_parse(&b, "x", 1, &skip, &data), H1_BAD_CHUNK);
	assert_int_equal(h1_body_parse(&b, "0\r\n\r\n", 5, &skip, &data), H1_BAD_CHUNK);
	assert_false(b.done);
}

static void test_length(void **state)
{
	struct h1_body b = open_body(HTTP_BODY_LENGTH, 10);
	uint32_t skip, data;

	(void)state;
	assert_int_equal(h1_body_parse(&b, "abc", 0, &skip, &data), 0);
	assert_int_equal(h1_body_parse(&b, "abc", 3, &skip, &data), 3);
	assert_int_equal(skip, 0);
	assert_int_equal(data, 3);
	assert_int_equal(b.left, 7);
	assert_int_equal(h1_body_parse(&b, "defghijGET", 10, &skip, &data), 7);
	assert_int_equal(data, 7);
	assert_true(b.done);
	assert_int_equal(h1_body_parse(&b, "GET", 3, &skip, &data), 0);
	assert_int_equal(data, 0);
}

static void test_no_body(void **state)
{
	uint32_t skip, data;
	struct h1_body b;

	(void)state;
	b = open_body(HTTP_BODY_NONE, 5); /* HEAD: a length, and no body */
	assert_true(b.done);
	assert_int_equal(h1_body_parse(&b, "x", 1, &skip, &data), 0);
	b = open_body(HTTP_BODY_LENGTH, 0);
	assert_true(b.done);
}

static void test_until_close(void **state)
{
	struct h1_body b = open_body(HTTP_BODY_CLOSE, 0);
	uint32_t skip, data;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(h1_body_parse(&b, "abc", 3, &skip, &data), 3);
		assert_int_equal(data, 3);
		assert_false(b.done);
	}
}

static void test_huge_length(void **state)
{
	struct h1_body b = open_body(HTTP_BODY_LENGTH, INT64_MAX);
	uint32_t skip, data;

	(void)state;
	/* The bytes are not looked at, so a length beyond the buffer is safe here. */
	assert_int_equal(h1_body_parse(&b, "x", UINT32_MAX, &skip, &data), INT32_MAX);
	assert_int_equal(data, INT32_MAX);
	assert_false(b.done);
	assert_int_equal(b.left, INT64_MAX - INT32_MAX);
}

/* Appends a random valid chunked body; the content goes to *content. */
static uint32_t make_body(uint64_t *seed, char *out, char *content, uint32_t *content_n)
{
	static const char *const exts[] = {"", ";a", ";a=b", " ; q=\"x;\\\"y\"", ";a;b=c"};
	static const char *const trailers[] = {"", "X: y\r\n", "A:\r\nB: c d\r\n"};
	uint64_t chunks = next_random(seed) % 8;
	int n = 0;

	*content_n = 0;
	for (uint64_t i = 0; i < chunks; i++) {
		uint64_t r = next_random(seed);
		uint32_t size = 1 + (uint32_t)(r % (r & 64 ? 3000 : 20));

		n += snprintf(out + n, BODY_MAX - (size_t)n, r & 128 ? "%x%s\r\n" : "%04X%s\r\n",
			      size, exts[(r >> 8) % RTE_DIM(exts)]);
		for (uint32_t k = 0; k < size; k++)
			content[*content_n + k] = (char)next_random(seed);
		memcpy(out + n, content + *content_n, size);
		n += (int)size;
		*content_n += size;
		n += snprintf(out + n, BODY_MAX - (size_t)n, "\r\n");
	}
	n += snprintf(out + n, BODY_MAX - (size_t)n, "0%s\r\n%s\r\n",
		      exts[next_random(seed) % RTE_DIM(exts)],
		      trailers[next_random(seed) % RTE_DIM(trailers)]);
	return (uint32_t)n;
}

static void test_random_bodies(void **state)
{
	struct guard g = guard_create(BODY_MAX);
	static char in[BODY_MAX], content[BODY_MAX];
	uint64_t seed = 0x5eed;
	uint32_t content_n;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint32_t n = make_body(&seed, in, content, &content_n);
		uint32_t cuts = 1u << next_random(&seed) % 12;

		decode(&g, in, n, cuts, &seed, &parts);
		assert_int_equal(parts.error, 0);
		assert_true(parts.done);
		assert_int_equal(parts.used, n);
		assert_int_equal(parts.n, content_n);
		assert_memory_equal(parts.content, content, content_n);
	}
	guard_destroy(&g);
}

/* Mutated bodies: whatever comes out, it comes out at every cut, and within range (feed). */
static void test_mutations(void **state)
{
	static const char bytes[] = "\r\n\t ;=\"\\:0aFg\0\x7f\xff";
	struct guard g = guard_create(BODY_MAX);
	static char in[BODY_MAX], content[BODY_MAX];
	uint64_t seed = 0xbad5eed;
	unsigned refused = 0;
	uint32_t content_n;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint32_t n = make_body(&seed, in, content, &content_n);

		for (uint64_t k = 1 + next_random(&seed) % 3; k > 0; k--) {
			uint64_t r = next_random(&seed);

			/* Framing is most of the first bytes and of the last ones. */
			in[r & 1 ? (r >> 8) % n : n - 1 - (r >> 8) % (n < 20 ? n : 20)] =
				bytes[(r >> 40) % (sizeof(bytes) - 1)];
		}
		decode(&g, in, n, 0, NULL, &whole);
		decode(&g, in, n, 1u << next_random(&seed) % 8, &seed, &parts);
		assert_same(&whole, &parts);
		refused += whole.error != 0;
	}
	assert_in_range(refused, 500, 4999);
	guard_destroy(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunked),       cmocka_unit_test(test_every_state),
		cmocka_unit_test(test_line_limits),   cmocka_unit_test(test_error_is_final),
		cmocka_unit_test(test_length),        cmocka_unit_test(test_no_body),
		cmocka_unit_test(test_until_close),   cmocka_unit_test(test_huge_length),
		cmocka_unit_test(test_random_bodies), cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
