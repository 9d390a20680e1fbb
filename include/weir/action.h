/* action.h - what a route does besides choosing a cluster, compiled from VirtualService http[]
 * (istio/reference 2.4.2 to 2.4.10).
 *
 * A route that only forwards has none of it. Like a virtual host, nothing here points into a
 * snapshot. Texts are not NUL-terminated by contract; a text whose n is 0 is absent unless said
 * otherwise. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/rate_limit.h>

struct pcre2_real_code_8; /* PCRE2; used by all workers, each with match data of its own */

struct action_text {
	const char *p;
	uint32_t n;
};

/* Envoy's variables in header values, %NAME% (2.4.9). */
#define VALUE_VARIABLES(X)                                                                         \
	X(CLIENT, "DOWNSTREAM_REMOTE_ADDRESS")                                                     \
	X(CLIENT_IP, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT")                                     \
	X(CLIENT_PORT, "DOWNSTREAM_REMOTE_PORT")                                                   \
	X(PEER, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS")                                                \
	X(PEER_IP, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT")                                \
	X(LOCAL, "DOWNSTREAM_LOCAL_ADDRESS")                                                       \
	X(LOCAL_IP, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT")                                       \
	X(LOCAL_PORT, "DOWNSTREAM_LOCAL_PORT")                                                     \
	X(UPSTREAM, "UPSTREAM_REMOTE_ADDRESS")                                                     \
	X(UPSTREAM_IP, "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT")                                     \
	X(UPSTREAM_PORT, "UPSTREAM_REMOTE_PORT")                                                   \
	X(UPSTREAM_CLUSTER, "UPSTREAM_CLUSTER")                                                    \
	X(ROUTE_NAME, "ROUTE_NAME")                                                                \
	X(PROTOCOL, "PROTOCOL")                                                                    \
	X(RESPONSE_CODE, "RESPONSE_CODE")                                                          \
	X(START_TIME, "START_TIME")

enum value_source {
	VALUE_LITERAL,
	VALUE_REQUEST_FIELD,  /* %REQ(X)% */
	VALUE_RESPONSE_FIELD, /* %RESP(X)% */
#define X(id, name) VALUE_##id,
	VALUE_VARIABLES(X)
#undef X
};

struct value_part {
	uint8_t source;           /* enum value_source */
	uint32_t max;             /* at most so many bytes of it; UINT32_MAX: all */
	struct action_text text;  /* the literal, or the field's name in lower case */
	struct action_text other; /* %REQ(X?Y)%: the field when there is no X */
};

/* What a header is set to: parts, one after the other. */
struct header_value {
	uint32_t n;
	const struct value_part *parts;
};

enum header_op_kind { HEADER_REMOVE, HEADER_SET, HEADER_ADD };

struct header_op {
	uint8_t kind;            /* enum header_op_kind */
	struct action_text name; /* lower case */
	struct header_value value;
};

/* In order of execution. */
struct header_ops {
	uint32_t n;
	const struct header_op *ops;
};

/* How many one list may have: workers have room for so many new fields. */
#define HEADER_OPS_MAX 64

/* Header operations and the authority of one destination of several. */
struct target_actions {
	struct header_ops request, response;
	struct action_text authority;
};

/* rewrite.uri, uriRegexRewrite (2.4.4); of redirects, uri and prefixRewrite. */
enum path_change_kind {
	PATH_KEPT,
	PATH_PREFIX, /* the first prefix_len bytes become `to` */
	PATH_WHOLE,  /* all but the query becomes `to` */
	PATH_REGEX,  /* every match of regex becomes parts */
};

struct path_part {
	int group; /* -1: the text */
	struct action_text text;
};

struct path_rewrite {
	uint8_t change; /* enum path_change_kind */
	uint32_t prefix_len;
	struct action_text to; /* may be empty */
	struct pcre2_real_code_8 *regex;
	uint32_t n_parts;
	const struct path_part *parts;
};

struct redirect {
	uint16_t status;
	struct path_rewrite path;
	bool has_query;               /* path.to has a "?": the request's query is dropped */
	struct action_text authority; /* absent: the request's */
	struct action_text scheme;    /* absent: the request's */
	uint16_t port;                /* to be written; 0: none */
};

struct direct_response {
	uint16_t status;
	struct action_text body;
};

enum text_match { TEXT_EXACT, TEXT_PREFIX, TEXT_REGEX };

struct cors_origin {
	uint8_t match;                   /* enum text_match */
	struct action_text text;         /* of TEXT_REGEX the expression, for people */
	struct pcre2_real_code_8 *regex; /* matches the whole value */
};

/* corsPolicy (2.4.10). */
struct cors {
	bool any_origin;
	uint32_t n_origins;
	const struct cors_origin *origins;
	struct action_text methods, headers, expose, max_age; /* as they are sent */
	bool credentials;
	bool ignore_unmatched; /* unmatchedPreflights: IGNORE */
};

/* Shares of requests are in parts of this. */
#define SHARE_WHOLE 1000000u

/* fault (2.4.7): delay and abort are drawn one by one. */
struct fault {
	uint32_t delay_share, abort_share;
	uint64_t delay_us;
	uint16_t abort_status; /* 0: no abort by status */
	int16_t abort_grpc;    /* gRPC status; -1: none */
};

/* mirror, mirrors (2.4.8): a copy of the request to another cluster, whose answer nobody sees. */
struct mirror {
	uint32_t cluster_id; /* WEIR_ID_NONE or one that no snapshot has: nothing is copied */
	const char *cluster_name;
	uint32_t share;
	bool host_suffix; /* "-shadow" behind the host, as until Istio 1.27 */
};

/* Of a rule, of the rule that delegates to it, of the Gateway. */
#define ROUTE_LIMITS_MAX 3u

struct route_actions {
	uint32_t n_limits; /* a request passes all of them or counts at none */
	const struct rate_limit *limits;
	struct header_ops request, response;
	struct action_text authority; /* rewrite.authority, or a header operation on Host */
	const struct path_rewrite *path;
	const struct cors *cors;
	const struct fault *fault;
	const struct redirect *redirect;
	const struct direct_response *direct_response;
	uint32_t n_mirrors;
	const struct mirror *mirrors;
};
