/* resource_set.c - sets of resources: their order, what they hold, and how one differs from
 * another. */
#include <model/model.h>

#include <stdlib.h>
#include <string.h>

void resource_set_init(struct resource_set *s)
{
	memset(s, 0, sizeof(*s));
}

void resource_set_fini(struct resource_set *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		resource_put(s->items[i]);
	free(s->items);
	resource_set_init(s);
}

static void reserve(struct resource_set *s, size_t n)
{
	size_t cap = s->cap ? s->cap : 4;
	struct resource **items;

	while (cap < n)
		cap *= 2;
	if (cap == s->cap)
		return;
	items = realloc(s->items, cap * sizeof(*items));
	if (!items) {
		fputs("weir: out of memory while reading resources\n", stderr);
		abort();
	}
	s->items = items;
	s->cap = cap;
}

void resource_set_add(struct resource_set *s, struct resource *r)
{
	reserve(s, s->n + 1);
	s->items[s->n++] = r;
}

/* Objects without a timestamp have time 0 and come first; among them, and among equals, the
 * name decides, then the namespace (reference 1.1). File order never does, except between
 * two copies of one object, where it keeps the sort stable. */
static int compare_identity(const struct resource *x, const struct resource *y)
{
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->creation_time != y->creation_time)
		return x->creation_time < y->creation_time ? -1 : 1;
	order = strcmp(x->name, y->name);
	if (!order)
		order = strcmp(x->ns, y->ns);
	return order;
}

static int compare(const struct resource *x, const struct resource *y)
{
	int order = compare_identity(x, y);

	if (!order)
		order = strcmp(x->pos.file ? x->pos.file : "", y->pos.file ? y->pos.file : "");
	if (!order && x->pos.line != y->pos.line)
		order = x->pos.line < y->pos.line ? -1 : 1;
	return order;
}

static int compare_items(const void *a, const void *b)
{
	return compare(*(struct resource *const *)a, *(struct resource *const *)b);
}

void resource_set_sort(struct resource_set *s)
{
	if (s->n > 1)
		qsort(s->items, s->n, sizeof(*s->items), compare_items);
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

/* ---- changes of a sorted set ---- */

/* First index whose resource does not sort before r. */
static size_t place_of(const struct resource_set *s, const struct resource *r)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(s->items[mid], r) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void resource_set_insert(struct resource_set *s, struct resource *r)
{
	size_t at = place_of(s, r);

	reserve(s, s->n + 1);
	memmove(s->items + at + 1, s->items + at, (s->n - at) * sizeof(*s->items));
	s->items[at] = r;
	s->n++;
}

void resource_set_remove(struct resource_set *s, struct resource *r)
{
	size_t at = place_of(s, r);

	while (at < s->n && s->items[at] != r)
		at++;
	if (at == s->n)
		return;
	memmove(s->items + at, s->items + at + 1, (s->n - at - 1) * sizeof(*s->items));
	s->n--;
	resource_put(r);
}

/* Most elements are the same in both, and are not looked at: that is what makes one change among
 * very many cheap. */
void resource_set_diff(const struct resource_set *from, const struct resource_set *to,
		       void (*each)(struct resource *old, struct resource *now, void *arg),
		       void *arg)
{
	size_t i = 0, k = 0;

	while (i < from->n || k < to->n) {
		struct resource *old = i < from->n ? from->items[i] : NULL;
		struct resource *now = k < to->n ? to->items[k] : NULL;
		int order = 0;

		if (old != now)
			order = !old ? 1 : !now ? -1 : compare_identity(old, now);
		i += order <= 0;
		k += order >= 0;
		if (old != now)
			each(order <= 0 ? old : NULL, order >= 0 ? now : NULL, arg);
	}
}

static void change_holder(struct resource *old, struct resource *now, void *arg)
{
	(void)arg;
	if (now)
		resource_get(now);
	resource_put(old);
}

void resource_set_follow(struct resource_set *held, const struct resource_set *s)
{
	resource_set_diff(held, s, change_holder, NULL);
	reserve(held, s->n);
	if (s->n)
		memcpy(held->items, s->items, s->n * sizeof(*held->items));
	held->n = s->n;
}
