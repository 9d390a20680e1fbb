/* explain_path.c - see explain_path.h. One segment after the other is put at the end of what is
 * there, which always ends with a slash then. */
#include "explain_path.h"

#include <stdio.h>
#include <string.h>

struct normal {
	char *out;
	uint32_t n;
	uint32_t percent; /* behind the last "%" of this segment that begins no escape; 0: none */
};

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = span_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The octet that is escaped at the head of s; -1 when none is. */
static int escaped(struct span s)
{
	int high, low;

	if (s.n < 3 || s.p[0] != '%')
		return -1;
	high = hex_digit(s.p[1]);
	low = hex_digit(s.p[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool is_one_of(const char *set, unsigned char c)
{
	return is_alnum(c) || (c && strchr(set, c));
}

/* A "%" right before, or one byte before, would make an escape of what was none. */
static void put_resolved(struct normal *x, char c)
{
	if (x->percent && x->n - x->percent <= 1 && hex_digit(c) >= 0) {
		memmove(x->out + x->percent + 2, x->out + x->percent, x->n - x->percent);
		memcpy(x->out + x->percent, "25", 2);
		x->n += 2;
		x->percent = 0;
	}
	x->out[x->n++] = c;
}

static void put_byte(struct normal *x, unsigned char c)
{
	char escape[4];

	if (c == '%' || is_one_of("!$&'()*+,-./:;=@[]_~", c)) {
		x->out[x->n++] = (char)c;
		if (c == '%')
			x->percent = x->n;
		return;
	}
	snprintf(escape, sizeof(escape), "%%%02X", c);
	memcpy(x->out + x->n, escape, 3);
	x->n += 3;
}

/* False: an escaped NUL. */
static bool put_segment(struct normal *x, struct span s)
{
	while (s.n > 0) {
		int c = escaped(s);
		uint32_t n = c < 0 ? 1 : 3;

		if (c == 0)
			return false;
		if (c < 0) {
			put_byte(x, (unsigned char)s.p[0]);
		} else if (is_one_of("-._~", (unsigned char)c)) {
			put_resolved(x, (char)c);
		} else {
			memcpy(x->out + x->n, s.p, 3);
			x->n += 3;
		}
		s = span_of(s.p + n, s.n - n);
	}
	return true;
}

/* How many dots the segment consists of, escaped ones too; 0 when there is anything else. */
static unsigned count_dots(struct span s)
{
	unsigned dots = 0;

	while (s.n > 0) {
		uint32_t n = s.p[0] == '.' ? 1 : escaped(s) == '.' ? 3 : 0;

		if (n == 0)
			return 0;
		s = span_of(s.p + n, s.n - n);
		dots++;
	}
	return dots;
}

/* Behind the slash before the last segment. */
static void go_up(struct normal *x)
{
	if (x->n > 1)
		x->n--;
	while (x->out[x->n - 1] != '/')
		x->n--;
}

/* Bytes of the slash at the head of s; 0 when there is none. */
static uint32_t slash(struct span s, bool decode)
{
	int c = escaped(s);

	if (s.n > 0 && (s.p[0] == '/' || s.p[0] == '\\'))
		return 1;
	return decode && (c == '/' || c == '\\') ? 3 : 0;
}

static uint32_t segment_length(struct span s, bool decode)
{
	uint32_t n = 0;

	while (n < s.n && slash(span_of(s.p + n, s.n - n), decode) == 0)
		n++;
	return n;
}

static void merge_slashes(struct normal *x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->n; i++)
		if (n == 0 || x->out[i] != '/' || x->out[n - 1] != '/')
			x->out[n++] = x->out[i];
	x->n = n;
}

static bool put_path(struct normal *x, struct span s, bool decode)
{
	for (;;) {
		uint32_t n = segment_length(s, decode);
		uint32_t after = slash(span_of(s.p + n, s.n - n), decode);
		unsigned dots = count_dots(span_of(s.p, n));

		x->percent = 0;
		if (dots == 2)
			go_up(x);
		else if (dots != 1 && !put_segment(x, span_of(s.p, n)))
			return false;
		if (after == 0)
			return true;
		if (dots != 1 && dots != 2)
			x->out[x->n++] = '/';
		s = span_of(s.p + n + after, s.n - n - after);
	}
}

bool explain_path_normalize(struct span path, enum path_normalization kind, char *out,
			    struct span *result)
{
	struct normal x = {.out = out};

	*result = path;
	if (kind == PATH_NONE || path.n == 0 || path.p[0] != '/')
		return true;
	x.out[x.n++] = '/';
	if (!put_path(&x, span_of(path.p + 1, path.n - 1), kind == PATH_DECODE_AND_MERGE_SLASHES))
		return false;
	if (kind >= PATH_MERGE_SLASHES)
		merge_slashes(&x);
	*result = span_of(out, x.n);
	return true;
}
