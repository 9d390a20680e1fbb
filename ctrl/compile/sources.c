/* sources.c - owns the sets of source addresses of one build, and the workloads they are taken
 * from, which are collected when the first set is asked for. */
#include <compile/sources.h>

#include <stdlib.h>

#include <compile/memory.h>

struct client {
	const char *ns;
	const struct labels *labels;
	struct ip_addr ip;
};

struct sources {
	struct list all;     /* struct client */
	struct map by_label; /* "key=value" -> struct list of struct client */
	struct map sets;     /* text -> struct source_set */
};

static const char *label_text(struct arena *a, const struct label *l)
{
	return arena_printf(a, "%s=%s", l->key, l->value);
}

static void add_client(struct sources *s, struct build *b, const struct resource *r,
		       const char *address, const struct labels *labels)
{
	struct client *c = arena_alloc(b->tmp, sizeof(*c));

	*c = (struct client){.ns = r->ns, .labels = labels};
	if (!address || !ip_addr_parse(address, &c->ip) || ip_addr_is_any(&c->ip))
		return;
	list_add(b->tmp, &s->all, c);
	for (uint32_t i = 0; i < labels->n; i++) {
		void **slot = map_slot_str(&s->by_label, label_text(b->tmp, &labels->items[i]));

		if (!*slot)
			*slot = arena_alloc(b->tmp, sizeof(struct list));
		list_add(b->tmp, *slot, c);
	}
}

static void collect(struct sources *s, struct build *b)
{
	size_t i, last;

	resource_set_range(b->set, KIND_POD, &i, &last);
	for (; i < last; i++) {
		const struct resource *r = b->set->items[i];

		add_client(s, b, r, r->pod->ip, &r->labels);
	}
	resource_set_range(b->set, KIND_WORKLOAD_ENTRY, &i, &last);
	for (; i < last; i++) {
		const struct resource *r = b->set->items[i];

		add_client(s, b, r, r->we->address, &r->we->labels);
	}
}

static struct sources *sources_of(struct build *b)
{
	struct sources *s = b->sources;

	if (s)
		return s;
	s = b->sources = arena_alloc(b->tmp, sizeof(*s));
	map_init(&s->by_label);
	map_init(&s->sets);
	collect(s, b);
	return s;
}

void sources_fini(struct build *b)
{
	if (!b->sources)
		return;
	map_fini(&b->sources->by_label);
	map_fini(&b->sources->sets);
	b->sources = NULL;
}

/* The shortest list that holds every client the labels select; NULL: there is none. */
static const struct list *candidates(const struct sources *s, struct build *b,
				     const struct labels *labels)
{
	const struct list *best = &s->all;

	for (uint32_t i = 0; best && i < labels->n; i++) {
		const struct list *l =
			map_get_str(&s->by_label, label_text(b->tmp, &labels->items[i]));

		if (!l || l->n < best->n)
			best = l;
	}
	return best;
}

static int by_address(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct ip_addr));
}

static void fill(struct source_set *out, struct build *b, const struct list *from,
		 const struct labels *labels, const char *ns)
{
	struct ip_addr *addrs = arena_array(b->tmp, from->n, sizeof(*addrs));
	uint32_t n = 0;

	for (uint32_t i = 0; i < from->n; i++) {
		const struct client *c = from->items[i];

		if ((!ns || strcmp(ns, c->ns) == 0) && labels_contain(c->labels, labels))
			addrs[n++] = c->ip;
	}
	if (n)
		qsort(addrs, n, sizeof(*addrs), by_address);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || !ip_addr_eq(&addrs[i], &addrs[i - 1]))
			addrs[out->n++] = addrs[i];
	out->addrs = addrs;
}

static const char *describe(struct build *b, const struct labels *labels, const char *ns)
{
	const char *text = ns ? arena_printf(b->tmp, "namespace %s", ns) : "";

	for (uint32_t i = 0; i < labels->n; i++)
		text = arena_printf(b->tmp, "%s%s%s", text, *text ? ", " : "",
				    label_text(b->tmp, &labels->items[i]));
	return text;
}

const struct source_set *source_set_get(struct build *b, const struct labels *labels,
					const char *ns)
{
	struct sources *s = sources_of(b);
	const char *text = describe(b, labels, ns && *ns ? ns : NULL);
	void **slot = map_slot_str(&s->sets, text);
	const struct list *from;
	struct source_set *set;

	if (*slot)
		return *slot;
	*slot = set = arena_alloc(b->tmp, sizeof(*set));
	set->text = text;
	from = candidates(s, b, labels);
	if (from)
		fill(set, b, from, labels, ns && *ns ? ns : NULL);
	return set;
}

struct addr_set source_set_compile(const struct source_set *s, struct arena *a)
{
	uint32_t size = 4;
	struct ip_addr *slots;

	while (size < s->n * 2)
		size *= 2;
	slots = arena_array(a, size, sizeof(*slots));
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t at = addr_set_hash(&s->addrs[i]) & (size - 1);

		while (!ip_addr_is_any(&slots[at]))
			at = (at + 1) & (size - 1);
		slots[at] = s->addrs[i];
	}
	return (struct addr_set){.mask = size - 1, .slots = slots};
}
