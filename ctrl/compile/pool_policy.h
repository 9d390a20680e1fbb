/* pool_policy.h - what connectionPool, outlierDetection and tunnel say of a cluster, defaults
 * filled in (istio/reference 3.5, 3.6 and 3.8). */
#pragma once
#include <compile/policy.h>

void pool_policy_resolve(const struct traffic_policy *p, enum port_protocol port, bool compat_08,
			 struct cluster_policy *out);

/* The tunnel that a cluster is behind, in a; NULL: none. */
const struct tunnel *pool_policy_tunnel(struct arena *a, const struct cluster_policy *p);

/* Adds it to a cluster's key. */
void pool_policy_key(struct cache_key *k, const struct cluster_policy *p);

static inline bool pool_policy_limits(const struct cluster_policy *p)
{
	const struct breaker_limits *l = &p->limits;

	return l->connections != BREAKER_NO_LIMIT || l->pending != BREAKER_NO_LIMIT ||
	       l->requests != BREAKER_NO_LIMIT || l->retries != BREAKER_NO_LIMIT ||
	       l->retries_min != 0;
}
