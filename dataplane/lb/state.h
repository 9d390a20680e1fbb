/* state.h - one worker's balancing state: arrays by stable id. */
#pragma once
#include <lb/lb.h>

/* A place in a table; of another generation, or LB_GEN_NONE: not started. */
struct lb_cursor {
	uint32_t pos, gen;
};

struct lb_active {
	uint32_t requests, gen;
};

#define LB_GEN_NONE UINT32_MAX

struct lb_state {
	uint64_t random;
	uint64_t seed;
	uint32_t n_splits, n_clusters, n_endpoints;
	struct lb_cursor *splits, *clusters;
	struct lb_active *endpoints;
};

/* Uniform in [0, n); n is positive. The bias of n / 2^32 is far below what balancing sees. */
static inline uint32_t lb_random_below(struct lb_state *s, uint32_t n)
{
	return (uint32_t)(((lb_random(s) >> 32) * n) >> 32);
}

/* The cursor's position below n, which it then leaves for the next one. A cursor that has not
 * started, or was somebody else's, starts where the worker's seed says. */
uint32_t lb_cursor_step(struct lb_state *s, struct lb_cursor *c, uint32_t id, uint32_t gen,
			uint32_t n);

/* Requests that this worker has in progress at an endpoint. */
static inline uint32_t lb_active_requests(const struct lb_state *s, const struct endpoint *e)
{
	if (e->id >= s->n_endpoints || s->endpoints[e->id].gen != e->gen)
		return 0;
	return s->endpoints[e->id].requests;
}

/* May it be sent requests? */
static inline bool lb_endpoint_usable(const struct endpoint *e)
{
	return !endpoint_is_ejected(e->health);
}

/* Is any endpoint of the cluster out, and are there enough left to leave those out? */
static inline bool lb_leaves_out(const struct cluster *c)
{
	uint32_t n = c->endpoints->n, out;

	if (!c->outlier)
		return false;
	out = __atomic_load_n(&c->outlier_state->ejected, __ATOMIC_RELAXED);
	return out &&
	       (out > n ? 0 : 100ull * (n - out)) >= (uint64_t)c->outlier->min_health_percent * n;
}

/* The endpoint drawn or, while it is out, the next one that is not; LB_NONE when all are. */
uint32_t lb_pick_usable(const struct cluster *c, uint32_t drawn, const uint32_t *skip,
			unsigned n_skip);

/* Draws of each policy: an index into c->endpoints, of which there are at least two. */
uint32_t lb_draw_least(struct lb_state *s, const struct cluster *c);
uint32_t lb_draw_next(struct lb_state *s, const struct cluster *c);
uint32_t lb_draw_random(struct lb_state *s, const struct cluster *c);
