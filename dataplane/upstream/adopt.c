/* adopt.c - what a new snapshot, or the end, means for connections that are open. */
#include <upstream/pool.h>

#include <stdlib.h>

#include <upstream/h2_conn.h>
#include <upstream/limit.h>

static void drop_idle(struct endpoint_pool *p)
{
	while (p->idle)
		upstream_discard(p->idle, false);
}

/* Where connections to each endpoint are counted from now on. */
static void adopt_limits(struct upstream *u, const struct snapshot *s)
{
	for (uint32_t i = 0; i < u->n_pools; i++)
		u->pools[i].seat = NULL;
	for (uint32_t i = 0; i < s->n_cluster_ids; i++) {
		const struct cluster *c = s->cluster_by_id[i];

		if (!c || !c->breaker)
			continue;
		limit_adopt(u, c);
		for (uint32_t k = 0; k < c->endpoints->n; k++) {
			uint32_t id = c->endpoints->endpoints[k].id;

			if (id < u->n_pools)
				u->pools[id].seat = &c->breaker->seats[u->env.worker];
		}
	}
}

/* Idle connections that are not counted where they should be: limits came or went. */
static void drop_miscounted(struct endpoint_pool *p)
{
	struct upstream_conn *uc, *next;

	for (uc = p->idle; uc; uc = next) {
		next = uc->next;
		if (uc->seat != p->seat)
			upstream_discard(uc, false);
	}
}

bool upstream_adopt(struct upstream *u, const struct snapshot *s)
{
	bool grown = true;

	u->snap = s;

	if (s->n_endpoint_ids > u->n_pools) {
		struct endpoint_pool *p = realloc(u->pools, s->n_endpoint_ids * sizeof(*p));

		if (p) {
			memset(p + u->n_pools, 0, (s->n_endpoint_ids - u->n_pools) * sizeof(*p));
			u->pools = p;
			u->n_pools = s->n_endpoint_ids;
		}
		grown = p != NULL;
	}
	adopt_limits(u, s);
	for (uint32_t i = 0; i < u->n_pools; i++) {
		const struct endpoint *e = i < s->n_endpoint_ids ? s->endpoint_by_id[i] : NULL;

		if (u->pools[i].idle &&
		    (!e || e->gen != u->pools[i].gen || upstream_manner(e) != u->pools[i].announce))
			drop_idle(&u->pools[i]);
		drop_miscounted(&u->pools[i]);
		if (e) {
			u->pools[i].gen = e->gen;
			u->pools[i].announce = upstream_manner(e);
		}
		h2_conns_adopt(&u->pools[i]);
	}
	return grown;
}

void upstream_drain(struct upstream *u)
{
	u->draining = true;
	for (uint32_t i = 0; i < u->n_pools; i++)
		drop_idle(&u->pools[i]);
}
