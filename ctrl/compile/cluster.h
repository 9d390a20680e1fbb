/* cluster.h - upstream clusters: one per service port and per subset of it, cached by their
 * content. Holds the ids of the cluster and of its endpoints. */
#pragma once
#include <compile/policy.h>

struct cluster_object {
	struct cached cached;
	struct arena *arena;
	struct cluster cluster;
	struct endpoint_set endpoints;
};

/* Makes every cluster of the registry, held by the snapshot under construction. */
void cluster_make_all(struct build *b, const struct registry *reg, const struct policies *policies);
/* Holds those of the snapshot that the build is based on. */
void cluster_take_over(struct build *b);
void cluster_put(struct compiler *c, struct cluster_object *o);
