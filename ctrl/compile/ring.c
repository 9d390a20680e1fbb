/* ring.c - owns consistent hash tables: ring hash (Ketama) as Envoy fills it, and Maglev (Eisenbud
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

static uint64_t total_weight(const struct endpoint *e, uint32_t n, uint32_t *least)
{
	uint64_t total = 0;

	*least = UINT32_MAX;
	for (uint32_t i = 0; i < n; i++) {
		total += e[i].weight;
		if (e[i].weight < *least)
			*least = e[i].weight;
	}
	return total;
}

/* ---- ring ---- */

/* Points per unit of weight: the endpoint of the least weight gets a whole number of them. */
static double ring_scale(const struct endpoint *e, uint32_t n, uint32_t size, double *total)
{
	uint32_t least;
	double share, scale;

	*total = (double)total_weight(e, n, &least);
	share = least / *total;
	scale = (double)(uint64_t)(share * size);
	if (scale < share * size)
		scale++;
	scale /= share;
	return (scale > RING_SIZE_MAX ? RING_SIZE_MAX : scale) / *total;
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
	double total, scale = ring_scale(e, n, size, &total), target = 0;
	struct point *p = memory_alloc(((size_t)(scale * total) + n + 1) * sizeof(*p));
	char key[NET_ADDR_STRLEN + 12];
	uint32_t made = 0;

	for (uint32_t i = 0; i < n; i++) {
		target += scale * e[i].weight;
		for (uint32_t k = 0; made < target; k++) {
			int len = snprintf(key, sizeof(key), "%s_%u", e[i].name, k);

			p[made++] = (struct point){xxh64(key, (size_t)len, 0), i};
		}
	}
	qsort(p, made, sizeof(*p), by_hash);
	*n_points = made;
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
