/* health.c - owns the choice while some endpoints are out. */
#include <lb/state.h>

static bool is_tried(const struct endpoint *e, const uint32_t *skip, unsigned n_skip)
{
	for (unsigned i = 0; i < n_skip; i++)
		if (e->id == skip[i])
			return true;
	return false;
}

uint32_t lb_pick_usable(const struct cluster *c, uint32_t drawn, const uint32_t *skip,
			unsigned n_skip)
{
	const struct endpoint_set *set = c->endpoints;
	uint32_t tried = LB_NONE;

	for (uint32_t i = 0; i < set->n; i++) {
		uint32_t k = drawn + i < set->n ? drawn + i : drawn + i - set->n;

		if (!lb_endpoint_usable(&set->endpoints[k]))
			continue;
		if (!is_tried(&set->endpoints[k], skip, n_skip))
			return k;
		tried = k;
	}
	return tried;
}
