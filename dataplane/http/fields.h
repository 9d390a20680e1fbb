/* fields.h - well-known field names: finding their ids, and which are not passed on. */
#pragma once
#include <http/message.h>

#define HTTP_FIELD_BIT(id) (1u << HTTP_FIELD_##id)

/* Fields that end at this hop: RFC 9110 7.6.1's list, HTTP2-Settings (RFC 7540 3.2.1), Trailer
 * (trailers are dropped) and Content-Length (framing is written anew). Proxy-Authenticate and
 * Proxy-Authorization are for a proxy that authenticates, which a gateway in front of an
 * origin is not: they pass. */
#define HTTP_FIELDS_HOP                                                                            \
	(HTTP_FIELD_BIT(CONNECTION) | HTTP_FIELD_BIT(KEEP_ALIVE) |                                 \
	 HTTP_FIELD_BIT(PROXY_CONNECTION) | HTTP_FIELD_BIT(TE) |                                   \
	 HTTP_FIELD_BIT(TRANSFER_ENCODING) | HTTP_FIELD_BIT(UPGRADE) |                             \
	 HTTP_FIELD_BIT(HTTP2_SETTINGS) | HTTP_FIELD_BIT(TRAILER) |                                \
	 HTTP_FIELD_BIT(CONTENT_LENGTH))

/* The id of a name in any case, HTTP_FIELD_OTHER when it is not a well-known one. The name must
 * be a token. */
enum http_field_id http_field_lookup(struct slice name);

/* The name in lower case; empty for HTTP_FIELD_OTHER. */
struct slice http_field_name(enum http_field_id id);

/* A field that Connection cannot declare hop by hop: dropping it would let a client take away
 * what the gateway or a guard in front of it has said (hop-by-hop header abuse). */
bool http_field_end_to_end(const struct http_field *f);
