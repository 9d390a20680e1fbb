/* balance.h - what loadBalancer says of one cluster (istio/reference 3.3). */
#pragma once
#include <compile/policy.h>
#include <compile/ring.h>

/* The policy, and the settings that go with it, of a policy laid over from all its sources. */
void balance_resolve(const struct traffic_policy *p, bool compat_08, struct cluster_policy *out);

/* Is there one, with a policy that knows it? Its endpoints then have an age. */
bool balance_has_warmup(const struct cluster_policy *p);

/* Adds it to a cluster's key; where endpoints are is not part of it. */
void balance_key(struct cache_key *k, const struct cluster_policy *p);

/* Fills in policy, affinity and slow start, allocated in a. */
void balance_compile(struct arena *a, const struct cluster_policy *p, struct cluster *c);

/* With LB_HASH. */
struct ring_spec balance_table(const struct cluster_policy *p);
