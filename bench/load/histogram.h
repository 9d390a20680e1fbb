/* histogram.h - latencies in log-linear buckets: each power of two has 128 of them, so that a
 * value is known to within 1/128. Values are TSC cycles. */
#pragma once
#include <stdint.h>
#include <string.h>

#define HISTOGRAM_BITS    7
#define HISTOGRAM_SUB     (1u << HISTOGRAM_BITS)
#define HISTOGRAM_LOG_MAX 45 /* 2^45 cycles are hours; what is longer counts as that */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_LOG_MAX - HISTOGRAM_BITS + 1) * HISTOGRAM_SUB)

struct histogram {
	uint64_t n, min, max, sum;
	uint64_t count[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t v)
{
	uint32_t shift;

	if (v < 2 * HISTOGRAM_SUB)
		return (uint32_t)v;
	shift = 63 - (uint32_t)__builtin_clzll(v) - HISTOGRAM_BITS;
	return shift * HISTOGRAM_SUB + (uint32_t)(v >> shift);
}

static inline void histogram_add(struct histogram *h, uint64_t v)
{
	uint32_t i;

	if (v >= 1ull << HISTOGRAM_LOG_MAX)
		v = (1ull << HISTOGRAM_LOG_MAX) - 1;
	i = histogram_bucket(v);
	h->count[i]++;
	h->n++;
	h->sum += v;
	if (v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
}

void histogram_reset(struct histogram *h);

/* The largest value that falls into bucket i. */
uint64_t histogram_upper(uint32_t i);

/* The value that a share q (0 to 1) of all is not above; at most max, 0 when there is none. */
uint64_t histogram_quantile(const struct histogram *h, double q);
