/* slab.h - a fixed number of equal objects for one core: O(1), no system call, no lock.
 *
 * Its memory is a region (region.h): reserved at once, touched as it is first used. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <base/region.h>

struct slab {
	char *base;
	void *free;  /* singly linked through the objects' first word */
	size_t size; /* bytes of one object, a multiple of 64 */
	uint32_t max, fresh, used;
};

static inline bool slab_init(struct slab *s, size_t size, uint32_t max)
{
	memset(s, 0, sizeof(*s));
	s->size = (size + 63) & ~(size_t)63;
	s->max = max;
	s->base = region_map(s->size * max);
	return s->base != NULL;
}

static inline void slab_fini(struct slab *s)
{
	region_unmap(s->base, s->size * s->max);
	s->base = NULL;
}

/* Zeroed; NULL when all are in use. */
static inline void *slab_get(struct slab *s)
{
	void *o = s->free;

	if (o)
		memcpy(&s->free, o, sizeof(void *));
	else if (s->fresh < s->max)
		o = s->base + s->size * s->fresh++;
	else
		return NULL;
	s->used++;
	return memset(o, 0, s->size);
}

static inline void slab_put(struct slab *s, void *o)
{
	memcpy(o, &s->free, sizeof(void *));
	s->free = o;
	s->used--;
}

/* An object by its number, which takes half the room of its address. */
static inline uint32_t slab_number(const struct slab *s, const void *o)
{
	return (uint32_t)(((uintptr_t)o - (uintptr_t)s->base) / s->size);
}

static inline void *slab_at(const struct slab *s, uint32_t number)
{
	return s->base + s->size * number;
}

/* Does p point into one of the slab's objects? */
static inline bool slab_owns(const struct slab *s, const void *p)
{
	return (uintptr_t)p - (uintptr_t)s->base < s->size * s->max;
}
