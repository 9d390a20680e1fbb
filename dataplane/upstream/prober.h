/* prober.h - one worker's share of the active checks: which endpoints, and when.
 *
 * Each endpoint is checked by the worker that its id modulo their number names, over weir's own
 * stack. What comes of it is in the endpoint's health, which all workers see. */
#pragma once
#include <upstream/upstream.h>

struct prober;

/* NULL when memory is short. env is copied; seed differs by worker. */
struct prober *prober_create(const struct upstream_env *env, unsigned n_workers, uint64_t seed);
void prober_destroy(struct prober *p);

/* A worker sees a new snapshot: endpoints that are new are checked at once, a few at a time; those
 * whose check is the same go on as before; those that are gone are left alone. */
void prober_adopt(struct prober *p, const struct snapshot *s);

/* Does what is due. */
void prober_turn(struct prober *p);
/* When that is; UINT64_MAX: never. */
uint64_t prober_next(const struct prober *p);

/* No more checks: states stay as they are. */
void prober_drain(struct prober *p);
