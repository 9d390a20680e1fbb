/* map.h - a hash map from bytes to pointers, for every table the compiler keeps. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct map_node;
struct map_chunk;

struct map {
	struct map_node **buckets;
	size_t n, mask;
	struct map_node *unused;
	struct map_chunk *chunks; /* nodes are allocated by the chunk */
};

void map_init(struct map *m);
void map_fini(struct map *m); /* keys and values belong to the caller */

/* The value of a key; NULL when it has none. */
void *map_get(const struct map *m, const void *key, size_t len);

/* Where the value of a key is kept; NULL there when the key is new. Borrows the key until it
 * is removed. The result is valid until the key is removed. */
void **map_slot(struct map *m, const void *key, size_t len);

void map_remove(struct map *m, const void *key, size_t len);

static inline void *map_get_str(const struct map *m, const char *key)
{
	return map_get(m, key, strlen(key));
}

static inline void **map_slot_str(struct map *m, const char *key)
{
	return map_slot(m, key, strlen(key));
}
