/* cluster.c - owns compiled clusters and their endpoint sets. */
#include <compile/cluster.h>

#include <compile/balance.h>
#include <compile/checks.h>
#include <compile/memory.h>
#include <compile/names.h>
#include <compile/parts.h>
#include <compile/pool_policy.h>
#include <compile/split.h>

#define VERSION_LABEL   "version"
#define VERSION_UNKNOWN "unknown"

/* A cluster before compilation. */
struct plan {
	const struct reg_service *service;
	const struct reg_port *port;
	const struct subset *subset; /* NULL: all endpoints */
	const char *name;
	struct cluster_policy policy;
	const struct health_check *check; /* of all endpoints; NULL: each has its own, or none */
	struct list members;              /* struct reg_endpoint, by part */
	struct part_plan parts;
};

static const char *version_of(const struct reg_endpoint *e)
{
	const char *v = labels_get(e->labels, VERSION_LABEL);

	return v ? v : VERSION_UNKNOWN;
}

/* What the service says goes before what a group does. */
static const struct health_check *check_of(const struct plan *p, const struct reg_endpoint *e)
{
	return p->check ? p->check : e->check;
}

static void key_check(struct cache_key *k, const struct health_check *check)
{
	cache_key_number(k, check != NULL);
	if (check)
		cache_key_number(k, check->hash);
}

static void key_plan(struct cache_key *k, const struct plan *p)
{
	k->len = 0;
	cache_key_string(k, p->name);
	cache_key_string(k, p->service->name);
	cache_key_string(k, p->service->ns);
	balance_key(k, &p->policy);
	pool_policy_key(k, &p->policy);
	cache_key_number(k, p->parts.n);
	for (uint32_t i = 0; i < p->parts.n; i++) {
		cache_key_number(k, p->parts.parts[i].n);
		cache_key_number(k, p->parts.parts[i].weight);
	}
	for (uint32_t i = 0; i < p->members.n; i++) {
		const struct reg_endpoint *e = p->members.items[i];

		cache_key_number(k, e->addr.ip.q[0]);
		cache_key_number(k, e->addr.ip.q[1]);
		cache_key_number(k, (uint64_t)e->weight << 16 | e->addr.port);
		cache_key_string(k, version_of(e));
		key_check(k, check_of(p, e));
	}
}

/* The name of an endpoint beyond this snapshot. */
static const char *endpoint_key(struct arena *a, const char *cluster, const char *endpoint)
{
	return arena_printf(a, "%s %s", cluster, endpoint);
}

static void compile_endpoint(struct build *b, struct arena *a, const struct plan *p,
			     const struct reg_endpoint *e, struct endpoint *out)
{
	const struct health_check *check = check_of(p, e);
	char name[NET_ADDR_STRLEN];
	const char *key;
	bool known;

	net_addr_format(&e->addr, name);
	out->addr = e->addr;
	out->weight = e->weight;
	out->announce = p->policy.proxy_version;
	out->http2 = p->policy.has_http2;
	out->name = arena_strdup(a, name);
	out->version = arena_strdup(a, version_of(e));
	key = endpoint_key(b->tmp, p->name, name);
	known = intern_has(&b->c->endpoint_ids, key);
	out->id = intern_get(&b->c->endpoint_ids, key, &out->gen);
	if (!p->policy.has_outlier && !check && !balance_has_warmup(&p->policy))
		return;
	out->health = keep_get_health(&b->c->keep, key);
	/* A new endpoint is not used until a check has passed. One that was used without checks is
	 * well until they say otherwise: a reload does not interrupt its service. */
	if (check && !known)
		out->health->state = HEALTH_FAILING;
}

/* The order by weight; left out when there is nothing to weigh. */
static void compile_slots(struct build *b, struct arena *a, const struct plan *p,
			  struct endpoint_set *set)
{
	uint32_t *weights = arena_array(b->tmp, set->n, sizeof(*weights));

	for (uint32_t i = 0; i < set->n; i++) {
		weights[i] = set->endpoints[i].weight;
		set->weighted |= weights[i] != weights[0];
	}
	if (!set->weighted)
		return;
	if (!split_reduce(weights, set->n, SPLIT_SLOTS_MAX))
		build_report(b, PROBLEM_WEIGHTS_ROUNDED, p->service->from, p->service->from->pos,
			     "weight", "endpoint weights of %s are rounded: their sum is above %u",
			     p->name, SPLIT_SLOTS_MAX);
	set->slots = split_spread(a, weights, set->n, &set->n_slots);
}

/* What choosing among the endpoints of one set needs. */
static void compile_choice(struct build *b, struct arena *a, const struct plan *p,
			   struct endpoint_set *set)
{
	if (p->policy.lb == LB_HASH) {
		struct ring_spec spec = balance_table(&p->policy);

		set->table = set->n ? ring_get(b, &spec, set->endpoints, set->n) : NULL;
	} else {
		compile_slots(b, a, p, set);
	}
}

static void compile_parts(struct build *b, struct arena *a, const struct plan *p,
			  struct endpoint_set *set)
{
	struct endpoint_part *parts = arena_array(a, p->parts.n, sizeof(*parts));

	for (uint32_t i = 0; i < p->parts.n; i++) {
		struct endpoint_part *part = &parts[i];

		part->first = p->parts.parts[i].first;
		part->weight = p->parts.parts[i].weight;
		part->set.n = p->parts.parts[i].n;
		part->set.endpoints = set->endpoints + part->first;
		compile_choice(b, a, p, &part->set);
	}
	set->parts = parts;
	set->n_parts = p->parts.n;
}

static void compile_endpoints(struct build *b, struct cluster_object *o, const struct plan *p)
{
	struct endpoint *e = arena_array(o->arena, p->members.n, sizeof(*e));

	for (uint32_t i = 0; i < p->members.n; i++)
		compile_endpoint(b, o->arena, p, p->members.items[i], &e[i]);
	o->endpoints.n = p->members.n;
	o->endpoints.endpoints = e;
	o->endpoints.serial = ++b->c->set_serial;
	if (p->parts.n)
		compile_parts(b, o->arena, p, &o->endpoints);
	else
		compile_choice(b, o->arena, p, &o->endpoints);
}

static bool has_checks(const struct plan *p)
{
	for (uint32_t i = 0; i < p->members.n; i++)
		if (check_of(p, p->members.items[i]))
			return true;
	return false;
}

/* Members of one group are neighbours, as a rule: one copy does for all. */
static void compile_checks(struct build *b, struct arena *a, const struct plan *p,
			   struct cluster *c)
{
	const struct health_check **of, *last = NULL, *copy = NULL;
	struct cluster_checks *checks;

	if (!has_checks(p))
		return;
	of = arena_array(a, p->members.n, sizeof(*of));
	for (uint32_t i = 0; i < p->members.n; i++) {
		const struct health_check *k = check_of(p, p->members.items[i]);

		if (k && k != last)
			copy = health_check_copy(a, k);
		last = k ? k : last;
		of[i] = k ? copy : NULL;
	}
	checks = arena_alloc(a, sizeof(*checks));
	checks->of = of;
	checks->tally = keep_get_tally(&b->c->keep, c->name);
	c->checks = checks;
}

static const struct http2_policy *compile_http2(struct arena *a, const struct cluster_policy *p)
{
	struct http2_policy *http2;

	if (!p->has_http2)
		return NULL;
	http2 = arena_alloc(a, sizeof(*http2));
	*http2 = p->http2;
	return http2;
}

static void compile_limits(struct build *b, struct arena *a, const struct plan *p,
			   struct cluster *c)
{
	struct outlier_policy *outlier;

	c->connect_timeout_us = p->policy.connect_timeout_us;
	c->idle_timeout_us = p->policy.idle_timeout_us;
	c->tcp_idle_us = p->policy.tcp_idle_us;
	c->max_connection_us = p->policy.max_connection_us;
	c->max_requests_per_connection = p->policy.max_requests_per_connection;
	c->has_keepalive = p->policy.has_keepalive;
	c->keepalive = p->policy.keepalive;
	c->limits = p->policy.limits;
	c->tunnel = pool_policy_tunnel(a, &p->policy);
	c->http2 = compile_http2(a, &p->policy);
	if (pool_policy_limits(&p->policy))
		c->breaker = keep_get_breaker(&b->c->keep, c->name, c->id, b->c->n_workers);
	if (!p->policy.has_outlier)
		return;
	outlier = arena_alloc(a, sizeof(*outlier));
	*outlier = p->policy.outlier;
	c->outlier = outlier;
	c->outlier_state = keep_get_outlier(&b->c->keep, c->name);
}

static struct cluster_object *make(struct build *b, const struct plan *p)
{
	struct cluster_object *o = memory_alloc(sizeof(*o));
	struct cluster *c = &o->cluster;
	struct arena *a = o->arena = arena_create();

	compile_endpoints(b, o, p);
	c->name = arena_strdup(a, p->name);
	c->id = intern_get(&b->c->cluster_ids, c->name, &c->gen);
	c->endpoints = &o->endpoints;
	balance_compile(a, &p->policy, c);
	compile_limits(b, a, p, c);
	compile_checks(b, a, p, c);
	c->elaborate = c->affinity || c->slow_start || c->endpoints->n_parts || c->checks;
	c->service_host = arena_strdup(a, p->service->host);
	c->service_name = arena_strdup(a, p->service->name);
	c->service_namespace = arena_strdup(a, p->service->ns);
	c->subset = arena_strdup(a, p->subset ? p->subset->name : "");
	c->port = (uint16_t)p->port->spec->number;
	return o;
}

static void get(struct build *b, const struct plan *p)
{
	struct cluster_object *o;

	key_plan(&b->key, p);
	o = (struct cluster_object *)cache_get(&b->c->clusters, b->key.bytes, b->key.len);
	if (!o) {
		o = make(b, p);
		cache_add(&b->c->clusters, &o->cached, b->key.bytes, b->key.len);
	}
	list_add(b->box->arena, &b->box->clusters, o);
}

static void make_one(struct build *b, const struct reg_service *s, const struct reg_port *port,
		     const struct dest_rule *rule, const struct subset *subset,
		     const struct health_check *check)
{
	struct plan p = {.service = s, .port = port, .subset = subset, .check = check};

	p.name = name_cluster(b->tmp, s->host, port->spec->number, subset ? subset->name : NULL);
	policy_resolve(rule, subset, port->spec, b->c->compat_08, &p.policy);
	for (uint32_t i = 0; i < port->n; i++)
		if (!subset || labels_contain(port->endpoints[i].labels, &subset->labels))
			list_add(b->tmp, &p.members, &port->endpoints[i]);
	parts_plan(b, &p.policy, &p.members, &p.parts);
	get(b, &p);
}

void cluster_make_all(struct build *b, const struct registry *reg, const struct policies *policies)
{
	for (uint32_t i = 0; i < reg->services.n; i++) {
		const struct reg_service *s = reg->services.items[i];
		const struct dest_rule *rule = policies_find(policies, b, s);
		const struct health_check *check = health_check_of_service(b, s);

		for (uint32_t k = 0; k < s->n_ports; k++) {
			make_one(b, s, &s->ports[k], rule, NULL, check);
			for (uint32_t j = 0; rule && j < rule->subsets.n; j++)
				make_one(b, s, &s->ports[k], rule, rule->subsets.items[j], check);
		}
	}
}

void cluster_take_over(struct build *b)
{
	const struct list *from = &b->from->clusters;

	for (uint32_t i = 0; i < from->n; i++) {
		struct cluster_object *o = from->items[i];

		cache_hold(&o->cached);
		list_add(b->box->arena, &b->box->clusters, o);
	}
}

static void put_kept(struct compiler *c, struct cluster_object *o)
{
	const struct cluster *cl = &o->cluster;

	if (cl->breaker)
		keep_put_breaker(&c->keep, cl->name);
	if (cl->outlier)
		keep_put_outlier(&c->keep, cl->name);
	if (cl->checks)
		keep_put_tally(&c->keep, cl->name);
	for (uint32_t i = 0; i < o->endpoints.n; i++)
		if (o->endpoints.endpoints[i].health)
			keep_put_health(&c->keep, endpoint_key(o->arena, cl->name,
							       o->endpoints.endpoints[i].name));
}

static void put_tables(struct compiler *c, const struct endpoint_set *set)
{
	if (set->table)
		ring_put(c, set->table);
	for (uint32_t i = 0; i < set->n_parts; i++)
		put_tables(c, &set->parts[i].set);
}

void cluster_put(struct compiler *c, struct cluster_object *o)
{
	if (!cache_put(&c->clusters, &o->cached))
		return;
	put_kept(c, o);
	put_tables(c, &o->endpoints);
	for (uint32_t i = 0; i < o->endpoints.n; i++)
		intern_put(&c->endpoint_ids, o->endpoints.endpoints[i].id);
	intern_put(&c->cluster_ids, o->cluster.id);
	arena_destroy(o->arena);
	free(o);
}
