/* test_response.c - response heads: the peer is an upstream, and what is malformed is a 502. */
#include "head_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
	const char *in;
	size_t n;
	int error;
	const char *text; /* when accepted */
	enum http_method method;
};

#define REFUSE(error, in)                                                                          \
	{                                                                                          \
		in, sizeof(in) - 1, error, NULL, HTTP_GET                                          \
	}
#define ACCEPT(text, in)                                                                           \
	{                                                                                          \
		in, sizeof(in) - 1, 0, text, HTTP_GET                                              \
	}
#define TO(method, text, in)                                                                       \
	{                                                                                          \
		in, sizeof(in) - 1, 0, text, method                                                \
	}

#define OK(f)     "HTTP/1.1 200 OK\r\n" f "\r\n"
#define OK10(f)   "HTTP/1.0 200 OK\r\n" f "\r\n"
#define LINE(l)   l "\r\nContent-Length: 2\r\n\r\n"
#define STATUS(s) "HTTP/1.1 " #s " X\r\n"
#define TE        "Transfer-Encoding: chunked\r\n"

static const struct row status_lines[] = {
	ACCEPT("200 len=2", LINE("HTTP/1.1 200 OK")),
	ACCEPT("200 len=2", LINE("HTTP/1.1 200")),
	ACCEPT("200 len=2", LINE("HTTP/1.1 200 ")),
	ACCEPT("200 len=2", LINE("HTTP/1.1 200 Very Fine \t\xe9")),
	ACCEPT("200 len=2 close", LINE("HTTP/1.0 200 OK")),
	ACCEPT("799 len=2", LINE("HTTP/1.1 799 X")),
	ACCEPT("999 len=2", LINE("HTTP/1.1 999 X")),
	ACCEPT("200 close close", "HTTP/1.1 200\r\n\r\n"),
	REFUSE(H1_BAD_STATUS_LINE, "SSH-2.0-OpenSSH\r\n\r\n"),
	REFUSE(H1_BAD_STATUS_LINE, "<html>no header</html>"),
	REFUSE(H1_BAD_STATUS_LINE, "\r\n" LINE("HTTP/1.1 200 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("http/1.1 200 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/9.9 200 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/2.0 200 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.2 200 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1  200 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1\t200 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 20 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 2000 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 200OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 200\tOK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 2x0 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 +20 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 099 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 000 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 OK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 200 O\0K")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 200 O\rK")),
	REFUSE(H1_BAD_STATUS_LINE, LINE("HTTP/1.1 200 O\x7fK")),
	REFUSE(H1_BAD_STATUS_LINE, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
	REFUSE(H1_BAD_STATUS_LINE, "HTTP/1.1 200\n\n"),
};

static const struct row fields[] = {
	ACCEPT("200 len=2", OK("Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nX-E:\r\nX-O: \xe9\r\n"
			       "Content-Length: 2\r\n")),
	REFUSE(H1_BAD_FIELD, OK("X-A: b\r\n c\r\nContent-Length: 2\r\n")),
	REFUSE(H1_BAD_FIELD, OK("X-A: b\0c\r\nContent-Length: 2\r\n")),
	REFUSE(H1_BAD_FIELD, OK("X-A : b\r\nContent-Length: 2\r\n")),
	REFUSE(H1_BAD_FIELD, OK("X-A: b\rSet-Cookie: evil=1\r\nContent-Length: 2\r\n")),
	REFUSE(H1_BAD_FIELD, OK("X-A: b\nSet-Cookie: evil=1\r\nContent-Length: 2\r\n")),
	REFUSE(H1_BAD_FIELD, OK("garbage\r\nContent-Length: 2\r\n")),
	REFUSE(H1_BAD_FIELD, OK(": x\r\nContent-Length: 2\r\n")),
	ACCEPT("200 len=2 hop:X-Hop", OK("Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\n"
					 "Keep-Alive: timeout=77\r\nContent-Length: 2\r\n")),
	ACCEPT("200 len=2 close", OK("Connection: close\r\nContent-Length: 2\r\n")),
	ACCEPT("200 len=2", OK10("Connection: keep-alive\r\nContent-Length: 2\r\n")),
};

static const struct row framings[] = {
	ACCEPT("200 close close", OK("")),
	ACCEPT("200 close close", OK10("Connection: keep-alive\r\n")),
	ACCEPT("200 len=0", OK("Content-Length: 0\r\n")),
	ACCEPT("200 len=5", OK("Content-Length: 5, 5\r\nContent-Length: 5\r\n")),
	ACCEPT("200 chunked", OK(TE)),
	/* The coding wins, and the connection is not trusted any further. */
	ACCEPT("200 chunked close", OK("Content-Length: 3\r\n" TE)),
	ACCEPT("200 chunked close", OK(TE "Content-Length: 3\r\n")),
	REFUSE(H1_BAD_FRAMING, OK("Content-Length: 5\r\nContent-Length: 2\r\n")),
	REFUSE(H1_BAD_FRAMING, OK("Content-Length: +5\r\n")),
	REFUSE(H1_BAD_FRAMING, OK("Content-Length: -1\r\n")),
	REFUSE(H1_BAD_FRAMING, OK("Content-Length: 18446744073709551621\r\n")),
	REFUSE(H1_BAD_FRAMING, OK("Content-Length: x\r\n" TE)),
	REFUSE(H1_BAD_FRAMING, OK("Transfer-Encoding: cow\r\n")),
	REFUSE(H1_UNKNOWN_CODING, OK("Transfer-Encoding: gzip, chunked\r\n")),
	REFUSE(H1_BAD_FRAMING, OK(TE TE)),
	REFUSE(H1_BAD_FRAMING, OK("Transfer-Encoding: chunked,\r\n")),
	REFUSE(H1_BAD_FRAMING, OK10(TE)),
};

static const struct row bodiless[] = {
	ACCEPT("100 none", STATUS(100) "\r\n"),
	ACCEPT("103 none", STATUS(103) "Link: </s.css>\r\n\r\n"),
	ACCEPT("103 none close", STATUS(103) "Content-Length: 5\r\n\r\n"),
	ACCEPT("204 none", STATUS(204) "\r\n"),
	ACCEPT("204 none", STATUS(204) "Content-Length: 0\r\n\r\n"),
	ACCEPT("204 none close", STATUS(204) "Content-Length: 5\r\n\r\n"),
	ACCEPT("204 none close", STATUS(204) TE "\r\n"),
	ACCEPT("304 none", STATUS(304) "\r\n"),
	ACCEPT("304 none has=500", STATUS(304) "Content-Length: 500\r\n\r\n"),
	ACCEPT("304 none", STATUS(304) TE "Content-Length: 500\r\n\r\n"),
	REFUSE(H1_BAD_FRAMING, STATUS(304) "Content-Length: x\r\n\r\n"),
	TO(HTTP_HEAD, "200 none", OK("")),
	TO(HTTP_HEAD, "200 none has=1000", OK("Content-Length: 1000\r\n")),
	TO(HTTP_HEAD, "200 none has=0", OK("Content-Length: 0\r\n")),
	TO(HTTP_HEAD, "200 none", OK(TE)),
	TO(HTTP_HEAD, "404 none has=5", STATUS(404) "Content-Length: 5\r\n\r\n"),
	TO(HTTP_HEAD, "204 none close", STATUS(204) "Content-Length: 5\r\n\r\n"),
	TO(HTTP_HEAD, "100 none close", STATUS(100) "Content-Length: 5\r\n\r\n"),
	TO(HTTP_CONNECT, "200 none close", OK("")),
	TO(HTTP_CONNECT, "404 len=5", STATUS(404) "Content-Length: 5\r\n\r\n"),
	TO(HTTP_POST, "200 len=5", OK("Content-Length: 5\r\n")),
	ACCEPT("101 none upgrade ws", STATUS(101) "Connection: Upgrade\r\n"
						  "Upgrade: websocket\r\n\r\n"),
	ACCEPT("101 none upgrade", STATUS(101) "Connection: Upgrade\r\nUpgrade: foo\r\n\r\n"),
	ACCEPT("101 none", STATUS(101) "Upgrade: websocket\r\n\r\n"),
	ACCEPT("200 len=2 upgrade", OK("Connection: Upgrade\r\nUpgrade: websocket\r\n"
				       "Content-Length: 2\r\n")),
};

static struct check new_check(size_t room)
{
	return (struct check){
		.kind = CHECK_RESPONSE,
		.method = HTTP_GET,
		.limits = {.max_head_bytes = 60 * 1024, .max_fields = 100},
		.guard = guard_create(room),
	};
}

static void run(const struct row *rows, size_t n)
{
	struct check c = new_check(4096);
	char text[CHECK_TEXT];

	for (size_t i = 0; i < n; i++) {
		int rc;

		c.method = rows[i].method;
		rc = check_parse(&c, rows[i].in, rows[i].n, text);
		if (rc >= 0 || memchr(rows[i].in, '\n', rows[i].n))
			rc = check_everywhere(&c, rows[i].in, rows[i].n, text);
		if (rows[i].error ? rc == rows[i].error : rc > 0 && strcmp(text, rows[i].text) == 0)
			continue;
		fail_msg("row %zu: %d %s \"%s\" for: %s", i, rc, h1_error_name(rc), text,
			 rows[i].in);
	}
	guard_destroy(&c.guard);
}

#define TABLE(rows)                                                                                \
	static void test_##rows(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		run(rows, RTE_DIM(rows));                                                          \
	}

TABLE(status_lines)
TABLE(fields)
TABLE(framings)
TABLE(bodiless)

static void test_reason(void **state)
{
	static const char in[] = "HTTP/1.1 404 Not Found\r\nX: y\r\n\r\n";
	const struct h1_limits lim = {.max_head_bytes = 4096, .max_fields = 10};
	struct http_head h;

	(void)state;
	assert_int_equal(h1_parse_response(&h, in, sizeof(in) - 1, 0, &lim, HTTP_GET),
			 sizeof(in) - 1);
	assert_true(slice_eq(h.reason, SLICE("Not Found")));
	assert_int_equal(h.status, 404);
	assert_int_equal(h.minor, 1);
}

static void test_limits(void **state)
{
	struct check c = new_check(256 * 1024);
	static char in[100 * 1024];
	char text[CHECK_TEXT];
	size_t n = (size_t)snprintf(in, sizeof(in), "HTTP/1.1 200 %099000d", 0);

	(void)state;
	assert_int_equal(check_parse(&c, in, n, text), H1_TOO_LARGE);
	n = (size_t)snprintf(in, sizeof(in), "HTTP/1.1 200 OK\r\nX: %090000d", 0);
	assert_int_equal(check_parse(&c, in, n, text), H1_TOO_LARGE);
	assert_int_equal(check_parse(&c, in, 60 * 1024 - 1, text), 0);
	n = (size_t)snprintf(in, sizeof(in), "HTTP/1.1 200 OK\r\nX: %0100d\r\n\r\n", 0);
	c.limits.max_head_bytes = (uint32_t)n;
	assert_int_equal(check_everywhere(&c, in, n, text), n);
	c.limits.max_head_bytes--;
	assert_int_equal(check_everywhere(&c, in, n, text), H1_TOO_LARGE);
	guard_destroy(&c.guard);
}

static void test_error_statuses(void **state)
{
	(void)state;
	assert_int_equal(h1_error_status(H1_BAD_REQUEST_LINE), 400);
	assert_int_equal(h1_error_status(H1_BAD_VERSION), 505);
	assert_int_equal(h1_error_status(H1_BAD_FIELD), 400);
	assert_int_equal(h1_error_status(H1_BAD_FRAMING), 400);
	assert_int_equal(h1_error_status(H1_UNKNOWN_CODING), 501);
	assert_int_equal(h1_error_status(H1_BAD_HOST), 400);
	assert_int_equal(h1_error_status(H1_TOO_LARGE), 431);
	assert_int_equal(h1_error_status(H1_URI_TOO_LONG), 414);
	assert_int_equal(h1_error_status(H1_TOO_MANY_FIELDS), 431);
	assert_int_equal(h1_error_status(H1_BAD_STATUS_LINE), 502);
	assert_int_equal(h1_error_status(H1_BAD_CHUNK), 400);
	assert_int_equal(h1_error_status(H1_BAD_TRAILER), 400);
	assert_int_equal(h1_error_status(-13), 400);
	assert_int_equal(h1_error_status(1), 400);
	assert_string_equal(h1_error_name(H1_BAD_CHUNK), "http1.bad_chunk");
	assert_string_equal(h1_error_name(0), "http1.error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_lines),   cmocka_unit_test(test_fields),
		cmocka_unit_test(test_framings),       cmocka_unit_test(test_bodiless),
		cmocka_unit_test(test_reason),         cmocka_unit_test(test_limits),
		cmocka_unit_test(test_error_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
