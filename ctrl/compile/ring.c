/* ring.c - owns consistent hash tables: ring hash (Ketama) with the points that
 * Envoy gives an endpoint, and Maglev (Eisenbud
 * et al., NSDI 2016, section 3.4) with its weights. */
#include <compile/ring.h>

#include <stddef.h>

#include <compile/memory.h>
#include <weir/xxh64.h>

#define RING_SIZE_MAX (8u << 20)

struct ring_object {
	struct cached cached;
	struct hash_table table;
	void *memory[3]; /* what table points to */
};

struct point {
	uint64_t hash;
	uint32_t owner;
};

/* ---- ring ---- */

/* Points per unit of weight: a power of two, so that it stays the same, and with it every other
 * endpoint's points, for nearly any endpoint that comes or goes. (Envoy takes the exact number for
 * the size that is asked for, and moves half as many keys again.) */
static double ring_scale(const struct endpoint *e, uint32_t n, uint32_t size)
{
	double total = 0, least = UINT32_MAX, scale = 1;

	for (uint32_t i = 0; i < n; i++) {
		total += e[i].weight;
		if (e[i].weight < least)
			least = e[i].weight;
	}
	while (scale * total < size)
		scale *= 2;
	while (scale / 2 * total >= size && scale / 2 * least >= 1)
		scale /= 2;
	while (scale * total > RING_SIZE_MAX)
		scale /= 2;
	return scale;
}

static uint32_t points_of(const struct endpoint *e, double scale)
{
	uint32_t points = (uint32_t)(e->weight * scale + 0.5);

	return points ? points : 1;
}

static int by_hash(const void *x, const void *y)
{
	const struct point *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->owner < b->owner ? -1 : a->owner > b->owner;
}

/* The points of all endpoints, sorted. A point is the hash of "address_number". */
static struct point *make_points(const struct endpoint *e, uint32_t n, uint32_t size,
				 uint32_t *n_points)
{
	double scale = ring_scale(e, n, size);
	char key[NET_ADDR_STRLEN + 12];
	uint32_t made = 0;
	struct point *p;

	*n_points = 0;
	for (uint32_t i = 0; i < n; i++)
		*n_points += points_of(&e[i], scale);
	p = memory_alloc(*n_points * sizeof(*p));
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < points_of(&e[i], scale); k++) {
			int len = snprintf(key, sizeof(key), "%s_%u", e[i].name, k);

			p[made++] = (struct point){xxh64(key, (size_t)len, 0), i};
		}
	qsort(p, made, sizeof(*p), by_hash);
	return p;
}

/* One bucket for each point or two: a look-up goes to its place at once. */
static uint32_t *make_buckets(const struct point *p, uint32_t n, unsigned *shift)
{
	unsigned bits = 1;
	uint32_t *buckets, at = 0;

	while (bits < 31 && 1u << bits < n)
		bits++;
	*shift = 64 - bits;
	buckets = memory_alloc(((1ull << bits) + 1) * sizeof(*buckets));
	for (uint32_t b = 0; b < 1u << bits; b++) {
		while (at < n && p[at].hash >> *shift < b)
			at++;
		buckets[b] = at;
	}
	buckets[1u << bits] = n;
	return buckets;
}

static void make_ring(struct ring_object *o, const struct endpoint *e, uint32_t n, uint32_t size)
{
	struct point *p = make_points(e, n, size, &o->table.n);
	uint64_t *hashes = memory_alloc(o->table.n * sizeof(*hashes));
	uint32_t *owners = memory_alloc(o->table.n * sizeof(*owners));

	for (uint32_t i = 0; i < o->table.n; i++) {
		hashes[i] = p[i].hash;
		owners[i] = p[i].owner;
	}
	o->table.hashes = o->memory[0] = hashes;
	o->table.owners = o->memory[1] = owners;
	o->table.buckets = o->memory[2] = make_buckets(p, o->table.n, &o->table.shift);
	free(p);
}

/* ---- Maglev ---- */

/* An endpoint's walk through the table: every place once, in an order of its own. */
struct walk {
	uint32_t owner, at, skip, weight;
	uint64_t due; /* it takes a turn when the rounds times its weight reach this */
};

static int by_walk(const void *x, const void *y)
{
	const struct walk *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->skip != b->skip)
		return a->skip < b->skip ? -1 : 1;
	return a->owner < b->owner ? -1 : a->owner > b->owner;
}

/* Sorted by what depends on the address alone, so that the order of the endpoints, which
 * changes when others come and go, does not matter. */
static struct walk *make_walks(const struct endpoint *e, uint32_t n, uint32_t size,
			       uint32_t *heaviest)
{
	struct walk *w = memory_alloc(n * sizeof(*w));

	*heaviest = 1;
	for (uint32_t i = 0; i < n; i++) {
		size_t len = strlen(e[i].name);

		w[i] = (struct walk){.owner = i, .weight = e[i].weight};
		w[i].at = (uint32_t)(xxh64(e[i].name, len, 0) % size);
		w[i].skip = (uint32_t)(xxh64(e[i].name, len, 1) % (size - 1)) + 1;
		if (e[i].weight > *heaviest)
			*heaviest = e[i].weight;
	}
	qsort(w, n, sizeof(*w), by_walk);
	return w;
}

/* Takes the next place of the walk that is free. */
static void take_place(struct walk *w, uint32_t *owners, uint32_t size)
{
	while (owners[w->at] != UINT32_MAX)
		w->at = (uint32_t)(((uint64_t)w->at + w->skip) % size);
	owners[w->at] = w->owner;
}

static void make_maglev(struct ring_object *o, const struct endpoint *e, uint32_t n, uint32_t size)
{
	uint32_t *owners = memory_alloc(size * sizeof(*owners));
	uint32_t heaviest, filled = 0;
	struct walk *w = make_walks(e, n, size, &heaviest);

	memset(owners, 0xff, size * sizeof(*owners));
	for (uint64_t round = 1; filled < size; round++)
		for (uint32_t i = 0; i < n && filled < size; i++) {
			if (round * w[i].weight < w[i].due)
				continue;
			w[i].due += heaviest;
			take_place(&w[i], owners, size);
			filled++;
		}
	free(w);
	o->table.n = size;
	o->table.owners = o->memory[0] = owners;
}

/* ---- the cache ---- */

static void key_ring(struct cache_key *k, const struct ring_spec *spec, const struct endpoint *e,
		     uint32_t n)
{
	k->len = 0;
	cache_key_number(k, spec->maglev);
	cache_key_number(k, spec->size);
	for (uint32_t i = 0; i < n; i++) {
		cache_key_string(k, e[i].name);
		cache_key_number(k, e[i].weight);
	}
}

const struct hash_table *ring_get(struct build *b, const struct ring_spec *spec,
				  const struct endpoint *e, uint32_t n)
{
	struct cache_key key = {0};
	struct ring_object *o;

	key_ring(&key, spec, e, n);
	o = (struct ring_object *)cache_get(&b->c->rings, key.bytes, key.len);
	if (!o) {
		o = memory_alloc(sizeof(*o));
		if (spec->maglev)
			make_maglev(o, e, n, spec->size);
		else
			make_ring(o, e, n, spec->size);
		for (uint32_t i = 0; i < n; i++)
			o->table.weight += e[i].weight;
		cache_add(&b->c->rings, &o->cached, key.bytes, key.len);
	}
	cache_key_fini(&key);
	return &o->table;
}

void ring_put(struct compiler *c, const struct hash_table *t)
{
	struct ring_object *o =
		(struct ring_object *)((uintptr_t)t - offsetof(struct ring_object, table));

	if (!cache_put(&c->rings, &o->cached))
		return;
	for (unsigned i = 0; i < 3; i++)
		free(o->memory[i]);
	free(o);
}
