/* xxh64.h - xxHash64 with a seed, as its specification describes it: what consistent hashing uses,
 * so that rings agree with those of Istio's proxies. Not for secrets. */
#pragma once
#include <endian.h>
#include <stdint.h>
#include <string.h>

#define XXH64_PRIME_1 0x9e3779b185ebca87ull
#define XXH64_PRIME_2 0xc2b2ae3d27d4eb4full
#define XXH64_PRIME_3 0x165667b19e3779f9ull
#define XXH64_PRIME_4 0x85ebca77c2b2ae63ull
#define XXH64_PRIME_5 0x27d4eb2f165667c5ull

static inline uint64_t xxh64_rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline uint64_t xxh64_read(const unsigned char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

static inline uint64_t xxh64_round(uint64_t lane, uint64_t input)
{
	return xxh64_rotate(lane + input * XXH64_PRIME_2, 31) * XXH64_PRIME_1;
}

/* Stripes of 32 bytes, four lanes; *p moves behind the last whole one. */
static inline uint64_t xxh64_stripes(const unsigned char **p, const unsigned char *end,
				     uint64_t seed)
{
	uint64_t lane[4] = {seed + XXH64_PRIME_1 + XXH64_PRIME_2, seed + XXH64_PRIME_2, seed,
			    seed - XXH64_PRIME_1};
	uint64_t h;

	for (; end - *p >= 32; *p += 32)
		for (unsigned i = 0; i < 4; i++)
			lane[i] = xxh64_round(lane[i], xxh64_read(*p + 8 * i));
	h = xxh64_rotate(lane[0], 1) + xxh64_rotate(lane[1], 7) + xxh64_rotate(lane[2], 12) +
	    xxh64_rotate(lane[3], 18);
	for (unsigned i = 0; i < 4; i++)
		h = (h ^ xxh64_round(0, lane[i])) * XXH64_PRIME_1 + XXH64_PRIME_4;
	return h;
}

/* What is left after the stripes: up to 31 bytes. */
static inline uint64_t xxh64_tail(uint64_t h, const unsigned char *p, const unsigned char *end)
{
	uint32_t word;

	for (; end - p >= 8; p += 8)
		h = xxh64_rotate(h ^ xxh64_round(0, xxh64_read(p)), 27) * XXH64_PRIME_1 +
		    XXH64_PRIME_4;
	if (end - p >= 4) {
		memcpy(&word, p, sizeof(word));
		h = xxh64_rotate(h ^ (uint64_t)le32toh(word) * XXH64_PRIME_1, 23) * XXH64_PRIME_2 +
		    XXH64_PRIME_3;
		p += 4;
	}
	for (; p < end; p++)
		h = xxh64_rotate(h ^ *p * XXH64_PRIME_5, 11) * XXH64_PRIME_1;
	return h;
}

static inline uint64_t xxh64(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data, *end = p + n;
	uint64_t h = n >= 32 ? xxh64_stripes(&p, end, seed) : seed + XXH64_PRIME_5;

	h = xxh64_tail(h + n, p, end);
	h = (h ^ h >> 33) * XXH64_PRIME_2;
	h = (h ^ h >> 29) * XXH64_PRIME_3;
	return h ^ h >> 32;
}
