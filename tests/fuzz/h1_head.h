/* h1_head.h - what must hold of any parsed head, shared by the request and response targets. */
#pragma once
#include <string.h>

#include <http/h1.h>

#include "fuzz.h"

typedef int (*fuzz_parse)(struct http_head *h, const char *buf, size_t len, size_t scanned);

static inline void check_slice(const char *buf, size_t n, struct slice s)
{
	MUST(s.n <= n);
	MUST(s.n == 0 || (s.p >= buf && s.p + s.n <= buf + n));
}

/* No octet that ends or splits a line, and nothing outside of the buffer. */
static inline void check_text(const char *buf, size_t n, struct slice s)
{
	check_slice(buf, n, s);
	MUST(!s.n || !memchr(s.p, '\r', s.n));
	MUST(!s.n || !memchr(s.p, '\n', s.n));
	MUST(!s.n || !memchr(s.p, '\0', s.n));
}

static inline void check_head(const struct http_head *h, const char *buf, size_t n)
{
	MUST(h->n_fields <= HTTP_FIELDS_MAX);
	check_text(buf, n, h->method);
	check_text(buf, n, h->target);
	check_text(buf, n, h->authority);
	check_text(buf, n, h->reason);
	MUST(h->path_len <= h->path.n);
	if (h->path.n > 1)
		check_text(buf, n, h->path);
	for (unsigned i = 0; i < h->n_fields; i++) {
		check_text(buf, n, h->fields[i].name);
		check_text(buf, n, h->fields[i].value);
		MUST(h->fields[i].name.n > 0);
		MUST(h->fields[i].id < HTTP_FIELD_COUNT);
	}
	MUST(h->minor <= 1);
	MUST(h->framing <= HTTP_BODY_CLOSE);
	MUST(h->framing != HTTP_BODY_LENGTH || h->has_length);
	MUST(h->framing != HTTP_BODY_CHUNKED || !h->has_length);
	MUST(h->has_length || h->length == 0);
}

static inline bool same_head(const struct http_head *a, const struct http_head *b)
{
	return a->n_fields == b->n_fields && a->framing == b->framing && a->length == b->length &&
	       a->has_length == b->has_length && a->keep_alive == b->keep_alive &&
	       a->upgrade == b->upgrade && a->status == b->status && a->minor == b->minor &&
	       a->path.n == b->path.n && a->path_len == b->path_len &&
	       a->authority.n == b->authority.n;
}

/* Parses whole and cut at `cut`: the outcome is the same, only a refusal may come early. */
static inline void check_cuts(const char *buf, size_t n, size_t cut, fuzz_parse parse)
{
	static struct http_head whole, cut_head;
	int rc = parse(&whole, buf, n, 0), first, second;

	MUST(rc <= (int)n);
	if (rc > 0)
		check_head(&whole, buf, (size_t)rc);
	if (cut == 0 || cut >= n)
		return;
	first = parse(&cut_head, buf, cut, 0);
	if (first != 0) {
		MUST(first == rc);
		MUST(rc < 0 || same_head(&whole, &cut_head));
		return;
	}
	second = parse(&cut_head, buf, n, cut);
	if (second == 0)
		MUST(rc == 0 || (rc < 0 && !memchr(buf + cut, '\n', n - cut)));
	else
		MUST(second == rc && (rc < 0 || same_head(&whole, &cut_head)));
}
