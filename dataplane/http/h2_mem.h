/* h2_mem.h - the memory of one worker's HTTP/2 connections, which is bounded.
 *
 * nghttp2 allocates as its peers' frames come. What it may have in all is fixed at start, so that
 * a peer's doing ends in NGHTTP2_ERR_NOMEM and not in a worker without memory. */
#pragma once
#include <stddef.h>

#include <nghttp2/nghttp2.h>

#include <weir/counters.h>

struct h2_mem {
	nghttp2_mem api; /* what nghttp2 is given */
	size_t used, max;
	struct counters *counters;
};

/* What the bound has no room for is counted. counters is borrowed. */
void h2_mem_init(struct h2_mem *m, size_t max, struct counters *counters);

/* Zeroed; NULL when the bound is reached. For what belongs to a connection besides. */
void *h2_mem_get(struct h2_mem *m, size_t size);
void h2_mem_put(struct h2_mem *m, void *p);
