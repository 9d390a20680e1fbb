/* policy.c - owns the merged DestinationRules of one build. */
#include <compile/policy.h>

#include <compile/balance.h>
#include <compile/names.h>
#include <compile/pool_policy.h>

static struct dest_rule *rule_of(struct policies *p, struct build *b, const struct resource *r)
{
	const char *host = name_expand_host(b->tmp, r->dr->host, r->ns);
	void **slot = map_slot_str(&p->exact, arena_printf(b->tmp, "%s/%s", r->ns, host));
	struct dest_rule *rule = *slot;

	if (rule)
		return rule;
	rule = *slot = arena_alloc(b->tmp, sizeof(*rule));
	rule->host = host;
	rule->ns = r->ns;
	if (name_is_wildcard(host)) {
		void **l = map_slot_str(&p->wildcards, r->ns);

		if (!*l)
			*l = arena_alloc(b->tmp, sizeof(struct list));
		list_add(b->tmp, *l, rule);
	}
	return rule;
}

static bool has_subset(const struct dest_rule *rule, const char *name)
{
	for (uint32_t i = 0; i < rule->subsets.n; i++)
		if (strcmp(((const struct subset *)rule->subsets.items[i])->name, name) == 0)
			return true;
	return false;
}

static void merge(struct policies *p, struct build *b, const struct resource *r)
{
	const struct destination_rule *dr = r->dr;
	struct dest_rule *rule = rule_of(p, b, r);

	if (!rule->top && (dr->policy || dr->n_ports > 0))
		rule->top = dr;
	if (!rule->hash_balance_factor)
		rule->hash_balance_factor = dr->hash_balance_factor;
	for (uint32_t i = 0; i < dr->n_subsets; i++)
		if (dr->subsets[i].name && !has_subset(rule, dr->subsets[i].name))
			list_add(b->tmp, &rule->subsets, &dr->subsets[i]);
}

/* Rules that select workloads come before those that do not (3.1). */
static void merge_all(struct policies *p, struct build *b, bool selecting)
{
	size_t i, last;

	resource_set_range(b->set, KIND_DESTINATION_RULE, &i, &last);
	for (; i < last; i++) {
		const struct resource *r = b->set->items[i];

		if (r->dr->has_workload_selector != selecting || !r->dr->host)
			continue;
		if (selecting && !labels_contain(&b->c->labels, &r->dr->workload_selector))
			continue;
		if (name_visibility(&r->dr->export_to, r->ns, b->c->ns) != VISIBLE_NOT)
			merge(p, b, r);
	}
}

void policies_init(struct policies *p, struct build *b)
{
	map_init(&p->exact);
	map_init(&p->wildcards);
	merge_all(p, b, true);
	merge_all(p, b, false);
}

void policies_fini(struct policies *p)
{
	map_fini(&p->exact);
	map_fini(&p->wildcards);
}

static const struct dest_rule *find_in(const struct policies *p, struct build *b, const char *ns,
				       const char *host)
{
	const struct dest_rule *best =
		map_get_str(&p->exact, arena_printf(b->tmp, "%s/%s", ns, host));
	const struct list *l = map_get_str(&p->wildcards, ns);

	if (best)
		return best;
	for (uint32_t i = 0; l && i < l->n; i++) {
		const struct dest_rule *r = l->items[i];

		if (name_host_covers(r->host, host) &&
		    (!best || strlen(r->host) > strlen(best->host)))
			best = r;
	}
	return best;
}

const struct dest_rule *policies_find(const struct policies *p, struct build *b,
				      const struct reg_service *s)
{
	const struct dest_rule *r = NULL;

	if (strcmp(b->c->ns, ROOT_NAMESPACE) != 0)
		r = find_in(p, b, b->c->ns, s->host);
	if (!r)
		r = find_in(p, b, s->ns, s->host);
	return r ? r : find_in(p, b, ROOT_NAMESPACE, s->host);
}

/* The entry of portLevelSettings that stands in for the whole policy; NULL when none does. */
static const struct traffic_policy *port_entry(const struct port_policy *ports, uint32_t n,
					       uint32_t port)
{
	for (uint32_t i = 0; i < n; i++)
		if (ports[i].port == port)
			return &ports[i].policy;
	return NULL;
}

/* Lays `over` on p: a block that is present replaces the whole block; with `all`, an absent
 * one too, which resets it to its defaults. */
static void lay_over(struct traffic_policy *p, const struct traffic_policy *over, bool all)
{
	if (over->has_load_balancer || all) {
		p->has_load_balancer = over->has_load_balancer;
		p->lb = over->lb;
	}
	if (over->has_connection_pool || all) {
		p->has_connection_pool = over->has_connection_pool;
		p->pool = over->pool;
	}
	if (over->has_outlier_detection || all) {
		p->has_outlier_detection = over->has_outlier_detection;
		p->outlier = over->outlier;
	}
	/* Settings of a port have none, and leave a subset its host's (3.2). */
	if (over->has_retry_budget) {
		p->has_retry_budget = true;
		p->retry_budget = over->retry_budget;
	}
	/* No port has its own of these two: `all` leaves those of the host. */
	if (over->has_tunnel) {
		p->has_tunnel = true;
		p->tunnel = over->tunnel;
	}
	if (over->has_proxy_protocol) {
		p->has_proxy_protocol = true;
		p->proxy_version = over->proxy_version;
	}
}

static void apply(struct traffic_policy *p, const struct traffic_policy *whole,
		  const struct port_policy *ports, uint32_t n_ports, uint32_t port)
{
	const struct traffic_policy *entry = port_entry(ports, n_ports, port);

	if (entry)
		lay_over(p, entry, true);
	else if (whole)
		lay_over(p, whole, false);
}

void policy_resolve(const struct dest_rule *rule, const struct subset *subset,
		    const struct service_port *port, bool compat_08, struct cluster_policy *out)
{
	struct traffic_policy p = {0};

	if (rule && rule->top)
		apply(&p, rule->top->policy, rule->top->ports, rule->top->n_ports, port->number);
	if (subset)
		apply(&p, subset->policy, subset->ports, subset->n_ports, port->number);
	*out = (struct cluster_policy){0};
	balance_resolve(&p, compat_08, out);
	if (rule && out->lb == LB_HASH)
		out->bound_percent = rule->hash_balance_factor;
	pool_policy_resolve(&p, port->protocol, compat_08, out);
}
