/* plan.h - a virtual host spelled out but not compiled: the complete input of vhost_get().
 *
 * Names are resolved, conditions on the node are decided, defaults are filled in. Two equal
 * plans give the same compiled virtual host. Lives for one build. */
#pragma once
#include <compile/build.h>
#include <compile/sources.h>

struct cond {
	uint8_t field; /* enum match_field */
	uint8_t op;    /* enum match_op */
	bool ignore_case, negate;
	uint16_t
		literal; /* as in struct predicate (literal.c): follows from the other conditions */
	const char *header; /* MATCH_HEADER: in lower case; MATCH_QUERY: as written; else NULL */
	const char *value;  /* NULL for MATCH_PRESENT */
	const struct source_set *sources; /* MATCH_IN */

	/* Where to point when the value cannot be executed; not part of the plan's meaning. */
	const struct resource *from;
	struct pos pos;
	const char *where; /* "spec.http[0].match[1].uri" */
};

struct target {
	const char *cluster;
	uint32_t weight;
	const struct header_manipulation *headers; /* NULL */
};

#define BLOCK_NONE UINT32_MAX

struct mirror_plan {
	const char *cluster;
	uint32_t share; /* of SHARE_WHOLE, positive */
};

/* A token bucket that the route's requests are counted in. */
struct limit_plan {
	const char *name; /* the bucket's: the same words wherever it is used */
	const struct rate_setting *setting;
};

struct route_plan {
	const char *name;
	uint32_t n_conds, n_targets;
	struct cond *conds;
	struct target *targets; /* weights positive when there are several */
	uint32_t n_mirrors;
	struct mirror_plan *mirrors;
	uint32_t n_limits;
	struct limit_plan limits[ROUTE_LIMITS_MAX];
	uint64_t timeout_us;
	struct retry_policy retry;
	bool catch_all;  /* pure, as 2.3 defines it */
	bool of_sources; /* counts for some sources only */

	/* What is done besides: NULL for a default route. */
	const struct http_rule *http;
	const struct string_match *uri; /* what the path was matched by; NULL */
	uint32_t port;                  /* the listener's */

	/* Where it was written. */
	const struct resource *from; /* NULL: a service's default route */
	uint32_t rule, block;        /* indices; block: BLOCK_NONE when the rule has no match */
	struct pos pos;
};

struct vhost_plan {
	const char *name;
	struct list routes; /* struct route_plan */
};
