/* layout.c - owns layouts: their memory, the registry in it, the ids of listeners. */
#include <compile/layout.h>

#include <compile/delegate.h>
#include <compile/listeners.h>
#include <compile/memory.h>
#include <compile/tcp_route.h>

struct layout_host *layout_add_host(struct build *b, const char *host, uint32_t port)
{
	struct layout_host *h = arena_alloc(b->tmp, sizeof(*h));

	h->name = arena_printf(b->tmp, "%s:%u", host, port);
	h->port = port;
	list_add(b->tmp, &b->layout->hosts, h);
	return h;
}

void layout_add_source(struct build *b, struct layout_host *h, const struct resource *vs,
		       const struct route_scope *scope)
{
	struct layout_source *s = arena_alloc(b->tmp, sizeof(*s));

	*s = (struct layout_source){vs, scope};
	list_add(b->tmp, &h->sources, s);
}

struct hosts *layout_add_table(struct build *b)
{
	struct hosts *h = arena_alloc(b->tmp, sizeof(*h));

	list_add(b->tmp, &b->layout->tables, h);
	return h;
}

static const char *listener_name(struct arena *a, const struct net_addr *addr)
{
	char text[NET_ADDR_STRLEN];

	if (ip_addr_is_any(&addr->ip))
		return arena_printf(a, "0.0.0.0:%u", addr->port);
	return arena_strdup(a, net_addr_format(addr, text));
}

bool layout_add_listener(struct build *b, const struct layout_listener *l)
{
	const char *name = listener_name(b->tmp, &l->listener.addr);
	void **taken = map_slot_str(&b->addresses, name);
	struct layout_listener *copy;

	if (*taken)
		return false;
	copy = *taken = arena_alloc(b->tmp, sizeof(*copy));
	*copy = *l;
	copy->listener.name = name;
	if (l->listener.max_connections)
		copy->listener.count = keep_get_count(&b->c->keep, name);
	copy->listener.id = intern_get(&b->c->listener_ids, name, &copy->listener.gen);
	list_add(b->tmp, &b->layout->listeners, copy);
	return true;
}

/* Everything outside a VirtualService that its routes may depend on: services and their ports,
 * Gateways, delegates, workloads. Where endpoints are and how they are balanced is the
 * clusters' business. */
static uint64_t hash_surroundings(const struct resource_set *set)
{
	uint64_t h = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct resource *r = set->items[i];
		bool other = r->kind == KIND_ENDPOINTS || r->kind == KIND_ENDPOINT_SLICE ||
			     r->kind == KIND_DESTINATION_RULE;

		if (other || (r->kind == KIND_VIRTUAL_SERVICE && r->vs->hosts.n))
			continue;
		h = (h ^ r->hash) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

void layout_create(struct build *b)
{
	struct layout *l = b->layout = memory_alloc(sizeof(*l));
	struct bindings bindings;

	l->refs = 1;
	b->tmp = l->arena = arena_create();
	map_init(&b->addresses);
	registry_collect(&l->registry, b);
	delegates_collect(&l->delegates, b);
	l->surroundings = hash_surroundings(b->set);
	bindings_init(&bindings, b);
	gateway_listeners(b, &bindings);
	mesh_listeners(b, &bindings);
	bindings_fini(&bindings);
	map_fini(&b->addresses);
	b->tmp = NULL;
}

void layout_put(struct compiler *c, struct layout *l)
{
	if (--l->refs)
		return;
	for (uint32_t i = 0; i < l->listeners.n; i++) {
		const struct layout_listener *li = l->listeners.items[i];

		if (li->listener.count)
			keep_put_count(&c->keep, li->listener.name);
		if (li->listener.tcp)
			tcp_route_put(c, li->listener.tcp);
		intern_put(&c->listener_ids, li->listener.id);
	}
	map_fini(&l->delegates);
	registry_drop(&l->registry);
	arena_destroy(l->arena);
	free(l);
}
