/* path.c - normalises paths; nearly all of them are normal, and are only looked at. */
#include <http/path.h>

#include <nmmintrin.h>

#include <http/chars.h>

/* ---- is there anything to do? ---- */

/* Bits of the bytes that may not stay as they are: escapes, "\", and what has to be escaped. Row by
 * low nibble, bit by high nibble, as in scan.h. */
static unsigned not_plain(__m128i v)
{
	const __m128i rows = _mm_setr_epi8(
		(char)0xb8, (char)0xfc, (char)0xf8, (char)0xf8, (char)0xfc, (char)0xf8, (char)0xfc,
		(char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, 0x7c, 0x54, 0x7c, (char)0xd4, 0x74);
	const __m128i bits =
		_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, (char)128, 0, 0, 0, 0, 0, 0, 0, 0);
	__m128i high = _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(0x0f));
	__m128i hit = _mm_and_si128(_mm_shuffle_epi8(rows, v), _mm_shuffle_epi8(bits, high));

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128()));
}

/* Bytes, or pairs of neighbours, that call for a closer look. */
static unsigned suspicious(__m128i v, bool merge)
{
	unsigned slash = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('/')));
	unsigned dot = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('.')));

	return not_plain(v) | (slash << 1 & (merge ? dot | slash : dot));
}

/* Sixteen bytes with all pairs of p[0..n), 8 <= n < 16: those of its two ends, which overlap. */
static __m128i two_ends(const char *p, uint32_t n)
{
	__m128i first = _mm_loadl_epi64((const __m128i *)p);
	__m128i last = _mm_loadl_epi64((const __m128i *)(p + n - 8));

	return _mm_unpacklo_epi64(first, last);
}

static unsigned suspicious_short(const char *p, uint32_t n, bool merge)
{
	char pad[8];

	memset(pad, 'a', sizeof(pad));
	memcpy(pad, p, n);
	return suspicious(two_ends(pad, sizeof(pad)), merge);
}

/* May say true of what is normal. Blocks overlap by a byte, so that each pair is in one. */
static bool is_suspicious(const char *p, uint32_t n, bool merge)
{
	unsigned found = 0;

	if (n < 8)
		return suspicious_short(p, n, merge);
	if (n < 16)
		return suspicious(two_ends(p, n), merge);
	for (const char *at = p; at + 16 < p + n; at += 15)
		found |= suspicious(_mm_loadu_si128((const __m128i *)at), merge);
	found |= suspicious(_mm_loadu_si128((const __m128i *)(p + n - 16)), merge);
	return found;
}

/* ---- the new form ---- */

/* What is written: a path that begins with "/". */
struct writer {
	char *start, *p;
	char *percent; /* the last "%" that begins no escape; NULL */
};

static const char upper[] = "0123456789ABCDEF";

static unsigned hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c | 0x20) - 'a' + 10;
}

/* The octet that is escaped at p; -1 when none is. */
static int escaped_at(const char *p, const char *end)
{
	if (end - p < 3 || p[0] != '%' || !http_char_is(p[1], CHAR_HEX) ||
	    !http_char_is(p[2], CHAR_HEX))
		return -1;
	return (int)(hex_value(p[1]) << 4 | hex_value(p[2]));
}

/* RFC 3986 2.3. */
static bool is_unreserved(int c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

/* A character that was escaped. Together with a bare "%" before it, it could look like an escape
 * that the client has not sent: that one is escaped now. */
static void put_resolved(struct writer *w, char c)
{
	if (w->percent && w->p - w->percent <= 2 && http_char_is(c, CHAR_HEX)) {
		memmove(w->percent + 3, w->percent + 1, (size_t)(w->p - w->percent - 1));
		memcpy(w->percent, "%25", 3);
		w->p += 2;
		w->percent = NULL;
	}
	*w->p++ = c;
}

static void put_byte(struct writer *w, char c)
{
	if (c == '%')
		w->percent = w->p;
	if (c != '%' && not_plain(_mm_set1_epi8(c))) {
		*w->p++ = '%';
		*w->p++ = upper[(uint8_t)c >> 4];
		c = upper[(uint8_t)c & 15];
	}
	*w->p++ = c;
}

/* False: an escaped NUL. */
static bool put_segment(struct writer *w, const char *p, const char *end)
{
	while (p < end) {
		int c = escaped_at(p, end);

		if (c == 0)
			return false;
		if (c < 0) {
			put_byte(w, *p++);
			continue;
		}
		if (is_unreserved(c)) {
			put_resolved(w, (char)c);
		} else {
			memcpy(w->p, p, 3); /* the case of its digits is not ours to change */
			w->p += 3;
		}
		p += 3;
	}
	return true;
}

/* 1 for ".", 2 for "..", 0 for any other segment. */
static unsigned count_dots(const char *p, const char *end)
{
	unsigned n = 0;

	for (; p < end; n++) {
		if (n == 2)
			return 0;
		if (*p == '.')
			p++;
		else if (escaped_at(p, end) == '.')
			p += 3;
		else
			return 0;
	}
	return n;
}

static void put_slash(struct writer *w)
{
	w->percent = NULL;
	*w->p++ = '/';
}

/* Back to the slash before the last segment. */
static void go_up(struct writer *w)
{
	w->percent = NULL;
	if (w->p - w->start == 1)
		return;
	for (w->p--; w->p[-1] != '/'; w->p--)
		;
}

/* Bytes of the slash at p, in one of its forms; 0 when there is none. */
static unsigned slash_at(const char *p, const char *end, bool decode)
{
	int c;

	if (*p == '/' || *p == '\\')
		return 1;
	if (!decode || *p != '%')
		return 0;
	c = escaped_at(p, end);
	return c == '/' || c == '\\' ? 3 : 0;
}

/* in begins with "/"; what is written always ends with one where a segment begins. */
static bool put_path(struct writer *w, struct slice in, bool decode)
{
	const char *p = in.p + 1, *end = in.p + in.n;
	unsigned slash = 0, dots;

	put_slash(w);
	for (; p <= end; p += slash) {
		const char *segment = p;

		slash = 0;
		while (p < end && (slash = slash_at(p, end, decode)) == 0)
			p++;
		dots = count_dots(segment, p);
		if (dots == 2)
			go_up(w);
		else if (dots == 0 && !put_segment(w, segment, p))
			return false;
		if (slash == 0)
			return true;
		if (dots == 0)
			put_slash(w);
	}
	return true;
}

/* Last of all: until then an empty segment is one that ".." can take away. */
static void merge_slashes(struct writer *w)
{
	char *to = w->start;

	for (const char *p = w->start; p < w->p; p++)
		if (*p != '/' || to == w->start || to[-1] != '/')
			*to++ = *p;
	w->p = to;
}

static __attribute__((noinline, cold)) bool rewrite(struct http_head *h,
						    enum path_normalization kind, char *out)
{
	struct slice path = slice_of(h->path.p, h->path_len);
	uint32_t query = h->path.n - h->path_len;
	struct writer w = {.start = out, .p = out};

	if (!put_path(&w, path, kind == PATH_DECODE_AND_MERGE_SLASHES))
		return false;
	if (kind >= PATH_MERGE_SLASHES)
		merge_slashes(&w);
	memcpy(w.p, path.p + path.n, query);
	h->path_len = (uint32_t)(w.p - out);
	h->path = slice_of(out, h->path_len + query);
	return true;
}

bool http_path_normalize(struct http_head *h, enum path_normalization kind, char *out)
{
	/* "*" and CONNECT's authority are no paths; "/" has nothing to change. */
	if (kind == PATH_NONE || h->path_len <= 1 || h->path.p[0] != '/')
		return true;
	if (!is_suspicious(h->path.p, h->path_len, kind >= PATH_MERGE_SLASHES))
		return true;
	return rewrite(h, kind, out);
}
