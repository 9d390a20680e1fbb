/* pool.c - owns the YAML of the pool. */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/xxh64.h>

#include "yaml.h"

#define CLUSTER_NAME "outbound|80||pool.test"

#define ENTRY                                                                                      \
	"---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: pool, "     \
	"annotations: {%s}}\nspec:\n  hosts: [pool.test]\n  resolution: STATIC\n"                  \
	"  ports: [{number: 80, name: http, protocol: HTTP}]\n  endpoints:\n"

static void put_pool(FILE *f, const char *annotations, const char *policy,
		     const struct pool_member *m)
{
	fprintf(f,
		ISTIO("DestinationRule", "pool", "default") "spec: {host: pool.test, "
							    "trafficPolicy: {%s}}\n",
		policy);
	fprintf(f, ENTRY, annotations);
	for (; m->address; m++)
		fprintf(f, "  - {address: 10.0.0.%u, weight: %u%s%s}\n", m->address,
			m->weight ? m->weight : 1, m->more ? ", " : "", m->more ? m->more : "");
}

static const struct cluster *load(struct world *w, const char *annotations, const char *policy,
				  const struct pool_member *members)
{
	const struct cluster *c;
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	put_pool(f, annotations, policy, members);
	assert_int_equal(fclose(f), 0);
	world_load(w, text);
	free(text);
	c = world_cluster_named(w, CLUSTER_NAME);
	assert_non_null(c);
	return c;
}

const struct cluster *pool_load(struct world *w, const char *policy,
				const struct pool_member *members)
{
	return load(w, "", policy, members);
}

const struct cluster *pool_load_checked(struct world *w, const char *policy,
					const struct pool_member *members)
{
	const struct cluster *c = load(w, "weir.io/health-check: http", policy, members);

	for (; members->address; members++)
		pool_check(c, members->address, HEALTH_WELL);
	return c;
}

const struct cluster *pool_load_many(struct world *w, const char *policy, unsigned n,
				     uint8_t without)
{
	struct pool_member m[POOL_MAX + 1] = {{0}};
	unsigned k = 0;

	for (unsigned i = 1; i <= n; i++)
		if (i != without)
			m[k++].address = (uint8_t)i;
	return pool_load(w, policy, m);
}

static uint8_t address_of(const struct cluster *c, uint32_t i)
{
	return i == LB_NONE ? 0 : c->endpoints->endpoints[i].addr.ip.b[15];
}

void pool_pick(struct world *w, const struct cluster *c, unsigned n, unsigned *counts)
{
	memset(counts, 0, (POOL_MAX + 1) * sizeof(*counts));
	for (unsigned i = 0; i < n; i++)
		counts[address_of(c, lb_pick(w->lb, c, NULL, 0))]++;
}

uint8_t pool_owner(struct world *w, const struct cluster *c, unsigned key)
{
	return address_of(c, lb_pick_hashed(w->lb, c, xxh64(&key, sizeof(key), 0)));
}

void pool_check(const struct cluster *c, uint8_t address, enum health_state said)
{
	for (uint32_t i = 0; i < c->endpoints->n; i++)
		if (address_of(c, i) == address)
			c->endpoints->endpoints[i].health->state = said;
	c->checks->tally->changes++;
}

void pool_eject(const struct cluster *c, uint8_t address, bool out)
{
	for (uint32_t i = 0; i < c->endpoints->n; i++)
		if (address_of(c, i) == address)
			c->endpoints->endpoints[i].health->ejected = out;
	c->outlier_state->ejected += out ? 1u : UINT32_MAX;
	c->outlier_state->ejections += out;
}
