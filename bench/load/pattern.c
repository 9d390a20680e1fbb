/* pattern.c - see pattern.h. */
#include "pattern.h"

#define SEED 0x9e3779b9u

void pattern_init(struct pattern *p)
{
	uint32_t x = SEED, sum = 0;

	for (uint32_t i = 0; i < PATTERN_LEN; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p->bytes[i] = (uint8_t)(x >> 24);
	}
	for (uint32_t i = PATTERN_LEN; i < sizeof(p->bytes); i++)
		p->bytes[i] = p->bytes[i - PATTERN_LEN];
	for (uint32_t i = 0; i < PATTERN_LEN + PATTERN_SLICE; i++) {
		p->sums[i] = sum;
		sum += (uint32_t)p->bytes[i] << (i & 1 ? 8 : 0);
	}
	p->sums[PATTERN_LEN + PATTERN_SLICE] = sum;
}
