/* warm.c - owns the age of endpoints: slow start (istio/reference 3.3, warmup). */
#include <lb/state.h>

#include <math.h>

static uint32_t now_ms(const struct lb_state *s)
{
	uint32_t ms = (uint32_t)(s->now_us / 1000);

	return ms == LB_WARM ? ms - 1 : ms;
}

static double share_of(const struct slow_start *w, uint64_t age_us)
{
	double share = pow((double)age_us / (double)w->duration_us, w->exponent);

	return share > w->minimum ? share : w->minimum;
}

bool lb_takes_turn(struct lb_state *s, const struct slow_start *w, const struct endpoint *e)
{
	uint32_t now = now_ms(s);
	struct lb_age *a;
	uint64_t age_us;

	if (e->id >= s->n_endpoints)
		return true;
	a = &s->ages[e->id];
	if (a->gen != e->gen)
		*a = (struct lb_age){now, e->gen};
	if (a->since_ms == LB_WARM)
		return true;
	age_us = (uint64_t)(now - a->since_ms) * 1000;
	if (age_us >= w->duration_us) {
		a->since_ms = LB_WARM;
		return true;
	}
	return lb_random_below(s, LB_WHOLE) < (uint32_t)(share_of(w, age_us) * LB_WHOLE);
}
