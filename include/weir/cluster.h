/* cluster.h - upstream clusters (host, port, subset) and their endpoints, compiled.
 *
 * Immutable once published. What outlives a snapshot (pools, counts, cursors) is kept by
 * the workers in arrays indexed by the ids here; ctrl gives a name the same id for as long
 * as anything refers to it. When an id is given to another name its generation changes. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/addr.h>
#include <weir/affinity.h>
#include <weir/breaker.h>
#include <weir/health.h>
#include <weir/outlier.h>
#include <weir/tcp_keepalive.h>

/* Index in an endpoint_set when there is none to choose. */
#define LB_NONE UINT32_MAX

enum lb_policy {
	LB_LEAST_REQUEST, /* Istio's default: power of two choices */
	LB_ROUND_ROBIN,
	LB_RANDOM,
	LB_HASH, /* consistent, by the endpoint set's table */
};

struct endpoint {
	uint32_t id;  /* stable over snapshots; index of per-worker state */
	uint32_t gen; /* of the id: differs when the id was given to another endpoint */
	struct net_addr addr;
	uint32_t weight;     /* at least 1 */
	uint8_t announce;    /* version of the PROXY protocol's header to begin with; 0: none */
	bool http2;          /* spoken from the first byte, else HTTP/1.1 */
	const char *name;    /* "198.18.1.11:9080", as access logs print it */
	const char *version; /* label "version" of the workload, "unknown" when it has none */
	struct endpoint_health *health; /* NULL: nobody watches it */
};

/* Localities of one distribution, or priorities of one cluster. */
#define LB_PARTS_MAX 32u

struct endpoint_part;

/* The endpoints of one cluster. Behind a pointer of its own so that it can be replaced
 * without a new snapshot. */
struct endpoint_set {
	uint32_t n;
	const struct endpoint *endpoints;
	/* Weighted order for round robin and random: indices into endpoints, every endpoint
	 * as often as its weight says, spread evenly. NULL when all weights are equal. */
	uint32_t n_slots;
	const uint32_t *slots;
	bool weighted;                  /* weights differ */
	const struct hash_table *table; /* with LB_HASH */
	/* What it is divided into, in consecutive ranges; NULL: nothing, and then slots and
	 * table are over all of it. */
	uint32_t n_parts;
	const struct endpoint_part *parts;
	/* Differs between any two sets that were ever compiled for a cluster. */
	uint64_t serial;
};

/* Of a set: a priority (istio/reference 3.4, in order) or, with weight, a locality that is to get
 * this share of the traffic. */
struct endpoint_part {
	struct endpoint_set set; /* endpoints point into the whole set's */
	uint32_t first;          /* index of set.endpoints[0] in the whole set */
	uint32_t weight;         /* 0: a priority */
};

/* warmup: the weight of an endpoint that is new, by its age. */
struct slow_start {
	uint64_t duration_us;
	double minimum;  /* share of the weight at first, 0 to 1 */
	double exponent; /* of age / duration: 1 / aggression */
};

/* DestinationRule tunnel: what the endpoint, a proxy, is asked for before a TCP route's bytes. */
struct tunnel {
	const char *request; /* the head, as it is sent */
	uint32_t len;
	bool post; /* the bytes are the bodies of a POST and its answer; else those of a CONNECT */
	const char *target; /* "db.example.com:5432" */
};

/* How a cluster's endpoints are spoken to in HTTP/2, with prior knowledge (RFC 9113 3.3). */
struct http2_policy {
	uint32_t max_streams;                       /* http.maxConcurrentStreams, of a connection */
	uint64_t ping_interval_us, ping_timeout_us; /* http.http2KeepAlive; 0: none */
};

struct cluster {
	uint32_t id;      /* stable over snapshots */
	uint32_t gen;     /* of the id */
	const char *name; /* "outbound|9080|v1|reviews.default.svc.cluster.local" */

	enum lb_policy lb;
	/* Anything besides a plain draw: parts, hashing, warm-up. */
	bool elaborate;
	const struct endpoint_set *endpoints; /* never NULL; n == 0 answers 503 UH */
	const struct affinity *affinity;      /* with LB_HASH */
	const struct slow_start *slow_start;  /* NULL: none */

	uint64_t connect_timeout_us;          /* DestinationRule tcp.connectTimeout, 10 s */
	uint64_t idle_timeout_us;             /* http.idleTimeout or tcp.idleTimeout, 1 h */
	uint64_t max_connection_us;           /* tcp.maxConnectionDuration, 0 = no limit */
	uint32_t max_requests_per_connection; /* http.maxRequestsPerConnection, 0 = no limit */

	bool has_keepalive;             /* else as tcp.keepalive of the node says */
	struct tcp_keepalive keepalive; /* tcp.tcpKeepalive */

	const struct http2_policy *http2; /* NULL: HTTP/1.1 */

	/* What outlives the snapshot is behind pointers that are not const. */
	struct breaker *breaker; /* NULL: no limits */
	struct breaker_limits limits;
	const struct outlier_policy *outlier; /* NULL: no outlierDetection */
	struct outlier_state *outlier_state;
	const struct cluster_checks *checks; /* NULL: no active health checks */

	/* Labels of Istio's metrics. */
	const char *service_host;      /* reviews.default.svc.cluster.local */
	const char *service_name;      /* reviews */
	const char *service_namespace; /* default */
	const char *subset;            /* "" when none */
	uint16_t port;

	/* Of TCP routes. */
	uint64_t tcp_idle_us;        /* tcp.idleTimeout, 1 h; 0 = none */
	const struct tunnel *tunnel; /* NULL: none */
};
