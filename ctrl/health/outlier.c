/* outlier.c - lets ejected endpoints back in. */
#include <health/outlier.h>

#include <stdio.h>
#include <stdlib.h>

void outlier_sweep_init(struct outlier_sweep *o)
{
	*o = (struct outlier_sweep){.due_us = UINT64_MAX};
}

void outlier_sweep_fini(struct outlier_sweep *o)
{
	free(o->clusters);
	outlier_sweep_init(o);
}

static void add(struct outlier_sweep *o, const struct cluster *c)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 16;
		o->clusters = realloc(o->clusters, o->cap * sizeof(*o->clusters));
		if (!o->clusters) {
			fprintf(stderr, "weir: out of memory for outlier detection\n");
			abort();
		}
	}
	o->clusters[o->n++] = c;
}

/* Endpoints that left while they were out count no longer. A worker may be about to eject one: then
 * the count has changed and is left alone, until the next sweep. */
static uint32_t recount(const struct cluster *c)
{
	struct outlier_state *s = c->outlier_state;
	uint32_t before = __atomic_load_n(&s->ejected, __ATOMIC_ACQUIRE), n = 0;

	for (uint32_t i = 0; i < c->endpoints->n; i++)
		n += endpoint_is_ejected(c->endpoints->endpoints[i].health);
	if (n < before)
		__atomic_compare_exchange_n(&s->ejected, &before, n, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	return n;
}

void outlier_sweep_follow(struct outlier_sweep *o, const struct snapshot *s, uint64_t now_us)
{
	o->n = 0;
	o->due_us = UINT64_MAX;
	for (uint32_t i = 0; s && i < s->n_cluster_ids; i++) {
		const struct cluster *c = s->cluster_by_id[i];
		uint64_t *next;

		if (!c || !c->outlier)
			continue;
		add(o, c);
		recount(c);
		next = &c->outlier_state->next_sweep_us;
		/* New, or its interval has become shorter. */
		if (*next == 0 || *next > now_us + c->outlier->interval_us)
			*next = now_us + c->outlier->interval_us;
		if (*next < o->due_us)
			o->due_us = *next;
	}
}

static void come_back(const struct cluster *c, struct endpoint_health *h)
{
	__atomic_store_n(&h->errors_5xx, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&h->errors_gateway, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&h->errors_local, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&h->ejected, 0, __ATOMIC_RELEASE);
	__atomic_fetch_sub(&c->outlier_state->ejected, 1, __ATOMIC_RELAXED);
}

/* Its checks were given up while it was out: nothing else would let it in. A request on an old
 * snapshot may do that to it long after. */
static void forget_checks(const struct cluster *c, uint32_t i)
{
	struct endpoint_health *h = c->endpoints->endpoints[i].health;

	if ((c->checks && c->checks->of[i]) || endpoint_health_state(h) == HEALTH_WELL)
		return;
	__atomic_store_n(&h->state, HEALTH_WELL, __ATOMIC_RELAXED);
	if (c->checks)
		__atomic_fetch_add(&c->checks->tally->changes, 1, __ATOMIC_RELEASE);
}

/* 2: a worker is about to eject it. */
static void sweep_endpoint(const struct cluster *c, struct endpoint_health *h, uint64_t now_us)
{
	uint32_t ejected = __atomic_load_n(&h->ejected, __ATOMIC_ACQUIRE);

	if (ejected == 1 && h->until_us <= now_us)
		come_back(c, h);
	else if (!c->outlier->unforgiving && ejected == 0 &&
		 __atomic_load_n(&h->multiplier, __ATOMIC_RELAXED) > 0)
		__atomic_fetch_sub(&h->multiplier, 1, __ATOMIC_RELAXED);
}

static void sweep(const struct cluster *c, uint64_t now_us)
{
	uint64_t *next = &c->outlier_state->next_sweep_us;

	for (uint32_t i = 0; i < c->endpoints->n; i++) {
		forget_checks(c, i);
		sweep_endpoint(c, c->endpoints->endpoints[i].health, now_us);
	}
	recount(c);
	/* A control thread that was busy leaves sweeps out, rather than make them in a row. */
	*next += c->outlier->interval_us;
	if (*next <= now_us)
		*next = now_us + c->outlier->interval_us;
}

void outlier_sweep_run(struct outlier_sweep *o, uint64_t now_us)
{
	if (now_us < o->due_us)
		return;
	o->due_us = UINT64_MAX;
	for (uint32_t i = 0; i < o->n; i++) {
		uint64_t *next = &o->clusters[i]->outlier_state->next_sweep_us;

		if (*next <= now_us)
			sweep(o->clusters[i], now_us);
		if (*next < o->due_us)
			o->due_us = *next;
	}
}
