/* pattern.h - what bodies are made of: byte i of a body is pattern[i % PATTERN_LEN], a fixed
 * stream without a shorter period, so that a piece that is shifted, missing or swapped shows.
 *
 * A table of prefix sums makes the Internet checksum of any piece a subtraction. */
#pragma once
#include <stdint.h>

#include <net/cksum.h>

#define PATTERN_LEN   65521u /* prime */
#define PATTERN_SLICE 16384u /* a longer piece is not asked for at once */

struct pattern {
	uint8_t bytes[PATTERN_LEN + PATTERN_SLICE + 64];
	/* Sum, modulo 2^32, of the 16-bit words before byte i, byte 0 being the low half of one. */
	uint32_t sums[PATTERN_LEN + PATTERN_SLICE + 1];
};

void pattern_init(struct pattern *p);

static inline const uint8_t *pattern_at(const struct pattern *p, uint32_t at)
{
	return p->bytes + (at < PATTERN_LEN ? at : at % PATTERN_LEN);
}

/* The checksum of n <= PATTERN_SLICE bytes from `at`, as if they began at an even offset. */
static inline uint64_t pattern_sum(const struct pattern *p, uint32_t at, uint32_t n)
{
	uint32_t from = at < PATTERN_LEN ? at : at % PATTERN_LEN;
	uint32_t sum = p->sums[from + n] - p->sums[from];

	return from & 1 ? __builtin_bswap16(cksum_fold(sum)) : sum;
}
