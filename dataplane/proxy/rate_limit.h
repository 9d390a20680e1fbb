/* rate_limit.h - requests against the token buckets of their route. */
#pragma once
#include <stdbool.h>

#include <weir/rate_limit.h>

/* Takes one request from every bucket, or from none (false). Any worker, any time; a clock that
 * is behind another worker's only makes this one stricter. */
bool rate_limit_take(const struct rate_limit *limits, uint32_t n, uint64_t now_us);
