/* h1_io.h - HTTP/1.1 over a bytestream: heads and bodies between mbuf queues and the parsers.
 *
 * What the codec's two sides have in common. Nothing here copies a body, but for pieces too
 * small to be worth an mbuf of their own. */
#pragma once
#include <base/bytestream.h>
#include <http/h1.h>

/* Pieces up to this size are copied rather than shared. */
#define H1_COPY_BREAK 256

/* Room for heads that arrive in more than one mbuf; one per worker. */
struct h1_linear {
	char *buf;
	uint32_t size;
};

/* Parse the head at the start of q as h1_parse_request() and h1_parse_response() do: in place
 * when it lies in the first mbuf, else from a copy in lin. *scanned carries over from one try to
 * the next, 0 at first. h points into q or lin until either changes. */
int h1_read_request(struct http_head *h, const struct mbq *q, uint32_t *scanned,
		    struct h1_linear *lin, const struct h1_limits *lim);
int h1_read_response(struct http_head *h, const struct mbq *q, uint32_t *scanned,
		     struct h1_linear *lin, const struct h1_limits *lim,
		     enum http_method request_method);

/* Appends references to all of `from` to `to`, which then outlive it; small pieces are copies.
 * False when the pool is empty: then `to` has only some of them. */
bool h1_share(const struct mbq *from, struct mbq *to, struct rte_mempool *pool);

/* Moves the first n bytes of `from` to `to`, splitting the mbuf they end in: a small part is
 * copied, a large one shared by reference. False when the pool is empty: nothing moved. */
bool h1_take_bytes(struct mbq *from, uint32_t n, struct mbq *to, struct rte_mempool *pool);

/* Decodes body bytes from the head of in: content goes to data, framing is dropped. Stops at
 * the end of the message, at about max bytes of content, or when in is empty. *used: bytes
 * taken off `in`. Returns 0, an enum h1_error, or -ENOMEM when the pool is empty: the message
 * cannot be continued then either. */
int h1_body_take(struct h1_body *b, struct mbq *in, uint32_t max, struct mbq *data, uint32_t *used,
		 struct rte_mempool *pool);

/* Frames data (not empty) as one chunk in place: size line before it, CRLF behind it (RFC 9112
 * 7.1). False when the pool is empty: data is useless then. */
bool h1_chunk_encode(struct mbq *data, struct rte_mempool *pool);

/* Appends bytes: into the tail mbuf's room, else into a fresh mbuf. */
bool h1_append_bytes(struct mbq *q, struct slice s, struct rte_mempool *pool);
