/* changes.h - tells which endpoints went out, or came back, by their active checks. */
#pragma once
#include <weir/snapshot.h>

/* A cluster with checks, and how many changes of it have been looked at. */
struct health_followed {
	const struct cluster *cluster;
	uint64_t changes;
};

struct health_changes {
	uint32_t n, cap;
	struct health_followed *clusters; /* of the current snapshot */
};

void health_changes_init(struct health_changes *h);
void health_changes_fini(struct health_changes *h);

/* From now on the clusters of s, which is borrowed until another call; NULL: none. */
void health_changes_follow(struct health_changes *h, const struct snapshot *s);

/* Calls tell() for every endpoint whose state is not what was told of it last; why is a clause.
 * Endpoints are taken for well at first, and the new ones that no check has been made of are
 * passed over. */
void health_changes_tell(struct health_changes *h,
			 void (*tell)(const struct cluster *c, const struct endpoint *e,
				      enum health_state state, const char *why));
