/* listeners.c - owns the listener table and the order of VirtualServices. */
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

static const char *listener_name(struct arena *a, const struct net_addr *addr)
{
	char text[NET_ADDR_STRLEN];

	if (ip_addr_is_any(&addr->ip))
		return arena_printf(a, "0.0.0.0:%u", addr->port);
	return arena_strdup(a, net_addr_format(addr, text));
}

bool listeners_add(struct build *b, const struct listener *l)
{
	struct arena *a = b->box->arena;
	const char *name = listener_name(a, &l->addr);
	void **taken = map_slot_str(&b->addresses, name);
	struct listener *copy;

	if (*taken)
		return false;
	copy = *taken = arena_alloc(a, sizeof(*copy));
	*copy = *l;
	copy->name = name;
	if (copy->max_connections)
		copy->count = keep_get_count(&b->c->keep, name);
	copy->id = intern_get(&b->c->listener_ids, name, &copy->gen);
	list_add(a, &b->box->listeners, copy);
	return true;
}

void listeners_table(struct build *b)
{
	const struct list *l = &b->box->listeners;
	struct listener_table *t = &b->box->snapshot.listeners;
	const struct listener **slots;
	uint32_t size = 4;

	while (size < l->n * 2)
		size *= 2;
	slots = arena_array(b->box->arena, size, sizeof(*slots));
	for (uint32_t i = 0; i < l->n; i++) {
		const struct listener *li = l->items[i];
		uint32_t at = listener_hash(&li->addr.ip, li->addr.port) & (size - 1);

		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = li;
	}
	*t = (struct listener_table){.n = l->n, .slots = slots, .mask = size - 1};
}
