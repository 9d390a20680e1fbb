/* resource.c - one decoded resource: its names, places, labels, and who holds it. */
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

struct resource *resource_get(struct resource *r)
{
	r->more_holders++;
	return r;
}

void resource_put(struct resource *r)
{
	if (r && r->more_holders-- == 0)
		arena_destroy(r->arena);
}

static bool same_strings(const struct string_list *a, const struct string_list *b)
{
	uint32_t i;

	for (i = 0; a->n == b->n && i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return a->n == b->n;
}

bool resource_same_place(const struct resource *a, const struct resource *b)
{
	return a->kind == KIND_VIRTUAL_SERVICE && b->kind == KIND_VIRTUAL_SERVICE &&
	       a->creation_time == b->creation_time && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->ns, b->ns) == 0 && same_strings(&a->vs->hosts, &b->vs->hosts) &&
	       same_strings(&a->vs->gateways, &b->vs->gateways) &&
	       same_strings(&a->vs->export_to, &b->vs->export_to);
}
