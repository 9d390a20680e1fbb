/* action.h - what an http rule does besides routing: from the model to what workers execute. */
#pragma once
#include <compile/plan.h>

/* Gives a cluster's id, held for whom the actions belong to. */
typedef uint32_t (*action_hold_cluster)(void *owner, const char *name);
/* Gives the bucket of a rate limit, likewise. */
typedef struct rate_bucket *(*action_hold_bucket)(void *owner, const char *name);

/* Where actions are compiled into. */
struct action_work {
	struct build *b;
	struct arena *a;      /* of the result */
	struct list *regexes; /* struct pcre2_real_code_8, owned by whoever owns the arena */
	const struct resource *from;
	const char *rule; /* "spec.http[0]", for problems */
	action_hold_cluster hold_cluster;
	action_hold_bucket hold_bucket;
	void *owner;
};

/* Everything of the plan that route_actions_get() and target_actions_get() depend on. */
void action_key(struct cache_key *k, const struct route_plan *p);

/* NULL when the rule only forwards. */
const struct route_actions *route_actions_get(struct action_work *w, const struct route_plan *p);

/* Those of one destination; NULL when it has none, or is the only one: then they are among the
 * route's. */
const struct target_actions *target_actions_get(struct action_work *w, const struct route_plan *p,
						uint32_t target);

/* ---- pieces (header_action.c, path_action.c, policy_action.c) ---- */

struct action_text action_text(struct arena *a, const char *s); /* NULL: absent */

/* The operations of up to two levels as one list: the outer's removals, the inner's, the outer's
 * sets and adds, the inner's. Either may be NULL. field: "headers.request". */
struct header_ops header_ops_get(struct action_work *w, const char *field,
				 const struct header_operations *outer,
				 const struct header_operations *inner);

/* What an operation on Host or :authority asks for; NULL when there is none. */
const char *header_ops_authority(const struct header_operations *ops);

const struct path_rewrite *path_rewrite_get(struct action_work *w, const struct route_plan *p);
const struct redirect *redirect_get(struct action_work *w, const struct route_plan *p);
const struct direct_response *direct_response_get(struct action_work *w,
						  const struct http_direct_response *d);
const struct cors *cors_get(struct action_work *w, const struct cors_policy *c);
const struct mirror *mirrors_get(struct action_work *w, const struct route_plan *p);
const struct rate_limit *rate_limits_get(struct action_work *w, const struct route_plan *p);
const struct fault *fault_get(struct action_work *w, const struct http_fault *f);

/* A share of SHARE_WHOLE: of the percentage, or of the old percent. */
uint32_t action_share(const struct percent *p, uint32_t old);

/* A header value with its variables. */
struct header_value header_value_get(struct action_work *w, const char *field, const char *text);

/* An expression for PCRE2, kept in w->regexes; whole: it must match all of a value. NULL when it
 * cannot be executed (reported). */
struct pcre2_real_code_8 *regex_get(struct action_work *w, const char *field, struct pos pos,
				    const char *pattern, bool whole);
void regex_free(struct list *regexes);
