/* affinity.h - what of a request decides its endpoint, for clusters with consistent hashing. */
#pragma once
#include <proxy/stream.h>

/* Of an address, for hashing by source. */
uint64_t affinity_source_hash(const struct ip_addr *source);

/* The endpoint of s->cluster, which has affinity: an index, or LB_NONE. h: the parsed head, or NULL
 * when it must be parsed again. The hash is made once for a request. */
uint32_t affinity_pick(struct stream *s, const struct http_head *h);

/* Adds the cookie that the request was given, if it was, to px->extra. */
void affinity_on_response(struct stream *s);
