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
#include <string.h>

#include <nmmintrin.h>

#include <weir/abi.h>
#include <weir/action.h>
#include <weir/addr_set.h>
#include <weir/status_set.h>

struct hs_database;       /* Hyperscan */
struct pcre2_real_code_8; /* PCRE2's */

enum match_field {
	MATCH_PATH, /* without query and fragment */
	MATCH_METHOD,
	MATCH_AUTHORITY, /* as sent, port included */
	MATCH_SCHEME,
	MATCH_HEADER, /* predicate.header names which; repeated lines joined by "," */
	MATCH_QUERY,  /* predicate.header names which: the first one's value, as it was sent */
	MATCH_SOURCE, /* the peer's address */
	MATCH_FIELDS
};

enum match_op {
	MATCH_EXACT,
	MATCH_PREFIX,
	MATCH_REGEX,   /* predicate.regex is the bit in the result of the field's scan */
	MATCH_LONE,    /* an expression that is run by itself: predicate.code; of the path only */
	MATCH_PRESENT, /* header or parameter exists, whatever its value */
	MATCH_IN,      /* MATCH_SOURCE: the address is one of vhost.sources[predicate.header] */
};

struct predicate {
	uint8_t field;    /* enum match_field */
	uint8_t op;       /* enum match_op */
	bool ignore_case; /* EXACT and PREFIX only; value is already lower case */
	bool negate;      /* withoutHeaders: an absent header counts as "" */
	uint16_t header;  /* MATCH_HEADER: into vhost.headers; MATCH_QUERY: into vhost.queries */
	/* MATCH_LONE: so many bytes that all its matches begin with; it is filed under them. */
	uint16_t literal;
	union {
		uint32_t regex; /* MATCH_REGEX: id in the field's pattern_set */
		const struct pcre2_real_code_8 *code; /* MATCH_LONE */
	};
	/* EXACT, PREFIX; of REGEX and LONE the expression, of IN what it means, for people. Not
	 * NUL-terminated by contract. */
	const char *value;
	uint32_t value_len;
};

/* All regular expressions that one field (or one header) of a virtual host is matched
 * against, compiled together: one scan answers all. Ids are 0..n-1. Those that Hyperscan cannot
 * take are PCRE2's, run one by one when somebody asks. No value that is not UTF-8 matches. */
struct pattern_set {
	uint32_t n;
	struct hs_database *db;                      /* NULL: nothing is Hyperscan's */
	const struct pcre2_real_code_8 *const *slow; /* by id; NULL: nothing is PCRE2's */
};

/* Steps of one match of PCRE2's. Who sends what needs more meets no condition: it is an attack, or
 * an expression that needs another form. */
#define PATTERN_STEPS_MAX 10000

static inline bool pattern_is_slow(const struct pattern_set *s, uint32_t id)
{
	return s->slow && s->slow[id];
}

struct header_name {
	const char *name; /* lower case */
	uint16_t len;
	uint16_t known_id; /* http field id when it is a well-known one, else 0 */
	struct pattern_set patterns;
};

/* A query parameter that some route looks at. */
struct query_name {
	const char *name; /* as it is sent: case counts, escapes stay */
	uint32_t len;
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
	uint16_t filed; /* the predicate that is met where it is filed; n_predicates: none */
	uint8_t action; /* enum route_action */
	struct split split;
	uint64_t timeout_us; /* HTTPRoute timeout; 0 = none */
	struct retry_policy retry;
	const struct route_actions *actions; /* NULL: only forwards */
	const struct route_origin *origin;   /* NULL: the default route of a service */
};

/* An entry of a list of routes: its number, and whether it has predicates besides the one that
 * it is filed under, which every request that comes to the list meets. */
static inline uint32_t route_entry(uint32_t route, bool more)
{
	return route << 1 | more;
}

/* Entries in order of their routes. */
struct route_list {
	uint32_t n;
	uint32_t one; /* n == 1: the entry */
	const uint32_t *entries;
};

static inline const uint32_t *route_list_begin(const struct route_list *l)
{
	return l->n == 1 ? &l->one : l->entries;
}

/* One key of an index: open addressing, empty when list.n == 0. A short key lies in it, so that
 * a look-up among many is one cache miss. */
#define ROUTE_KEY_NEAR 40u

struct route_key {
	uint32_t hash; /* match_hash() of the key */
	uint32_t len;
	struct route_list list;
	union {
		char near[ROUTE_KEY_NEAR]; /* len <= ROUTE_KEY_NEAR */
		const char *far;
	} bytes;
} WEIR_CACHE_ALIGNED;

static_assert(sizeof(struct route_key) == WEIR_CACHE_LINE, "a key is one cache line");

static inline const char *route_key_bytes(const struct route_key *k)
{
	return k->len <= ROUTE_KEY_NEAR ? k->bytes.near : k->bytes.far;
}

/* Routes filed under what a part of the request other than its path is: a value, or a regular
 * expression that it matches. */
struct value_index {
	uint8_t field;                     /* enum match_field */
	uint16_t header;                   /* as in a predicate */
	uint32_t mask;                     /* size-1 */
	const struct route_key *exact;     /* NULL: none */
	uint32_t n_regex;                  /* 0: none, else the number of the part's patterns */
	const struct route_list *by_regex; /* by pattern */
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
	/* Routes that something else tells apart better than their path. */
	const struct value_index *by_value;
	uint32_t n_by_value;
	/* Routes without any such key: checked one by one, in order. */
	struct route_list rest;
};

struct vhost {
	const char *name; /* "reviews.default.svc.cluster.local:9080", the access log's */
	uint32_t n_routes;
	const struct route *routes;

	uint16_t n_headers; /* header names any route looks at */
	const struct header_name *headers;
	uint16_t n_queries; /* query parameters any route looks at */
	const struct query_name *queries;
	const uint16_t *query_slots; /* by match_hash() of the name: its index + 1; 0: empty */
	uint32_t query_mask;         /* size-1 */
	const struct addr_set *sources;
	/* Regexes of the fields that have no names, by enum match_field. */
	struct pattern_set patterns[MATCH_FIELDS];
	struct route_index index;
};

/* The hash of index keys: CRC-32C over the bytes, which can be taken at any cut. It says nothing
 * about security: keys come from the configuration, requests only look for them. */
#define MATCH_HASH_SEED 0x811c9dc5u

static inline uint32_t match_hash_step(uint32_t h, unsigned char c)
{
	return _mm_crc32_u8(h, c);
}

static inline uint32_t match_hash_on(uint32_t h, const char *p, uint32_t n)
{
	uint64_t eight;

	for (; n >= sizeof(eight); p += sizeof(eight), n -= (uint32_t)sizeof(eight)) {
		memcpy(&eight, p, sizeof(eight));
		h = (uint32_t)_mm_crc32_u64(h, eight);
	}
	for (; n > 0; p++, n--)
		h = match_hash_step(h, (unsigned char)*p);
	return h;
}

static inline uint32_t match_hash(const char *p, uint32_t n)
{
	return match_hash_on(MATCH_HASH_SEED, p, n);
}
