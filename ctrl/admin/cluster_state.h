/* cluster_state.h - what is counted of clusters with limits, outlier detection or active checks. */
#pragma once
#include <jansson.h>
#include <weir/snapshot.h>

#include "text.h"

/* Adds limits, counts and ejections to a cluster's JSON, where it has any. */
void cluster_state_describe(json_t *j, const struct cluster *c);
/* Adds the health of its endpoint i; now_us: of the workers' clock. */
void cluster_state_describe_endpoint(json_t *j, const struct cluster *c, uint32_t i,
				     uint64_t now_us);

/* The weir_cluster_* families of Prometheus. s may be NULL. */
void cluster_state_write(const struct snapshot *s, struct text *out);
