/* build.h - the compiler's own state and that of one build: what its parts share.
 *
 * struct compiler lives as long as any snapshot; struct build for one compiler_build(); a
 * snapshot_box is what that build makes. */
#pragma once
#include <compile/cache.h>
#include <compile/compile.h>
#include <compile/intern.h>
#include <compile/keep.h>
#include <compile/list.h>
#include <compile/problems.h>

struct compiler {
	struct arena *arena; /* node_namespace and node_labels */
	const char *ns;
	const char *locality; /* of the node, "" when it is not known */
	struct labels labels;
	unsigned n_workers;
	bool compat_08;
	uint64_t generation; /* of the last snapshot made */
	uint64_t builds;     /* begun, whether or not a snapshot came of it */
	uint64_t rules_only; /* those of builds that took all but rules from the last snapshot */

	struct intern listener_ids, cluster_ids, endpoint_ids, split_ids;
	struct cache vhosts, clusters, patterns, rings;
	uint64_t set_serial; /* of the last endpoint set made */
	struct keep keep;
	struct map by_sources; /* what a virtual host was planned from -> struct vhost_object */

	struct resource_set set;   /* that last was made of; held */
	struct snapshot_box *last; /* held; NULL: none yet */
};

/* A snapshot and what it holds. */
struct snapshot_box {
	struct snapshot snapshot; /* first: freed by address */
	struct arena *arena;
	struct list vhosts;         /* struct vhost_object, held once per entry */
	struct list clusters;       /* struct cluster_object, likewise */
	struct layout *layout;      /* held */
	struct hs_scratch *scratch; /* fits every database here; workers have copies. NULL: none */
	uint32_t refs;
};

struct sources;
struct layout;

/* More VirtualServices at once than this are no change of a few. */
#define REPLACED_MAX 64

/* A VirtualService with other rules in the same place. */
struct replacement {
	const struct resource *old, *now;
};

struct build {
	struct compiler *c;
	const struct resource_set *set;
	struct diags *d;
	struct arena *tmp;             /* plans, registry: gone after the build */
	struct map said;               /* problems reported already */
	uint64_t n_reports;            /* problems met, those reported already included */
	struct map addresses;          /* "ip:port" -> struct listener, those taken */
	struct cache_key key;          /* under construction */
	struct cache_key planned_from; /* likewise: of vhost_find() */
	struct sources *sources;       /* NULL until a route asks (sources.h) */
	struct map planned; /* a VirtualService and its place -> struct list of struct route_plan */
	struct layout *layout;
	const struct snapshot_box *from; /* only the rules differ from it; NULL: all is new */
	uint32_t n_replaced;
	struct replacement replaced[REPLACED_MAX];
	struct snapshot_box *box;
};

/* Reports a problem once per build, however many virtual hosts meet it. r may be NULL. */
void build_report(struct build *b, enum problem p, const struct resource *r, struct pos pos,
		  const char *field, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
