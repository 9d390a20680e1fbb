/* scan.h - finds the end of a token, target or field value, sixteen bytes at a time.
 *
 * Each function returns the first byte in [p, end) that does not belong, or end. At least
 * SCAN_BEFORE readable bytes must lie before end: the last block is loaded backwards from end,
 * so that nothing behind it is ever touched. */
#pragma once
#include <nmmintrin.h>

#include <stdint.h>

#define SCAN_BEFORE 16

/* Up to 16 bytes from p, zeros behind end. No class contains NUL, so padding always stops. */
static inline __m128i scan_load(const char *p, const char *end)
{
	static const uint8_t shift[32] = {
		0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,
		11,   12,   13,   14,   15,   0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	};
	long n = end - p;

	if (__builtin_expect(n >= 16, 1))
		return _mm_loadu_si128((const __m128i *)p);
	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(end - 16)),
				_mm_loadu_si128((const __m128i *)(shift + 16 - n)));
}

/* Bits of the bytes that are not tchar: row by low nibble, bit by high nibble. Octets above
 * 0x7f select no row. */
static inline unsigned scan_not_token(__m128i v)
{
	const __m128i rows =
		_mm_setr_epi8((char)0xe8, (char)0xfc, (char)0xf8, (char)0xfc, (char)0xfc,
			      (char)0xfc, (char)0xfc, (char)0xfc, (char)0xf8, (char)0xf8,
			      (char)0xf4, 0x54, (char)0xd0, 0x54, (char)0xf4, 0x70);
	const __m128i bits =
		_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, (char)128, 0, 0, 0, 0, 0, 0, 0, 0);
	__m128i high = _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(0x0f));
	__m128i hit = _mm_and_si128(_mm_shuffle_epi8(rows, v), _mm_shuffle_epi8(bits, high));

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128()));
}

static inline const char *scan_token(const char *p, const char *end)
{
	unsigned stop;

	while ((stop = scan_not_token(scan_load(p, end))) == 0)
		p += 16;
	return p + __builtin_ctz(stop);
}

static inline __m128i scan_up_to(__m128i v, char max)
{
	return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(max)), v);
}

/* Stops at controls, except HTAB. */
static inline const char *scan_value(const char *p, const char *end)
{
	unsigned stop;

	for (;; p += 16) {
		__m128i v = scan_load(p, end);
		__m128i control = _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\t')),
						   scan_up_to(v, 0x1f));

		control = _mm_or_si128(control, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
		stop = (unsigned)_mm_movemask_epi8(control);
		if (stop)
			return p + __builtin_ctz(stop);
	}
}

/* Stops at blanks, controls and "#". *query: the first "?" before that, else NULL. */
static inline const char *scan_target(const char *p, const char *end, const char **query)
{
	*query = NULL;
	for (;; p += 16) {
		__m128i v = scan_load(p, end);
		__m128i bad = _mm_or_si128(scan_up_to(v, ' '),
					   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)),
							_mm_cmpeq_epi8(v, _mm_set1_epi8('#'))));
		unsigned stop = (unsigned)_mm_movemask_epi8(bad);
		unsigned mark = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('?')));

		mark &= (stop & -stop) - 1; /* only those before the stop */
		if (mark && !*query)
			*query = p + __builtin_ctz(mark);
		if (stop)
			return p + __builtin_ctz(stop);
	}
}
