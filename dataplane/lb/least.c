/* least.c - owns the counts of active requests, and the choice by them. */
#include <lb/state.h>

uint32_t lb_less_loaded(const struct lb_state *s, const struct endpoint_set *set, uint32_t x,
			uint32_t y)
{
	const struct endpoint *ex = &set->endpoints[x], *ey = &set->endpoints[y];
	uint64_t load_x = (uint64_t)lb_active_requests(s, ex) * ey->weight;
	uint64_t load_y = (uint64_t)lb_active_requests(s, ey) * ex->weight;

	return load_y < load_x ? y : x;
}

/* Power of two choices (reference 3.3). Draws follow the weights, and loads are compared per
 * weight, so that idle endpoints share by weight and busy ones by what they can bear. */
uint32_t lb_draw_least(struct lb_state *s, const struct endpoint_set *set)
{
	uint32_t x = lb_draw_random(s, set), y;

	if (set->slots) {
		y = lb_draw_random(s, set);
	} else { /* another one, for sure */
		y = lb_random_below(s, set->n - 1);
		y += y >= x;
	}
	return lb_less_loaded(s, set, x, y);
}

void lb_request_begin(struct lb_state *s, const struct endpoint *e)
{
	struct lb_active *a;

	if (e->id >= s->n_endpoints)
		return;
	a = &s->endpoints[e->id];
	if (a->gen != e->gen)
		*a = (struct lb_active){0, e->gen};
	a->requests++;
}

void lb_request_end(struct lb_state *s, uint32_t endpoint_id, uint32_t endpoint_gen)
{
	struct lb_active *a;

	if (endpoint_id >= s->n_endpoints)
		return;
	a = &s->endpoints[endpoint_id];
	if (a->gen == endpoint_gen && a->requests > 0)
		a->requests--;
}
