/* warm.c - owns the age of endpoints: slow start (istio/reference 3.3, warmup). It is the
 * endpoint's, not the worker's: all of them send it the same share. */
#include <lb/state.h>

#include <math.h>

/* The first of all workers to ask sets it. */
static uint64_t since_us(struct endpoint_health *h, uint64_t now_us)
{
	uint64_t at = __atomic_load_n(&h->since_us, __ATOMIC_RELAXED), first = now_us ? now_us : 1;

	if (!at && __atomic_compare_exchange_n(&h->since_us, &at, first, false, __ATOMIC_RELAXED,
					       __ATOMIC_RELAXED))
		return first;
	return at;
}

static double share_of(const struct slow_start *w, uint64_t age_us)
{
	double share = pow((double)age_us / (double)w->duration_us, w->exponent);

	return share > w->minimum ? share : w->minimum;
}

bool lb_takes_turn(struct lb_state *s, const struct slow_start *w, const struct endpoint *e)
{
	uint64_t since = e->health ? since_us(e->health, s->now_us) : ENDPOINT_WARM, age_us;

	if (since == ENDPOINT_WARM)
		return true;
	/* Another worker's pass may have begun a little later. */
	age_us = s->now_us > since ? s->now_us - since : 0;
	if (age_us >= w->duration_us) {
		__atomic_store_n(&e->health->since_us, ENDPOINT_WARM, __ATOMIC_RELAXED);
		return true;
	}
	return lb_random_below(s, LB_WHOLE) < (uint32_t)(share_of(w, age_us) * LB_WHOLE);
}
