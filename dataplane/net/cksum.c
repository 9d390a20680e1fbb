/* cksum.c - the checksum of long buffers, in the widest registers that the processor has. */
#include "cksum.h"

#include <immintrin.h>

/* 32 bytes a step; as cksum_blocks(), two lanes of sums kept apart so that neither waits. */
__attribute__((target("avx2"))) static uint64_t blocks_avx2(const uint8_t *p, size_t blocks)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i even = zero, odd = zero;
	uint64_t lane[4];

	for (size_t i = 0; i < blocks; i++) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * i));

		even = _mm256_add_epi64(even, _mm256_unpacklo_epi32(v, zero));
		odd = _mm256_add_epi64(odd, _mm256_unpackhi_epi32(v, zero));
	}
	_mm256_storeu_si256((__m256i *)(void *)lane, _mm256_add_epi64(even, odd));
	return lane[0] + lane[1] + lane[2] + lane[3];
}

uint64_t cksum_add_long(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t blocks = len / 32;

	if (!__builtin_cpu_supports("avx2"))
		return cksum_add_short(sum, p, len);
	sum += blocks_avx2(p, blocks);
	return cksum_add_short(sum, p + 32 * blocks, len % 32);
}
