/* mesh.c - owns the way from services' VIPs to listeners: traffic routed through the node is
 * routed by the VirtualServices bound to "mesh", as a sidecar would (istio/reference 2.2, D1). */
#include <compile/listeners.h>

#include <stdlib.h>

#include <compile/layout.h>
#include <compile/names.h>

struct mesh {
	struct build *b;
	const struct registry *registry;
	struct map by_host;    /* host of a VirtualService -> the first bound one */
	struct list wildcards; /* struct bound_host */
	struct list outside;   /* struct bound_host: hosts that no service has */
	struct list ports;     /* struct mesh_port */
	struct map by_number;
};

struct bound_host {
	const char *host;
	const struct resource *vs;
};

/* All services with one port number: their listeners share a host table. */
struct mesh_port {
	uint32_t number;
	bool has_vip;
	const struct route_scope *scope;
	struct hosts *table;
	struct list members; /* struct reg_service */
	struct list hosts;   /* struct layout_host, by member */
};

static void index_host(struct mesh *m, const struct resource *vs, const char *host)
{
	void **slot = map_slot_str(&m->by_host, host);
	struct bound_host *h;

	if (*slot) /* the first one keeps the host (2.2) */
		return;
	*slot = (void *)(uintptr_t)vs;
	h = arena_alloc(m->b->tmp, sizeof(*h));
	*h = (struct bound_host){host, vs};
	list_add(m->b->tmp, name_is_wildcard(host) ? &m->wildcards : &m->outside, h);
}

static void index_bound(struct mesh *m, const struct bindings *x)
{
	const struct list *l = bindings_of(x, GATEWAY_MESH);

	for (uint32_t i = 0; l && i < l->n; i++) {
		const struct resource *vs = l->items[i];

		for (uint32_t k = 0; k < vs->vs->hosts.n; k++)
			index_host(m, vs,
				   name_expand_host(m->b->tmp, vs->vs->hosts.items[k], vs->ns));
	}
}

static bool covers_service(const struct mesh *m, const char *host)
{
	if (!name_is_wildcard(host))
		return registry_service(m->registry, host) != NULL;
	for (uint32_t i = 0; i < m->registry->services.n; i++)
		if (name_host_covers(
			    host,
			    ((const struct reg_service *)m->registry->services.items[i])->host))
			return true;
	return false;
}

/* Leaves in `outside` the hosts that name no service: they get virtual hosts of their own. */
static void find_outside(struct mesh *m)
{
	struct list candidates[] = {m->outside, m->wildcards};

	m->outside = (struct list){0};
	for (unsigned k = 0; k < 2; k++)
		for (uint32_t i = 0; i < candidates[k].n; i++) {
			struct bound_host *h = candidates[k].items[i];

			if (!covers_service(m, h->host))
				list_add(m->b->tmp, &m->outside, h);
		}
}

/* The VirtualService of a service: its host exactly, else the longest wildcard. */
static const struct resource *service_rules(const struct mesh *m, const char *host)
{
	const struct resource *vs = map_get_str(&m->by_host, host);
	size_t best = 0;

	if (vs)
		return vs;
	for (uint32_t i = 0; i < m->wildcards.n; i++) {
		const struct bound_host *h = m->wildcards.items[i];

		if (strlen(h->host) > best && name_host_covers(h->host, host)) {
			best = strlen(h->host);
			vs = h->vs;
		}
	}
	return vs;
}

static void index_port(struct mesh *m, struct reg_service *s, const struct reg_port *port)
{
	struct arena *tmp = m->b->tmp;
	uint32_t *key = arena_alloc(tmp, sizeof(*key));
	struct mesh_port *p;
	void **slot;

	*key = port->spec->number;
	slot = map_slot(&m->by_number, key, sizeof(*key));
	if (!*slot) {
		*slot = arena_alloc(tmp, sizeof(*p));
		list_add(tmp, &m->ports, *slot);
	}
	p = *slot;
	p->number = *key;
	p->has_vip |= s->n_vips > 0;
	list_add(tmp, &p->members, s);
}

static void index_ports(struct mesh *m)
{
	for (uint32_t i = 0; i < m->registry->services.n; i++) {
		struct reg_service *s = m->registry->services.items[i];

		for (uint32_t k = 0; k < s->n_ports; k++)
			if (registry_port_is_http(&s->ports[k]))
				index_port(m, s, &s->ports[k]);
	}
}

/* service: it has a default route, for when vs is NULL or has nothing to say on this port. */
static struct layout_host *add_host(struct mesh *m, const struct mesh_port *p, const char *host,
				    const struct resource *vs, bool service)
{
	struct layout_host *h = layout_add_host(m->b, host, p->number);

	h->service = service ? host : NULL;
	if (vs)
		layout_add_source(m->b, h, vs, p->scope);
	return h;
}

static void add_vips(struct mesh *m, struct hosts *h, const struct reg_service *s,
		     const struct layout_host *host)
{
	char text[IP_ADDR_STRLEN];

	for (uint32_t i = 0; i < s->n_vips; i++)
		hosts_add(h, m->b->tmp, arena_strdup(m->b->tmp, ip_addr_format(&s->vips[i], text)),
			  host);
}

/* Short names of a Kubernetes Service. The bare name means the client's own namespace, which
 * the VIP says better than the name when several services share it. */
static void add_aliases(struct mesh *m, struct hosts *h, const struct reg_service *s,
			const struct layout_host *host, const struct map *ambiguous)
{
	struct arena *tmp = m->b->tmp;

	if (!s->platform)
		return;
	hosts_add(h, tmp, arena_printf(tmp, "%s.%s.svc", s->name, s->ns), host);
	hosts_add(h, tmp, arena_printf(tmp, "%s.%s", s->name, s->ns), host);
	if ((uintptr_t)map_get_str(ambiguous, s->name) == 1)
		hosts_add(h, tmp, s->name, host);
}

static void count_names(const struct mesh_port *p, struct map *counts)
{
	map_init(counts);
	for (uint32_t i = 0; i < p->members.n; i++) {
		const struct reg_service *s = p->members.items[i];

		if (s->platform) {
			void **n = map_slot_str(counts, s->name);

			*n = (void *)((uintptr_t)*n + 1);
		}
	}
}

static void add_hosts(struct mesh *m, struct mesh_port *p)
{
	for (uint32_t i = 0; i < p->members.n; i++) {
		const struct reg_service *s = p->members.items[i];
		struct layout_host *h = add_host(m, p, s->host, service_rules(m, s->host), true);

		list_add(m->b->tmp, &p->hosts, h);
		hosts_add(p->table, m->b->tmp, s->host, h);
	}
	for (uint32_t i = 0; i < m->outside.n; i++) {
		const struct bound_host *o = m->outside.items[i];

		hosts_add(p->table, m->b->tmp, o->host, add_host(m, p, o->host, o->vs, false));
	}
}

/* Full names first: an alias never takes the name of another service. */
static void make_table(struct mesh *m, struct mesh_port *p)
{
	struct route_scope *scope = arena_alloc(m->b->tmp, sizeof(*scope));
	struct map counts;

	*scope = (struct route_scope){m->registry, GATEWAY_MESH, p->number, NULL};
	p->scope = scope;
	p->table = layout_add_table(m->b);
	count_names(p, &counts);
	add_hosts(m, p);
	for (uint32_t i = 0; i < p->members.n; i++) {
		add_vips(m, p->table, p->members.items[i], p->hosts.items[i]);
		add_aliases(m, p->table, p->members.items[i], p->hosts.items[i], &counts);
	}
	map_fini(&counts);
}

static void add_listeners(struct mesh *m, const struct mesh_port *p)
{
	for (uint32_t i = 0; i < p->members.n; i++) {
		const struct reg_service *s = p->members.items[i];

		for (uint32_t k = 0; k < s->n_vips; k++) {
			struct layout_listener l = {
				.listener = {.addr = {.ip = s->vips[k],
						      .port = (uint16_t)p->number},
					     .kind = LISTENER_MESH},
				.hosts = p->table,
				.fallback = p->hosts.items[i],
			};

			if (!layout_add_listener(m->b, &l))
				build_report(m->b, PROBLEM_SERVER_DROPPED, s->from, s->from->pos,
					     "", "address and port of %s:%u are taken already",
					     s->host, p->number);
		}
	}
}

static int by_number(const void *x, const void *y)
{
	const struct mesh_port *a = *(struct mesh_port *const *)x;
	const struct mesh_port *b = *(struct mesh_port *const *)y;

	return a->number < b->number ? -1 : a->number > b->number;
}

void mesh_listeners(struct build *b, const struct bindings *x)
{
	struct mesh m = {.b = b, .registry = &b->layout->registry};

	map_init(&m.by_host);
	map_init(&m.by_number);
	index_bound(&m, x);
	find_outside(&m);
	index_ports(&m);
	if (m.ports.n)
		qsort(m.ports.items, m.ports.n, sizeof(*m.ports.items), by_number);
	for (uint32_t i = 0; i < m.ports.n; i++) {
		struct mesh_port *p = m.ports.items[i];

		if (!p->has_vip)
			continue;
		make_table(&m, p);
		add_listeners(&m, p);
	}
	map_fini(&m.by_host);
	map_fini(&m.by_number);
}
