/* careful.c - owns the choice where a plain draw is not enough: some endpoints are out, have been
 * tried or are warming up, or the set is divided into parts. */
#include <lb/state.h>

/* So often a draw is repeated before what is left is searched in order. */
#define REDRAWS      16
#define CURSOR_STEPS 256
#define BOUND_STEPS  512 /* entries of a table asked for room */
#define PAIR_DRAWS   8   /* for the second of two choices to be another one */

struct chooser {
	struct lb_state *s;
	const struct cluster *c;
	const struct endpoint_set *set; /* the part's */
	uint64_t hash;
	const uint32_t *skip;
	unsigned n_skip;
	bool panic;  /* health does not count */
	bool shared; /* other parts are used, too */
};

static bool is_usable(const struct chooser *k, uint32_t i)
{
	const struct endpoint *e = &k->set->endpoints[i];

	return k->panic ? !lb_endpoint_is_leaving(k->c, e) : lb_endpoint_usable(k->c, e);
}

static bool is_skipped(const struct chooser *k, uint32_t i)
{
	for (unsigned j = 0; j < k->n_skip; j++)
		if (k->set->endpoints[i].id == k->skip[j])
			return true;
	return false;
}

static bool accepts(const struct chooser *k, uint32_t i)
{
	return is_usable(k, i) && !is_skipped(k, i) &&
	       (!k->c->slow_start || lb_takes_turn(k->s, k->c->slow_start, &k->set->endpoints[i]));
}

/* Anything that can be used, in order from a random place; what was tried already only when there
 * is nothing else. */
static uint32_t search(const struct chooser *k)
{
	uint32_t start = lb_random_below(k->s, k->set->n), tried = LB_NONE;

	for (uint32_t n = 0; n < k->set->n; n++) {
		uint32_t i = (start + n) % k->set->n;

		if (!is_usable(k, i))
			continue;
		if (!is_skipped(k, i))
			return i;
		tried = i;
	}
	return tried;
}

static uint32_t draw_random(const struct chooser *k)
{
	for (unsigned n = 0; n < REDRAWS; n++) {
		uint32_t i = lb_draw_random(k->s, k->set);

		if (accepts(k, i))
			return i;
	}
	return search(k);
}

static uint32_t draw_least(const struct chooser *k)
{
	uint32_t x = draw_random(k), y = x;

	for (unsigned n = 0; n < PAIR_DRAWS && y == x && x != LB_NONE; n++)
		y = draw_random(k);
	return y == x ? x : lb_less_loaded(k->s, k->set, x, y);
}

/* There is one cursor for a cluster: where requests go to several of its parts in turn, no part
 * would see all its positions. */
static uint32_t draw_next(const struct chooser *k)
{
	if (k->shared)
		return draw_random(k);
	for (unsigned n = 0; n < CURSOR_STEPS; n++) {
		uint32_t i = lb_draw_next(k->s, k->c, k->set);

		if (accepts(k, i))
			return i;
	}
	return search(k);
}

/* The next entries of the table take over from those that are out. */
static uint32_t look_up(const struct chooser *k)
{
	const struct hash_table *t = k->set->table;
	uint32_t at = lb_table_at(t, k->hash);

	for (uint32_t n = 0; n < t->n; n++) {
		if (is_usable(k, t->owners[at]))
			return t->owners[at];
		at = at + 1 < t->n ? at + 1 : 0;
	}
	return LB_NONE;
}

/* And from those that have enough to do. Somebody has room, but he may be far: then it is the least
 * loaded of those that were met, and if they were all out, whoever is not. */
static uint32_t look_up_bounded(const struct chooser *k)
{
	struct lb_measure m = lb_measure(k->s, k->c, k->set);
	const struct hash_table *t = k->set->table;
	uint32_t at = lb_table_at(t, k->hash), best = LB_NONE;

	for (uint32_t n = 0; n < t->n && n < BOUND_STEPS; n++) {
		uint32_t i = t->owners[at];

		at = at + 1 < t->n ? at + 1 : 0;
		if (!is_usable(k, i))
			continue;
		if (lb_has_room(k->s, &m, &k->set->endpoints[i]))
			return i;
		best = best == LB_NONE ? i : lb_less_loaded(k->s, k->set, best, i);
	}
	return best == LB_NONE ? look_up(k) : best;
}

static uint32_t choose(const struct chooser *k)
{
	if (k->set->n == 0)
		return LB_NONE;
	switch (k->c->lb) {
	case LB_HASH:
		return k->c->affinity && k->c->affinity->bound_percent ? look_up_bounded(k)
								       : look_up(k);
	case LB_ROUND_ROBIN:
		return draw_next(k);
	case LB_RANDOM:
		return draw_random(k);
	case LB_LEAST_REQUEST:
		break;
	}
	return draw_least(k);
}

/* Which part a request goes to; n when to none. Other bits of the hash than those that the part's
 * own table looks at. */
static uint32_t part_of(const struct lb_view *v, uint32_t n, uint64_t hash)
{
	uint32_t x = (uint32_t)(hash * 0x9e3779b97f4a7c15ull >> 32), sum = 0, i;

	x = (uint32_t)((uint64_t)x * LB_WHOLE >> 32);
	for (i = 0; i < n; i++) {
		sum += v->share[i];
		if (x < sum)
			break;
	}
	return i;
}

uint32_t lb_pick_careful(struct lb_state *s, const struct cluster *c, uint64_t hash,
			 const uint32_t *skip, unsigned n_skip)
{
	const struct endpoint_set *whole = c->endpoints;
	uint32_t n = whole->n_parts ? whole->n_parts : 1, part, drawn;
	struct chooser k = {
		.s = s, .c = c, .set = whole, .hash = hash, .skip = skip, .n_skip = n_skip};
	struct lb_view buf = {0};
	const struct lb_view *v;

	if (whole->n == 0)
		return LB_NONE;
	v = lb_view(s, c, &buf);
	part = part_of(v, n, hash);
	if (part == n)
		return LB_NONE;
	k.panic = v->panics >> part & 1;
	k.shared = v->share[part] != LB_WHOLE;
	if (!whole->n_parts)
		return choose(&k);
	k.set = &whole->parts[part].set;
	drawn = choose(&k);
	return drawn == LB_NONE ? LB_NONE : whole->parts[part].first + drawn;
}
