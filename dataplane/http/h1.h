/* h1.h - the HTTP/1.1 codec's pure functions: heads, bodies, writing (RFC 9112).
 *
 * Parsers work on contiguous bytes, keep no pointers and allocate nothing. They return the
 * bytes used, 0 for "need more", or a negative enum h1_error: the rule that was broken. */
#pragma once
#include <base/mbq.h>
#include <http/message.h>

enum h1_error {
	H1_BAD_REQUEST_LINE = -1, /* 400 */
	H1_BAD_VERSION      = -2, /* 505: a valid HTTP-version that is not 1.0 or 1.1 */
	H1_BAD_FIELD        = -3, /* 400: name, value, obs-fold, bare CR or LF ... */
	H1_BAD_FRAMING      = -4, /* 400: Content-Length / Transfer-Encoding rules */
	H1_UNKNOWN_CODING   = -5, /* 501: Transfer-Encoding that is not exactly chunked */
	H1_BAD_HOST         = -6, /* 400: missing, repeated or malformed Host */
	H1_TOO_LARGE        = -7, /* 431 */
	H1_URI_TOO_LONG     = -8, /* 414 */
	H1_TOO_MANY_FIELDS  = -9, /* 431 */
	H1_BAD_STATUS_LINE  = -10, /* response: 502 */
	H1_BAD_CHUNK        = -11, /* 400, or 502 in a response */
	H1_BAD_TRAILER      = -12,
};

/* The status to answer a request with for an enum h1_error, and a token for logs. */
uint16_t    h1_error_status(int error);
const char *h1_error_name(int error);

struct h1_limits {
	uint32_t max_head_bytes;
	uint16_t max_fields;
};

/* Parses a request head at buf[0..len). scanned: bytes known from earlier calls not to
 * complete the head (0 at first); parsing only starts when the blank line is there.
 * On success h points into buf. */
int h1_parse_request(struct http_head *h, const char *buf, size_t len, size_t scanned,
		     const struct h1_limits *lim);

/* Same for a response; request_method decides about the body (HEAD, CONNECT). A 1xx status
 * has no body. */
int h1_parse_response(struct http_head *h, const char *buf, size_t len, size_t scanned,
		      const struct h1_limits *lim, enum http_method request_method);

/* Body framing, incremental: walks bytes as they come and tells data from framing. */
struct h1_body {
	uint8_t  framing;   /* enum http_framing */
	uint8_t  state;     /* chunked: where in the syntax */
	bool     done;      /* the message is complete */
	uint8_t  digits;    /* of the current chunk size */
	uint32_t line_len;  /* of the current chunk line or trailer section, for limits */
	uint64_t left;      /* data bytes of this chunk or length still to come */
};

void h1_body_init(struct h1_body *b, const struct http_head *h);

/* Looks at p[0..n): first *skip bytes of framing, then *data bytes of content. Returns the
 * bytes looked at (skip + data), 0 when n is 0 or the body is done, or H1_BAD_*. Call again
 * for the rest. When b->done becomes true, bytes after the returned count belong to the next
 * message. Trailer fields are validated and dropped. */
int h1_body_parse(struct h1_body *b, const char *p, uint32_t n, uint32_t *skip, uint32_t *data);

/* Writes a head into fresh mbufs of a pool. Single-segment mbufs of at most
 * H1_WRITE_SEGMENT bytes each, with headroom for lower layers. */
#define H1_WRITE_SEGMENT 1408

struct h1_writer {
	struct rte_mempool *pool;
	struct mbq          out;
	char               *p, *end; /* room left in out's last mbuf */
	bool                failed;  /* the pool was empty: out is incomplete */
};

void h1_write_begin(struct h1_writer *w, struct rte_mempool *pool);
/* Appends; spills into a new mbuf when the current one is full. */
void h1_write(struct h1_writer *w, struct slice s);
void h1_write_uint(struct h1_writer *w, uint64_t v);
/* "name: value\r\n" with the name in lower case. */
void h1_write_field(struct h1_writer *w, struct slice name, struct slice value);
/* Fixes the lengths. True when everything fitted; else frees what was written. */
bool h1_write_end(struct h1_writer *w, struct mbq *out);
