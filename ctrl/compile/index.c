/* index.c - owns the construction of route_index tables in a virtual host's arena. */
#include <compile/index.h>

#include <compile/list.h>
#include <compile/map.h>
#include <compile/memory.h>

/* The keys of one table while they are collected. */
struct bag {
	struct map by_key;
	struct list keys; /* struct bag_key */
};

struct bag_key {
	const char *key;
	uint32_t len;
	uint32_t n, cap; /* routes */
	uint32_t *routes;
};

struct filing {
	struct arena *tmp;
	struct bag exact, exact_nocase, prefix, prefix_nocase;
	struct bag_key rest;
	struct bag_key *by_regex;
};

static void put(struct arena *tmp, struct bag_key *k, uint32_t route)
{
	if (k->n == k->cap) {
		uint32_t cap = k->cap ? k->cap * 2 : 4;
		uint32_t *grown = arena_array(tmp, cap, sizeof(*grown));

		if (k->n)
			memcpy(grown, k->routes, k->n * sizeof(*grown));
		k->routes = grown;
		k->cap = cap;
	}
	k->routes[k->n++] = route;
}

static struct bag_key *key_of(struct arena *tmp, struct bag *bag, const struct predicate *p)
{
	void **slot = map_slot(&bag->by_key, p->value, p->value_len);
	struct bag_key *k = *slot;

	if (k)
		return k;
	k = *slot = arena_alloc(tmp, sizeof(*k));
	k->key = p->value;
	k->len = p->value_len;
	list_add(tmp, &bag->keys, k);
	return k;
}

/* The list that a route with this predicate is filed in; NULL when the predicate is none to
 * file by. */
static struct bag_key *place(struct filing *f, const struct predicate *p)
{
	if (p->field != MATCH_PATH || p->negate)
		return NULL;
	switch (p->op) {
	case MATCH_EXACT:
		return key_of(f->tmp, p->ignore_case ? &f->exact_nocase : &f->exact, p);
	case MATCH_PREFIX:
		if (p->value_len > UINT16_MAX)
			return NULL;
		return key_of(f->tmp, p->ignore_case ? &f->prefix_nocase : &f->prefix, p);
	case MATCH_REGEX:
		return &f->by_regex[p->regex];
	default:
		return NULL;
	}
}

static void file_route(struct filing *f, const struct route *r, uint32_t number)
{
	for (uint32_t i = 0; i < r->n_predicates; i++) {
		struct bag_key *k = place(f, &r->predicates[i]);

		if (k) {
			put(f->tmp, k, number);
			return;
		}
	}
	put(f->tmp, &f->rest, number);
}

static struct route_list to_list(struct arena *a, const struct bag_key *k)
{
	uint32_t *routes = arena_array(a, k->n, sizeof(*routes));

	if (k->n)
		memcpy(routes, k->routes, k->n * sizeof(*routes));
	return (struct route_list){k->n, routes};
}

/* At most half full. */
static const struct route_key *to_table(struct arena *a, const struct bag *bag, uint32_t *mask)
{
	struct route_key *t;
	uint32_t size = 4;

	*mask = 0;
	if (bag->keys.n == 0)
		return NULL;
	while (size < bag->keys.n * 2)
		size *= 2;
	*mask = size - 1;
	t = arena_array(a, size, sizeof(*t));
	for (uint32_t i = 0; i < bag->keys.n; i++) {
		const struct bag_key *k = bag->keys.items[i];
		uint32_t hash = match_hash(k->key, k->len), at = hash & *mask;

		while (t[at].list.n)
			at = (at + 1) & *mask;
		t[at] = (struct route_key){hash, k->len, k->key, to_list(a, k)};
	}
	return t;
}

static int by_len_descending(const void *x, const void *y)
{
	return (int)*(const uint16_t *)y - (int)*(const uint16_t *)x;
}

static const uint16_t *to_lens(struct arena *a, const struct bag *bag, uint16_t *n)
{
	uint16_t *lens = arena_array(a, bag->keys.n, sizeof(*lens));
	uint32_t distinct = 0;

	for (uint32_t i = 0; i < bag->keys.n; i++)
		lens[i] = (uint16_t)((const struct bag_key *)bag->keys.items[i])->len;
	if (bag->keys.n)
		qsort(lens, bag->keys.n, sizeof(*lens), by_len_descending);
	for (uint32_t i = 0; i < bag->keys.n; i++)
		if (distinct == 0 || lens[distinct - 1] != lens[i])
			lens[distinct++] = lens[i];
	*n = (uint16_t)(distinct > INDEX_PREFIX_LENS_MAX ? INDEX_PREFIX_LENS_MAX + 1 : distinct);
	return lens;
}

static const struct route_list *regex_lists(struct arena *a, const struct filing *f, uint32_t n)
{
	struct route_list *lists = arena_array(a, n, sizeof(*lists));

	for (uint32_t i = 0; i < n; i++)
		lists[i] = to_list(a, &f->by_regex[i]);
	return lists;
}

static void filing_init(struct filing *f, const struct vhost *vh)
{
	*f = (struct filing){.tmp = arena_create()};
	map_init(&f->exact.by_key);
	map_init(&f->exact_nocase.by_key);
	map_init(&f->prefix.by_key);
	map_init(&f->prefix_nocase.by_key);
	f->by_regex = arena_array(f->tmp, vh->patterns[MATCH_PATH].n, sizeof(*f->by_regex));
	for (uint32_t i = 0; i < vh->n_routes; i++)
		file_route(f, &vh->routes[i], i);
}

static void filing_fini(struct filing *f)
{
	map_fini(&f->exact.by_key);
	map_fini(&f->exact_nocase.by_key);
	map_fini(&f->prefix.by_key);
	map_fini(&f->prefix_nocase.by_key);
	arena_destroy(f->tmp);
}

bool index_build(struct vhost *vh, struct arena *a)
{
	struct route_index *x = &vh->index;
	struct filing f;

	filing_init(&f, vh);
	x->exact = to_table(a, &f.exact, &x->exact_mask);
	x->exact_nocase = to_table(a, &f.exact_nocase, &x->exact_nocase_mask);
	x->prefix = to_table(a, &f.prefix, &x->prefix_mask);
	x->prefix_nocase = to_table(a, &f.prefix_nocase, &x->prefix_nocase_mask);
	x->prefix_lens = to_lens(a, &f.prefix, &x->n_prefix_lens);
	x->prefix_nocase_lens = to_lens(a, &f.prefix_nocase, &x->n_prefix_nocase_lens);
	x->by_path_regex = regex_lists(a, &f, vh->patterns[MATCH_PATH].n);
	x->rest = to_list(a, &f.rest);
	filing_fini(&f);
	return x->n_prefix_lens <= INDEX_PREFIX_LENS_MAX &&
	       x->n_prefix_nocase_lens <= INDEX_PREFIX_LENS_MAX;
}
