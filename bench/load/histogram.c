/* histogram.c - see histogram.h. */
#include "histogram.h"

#include <math.h>

void histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

uint64_t histogram_upper(uint32_t i)
{
	uint32_t shift;

	if (i < 2 * HISTOGRAM_SUB)
		return i;
	shift = i / HISTOGRAM_SUB - 1;
	return ((uint64_t)(i - shift * HISTOGRAM_SUB + 1) << shift) - 1;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)h->n), seen = 0;

	if (h->n == 0)
		return 0;
	if (rank == 0)
		rank = 1;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= rank)
			return histogram_upper(i) < h->max ? histogram_upper(i) : h->max;
	}
	return h->max;
}
