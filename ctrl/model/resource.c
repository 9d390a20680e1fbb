/* resource.c - sets of decoded resources: their order, their lifetime, and label lookups. */
#include <model/model.h>

#include <stdlib.h>
#include <string.h>

#include <common/path.h>

static int compare_label(const void *key, const void *item)
{
	return strcmp(key, ((const struct label *)item)->key);
}

const char *labels_get(const struct labels *l, const char *key)
{
	const struct label *found;

	if (!l->n)
		return NULL;
	found = bsearch(key, l->items, l->n, sizeof(*l->items), compare_label);
	return found ? found->value : NULL;
}

bool labels_contain(const struct labels *have, const struct labels *want)
{
	uint32_t h = 0, w;

	/* Both are sorted: one walk over each. */
	for (w = 0; w < want->n; w++) {
		int order = -1;

		while (h < have->n && (order = strcmp(have->items[h].key, want->items[w].key)) < 0)
			h++;
		if (h == have->n || order != 0 ||
		    strcmp(have->items[h].value, want->items[w].value) != 0)
			return false;
	}
	return true;
}

const char *resource_kind_name(enum resource_kind kind)
{
	static const char *const names[KIND_COUNT] = {
#define X(id, kind, name, group) [KIND_##id] = kind,
		RESOURCE_KINDS(X)
#undef X
	};

	return kind < KIND_COUNT ? names[kind] : "?";
}

char *resource_label(const struct resource *r, char *buf, size_t size)
{
	snprintf(buf, size, "%s %s/%s", resource_kind_name(r->kind), r->ns, r->name);
	return buf;
}

static int compare_places(const void *key, const void *item)
{
	uint32_t want = *(const uint32_t *)key, have = ((const struct field_place *)item)->hash;

	return want < have ? -1 : want > have;
}

/* The length of the path around the last segment of text[0..n). */
static size_t parent_len(const char *text, size_t n)
{
	while (n > 0 && text[n - 1] != '.' && text[n - 1] != '[')
		n--;
	return n ? n - 1 : 0;
}

struct pos resource_pos(const struct resource *r, const char *path)
{
	size_t n;

	for (n = r->places.n ? strlen(path) : 0; n > 0; n = parent_len(path, n)) {
		uint32_t hash = field_path_hash(path, n);
		const struct field_place *found = bsearch(&hash, r->places.items, r->places.n,
							  sizeof(*r->places.items), compare_places);

		if (found)
			return (struct pos){r->pos.file, found->line, found->col};
	}
	return r->pos;
}

void resource_destroy(struct resource *r)
{
	if (r)
		arena_destroy(r->arena);
}

void resource_set_init(struct resource_set *s)
{
	memset(s, 0, sizeof(*s));
}

void resource_set_fini(struct resource_set *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		resource_destroy(s->items[i]);
	free(s->items);
	resource_set_init(s);
}

void resource_set_add(struct resource_set *s, struct resource *r)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 32;
		struct resource **items = realloc(s->items, cap * sizeof(*items));

		if (!items) {
			fputs("weir: out of memory while reading resources\n", stderr);
			abort();
		}
		s->items = items;
		s->cap = cap;
	}
	s->items[s->n++] = r;
}

/* Objects without a timestamp have time 0 and come first; among them, and among equals, the
 * name decides, then the namespace (reference 1.1). File order never does, except between
 * two copies of one object, where it keeps the sort stable. */
static int compare_resources(const void *a, const void *b)
{
	const struct resource *x = *(struct resource *const *)a;
	const struct resource *y = *(struct resource *const *)b;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->creation_time != y->creation_time)
		return x->creation_time < y->creation_time ? -1 : 1;
	order = strcmp(x->name, y->name);
	if (!order)
		order = strcmp(x->ns, y->ns);
	if (!order)
		order = strcmp(x->pos.file ? x->pos.file : "", y->pos.file ? y->pos.file : "");
	if (!order && x->pos.line != y->pos.line)
		order = x->pos.line < y->pos.line ? -1 : 1;
	return order;
}

void resource_set_sort(struct resource_set *s)
{
	if (s->n > 1)
		qsort(s->items, s->n, sizeof(*s->items), compare_resources);
}

/* First index whose kind is at least `kind`. */
static size_t lower_bound(const struct resource_set *s, unsigned kind)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if ((unsigned)s->items[mid]->kind < kind)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void resource_set_range(const struct resource_set *s, enum resource_kind kind, size_t *first,
			size_t *last)
{
	*first = lower_bound(s, kind);
	*last = lower_bound(s, (unsigned)kind + 1);
}
