/* rate_limit.c - owns the arithmetic of token buckets. */
#include <proxy/rate_limit.h>

/* A refusal writes nothing: a flood beyond the limit leaves the line shared. */
static bool take(const struct rate_limit *l, uint64_t now)
{
	uint64_t *word = &l->bucket->full_at, full_at = __atomic_load_n(word, __ATOMIC_RELAXED);
	uint64_t from;

	do {
		if (full_at > now + l->room)
			return false;
		from = full_at > now ? full_at : now;
	} while (!__atomic_compare_exchange_n(word, &full_at, from + l->cost, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

/* What was taken was added, and so is what others took since: it can be taken off again. */
static void give_back(const struct rate_limit *l)
{
	__atomic_fetch_sub(&l->bucket->full_at, l->cost, __ATOMIC_RELAXED);
}

bool rate_limit_take(const struct rate_limit *limits, uint32_t n, uint64_t now_us)
{
	uint64_t now = now_us * RATE_TICKS_US;

	for (uint32_t i = 0; i < n; i++) {
		if (take(&limits[i], now))
			continue;
		while (i-- > 0)
			give_back(&limits[i]);
		return false;
	}
	return true;
}
