/* http.c - see http.h. */
#include "http.h"

#include <ctype.h>
#include <strings.h>

#include <rte_common.h>

#define LINE_NONE UINT32_MAX

/* ---- lines ---- */

/* Where the next line feed is from `at` on; LINE_NONE: not yet. Reads up to 15 bytes more. */
static inline uint32_t find_lf(const uint8_t *p, uint32_t at, uint32_t n)
{
	const __m128i lf = _mm_set1_epi8('\n');

	for (; at < n; at += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + at));
		uint32_t hits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, lf));

		if (hits) {
			at += (uint32_t)__builtin_ctz(hits);
			return at < n ? at : LINE_NONE;
		}
	}
	return LINE_NONE;
}

static bool is_name(const uint8_t *line, uint32_t len, const char *name, uint32_t name_len)
{
	return len > name_len && line[name_len] == ':' &&
	       strncasecmp((const char *)line, name, name_len) == 0;
}

/* The value behind the colon, without blanks around it. */
static const uint8_t *value_of(const uint8_t *line, uint32_t len, uint32_t name_len, uint32_t *n)
{
	uint32_t from = name_len + 1;

	while (from < len && (line[from] == ' ' || line[from] == '\t'))
		from++;
	while (len > from && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	*n = len - from;
	return line + from;
}

static bool read_number(const uint8_t *p, uint32_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (n == 0 || n > 18)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*out = v;
	return true;
}

static bool is_word(const uint8_t *p, uint32_t n, const char *word)
{
	return n == strlen(word) && strncasecmp((const char *)p, word, n) == 0;
}

/* A field that frames the message; false when its value is none that it may have. */
static bool read_framing(const uint8_t *line, uint32_t len, struct http_head *h)
{
	const uint8_t *v;
	uint32_t n;

	if (is_name(line, len, "content-length", 14)) {
		uint64_t before = h->length;

		v = value_of(line, len, 14, &n);
		return read_number(v, n, &h->length) &&
		       (before == HTTP_NO_LENGTH || before == h->length);
	}
	if (is_name(line, len, "transfer-encoding", 17)) {
		v = value_of(line, len, 17, &n);
		h->chunked = is_word(v, n, "chunked");
		return h->chunked;
	}
	if (is_name(line, len, "connection", 10)) {
		v = value_of(line, len, 10, &n);
		h->close |= is_word(v, n, "close");
	}
	return true;
}

/* RFC 9110 section 5.6.2 and 5.5, for those who want every line to be right. */
static bool is_field(const uint8_t *line, uint32_t len)
{
	uint32_t i = 0;

	while (i < len && (isalnum(line[i]) || (line[i] && strchr("!#$%&'*+-.^_`|~", line[i]))))
		i++;
	if (i == 0 || i == len || line[i] != ':')
		return false;
	for (; i < len; i++)
		if ((line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return false;
	return true;
}

/* The lines from `at` on, up to the empty one. */
static inline int read_fields(const uint8_t *p, uint32_t at, uint32_t n, bool strict,
			      struct http_head *h)
{
	for (;;) {
		uint32_t end = find_lf(p, at, n), len = end - at - 1;
		const uint8_t *line = p + at;

		if (end == LINE_NONE)
			return 0;
		if (end == at || p[end - 1] != '\r')
			return -1;
		at = end + 1;
		if (len == 0)
			break;
		if (strict && !is_field(line, len))
			return -1;
		if (((line[0] | 0x20) == 'c' || (line[0] | 0x20) == 't') &&
		    !read_framing(line, len, h))
			return -1;
	}
	if (h->chunked && h->length != HTTP_NO_LENGTH)
		return -1;
	h->len = at;
	return (int)at;
}

/* ---- first lines ---- */

int http_read_response(const uint8_t *p, uint32_t n, struct http_head *h)
{
	uint32_t end = find_lf(p, 0, n);
	uint64_t status;

	*h = (struct http_head){.length = HTTP_NO_LENGTH};
	if (end == LINE_NONE)
		return 0;
	/* "HTTP/1.1 200 OK\r": the reason may be empty, its blank may not. */
	if (end < 14 || memcmp(p, "HTTP/1.1 ", 9) != 0 || p[12] != ' ' || p[end - 1] != '\r' ||
	    !read_number(p + 9, 3, &status) || status < 100)
		return -1;
	h->status = (uint16_t)status;
	return read_fields(p, end + 1, n, true, h);
}

int http_read_request(const uint8_t *p, uint32_t n, struct http_head *h)
{
	static const char version[] = " HTTP/1.1\r";
	const uint32_t tail = sizeof(version) - 1;
	uint32_t end = find_lf(p, 0, n), from = 0;

	*h = (struct http_head){.length = HTTP_NO_LENGTH};
	if (end == LINE_NONE)
		return 0;
	h->post = end < 4 || memcmp(p, "GET ", 4) != 0;
	while (from < end && p[from] != ' ')
		from++;
	if (from == 0 || from + 1 + tail >= end || memcmp(p + end - tail, version, tail) != 0)
		return -1;
	h->path = p + from + 1;
	h->path_len = end - tail - from - 1;
	return read_fields(p, end + 1, n, false, h);
}

/* ---- bodies ---- */

bool body_begin(struct conn *c, const struct http_head *h, uint8_t flags)
{
	c->body_at = 0;
	c->body_left = 0;
	if (h->chunked) {
		/* body_left is the size read so far; body_at counts on through all chunks. */
		c->parse = (uint8_t)(flags | BODY_CHUNK_SIZE);
		return true;
	}
	if (h->length != HTTP_NO_LENGTH && h->length > UINT32_MAX)
		return false;
	if (h->length != HTTP_NO_LENGTH)
		c->body_left = (uint32_t)h->length;
	c->parse = (uint8_t)(flags | (c->body_left ? BODY_PLAIN : BODY_DONE));
	return true;
}

static void set_state(struct conn *c, enum body_state s)
{
	c->parse = (uint8_t)((c->parse & ~BODY_STATE) | s);
}

static __rte_noinline void note_wrong(struct conn *c, const uint8_t *right, const uint8_t *p,
				      uint32_t n, uint32_t *wrong_at)
{
	uint32_t i = 0;

	while (i < n && right[i] == p[i])
		i++;
	if (i == n || c->parse & BODY_WRONG)
		return;
	c->parse |= BODY_WRONG;
	*wrong_at = c->body_at + i;
}

/* Takes up to body_left bytes of the body itself. */
static inline uint32_t take_bytes(struct conn *c, const struct pattern *pattern, const uint8_t *p,
				  uint32_t n, uint32_t *wrong_at)
{
	n = n < c->body_left ? n : c->body_left;
	if (c->parse & BODY_CHECK) {
		const uint8_t *right = pattern_at(pattern, c->body_at);

		if (__builtin_expect(memcmp(right, p, n) != 0, 0))
			note_wrong(c, right, p, n, wrong_at);
	}
	c->body_at += n;
	c->body_left -= n;
	return n;
}

static int hex_digit(uint8_t b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

/* One byte of a chunk's size: digits, at least one, then an extension or the end of the line. */
static bool size_byte(struct conn *c, uint8_t b)
{
	int digit = hex_digit(b);

	if (digit >= 0) {
		set_state(c, BODY_CHUNK_DIGITS);
		c->body_left = c->body_left << 4 | (uint32_t)digit;
		return c->body_left < 1u << 28;
	}
	if (body_state(c) == BODY_CHUNK_SIZE)
		return false;
	set_state(c, BODY_CHUNK_EXT);
	return b == ';' || b == '\r' || b == ' ';
}

/* One byte of what frames the chunks. */
static bool framing_byte(struct conn *c, uint8_t b)
{
	switch (body_state(c)) {
	case BODY_CHUNK_SIZE:
	case BODY_CHUNK_DIGITS:
		return size_byte(c, b);
	case BODY_CHUNK_EXT:
		if (b == '\n')
			set_state(c, c->body_left ? BODY_CHUNK_DATA : BODY_TRAILER);
		return true;
	case BODY_CHUNK_END:
		if (b == '\n')
			set_state(c, BODY_CHUNK_SIZE);
		return b == '\r' || b == '\n';
	case BODY_TRAILER:
		if (b == '\n')
			set_state(c, BODY_DONE);
		else if (b != '\r')
			set_state(c, BODY_TRAILER_LINE);
		return true;
	case BODY_TRAILER_LINE:
		if (b == '\n')
			set_state(c, BODY_TRAILER);
		return true;
	default:
		return false;
	}
}

static int take_chunked(struct conn *c, const struct pattern *pattern, const uint8_t *p, uint32_t n,
			uint32_t *wrong_at)
{
	uint32_t at = 0;

	while (at < n && body_state(c) != BODY_DONE) {
		if (body_state(c) == BODY_CHUNK_DATA) {
			at += take_bytes(c, pattern, p + at, n - at, wrong_at);
			if (c->body_left == 0)
				set_state(c, BODY_CHUNK_END);
		} else if (!framing_byte(c, p[at++])) {
			return -1;
		}
	}
	return (int)at;
}

int body_take(struct conn *c, const struct pattern *pattern, const uint8_t *p, uint32_t n,
	      uint32_t *wrong_at)
{
	if (body_state(c) != BODY_PLAIN)
		return take_chunked(c, pattern, p, n, wrong_at);
	n = take_bytes(c, pattern, p, n, wrong_at);
	if (c->body_left == 0)
		set_state(c, BODY_DONE);
	return (int)n;
}
