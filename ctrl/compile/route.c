/* route.c - owns the translation of http rules: which blocks count here, in which order, with
 * which conditions and destinations. */
#include <compile/route.h>

#include <compile/delegate.h>
#include <compile/action.h>
#include <compile/names.h>
#include <compile/retry.h>

/* One rule of one VirtualService in one place. */
struct rule {
	struct build *b;
	const struct resource *vs;
	const struct http_rule *http;
	uint32_t index;
	const struct route_scope *scope;
	/* Of a delegate's rule; else NULL. */
	const uint32_t *blocks;            /* where its matches come from */
	const struct resource *root;       /* who delegates */
	const struct http_rule *root_rule; /* and with which rule */
};

static bool gateway_listed(const struct rule *r, const struct string_list *gateways)
{
	for (uint32_t i = 0; i < gateways->n; i++)
		if (strcmp(name_expand_gateway(r->b->tmp, gateways->items[i], r->vs->ns),
			   r->scope->gateway) == 0)
			return true;
	return false;
}

static bool has_source_namespace(const struct http_match *m)
{
	return m->source_namespace && m->source_namespace[0];
}

/* On a gateway the source conditions speak of the gateway itself (2.3, D16). */
static bool node_is_source(const struct compiler *c, const struct http_match *m)
{
	if (has_source_namespace(m) && strcmp(m->source_namespace, c->ns) != 0)
		return false;
	return labels_contain(&c->labels, &m->source_labels);
}

/* In the mesh they speak of the workload that sends: requests are asked then. */
static bool asks_source(const struct rule *r, const struct http_match *m)
{
	return strcmp(r->scope->gateway, GATEWAY_MESH) == 0 && m->gateways.n == 0 &&
	       (has_source_namespace(m) || m->source_labels.n > 0);
}

/* The conditions that say on which node and port a block counts: decided once, here.
 * gateways, when given, stands in for the source conditions (2.3). */
static bool block_applies(const struct rule *r, const struct http_match *m)
{
	if (m->port && m->port != r->scope->port)
		return false;
	if (m->gateways.n > 0)
		return gateway_listed(r, &m->gateways);
	return asks_source(r, m) || node_is_source(r->b->c, m);
}

static enum match_op op_of(const struct string_match *m)
{
	static const enum match_op ops[] = {
		[SM_PRESENT] = MATCH_PRESENT,
		[SM_EXACT] = MATCH_EXACT,
		[SM_PREFIX] = MATCH_PREFIX,
		[SM_REGEX] = MATCH_REGEX,
	};

	/* "*" is no regular expression: in withoutHeaders it asks for presence (1.4). */
	if (m->kind == SM_REGEX && strcmp(m->value, "*") == 0)
		return MATCH_PRESENT;
	return ops[m->kind];
}

static struct cond *add_cond(const struct rule *r, struct route_plan *p, uint32_t block,
			     const char *label, const struct string_match *m)
{
	struct cond *c = &p->conds[p->n_conds++];

	*c = (struct cond){
		.op = (uint8_t)op_of(m),
		.value = m->value,
		.from = r->vs,
		.pos = m->pos,
		.where = arena_printf(r->b->tmp, "spec.http[%u].match[%u].%s", r->index, block,
				      label),
	};
	if (c->op == MATCH_PRESENT)
		c->value = NULL;
	return c;
}

/* Is the condition on the path one that every path meets? Such a condition is left out: the
 * route is then found without a look at the path. */
static bool any_path(const struct string_match *m)
{
	if (!m || m->kind == SM_PRESENT)
		return true;
	if (m->kind == SM_PREFIX)
		return m->value[0] == '\0';
	return m->kind == SM_REGEX && strcmp(m->value, ".*") == 0;
}

/* Pure catch-all (2.3): an empty prefix does not count as one, though it matches all. */
static bool is_catch_all(const struct http_match *m)
{
	const struct string_match *u = m->uri;

	if (m->scheme || m->method || m->authority)
		return false;
	if (m->n_headers || m->n_without_headers || m->n_query_params)
		return false;
	if (!u || u->kind == SM_PRESENT)
		return true;
	return (u->kind == SM_PREFIX && strcmp(u->value, "/") == 0) ||
	       (u->kind == SM_REGEX && strcmp(u->value, ".*") == 0);
}

static void add_field(const struct rule *r, struct route_plan *p, uint32_t block,
		      enum match_field field, const char *label, const struct string_match *m)
{
	struct cond *c;

	if (!m || m->kind == SM_PRESENT) /* every request has a method, a scheme, an authority */
		return;
	c = add_cond(r, p, block, label, m);
	c->field = (uint8_t)field;
}

static void add_path(const struct rule *r, struct route_plan *p, uint32_t block,
		     const struct http_match *m)
{
	struct cond *c;

	if (any_path(m->uri))
		return;
	c = add_cond(r, p, block, "uri", m->uri);
	c->field = MATCH_PATH;
	c->ignore_case = m->ignore_uri_case && c->op != MATCH_REGEX;
	if (c->ignore_case)
		c->value = name_lower(r->b->tmp, c->value);
}

/* Pseudo headers are the request's own parts. ":path" stays a header: unlike uri it is
 * matched with its query. */
static uint8_t field_of_header(const char *name)
{
	static const struct {
		const char *name;
		uint8_t field;
	} pseudo[] = {
		{":method", MATCH_METHOD},
		{":authority", MATCH_AUTHORITY},
		{":scheme", MATCH_SCHEME},
	};

	for (size_t i = 0; i < sizeof(pseudo) / sizeof(pseudo[0]); i++)
		if (strcmp(name, pseudo[i].name) == 0)
			return pseudo[i].field;
	return MATCH_HEADER;
}

static void add_headers(const struct rule *r, struct route_plan *p, uint32_t block,
			const struct named_match *m, uint32_t n, bool negate)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *label = arena_printf(r->b->tmp, "%s[%s]",
						 negate ? "withoutHeaders" : "headers", m[i].name);
		struct cond *c = add_cond(r, p, block, label, &m[i].match);

		c->header = name_lower(r->b->tmp, m[i].name);
		c->field = field_of_header(c->header);
		c->negate = negate;
		if (c->field != MATCH_HEADER)
			c->header = NULL;
	}
}

static void add_queries(const struct rule *r, struct route_plan *p, uint32_t block,
			const struct http_match *m)
{
	for (uint32_t i = 0; i < m->n_query_params; i++) {
		const struct named_match *q = &m->query_params[i];
		struct cond *c =
			add_cond(r, p, block, arena_printf(r->b->tmp, "queryParams[%s]", q->name),
				 &q->match);

		c->field = MATCH_QUERY;
		c->header = q->name;
	}
}

static void add_source(const struct rule *r, struct route_plan *p, const struct http_match *m)
{
	if (!asks_source(r, m))
		return;
	p->of_sources = true;
	p->catch_all = false;
	p->conds[p->n_conds++] = route_plan_source(
		source_set_get(r->b, &m->source_labels, m->source_namespace), false);
}

static void plan_conds(const struct rule *r, struct route_plan *p, uint32_t block,
		       const struct http_match *m)
{
	size_t named = (size_t)m->n_headers + m->n_without_headers + m->n_query_params;

	p->conds = arena_array(r->b->tmp, 5u + named, sizeof(*p->conds));
	add_path(r, p, block, m);
	add_field(r, p, block, MATCH_METHOD, "method", m->method);
	add_field(r, p, block, MATCH_SCHEME, "scheme", m->scheme);
	add_field(r, p, block, MATCH_AUTHORITY, "authority", m->authority);
	add_headers(r, p, block, m->headers, m->n_headers, false);
	add_headers(r, p, block, m->without_headers, m->n_without_headers, true);
	add_queries(r, p, block, m);
	add_source(r, p, m);
}

static uint32_t named_port(const struct reg_service *s, const char *name)
{
	for (uint32_t i = 0; s && i < s->n_ports; i++)
		if (s->ports[i].spec->name && strcmp(s->ports[i].spec->name, name) == 0)
			return s->ports[i].spec->number;
	return 0;
}

const char *route_cluster(struct build *b, const struct resource *vs,
			  const struct route_scope *scope, const struct destination *d)
{
	const char *host = name_expand_host(b->tmp, d->host, vs->ns);
	const struct reg_service *s = registry_service(scope->registry, host);
	uint32_t port = d->port;

	if (!port && d->port_name)
		port = named_port(s, d->port_name);
	else if (!port)
		port = s && s->n_ports == 1 ? s->ports[0].spec->number : scope->port;
	return name_cluster(b->tmp, host, port, d->subset);
}

static const char *destination_cluster(const struct rule *r, const struct destination *d)
{
	return route_cluster(r->b, r->vs, r->scope, d);
}

static void plan_targets(const struct rule *r, struct route_plan *p)
{
	uint32_t n = r->http->n_route;

	p->targets = arena_array(r->b->tmp, n, sizeof(*p->targets));
	for (uint32_t i = 0; i < n; i++) {
		const struct http_route_destination *d = &r->http->route[i];

		if (!d->destination || !d->destination->host || (n > 1 && d->weight <= 0))
			continue;
		p->targets[p->n_targets++] = (struct target){
			.cluster = destination_cluster(r, d->destination),
			.weight = n > 1 ? (uint32_t)d->weight : 1,
			.headers = d->headers,
		};
	}
}

static void add_mirror(const struct rule *r, struct route_plan *p, const struct destination *d,
		       uint32_t share)
{
	if (d && d->host && share)
		p->mirrors[p->n_mirrors++] = (struct mirror_plan){destination_cluster(r, d), share};
}

/* Without a percentage all requests are copied (2.4.8). */
static void plan_mirrors(const struct rule *r, struct route_plan *p)
{
	const struct http_rule *h = r->http;

	p->mirrors = arena_array(r->b->tmp, 1 + h->n_mirrors, sizeof(*p->mirrors));
	add_mirror(r, p, h->mirror,
		   action_share(h->mirror_percentage,
				h->has_mirror_percent ? h->mirror_percent : 100));
	for (uint32_t i = 0; i < h->n_mirrors; i++)
		add_mirror(r, p, h->mirrors[i].destination,
			   action_share(h->mirrors[i].percentage, 100));
}

/* A bucket is known by who has the limit, by the rule's name (empty: all rules that have none of
 * their own) and by what it allows: one that is changed begins full. */
static void add_limit(const struct rule *r, struct route_plan *p, const struct resource *of,
		      const struct rate_settings *settings, const char *name)
{
	const struct rate_setting *s = rate_setting_for(settings, name);

	if (!s)
		return;
	p->limits[p->n_limits++] = (struct limit_plan){
		.name = arena_printf(
			r->b->tmp, "%s %s=%llu/%llus burst=%llu", name_resource(r->b->tmp, of),
			s->name ? s->name : "*", (unsigned long long)s->count,
			(unsigned long long)s->unit_us / 1000000, (unsigned long long)s->burst),
		.setting = s,
	};
}

/* The narrowest first: it is the one that most often refuses. */
static void plan_limits(const struct rule *r, struct route_plan *p)
{
	const struct virtual_service *vs = r->vs->vs;

	add_limit(r, p, r->vs, &vs->rates, vs->http[r->index].name);
	if (r->root)
		add_limit(r, p, r->root, &r->root->vs->rates, r->root_rule->name);
	if (r->scope->gw)
		add_limit(r, p, r->scope->gw, &r->scope->gw->gw->rates, NULL);
}

static const char *route_name(struct arena *a, const struct http_rule *http,
			      const struct http_match *m)
{
	const char *rule = http->name ? http->name : "";

	if (!m || !m->name || !m->name[0])
		return rule;
	return rule[0] ? arena_printf(a, "%s.%s", rule, m->name) : m->name;
}

/* m: NULL for a rule without match blocks. */
static struct route_plan *plan_block(const struct rule *r, uint32_t block,
				     const struct http_match *m)
{
	struct route_plan *p = arena_alloc(r->b->tmp, sizeof(*p));

	p->name = route_name(r->b->tmp, r->http, m);
	p->from = r->vs;
	p->rule = r->index;
	p->block = !m ? BLOCK_NONE : r->blocks ? r->blocks[block] : block;
	p->pos = m ? m->pos : r->http->pos;
	p->timeout_us = r->http->timeout_us;
	p->catch_all = !m || is_catch_all(m);
	p->retry = retry_plan(r->b, r->http->retries);
	p->http = r->http;
	p->uri = m ? m->uri : NULL;
	p->port = r->scope->port;
	plan_limits(r, p);
	plan_targets(r, p);
	if (p->n_targets)
		plan_mirrors(r, p);
	if (m)
		plan_conds(r, p, block, m);
	if (p->n_targets == 0 && !r->http->redirect && !r->http->direct_response)
		build_report(r->b, PROBLEM_NOT_EXECUTABLE, r->vs, r->http->pos,
			     arena_printf(r->b->tmp, "spec.http[%u]", r->index),
			     "the rule has no destination that requests could go to");
	return p;
}

/* False once a pure catch-all was added: nothing after it can match. */
static bool plan_rule(const struct rule *r, struct list *out)
{
	for (uint32_t i = 0; i < r->http->n_match || (i == 0 && r->http->n_match == 0); i++) {
		const struct http_match *m = r->http->n_match ? &r->http->match[i] : NULL;
		struct route_plan *p;

		if (m && !block_applies(r, m))
			continue;
		p = plan_block(r, i, m);
		list_add(r->b->tmp, out, p);
		if (p->catch_all)
			return false;
	}
	return true;
}

struct cond route_plan_source(const struct source_set *s, bool negate)
{
	return (struct cond){
		.field = MATCH_SOURCE,
		.op = MATCH_IN,
		.negate = negate,
		.value = s->text,
		.sources = s,
		.where = "",
	};
}

static bool plan_delegated(struct build *b, const struct resource *root, uint32_t index,
			   const struct route_scope *scope, struct list *out)
{
	struct list rules = {0};

	delegate_rules(b, root, &root->vs->http[index], &rules);
	for (uint32_t i = 0; i < rules.n; i++) {
		const struct delegated_rule *d = rules.items[i];
		struct rule r = {b,     d->vs,     &d->http, d->index,
				 scope, d->blocks, root,     &root->vs->http[index]};

		if (!plan_rule(&r, out))
			return false;
	}
	return true;
}

void route_plan_rules(struct build *b, const struct resource *vs, const struct route_scope *scope,
		      struct list *out)
{
	for (uint32_t i = 0; i < vs->vs->n_http; i++) {
		struct rule r = {b, vs, &vs->vs->http[i], i, scope, NULL, NULL, NULL};

		if (r.http->delegate ? !plan_delegated(b, vs, i, scope, out) : !plan_rule(&r, out))
			return;
	}
}

struct route_plan *route_plan_default(struct build *b, const char *host, uint32_t port)
{
	struct route_plan *p = arena_alloc(b->tmp, sizeof(*p));

	p->name = "default";
	p->targets = arena_array(b->tmp, 1, sizeof(*p->targets));
	p->targets[0] =
		(struct target){.cluster = name_cluster(b->tmp, host, port, NULL), .weight = 1};
	p->n_targets = 1;
	p->catch_all = true;
	p->retry = retry_plan(b, NULL);
	return p;
}
