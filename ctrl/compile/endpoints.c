/* endpoints.c - owns the index from selectors and services to endpoints during a build. */
#include <compile/endpoints.h>

#include <common/locality.h>
#include <compile/memory.h>
#include <compile/names.h>

static const struct labels no_labels;

static struct list *list_of(struct map *m, struct arena *a, const char *key)
{
	void **slot = map_slot_str(m, key);

	if (!*slot)
		*slot = arena_alloc(a, sizeof(struct list));
	return *slot;
}

static const char *label_key(struct arena *a, const char *ns, const struct label *l)
{
	return arena_printf(a, "%s\n%s=%s", ns, l->key, l->value);
}

static void index_workload(struct endpoint_index *x, struct build *b, const char *ns,
			   struct workload *w)
{
	list_add(b->tmp, list_of(&x->by_ns, b->tmp, ns), w);
	for (uint32_t i = 0; i < w->labels->n; i++)
		list_add(b->tmp,
			 list_of(&x->by_label, b->tmp, label_key(b->tmp, ns, &w->labels->items[i])),
			 w);
}

static void index_entry(struct endpoint_index *x, struct build *b, const struct resource *r)
{
	struct workload *w = arena_alloc(b->tmp, sizeof(*w));

	*w = (struct workload){.from = r,
			       .entry = r->we,
			       .labels = &r->we->labels,
			       .check = workload_groups_check(&x->groups, b, r)};
	if (!r->we->address || !ip_addr_parse(r->we->address, &w->ip)) {
		build_report(b, PROBLEM_ENDPOINT_ADDRESS, r, r->we->address_pos, "spec.address",
			     "\"%s\" is not an IP address: this workload receives nothing",
			     r->we->address ? r->we->address : "");
		return;
	}
	index_workload(x, b, r->ns, w);
}

/* A Pod that is not ready serves nothing, but its labels count for the slices that name it. */
static void index_pod(struct endpoint_index *x, struct build *b, const struct resource *r)
{
	struct workload *w = arena_alloc(b->tmp, sizeof(*w));

	*w = (struct workload){.from = r, .pod = r->pod, .labels = &r->labels};
	*map_slot_str(&x->pods, arena_printf(b->tmp, "%s/%s", r->ns, r->name)) = w;
	if (r->pod->ready && r->pod->ip && ip_addr_parse(r->pod->ip, &w->ip))
		index_workload(x, b, r->ns, w);
}

static void index_slice(struct endpoint_index *x, struct build *b, const char *ns,
			const struct endpoint_slice *s)
{
	const char *key = arena_printf(b->tmp, "%s/%s", ns, s->service ? s->service : "");

	list_add(b->tmp, list_of(&x->slices, b->tmp, key), (void *)(uintptr_t)s);
}

static void index_resource(struct endpoint_index *x, struct build *b, const struct resource *r)
{
	switch (r->kind) {
	case KIND_WORKLOAD_ENTRY:
		index_entry(x, b, r);
		break;
	case KIND_POD:
		index_pod(x, b, r);
		break;
	case KIND_ENDPOINT_SLICE:
		index_slice(x, b, r->ns, r->eps);
		break;
	case KIND_ENDPOINTS:
		for (uint32_t i = 0; i < r->ep->n_subsets; i++)
			index_slice(x, b, r->ns, &r->ep->subsets[i]);
		break;
	default:
		break;
	}
}

void endpoint_index_init(struct endpoint_index *x, struct build *b)
{
	map_init(&x->by_label);
	map_init(&x->by_ns);
	map_init(&x->pods);
	map_init(&x->slices);
	map_init(&x->seen);
	workload_groups_init(&x->groups, b);
	for (size_t i = 0; i < b->set->n; i++)
		index_resource(x, b, b->set->items[i]);
}

void endpoint_index_fini(struct endpoint_index *x)
{
	map_fini(&x->by_label);
	map_fini(&x->by_ns);
	map_fini(&x->pods);
	map_fini(&x->slices);
	map_fini(&x->seen);
	workload_groups_fini(&x->groups);
}

/* Identity of an endpoint within its port; zeroed, because it is compared as bytes. */
struct seen_key {
	const struct reg_port *port;
	struct ip_addr ip;
	uint64_t number;
};

static void add(struct endpoint_index *x, struct build *b, struct reg_port *port,
		const struct reg_endpoint *e)
{
	struct seen_key *key = arena_alloc(b->tmp, sizeof(*key));
	void **slot;

	*key = (struct seen_key){.port = port, .ip = e->addr.ip, .number = e->addr.port};
	slot = map_slot(&x->seen, key, sizeof(*key));
	if (*slot)
		return;
	*slot = port;
	if (port->n == port->cap) {
		uint32_t cap = port->cap ? port->cap * 2 : 4;
		struct reg_endpoint *grown = arena_array(b->tmp, cap, sizeof(*grown));

		if (port->n)
			memcpy(grown, port->endpoints, port->n * sizeof(*grown));
		port->endpoints = grown;
		port->cap = cap;
	}
	port->endpoints[port->n++] = *e;
}

static uint32_t entry_port(const struct workload_entry *we, const char *name)
{
	for (uint32_t i = 0; name && i < we->n_ports; i++)
		if (we->ports[i].name && strcmp(we->ports[i].name, name) == 0)
			return we->ports[i].number;
	return 0;
}

static uint32_t pod_port(const struct pod *pod, const char *name)
{
	for (uint32_t i = 0; i < pod->n_ports; i++)
		if (pod->ports[i].name && strcmp(pod->ports[i].name, name) == 0)
			return pod->ports[i].port;
	return 0;
}

/* Where w listens for a service port; 0 when a named target port is not one of the Pod's. */
static uint32_t workload_port(const struct workload *w, const struct service_port *spec)
{
	uint32_t port = 0;

	if (w->entry) {
		port = entry_port(w->entry, spec->name);
		if (!port)
			port = entry_port(w->entry, spec->target_port_name);
		if (port)
			return port;
	} else if (spec->target_port_name) {
		return pod_port(w->pod, spec->target_port_name);
	}
	return spec->target_port ? spec->target_port : spec->number;
}

/* Of the label, whose parts are divided by dots because a label knows no slashes. */
static const char *locality_of_label(struct arena *a, const struct labels *labels)
{
	const char *label = labels_get(labels, "istio-locality");
	char *locality = label ? arena_strdup(a, label) : NULL;

	for (char *p = locality; p && (p = strchr(p, '.')) != NULL;)
		*p = '/';
	return locality;
}

/* What Kubernetes knows of the place of a Pod, where it says so in the Pod's labels. */
static const char *locality_of_topology(struct arena *a, const struct labels *labels)
{
	const char *region = labels_get(labels, "topology.kubernetes.io/region");
	const char *zone = labels_get(labels, "topology.kubernetes.io/zone");
	const char *subzone = labels_get(labels, "topology.istio.io/subzone");

	if (!region)
		return NULL;
	if (!zone)
		return region;
	return subzone ? arena_printf(a, "%s/%s/%s", region, zone, subzone)
		       : arena_printf(a, "%s/%s", region, zone);
}

static const char *locality_of(struct build *b, const struct workload_entry *entry,
			       const struct labels *labels)
{
	const char *l = entry && entry->locality && *entry->locality ? entry->locality : NULL;

	if (!l)
		l = locality_of_label(b->tmp, labels);
	if (!l)
		l = locality_of_topology(b->tmp, labels);
	return l ? l : "";
}

/* A slice says the zone only: the node's own is known to be in the node's region. */
static const char *locality_of_zone(struct build *b, const char *zone)
{
	size_t len;
	const char *own = locality_part(b->c->locality, 1, &len);

	if (!zone)
		return "";
	if (!own || strlen(zone) != len || memcmp(zone, own, len) != 0)
		return arena_printf(b->tmp, "/%s", zone);
	return arena_strndup(b->tmp, b->c->locality, (size_t)(own - b->c->locality) + len);
}

void endpoints_add_workload(struct endpoint_index *x, struct build *b, struct reg_port *port,
			    const struct service_port *spec, const struct workload *w)
{
	uint32_t number = workload_port(w, spec);
	uint32_t weight = w->entry && w->entry->weight ? w->entry->weight : 1;

	if (number == 0 || number > UINT16_MAX)
		return;
	add(x, b, port,
	    &(struct reg_endpoint){.addr = {.ip = w->ip, .port = (uint16_t)number},
				   .labels = w->labels,
				   .weight = weight,
				   .check = w->check,
				   .locality = locality_of(b, w->entry, w->labels)});
}

/* The shortest list that holds every workload the selector can select. */
static const struct list *candidates(struct endpoint_index *x, struct build *b, const char *ns,
				     const struct labels *selector)
{
	const struct list *best = map_get_str(&x->by_ns, ns);

	for (uint32_t i = 0; best && i < selector->n; i++) {
		const char *key = label_key(b->tmp, ns, &selector->items[i]);
		const struct list *l = map_get_str(&x->by_label, key);

		if (!l || l->n < best->n)
			best = l;
	}
	return best;
}

void endpoints_add_selected(struct endpoint_index *x, struct build *b, struct reg_port *port,
			    const struct service_port *spec, const char *ns,
			    const struct labels *selector)
{
	const struct list *l = candidates(x, b, ns, selector);

	for (uint32_t i = 0; l && i < l->n; i++) {
		const struct workload *w = l->items[i];

		if (labels_contain(w->labels, selector))
			endpoints_add_workload(x, b, port, spec, w);
	}
}

/* The slice's port of the same name; an absent name equals an empty one. */
static uint32_t slice_port(const struct endpoint_slice *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_ports; i++) {
		const char *have = s->ports[i].name ? s->ports[i].name : "";

		if (strcmp(have, name ? name : "") == 0)
			return s->ports[i].port;
	}
	return 0;
}

static const struct labels *target_labels(struct endpoint_index *x, struct build *b,
					  const struct slice_endpoint *e, const char *ns)
{
	const struct workload *pod;

	if (!e->target_name || !e->target_kind || strcmp(e->target_kind, "Pod") != 0)
		return &no_labels;
	pod = map_get_str(&x->pods, arena_printf(b->tmp, "%s/%s",
						 e->target_namespace ? e->target_namespace : ns,
						 e->target_name));
	return pod ? pod->labels : &no_labels;
}

static void add_slice_endpoint(struct endpoint_index *x, struct build *b, struct reg_port *port,
			       const struct slice_endpoint *e, uint16_t number, const char *ns)
{
	struct reg_endpoint out = {.addr.port = number, .weight = 1};

	out.labels = target_labels(x, b, e, ns);
	out.locality = locality_of(b, NULL, out.labels);
	if (!*out.locality)
		out.locality = locality_of_zone(b, e->zone);
	for (uint32_t i = 0; i < e->addresses.n; i++) {
		const char *text = e->addresses.items[i];

		if (ip_addr_parse(text, &out.addr.ip))
			add(x, b, port, &out);
		else
			build_report(b, PROBLEM_ENDPOINT_ADDRESS, NULL,
				     e->addresses.pos ? e->addresses.pos[i] : (struct pos){0},
				     "addresses", "\"%s\" is not an IP address and is not used",
				     text);
	}
}

void endpoints_add_slices(struct endpoint_index *x, struct build *b, struct reg_port *port,
			  const char *ns, const char *service)
{
	const struct list *l = map_get_str(&x->slices, arena_printf(b->tmp, "%s/%s", ns, service));

	for (uint32_t i = 0; l && i < l->n; i++) {
		const struct endpoint_slice *s = l->items[i];
		uint32_t number = slice_port(s, port->spec->name);

		if (number == 0 || number > UINT16_MAX)
			continue;
		for (uint32_t k = 0; k < s->n_endpoints; k++)
			if (s->endpoints[k].ready)
				add_slice_endpoint(x, b, port, &s->endpoints[k], (uint16_t)number,
						   ns);
	}
}

void endpoints_add_inline(struct endpoint_index *x, struct build *b, struct reg_port *port,
			  const struct service_port *spec, const struct resource *se)
{
	for (uint32_t i = 0; i < se->se->n_endpoints; i++) {
		const struct workload_entry *we = &se->se->endpoints[i];
		struct workload w = {.from = se, .entry = we, .labels = &we->labels};

		if (we->address && ip_addr_parse(we->address, &w.ip))
			endpoints_add_workload(x, b, port, spec, &w);
		else
			build_report(b, PROBLEM_ENDPOINT_ADDRESS, se, we->address_pos,
				     "spec.endpoints.address",
				     "\"%s\" is not an IP address: this endpoint receives nothing",
				     we->address ? we->address : "");
	}
}
