/* vhost.h - one virtual host: from its plan to what workers run, cached by the plan.
 *
 * A compiled virtual host holds the ids of the clusters and splits it names and its pattern
 * databases, and nothing of a snapshot. */
#pragma once
#include <compile/pattern.h>
#include <compile/plan.h>

struct vhost_object {
	struct cached cached;
	struct arena *arena;
	struct vhost vhost;
	bool warned;   /* compiling it reported something */
	void *sources; /* the key under which vhost_find() knows it; NULL */
	size_t sources_len;
	struct list patterns; /* struct pattern_object, held */
	struct list regexes;  /* of the routes' actions: action_regex.c */
	uint32_t n_cluster_ids, n_split_ids;
	uint32_t *cluster_ids; /* held, one per target and mirror */
	uint32_t *split_ids;   /* held, one per route */
	struct list buckets;   /* const char *, names of rate limits' buckets, held */
};

/* Header names that one virtual host may look at (dataplane/match/match.h). */
#define VHOST_HEADERS_MAX 4096u
/* And query parameters. */
#define VHOST_QUERIES_MAX 1024u
/* And different pairs of sourceLabels and sourceNamespace. */
#define VHOST_SOURCES_MAX 16384u

/* Planning costs more than looking up what came of the same sources last time: their key says
 * everything that the plan depends on. NULL when nothing is known; else held by the snapshot
 * under construction. */
const struct vhost *vhost_find(struct build *b, const struct cache_key *sources);
/* Lets vhost_find() find vh from the next build on. */
void vhost_remember(struct build *b, const struct vhost *vh, const struct cache_key *sources);

/* Holds one that another snapshot has. */
void vhost_hold(struct build *b, const struct vhost *vh);
/* Makes *scratch fit its expressions too; false when memory is short. */
bool vhost_fit_scratch(struct build *b, const struct vhost *vh, struct hs_scratch **scratch);

/* The compiled form of a plan, held by the snapshot under construction; NULL when it cannot
 * be compiled (reported). */
const struct vhost *vhost_get(struct build *b, const struct vhost_plan *plan);
void vhost_put(struct compiler *c, struct vhost_object *o);
