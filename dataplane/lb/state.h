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

#define LB_WHOLE 10000u /* of a cluster's traffic */

/* How a cluster's traffic is shared by the parts of its endpoints, as their health is. */
struct lb_view {
	uint64_t serial;              /* of the set; 0: not looked at yet */
	uint64_t ejections;           /* ever, and... */
	uint32_t ejected;             /* ...now, when it was looked at */
	uint32_t panics;              /* a bit for each part whose health is to be ignored */
	uint64_t changes;             /* by active checks, ever, then */
	uint32_t out;                 /* endpoints that were not usable */
	uint64_t weight, usable;      /* of all endpoints, and of those that were */
	uint64_t until_us;            /* it is looked at again, if anything is out */
	uint16_t share[LB_PARTS_MAX]; /* of LB_WHOLE; all 0: nobody is usable */
};

struct lb_state {
	uint64_t random;
	uint64_t seed;
	uint64_t now_us;
	uint32_t n_splits, n_clusters, n_endpoints;
	struct lb_cursor *splits, *clusters;
	struct lb_active *endpoints;
	struct lb_active *sums; /* of sets of endpoints, where loads are bounded: bound.c */
	struct lb_view *views;  /* by cluster id */
};

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

/* Draws of each policy: an index into the set, of which there are at least two (random: one). */
uint32_t lb_draw_least(struct lb_state *s, const struct endpoint_set *set);
uint32_t lb_draw_next(struct lb_state *s, const struct cluster *c, const struct endpoint_set *set);
uint32_t lb_draw_random(struct lb_state *s, const struct endpoint_set *set);

/* Which of two endpoints has less to do for its weight; the first when it is the same. */
uint32_t lb_less_loaded(const struct lb_state *s, const struct endpoint_set *set, uint32_t x,
			uint32_t y);

/* The entry of a table that a hash belongs to. */
uint32_t lb_table_at(const struct hash_table *t, uint64_t hash);

/* Leaves out what is ejected, tried or warming up, and chooses among parts. hash: the request's,
 * or random. */
uint32_t lb_pick_careful(struct lb_state *s, const struct cluster *c, uint64_t hash,
			 const uint32_t *skip, unsigned n_skip);

/* How much an endpoint of a set may have to do, the next request included: its weight's share of
 * slots. */
struct lb_measure {
	uint64_t slots, weight;
};

struct lb_measure lb_measure(struct lb_state *s, const struct cluster *c,
			     const struct endpoint_set *set);
bool lb_has_room(const struct lb_state *s, const struct lb_measure *m, const struct endpoint *e);

/* The current view of a cluster, or the one at buf when there is no room to keep it. */
const struct lb_view *lb_view(struct lb_state *s, const struct cluster *c, struct lb_view *buf);

/* Draws whether an endpoint takes this turn: for sure, once it has warmed up. */
bool lb_takes_turn(struct lb_state *s, const struct slow_start *w, const struct endpoint *e);

/* May it be sent requests? */
static inline bool lb_endpoint_usable(const struct cluster *c, const struct endpoint *e)
{
	return !endpoint_is_ejected(e->health) &&
	       (!c->checks || endpoint_health_state(e->health) == HEALTH_WELL);
}

/* ... though health does not count? */
static inline bool lb_endpoint_is_leaving(const struct cluster *c, const struct endpoint *e)
{
	return c->checks && endpoint_health_state(e->health) == HEALTH_LEAVING;
}

/* How many endpoints of the cluster are ejected? */
static inline uint32_t lb_ejected(const struct cluster *c)
{
	return c->outlier_state ? __atomic_load_n(&c->outlier_state->ejected, __ATOMIC_RELAXED) : 0;
}

/* How many endpoints of the cluster are out? */
static inline uint32_t lb_out(struct lb_state *s, const struct cluster *c)
{
	struct lb_view buf = {0};

	return c->checks ? lb_view(s, c, &buf)->out : lb_ejected(c);
}
