/* describe.h - the parts of a snapshot as JSON objects, for dumps and explanations.
 *
 * Every function returns a new reference, NULL when memory is gone. */
#pragma once
#include <weir/snapshot.h>

#include "json.h"

/* hosts: whether to list them, of which there may be many; else they are only counted. like: a
 * listener that was described already and has the same ones; NULL: none. */
json_t *describe_listener(const struct listener *l, bool hosts, const struct listener *like);
/* Do both see the same virtual hosts, as the VIPs of one port do? a may be NULL. */
bool describe_shares_hosts(const struct listener *a, const struct listener *b);

/* Of a listener that has a TCP route. */
json_t *describe_tcp_listener(const struct listener *l);
json_t *describe_tcp_route(const struct tcp_route *r);

/* domains: an array of its names, taken. */
json_t *describe_vhost(const struct vhost *v, uint16_t port, json_t *domains);
json_t *describe_route(const struct vhost *v, const struct route *r);
/* One of a route's targets with its share; its weight is its number of slots in a cycle. */
json_t *describe_target(const struct split *s, uint32_t target);

/* now_us: of the workers' clock. */
json_t *describe_cluster(const struct cluster *c, uint64_t now_us);

/* What a condition asks for in words, as its author would say it: `uri prefix /api`. */
void describe_condition(const struct vhost *v, const struct predicate *p, struct text *out);
/* A value in a sentence: with quotes where it would not be seen to begin or end without. */
void describe_value(struct text *out, const char *p, size_t n);

/* The number of slots of an open-addressing table; a mask of 0 says that there is none. */
static inline uint32_t describe_table_size(uint32_t mask)
{
	return mask ? mask + 1 : 0;
}

/* Is it in use, and not the mark that suffixes may begin within a label (dataplane/match)? */
static inline bool describe_is_domain(const struct host_entry *e)
{
	return e->vhost && e->len > 0;
}
