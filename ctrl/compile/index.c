/* index.c - owns the construction of route_index tables in a virtual host's arena. */
#include <compile/index.h>

#include <compile/list.h>
#include <compile/map.h>
#include <compile/memory.h>

/* A path that more routes share than this tells them apart badly: those that want a header's
 * exact value are filed under that. */
#define CROWD 4

/* The keys of one table while they are collected. */
struct bag {
	struct map by_key;
	struct list keys; /* struct bag_key */
};

struct bag_key {
	const char *key;
	uint32_t len;
	uint32_t wanted; /* routes that could be filed here */
	uint32_t n, cap; /* routes that are */
	uint32_t *routes;
};

struct filing {
	struct arena *tmp;
	struct bag exact, exact_nocase, prefix, prefix_nocase;
	struct bag_key rest;
	struct bag_key *by_regex;
	struct bag *by_header; /* of each of the virtual host's headers */
	uint16_t n_headers;
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

/* The list of this predicate; NULL when it is none to file by. */
static struct bag_key *place(struct filing *f, const struct predicate *p)
{
	if (p->negate)
		return NULL;
	if (p->field == MATCH_HEADER)
		return p->op == MATCH_EXACT && !p->ignore_case
			       ? key_of(f->tmp, &f->by_header[p->header], p)
			       : NULL;
	if (p->field != MATCH_PATH)
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

static void want_places(struct filing *f, const struct route *r)
{
	for (uint32_t i = 0; i < r->n_predicates; i++) {
		struct bag_key *k = place(f, &r->predicates[i]);

		if (k)
			k->wanted++;
	}
}

/* Its path, unless that is crowded and a header is less so. */
static struct bag_key *best_place(struct filing *f, const struct route *r)
{
	struct bag_key *path = NULL, *header = NULL;

	for (uint32_t i = 0; i < r->n_predicates; i++) {
		struct bag_key *k = place(f, &r->predicates[i]);

		if (k && r->predicates[i].field == MATCH_PATH && !path)
			path = k;
		else if (k && r->predicates[i].field == MATCH_HEADER &&
			 (!header || k->wanted < header->wanted))
			header = k;
	}
	if (!path)
		return header;
	return path->wanted > CROWD && header && header->wanted < path->wanted ? header : path;
}

static void file_route(struct filing *f, const struct route *r, uint32_t number)
{
	struct bag_key *k = best_place(f, r);

	put(f->tmp, k ? k : &f->rest, number);
}

static struct route_list to_list(struct arena *a, const struct bag_key *k)
{
	uint32_t *routes = arena_array(a, k->n, sizeof(*routes));

	if (k->n)
		memcpy(routes, k->routes, k->n * sizeof(*routes));
	return (struct route_list){k->n, routes};
}

/* Keys whose routes were not all filed elsewhere. */
static uint32_t used_keys(const struct bag *bag)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < bag->keys.n; i++)
		n += ((const struct bag_key *)bag->keys.items[i])->n > 0;
	return n;
}

/* At most half full. */
static const struct route_key *to_table(struct arena *a, const struct bag *bag, uint32_t *mask)
{
	uint32_t size = 4, n = used_keys(bag);
	struct route_key *t;

	*mask = 0;
	if (n == 0)
		return NULL;
	while (size < n * 2)
		size *= 2;
	*mask = size - 1;
	t = arena_array(a, size, sizeof(*t));
	for (uint32_t i = 0; i < bag->keys.n; i++) {
		const struct bag_key *k = bag->keys.items[i];
		uint32_t hash = match_hash(k->key, k->len), at = hash & *mask;

		if (k->n == 0)
			continue;
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
	uint32_t distinct = 0, used = 0;

	for (uint32_t i = 0; i < bag->keys.n; i++) {
		const struct bag_key *k = bag->keys.items[i];

		if (k->n)
			lens[used++] = (uint16_t)k->len;
	}
	if (used)
		qsort(lens, used, sizeof(*lens), by_len_descending);
	for (uint32_t i = 0; i < used; i++)
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

static void index_headers(struct route_index *x, struct arena *a, const struct filing *f)
{
	struct header_index *by = arena_array(a, f->n_headers, sizeof(*by));

	x->by_header = by;
	x->n_by_header = 0;
	for (uint16_t h = 0; h < f->n_headers; h++) {
		struct header_index *i = &by[x->n_by_header];

		i->header = h;
		i->exact = to_table(a, &f->by_header[h], &i->mask);
		x->n_by_header += i->exact != NULL;
	}
}

static void filing_init(struct filing *f, const struct vhost *vh)
{
	*f = (struct filing){.tmp = arena_create()};
	map_init(&f->exact.by_key);
	map_init(&f->exact_nocase.by_key);
	map_init(&f->prefix.by_key);
	map_init(&f->prefix_nocase.by_key);
	f->by_regex = arena_array(f->tmp, vh->patterns[MATCH_PATH].n, sizeof(*f->by_regex));
	f->n_headers = vh->n_headers;
	f->by_header = arena_array(f->tmp, vh->n_headers, sizeof(*f->by_header));
	for (uint16_t h = 0; h < vh->n_headers; h++)
		map_init(&f->by_header[h].by_key);
	for (uint32_t i = 0; i < vh->n_routes; i++)
		want_places(f, &vh->routes[i]);
	for (uint32_t i = 0; i < vh->n_routes; i++)
		file_route(f, &vh->routes[i], i);
}

static void filing_fini(struct filing *f)
{
	map_fini(&f->exact.by_key);
	map_fini(&f->exact_nocase.by_key);
	map_fini(&f->prefix.by_key);
	map_fini(&f->prefix_nocase.by_key);
	for (uint16_t h = 0; h < f->n_headers; h++)
		map_fini(&f->by_header[h].by_key);
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
	index_headers(x, a, &f);
	x->rest = to_list(a, &f.rest);
	filing_fini(&f);
	return x->n_prefix_lens <= INDEX_PREFIX_LENS_MAX &&
	       x->n_prefix_nocase_lens <= INDEX_PREFIX_LENS_MAX;
}
