/* ring.h - consistent hash tables over endpoints, shared by all clusters and snapshots whose
 * endpoints, weights and sizes are the same. */
#pragma once
#include <compile/build.h>

struct ring_spec {
	bool maglev;
	uint32_t size; /* a ring's least number of points; a Maglev table's entries, a prime */
};

/* e: n endpoints, at least one. Held until ring_put(). */
const struct hash_table *ring_get(struct build *b, const struct ring_spec *spec,
				  const struct endpoint *e, uint32_t n);
void ring_put(struct compiler *c, const struct hash_table *t);
