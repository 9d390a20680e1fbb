/* checks.h - active health checks, from the resources that ask for them to what workers do. */
#pragma once
#include <compile/build.h>
#include <compile/registry.h>

/* ---- WorkloadGroups ---- */

struct workload_groups {
	struct map by_name; /* "ns/name" -> struct workload_group_plan */
	struct map by_ns;   /* "ns" -> struct list of those that have labels */
};

void workload_groups_init(struct workload_groups *g, struct build *b);
void workload_groups_fini(struct workload_groups *g);

/* The check of a WorkloadEntry: that of its group. It is in the group that its annotation
 * istio.io/autoRegistrationGroup names, else in that of its namespace which gives its entries the
 * most labels, if the entry has all of them. NULL: none. Lives for the build. */
const struct health_check *workload_groups_check(const struct workload_groups *g, struct build *b,
						 const struct resource *we);

/* ---- clusters ---- */

/* The check that a service's annotations ask for; NULL: none. Lives for the build. */
const struct health_check *health_check_of_service(struct build *b, const struct reg_service *s);

/* A copy that lives as long as a. */
const struct health_check *health_check_copy(struct arena *a, const struct health_check *k);
