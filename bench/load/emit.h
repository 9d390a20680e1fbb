/* emit.h - writes payload piece by piece and keeps its checksum. */
#pragma once
#include <stdint.h>

#include <emmintrin.h>

#include "pattern.h"

struct emit {
	uint8_t *at;
	uint64_t sum;
	uint32_t n; /* bytes so far */
};

/* Copies in steps of 16 bytes: up to 15 more are read and written. */
static inline void emit_copy(uint8_t *dst, const uint8_t *src, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 16)
		_mm_storeu_si128((__m128i *)(void *)(dst + i),
				 _mm_loadu_si128((const __m128i *)(const void *)(src + i)));
}

/* n bytes whose sum is known, as if they began at an even offset. */
static inline void emit_summed(struct emit *e, const uint8_t *p, uint32_t n, uint64_t sum)
{
	emit_copy(e->at + e->n, p, n);
	e->sum += e->n & 1 ? __builtin_bswap16(cksum_fold(sum)) : sum;
	e->n += n;
}

static inline void emit_bytes(struct emit *e, const uint8_t *p, uint32_t n)
{
	emit_summed(e, p, n, cksum_add(0, p, n));
}

static inline void emit_pattern(struct emit *e, const struct pattern *pattern, uint32_t at,
				uint32_t n)
{
	emit_summed(e, pattern_at(pattern, at), n, pattern_sum(pattern, at, n));
}
