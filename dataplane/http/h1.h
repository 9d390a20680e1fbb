/* h1.h - the HTTP/1.1 codec's pure functions: heads, bodies, writing (RFC 9112).
 *
 * Parsers work on contiguous bytes, keep no pointers and allocate nothing. They return the
 * bytes used, 0 for "need more", or a negative enum h1_error: the rule that was broken. */
#pragma once
#include <base/mbq.h>
#include <http/message.h>

/* X(id, number, status, name): the status to answer a request with; in a response every one is
 * a 502. The name is for logs. */
#define H1_ERRORS(X)                                                                               \
	X(BAD_REQUEST_LINE, 1, 400, "http1.bad_request_line")                                      \
	X(BAD_VERSION, 2, 505, "http1.bad_version") /* valid, but not 1.0 or 1.1 */                \
	X(BAD_FIELD, 3, 400, "http1.bad_field")     /* name, value, obs-fold, bare CR or LF */     \
	X(BAD_FRAMING, 4, 400, "http1.bad_framing") /* Content-Length, Transfer-Encoding */        \
	X(UNKNOWN_CODING, 5, 501, "http1.unknown_transfer_coding")                                 \
	X(BAD_HOST, 6, 400, "http1.bad_host") /* missing, repeated or malformed */                 \
	X(TOO_LARGE, 7, 431, "http1.head_too_large")                                               \
	X(URI_TOO_LONG, 8, 414, "http1.uri_too_long")                                              \
	X(TOO_MANY_FIELDS, 9, 431, "http1.too_many_fields")                                        \
	X(BAD_STATUS_LINE, 10, 502, "http1.bad_status_line")                                       \
	X(BAD_CHUNK, 11, 400, "http1.bad_chunk")                                                   \
	X(BAD_TRAILER, 12, 400, "http1.bad_trailer")                                               \
	X(BAD_PATH, 13, 400, "path_normalization_failed") /* http/path.h */

enum h1_error {
#define X(id, number, status, name) H1_##id = -(number),
	H1_ERRORS(X)
#undef X
};

/* The status to answer a request with for an enum h1_error, and a token for logs. */
uint16_t h1_error_status(int error);
const char *h1_error_name(int error);

struct h1_limits {
	uint32_t max_head_bytes;
	uint16_t max_fields;
};

/* Parses a request head at buf[0..len). scanned: bytes that an earlier call on this head has
 * already seen (0 at first). On success h points into buf.
 *
 * What is wrong is refused as soon as the line it is in has come (the first call, and any call
 * that brings a line end, looks at all there is), so garbage does not wait for a blank line. The
 * error does not depend on how the bytes were cut. Up to four empty lines before a request are
 * skipped and counted as used (RFC 9112 2.2).
 *
 * Line ends are CRLF only; a target is passed as it came: octets above 0x7f and characters
 * outside RFC 3986 are let through, controls, blanks and "#" are not. An absolute-form target
 * with a query but no path is refused, because its origin form is not a part of buf. */
int h1_parse_request(struct http_head *h, const char *buf, size_t len, size_t scanned,
		     const struct h1_limits *lim);

/* Same for a response; request_method decides about the body (HEAD, CONNECT). A 1xx status
 * has no body. Where RFC 9112 lets a proxy repair or refuse, this refuses: the peer is ours. */
int h1_parse_response(struct http_head *h, const char *buf, size_t len, size_t scanned,
		      const struct h1_limits *lim, enum http_method request_method);

#define H1_CHUNK_DIGITS_MAX  16   /* leading zeros included */
#define H1_CHUNK_LINE_MAX    1024 /* bytes of a chunk's size and extensions */
#define H1_TRAILER_BYTES_MAX 8192 /* of the whole trailer section */

/* Body framing, incremental: walks bytes as they come and tells data from framing. */
struct h1_body {
	uint8_t framing;   /* enum http_framing */
	uint8_t state;     /* chunked: where in the syntax */
	bool done;         /* the message is complete */
	uint8_t digits;    /* of the current chunk size */
	uint32_t line_len; /* of the current chunk line or trailer section, for limits */
	uint64_t left;     /* data bytes of this chunk or length still to come */
};

void h1_body_init(struct h1_body *b, const struct http_head *h);

/* Looks at p[0..n): first *skip bytes of framing, then *data bytes of content. Returns the
 * bytes looked at (skip + data), 0 when n is 0 or the body is done, or H1_BAD_*. Call again
 * for the rest. When b->done becomes true, bytes after the returned count belong to the next
 * message. Trailer fields are validated and dropped. */
int h1_body_parse(struct h1_body *b, const char *p, uint32_t n, uint32_t *skip, uint32_t *data);

/* Writes a head into fresh mbufs of a pool: single segments of at most H1_WRITE_SEGMENT bytes,
 * behind the default headroom, where lower layers put their headers. */
#define H1_WRITE_SEGMENT 1408

struct h1_writer {
	struct rte_mempool *pool;
	struct mbq out;
	char *p, *end; /* room left in out's last mbuf */
	bool failed;   /* the pool was empty; nothing more is written */
};

void h1_write_begin(struct h1_writer *w, struct rte_mempool *pool);
/* Appends; spills into a new mbuf when the current one is full. */
void h1_write(struct h1_writer *w, struct slice s);
void h1_write_uint(struct h1_writer *w, uint64_t v);
/* "name: value\r\n" with the name in lower case. */
void h1_write_field(struct h1_writer *w, struct slice name, struct slice value);
/* Fixes the lengths and appends what was written to out. When the pool was empty, frees it
 * instead and returns false. */
bool h1_write_end(struct h1_writer *w, struct mbq *out);
