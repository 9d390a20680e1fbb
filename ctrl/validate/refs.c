/* refs.c - what objects refer to, and whether it exists. */
#include <validate/refs.h>

#include <validate/validate.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <validate/check.h>
#include <validate/names.h>
#include <validate/registry.h>

/* What has nowhere to go. */
#define ANSWERED "requests get 503"
#define CLOSED   "connections are closed"

static void start(struct check *c, const struct resource *r, struct diags *d)
{
	check_start(c, r, d);
	field_path_push(&c->path, "spec");
}

/* ---- destinations ---- */

static bool offers_number(const struct known_host *service, uint32_t number)
{
	uint32_t i;

	for (i = 0; i < service->n_ports; i++)
		if (service->ports[i].number == number)
			return true;
	return false;
}

static bool offers_name(const struct known_host *service, const char *name)
{
	uint32_t i;

	for (i = 0; i < service->n_ports; i++)
		if (service->ports[i].name && strcmp(service->ports[i].name, name) == 0)
			return true;
	return false;
}

/* Services described by a Kubernetes ExternalName or without ports say nothing of ports. */
static void check_port(struct check *c, const struct destination *d,
		       const struct known_host *service, const char *lost)
{
	size_t mark = check_field(c, "port");

	if (d->port_name && !offers_name(service, d->port_name))
		check_report(c, DIAG_REF_PORT_NAME, "%s has no port of the name \"%s\"",
			     service->host, d->port_name);
	else if (d->port && service->n_ports && !offers_number(service, d->port))
		check_report(c, DIAG_REF_PORT, "%s does not offer port %u: %s", service->host,
			     d->port, lost);
	else if (!d->port && !d->port_name && service->n_ports > 1)
		check_report(c, DIAG_REF_PORT_REQUIRED,
			     "%s has %u ports: name one, or the port of the listener is used",
			     service->host, service->n_ports);
	check_leave(c, mark);
}

/* lost: what becomes of what is sent there. */
static void check_destination(struct check *c, const struct registry *reg, const char *field,
			      const struct destination *d, const char *lost)
{
	char buf[REGISTRY_HOST_SIZE];
	const struct known_host *service;
	const char *host;
	size_t outer, mark;

	if (!d || !d->host || !*d->host)
		return;
	outer = check_field(c, field);
	host = registry_full_host(d->host, c->r->ns, buf, sizeof(buf));
	service = registry_find(reg, host);
	mark = check_field(c, "host");
	if (!service)
		check_report(c, DIAG_REF_HOST, "there is no service %s: %s until there is", host,
			     lost);
	check_leave(c, mark);
	mark = check_field(c, "subset");
	if (d->subset && *d->subset && !registry_has_subset(reg, host, d->subset))
		check_report(c, DIAG_REF_SUBSET,
			     "no DestinationRule for %s defines the subset \"%s\": %s until "
			     "one does",
			     host, d->subset, lost);
	check_leave(c, mark);
	if (service)
		check_port(c, d, service, lost);
	check_leave(c, outer);
}

static void check_routes(struct check *c, const struct registry *reg,
			 const struct http_route_destination *route, uint32_t n, const char *lost)
{
	size_t outer = check_field(c, "route");
	uint32_t i;

	for (i = 0; i < n; i++) {
		size_t mark = check_item(c, i);

		check_destination(c, reg, "destination", route[i].destination, lost);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_mirrors(struct check *c, const struct registry *reg, const struct http_rule *rule)
{
	size_t outer;
	uint32_t i;

	check_destination(c, reg, "mirror", rule->mirror, ANSWERED);
	outer = check_field(c, "mirrors");
	for (i = 0; i < rule->n_mirrors; i++) {
		size_t mark = check_item(c, i);

		check_destination(c, reg, "destination", rule->mirrors[i].destination, ANSWERED);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_l4_routes(struct check *c, const struct registry *reg, const char *field,
			    const struct l4_rule *rules, uint32_t n)
{
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < n; i++) {
		size_t mark = check_item(c, i);

		check_routes(c, reg, rules[i].route, rules[i].n_route, CLOSED);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_destinations(struct check *c, const struct registry *reg,
			       const struct virtual_service *vs)
{
	size_t outer = check_field(c, "http");
	uint32_t i;

	for (i = 0; i < vs->n_http; i++) {
		size_t mark = check_item(c, i);

		check_routes(c, reg, vs->http[i].route, vs->http[i].n_route, ANSWERED);
		check_mirrors(c, reg, &vs->http[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
	check_l4_routes(c, reg, "tls", vs->tls, vs->n_tls);
	check_l4_routes(c, reg, "tcp", vs->tcp, vs->n_tcp);
}

/* ---- gateways ---- */

/* "ns/name", "./name", "name", and the old "name.ns.svc..." (reference 1.2). */
static const struct resource *find_gateway(const struct check *c, const struct registry *reg,
					   const char *ref)
{
	const char *slash = strchr(ref, '/'), *dot = strchr(ref, '.'), *ns = c->r->ns;
	size_t ns_len = strlen(ns), name_len = strlen(ref);

	if (slash) {
		if (!(slash - ref == 1 && *ref == '.')) {
			ns = ref;
			ns_len = (size_t)(slash - ref);
		}
		ref = slash + 1;
		name_len = strlen(ref);
	} else if (dot) {
		ns = dot + 1;
		ns_len = strcspn(ns, ".");
		name_len = (size_t)(dot - ref);
	}
	return registry_gateway(reg, ns, ns_len, ref, name_len);
}

/* Does the part of a server's host before the slash, if any, admit namespace ns? */
static bool admits_namespace(const struct resource *gw, const char *server_host, const char *slash,
			     const char *ns)
{
	size_t len = slash ? (size_t)(slash - server_host) : 0;

	if (!slash || (len == 1 && *server_host == '*'))
		return true;
	if (len == 1 && *server_host == '.')
		return strcmp(gw->ns, ns) == 0;
	return strlen(ns) == len && strncmp(ns, server_host, len) == 0;
}

static bool server_admits(const struct resource *gw, const char *server_host, const char *host,
			  const char *ns)
{
	const char *slash = strchr(server_host, '/');

	return admits_namespace(gw, server_host, slash, ns) &&
	       name_overlaps(slash ? slash + 1 : server_host, host);
}

static bool gateway_admits(const struct resource *gw, const char *host, const char *ns)
{
	uint32_t i, k;

	for (i = 0; i < gw->gw->n_servers; i++) {
		const struct string_list *hosts = &gw->gw->servers[i].hosts;

		for (k = 0; k < hosts->n; k++)
			if (server_admits(gw, hosts->items[k], host, ns))
				return true;
	}
	return false;
}

/* A host that none of the Gateways named has a server for is never served. */
static bool is_admitted(const struct check *c, const struct registry *reg,
			const struct string_list *gateways, const char *host)
{
	uint32_t i;

	for (i = 0; i < gateways->n; i++) {
		const struct resource *gw;

		if (strcmp(gateways->items[i], "mesh") == 0)
			return true;
		gw = find_gateway(c, reg, gateways->items[i]);
		if (!gw || gateway_admits(gw, host, c->r->ns))
			return true; /* a missing Gateway is reported as such */
	}
	return gateways->n == 0;
}

static void check_gateway_hosts(struct check *c, const struct registry *reg,
				const struct virtual_service *vs)
{
	char buf[REGISTRY_HOST_SIZE];
	size_t outer = check_field(c, "hosts");
	uint32_t i;

	for (i = 0; i < vs->hosts.n; i++) {
		const char *host =
			registry_full_host(vs->hosts.items[i], c->r->ns, buf, sizeof(buf));
		size_t mark = check_item(c, i);

		if (!is_admitted(c, reg, &vs->gateways, host))
			check_report(c, DIAG_REF_GATEWAY_HOST,
				     "no server of the Gateways named has the host %s", host);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_gateways(struct check *c, const struct registry *reg,
			   const struct string_list *gateways)
{
	size_t outer = check_field(c, "gateways");
	uint32_t i;

	for (i = 0; i < gateways->n; i++) {
		size_t mark = check_item(c, i);

		if (strcmp(gateways->items[i], "mesh") != 0 &&
		    !find_gateway(c, reg, gateways->items[i]))
			check_report(c, DIAG_REF_GATEWAY, "there is no Gateway %s",
				     gateways->items[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_match_gateways(struct check *c, const struct registry *reg,
				 const struct virtual_service *vs)
{
	size_t outer = check_field(c, "http"), item, list, mark;
	uint32_t i, k;

	for (i = 0; i < vs->n_http; i++) {
		item = check_item(c, i);
		list = check_field(c, "match");
		for (k = 0; k < vs->http[i].n_match; k++) {
			mark = check_item(c, k);
			check_gateways(c, reg, &vs->http[i].match[k].gateways);
			check_leave(c, mark);
		}
		check_leave(c, list);
		check_leave(c, item);
	}
	check_leave(c, outer);
}

static void check_l4_match_gateways(struct check *c, const struct registry *reg, const char *field,
				    const struct l4_rule *rules, uint32_t n)
{
	size_t outer = check_field(c, field), item, list, mark;
	uint32_t i, k;

	for (i = 0; i < n; i++) {
		item = check_item(c, i);
		list = check_field(c, "match");
		for (k = 0; k < rules[i].n_match; k++) {
			mark = check_item(c, k);
			check_gateways(c, reg, &rules[i].match[k].gateways);
			check_leave(c, mark);
		}
		check_leave(c, list);
		check_leave(c, item);
	}
	check_leave(c, outer);
}

/* ---- VirtualServices of the mesh that claim one host ---- */

struct claim {
	const char *host;
	const struct resource *r;
	size_t order;   /* in the set: the first keeps the host */
	uint32_t index; /* in spec.hosts */
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcasecmp(x->host, y->host);

	if (!order && x->order != y->order)
		order = x->order < y->order ? -1 : 1;
	return order;
}

static bool is_on_mesh(const struct virtual_service *vs)
{
	uint32_t i;

	for (i = 0; i < vs->gateways.n; i++)
		if (strcmp(vs->gateways.items[i], "mesh") == 0)
			return true;
	return vs->gateways.n == 0;
}

static bool is_public(const struct resource *r)
{
	return r->vs->export_to.n == 0 || strcmp(r->vs->export_to.items[0], "*") == 0;
}

/* Objects that cannot see each other do not compete. */
static bool competes(const struct claim *a, const struct claim *b)
{
	return strcasecmp(a->host, b->host) == 0 && a->r != b->r &&
	       (strcmp(a->r->ns, b->r->ns) == 0 || (is_public(a->r) && is_public(b->r)));
}

static void report_claims(const struct claim *claims, size_t n, struct diags *d)
{
	struct check c;
	size_t i, first = 0;

	for (i = 1; i < n; i++) {
		if (strcasecmp(claims[first].host, claims[i].host) != 0)
			first = i;
		if (!competes(&claims[first], &claims[i]))
			continue;
		start(&c, claims[i].r, d);
		check_field(&c, "hosts");
		check_item(&c, claims[i].index);
		check_report(&c, DIAG_REF_MESH_HOST,
			     "VirtualService %s/%s has the host %s on the mesh already: it keeps "
			     "it, rules are not merged there",
			     claims[first].r->ns, claims[first].r->name, claims[i].host);
	}
}

void refs_mesh_hosts(const struct registry *reg, struct arena *scratch, struct diags *d)
{
	char buf[REGISTRY_HOST_SIZE];
	struct claim *claims;
	size_t first, last, i, n = 0;
	uint32_t k;

	resource_set_range(reg->set, KIND_VIRTUAL_SERVICE, &first, &last);
	for (i = first; i < last; i++)
		n += reg->set->items[i]->vs->hosts.n;
	claims = arena_array(scratch, n, sizeof(*claims));
	for (i = first, n = 0; i < last; i++) {
		const struct resource *r = reg->set->items[i];

		for (k = 0; k < r->vs->hosts.n && is_on_mesh(r->vs); k++)
			claims[n++] = (struct claim){
				.host = arena_strdup(scratch,
						     registry_full_host(r->vs->hosts.items[k],
									r->ns, buf, sizeof(buf))),
				.r = r,
				.order = i,
				.index = k,
			};
	}
	if (n > 1)
		qsort(claims, n, sizeof(*claims), compare_claims);
	report_claims(claims, n, d);
}

/* ---- DestinationRules, and objects defined twice ---- */

static void check_rule_host(struct check *c, const struct registry *reg)
{
	char buf[REGISTRY_HOST_SIZE];
	const char *host = c->r->dr->host;
	size_t mark = check_field(c, "host");

	if (host && *host) {
		host = registry_full_host(host, c->r->ns, buf, sizeof(buf));
		if (name_is_wildcard(host) ? !registry_covers_any(reg, host)
					   : !registry_find(reg, host))
			check_report(c, DIAG_REF_RULE_HOST,
				     "there is no service %s: the rule has no effect", host);
	}
	check_leave(c, mark);
}

/* By identity, then by where they were read: the first of several is the one that stays. */
static int compare_identity(const struct resource *x, const struct resource *y)
{
	int order = x->kind < y->kind ? -1 : x->kind > y->kind;

	if (!order)
		order = strcmp(x->ns, y->ns);
	return order ? order : strcmp(x->name, y->name);
}

static int compare_reading(const void *a, const void *b)
{
	const struct resource *x = *(const struct resource *const *)a;
	const struct resource *y = *(const struct resource *const *)b;
	int order = compare_identity(x, y);

	if (!order)
		order = strcmp(x->pos.file, y->pos.file);
	if (!order && x->pos.line != y->pos.line)
		order = x->pos.line < y->pos.line ? -1 : 1;
	return order;
}

void validate_duplicates(const struct resource_set *s, struct diags *d)
{
	struct arena *scratch = arena_create();
	const struct resource **sorted;
	size_t i, n = s->n, first = 0;
	struct check c;

	sorted = arena_array(scratch, n, sizeof(*sorted));
	for (i = 0; i < n; i++)
		sorted[i] = s->items[i];
	if (n > 1)
		qsort(sorted, n, sizeof(*sorted), compare_reading);
	for (i = 1; i < n; i++) {
		if (compare_identity(sorted[first], sorted[i]) != 0) {
			first = i;
			continue;
		}
		check_start(&c, sorted[i], d);
		check_field(&c, "metadata");
		check_field(&c, "name");
		check_report(&c, DIAG_DUPLICATE_OBJECT,
			     "already defined at %s:%u:%u: remove one of the two",
			     sorted[first]->pos.file, sorted[first]->pos.line,
			     sorted[first]->pos.col);
	}
	arena_destroy(scratch);
}

void refs_resource(const struct registry *reg, const struct resource *r, struct diags *d)
{
	struct check c;

	if (r->kind == KIND_VIRTUAL_SERVICE) {
		start(&c, r, d);
		check_destinations(&c, reg, r->vs);
		check_gateways(&c, reg, &r->vs->gateways);
		check_gateway_hosts(&c, reg, r->vs);
		check_match_gateways(&c, reg, r->vs);
		check_l4_match_gateways(&c, reg, "tls", r->vs->tls, r->vs->n_tls);
		check_l4_match_gateways(&c, reg, "tcp", r->vs->tcp, r->vs->n_tcp);
	} else if (r->kind == KIND_DESTINATION_RULE) {
		start(&c, r, d);
		check_rule_host(&c, reg);
	}
}
