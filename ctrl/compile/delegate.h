/* delegate.h - rules that a VirtualService leaves to another one (istio/reference 2.4.11).
 *
 * A delegate is a VirtualService without hosts. Its rules take the place of the root's rule
 * that names it, narrowed by that rule's matches. */
#pragma once
#include <compile/build.h>

/* A rule of a delegate as it counts under one rule of a root: names in full, gaps filled. */
struct delegated_rule {
	const struct resource *vs; /* the delegate */
	uint32_t index;            /* of the rule in it */
	struct http_rule http;
	uint32_t *blocks; /* of http.match: which match of the delegate each came from;
			   * BLOCK_NONE for those that are the root's alone */
};

/* Indexes the delegates of the build's set, by "ns/name". */
void delegates_collect(struct map *delegates, struct build *b);

/* Appends to out the struct delegated_rule that stand for a rule of root that delegates, in
 * order: none when the delegate is missing or not exported to the root's namespace. */
void delegate_rules(struct build *b, const struct resource *root, const struct http_rule *rule,
		    struct list *out);
