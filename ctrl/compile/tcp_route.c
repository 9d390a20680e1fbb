/* tcp_route.c - owns the choice of a server's rule and what is made of it. Of a match a gateway
 * looks at port and gateways only, as Istio's does: both are known here. */
#include <compile/tcp_route.h>

#include <compile/names.h>
#include <compile/split.h>

/* ---- the choice ---- */

static bool gateway_listed(struct build *b, const struct resource *vs,
			   const struct string_list *gateways, const char *gateway)
{
	for (uint32_t i = 0; i < gateways->n; i++)
		if (strcmp(name_expand_gateway(b->tmp, gateways->items[i], vs->ns), gateway) == 0)
			return true;
	return gateways->n == 0;
}

static bool block_applies(struct build *b, const struct resource *vs, const struct l4_match *m,
			  const struct route_scope *scope)
{
	return (!m->port || m->port == scope->port) &&
	       gateway_listed(b, vs, &m->gateways, scope->gateway);
}

static bool asks_more(const struct l4_match *m)
{
	return m->destination_subnets.n || (m->destination_subnet && *m->destination_subnet) ||
	       (m->source_subnet && *m->source_subnet) || m->source_labels.n ||
	       (m->source_namespace && *m->source_namespace);
}

static bool rule_applies(struct build *b, const struct resource *vs, uint32_t rule,
			 const struct route_scope *scope)
{
	const struct l4_rule *r = &vs->vs->tcp[rule];

	for (uint32_t i = 0; i < r->n_match; i++) {
		const struct l4_match *m = &r->match[i];

		if (!block_applies(b, vs, m, scope))
			continue;
		if (asks_more(m))
			build_report(b, PROBLEM_NOT_EXECUTED, vs, m->pos,
				     arena_printf(b->tmp, "spec.tcp[%u].match[%u]", rule, i),
				     "a gateway looks at port and gateways only: the other "
				     "conditions are taken to hold");
		return true;
	}
	return r->n_match == 0;
}

uint32_t tcp_route_rule(struct build *b, const struct resource *vs, const struct route_scope *scope)
{
	for (uint32_t i = 0; i < vs->vs->n_tcp; i++)
		if (rule_applies(b, vs, i, scope))
			return i;
	return UINT32_MAX;
}

/* ---- the route ---- */

struct work {
	struct build *b;
	const struct resource *vs;
	const struct l4_rule *rule;
	const struct route_scope *scope;
	const char *field;   /* "spec.tcp[0]" */
	const char *name;    /* of the split */
	uint32_t *weights;   /* of the targets */
	struct split *split; /* under construction */
};

/* Cursors follow a split by its place and its weights, as in vhost.c. */
static void add_target(struct work *w, struct split_target *targets,
		       const struct http_route_destination *d, uint32_t weight)
{
	struct arena *a = w->b->tmp;
	const char *cluster = route_cluster(w->b, w->vs, w->scope, d->destination);
	uint32_t gen;

	w->name = arena_printf(a, "%s %s=%u", w->name, cluster, weight);
	w->weights[w->split->n_targets] = weight;
	targets[w->split->n_targets++] = (struct split_target){
		.cluster_id = intern_get(&w->b->c->cluster_ids, cluster, &gen),
		.cluster_name = cluster,
	};
}

static void add_targets(struct work *w)
{
	uint32_t n = w->rule->n_route;
	struct split_target *targets = arena_array(w->b->tmp, n, sizeof(*targets));

	w->weights = arena_array(w->b->tmp, n, sizeof(*w->weights));
	w->split->targets = targets;
	for (uint32_t i = 0; i < n; i++) {
		const struct http_route_destination *d = &w->rule->route[i];

		if (d->destination && d->destination->host && (n == 1 || d->weight > 0))
			add_target(w, targets, d, n > 1 ? (uint32_t)d->weight : 1);
	}
}

static void add_slots(struct work *w)
{
	struct split *s = w->split;

	if (!split_reduce(w->weights, s->n_targets, SPLIT_SLOTS_MAX))
		build_report(w->b, PROBLEM_WEIGHTS_ROUNDED, w->vs, w->rule->pos, w->field,
			     "weights with a sum above %u are rounded", SPLIT_SLOTS_MAX);
	s->slots = split_table(w->b->tmp, w->weights, s->n_targets, w->name, &s->n_slots);
}

static bool check(struct work *w)
{
	if (w->rule->n_route <= SPLIT_SLOTS_MAX / 2)
		return true;
	build_report(w->b, PROBLEM_LIMIT, w->vs, w->rule->pos, w->field,
		     "the rule has too many destinations (%u at most)", SPLIT_SLOTS_MAX / 2);
	return false;
}

const struct tcp_route *tcp_route_compile(struct build *b, const struct resource *vs, uint32_t rule,
					  const struct route_scope *scope)
{
	struct tcp_route *r = arena_alloc(b->tmp, sizeof(*r));
	struct work w = {
		.b = b,
		.vs = vs,
		.rule = &vs->vs->tcp[rule],
		.scope = scope,
		.field = arena_printf(b->tmp, "spec.tcp[%u]", rule),
		.name = arena_printf(b->tmp, "tcp %s:%u", scope->gateway, scope->port),
		.split = &r->split,
	};

	if (!check(&w))
		return NULL;
	add_targets(&w);
	if (r->split.n_targets == 0) {
		build_report(b, PROBLEM_NOT_EXECUTABLE, vs, w.rule->pos, w.field,
			     "the rule has no destination that connections could go to");
		return NULL;
	}
	r->split.id = intern_get(&b->c->split_ids, w.name, &r->split.gen);
	if (r->split.n_targets > 1)
		add_slots(&w);
	r->origin = (struct route_origin){name_resource(b->tmp, vs), w.field};
	return r;
}

void tcp_route_put(struct compiler *c, const struct tcp_route *r)
{
	for (uint32_t i = 0; i < r->split.n_targets; i++)
		intern_put(&c->cluster_ids, r->split.targets[i].cluster_id);
	intern_put(&c->split_ids, r->split.id);
}
