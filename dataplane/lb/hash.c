/* hash.c - owns the look-up in consistent tables. */
#include <lb/state.h>

/* The first point of the ring at or after the hash. Points are spread evenly over the buckets, so
 * that a bucket holds about one, and only a full turn leads past the last. */
static uint32_t ring_at(const struct hash_table *t, uint64_t hash)
{
	uint32_t i = t->buckets[hash >> t->shift];

	while (i < t->n && t->hashes[i] < hash)
		i++;
	return i < t->n ? i : 0;
}

uint32_t lb_table_at(const struct hash_table *t, uint64_t hash)
{
	if (t->hashes)
		return ring_at(t, hash);
	return (uint32_t)(((unsigned __int128)hash * t->n) >> 64);
}
