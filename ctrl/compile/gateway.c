/* gateway.c - owns the way from Gateway servers to listeners: which servers, which virtual
 * hosts, whose routes (istio/reference 2.2 and 4). */
#include <compile/listeners.h>

#include <compile/names.h>
#include <compile/vhost.h>

/* One (bind, port) with all servers that share it. */
struct draft {
	struct net_addr addr;
	bool http; /* the first server's; the others must agree */
	struct map by_host;
	struct list vhosts; /* struct vhost_draft */
};

struct vhost_draft {
	const char *host; /* lower case */
	struct vhost_plan plan;
	struct list sources; /* struct source: each adds its routes once */
};

struct source {
	const struct resource *gw, *vs;
};

struct gateways {
	struct build *b;
	const struct registry *registry;
	const struct bindings *bindings;
	struct map by_addr; /* struct net_addr -> struct draft */
	struct list drafts;
};

/* A server's host "ns/name", split and resolved; ns NULL: any. */
struct server_host {
	const char *ns, *host;
};

static bool parse_bind(const struct gateway_server *s, struct net_addr *out)
{
	*out = (struct net_addr){.port = (uint16_t)s->port};
	if (!s->bind || !s->bind[0])
		return true;
	if (!ip_addr_parse(s->bind, &out->ip))
		return false; /* a unix socket: validation says that it is not opened */
	if (ip_addr_is_v4(&out->ip) && ip_addr_to_v4(&out->ip) == 0)
		out->ip = (struct ip_addr){0};
	return true;
}

static struct draft *draft_of(struct gateways *g, const struct net_addr *addr, bool http)
{
	struct arena *tmp = g->b->tmp;
	struct net_addr *key = arena_alloc(tmp, sizeof(*key));
	struct draft *d;
	void **slot;

	key->ip = addr->ip; /* field by field: padding must stay zero */
	key->port = addr->port;
	slot = map_slot(&g->by_addr, key, sizeof(*key));
	d = *slot;
	if (d)
		return d;
	d = *slot = arena_alloc(tmp, sizeof(*d));
	d->addr = *addr;
	d->http = http;
	map_init(&d->by_host);
	list_add(tmp, &g->drafts, d);
	return d;
}

static struct server_host parse_host(struct arena *a, const char *text, const char *gateway_ns)
{
	const char *slash = strchr(text, '/');
	struct server_host h = {NULL, name_lower(a, slash ? slash + 1 : text)};

	if (slash)
		h.ns = arena_strndup(a, text, (size_t)(slash - text));
	if (h.ns && strcmp(h.ns, ".") == 0)
		h.ns = gateway_ns;
	if (h.ns && strcmp(h.ns, "*") == 0)
		h.ns = NULL;
	return h;
}

static struct vhost_draft *vhost_of(struct gateways *g, struct draft *d, const char *host)
{
	struct arena *tmp = g->b->tmp;
	void **slot = map_slot_str(&d->by_host, host);
	struct vhost_draft *v = *slot;

	if (v)
		return v;
	v = *slot = arena_alloc(tmp, sizeof(*v));
	v->host = host;
	v->plan.name = arena_printf(tmp, "%s:%u", host, d->addr.port);
	list_add(tmp, &d->vhosts, v);
	return v;
}

/* Several VirtualServices on one host: their routes follow one another (2.2 step 3). One
 * that meets the host through several servers of a Gateway counts once. */
static void append(struct gateways *g, struct vhost_draft *v, const struct source *from,
		   const struct list *routes)
{
	struct source *copy;

	for (uint32_t i = 0; i < v->sources.n; i++) {
		const struct source *have = v->sources.items[i];

		if (have->gw == from->gw && have->vs == from->vs)
			return;
	}
	copy = arena_alloc(g->b->tmp, sizeof(*copy));
	*copy = *from;
	list_add(g->b->tmp, &v->sources, copy);
	for (uint32_t i = 0; i < routes->n; i++)
		list_add(g->b->tmp, &v->plan.routes, routes->items[i]);
}

/* The hosts that server and VirtualService have in common, each the narrower of two. */
static void join_hosts(struct gateways *g, struct draft *d, const struct gateway_server *s,
		       const struct source *from, const struct list *routes)
{
	const struct resource *vs = from->vs;
	struct arena *tmp = g->b->tmp;

	for (uint32_t i = 0; i < s->hosts.n; i++) {
		struct server_host sh = parse_host(tmp, s->hosts.items[i], from->gw->ns);

		if (sh.ns && strcmp(sh.ns, vs->ns) != 0)
			continue;
		for (uint32_t k = 0; k < vs->vs->hosts.n; k++) {
			const char *host = name_expand_host(tmp, vs->vs->hosts.items[k], vs->ns);
			const char *common = name_narrower(sh.host, host);

			if (common)
				append(g, vhost_of(g, d, common), from, routes);
		}
	}
}

static void add_http_server(struct gateways *g, struct draft *d, const struct resource *gw,
			    const struct gateway_server *s)
{
	struct arena *tmp = g->b->tmp;
	struct route_scope scope = {
		.registry = g->registry,
		.gateway = arena_printf(tmp, "%s/%s", gw->ns, gw->name),
		.port = s->port,
	};
	const struct list *bound = bindings_of(g->bindings, scope.gateway);

	for (uint32_t i = 0; bound && i < bound->n; i++) {
		struct source from = {gw, bound->items[i]};
		struct list routes = {0};

		route_plan_rules(g->b, from.vs, &scope, &routes);
		if (routes.n > 0)
			join_hosts(g, d, s, &from, &routes);
	}
}

static void refuse_redirect(struct gateways *g, const struct resource *gw,
			    const struct gateway_server *s, uint32_t index)
{
	if (s->has_tls && s->https_redirect)
		build_report(g->b, PROBLEM_NOT_EXECUTABLE, gw, s->pos,
			     arena_printf(g->b->tmp, "spec.servers[%u].tls.httpsRedirect", index),
			     "redirecting to https is not supported by this version");
}

/* Ports that are not HTTP are not opened, but they take their address: an HTTP server that
 * comes later on the same one is dropped (4.4). */
static void add_server(struct gateways *g, const struct resource *gw, uint32_t index)
{
	const struct gateway_server *s = &gw->gw->servers[index];
	bool http = port_protocol_is_http(s->protocol);
	struct net_addr addr;
	struct draft *d;

	if (s->port == 0 || s->port > UINT16_MAX || !parse_bind(s, &addr))
		return;
	d = draft_of(g, &addr, http);
	if (!http)
		return;
	if (!d->http) {
		build_report(g->b, PROBLEM_SERVER_DROPPED, gw, s->pos,
			     arena_printf(g->b->tmp, "spec.servers[%u]", index),
			     "an earlier server of another protocol has port %u already", s->port);
		return;
	}
	refuse_redirect(g, gw, s, index);
	add_http_server(g, d, gw, s);
}

static void add_gateway(struct gateways *g, const struct resource *gw)
{
	if (!labels_contain(&g->b->c->labels, &gw->gw->selector))
		return;
	for (uint32_t i = 0; i < gw->gw->n_servers; i++)
		add_server(g, gw, i);
}

/* Pure catch-alls give way to the routes of the other VirtualServices (2.2 step 3). */
static void catch_alls_last(struct build *b, struct vhost_plan *p)
{
	struct list sorted = {0};

	for (int last = 0; last <= 1; last++)
		for (uint32_t i = 0; i < p->routes.n; i++)
			if (((const struct route_plan *)p->routes.items[i])->catch_all == last)
				list_add(b->tmp, &sorted, p->routes.items[i]);
	p->routes = sorted;
}

/* Without any virtual host the listener still exists: every request gets 404. */
static void finish(struct gateways *g, struct draft *d)
{
	struct listener l = {.addr = d->addr, .kind = LISTENER_GATEWAY};
	struct build *b = g->b;
	struct hosts h;

	hosts_init(&h);
	for (uint32_t i = 0; i < d->vhosts.n; i++) {
		struct vhost_draft *v = d->vhosts.items[i];
		const struct vhost *vh;

		catch_alls_last(b, &v->plan);
		vh = vhost_get(b, &v->plan);
		if (vh)
			hosts_add(&h, b->tmp, v->host, vh);
	}
	hosts_table(&h, b->box->arena, &l.hosts);
	hosts_fini(&h);
	listeners_add(b, &l);
}

void gateway_listeners(struct build *b, const struct registry *reg, const struct bindings *x)
{
	struct gateways g = {.b = b, .registry = reg, .bindings = x};
	size_t i, last;

	map_init(&g.by_addr);
	resource_set_range(b->set, KIND_GATEWAY, &i, &last);
	for (; i < last; i++)
		add_gateway(&g, b->set->items[i]);
	for (uint32_t k = 0; k < g.drafts.n; k++) {
		struct draft *d = g.drafts.items[k];

		if (d->http)
			finish(&g, d);
		map_fini(&d->by_host);
	}
	map_fini(&g.by_addr);
}
