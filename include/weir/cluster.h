/* cluster.h - upstream clusters (host, port, subset) and their endpoints, compiled.
 *
 * Immutable once published. What outlives a snapshot (pools, counts, cursors) is kept by
 * the workers in arrays indexed by the ids here; ctrl gives a name the same id for as long
 * as anything refers to it. When an id is given to another name its generation changes. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/addr.h>
#include <weir/breaker.h>
#include <weir/outlier.h>

/* Index in an endpoint_set when there is none to choose. */
#define LB_NONE UINT32_MAX

enum lb_policy {
	LB_LEAST_REQUEST, /* Istio's default: power of two choices */
	LB_ROUND_ROBIN,
	LB_RANDOM,
};

struct endpoint {
	uint32_t id;  /* stable over snapshots; index of per-worker state */
	uint32_t gen; /* of the id: differs when the id was given to another endpoint */
	struct net_addr addr;
	uint32_t weight;     /* at least 1 */
	const char *name;    /* "198.18.1.11:9080", as access logs print it */
	const char *version; /* label "version" of the workload, "unknown" when it has none */
	struct endpoint_health *health; /* NULL: nobody watches it */
};

/* The endpoints of one cluster. Behind a pointer of its own so that it can be replaced
 * without a new snapshot. */
struct endpoint_set {
	uint32_t n;
	const struct endpoint *endpoints;
	/* Weighted order for round robin and random: indices into endpoints, every endpoint
	 * as often as its weight says, spread evenly. NULL when all weights are equal. */
	uint32_t n_slots;
	const uint32_t *slots;
	bool weighted; /* weights differ */
};

struct cluster {
	uint32_t id;      /* stable over snapshots */
	uint32_t gen;     /* of the id */
	const char *name; /* "outbound|9080|v1|reviews.default.svc.cluster.local" */

	enum lb_policy lb;
	const struct endpoint_set *endpoints; /* never NULL; n == 0 answers 503 UH */

	uint64_t connect_timeout_us;          /* DestinationRule tcp.connectTimeout, 10 s */
	uint64_t idle_timeout_us;             /* http.idleTimeout or tcp.idleTimeout, 1 h */
	uint64_t max_connection_us;           /* tcp.maxConnectionDuration, 0 = no limit */
	uint32_t max_requests_per_connection; /* http.maxRequestsPerConnection, 0 = no limit */

	/* What outlives the snapshot is behind pointers that are not const. */
	struct breaker *breaker; /* NULL: no limits */
	struct breaker_limits limits;
	const struct outlier_policy *outlier; /* NULL: no outlierDetection */
	struct outlier_state *outlier_state;

	/* Labels of Istio's metrics. */
	const char *service_host;      /* reviews.default.svc.cluster.local */
	const char *service_name;      /* reviews */
	const char *service_namespace; /* default */
	const char *subset;            /* "" when none */
	uint16_t port;
};
