/* index.c - owns the construction of route_index tables in a virtual host's arena. */
#include <compile/index.h>

#include <compile/list.h>
#include <compile/map.h>
#include <compile/memory.h>
#include <compile/pattern_plain.h>

/* A path that more routes share than this tells them apart badly: those that want something else
 * that fewer want are filed under that. */
#define CROWD 4

/* Regular expressions of anything but the path that routes are filed under: each that a request
 * matches is a list to look at, and workers have room for so many (dataplane/match/state.h). */
#define VALUE_REGEX_MAX 16384u

/* The keys of one table while they are collected. */
struct bag {
	struct map by_key;
	struct list keys; /* struct bag_key */
};

struct bag_key {
	const char *key;
	uint32_t len;
	uint32_t wanted;  /* routes that could be filed here */
	uint32_t n, cap;  /* routes that are */
	uint32_t *routes; /* entries */
};

/* What routes ask of one part of the request other than its path. */
struct part {
	uint8_t field;
	uint16_t header;
	const struct pattern_set *patterns;
	struct bag exact;
	uint32_t n_regex; /* 0: not filed under them */
	struct bag_key *by_regex;
};

struct filing {
	struct arena *tmp, *a; /* a: the virtual host's */
	const struct vhost *vh;
	struct bag exact, exact_nocase, prefix, prefix_nocase;
	struct bag_key rest;
	struct bag_key *by_regex;
	uint32_t n_parts;
	struct part *parts; /* fields, then headers, then query parameters */
	uint32_t value_regexes;
};

static void put(struct arena *tmp, struct bag_key *k, uint32_t entry)
{
	if (k->n == k->cap) {
		uint32_t cap = k->cap ? k->cap * 2 : 4;
		uint32_t *grown = arena_array(tmp, cap, sizeof(*grown));

		if (k->n)
			memcpy(grown, k->routes, k->n * sizeof(*grown));
		k->routes = grown;
		k->cap = cap;
	}
	k->routes[k->n++] = entry;
}

static struct bag_key *key_of(struct arena *tmp, struct bag *bag, const char *key, uint32_t len)
{
	void **slot = map_slot(&bag->by_key, key, len);
	struct bag_key *k = *slot;

	if (k)
		return k;
	k = *slot = arena_alloc(tmp, sizeof(*k));
	k->key = key;
	k->len = len;
	list_add(tmp, &bag->keys, k);
	return k;
}

static struct bag_key *value_key(struct arena *tmp, struct bag *bag, const struct predicate *p)
{
	return key_of(tmp, bag, p->value, p->value_len);
}

/* The text outlives the filing: a long key is not copied into its table. */
static struct bag_key *literal_key(struct filing *f, const struct predicate *p)
{
	char text[PATTERN_LITERAL_MAX];
	const char *expression = arena_strndup(f->tmp, p->value, p->value_len);
	struct bag_key *k;

	pattern_literal(expression, text);
	k = map_get(&f->prefix.by_key, text, p->literal);
	if (k)
		return k;
	return key_of(f->tmp, &f->prefix, arena_strndup(f->a, text, p->literal), p->literal);
}

static struct part *part_of(const struct filing *f, const struct predicate *p)
{
	uint32_t i = p->field;

	if (p->field == MATCH_HEADER)
		i = MATCH_FIELDS + p->header;
	else if (p->field == MATCH_QUERY)
		i = MATCH_FIELDS + f->vh->n_headers + (uint32_t)p->header;
	return &f->parts[i];
}

static struct bag_key *value_place(struct filing *f, const struct predicate *p)
{
	struct part *part = part_of(f, p);

	if (p->op == MATCH_EXACT && !p->ignore_case)
		return value_key(f->tmp, &part->exact, p);
	if (p->op != MATCH_REGEX || !part->n_regex || pattern_is_slow(part->patterns, p->regex))
		return NULL;
	return &part->by_regex[p->regex];
}

/* The list of this predicate; NULL when it is none to file by. */
static struct bag_key *place(struct filing *f, const struct predicate *p)
{
	if (p->negate)
		return NULL;
	if (p->field != MATCH_PATH)
		return value_place(f, p);
	switch (p->op) {
	case MATCH_EXACT:
		return value_key(f->tmp, p->ignore_case ? &f->exact_nocase : &f->exact, p);
	case MATCH_PREFIX:
		if (p->value_len > UINT16_MAX)
			return NULL;
		return value_key(f->tmp, p->ignore_case ? &f->prefix_nocase : &f->prefix, p);
	case MATCH_LONE:
		return literal_key(f, p);
	case MATCH_REGEX:
		if (pattern_is_slow(&f->vh->patterns[MATCH_PATH], p->regex))
			return NULL;
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

/* Which of its predicates a route is filed under: its path, unless that is crowded and something
 * else is less so. *k: where that is; NULL when there is none. */
static uint16_t best_place(struct filing *f, const struct route *r, struct bag_key **k)
{
	struct bag_key *path = NULL, *value = NULL;
	uint16_t at_path = r->n_predicates, at_value = r->n_predicates;

	for (uint16_t i = 0; i < r->n_predicates; i++) {
		struct bag_key *here = place(f, &r->predicates[i]);
		bool is_path = r->predicates[i].field == MATCH_PATH;

		if (here && is_path && !path) {
			path = here;
			at_path = i;
		} else if (here && !is_path && (!value || here->wanted < value->wanted)) {
			value = here;
			at_value = i;
		}
	}
	if (!path || (path->wanted > CROWD && value && value->wanted < path->wanted)) {
		*k = value;
		return at_value;
	}
	*k = path;
	return at_path;
}

static void file_route(struct filing *f, struct route *r, uint32_t number)
{
	struct bag_key *k;
	uint16_t left;

	r->filed = best_place(f, r, &k);
	if (r->filed < r->n_predicates && r->predicates[r->filed].op == MATCH_LONE)
		r->filed = r->n_predicates; /* what begins like it need not match */
	left = (uint16_t)(r->n_predicates - (r->filed < r->n_predicates));
	put(f->tmp, k ? k : &f->rest, route_entry(number, left > 0));
}

static struct route_list to_list(struct arena *a, const struct bag_key *k)
{
	struct route_list l = {.n = k->n};
	uint32_t *entries;

	if (k->n == 1)
		l.one = k->routes[0];
	if (k->n <= 1)
		return l;
	l.entries = entries = arena_array(a, k->n, sizeof(*entries));
	memcpy(entries, k->routes, k->n * sizeof(*entries));
	return l;
}

static void fill_key(struct arena *a, struct route_key *out, const struct bag_key *k, uint32_t hash)
{
	out->hash = hash;
	out->len = k->len;
	out->list = to_list(a, k);
	if (k->len <= ROUTE_KEY_NEAR)
		memcpy(out->bytes.near, k->key, k->len);
	else
		out->bytes.far = k->key;
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
	t = arena_lines(a, size, sizeof(*t));
	for (uint32_t i = 0; i < bag->keys.n; i++) {
		const struct bag_key *k = bag->keys.items[i];
		uint32_t hash = match_hash(k->key, k->len), at = hash & *mask;

		if (k->n == 0)
			continue;
		while (t[at].list.n)
			at = (at + 1) & *mask;
		fill_key(a, &t[at], k, hash);
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

static const struct route_list *regex_lists(struct arena *a, const struct bag_key *by_regex,
					    uint32_t n)
{
	struct route_list *lists = arena_array(a, n, sizeof(*lists));

	for (uint32_t i = 0; i < n; i++)
		lists[i] = to_list(a, &by_regex[i]);
	return lists;
}

static bool any_filed(const struct bag_key *by_regex, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (by_regex[i].n > 0)
			return true;
	return false;
}

static void index_values(struct route_index *x, struct arena *a, const struct filing *f)
{
	struct value_index *by = arena_array(a, f->n_parts, sizeof(*by));

	x->by_value = by;
	x->n_by_value = 0;
	for (uint32_t i = 0; i < f->n_parts; i++) {
		const struct part *part = &f->parts[i];
		struct value_index v = {.field = part->field, .header = part->header};

		v.exact = to_table(a, &part->exact, &v.mask);
		if (any_filed(part->by_regex, part->n_regex)) {
			v.n_regex = part->n_regex;
			v.by_regex = regex_lists(a, part->by_regex, part->n_regex);
		}
		if (v.exact || v.n_regex)
			by[x->n_by_value++] = v;
	}
}

static void part_init(struct filing *f, struct part *part, enum match_field field, uint32_t header,
		      const struct pattern_set *patterns)
{
	uint32_t n_patterns = field == MATCH_PATH ? 0 : patterns->n;

	part->field = (uint8_t)field;
	part->header = (uint16_t)header;
	part->patterns = patterns;
	map_init(&part->exact.by_key);
	if (n_patterns > VALUE_REGEX_MAX - f->value_regexes)
		return;
	f->value_regexes += n_patterns;
	part->n_regex = n_patterns;
	part->by_regex = arena_array(f->tmp, n_patterns, sizeof(*part->by_regex));
}

static void parts_init(struct filing *f)
{
	const struct vhost *vh = f->vh;
	struct part *part;

	f->n_parts = MATCH_FIELDS + (uint32_t)vh->n_headers + vh->n_queries;
	f->parts = part = arena_array(f->tmp, f->n_parts, sizeof(*f->parts));
	for (unsigned i = 0; i < MATCH_FIELDS; i++)
		part_init(f, part++, i, 0, &vh->patterns[i]);
	for (unsigned i = 0; i < vh->n_headers; i++)
		part_init(f, part++, MATCH_HEADER, i, &vh->headers[i].patterns);
	for (unsigned i = 0; i < vh->n_queries; i++)
		part_init(f, part++, MATCH_QUERY, i, &vh->queries[i].patterns);
}

static void filing_init(struct filing *f, const struct vhost *vh, struct route *routes,
			struct arena *a)
{
	*f = (struct filing){.tmp = arena_create(), .a = a, .vh = vh};
	map_init(&f->exact.by_key);
	map_init(&f->exact_nocase.by_key);
	map_init(&f->prefix.by_key);
	map_init(&f->prefix_nocase.by_key);
	f->by_regex = arena_array(f->tmp, vh->patterns[MATCH_PATH].n, sizeof(*f->by_regex));
	parts_init(f);
	for (uint32_t i = 0; i < vh->n_routes; i++)
		want_places(f, &routes[i]);
	for (uint32_t i = 0; i < vh->n_routes; i++)
		file_route(f, &routes[i], i);
}

static void filing_fini(struct filing *f)
{
	map_fini(&f->exact.by_key);
	map_fini(&f->exact_nocase.by_key);
	map_fini(&f->prefix.by_key);
	map_fini(&f->prefix_nocase.by_key);
	for (uint32_t i = 0; i < f->n_parts; i++)
		map_fini(&f->parts[i].exact.by_key);
	arena_destroy(f->tmp);
}

bool index_build(struct vhost *vh, struct route *routes, struct arena *a)
{
	struct route_index *x = &vh->index;
	struct filing f;

	filing_init(&f, vh, routes, a);
	x->exact = to_table(a, &f.exact, &x->exact_mask);
	x->exact_nocase = to_table(a, &f.exact_nocase, &x->exact_nocase_mask);
	x->prefix = to_table(a, &f.prefix, &x->prefix_mask);
	x->prefix_nocase = to_table(a, &f.prefix_nocase, &x->prefix_nocase_mask);
	x->prefix_lens = to_lens(a, &f.prefix, &x->n_prefix_lens);
	x->prefix_nocase_lens = to_lens(a, &f.prefix_nocase, &x->n_prefix_nocase_lens);
	x->by_path_regex = regex_lists(a, f.by_regex, vh->patterns[MATCH_PATH].n);
	index_values(x, a, &f);
	x->rest = to_list(a, &f.rest);
	filing_fini(&f);
	return x->n_prefix_lens <= INDEX_PREFIX_LENS_MAX &&
	       x->n_prefix_nocase_lens <= INDEX_PREFIX_LENS_MAX;
}
