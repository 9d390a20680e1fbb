/* index.h - files every route of a virtual host under its most selective predicate, as
 * weir/route.h describes it. */
#pragma once
#include <common/arena.h>
#include <weir/route.h>

/* Distinct prefix lengths of a virtual host, with and without case, that the workers have
 * room for (dataplane/match/match.h). */
#define INDEX_PREFIX_LENS_MAX 4096u

/* Fills vh->index, and `filed` of vh->routes, which are `routes`. Borrows the keys that do not fit
 * into the index from the routes. False: too many prefix lengths. */
bool index_build(struct vhost *vh, struct route *routes, struct arena *a);
