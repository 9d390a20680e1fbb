/* test_http.c - heads at every split point, bodies in every framing and in any pieces. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <http.h>

#define SLACK 16 /* parsers may read so much further */

static struct pattern pattern;

static int setup(void **state)
{
	(void)state;
	pattern_init(&pattern);
	return 0;
}

typedef int read_fn(const uint8_t *p, uint32_t n, struct http_head *h);

/* Behind the n bytes that have arrived there may be anything: here, what would end a head. */
static int read_first(read_fn *read, const char *text, uint32_t n, struct http_head *h)
{
	uint8_t *buf = malloc(n + SLACK);
	int rc;

	memset(buf + n, '\n', SLACK);
	memcpy(buf, text, n);
	rc = read(buf, n, h);
	free(buf);
	return rc;
}

static void check_splits(read_fn *read, const char *text, struct http_head *h)
{
	uint32_t len = (uint32_t)strlen(text);

	for (uint32_t n = 0; n < len; n++)
		assert_int_equal(read_first(read, text, n, h), 0);
	assert_int_equal(read_first(read, text, len, h), (int)len);
	assert_int_equal(h->len, len);
}

static void response_heads(void **state)
{
	struct http_head h;

	(void)state;
	check_splits(http_read_response,
		     "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 1048576\r\n\r\n", &h);
	assert_int_equal(h.status, 200);
	assert_int_equal(h.length, 1048576);
	assert_false(h.close || h.chunked);
	check_splits(http_read_response,
		     "HTTP/1.1 503 \r\ntransfer-encoding:chunked\r\nCONNECTION: close \r\n\r\n",
		     &h);
	assert_int_equal(h.status, 503);
	assert_true(h.close && h.chunked && h.length == HTTP_NO_LENGTH);
	check_splits(http_read_response, "HTTP/1.1 204 No Content\r\n\r\n", &h);
	assert_true(h.length == HTTP_NO_LENGTH);
}

static void request_heads(void **state)
{
	struct http_head h;

	(void)state;
	check_splits(http_read_request,
		     "GET /bytes/64?errors=3 HTTP/1.1\r\nHost: a\r\nx-request-id: 17\r\n\r\n", &h);
	assert_false(h.post || h.close || h.chunked);
	assert_int_equal(h.path_len, 18);
	check_splits(http_read_request,
		     "POST /u HTTP/1.1\r\nContent-length: 5\r\nConnection: close\r\n\r\n", &h);
	assert_true(h.post && h.close);
	assert_int_equal(h.length, 5);
	check_splits(http_read_request, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", &h);
	assert_true(h.post && h.chunked);
}

static void broken_heads(void **state)
{
	static const char *const responses[] = {
		"HTTP/1.0 200 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 200 OK\n\r\n",
		"HTTP/1.1 200\r\n\r\n",
		"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nBad name: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"\x80\x81\x82\n",
	};
	static const char *const requests[] = {
		"GET /\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"\r\n\r\n",
		"GET  HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\n\r\n",
	};
	struct http_head h;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(responses); i++)
		assert_int_equal(read_first(http_read_response, responses[i],
					    (uint32_t)strlen(responses[i]), &h),
				 -1);
	for (unsigned i = 0; i < RTE_DIM(requests); i++)
		assert_int_equal(read_first(http_read_request, requests[i],
					    (uint32_t)strlen(requests[i]), &h),
				 -1);
}

static void same_is_exact(void **state)
{
	uint8_t a[80], b[80];

	(void)state;
	for (uint32_t n = 0; n < 60; n++) {
		memset(a, 1, sizeof(a));
		memset(b, 2, sizeof(b));
		memset(b, 1, n);
		assert_true(http_same(a, b, n));
		assert_false(http_same(a, b, n + 1));
		for (uint32_t i = 0; i < n; i++) {
			b[i] ^= 0x80;
			assert_false(http_same(a, b, n));
			b[i] ^= 0x80;
		}
	}
}

/* ---- bodies ---- */

/* Gives a body to the framer in pieces of `step` bytes; how many bytes belonged to it, or -1. */
static int take_in_steps(struct conn *c, const uint8_t *p, uint32_t n, uint32_t step,
			 uint32_t *wrong_at)
{
	uint32_t at = 0;

	while (at < n && body_state(c) != BODY_DONE) {
		int used = body_take(c, &pattern, p + at, RTE_MIN(step, n - at), wrong_at);

		if (used < 0)
			return -1;
		at += (uint32_t)used;
	}
	return (int)at;
}

static void plain_bodies(void **state)
{
	const struct http_head h = {.length = 2000};
	uint32_t wrong_at;

	(void)state;
	for (uint32_t step = 1; step < 2100; step += 1 + step / 8) {
		struct conn c = {0};

		assert_true(body_begin(&c, &h, BODY_CHECK));
		assert_int_equal(take_in_steps(&c, pattern.bytes, 2100, step, &wrong_at), 2000);
		assert_int_equal(body_state(&c), BODY_DONE);
		assert_int_equal(c.body_at, 2000);
		assert_false(c.parse & BODY_WRONG);
	}
}

static void a_wrong_byte_is_found(void **state)
{
	const struct http_head h = {.length = 300};
	uint8_t body[300];

	(void)state;
	for (uint32_t bad = 0; bad < 300; bad++) {
		for (uint32_t step = 1; step < 400; step += 37) {
			struct conn c = {0};
			uint32_t wrong_at = UINT32_MAX;

			memcpy(body, pattern.bytes, sizeof(body));
			body[bad] ^= 1;
			body_begin(&c, &h, BODY_CHECK);
			take_in_steps(&c, body, sizeof(body), step, &wrong_at);
			assert_true(c.parse & BODY_WRONG);
			assert_int_equal(wrong_at, bad);
			assert_int_equal(body_state(&c), BODY_DONE);
		}
	}
}

static void chunked_bodies(void **state)
{
	const struct http_head h = {.chunked = true, .length = HTTP_NO_LENGTH};
	uint8_t text[512];
	uint32_t n = 0, wrong_at;

	(void)state;
	n += (uint32_t)sprintf((char *)text, "0a;x=y\r\n");
	memcpy(text + n, pattern.bytes, 10);
	n += 10;
	n += (uint32_t)sprintf((char *)text + n, "\r\n2F\r\n");
	memcpy(text + n, pattern.bytes + 10, 47);
	n += 47;
	n += (uint32_t)sprintf((char *)text + n, "\r\n0\r\nTrailer: yes\r\n\r\n");
	for (uint32_t step = 1; step <= n + 5; step++) {
		struct conn c = {0};

		assert_true(body_begin(&c, &h, BODY_CHECK));
		assert_int_equal(take_in_steps(&c, text, n + 5, step, &wrong_at), (int)n);
		assert_int_equal(body_state(&c), BODY_DONE);
		assert_int_equal(c.body_at, 57);
		assert_false(c.parse & BODY_WRONG);
	}
}

static void broken_chunks(void **state)
{
	static const char *const texts[] = {"\r\n", "x\r\n", "1g\r\n", "fffffffff\r\n",
					    "1\r\nab\r\n"};
	const struct http_head h = {.chunked = true, .length = HTTP_NO_LENGTH};
	uint32_t wrong_at;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(texts); i++) {
		struct conn c = {0};

		body_begin(&c, &h, 0);
		assert_int_equal(take_in_steps(&c, (const uint8_t *)texts[i],
					       (uint32_t)strlen(texts[i]), 1, &wrong_at),
				 -1);
	}
}

static void no_body(void **state)
{
	const struct http_head empty = {.length = 0}, none = {.length = HTTP_NO_LENGTH},
			       huge = {.length = 1ull << 40};
	struct conn c = {0};

	(void)state;
	assert_true(body_begin(&c, &empty, BODY_CHECK));
	assert_int_equal(body_state(&c), BODY_DONE);
	assert_true(body_begin(&c, &none, 0));
	assert_int_equal(body_state(&c), BODY_DONE);
	assert_false(body_begin(&c, &huge, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(response_heads), cmocka_unit_test(request_heads),
		cmocka_unit_test(broken_heads),   cmocka_unit_test(same_is_exact),
		cmocka_unit_test(plain_bodies),   cmocka_unit_test(a_wrong_byte_is_found),
		cmocka_unit_test(chunked_bodies), cmocka_unit_test(broken_chunks),
		cmocka_unit_test(no_body),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
