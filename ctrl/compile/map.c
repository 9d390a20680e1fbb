/* map.c - owns the nodes and buckets of chained hash maps. */
#include <compile/map.h>

#include <string.h>

#include <compile/memory.h>

#define BUCKETS_FIRST 16u
#define CHUNK_FIRST   8u
#define CHUNK_MAX     512u

struct map_node {
	struct map_node *next;
	const void *key;
	size_t len;
	uint64_t hash;
	void *value;
};

struct map_chunk {
	struct map_chunk *next;
	uint32_t n;
	struct map_node nodes[];
};

/* Multiplications fold eight bytes at a time: keys of whole virtual hosts are hundreds of bytes.
 * Keys come from configuration, whose author can slow down only himself. */
#define MIX_1 0x9e3779b97f4a7c15ull
#define MIX_2 0xd6e8feb86659fd93ull

static uint64_t fold(uint64_t h, uint64_t word)
{
	h = (h ^ word) * MIX_2;
	return h ^ (h >> 32);
}

static uint64_t hash_bytes(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = len * MIX_1, word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = fold(h, word);
	}
	word = 0;
	if (len)
		memcpy(&word, p, len);
	return fold(fold(h, word), MIX_1);
}

void map_init(struct map *m)
{
	*m = (struct map){.mask = BUCKETS_FIRST - 1};
	m->buckets = memory_alloc(BUCKETS_FIRST * sizeof(*m->buckets));
}

void map_fini(struct map *m)
{
	struct map_chunk *c = m->chunks, *next;

	for (; c; c = next) {
		next = c->next;
		free(c);
	}
	free(m->buckets);
	*m = (struct map){0};
}

static void add_chunk(struct map *m)
{
	uint32_t n = !m->chunks                 ? CHUNK_FIRST
		     : m->chunks->n < CHUNK_MAX ? m->chunks->n * 2
						: CHUNK_MAX;
	struct map_chunk *c = memory_alloc(sizeof(*c) + n * sizeof(c->nodes[0]));

	c->n = n;
	c->next = m->chunks;
	m->chunks = c;
	for (uint32_t i = n; i-- > 0;) { /* the first one is on top */
		c->nodes[i].next = m->unused;
		m->unused = &c->nodes[i];
	}
}

static struct map_node *take_node(struct map *m)
{
	struct map_node *n;

	if (!m->unused)
		add_chunk(m);
	n = m->unused;
	m->unused = n->next;
	return n;
}

static struct map_node **find(const struct map *m, const void *key, size_t len, uint64_t hash)
{
	struct map_node **n = &m->buckets[hash & m->mask];

	while (*n && ((*n)->hash != hash || (*n)->len != len || memcmp((*n)->key, key, len) != 0))
		n = &(*n)->next;
	return n;
}

void *map_get(const struct map *m, const void *key, size_t len)
{
	struct map_node *n = *find(m, key, len, hash_bytes(key, len));

	return n ? n->value : NULL;
}

static void grow(struct map *m)
{
	size_t mask = m->mask * 2 + 1;
	struct map_node **buckets = memory_alloc((mask + 1) * sizeof(*buckets));

	for (size_t i = 0; i <= m->mask; i++) {
		struct map_node *n = m->buckets[i], *next;

		for (; n; n = next) {
			next = n->next;
			n->next = buckets[n->hash & mask];
			buckets[n->hash & mask] = n;
		}
	}
	free(m->buckets);
	m->buckets = buckets;
	m->mask = mask;
}

void **map_slot(struct map *m, const void *key, size_t len)
{
	uint64_t hash = hash_bytes(key, len);
	struct map_node *n = *find(m, key, len, hash);

	if (n)
		return &n->value;
	if (m->n > m->mask)
		grow(m);
	n = take_node(m);
	*n = (struct map_node){.key = key, .len = len, .hash = hash};
	n->next = m->buckets[hash & m->mask];
	m->buckets[hash & m->mask] = n;
	m->n++;
	return &n->value;
}

void map_remove(struct map *m, const void *key, size_t len)
{
	struct map_node **at = find(m, key, len, hash_bytes(key, len)), *n = *at;

	if (!n)
		return;
	*at = n->next;
	n->next = m->unused;
	m->unused = n;
	m->n--;
}
