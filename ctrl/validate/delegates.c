/* delegates.c - whom root VirtualServices delegate to, and whether that can work (reference
 * 2.4.11). A delegate that is missing or hidden costs the rule that names it, nothing more. */
#include <validate/check.h>

#include <stdlib.h>
#include <string.h>

struct delegate {
	const struct resource *r;
	bool used;
};

struct delegates {
	struct delegate *items; /* sorted by namespace and name */
	size_t n;
	struct diags *d;
};

static int compare_names(const char *ns, const char *name, const struct resource *r)
{
	int order = strcmp(ns, r->ns);

	return order ? order : strcmp(name, r->name);
}

static int compare(const void *a, const void *b)
{
	const struct delegate *x = a, *y = b;

	return compare_names(x->r->ns, x->r->name, y->r);
}

static struct delegate *find(const struct delegates *t, const char *ns, const char *name)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = compare_names(ns, name, t->items[mid].r);

		if (order == 0)
			return &t->items[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static bool is_exported_to(const struct resource *r, const char *ns)
{
	const struct string_list *to = &r->vs->export_to;
	uint32_t i;

	for (i = 0; i < to->n; i++) {
		const char *entry = strcmp(to->items[i], ".") == 0 ? r->ns : to->items[i];

		if (strcmp(entry, "*") == 0 || strcmp(entry, ns) == 0)
			return true;
	}
	return to->n == 0;
}

static void check_rule(struct check *c, struct delegates *t, const struct http_delegate *d)
{
	const char *ns = d->ns && *d->ns ? d->ns : c->r->ns;
	struct delegate *found = d->name ? find(t, ns, d->name) : NULL;

	if (found)
		found->used = true;
	if (!d->name || !*d->name)
		return; /* said by the object's own checks */
	if (!found)
		check_report(c, DIAG_REF_DELEGATE,
			     "there is no VirtualService %s/%s without hosts to delegate to: the "
			     "rule has no effect",
			     ns, d->name);
	else if (!is_exported_to(found->r, c->r->ns))
		check_report(c, DIAG_REF_DELEGATE,
			     "VirtualService %s/%s is not exported to namespace %s: the rule has "
			     "no effect",
			     ns, d->name, c->r->ns);
}

static void check_root(struct delegates *t, const struct resource *r)
{
	struct check c;
	uint32_t i;

	check_start(&c, r, t->d);
	check_field(&c, "spec");
	check_field(&c, "http");
	for (i = 0; i < r->vs->n_http; i++) {
		size_t item, mark;

		if (!r->vs->http[i].delegate)
			continue;
		item = check_item(&c, i);
		mark = check_field(&c, "delegate");
		check_rule(&c, t, r->vs->http[i].delegate);
		check_leave(&c, mark);
		check_leave(&c, item);
	}
}

static void report_unused(struct delegates *t)
{
	struct check c;
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (t->items[i].used)
			continue;
		check_start(&c, t->items[i].r, t->d);
		check_field(&c, "spec");
		check_field(&c, "hosts");
		check_report(&c, DIAG_VS_DELEGATE,
			     "without hosts this is a delegate, and no VirtualService delegates "
			     "to it");
	}
}

void check_delegates(const struct resource_set *s, struct arena *a, struct diags *d)
{
	struct delegates t = {.d = d};
	size_t first, last, i;

	resource_set_range(s, KIND_VIRTUAL_SERVICE, &first, &last);
	t.items = arena_array(a, last - first, sizeof(*t.items));
	for (i = first; i < last; i++)
		if (s->items[i]->vs->hosts.n == 0)
			t.items[t.n++].r = s->items[i];
	if (t.n > 1)
		qsort(t.items, t.n, sizeof(*t.items), compare);
	for (i = first; i < last; i++)
		if (s->items[i]->vs->hosts.n)
			check_root(&t, s->items[i]);
	report_unused(&t);
}
