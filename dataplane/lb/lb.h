/* lb.h - choose a cluster by weight and an endpoint by policy, from compiled tables.
 *
 * State is one worker's: cursors that survive snapshots, indexed by stable id. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <weir/action.h>
#include <weir/cluster.h>
#include <weir/route.h>

struct lb_state; /* one per worker, never shared */

/* seed: differs by worker, so that workers do not walk their tables in step. */
struct lb_state *lb_create(uint64_t seed);
void lb_destroy(struct lb_state *s);

/* Makes room for ids below these; called when a worker first sees a snapshot. Returns false
 * when memory is short: the old sizes stay. */
bool lb_resize(struct lb_state *s, uint32_t n_splits, uint32_t n_clusters, uint32_t n_endpoints);

/* The worker's clock: warm-up is the only user. */
void lb_set_now(struct lb_state *s, uint64_t now_us);

/* Index into split->targets. Exact over each cycle of the weights. */
uint32_t lb_pick_target(struct lb_state *s, const struct split *split);

/* Index into c->endpoints, LB_NONE when it has none that is usable. skip: endpoint ids already
 * tried by this request (n_skip of them), avoided while others exist. */
uint32_t lb_pick(struct lb_state *s, const struct cluster *c, const uint32_t *skip,
		 unsigned n_skip);

/* The endpoint that a hash belongs to, for clusters with affinity; the next one of its table while
 * that one is out, or has more to do than bound_percent allows. Other endpoints than those tried
 * are not looked for: Istio does not either. */
uint32_t lb_pick_hashed(struct lb_state *s, const struct cluster *c, uint64_t hash);

/* Active requests of an endpoint on this worker, for least request. */
void lb_request_begin(struct lb_state *s, const struct endpoint *e);
void lb_request_end(struct lb_state *s, uint32_t endpoint_id, uint32_t endpoint_gen);

/* A request in progress at a set of endpoints whose loads are bounded: part of the request. */
struct lb_bound {
	uint32_t id, gen;
	bool counted;
};

/* The same for clusters whose affinity has bound_percent; i: index into c->endpoints. */
void lb_bound_begin(struct lb_state *s, const struct cluster *c, uint32_t i, struct lb_bound *b);
void lb_bound_end(struct lb_state *s, struct lb_bound *b);

/* xorshift64*: cheap and good enough for balancing; not for secrets. */
uint64_t lb_random(struct lb_state *s);

/* Uniform in [0, n); n is positive. The bias of n / 2^32 is far below what balancing sees. */
static inline uint32_t lb_random_below(struct lb_state *s, uint32_t n)
{
	return (uint32_t)(((lb_random(s) >> 32) * n) >> 32);
}

/* True for a share of all calls, in parts of SHARE_WHOLE. What is certain is not drawn. */
static inline bool lb_chance(struct lb_state *s, uint32_t share)
{
	return share == SHARE_WHOLE || (share && lb_random_below(s, SHARE_WHOLE) < share);
}
