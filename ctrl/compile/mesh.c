/* mesh.c - owns the way from services' VIPs to listeners: traffic routed through the node is
 * routed by the VirtualServices bound to "mesh", as a sidecar would (istio/reference 2.2, D1). */
#include <compile/listeners.h>

#include <stdlib.h>

#include <compile/names.h>
#include <compile/vhost.h>

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
	struct list members; /* struct reg_service */
	struct list vhosts;  /* struct vhost, by member; NULL where it was refused */
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

/* A VirtualService of which no block counts for a source does not exist for it (2.3): the service
 * is then reached by its default route. */
static void add_default_for_others(struct mesh *m, struct vhost_plan *plan, const char *host,
				   uint32_t port)
{
	struct route_plan *p = route_plan_default(m->b, host, port);

	p->conds = arena_array(m->b->tmp, plan->routes.n, sizeof(*p->conds));
	for (uint32_t i = 0; i < plan->routes.n; i++) {
		const struct route_plan *r = plan->routes.items[i];

		if (!r->of_sources)
			return;
		/* The source is the last of a block's conditions. */
		p->conds[p->n_conds++] = route_plan_source(r->conds[r->n_conds - 1].sources, true);
	}
	p->catch_all = false;
	list_add(m->b->tmp, &plan->routes, p);
}

/* service: whose default route stands in when vs is NULL or has nothing to say on this port;
 * NULL: none. */
static const struct vhost *host_vhost(struct mesh *m, const char *host, uint32_t port,
				      const struct resource *vs, bool service)
{
	struct route_scope scope = {m->registry, GATEWAY_MESH, port, NULL};
	struct vhost_plan plan = {.name = arena_printf(m->b->tmp, "%s:%u", host, port)};

	if (vs)
		route_plan_rules(m->b, vs, &scope, &plan.routes);
	if (plan.routes.n == 0) {
		if (!service)
			return NULL;
		list_add(m->b->tmp, &plan.routes, route_plan_default(m->b, host, port));
	} else if (service) {
		add_default_for_others(m, &plan, host, port);
	}
	return vhost_get(m->b, &plan);
}

static void add_vips(struct mesh *m, struct hosts *h, const struct reg_service *s,
		     const struct vhost *vh)
{
	char text[IP_ADDR_STRLEN];

	for (uint32_t i = 0; i < s->n_vips; i++)
		hosts_add(h, m->b->tmp, arena_strdup(m->b->tmp, ip_addr_format(&s->vips[i], text)),
			  vh);
}

/* Short names of a Kubernetes Service. The bare name means the client's own namespace, which
 * the VIP says better than the name when several services share it. */
static void add_aliases(struct mesh *m, struct hosts *h, const struct reg_service *s,
			const struct vhost *vh, const struct map *ambiguous)
{
	struct arena *tmp = m->b->tmp;

	if (!s->platform)
		return;
	hosts_add(h, tmp, arena_printf(tmp, "%s.%s.svc", s->name, s->ns), vh);
	hosts_add(h, tmp, arena_printf(tmp, "%s.%s", s->name, s->ns), vh);
	if ((uintptr_t)map_get_str(ambiguous, s->name) == 1)
		hosts_add(h, tmp, s->name, vh);
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

static void make_vhosts(struct mesh *m, struct mesh_port *p, struct hosts *h)
{
	for (uint32_t i = 0; i < p->members.n; i++) {
		const struct reg_service *s = p->members.items[i];
		const struct resource *vs = service_rules(m, s->host);
		const struct vhost *vh = host_vhost(m, s->host, p->number, vs, true);

		list_add(m->b->tmp, &p->vhosts, (void *)(uintptr_t)vh);
		if (vh)
			hosts_add(h, m->b->tmp, s->host, vh);
	}
	for (uint32_t i = 0; i < m->outside.n; i++) {
		const struct bound_host *o = m->outside.items[i];
		const struct vhost *vh = host_vhost(m, o->host, p->number, o->vs, false);

		if (vh)
			hosts_add(h, m->b->tmp, o->host, vh);
	}
}

/* Full names first: an alias never takes the name of another service. */
static void make_hosts(struct mesh *m, struct mesh_port *p, struct host_table *out)
{
	struct hosts h;
	struct map counts;

	hosts_init(&h);
	count_names(p, &counts);
	make_vhosts(m, p, &h);
	for (uint32_t i = 0; i < p->members.n; i++) {
		if (!p->vhosts.items[i])
			continue;
		add_vips(m, &h, p->members.items[i], p->vhosts.items[i]);
		add_aliases(m, &h, p->members.items[i], p->vhosts.items[i], &counts);
	}
	hosts_table(&h, m->b->box->arena, out);
	map_fini(&counts);
	hosts_fini(&h);
}

static void add_listeners(struct mesh *m, const struct mesh_port *p, const struct host_table *hosts)
{
	for (uint32_t i = 0; i < p->members.n; i++) {
		const struct reg_service *s = p->members.items[i];

		for (uint32_t k = 0; k < s->n_vips; k++) {
			struct listener l = {
				.addr = {.ip = s->vips[k], .port = (uint16_t)p->number},
				.kind = LISTENER_MESH,
				.hosts = *hosts,
				.fallback = p->vhosts.items[i],
			};

			if (!listeners_add(m->b, &l))
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

void mesh_listeners(struct build *b, const struct registry *reg, const struct bindings *x)
{
	struct mesh m = {.b = b, .registry = reg};

	map_init(&m.by_host);
	map_init(&m.by_number);
	index_bound(&m, x);
	find_outside(&m);
	index_ports(&m);
	if (m.ports.n)
		qsort(m.ports.items, m.ports.n, sizeof(*m.ports.items), by_number);
	for (uint32_t i = 0; i < m.ports.n; i++) {
		struct mesh_port *p = m.ports.items[i];
		struct host_table hosts = {0};

		if (!p->has_vip)
			continue;
		make_hosts(&m, p, &hosts);
		add_listeners(&m, p, &hosts);
	}
	map_fini(&m.by_host);
	map_fini(&m.by_number);
}
