/* registry.c - owns the services of one build. */
#include <compile/registry.h>

#include <compile/endpoints.h>
#include <compile/names.h>

static void add_vip(struct reg_service *s, struct build *b, const char *text)
{
	struct ip_addr *grown, ip;
	size_t len = strcspn(text, "/");
	const char *host_bits = strchr(text, ':') ? "/128" : "/32";

	/* A range is no VIP; a range of one address is. */
	if (text[len] && strcmp(text + len, host_bits) != 0)
		return;
	if (!ip_addr_parse(arena_strndup(b->tmp, text, len), &ip) || ip_addr_is_any(&ip))
		return;
	grown = arena_array(b->tmp, s->n_vips + 1, sizeof(*grown));
	if (s->n_vips)
		memcpy(grown, s->vips, s->n_vips * sizeof(*grown));
	grown[s->n_vips++] = ip;
	s->vips = grown;
}

static struct reg_service *add_service(struct registry *reg, struct build *b, const char *host,
				       const struct resource *from)
{
	struct reg_service *s = arena_alloc(b->tmp, sizeof(*s));

	*s = (struct reg_service){.from = from, .host = host, .ns = from->ns};
	*map_slot_str(&reg->by_host, host) = s;
	list_add(b->tmp, &reg->services, s);
	return s;
}

/* UDP is not forwarded: such a port is no place for a cluster or a listener. */
static void set_ports(struct reg_service *s, struct build *b, const struct service_port *ports,
		      uint32_t n)
{
	s->ports = arena_array(b->tmp, n, sizeof(*s->ports));
	for (uint32_t i = 0; i < n; i++)
		if (ports[i].protocol != PROTO_UDP)
			s->ports[s->n_ports++].spec = &ports[i];
}

static void add_platform(struct registry *reg, struct endpoint_index *x, struct build *b,
			 const struct resource *r)
{
	const struct service *svc = r->svc;
	const char *host = name_expand_host(b->tmp, r->name, r->ns);
	struct reg_service *s = add_service(reg, b, host, r);

	s->name = r->name;
	s->platform = true;
	for (uint32_t i = 0; i < svc->cluster_ips.n; i++)
		add_vip(s, b, svc->cluster_ips.items[i]);
	set_ports(s, b, svc->ports, svc->n_ports);
	for (uint32_t i = 0; i < s->n_ports; i++) {
		struct reg_port *p = &s->ports[i];

		if (svc->has_selector && svc->selector.n > 0)
			endpoints_add_selected(x, b, p, p->spec, r->ns, &svc->selector);
		endpoints_add_slices(x, b, p, r->ns, r->name);
	}
}

static void fill_entry_port(struct endpoint_index *x, struct build *b, struct reg_port *p,
			    const struct service_port *spec, const struct resource *r)
{
	if (r->se->resolution != RES_STATIC)
		return;
	if (r->se->has_selector)
		endpoints_add_selected(x, b, p, spec, r->ns, &r->se->selector);
	else
		endpoints_add_inline(x, b, p, spec, r);
}

/* Two entries of a namespace with one host: the older has defined the ports, both give
 * endpoints, joined by the name of the port (5.3). */
static void merge_entry(struct reg_service *s, struct endpoint_index *x, struct build *b,
			const struct resource *r)
{
	for (uint32_t i = 0; i < s->n_ports; i++) {
		const char *name = s->ports[i].spec->name;

		for (uint32_t k = 0; k < r->se->n_ports; k++) {
			const struct service_port *spec = &r->se->ports[k];

			if (name && spec->name ? strcmp(name, spec->name) == 0
					       : spec->number == s->ports[i].spec->number)
				fill_entry_port(x, b, &s->ports[i], spec, r);
		}
	}
}

static void add_entry_host(struct registry *reg, struct endpoint_index *x, struct build *b,
			   const struct resource *r, const char *host)
{
	struct reg_service *s = registry_service(reg, host);

	if (s && !s->platform && strcmp(s->ns, r->ns) == 0) {
		merge_entry(s, x, b, r);
		return;
	}
	if (s) {
		build_report(b, PROBLEM_SERVICE_TWICE, r, r->pos, "spec.hosts",
			     "%s is already defined by %s, which keeps it", host,
			     name_resource(b->tmp, s->from));
		return;
	}
	s = add_service(reg, b, host, r);
	s->name = host;
	for (uint32_t i = 0; i < r->se->addresses.n; i++)
		add_vip(s, b, r->se->addresses.items[i]);
	set_ports(s, b, r->se->ports, r->se->n_ports);
	for (uint32_t i = 0; i < s->n_ports; i++)
		fill_entry_port(x, b, &s->ports[i], s->ports[i].spec, r);
}

/* own: those of the node's namespace, which come before others with the same host. */
static void add_entries(struct registry *reg, struct endpoint_index *x, struct build *b, bool own)
{
	size_t i, last;

	resource_set_range(b->set, KIND_SERVICE_ENTRY, &i, &last);
	for (; i < last; i++) {
		const struct resource *r = b->set->items[i];

		if ((strcmp(r->ns, b->c->ns) == 0) != own)
			continue;
		if (name_visibility(&r->se->export_to, r->ns, b->c->ns) == VISIBLE_NOT)
			continue;
		for (uint32_t k = 0; k < r->se->hosts.n; k++)
			add_entry_host(reg, x, b, r, name_lower(b->tmp, r->se->hosts.items[k]));
	}
}

void registry_collect(struct registry *reg, struct build *b)
{
	struct endpoint_index x;
	size_t i, last;

	*reg = (struct registry){0};
	map_init(&reg->by_host);
	endpoint_index_init(&x, b);
	resource_set_range(b->set, KIND_SERVICE, &i, &last);
	for (; i < last; i++)
		add_platform(reg, &x, b, b->set->items[i]);
	add_entries(reg, &x, b, true);
	add_entries(reg, &x, b, false);
	endpoint_index_fini(&x);
}

void registry_drop(struct registry *reg)
{
	map_fini(&reg->by_host);
}

struct reg_service *registry_service(const struct registry *reg, const char *host)
{
	return map_get_str(&reg->by_host, host);
}

bool registry_port_is_http(const struct reg_port *p)
{
	return p->spec->protocol == PROTO_UNSET || port_protocol_is_http(p->spec->protocol);
}
