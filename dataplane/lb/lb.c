/* lb.c - owns struct lb_state, and chooses among the policies. */
#include <lb/lb.h>

#include <stdlib.h>
#include <string.h>

#include <lb/state.h>

/* Draws again this often to find an endpoint that was not tried (retryIgnorePreviousHosts,
 * istio/reference 2.4.6) before looking for one in order. */
#define REDRAWS 5

struct lb_state *lb_create(uint64_t seed)
{
	struct lb_state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->seed = seed;
	s->random = seed * 0x9e3779b97f4a7c15ull + 0x2545f4914f6cdd1dull;
	if (s->random == 0) /* the one state xorshift never leaves */
		s->random = 1;
	return s;
}

static void free_arrays(struct lb_state *s)
{
	free(s->splits);
	free(s->clusters);
	free(s->endpoints);
	free(s->sums);
	free(s->views);
}

void lb_destroy(struct lb_state *s)
{
	if (!s)
		return;
	free_arrays(s);
	free(s);
}

/* A larger copy of an array, whose new elements belong to no generation; NULL without memory. */
static void *grown_cursors(const struct lb_cursor *old, uint32_t n_old, uint32_t n)
{
	struct lb_cursor *c = calloc(n, sizeof(*c));

	if (!c)
		return NULL;
	if (n_old)
		memcpy(c, old, n_old * sizeof(*c));
	for (uint32_t i = n_old; i < n; i++)
		c[i].gen = LB_GEN_NONE;
	return c;
}

#define GROWN_ALIKE(s)                                                                             \
	static_assert(sizeof(struct lb_cursor) == sizeof(s) &&                                     \
			      offsetof(struct lb_cursor, gen) == offsetof(s, gen),                 \
		      "grown alike")
GROWN_ALIKE(struct lb_active);

static void *grown_by_endpoint(const struct lb_state *s, const void *old, uint32_t n)
{
	return grown_cursors(old, s->n_endpoints, n ? n : 1);
}

static struct lb_view *grown_views(const struct lb_view *old, uint32_t n_old, uint32_t n)
{
	struct lb_view *v = calloc(n, sizeof(*v));

	if (v && n_old)
		memcpy(v, old, n_old * sizeof(*v));
	return v;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

bool lb_resize(struct lb_state *s, uint32_t n_splits, uint32_t n_clusters, uint32_t n_endpoints)
{
	uint32_t ns = larger(n_splits, s->n_splits), nc = larger(n_clusters, s->n_clusters);
	uint32_t ne = larger(n_endpoints, s->n_endpoints);
	struct lb_state new = *s;

	new.n_splits = ns;
	new.n_clusters = nc;
	new.n_endpoints = ne;
	new.splits = grown_cursors(s->splits, s->n_splits, ns ? ns : 1);
	new.clusters = grown_cursors(s->clusters, s->n_clusters, nc ? nc : 1);
	new.endpoints = grown_by_endpoint(s, s->endpoints, ne);
	new.sums = grown_by_endpoint(s, s->sums, ne);
	new.views = grown_views(s->views, s->n_clusters, nc ? nc : 1);
	if (!new.splits || !new.clusters || !new.endpoints || !new.sums || !new.views) {
		free_arrays(&new);
		return false;
	}
	free_arrays(s);
	*s = new;
	return true;
}

void lb_set_now(struct lb_state *s, uint64_t now_us)
{
	s->now_us = now_us;
}

uint64_t lb_random(struct lb_state *s)
{
	uint64_t x = s->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	s->random = x;
	return x * 0x2545f4914f6cdd1dull;
}

static uint32_t draw(struct lb_state *s, const struct cluster *c)
{
	switch (c->lb) {
	case LB_ROUND_ROBIN:
		return lb_draw_next(s, c, c->endpoints);
	case LB_RANDOM:
		return lb_draw_random(s, c->endpoints);
	case LB_LEAST_REQUEST:
	case LB_HASH: /* not drawn */
		break;
	}
	return lb_draw_least(s, c->endpoints);
}

static bool is_skipped(const struct endpoint *e, const uint32_t *skip, unsigned n_skip)
{
	for (unsigned i = 0; i < n_skip; i++)
		if (e->id == skip[i])
			return true;
	return false;
}

/* Retries only: cold. */
static __attribute__((noinline)) uint32_t pick_avoiding(struct lb_state *s, const struct cluster *c,
							uint32_t drawn, const uint32_t *skip,
							unsigned n_skip)
{
	const struct endpoint_set *set = c->endpoints;
	uint32_t start;

	for (unsigned i = 0; i < REDRAWS && is_skipped(&set->endpoints[drawn], skip, n_skip); i++)
		drawn = draw(s, c);
	start = lb_random_below(s, set->n);
	for (uint32_t i = 0; i < set->n && is_skipped(&set->endpoints[drawn], skip, n_skip); i++)
		drawn = (start + i) % set->n;
	return drawn;
}

static inline uint32_t pick_plain(struct lb_state *s, const struct cluster *c, const uint32_t *skip,
				  unsigned n_skip)
{
	uint32_t drawn;

	if (c->endpoints->n == 0)
		return LB_NONE;
	if (c->endpoints->n == 1)
		return 0;
	drawn = draw(s, c);
	return n_skip ? pick_avoiding(s, c, drawn, skip, n_skip) : drawn;
}

/* Apart from the plain case, which is not to pay for it. */
static __attribute__((noinline)) uint32_t
pick_elaborate(struct lb_state *s, const struct cluster *c, const uint32_t *skip, unsigned n_skip)
{
	if (c->affinity || c->slow_start || c->endpoints->n_parts || lb_out(s, c))
		return lb_pick_careful(s, c, lb_random(s), skip, n_skip);
	return pick_plain(s, c, skip, n_skip);
}

uint32_t lb_pick(struct lb_state *s, const struct cluster *c, const uint32_t *skip, unsigned n_skip)
{
	if (c->elaborate || c->outlier)
		return pick_elaborate(s, c, skip, n_skip);
	return pick_plain(s, c, skip, n_skip);
}

uint32_t lb_pick_hashed(struct lb_state *s, const struct cluster *c, uint64_t hash)
{
	const struct hash_table *t = c->endpoints->table;

	if (!t || lb_out(s, c) || (c->affinity && c->affinity->bound_percent))
		return lb_pick_careful(s, c, hash, NULL, 0);
	return t->owners[lb_table_at(t, hash)];
}
