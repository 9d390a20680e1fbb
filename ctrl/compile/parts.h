/* parts.h - how a cluster's endpoints are divided by where they are: shares of localities, or
 * priorities (istio/reference 3.4). */
#pragma once
#include <compile/policy.h>

struct part_plan {
	uint32_t n; /* 0: not divided */
	struct {
		uint32_t first, n, weight;
	} parts[LB_PARTS_MAX];
};

/* Sorts members (struct reg_endpoint) by part. Those that are to receive nothing are left out. */
void parts_plan(struct build *b, const struct cluster_policy *policy, struct list *members,
		struct part_plan *out);
