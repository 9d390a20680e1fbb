/* weighted.c - owns the walk through weight tables: splits, round robin, random. */
#include <lb/state.h>

static uint32_t start_of(const struct lb_state *s, uint32_t id, uint32_t gen, uint32_t n)
{
	uint64_t z = s->seed + ((uint64_t)id << 32 | gen) * 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

uint32_t lb_cursor_step(struct lb_state *s, struct lb_cursor *c, uint32_t id, uint32_t gen,
			uint32_t n)
{
	uint32_t pos = c->pos;

	if (c->gen != gen) {
		c->gen = gen;
		pos = start_of(s, id, gen, n);
	} else if (pos >= n) { /* the table became shorter */
		pos = 0;
	}
	c->pos = pos + 1 < n ? pos + 1 : 0;
	return pos;
}

uint32_t lb_pick_target(struct lb_state *s, const struct split *split)
{
	uint32_t pos;

	if (split->n_slots == 0)
		return 0;
	if (split->id < s->n_splits)
		pos = lb_cursor_step(s, &s->splits[split->id], split->id, split->gen,
				     split->n_slots);
	else
		pos = lb_random_below(s, split->n_slots);
	return split->slots[pos];
}

uint32_t lb_draw_next(struct lb_state *s, const struct cluster *c, const struct endpoint_set *set)
{
	uint32_t n = set->slots ? set->n_slots : set->n, pos;

	if (c->id < s->n_clusters)
		pos = lb_cursor_step(s, &s->clusters[c->id], c->id, c->gen, n);
	else
		pos = lb_random_below(s, n);
	return set->slots ? set->slots[pos] : pos;
}

uint32_t lb_draw_random(struct lb_state *s, const struct endpoint_set *set)
{
	if (set->slots)
		return set->slots[lb_random_below(s, set->n_slots)];
	return lb_random_below(s, set->n);
}
