/* cache.c - owns the keys of compiled objects and counts their holders. */
#include <compile/cache.h>

#include <assert.h>

#include <compile/memory.h>

void cache_init(struct cache *c)
{
	*c = (struct cache){0};
	map_init(&c->objects);
}

void cache_fini(struct cache *c)
{
	assert(c->objects.n == 0);
	map_fini(&c->objects);
}

struct cached *cache_get(struct cache *c, const void *key, size_t len)
{
	struct cached *o = map_get(&c->objects, key, len);

	if (o)
		o->refs++;
	return o;
}

void cache_add(struct cache *c, struct cached *o, const void *key, size_t len)
{
	o->key = memory_copy(key, len);
	o->len = len;
	o->refs = 1;
	*map_slot(&c->objects, o->key, len) = o;
	c->added++;
}

bool cache_put(struct cache *c, struct cached *o)
{
	assert(o->refs > 0);
	if (--o->refs > 0)
		return false;
	map_remove(&c->objects, o->key, o->len);
	free(o->key);
	return true;
}

void cache_key_fini(struct cache_key *k)
{
	free(k->bytes);
	*k = (struct cache_key){0};
}

static void append(struct cache_key *k, const void *bytes, size_t n)
{
	while (k->cap - k->len < n)
		k->bytes = memory_grow(k->bytes, k->cap, &k->cap, 1);
	memcpy(k->bytes + k->len, bytes, n);
	k->len += (uint32_t)n;
}

void cache_key_number(struct cache_key *k, uint64_t v)
{
	append(k, &v, sizeof(v));
}

void cache_key_bytes(struct cache_key *k, const void *p, size_t n)
{
	cache_key_number(k, n);
	if (n)
		append(k, p, n);
}

void cache_key_string(struct cache_key *k, const char *s)
{
	if (s)
		cache_key_bytes(k, s, strlen(s));
	else
		cache_key_number(k, UINT64_MAX);
}
