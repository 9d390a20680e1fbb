/* keep.h - what belongs to a name and outlives snapshots: breakers, health of endpoints,
 * rate limits.
 *
 * Cluster objects hold them, by name. A breaker, or a count of connections, that nobody holds
 * any more may still be in use by connections that outlive their snapshot: it is kept until workers
 * let go, too. */
#pragma once
#include <compile/map.h>
#include <weir/cluster.h>
#include <weir/listener.h>
#include <weir/rate_limit.h>

struct kept;

struct keep {
	struct map breakers; /* cluster name -> breaker */
	struct map clusters; /* cluster name -> outlier state */
	struct map buckets;  /* rate limit -> its bucket */
	struct map tallies;  /* cluster name -> tally of active checks */
	struct map healths;  /* "cluster address" -> endpoint health */
	struct map counts;   /* listener name -> its connections, where they are limited */
	struct kept *ended;  /* breakers and counts that no snapshot leads to */
};

void keep_init(struct keep *k);
void keep_fini(struct keep *k);

/* Each get is undone by a put of the same name. */
struct breaker *keep_get_breaker(struct keep *k, const char *cluster, uint32_t cluster_id,
				 unsigned n_workers);
void keep_put_breaker(struct keep *k, const char *cluster);
struct outlier_state *keep_get_outlier(struct keep *k, const char *cluster);
void keep_put_outlier(struct keep *k, const char *cluster);
struct check_tally *keep_get_tally(struct keep *k, const char *cluster);
void keep_put_tally(struct keep *k, const char *cluster);
struct endpoint_health *keep_get_health(struct keep *k, const char *endpoint);
void keep_put_health(struct keep *k, const char *endpoint);
/* A new one is full. */
struct rate_bucket *keep_get_bucket(struct keep *k, const char *limit);
void keep_put_bucket(struct keep *k, const char *limit);

struct conn_count *keep_get_count(struct keep *k, const char *listener);
void keep_put_count(struct keep *k, const char *listener);

/* Frees the breakers and counts that nobody uses any more. */
void keep_sweep(struct keep *k);
