/* route.h - virtual hosts and routes, compiled from VirtualService http[].
 *
 * A route is one match block with its rule's action (istio/reference 2.3: each block of a
 * rule becomes one route, in order). The first route whose predicates all hold wins. To
 * find it without walking the list, every route is filed under its most selective
 * predicate; a request looks up all keys at once and checks candidates in order.
 *
 * A virtual host names clusters by id only, so that one compiled virtual host can be part
 * of many snapshots: nothing here may point into a snapshot. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/action.h>

struct hs_database; /* Hyperscan */

enum match_field {
	MATCH_PATH, /* without query and fragment */
	MATCH_METHOD,
	MATCH_AUTHORITY, /* as sent, port included */
	MATCH_SCHEME,
	MATCH_HEADER, /* predicate.header names which; repeated lines joined by "," */
	MATCH_FIELDS
};

enum match_op {
	MATCH_EXACT,
	MATCH_PREFIX,
	MATCH_REGEX,  /* predicate.regex is the bit in the result of the field's scan */
	MATCH_PRESENT /* header exists, whatever its value */
};

struct predicate {
	uint8_t field;    /* enum match_field */
	uint8_t op;       /* enum match_op */
	bool ignore_case; /* EXACT and PREFIX only; value is already lower case */
	bool negate;      /* withoutHeaders: an absent header counts as "" */
	uint16_t header;  /* MATCH_HEADER: index into vhost.headers */
	uint32_t regex;   /* MATCH_REGEX: id in the field's pattern_set */
	/* EXACT, PREFIX; of REGEX the expression, for people. Not NUL-terminated by contract. */
	const char *value;
	uint32_t value_len;
};

/* All regular expressions that one field (or one header) of a virtual host is matched
 * against, compiled together: one scan answers all. Ids are 0..n-1. */
struct pattern_set {
	uint32_t n;
	struct hs_database *db; /* NULL when n == 0 */
};

struct header_name {
	const char *name; /* lower case */
	uint16_t len;
	uint16_t known_id; /* http field id when it is a well-known one, else 0 */
	struct pattern_set patterns;
};

/* Weighted choice among clusters, exact over a cycle: slots holds indices into targets,
 * built from blocks that each keep the weights exactly and are shuffled one by one. */
struct split_target {
	uint32_t cluster_id;                  /* WEIR_ID_NONE or one that no snapshot has: 503 NC */
	const char *cluster_name;             /* for the log when the cluster is missing */
	const struct target_actions *actions; /* NULL: none of its own */
};

struct split {
	uint32_t id; /* stable: index of per-worker cursors */
	uint32_t gen;
	uint32_t n_targets;
	const struct split_target *targets;
	uint32_t n_slots; /* 0 when there is one target */
	const uint16_t *slots;
};

/* HTTPRetry (istio/reference 2.4.6). An outcome is retried when one of its bits is set in `on`. */
#define RETRY_CONDITIONS(X)                                                                        \
	X(CONNECT_FAILURE, "connect-failure")                                                      \
	X(REFUSED_STREAM, "refused-stream")                                                        \
	X(RESET, "reset")                                                                          \
	X(RESET_BEFORE_REQUEST, "reset-before-request")                                            \
	X(5XX, "5xx")                                                                              \
	X(GATEWAY_ERROR, "gateway-error")                                                          \
	X(RETRIABLE_4XX, "retriable-4xx")                                                          \
	X(STATUS, "retriable-status-codes")                                                        \
	X(RATELIMITED, "envoy-ratelimited")                                                        \
	X(GRPC_CANCELLED, "cancelled")                                                             \
	X(GRPC_DEADLINE_EXCEEDED, "deadline-exceeded")                                             \
	X(GRPC_INTERNAL, "internal")                                                               \
	X(GRPC_RESOURCE_EXHAUSTED, "resource-exhausted")                                           \
	X(GRPC_UNAVAILABLE, "unavailable")

enum retry_on_bit {
#define X(id, name) RETRY_BIT_##id,
	RETRY_CONDITIONS(X)
#undef X
};

enum retry_on {
#define X(id, name) RETRY_##id = 1u << RETRY_BIT_##id,
	RETRY_CONDITIONS(X)
#undef X
};

/* Conditions that only a gRPC response can meet. */
#define RETRY_GRPC                                                                                 \
	(RETRY_GRPC_CANCELLED | RETRY_GRPC_DEADLINE_EXCEEDED | RETRY_GRPC_INTERNAL |               \
	 RETRY_GRPC_RESOURCE_EXHAUSTED | RETRY_GRPC_UNAVAILABLE)

/* A set of status codes, a bit each. */
#define STATUS_SET_MAX 600

struct status_set {
	uint64_t bits[(STATUS_SET_MAX + 63) / 64];
};

struct retry_policy {
	uint32_t attempts; /* tries after the first; 0 = none */
	uint32_t on;       /* enum retry_on */
	uint64_t backoff_us;
	uint64_t per_try_timeout_us;       /* 0 = none */
	const struct status_set *statuses; /* of RETRY_STATUS; NULL: none */
	bool same_hosts;                   /* hosts tried before are not avoided */
};

enum route_action { ROUTE_FORWARD, ROUTE_REDIRECT, ROUTE_DIRECT_RESPONSE };

/* Where a route was written down, for people. */
struct route_origin {
	const char *resource; /* "VirtualService default/reviews" */
	const char *field;    /* "spec.http[0].match[1]", or "spec.http[0]" without match */
};

struct route {
	const char *name; /* access log route_name */
	const struct predicate *predicates;
	uint16_t n_predicates;
	uint8_t action; /* enum route_action */
	struct split split;
	uint64_t timeout_us; /* HTTPRoute timeout; 0 = none */
	struct retry_policy retry;
	const struct route_actions *actions; /* NULL: only forwards */
	const struct route_origin *origin;   /* NULL: the default route of a service */
};

/* A list of route numbers, ascending. */
struct route_list {
	uint32_t n;
	const uint32_t *routes;
};

/* One key of an index: open addressing, empty when list.n == 0. */
struct route_key {
	uint32_t hash; /* match_hash() of the key */
	uint32_t len;
	const char *key;
	struct route_list list;
};

/* The values of one header that routes are filed under. */
struct header_index {
	uint16_t header; /* into vhost.headers */
	uint32_t mask;   /* size-1 */
	const struct route_key *exact;
};

struct route_index {
	/* Exact paths, and exact paths compared without case (keys in lower case). */
	const struct route_key *exact, *exact_nocase;
	uint32_t exact_mask, exact_nocase_mask; /* size-1; 0 = no table */
	/* Path prefixes by (length, bytes), and the distinct lengths, descending. */
	const struct route_key *prefix, *prefix_nocase;
	uint32_t prefix_mask, prefix_nocase_mask;
	const uint16_t *prefix_lens, *prefix_nocase_lens;
	uint16_t n_prefix_lens, n_prefix_nocase_lens;
	/* For each path regex, the routes filed under it. */
	const struct route_list *by_path_regex;
	/* Routes that a header's exact value tells apart better than their path. */
	const struct header_index *by_header;
	uint16_t n_by_header;
	/* Routes without any such key: checked one by one, in order. */
	struct route_list rest;
};

struct vhost {
	const char *name; /* "reviews.default.svc.cluster.local:9080", the access log's */
	uint32_t n_routes;
	const struct route *routes;

	uint16_t n_headers; /* header names any route looks at */
	const struct header_name *headers;
	/* Regexes of the non-header fields, by enum match_field (MATCH_HEADER is unused). */
	struct pattern_set patterns[MATCH_FIELDS];
	struct route_index index;
};

/* The hash of index keys: FNV-1a, 32 bits; seed is MATCH_HASH_SEED. */
#define MATCH_HASH_SEED 2166136261u

static inline uint32_t match_hash_step(uint32_t h, unsigned char c)
{
	return (h ^ c) * 16777619u;
}

static inline uint32_t match_hash(const char *p, uint32_t n)
{
	uint32_t h = MATCH_HASH_SEED;

	for (uint32_t i = 0; i < n; i++)
		h = match_hash_step(h, (unsigned char)p[i]);
	return h;
}
