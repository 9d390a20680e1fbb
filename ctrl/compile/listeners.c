/* listeners.c - owns the order of VirtualServices. */
#include <compile/listeners.h>

#include <compile/names.h>

static void bind_to(struct bindings *x, struct build *b, const char *gateway,
		    const struct resource *vs)
{
	void **slot = map_slot_str(&x->by_gateway, gateway);
	struct list *l = *slot;

	if (!l)
		l = *slot = arena_alloc(b->tmp, sizeof(*l));
	if (l->n == 0 || l->items[l->n - 1] != vs) /* the list may name a gateway twice */
		list_add(b->tmp, l, (void *)(uintptr_t)vs);
}

static void bind_all(struct bindings *x, struct build *b, const struct resource *r)
{
	const struct string_list *gateways = &r->vs->gateways;

	if (gateways->n == 0)
		bind_to(x, b, GATEWAY_MESH, r);
	for (uint32_t i = 0; i < gateways->n; i++)
		bind_to(x, b, name_expand_gateway(b->tmp, gateways->items[i], r->ns), r);
}

/* Private to the node's namespace, then exported to it by name, then public; the set's order
 * (age, name, namespace) within each (2.2 step 1). */
void bindings_init(struct bindings *x, struct build *b)
{
	struct list groups[VISIBLE_NOT] = {0};
	size_t i, last;

	map_init(&x->by_gateway);
	resource_set_range(b->set, KIND_VIRTUAL_SERVICE, &i, &last);
	for (; i < last; i++) {
		struct resource *r = b->set->items[i];
		enum name_visibility v = name_visibility(&r->vs->export_to, r->ns, b->c->ns);

		if (v != VISIBLE_NOT)
			list_add(b->tmp, &groups[v], r);
	}
	for (unsigned v = 0; v < VISIBLE_NOT; v++)
		for (uint32_t k = 0; k < groups[v].n; k++)
			bind_all(x, b, groups[v].items[k]);
}

void bindings_fini(struct bindings *x)
{
	map_fini(&x->by_gateway);
}

const struct list *bindings_of(const struct bindings *x, const char *gateway)
{
	return map_get_str(&x->by_gateway, gateway);
}
