/* route.h - VirtualService http[] to route plans (istio/reference 2.3 and 2.4). */
#pragma once
#include <compile/plan.h>
#include <compile/registry.h>

/* Where the routes will be used. */
struct route_scope {
	const struct registry *registry;
	const char *gateway;       /* "ns/name" or "mesh" */
	uint32_t port;             /* the listener's */
	const struct resource *gw; /* of a Gateway; NULL: the mesh */
};

/* Appends to out the routes that vs has in this place, in order. */
void route_plan_rules(struct build *b, const struct resource *vs, const struct route_scope *scope,
		      struct list *out);

/* The cluster that a destination of vs names (2.4.1): of the port given; else of that of a service
 * with a single one; else of the listener's. That of an unknown host, port or subset is one that no
 * snapshot has: NC. */
const char *route_cluster(struct build *b, const struct resource *vs,
			  const struct route_scope *scope, const struct destination *d);

/* The condition that a request comes from one of these, or from none of them. */
struct cond route_plan_source(const struct source_set *s, bool negate);

/* The route of a service that no VirtualService has rules for. */
struct route_plan *route_plan_default(struct build *b, const char *host, uint32_t port);
