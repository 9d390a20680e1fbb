/* pool.h - the layout of a worker's pools; private to this folder. */
#pragma once
#include <http/h2_mem.h>
#include <upstream/conn.h>

/* Connections of one endpoint. */
struct endpoint_pool {
	struct upstream_conn *idle; /* the last used first */
	struct h2_conn *roomy;      /* HTTP/2: in use, with room for another stream */
	struct breaker_seat *seat;  /* where the cluster's connections are counted; NULL */
	uint32_t gen;               /* of the id whose connections these are */
	uint8_t announce;           /* of the endpoint (upstream_manner()), and of all of them */
};

static_assert(sizeof(struct endpoint_pool) == WEIR_CACHE_LINE / 2, "half a line an endpoint");

struct upstream {
	struct upstream_env env;
	struct slab conns;
	struct endpoint_pool *pools; /* by endpoint id */
	uint32_t n_pools;
	bool draining;
	const struct snapshot *snap; /* the worker's: valid while it is */
	/* HTTP/2: what has something to say at the end of the pass, all there are, their memory. */
	struct h2_conn *due, *h2_conns;
	struct h2_mem h2_mem;
};

/* What an endpoint's connections begin with. */
static inline uint8_t upstream_manner(const struct endpoint *e)
{
	return e->http2 ? e->announce | UPSTREAM_HTTP2 : e->announce;
}

/* An open connection to e in state UC_CONNECTING; NULL: *why. */
struct upstream_conn *upstream_open(struct upstream *u, const struct cluster *c,
				    const struct endpoint *e, void *user,
				    enum upstream_failure *why);

/* Would its endpoint's connections be opened as this one was, and may it grow older? */
bool upstream_is_current(const struct upstream_conn *uc);
/* Into its endpoint's pool, and out of it. */
void upstream_link_idle(struct upstream_conn *uc);
void upstream_unlink_idle(struct upstream_conn *uc);
/* Until when one that becomes idle now is kept; UINT64_MAX: for ever. */
uint64_t upstream_idle_until(const struct upstream_conn *uc);
