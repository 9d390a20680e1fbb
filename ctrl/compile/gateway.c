/* gateway.c - owns the way from Gateway servers to listeners: which servers, which virtual
 * hosts, whose routes (istio/reference 2.2 and 4). */
#include <compile/listeners.h>

#include <compile/layout.h>
#include <compile/names.h>
#include <compile/tcp_route.h>

/* One (bind, port) with all servers that share it. */
struct draft {
	struct net_addr addr;
	const struct gateway_server *first;
	const struct tcp_route *tcp; /* of a TCP server, which has the port alone; NULL */
	bool http;                   /* the first server's; the others must agree */
	bool proxy_protocol;         /* likewise */
	uint32_t max_connections;    /* the least of those that Gateways ask for; 0: none does */
	struct map by_host;          /* -> struct layout_host */
	struct hosts *hosts;
};

struct gateways {
	struct build *b;
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

static struct draft *draft_of(struct gateways *g, const struct net_addr *addr,
			      const struct gateway_server *s, bool proxy_protocol)
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
	d->first = s;
	d->http = port_protocol_is_http(s->protocol);
	d->proxy_protocol = proxy_protocol;
	d->hosts = layout_add_table(g->b);
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

static struct layout_host *host_of(struct gateways *g, struct draft *d, const char *host)
{
	void **slot = map_slot_str(&d->by_host, host);

	if (!*slot) {
		*slot = layout_add_host(g->b, host, d->addr.port);
		hosts_add(d->hosts, g->b->tmp, host, *slot);
	}
	return *slot;
}

/* Several VirtualServices on one host: their routes follow one another (2.2 step 3). One
 * that meets the host through several servers of a Gateway counts once. */
static void append(struct gateways *g, struct layout_host *h, const struct resource *vs,
		   const struct route_scope *scope)
{
	for (uint32_t i = 0; i < h->sources.n; i++) {
		const struct layout_source *have = h->sources.items[i];

		if (have->vs == vs && strcmp(have->scope->gateway, scope->gateway) == 0)
			return;
	}
	layout_add_source(g->b, h, vs, scope);
}

/* The hosts that server and VirtualService have in common, each the narrower of two. */
static struct list common_hosts(struct gateways *g, const struct resource *gw,
				const struct gateway_server *s, const struct resource *vs)
{
	struct arena *tmp = g->b->tmp;
	struct list common = {0};

	for (uint32_t i = 0; i < s->hosts.n; i++) {
		struct server_host sh = parse_host(tmp, s->hosts.items[i], gw->ns);

		if (sh.ns && strcmp(sh.ns, vs->ns) != 0)
			continue;
		for (uint32_t k = 0; k < vs->vs->hosts.n; k++) {
			const char *host = name_expand_host(tmp, vs->vs->hosts.items[k], vs->ns);
			const char *narrower = name_narrower(sh.host, host);

			if (narrower)
				list_add(tmp, &common, (void *)(uintptr_t)narrower);
		}
	}
	return common;
}

static struct route_scope *scope_of(struct gateways *g, const struct resource *gw,
				    const struct gateway_server *s)
{
	struct arena *tmp = g->b->tmp;
	struct route_scope *scope = arena_alloc(tmp, sizeof(*scope));

	*scope = (struct route_scope){
		.registry = &g->b->layout->registry,
		.gateway = arena_printf(tmp, "%s/%s", gw->ns, gw->name),
		.port = s->port,
		.gw = gw,
	};
	return scope;
}

static void add_http_server(struct gateways *g, struct draft *d, const struct resource *gw,
			    const struct gateway_server *s)
{
	struct route_scope *scope = scope_of(g, gw, s);
	const struct list *bound = bindings_of(g->bindings, scope->gateway);

	for (uint32_t i = 0; bound && i < bound->n; i++) {
		struct list hosts = common_hosts(g, gw, s, bound->items[i]);

		for (uint32_t k = 0; k < hosts.n; k++)
			append(g, host_of(g, d, hosts.items[k]), bound->items[i], scope);
	}
}

/* The first VirtualService with a host of the server and a rule for its port decides (2.9). Without
 * one the port is not opened. */
static void add_tcp_server(struct gateways *g, struct draft *d, const struct resource *gw,
			   uint32_t index)
{
	const struct gateway_server *s = &gw->gw->servers[index];
	struct route_scope *scope = scope_of(g, gw, s);
	const struct list *bound = bindings_of(g->bindings, scope->gateway);

	for (uint32_t i = 0; bound && i < bound->n; i++) {
		const struct resource *vs = bound->items[i];
		uint32_t rule =
			common_hosts(g, gw, s, vs).n ? tcp_route_rule(g->b, vs, scope) : UINT32_MAX;

		if (rule == UINT32_MAX)
			continue;
		d->tcp = tcp_route_compile(g->b, vs, rule, scope);
		return;
	}
	build_report(g->b, PROBLEM_TCP_UNROUTED, gw, s->pos,
		     arena_printf(g->b->tmp, "spec.servers[%u]", index),
		     "no VirtualService has a tcp rule for it: port %u is not opened", s->port);
}

static void refuse_redirect(struct gateways *g, const struct resource *gw,
			    const struct gateway_server *s, uint32_t index)
{
	if (s->has_tls && s->https_redirect)
		build_report(g->b, PROBLEM_NOT_EXECUTABLE, gw, s->pos,
			     arena_printf(g->b->tmp, "spec.servers[%u].tls.httpsRedirect", index),
			     "redirecting to https is not supported by this version");
}

static void limit_connections(struct draft *d, uint32_t max)
{
	if (max && (!d->max_connections || max < d->max_connections))
		d->max_connections = max;
}

/* A TCP server has its address alone; those of other protocols must be HTTP's all (4.4). */
static bool can_share(const struct draft *d, const struct gateway_server *s)
{
	return d->first == s || (d->http && port_protocol_is_http(s->protocol));
}

/* Ports that are neither HTTP's nor TCP's are not opened, but they take their address: a server
 * that comes later on the same one is dropped. */
static void add_server(struct gateways *g, const struct resource *gw, uint32_t index)
{
	const struct gateway_server *s = &gw->gw->servers[index];
	bool http = port_protocol_is_http(s->protocol);
	struct net_addr addr;
	struct draft *d;

	if (s->port == 0 || s->port > UINT16_MAX || !parse_bind(s, &addr))
		return;
	d = draft_of(g, &addr, s, gw->gw->proxy_protocol);
	if (!http && !port_protocol_is_tcp(s->protocol))
		return;
	if (!can_share(d, s)) {
		build_report(g->b, PROBLEM_SERVER_DROPPED, gw, s->pos,
			     arena_printf(g->b->tmp, "spec.servers[%u]", index),
			     "an earlier server%s has port %u already",
			     d->http == http ? "" : " of another protocol", s->port);
		return;
	}
	if (d->proxy_protocol != gw->gw->proxy_protocol) {
		build_report(g->b, PROBLEM_SERVER_DROPPED, gw, s->pos,
			     arena_printf(g->b->tmp, "spec.servers[%u]", index),
			     "an earlier server has port %u already, %s the PROXY protocol",
			     s->port, d->proxy_protocol ? "with" : "without");
		return;
	}
	limit_connections(d, gw->gw->max_connections);
	refuse_redirect(g, gw, s, index);
	if (http)
		add_http_server(g, d, gw, s);
	else
		add_tcp_server(g, d, gw, index);
}

static void add_gateway(struct gateways *g, const struct resource *gw)
{
	if (!labels_contain(&g->b->c->labels, &gw->gw->selector))
		return;
	for (uint32_t i = 0; i < gw->gw->n_servers; i++)
		add_server(g, gw, i);
}

/* Without any virtual host an HTTP listener still exists: every request gets 404. */
void gateway_listeners(struct build *b, const struct bindings *x)
{
	struct gateways g = {.b = b, .bindings = x};
	size_t i, last;

	map_init(&g.by_addr);
	resource_set_range(b->set, KIND_GATEWAY, &i, &last);
	for (; i < last; i++)
		add_gateway(&g, b->set->items[i]);
	for (uint32_t k = 0; k < g.drafts.n; k++) {
		struct draft *d = g.drafts.items[k];
		struct layout_listener l = {
			.listener = {.addr = d->addr,
				     .kind = LISTENER_GATEWAY,
				     .proxy_protocol = d->proxy_protocol,
				     .tcp = d->tcp,
				     .max_connections = d->max_connections},
			.hosts = d->hosts,
		};

		if (d->http || d->tcp)
			layout_add_listener(b, &l);
		map_fini(&d->by_host);
	}
	map_fini(&g.by_addr);
}
