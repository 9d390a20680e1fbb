/* pool.h - a service of many endpoints, compiled, and what its balancer makes of many requests. */
#pragma once
#include <weir/health.h>

#include "world.h"

#define POOL_MAX 128

/* One endpoint of the pool; the list of them ends with an address of 0. */
struct pool_member {
	uint8_t address;  /* the last byte */
	uint32_t weight;  /* 0: 1 */
	const char *more; /* further fields, such as "locality: r1/z1" */
};

/* A ServiceEntry pool.test with these endpoints, and its DestinationRule's trafficPolicy. */
const struct cluster *pool_load(struct world *w, const char *policy,
				const struct pool_member *members);
/* The same with active checks, which all endpoints have passed. */
const struct cluster *pool_load_checked(struct world *w, const char *policy,
					const struct pool_member *members);
/* n endpoints of weight 1, without the one of this address (0: with all). */
const struct cluster *pool_load_many(struct world *w, const char *policy, unsigned n,
				     uint8_t without);

/* Picks n times; counts by the last byte of the address, and what found nobody in counts[0]. */
void pool_pick(struct world *w, const struct cluster *c, unsigned n, unsigned *counts);

/* The last byte of the address that a key belongs to; 0: nobody. */
uint8_t pool_owner(struct world *w, const struct cluster *c, unsigned key);

/* What the active checks say of an endpoint. */
void pool_check(const struct cluster *c, uint8_t address, enum health_state said);

/* Takes an endpoint out, or lets it back, as outlier detection does. */
void pool_eject(const struct cluster *c, uint8_t address, bool out);
