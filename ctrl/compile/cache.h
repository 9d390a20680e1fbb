/* cache.h - compiled objects found again by what they were compiled from.
 *
 * An object starts with struct cached. Its key is the complete input of its compilation, so
 * that equal keys mean equal objects: there is no hash to trust. Snapshots hold objects; the
 * last one to let go frees them. */
#pragma once
#include <stdbool.h>

#include <compile/map.h>

struct cached {
	void *key;
	size_t len;
	uint32_t refs;
};

struct cache {
	struct map objects;
	uint64_t added; /* objects that had to be compiled, ever */
};

void cache_init(struct cache *c);
void cache_fini(struct cache *c); /* every object has been put */

/* Holds the object of a key; NULL when there is none. */
struct cached *cache_get(struct cache *c, const void *key, size_t len);
/* Holds an object that was found otherwise. */
static inline void cache_hold(struct cached *o)
{
	o->refs++;
}
/* Adds o, held once, under a copy of the key. */
void cache_add(struct cache *c, struct cached *o, const void *key, size_t len);
/* True when nobody holds o any more: it is forgotten, the caller frees it. */
bool cache_put(struct cache *c, struct cached *o);

/* The key under construction: numbers and strings one after the other, each string behind
 * its length, so that different inputs never give equal bytes. */
struct cache_key {
	char *bytes;
	uint32_t len, cap;
};

void cache_key_fini(struct cache_key *k);
void cache_key_number(struct cache_key *k, uint64_t v);
void cache_key_string(struct cache_key *k, const char *s); /* NULL differs from "" */
void cache_key_bytes(struct cache_key *k, const void *p, size_t n);
