/* gateway.c - owns the way from Gateway servers to listeners: which servers, which virtual
 * hosts, whose routes (istio/reference 2.2 and 4). */
#include <compile/listeners.h>

#include <compile/names.h>
#include <compile/vhost.h>

/* One (bind, port) with all servers that share it. */
struct draft {
	struct net_addr addr;
	bool http;           /* the first server's; the others must agree */
	bool proxy_protocol; /* likewise */
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
	const struct route_scope *scope;
};

struct gateways {
	struct build *b;
	const struct registry *registry;
	const struct bindings *bindings;
	struct map by_addr; /* struct net_addr -> struct draft */
	struct list drafts;
	struct map planned; /* struct source's vs and scope -> struct list of struct route_plan */
	uint64_t surroundings;
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

static struct draft *draft_of(struct gateways *g, const struct net_addr *addr, bool http,
			      bool proxy_protocol)
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
	d->proxy_protocol = proxy_protocol;
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
static void append(struct gateways *g, struct vhost_draft *v, const struct source *from)
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
}

/* The hosts that server and VirtualService have in common, each the narrower of two. */
static void join_hosts(struct gateways *g, struct draft *d, const struct gateway_server *s,
		       const struct source *from)
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
				append(g, vhost_of(g, d, common), from);
		}
	}
}

static void add_http_server(struct gateways *g, struct draft *d, const struct resource *gw,
			    const struct gateway_server *s)
{
	struct arena *tmp = g->b->tmp;
	struct route_scope *scope = arena_alloc(tmp, sizeof(*scope));
	const struct list *bound;

	*scope = (struct route_scope){
		.registry = g->registry,
		.gateway = arena_printf(tmp, "%s/%s", gw->ns, gw->name),
		.port = s->port,
	};
	bound = bindings_of(g->bindings, scope->gateway);
	for (uint32_t i = 0; bound && i < bound->n; i++) {
		struct source from = {gw, bound->items[i], scope};

		join_hosts(g, d, s, &from);
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
	d = draft_of(g, &addr, http, gw->gw->proxy_protocol);
	if (!http)
		return;
	if (!d->http) {
		build_report(g->b, PROBLEM_SERVER_DROPPED, gw, s->pos,
			     arena_printf(g->b->tmp, "spec.servers[%u]", index),
			     "an earlier server of another protocol has port %u already", s->port);
		return;
	}
	if (d->proxy_protocol != gw->gw->proxy_protocol) {
		build_report(g->b, PROBLEM_SERVER_DROPPED, gw, s->pos,
			     arena_printf(g->b->tmp, "spec.servers[%u]", index),
			     "an earlier server has port %u already, %s the PROXY protocol",
			     s->port, d->proxy_protocol ? "with" : "without");
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

/* ---- virtual hosts, planned only where something changed ---- */

static bool is_delegate(const struct resource *r)
{
	return r->kind == KIND_VIRTUAL_SERVICE && r->vs->hosts.n == 0;
}

/* Everything outside a VirtualService that its routes may depend on: services and their ports,
 * Gateways, delegates, workloads. Where endpoints are and how they are balanced is the
 * clusters' business. */
static uint64_t hash_surroundings(const struct build *b)
{
	uint64_t h = 0;

	for (size_t i = 0; i < b->set->n; i++) {
		const struct resource *r = b->set->items[i];
		bool other = r->kind == KIND_ENDPOINTS || r->kind == KIND_ENDPOINT_SLICE ||
			     r->kind == KIND_DESTINATION_RULE;

		if (other || (r->kind == KIND_VIRTUAL_SERVICE && !is_delegate(r)))
			continue;
		h = (h ^ r->hash) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

static void key_sources(struct gateways *g, const struct vhost_draft *v)
{
	struct cache_key *k = &g->b->planned_from;

	k->len = 0;
	cache_key_string(k, v->plan.name);
	cache_key_number(k, g->surroundings);
	for (uint32_t i = 0; i < v->sources.n; i++) {
		const struct source *s = v->sources.items[i];

		cache_key_string(k, s->scope->gateway);
		cache_key_string(k, s->vs->ns);
		cache_key_string(k, s->vs->name);
		cache_key_number(k, s->vs->hash);
	}
}

/* The routes of a VirtualService on a server: the same for all its hosts there. */
static const struct list *plan_source(struct gateways *g, const struct source *s)
{
	const void **key = arena_array(g->b->tmp, 2, sizeof(*key));
	struct list *routes;
	void **slot;

	key[0] = s->vs;
	key[1] = s->scope;
	slot = map_slot(&g->planned, key, 2 * sizeof(*key));
	if (*slot)
		return *slot;
	routes = *slot = arena_alloc(g->b->tmp, sizeof(*routes));
	route_plan_rules(g->b, s->vs, s->scope, routes);
	return routes;
}

/* NULL when no source has a route here, or the routes are refused. What is worth a warning is
 * planned anew every time, so that every load gives it. */
static const struct vhost *compile_draft(struct gateways *g, struct vhost_draft *v)
{
	struct build *b = g->b;
	uint64_t reports = b->n_reports;
	const struct vhost *vh;

	key_sources(g, v);
	vh = vhost_find(b, &b->planned_from);
	if (vh)
		return vh;
	for (uint32_t i = 0; i < v->sources.n; i++) {
		const struct list *routes = plan_source(g, v->sources.items[i]);

		for (uint32_t k = 0; k < routes->n; k++)
			list_add(b->tmp, &v->plan.routes, routes->items[k]);
	}
	if (v->plan.routes.n == 0)
		return NULL;
	catch_alls_last(b, &v->plan);
	vh = vhost_get(b, &v->plan);
	if (vh && b->n_reports == reports)
		vhost_remember(b, vh, &b->planned_from);
	return vh;
}

/* Without any virtual host the listener still exists: every request gets 404. */
static void finish(struct gateways *g, struct draft *d)
{
	struct listener l = {
		.addr = d->addr,
		.kind = LISTENER_GATEWAY,
		.proxy_protocol = d->proxy_protocol,
	};
	struct build *b = g->b;
	struct hosts h;

	hosts_init(&h);
	for (uint32_t i = 0; i < d->vhosts.n; i++) {
		struct vhost_draft *v = d->vhosts.items[i];
		const struct vhost *vh = compile_draft(g, v);

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
	map_init(&g.planned);
	g.surroundings = hash_surroundings(b);
	resource_set_range(b->set, KIND_GATEWAY, &i, &last);
	for (; i < last; i++)
		add_gateway(&g, b->set->items[i]);
	for (uint32_t k = 0; k < g.drafts.n; k++) {
		struct draft *d = g.drafts.items[k];

		if (d->http)
			finish(&g, d);
		map_fini(&d->by_host);
	}
	map_fini(&g.planned);
	map_fini(&g.by_addr);
}
