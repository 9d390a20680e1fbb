/* message.h - a parsed HTTP/1.1 message head: slices into the bytes it was parsed from. */
#pragma once
#include <base/slice.h>

#define HTTP_FIELDS_MAX 128 /* hard limit; configuration may lower it */

/* Names the gateway itself cares about; ids start at 1, 0 is "any other". */
#define HTTP_FIELDS(X)                                                                             \
	X(CONNECTION, "connection")                                                                \
	X(CONTENT_LENGTH, "content-length")                                                        \
	X(CONTENT_TYPE, "content-type")                                                            \
	X(COOKIE, "cookie")                                                                        \
	X(DATE, "date")                                                                            \
	X(EXPECT, "expect")                                                                        \
	X(GRPC_TIMEOUT, "grpc-timeout")                                                            \
	X(HOST, "host")                                                                            \
	X(HTTP2_SETTINGS, "http2-settings")                                                        \
	X(KEEP_ALIVE, "keep-alive")                                                                \
	X(LOCATION, "location")                                                                    \
	X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                \
	X(PROXY_AUTHORIZATION, "proxy-authorization")                                              \
	X(PROXY_CONNECTION, "proxy-connection")                                                    \
	X(SERVER, "server")                                                                        \
	X(TE, "te")                                                                                \
	X(TRAILER, "trailer")                                                                      \
	X(TRANSFER_ENCODING, "transfer-encoding")                                                  \
	X(UPGRADE, "upgrade")                                                                      \
	X(USER_AGENT, "user-agent")                                                                \
	X(X_ENVOY_HEALTH_FAIL, "x-envoy-immediate-health-check-fail")                              \
	X(X_ENVOY_MAX_RETRIES, "x-envoy-max-retries")                                              \
	X(X_ENVOY_PER_TRY_TIMEOUT, "x-envoy-upstream-rq-per-try-timeout-ms")                       \
	X(X_ENVOY_TIMEOUT, "x-envoy-upstream-rq-timeout-ms")                                       \
	X(X_FORWARDED_FOR, "x-forwarded-for")                                                      \
	X(X_FORWARDED_PROTO, "x-forwarded-proto")                                                  \
	X(X_FORWARDED_CLIENT_CERT, "x-forwarded-client-cert")                                      \
	X(X_REQUEST_ID, "x-request-id")

enum http_field_id {
	HTTP_FIELD_OTHER,
#define X(id, name) HTTP_FIELD_##id,
	HTTP_FIELDS(X)
#undef X
		HTTP_FIELD_COUNT
};

enum http_method {
	HTTP_METHOD_OTHER,
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_CONNECT,
	HTTP_PATCH
};

struct http_field {
	struct slice name;  /* as received */
	struct slice value; /* without surrounding blanks */
	uint16_t id;        /* enum http_field_id */
	/* Not to be passed on: named by Connection or always hop by hop (RFC 9110 7.6.1), or
	 * message framing, which whoever forwards writes anew from framing and length. */
	bool hop;
};

enum http_framing {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,  /* http_head.length bytes */
	HTTP_BODY_CHUNKED, /* RFC 9112 7.1 */
	HTTP_BODY_CLOSE,   /* response only: until the connection ends */
};

struct http_head {
	/* Request. */
	struct slice method;
	struct slice target; /* as received */
	/* Origin form of the target, query included; "*" for OPTIONS *, empty for CONNECT. Static
	 * when an absolute-form target has no path. */
	struct slice path;
	uint32_t path_len;      /* of path, without "?query" and "#fragment" */
	struct slice authority; /* of an absolute-form target, else Host; may be empty (HTTP/1.0) */
	uint8_t method_id;      /* enum http_method */
	/* Response. */
	uint16_t status;
	struct slice reason;

	uint8_t minor;   /* HTTP/1.minor: 0 or 1 */
	uint8_t framing; /* enum http_framing */
	uint64_t length; /* Content-Length, when has_length */
	/* A Content-Length that counts and may be passed on; true also for a HEAD or 304 response,
	 * which has one and no body. Never with HTTP_BODY_CHUNKED. */
	bool has_length;
	bool keep_alive;        /* what the message says of its connection (RFC 9112 9.3) */
	bool expect_continue;   /* Expect: 100-continue */
	bool upgrade;           /* Connection: upgrade with an Upgrade field */
	bool upgrade_websocket; /* ... and its value is "websocket" */
	bool te_trailers;       /* TE: trailers */

	uint16_t n_fields;
	uint32_t seen; /* bit of each id (enum http_field_id) that is among the fields */
	struct http_field fields[HTTP_FIELDS_MAX];
};

/* Announces no body, or an empty one. */
static inline bool http_has_no_body(const struct http_head *h)
{
	return h->framing == HTTP_BODY_NONE || (h->framing == HTTP_BODY_LENGTH && !h->length);
}

static inline bool http_has(const struct http_head *h, enum http_field_id id)
{
	return h->seen >> id & 1;
}

/* The first field of a well-known name, NULL when there is none. */
static inline const struct http_field *http_find(const struct http_head *h, enum http_field_id id)
{
	if (!http_has(h, id))
		return NULL;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == id)
			return &h->fields[i];
	return NULL;
}
