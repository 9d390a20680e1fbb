/* request.h - the requests of a client: all of one length, so that the place in the stream tells
 * which one it is and what is in it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "emit.h"
#include "options.h"

#define REQUEST_HEAD_MAX 2048

struct request {
	uint32_t head_len, total; /* total: with the body */
	uint32_t body;            /* bytes of the pattern */
	uint64_t head_sum;
	bool counts;     /* its path has a %n */
	uint32_t n_at;   /* where the number goes */
	uint32_t tail;   /* bytes of the head behind the number, padding included */
	uint32_t digits; /* of the longest number; shorter ones are made up for by padding */
	uint32_t n_conns, path_count;
	const struct pattern *pattern;
	uint8_t head[REQUEST_HEAD_MAX + 16];
};

/* False when the head would be too long. */
bool request_init(struct request *r, const struct options *o, const struct pattern *pattern);

/* What %n is in the k-th request of a connection. */
static inline uint32_t request_number(const struct request *r, uint32_t conn, uint32_t k)
{
	return (uint32_t)((conn + (uint64_t)k * r->n_conns) % r->path_count);
}

/* Writes n bytes from `rel` bytes behind the start of request k on; their checksum. */
uint64_t request_fill_slow(const struct request *r, uint32_t conn, uint32_t k, uint32_t rel,
			   uint8_t *dst, uint32_t n);

static inline uint64_t request_fill(const struct request *r, uint32_t conn, uint32_t k,
				    uint32_t rel, uint8_t *dst, uint32_t n)
{
	if (rel || n != r->head_len || r->counts)
		return request_fill_slow(r, conn, k, rel, dst, n);
	emit_copy(dst, r->head, n);
	return r->head_sum;
}
