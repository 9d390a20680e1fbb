/* bound.c - owns bounded loads of consistent hashing: how much each endpoint may have to do
 * (Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads; Envoy's
 * hash_balance_factor).
 *
 * A worker bounds its own requests. Where none gives an endpoint more than its share, their sum
 * does not, either. */
#include <lb/state.h>

/* The set that index i of the cluster's endpoints is chosen from: all of them, or a part. */
static const struct endpoint_set *set_of(const struct cluster *c, uint32_t i)
{
	const struct endpoint_set *whole = c->endpoints;

	for (uint32_t p = 0; p < whole->n_parts; p++)
		if (i - whole->parts[p].first < whole->parts[p].set.n)
			return &whole->parts[p].set;
	return whole;
}

/* Requests in progress at a set are counted where its first endpoint has its place: ids of
 * endpoints are stable, and no two sets begin with the same one. When another endpoint comes to be
 * the first the count begins anew, and until the old requests have ended the bound is low. */
static struct lb_active *sum_of(struct lb_state *s, uint32_t id, uint32_t gen)
{
	struct lb_active *sum;

	if (id >= s->n_endpoints)
		return NULL;
	sum = &s->sums[id];
	if (sum->gen != gen)
		*sum = (struct lb_active){0, gen};
	return sum;
}

void lb_bound_begin(struct lb_state *s, const struct cluster *c, uint32_t i, struct lb_bound *b)
{
	const struct endpoint *first = &set_of(c, i)->endpoints[0];
	struct lb_active *sum = sum_of(s, first->id, first->gen);

	*b = (struct lb_bound){.id = first->id, .gen = first->gen, .counted = sum != NULL};
	if (sum)
		sum->requests++;
}

void lb_bound_end(struct lb_state *s, struct lb_bound *b)
{
	struct lb_active *sum = b->id < s->n_endpoints ? &s->sums[b->id] : NULL;

	if (b->counted && sum && sum->gen == b->gen && sum->requests > 0)
		sum->requests--;
	b->counted = false;
}

/* What the endpoints that are not out have to bear alone. */
static uint64_t usable_weight(struct lb_state *s, const struct cluster *c,
			      const struct endpoint_set *set)
{
	struct lb_view buf = {0};
	const struct lb_view *v;
	uint64_t weight;

	if (!lb_out(s, c))
		return set->table->weight;
	v = lb_view(s, c, &buf);
	weight = set->table->weight * v->usable / v->weight;
	return weight ? weight : 1;
}

struct lb_measure lb_measure(struct lb_state *s, const struct cluster *c,
			     const struct endpoint_set *set)
{
	const struct endpoint *first = &set->endpoints[0];
	const struct lb_active *sum = sum_of(s, first->id, first->gen);
	uint64_t requests = (sum ? sum->requests : 0) + 1ull;

	return (struct lb_measure){
		.slots = (requests * c->affinity->bound_percent + 99) / 100,
		.weight = usable_weight(s, c, set),
	};
}

bool lb_has_room(const struct lb_state *s, const struct lb_measure *m, const struct endpoint *e)
{
	uint64_t slots = (m->slots * e->weight + m->weight - 1) / m->weight;

	return lb_active_requests(s, e) < slots;
}
