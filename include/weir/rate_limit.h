/* rate_limit.h - local token buckets, one for all workers, as annotations ask for them
 * (docs/istio-support.md).
 *
 * A bucket is kept as the time at which it will be full again: a request moves that time on by
 * what it costs and is refused when it would move too far ahead (the generic cell rate algorithm).
 * So the whole bucket is one word, refills by itself, and gives the same total however many
 * workers take from it. */
#pragma once
#include <weir/abi.h>

/* Times of buckets are in these parts of a microsecond, so that a million requests a second are
 * counted to 0.01 %; 64 bits of them are 36 years. */
#define RATE_TICKS_US 16000ull

/* Outlives snapshots, by the name of the limit. Changed by all workers, with atomics. */
struct rate_bucket {
	uint64_t full_at; /* ticks of the workers' clock; in the past: it is full */
} WEIR_CACHE_ALIGNED;

struct rate_limit {
	struct rate_bucket *bucket;
	uint64_t cost; /* ticks in which the bucket gains one request, at least 1 */
	uint64_t room; /* cost * (burst - 1): a request passes when full_at is no later than this */
	const char *name; /* for people: "VirtualService default/reviews *=100/1s burst=20" */
};
