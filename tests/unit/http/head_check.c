/* head_check.c - see head_check.h. */
#include "head_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <http/fields.h>

static struct http_head head; /* large, and every call overwrites it */

static void add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *text, const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, CHECK_TEXT - n, format, args);
	va_end(args);
}

static void die(const char *what, const char *p, size_t n, size_t at)
{
	fprintf(stderr, "%s at %zu of: %.*s\n", what, at, (int)n, p);
	abort();
}

static void describe_framing(char *text)
{
	static const char *const framings[] = {"none", NULL, "chunked", "close"};

	if (head.framing == HTTP_BODY_LENGTH)
		add(text, "len=%lu", head.length);
	else
		add(text, "%s", framings[head.framing]);
	if (head.has_length && head.framing != HTTP_BODY_LENGTH)
		add(text, " has=%lu", head.length);
}

static void describe(enum check_kind kind, char *text)
{
	text[0] = '\0';
	if (kind == CHECK_REQUEST)
		add(text, "%.*s %.*s %.*s ", (int)head.method.n, head.method.p, (int)head.path.n,
		    head.path.p, (int)head.authority.n, head.authority.p);
	else
		add(text, "%u ", head.status);
	describe_framing(text);
	add(text, "%s%s%s%s%s", head.keep_alive ? "" : " close",
	    head.expect_continue ? " continue" : "", head.upgrade ? " upgrade" : "",
	    head.upgrade_websocket ? " ws" : "", head.te_trailers ? " trailers" : "");
	for (unsigned i = 0; i < head.n_fields; i++)
		if (head.fields[i].hop && !((HTTP_FIELDS_HOP >> head.fields[i].id) & 1))
			add(text, " hop:%.*s", (int)head.fields[i].name.n, head.fields[i].name.p);
}

static void within(const char *buf, size_t n, struct slice s)
{
	if (s.n && (s.p < buf || s.p + s.n > buf + n))
		die("slice outside of its buffer", buf, n, 0);
}

static void check_slices(const char *buf, size_t n)
{
	within(buf, n, head.method);
	within(buf, n, head.target);
	within(buf, n, head.authority);
	within(buf, n, head.reason);
	if (head.path.n > 1)
		within(buf, n, head.path);
	if (head.path_len > head.path.n || head.n_fields > HTTP_FIELDS_MAX)
		die("count out of range", buf, n, 0);
	for (unsigned i = 0; i < head.n_fields; i++) {
		within(buf, n, head.fields[i].name);
		within(buf, n, head.fields[i].value);
	}
}

static int parse(struct check *c, const char *p, size_t n, size_t scanned, char *text)
{
	const char *buf = guard_put(&c->guard, p, n);
	int rc;

	rc = c->kind == CHECK_REQUEST
		     ? h1_parse_request(&head, buf, n, scanned, &c->limits)
		     : h1_parse_response(&head, buf, n, scanned, &c->limits, c->method);
	text[0] = '\0';
	if (rc > 0) {
		if ((size_t)rc > n)
			die("more used than there is", p, n, (size_t)rc);
		check_slices(buf, (size_t)rc);
		describe(c->kind, text);
	}
	return rc;
}

int check_parse(struct check *c, const char *p, size_t n, char *text)
{
	return parse(c, p, n, 0, text);
}

static void same(int rc, int want, const char *text, const char *want_text, const char *p, size_t n,
		 size_t at)
{
	if (rc == want && strcmp(text, want_text) == 0)
		return;
	fprintf(stderr, "%d \"%s\" instead of %d \"%s\"\n", rc, text, want, want_text);
	die("cut changes the outcome", p, n, at);
}

int check_everywhere(struct check *c, const char *p, size_t n, char *text)
{
	int want = parse(c, p, n, 0, text);
	char other[CHECK_TEXT];
	bool decided = false;
	int rc;

	for (size_t i = 1; i < n; i++) {
		rc = parse(c, p, i, 0, other);
		if (rc == 0)
			rc = parse(c, p, n, i, other);
		same(rc, want, other, text, p, n, i);
	}
	for (size_t i = 1; i <= n && !decided; i++) {
		rc = parse(c, p, i, i - 1, other);
		decided = rc != 0;
		if (decided)
			same(rc, want, other, text, p, n, i);
	}
	if (!decided && want != 0)
		die("byte by byte never decided", p, n, n);
	return want;
}
