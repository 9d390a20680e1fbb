/* keep.c - owns the tables from names to state that outlives snapshots. */
#include <compile/keep.h>

#include <assert.h>

#include <compile/memory.h>

/* What is in the tables; the object comes behind it, on a line of its own. */
struct kept {
	char *name;
	void *object;
	uint32_t refs;
	/* Of what workers hold, too: once nobody else does, until it is freed or held again. */
	struct kept *next;
	bool ended;
	struct map *map;
	bool (*is_unused)(const void *object);
};

void keep_init(struct keep *k)
{
	map_init(&k->breakers);
	map_init(&k->clusters);
	map_init(&k->tallies);
	map_init(&k->healths);
	map_init(&k->buckets);
	map_init(&k->counts);
	k->ended = NULL;
}

static void *aligned_object(size_t size)
{
	size = (size + WEIR_CACHE_LINE - 1) / WEIR_CACHE_LINE * WEIR_CACHE_LINE;
	return memset(memory_check(aligned_alloc(WEIR_CACHE_LINE, size)), 0, size);
}

static struct kept *get(struct map *m, const char *name, size_t size)
{
	struct kept *o = map_get_str(m, name);

	if (!o) {
		o = memory_alloc(sizeof(*o));
		o->name = memory_copy(name, strlen(name) + 1);
		o->object = aligned_object(size);
		*map_slot_str(m, o->name) = o;
	}
	o->refs++;
	return o;
}

static void forget(struct map *m, struct kept *o)
{
	map_remove(m, o->name, strlen(o->name));
	free(o->object);
	free(o->name);
	free(o);
}

/* True when nobody holds it any more. */
static bool put(struct kept *o)
{
	assert(o && o->refs > 0);
	return --o->refs == 0;
}

static void put_and_forget(struct map *m, const char *name)
{
	struct kept *o = map_get_str(m, name);

	if (put(o))
		forget(m, o);
}

/* ---- breakers ---- */

static void set_up(struct breaker *b, unsigned n_workers)
{
	b->n_seats = n_workers;
	b->limits = (struct breaker_limits){.connections = BREAKER_NO_LIMIT,
					    .pending = BREAKER_NO_LIMIT,
					    .requests = BREAKER_NO_LIMIT,
					    .retries = BREAKER_NO_LIMIT};
	for (unsigned i = 0; i < n_workers; i++)
		b->seats[i].breaker = b;
}

struct breaker *keep_get_breaker(struct keep *k, const char *cluster, uint32_t cluster_id,
				 unsigned n_workers)
{
	size_t size = sizeof(struct breaker) + n_workers * sizeof(struct breaker_seat);
	struct kept *o = get(&k->breakers, cluster, size);
	struct breaker *b = o->object;

	if (b->n_seats == 0)
		set_up(b, n_workers);
	/* While nobody held it the cluster's id may have been given away. */
	if (o->refs == 1)
		__atomic_store_n(&b->cluster_id, cluster_id, __ATOMIC_RELAXED);
	return b;
}

/* Puts o on the list of those that only workers may still hold. */
static void end(struct keep *k, struct map *m, struct kept *o,
		bool (*is_unused)(const void *object))
{
	if (!put(o) || o->ended)
		return;
	o->ended = true;
	o->map = m;
	o->is_unused = is_unused;
	o->next = k->ended;
	k->ended = o;
}

/* No snapshot leads to it, so no worker comes to hold it anew. The last access of one that held
 * it was to let go. */
static bool is_unused_breaker(const void *object)
{
	const struct breaker *b = object;

	return __atomic_load_n(&b->holds, __ATOMIC_ACQUIRE) == 0;
}

void keep_put_breaker(struct keep *k, const char *cluster)
{
	end(k, &k->breakers, map_get_str(&k->breakers, cluster), is_unused_breaker);
}

void keep_sweep(struct keep *k)
{
	struct kept **at = &k->ended, *o;

	while ((o = *at) != NULL) {
		if (o->refs == 0 && !o->is_unused(o->object)) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		o->ended = false;
		if (o->refs == 0)
			forget(o->map, o);
	}
}

void keep_fini(struct keep *k)
{
	struct kept *o;

	/* The workers are gone, whatever they held. */
	while ((o = k->ended) != NULL) {
		k->ended = o->next;
		forget(o->map, o);
	}
	map_fini(&k->breakers);
	map_fini(&k->clusters);
	map_fini(&k->tallies);
	map_fini(&k->healths);
	map_fini(&k->buckets);
	map_fini(&k->counts);
}

/* ---- health ---- */

struct outlier_state *keep_get_outlier(struct keep *k, const char *cluster)
{
	return get(&k->clusters, cluster, sizeof(struct outlier_state))->object;
}

void keep_put_outlier(struct keep *k, const char *cluster)
{
	put_and_forget(&k->clusters, cluster);
}

struct check_tally *keep_get_tally(struct keep *k, const char *cluster)
{
	return get(&k->tallies, cluster, sizeof(struct check_tally))->object;
}

void keep_put_tally(struct keep *k, const char *cluster)
{
	put_and_forget(&k->tallies, cluster);
}

struct endpoint_health *keep_get_health(struct keep *k, const char *endpoint)
{
	return get(&k->healths, endpoint, sizeof(struct endpoint_health))->object;
}

void keep_put_health(struct keep *k, const char *endpoint)
{
	put_and_forget(&k->healths, endpoint);
}

/* ---- rate limits ---- */

struct rate_bucket *keep_get_bucket(struct keep *k, const char *limit)
{
	return get(&k->buckets, limit, sizeof(struct rate_bucket))->object;
}

void keep_put_bucket(struct keep *k, const char *limit)
{
	put_and_forget(&k->buckets, limit);
}

/* ---- connections of listeners ---- */

/* A connection that is counted is a hold, too. */
static bool is_unused_count(const void *object)
{
	const struct conn_count *c = object;

	return __atomic_load_n(&c->open, __ATOMIC_ACQUIRE) == 0;
}

struct conn_count *keep_get_count(struct keep *k, const char *listener)
{
	struct kept *o = get(&k->counts, listener, sizeof(struct conn_count));
	struct conn_count *c = o->object;

	/* While nobody asked, connections came that it does not count. */
	if (o->refs == 1)
		__atomic_store_n(&c->adopted, 0, __ATOMIC_RELAXED);
	return c;
}

void keep_put_count(struct keep *k, const char *listener)
{
	end(k, &k->counts, map_get_str(&k->counts, listener), is_unused_count);
}
