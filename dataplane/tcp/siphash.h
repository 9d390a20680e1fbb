/* siphash.h - SipHash (Aumasson, Bernstein 2012) over whole 64-bit words.
 *
 * 2-4 where the result leaves the host (ISNs, timestamp offsets), 1-3 where only the order of
 * a table depends on it. Both need a key that the peer cannot learn. */
#pragma once
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

static inline uint64_t siphash_rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = siphash_rotate(v[1], 13) ^ v[0];
	v[3] = siphash_rotate(v[3], 16) ^ v[2];
	v[0] = siphash_rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = siphash_rotate(v[3], 21) ^ v[0];
	v[1] = siphash_rotate(v[1], 17) ^ v[2];
	v[2] = siphash_rotate(v[2], 32);
}

static inline uint64_t siphash_words(const struct siphash_key *key, const uint64_t *w, unsigned n,
				     unsigned per_word, unsigned at_end)
{
	uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575ull, key->k1 ^ 0x646f72616e646f6dull,
			 key->k0 ^ 0x6c7967656e657261ull, key->k1 ^ 0x7465646279746573ull};
	uint64_t length = (uint64_t)(n * 8 & 0xff) << 56;

	for (unsigned i = 0; i <= n; i++) {
		uint64_t word = i < n ? w[i] : length;

		v[3] ^= word;
		for (unsigned r = 0; r < per_word; r++)
			siphash_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (unsigned r = 0; r < at_end; r++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t siphash24(const struct siphash_key *key, const uint64_t *w, unsigned n)
{
	return siphash_words(key, w, n, 2, 4);
}

static inline uint64_t siphash13(const struct siphash_key *key, const uint64_t *w, unsigned n)
{
	return siphash_words(key, w, n, 1, 3);
}
