/* utf8.h - is it UTF-8 (RFC 3629)? Nearly everything is ASCII, sixteen bytes at a time. */
#pragma once
#include <emmintrin.h>

#include <base/slice.h>

/* Bytes of the character at p, 0 when it is none: overlong, a surrogate, or cut. */
static inline uint32_t utf8_length(const uint8_t *p, uint32_t n)
{
	uint32_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len == 0 || len > n || p[0] > 0xf4)
		return 0;
	for (uint32_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
		return 0;
	return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : len;
}

static inline bool utf8_valid(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	uint32_t n = s.n, len;

	while (n >= 16 && !_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)p))) {
		p += 16;
		n -= 16;
	}
	for (; n > 0; p += len, n -= len)
		if ((len = utf8_length(p, n)) == 0)
			return false;
	return true;
}
