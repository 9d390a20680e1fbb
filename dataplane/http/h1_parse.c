/* h1_parse.c - the start line and field lines of a head, in one pass from left to right.
 *
 * Every decision depends only on bytes already passed, and running into the end means "need
 * more": so a prefix of a head gives 0 or the same error as the whole. The order of checks is
 * therefore the order of bytes; what needs the whole head is in h1_framing.c. */
#include <http/h1.h>

#include <assert.h>
#include <limits.h>

#include <http/authority.h>
#include <http/chars.h>
#include <http/h1_framing.h>
#include <http/scan.h>

#define EMPTY_LINES_MAX 4

/* No head is shorter ("X / HTTP/1.0", "HTTP/1.1 200" and two line ends), and scan.h needs as
 * many bytes before the end. */
#define HEAD_MIN 16

static_assert(HEAD_MIN >= SCAN_BEFORE, "shorter heads are padded");

enum { MORE = 0, OK = 1 }; /* besides enum h1_error */

struct cursor {
	const char *p, *end;
};

struct parse {
	struct cursor c;
	struct http_head *h;
	unsigned max_fields;
	bool start_line_done;
	struct h1_index index;
};

typedef int (*line_fn)(struct parse *s);

/* "\r\n" at the cursor. */
static int end_line(struct cursor *c, int error)
{
	if (c->p == c->end)
		return MORE;
	if (c->p[0] != '\r')
		return error;
	if (c->p + 1 == c->end)
		return MORE;
	if (c->p[1] != '\n')
		return error;
	c->p += 2;
	return OK;
}

/* Compares with a pattern in which "0" stands for any digit. Does not move the cursor. */
static int match(const struct cursor *c, const char *pattern, unsigned n, int error)
{
	for (unsigned i = 0; i < n; i++) {
		if (c->p + i == c->end)
			return MORE;
		if (pattern[i] == '0' ? !http_char_is(c->p[i], CHAR_DIGIT) : pattern[i] != c->p[i])
			return error;
	}
	return OK;
}

static int skip_empty_lines(struct cursor *c)
{
	for (unsigned i = 0; c->p < c->end && *c->p == '\r'; i++) {
		int rc = i < EMPTY_LINES_MAX ? end_line(c, H1_BAD_REQUEST_LINE)
					     : H1_BAD_REQUEST_LINE;

		if (rc <= 0)
			return rc;
	}
	return OK;
}

/* Most frequent first. */
#define METHODS(X) X(GET) X(POST) X(PUT) X(HEAD) X(DELETE) X(OPTIONS) X(PATCH) X(CONNECT) X(TRACE)

static enum http_method find_method(struct slice s)
{
#define X(name)                                                                                    \
	if (slice_eq(s, SLICE(#name)))                                                             \
		return HTTP_##name;
	METHODS(X)
#undef X
	return HTTP_METHOD_OTHER;
}

/* Up to the blank after the method. */
static int method(struct parse *s)
{
	struct cursor *c = &s->c;
	const char *end = scan_token(c->p, c->end);

	if (end == c->end)
		return MORE;
	if (end == c->p || *end != ' ')
		return H1_BAD_REQUEST_LINE;
	s->h->method = slice_of(c->p, (uint32_t)(end - c->p));
	s->h->method_id = find_method(s->h->method);
	c->p = end + 1;
	return OK;
}

static int target(struct parse *s)
{
	struct cursor *c = &s->c;
	const char *query, *end = scan_target(c->p, c->end, &query);
	uint32_t n = (uint32_t)(end - c->p);

	if (end == c->end)
		return MORE;
	if (end == c->p || *end != ' ')
		return H1_BAD_REQUEST_LINE;
	s->h->target = slice_of(c->p, n);
	s->h->path = slice_of(c->p, n); /* copying target would wait for its stores */
	s->h->path_len = (uint32_t)((query ? query : end) - c->p);
	c->p = end + 1;
	return OK;
}

/* "HTTP/1.0" or "HTTP/1.1" and the line's end. */
static int version(struct parse *s)
{
	struct cursor *c = &s->c;
	int rc;

	if (c->end - c->p >= 10 && memcmp(c->p, "HTTP/1.1\r\n", 10) == 0) {
		s->h->minor = 1;
		c->p += 10;
		return OK;
	}
	rc = match(c, "HTTP/0.0\r\n", 10, H1_BAD_REQUEST_LINE);
	if (rc <= 0)
		return rc;
	if (c->p[5] != '1' || c->p[7] > '1')
		return H1_BAD_VERSION;
	s->h->minor = (uint8_t)(c->p[7] - '0');
	c->p += 10;
	return OK;
}

/* Bytes of "http://" or "https://", in any case, at the head of s; else 0. */
static uint32_t scheme_length(struct slice s)
{
	if (s.n > 7 && slice_eq_nocase(slice_of(s.p, 7), SLICE("http://")))
		return 7;
	if (s.n > 8 && slice_eq_nocase(slice_of(s.p, 8), SLICE("https://")))
		return 8;
	return 0;
}

/* RFC 9112 3.2.2. */
static int absolute_form(struct http_head *h)
{
	struct slice t = h->target;
	uint32_t start = scheme_length(t), end = start;

	if (!start)
		return H1_BAD_REQUEST_LINE;
	while (end < t.n && t.p[end] != '/' && t.p[end] != '?')
		end++;
	h->authority = slice_of(t.p + start, end - start);
	if (!http_authority_valid(h->authority))
		return H1_BAD_REQUEST_LINE;
	if (end == t.n) {
		h->path = h->method_id == HTTP_OPTIONS ? SLICE("*") : SLICE("/");
		h->path_len = 1;
		return OK;
	}
	h->path = slice_of(t.p + end, t.n - end);
	h->path_len -= end; /* was counted from the start of the target */
	return h->path.p[0] == '/' ? OK : H1_BAD_REQUEST_LINE;
}

/* RFC 9112 3.2: which of the four forms a target may have depends on the method. */
static int target_form(struct http_head *h)
{
	if (h->method_id == HTTP_CONNECT) {
		h->authority = h->target;
		h->path.n = h->path_len = 0;
		return http_authority_has_port(h->authority) ? OK : H1_BAD_REQUEST_LINE;
	}
	if (h->target.p[0] == '/')
		return OK;
	if (h->target.n == 1 && h->target.p[0] == '*')
		return h->method_id == HTTP_OPTIONS ? OK : H1_BAD_REQUEST_LINE;
	return absolute_form(h);
}

static int request_line(struct parse *s)
{
	int rc;

	if ((rc = skip_empty_lines(&s->c)) <= 0)
		return rc;
	if ((rc = method(s)) <= 0)
		return rc;
	if ((rc = target(s)) <= 0)
		return rc;
	if ((rc = version(s)) <= 0)
		return rc;
	return target_form(s->h);
}

/* What match() would find in nearly every response, in fewer comparisons. */
static bool usual_status(const struct cursor *c)
{
	return c->end - c->p >= 12 && memcmp(c->p, "HTTP/1.1 ", 9) == 0 &&
	       http_char_is(c->p[9], CHAR_DIGIT) && http_char_is(c->p[10], CHAR_DIGIT) &&
	       http_char_is(c->p[11], CHAR_DIGIT);
}

/* "HTTP/1.x SP 3DIGIT"; the reason may be empty, and its blank missing. */
static int status_line(struct parse *s)
{
	struct cursor *c = &s->c;
	const char *p = c->p;
	int rc = usual_status(c) ? OK : match(c, "HTTP/0.0 000", 12, H1_BAD_STATUS_LINE);

	if (rc <= 0)
		return rc;
	if (p[5] != '1' || p[7] > '1' || p[9] == '0')
		return H1_BAD_STATUS_LINE;
	s->h->minor = (uint8_t)(p[7] - '0');
	s->h->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
	c->p += 12;
	if (c->p < c->end && *c->p == ' ') {
		const char *reason = c->p + 1;

		c->p = scan_value(reason, c->end);
		s->h->reason = slice_of(reason, (uint32_t)(c->p - reason));
	}
	return end_line(c, H1_BAD_STATUS_LINE);
}

/* One field line. */
static inline int field(struct cursor *c, struct http_field *f)
{
	const char *colon = scan_token(c->p, c->end), *value, *end;
	int rc;

	if (colon == c->end)
		return MORE;
	if (colon == c->p || *colon != ':')
		return H1_BAD_FIELD;
	f->name = slice_of(c->p, (uint32_t)(colon - c->p));
	value = colon + 1;
	while (value < c->end && http_is_blank(*value))
		value++;
	end = c->p = scan_value(value, c->end);
	rc = end_line(c, H1_BAD_FIELD);
	if (rc <= 0)
		return rc;
	while (end > value && http_is_blank(end[-1]))
		end--;
	f->value = slice_of(value, (uint32_t)(end - value));
	return OK;
}

/* Up to and with the blank line. */
static int fields(struct parse *s)
{
	struct http_head *h = s->h;
	struct cursor c = s->c; /* in registers */
	unsigned n;
	int rc;

	for (n = 0; c.p < c.end && *c.p != '\r'; n++) {
		struct http_field *f = &h->fields[n];
		enum http_field_id id;

		if (n == s->max_fields)
			return H1_TOO_MANY_FIELDS;
		rc = field(&c, f);
		if (rc <= 0)
			return rc;
		id = http_field_lookup(f->name);
		f->id = (uint16_t)id;
		f->hop = (HTTP_FIELDS_HOP >> id) & 1;
		h1_index_add(&s->index, id, n);
	}
	rc = end_line(&c, H1_BAD_FIELD);
	h->n_fields = (uint16_t)n;
	h->seen = s->index.seen;
	s->c = c;
	return rc;
}

/* All but the fields, by name: a memset of this size becomes a slow string instruction. */
static inline void clear(struct http_head *h)
{
	const struct slice none = {NULL, 0};

	h->method = h->target = h->path = h->authority = h->reason = none;
	h->path_len = 0;
	h->method_id = HTTP_METHOD_OTHER;
	h->status = 0;
	h->minor = 0;
	h->framing = HTTP_BODY_NONE;
	h->length = 0;
	h->has_length = h->keep_alive = h->expect_continue = h->te_trailers = false;
	h->upgrade = h->upgrade_websocket = false;
	h->n_fields = 0;
	h->seen = 0;
}

static inline __attribute__((always_inline)) int head(struct parse *s, line_fn start_line)
{
	int rc = start_line(s);

	if (rc <= 0)
		return rc;
	s->start_line_done = true;
	return fields(s);
}

/* Too few bytes to be a head, yet enough to see that it will not become one. */
static __attribute__((noinline, cold)) int short_head(struct parse *s, line_fn start_line)
{
	char pad[SCAN_BEFORE + HEAD_MIN] = {0};
	size_t n = (size_t)(s->c.end - s->c.p);
	int rc;

	memcpy(pad + SCAN_BEFORE, s->c.p, n);
	s->c.p = pad + SCAN_BEFORE;
	s->c.end = s->c.p + n;
	rc = start_line(s);
	s->c = (struct cursor){NULL, NULL}; /* pad is gone */
	return rc < 0 ? rc : MORE;
}

/* Parses [buf, buf + len) or as much of it as a head may have. Returns OK, MORE or an error;
 * with OK the cursor is behind the head. */
static inline __attribute__((always_inline)) int parse(struct parse *s, struct http_head *h,
						       const char *buf, size_t len, size_t scanned,
						       const struct h1_limits *lim,
						       line_fn start_line, int start_line_too_long)
{
	size_t max = lim->max_head_bytes < INT_MAX ? lim->max_head_bytes : INT_MAX;
	size_t n = len < max ? len : max;
	int rc;

	if (scanned && n < max && !memchr(buf + scanned, '\n', n - scanned))
		return MORE;
	clear(h);
	s->h = h;
	s->c = (struct cursor){buf, buf + n};
	s->max_fields = lim->max_fields < HTTP_FIELDS_MAX ? lim->max_fields : HTTP_FIELDS_MAX;
	s->start_line_done = false;
	s->index.seen = s->index.repeated = 0;
	rc = n < HEAD_MIN ? short_head(s, start_line) : head(s, start_line);
	if (rc == MORE && n == max)
		return s->start_line_done ? H1_TOO_LARGE : start_line_too_long;
	return rc;
}

int h1_parse_request(struct http_head *h, const char *buf, size_t len, size_t scanned,
		     const struct h1_limits *lim)
{
	struct parse s;
	int rc = parse(&s, h, buf, len, scanned, lim, request_line, H1_URI_TOO_LONG);

	if (rc <= 0)
		return rc;
	rc = h1_frame_request(h, &s.index);
	return rc < 0 ? rc : (int)(s.c.p - buf);
}

int h1_parse_response(struct http_head *h, const char *buf, size_t len, size_t scanned,
		      const struct h1_limits *lim, enum http_method request_method)
{
	struct parse s;
	int rc = parse(&s, h, buf, len, scanned, lim, status_line, H1_TOO_LARGE);

	if (rc <= 0)
		return rc;
	rc = h1_frame_response(h, &s.index, request_method);
	return rc < 0 ? rc : (int)(s.c.p - buf);
}
