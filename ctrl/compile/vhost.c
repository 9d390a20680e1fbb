/* vhost.c - owns compiled virtual hosts: their memory, ids and databases. */
#include <compile/vhost.h>

#include <stddef.h>

#include <compile/action.h>
#include <compile/index.h>
#include <compile/literal.h>
#include <compile/memory.h>
#include <compile/names.h>
#include <compile/retry.h>
#include <compile/split.h>

/* A virtual host while it is compiled. */
struct work {
	struct build *b;
	const struct vhost_plan *plan;
	struct vhost_object *o;
	struct arena *a;      /* the object's */
	struct route *routes; /* the virtual host's */

	struct map header_ids; /* name -> index + 1 */
	struct list headers;   /* const char *, by index */
	struct pattern_list fields[MATCH_FIELDS];
	struct list header_patterns; /* struct pattern_list, by header index */
	struct map query_ids;        /* likewise for query parameters */
	struct list queries, query_patterns;
	struct map source_ids;
	struct list sources; /* struct source_set */
	uint32_t words;      /* of scan results that one request may need */
	bool refused;        /* an expression */
};

static void key_cond(struct cache_key *k, const struct cond *c)
{
	cache_key_number(k, (uint64_t)c->field << 24 | (uint64_t)c->op << 16 |
				    (uint64_t)c->ignore_case << 8 | c->negate);
	cache_key_string(k, c->header);
	cache_key_string(k, c->value);
}

/* Objects that say where they come from are equal only when they come from one place. */
static void key_origin(struct cache_key *k, const struct route_plan *r)
{
	cache_key_string(k, r->from ? r->from->ns : NULL);
	cache_key_string(k, r->from ? r->from->name : NULL);
	cache_key_number(k, (uint64_t)r->rule << 32 | r->block);
}

static void key_route(struct cache_key *k, const struct route_plan *r)
{
	key_origin(k, r);
	cache_key_string(k, r->name);
	cache_key_number(k, r->timeout_us);
	retry_key(k, &r->retry);
	cache_key_number(k, (uint64_t)r->n_conds << 32 | r->n_targets);
	for (uint32_t i = 0; i < r->n_conds; i++)
		key_cond(k, &r->conds[i]);
	for (uint32_t i = 0; i < r->n_targets; i++) {
		cache_key_string(k, r->targets[i].cluster);
		cache_key_number(k, r->targets[i].weight);
	}
	action_key(k, r);
}

/* The addresses that a condition stands for, once for all conditions with the same ones. */
static void key_sources(struct cache_key *k, const struct vhost_plan *plan)
{
	struct map seen;

	map_init(&seen);
	for (uint32_t i = 0; i < plan->routes.n; i++) {
		const struct route_plan *r = plan->routes.items[i];

		for (uint32_t c = 0; c < r->n_conds; c++) {
			const struct source_set *s = r->conds[c].sources;
			void **slot = s ? map_slot_str(&seen, s->text) : NULL;

			if (!s || *slot)
				continue;
			*slot = &seen;
			cache_key_bytes(k, s->addrs, s->n * sizeof(*s->addrs));
		}
	}
	map_fini(&seen);
}

static bool asks_sources(const struct vhost_plan *plan)
{
	for (uint32_t i = 0; i < plan->routes.n; i++)
		if (((const struct route_plan *)plan->routes.items[i])->of_sources)
			return true;
	return false;
}

static void key_vhost(struct cache_key *k, const struct vhost_plan *plan)
{
	k->len = 0;
	cache_key_string(k, plan->name);
	for (uint32_t i = 0; i < plan->routes.n; i++)
		key_route(k, plan->routes.items[i]);
	if (asks_sources(plan))
		key_sources(k, plan);
}

/* The index of a name among those that routes look at; patterns has its expressions. */
static uint16_t name_index(struct work *w, struct map *ids, struct list *names,
			   struct list *patterns, const char *name)
{
	void **slot = map_slot_str(ids, name);
	struct pattern_list *l;

	if (*slot)
		return (uint16_t)((uintptr_t)*slot - 1);
	l = arena_alloc(w->b->tmp, sizeof(*l));
	pattern_list_init(l);
	list_add(w->b->tmp, patterns, l);
	list_add(w->b->tmp, names, (void *)(uintptr_t)name);
	*slot = (void *)(uintptr_t)names->n;
	return (uint16_t)(names->n - 1);
}

static struct pattern_list *patterns_of(struct work *w, const struct cond *c, uint16_t *header)
{
	if (c->field == MATCH_HEADER) {
		*header =
			name_index(w, &w->header_ids, &w->headers, &w->header_patterns, c->header);
		return w->header_patterns.items[*header];
	}
	if (c->field == MATCH_QUERY) {
		*header = name_index(w, &w->query_ids, &w->queries, &w->query_patterns, c->header);
		return w->query_patterns.items[*header];
	}
	return &w->fields[c->field];
}

static uint16_t source_index(struct work *w, const struct source_set *s)
{
	void **slot = map_slot_str(&w->source_ids, s->text);

	if (!*slot) {
		list_add(w->b->tmp, &w->sources, (void *)(uintptr_t)s);
		*slot = (void *)(uintptr_t)w->sources.n;
	}
	return (uint16_t)((uintptr_t)*slot - 1);
}

/* False when the expression is refused. */
static bool compile_lone(struct work *w, struct cond *c, struct predicate *p)
{
	struct pattern_object *o = pattern_get_lone(w->b, c);

	if (!o)
		return false;
	list_add(w->a, &w->o->patterns, o);
	p->op = MATCH_LONE;
	p->literal = c->literal;
	p->code = o->slow[0];
	return true;
}

static void compile_cond(struct work *w, struct cond *c, struct predicate *p)
{
	struct pattern_list *patterns;

	*p = (struct predicate){
		.field = c->field,
		.op = c->op,
		.ignore_case = c->ignore_case,
		.negate = c->negate,
	};
	patterns = patterns_of(w, c, &p->header);
	if (c->op == MATCH_IN)
		p->header = source_index(w, c->sources);
	if (c->literal)
		w->refused |= !compile_lone(w, c, p);
	else if (c->op == MATCH_REGEX)
		p->regex = pattern_list_add(patterns, w->b, c);
	if (c->value) {
		p->value_len = (uint32_t)strlen(c->value);
		p->value = arena_strndup(w->a, c->value, p->value_len);
	}
}

static uint32_t hold_cluster(void *work, const char *name)
{
	struct work *w = work;
	uint32_t gen, id = intern_get(&w->b->c->cluster_ids, name, &gen);

	w->o->cluster_ids[w->o->n_cluster_ids++] = id;
	return id;
}

static struct rate_bucket *hold_bucket(void *work, const char *name)
{
	struct work *w = work;

	list_add(w->a, &w->o->buckets, arena_strdup(w->a, name));
	return keep_get_bucket(&w->b->c->keep, name);
}

/* Cursors follow a split by its place and its weights: another change of the virtual host
 * does not disturb them, a change of the weights starts anew. */
static const char *split_name(struct work *w, const struct route_plan *r, uint32_t number)
{
	const char *name = arena_printf(w->b->tmp, "%s#%u", w->plan->name, number);

	for (uint32_t i = 0; i < r->n_targets; i++)
		name = arena_printf(w->b->tmp, "%s %s=%u", name, r->targets[i].cluster,
				    r->targets[i].weight);
	return name;
}

static void compile_slots(struct work *w, const struct route_plan *r, const char *name,
			  struct split *s)
{
	uint32_t *weights = arena_array(w->b->tmp, r->n_targets, sizeof(*weights));

	for (uint32_t i = 0; i < r->n_targets; i++)
		weights[i] = r->targets[i].weight;
	if (!split_reduce(weights, r->n_targets, SPLIT_SLOTS_MAX))
		build_report(w->b, PROBLEM_WEIGHTS_ROUNDED, r->from, r->pos, "route.weight",
			     "weights with a sum above %u are rounded", SPLIT_SLOTS_MAX);
	s->slots = split_table(w->a, weights, r->n_targets, name, &s->n_slots);
}

static void compile_split(struct work *w, struct action_work *actions, const struct route_plan *r,
			  uint32_t number, struct split *s)
{
	struct split_target *targets = arena_array(w->a, r->n_targets, sizeof(*targets));
	const char *name = split_name(w, r, number);

	s->id = intern_get(&w->b->c->split_ids, name, &s->gen);
	w->o->split_ids[w->o->n_split_ids++] = s->id;
	s->n_targets = r->n_targets;
	s->targets = targets;
	for (uint32_t i = 0; i < r->n_targets; i++) {
		targets[i].cluster_id = hold_cluster(w, r->targets[i].cluster);
		targets[i].cluster_name = arena_strdup(w->a, r->targets[i].cluster);
		targets[i].actions = target_actions_get(actions, r, i);
	}
	if (r->n_targets > 1)
		compile_slots(w, r, name, s);
}

static enum route_action action_of(const struct http_rule *http)
{
	if (http && http->redirect)
		return ROUTE_REDIRECT;
	return http && http->direct_response ? ROUTE_DIRECT_RESPONSE : ROUTE_FORWARD;
}

static const struct route_origin *compile_origin(struct work *w, const struct route_plan *r)
{
	struct route_origin *o;

	if (!r->from)
		return NULL;
	o = arena_alloc(w->a, sizeof(*o));
	o->resource = name_resource(w->a, r->from);
	o->field = r->block == BLOCK_NONE
			   ? arena_printf(w->a, "spec.http[%u]", r->rule)
			   : arena_printf(w->a, "spec.http[%u].match[%u]", r->rule, r->block);
	return o;
}

static void compile_route(struct work *w, struct route_plan *r, uint32_t number, struct route *out)
{
	struct action_work actions = {
		.b = w->b,
		.a = w->a,
		.regexes = &w->o->regexes,
		.from = r->from,
		.rule = arena_printf(w->b->tmp, "spec.http[%u]", r->rule),
		.hold_cluster = hold_cluster,
		.hold_bucket = hold_bucket,
		.owner = w,
	};
	struct predicate *p = arena_array(w->a, r->n_conds, sizeof(*p));

	out->name = arena_strdup(w->a, r->name);
	out->predicates = p;
	out->n_predicates = (uint16_t)r->n_conds;
	out->action = (uint8_t)action_of(r->http);
	out->actions = route_actions_get(&actions, r);
	out->timeout_us = r->timeout_us;
	out->retry = retry_copy(w->a, &r->retry);
	out->origin = compile_origin(w, r);
	for (uint32_t i = 0; i < r->n_conds; i++)
		compile_cond(w, &r->conds[i], &p[i]);
	compile_split(w, &actions, r, number, &out->split);
}

static uint32_t held_clusters(const struct route_plan *r)
{
	return r->n_targets + r->n_mirrors;
}

static void compile_routes(struct work *w)
{
	uint32_t n = w->plan->routes.n, n_targets = 0;
	struct route *routes = arena_array(w->a, n, sizeof(*routes));

	for (uint32_t i = 0; i < n; i++)
		n_targets += held_clusters(w->plan->routes.items[i]);
	w->o->cluster_ids = arena_array(w->a, n_targets, sizeof(*w->o->cluster_ids));
	w->o->split_ids = arena_array(w->a, n, sizeof(*w->o->split_ids));
	for (uint32_t i = 0; i < n; i++)
		compile_route(w, w->plan->routes.items[i], i, &routes[i]);
	w->o->vhost.n_routes = n;
	w->o->vhost.routes = w->routes = routes;
}

static bool refuse_limit(struct work *w, const char *what, uint32_t max)
{
	const struct route_plan *r = w->plan->routes.items[0];

	build_report(w->b, PROBLEM_LIMIT, r->from, r->pos, "spec.http",
		     "virtual host %s has too many %s (%u at most)", w->plan->name, what, max);
	return false;
}

/* False when an expression is refused. */
static bool compile_patterns(struct work *w, const struct pattern_list *l, struct pattern_set *out)
{
	struct pattern_object *o;

	if (l->conds.n == 0)
		return true;
	if (l->conds.n > PATTERNS_PER_FIELD_MAX)
		return refuse_limit(w, "regular expressions", PATTERNS_PER_FIELD_MAX);
	o = pattern_get(w->b, l);
	if (!o)
		return false;
	list_add(w->a, &w->o->patterns, o);
	w->words += (l->conds.n + 63) / 64 * (o->slow ? 2 : 1);
	if (w->words > PATTERN_WORDS_MAX)
		return refuse_limit(w, "regular expressions", PATTERNS_PER_FIELD_MAX);
	*out = (struct pattern_set){l->conds.n, o->db,
				    (const struct pcre2_real_code_8 *const *)o->slow};
	return true;
}

static bool compile_headers(struct work *w)
{
	uint32_t n = w->headers.n;
	struct header_name *headers = arena_array(w->a, n, sizeof(*headers));
	bool ok = true;

	for (uint32_t i = 0; i < n; i++) {
		headers[i].name = arena_strdup(w->a, w->headers.items[i]);
		headers[i].len = (uint16_t)strlen(headers[i].name);
		ok &= compile_patterns(w, w->header_patterns.items[i], &headers[i].patterns);
	}
	w->o->vhost.headers = headers;
	w->o->vhost.n_headers = (uint16_t)n;
	return ok;
}

/* At most half full. */
static void index_queries(struct work *w, struct vhost *vh)
{
	uint32_t size = 4, at;
	uint16_t *slots;

	while (size < vh->n_queries * 2u)
		size *= 2;
	slots = arena_array(w->a, size, sizeof(*slots));
	for (uint16_t i = 0; i < vh->n_queries; i++) {
		at = match_hash(vh->queries[i].name, vh->queries[i].len) & (size - 1);
		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = (uint16_t)(i + 1);
	}
	vh->query_slots = slots;
	vh->query_mask = size - 1;
}

static bool compile_queries(struct work *w)
{
	struct vhost *vh = &w->o->vhost;
	uint32_t n = w->queries.n;
	struct query_name *queries = arena_array(w->a, n, sizeof(*queries));
	bool ok = true;

	for (uint32_t i = 0; i < n; i++) {
		queries[i].name = arena_strdup(w->a, w->queries.items[i]);
		queries[i].len = (uint32_t)strlen(queries[i].name);
		ok &= compile_patterns(w, w->query_patterns.items[i], &queries[i].patterns);
	}
	vh->queries = queries;
	vh->n_queries = (uint16_t)n;
	if (n)
		index_queries(w, vh);
	return ok;
}

static void compile_sources(struct work *w)
{
	struct addr_set *sets = arena_array(w->a, w->sources.n, sizeof(*sets));

	for (uint32_t i = 0; i < w->sources.n; i++)
		sets[i] = source_set_compile(w->sources.items[i], w->a);
	w->o->vhost.sources = sets;
}

/* Different names that conditions on this field have; of sources their descriptions. */
static uint32_t count_names(const struct work *w, enum match_field field)
{
	struct map names;
	uint32_t n;

	map_init(&names);
	for (uint32_t i = 0; i < w->plan->routes.n; i++) {
		const struct route_plan *r = w->plan->routes.items[i];

		for (uint32_t k = 0; k < r->n_conds; k++) {
			const struct cond *c = &r->conds[k];

			if (c->field == field)
				*map_slot_str(&names, c->header ? c->header : c->value) = &names;
		}
	}
	n = (uint32_t)names.n;
	map_fini(&names);
	return n;
}

static bool check_names(struct work *w)
{
	if (count_names(w, MATCH_HEADER) > VHOST_HEADERS_MAX)
		return refuse_limit(w, "header names", VHOST_HEADERS_MAX);
	if (count_names(w, MATCH_QUERY) > VHOST_QUERIES_MAX)
		return refuse_limit(w, "query parameters", VHOST_QUERIES_MAX);
	if (count_names(w, MATCH_SOURCE) > VHOST_SOURCES_MAX)
		return refuse_limit(w, "different source conditions", VHOST_SOURCES_MAX);
	return true;
}

/* Before anything is made of them: counts of these are 16 bits wide in the snapshot. */
static bool check_limits(struct work *w)
{
	for (uint32_t i = 0; i < w->plan->routes.n; i++) {
		const struct route_plan *r = w->plan->routes.items[i];

		if (r->n_targets > SPLIT_SLOTS_MAX / 2)
			return refuse_limit(w, "destinations in a route", SPLIT_SLOTS_MAX / 2);
		if (r->n_conds > UINT16_MAX)
			return refuse_limit(w, "conditions in a match", UINT16_MAX);
	}
	return check_names(w);
}

static bool compile(struct work *w)
{
	struct vhost *vh = &w->o->vhost;
	bool ok;

	if (!check_limits(w))
		return false;
	vh->name = arena_strdup(w->a, w->plan->name);
	literals_choose(w->b->tmp, &w->plan->routes);
	compile_routes(w);
	ok = !w->refused;
	for (unsigned f = 0; f < MATCH_FIELDS; f++)
		ok &= compile_patterns(w, &w->fields[f], &vh->patterns[f]);
	ok &= compile_headers(w);
	ok &= compile_queries(w);
	compile_sources(w);
	if (!ok)
		return false;
	return index_build(vh, w->routes, w->a) ||
	       refuse_limit(w, "different lengths of path prefixes", INDEX_PREFIX_LENS_MAX);
}

static void forget_sources(struct compiler *c, struct vhost_object *o)
{
	if (o->sources)
		map_remove(&c->by_sources, o->sources, o->sources_len);
	free(o->sources);
	o->sources = NULL;
}

static void object_free(struct compiler *c, struct vhost_object *o)
{
	forget_sources(c, o);
	for (uint32_t i = 0; i < o->n_cluster_ids; i++)
		intern_put(&c->cluster_ids, o->cluster_ids[i]);
	for (uint32_t i = 0; i < o->n_split_ids; i++)
		intern_put(&c->split_ids, o->split_ids[i]);
	for (uint32_t i = 0; i < o->buckets.n; i++)
		keep_put_bucket(&c->keep, o->buckets.items[i]);
	for (uint32_t i = 0; i < o->patterns.n; i++)
		pattern_put(c, o->patterns.items[i]);
	regex_free(&o->regexes);
	arena_destroy(o->arena);
	free(o);
}

static struct vhost_object *make(struct build *b, const struct vhost_plan *plan)
{
	struct work w = {.b = b, .plan = plan, .o = memory_alloc(sizeof(*w.o))};
	bool ok;

	w.a = w.o->arena = arena_create();
	map_init(&w.header_ids);
	map_init(&w.query_ids);
	map_init(&w.source_ids);
	for (unsigned f = 0; f < MATCH_FIELDS; f++)
		pattern_list_init(&w.fields[f]);
	ok = compile(&w);
	for (unsigned f = 0; f < MATCH_FIELDS; f++)
		pattern_list_fini(&w.fields[f]);
	for (uint32_t i = 0; i < w.header_patterns.n; i++)
		pattern_list_fini(w.header_patterns.items[i]);
	for (uint32_t i = 0; i < w.query_patterns.n; i++)
		pattern_list_fini(w.query_patterns.items[i]);
	map_fini(&w.header_ids);
	map_fini(&w.query_ids);
	map_fini(&w.source_ids);
	if (ok)
		return w.o;
	object_free(b->c, w.o);
	return NULL;
}

/* What was worth a warning is so at every load, and where it stands may have moved: it is
 * compiled again for the sake of what that reports. */
static void warn_again(struct build *b, const struct vhost_plan *plan)
{
	struct vhost_object *o = make(b, plan);

	if (o)
		object_free(b->c, o);
}

const struct vhost *vhost_get(struct build *b, const struct vhost_plan *plan)
{
	uint64_t reports = b->n_reports;
	struct vhost_object *o;

	key_vhost(&b->key, plan);
	o = (struct vhost_object *)cache_get(&b->c->vhosts, b->key.bytes, b->key.len);
	if (!o) {
		o = make(b, plan);
		if (!o)
			return NULL;
		o->warned = b->n_reports != reports;
		cache_add(&b->c->vhosts, &o->cached, b->key.bytes, b->key.len);
	} else if (o->warned) {
		warn_again(b, plan);
	}
	list_add(b->box->arena, &b->box->vhosts, o);
	return &o->vhost;
}

static struct vhost_object *object_of(const struct vhost *vh)
{
	return (struct vhost_object *)((uintptr_t)vh - offsetof(struct vhost_object, vhost));
}

void vhost_hold(struct build *b, const struct vhost *vh)
{
	struct vhost_object *o = object_of(vh);

	cache_hold(&o->cached);
	list_add(b->box->arena, &b->box->vhosts, o);
}

const struct vhost *vhost_find(struct build *b, const struct cache_key *sources)
{
	struct vhost_object *o = map_get(&b->c->by_sources, sources->bytes, sources->len);

	if (!o)
		return NULL;
	vhost_hold(b, &o->vhost);
	return &o->vhost;
}

bool vhost_fit_scratch(struct build *b, const struct vhost *vh, struct hs_scratch **scratch)
{
	const struct vhost_object *o = object_of(vh);
	bool ok = true;

	for (uint32_t i = 0; i < o->patterns.n; i++)
		ok &= pattern_fit_scratch(b, o->patterns.items[i], scratch);
	return ok;
}

void vhost_remember(struct build *b, const struct vhost *vh, const struct cache_key *sources)
{
	struct vhost_object *o = object_of(vh);

	if (map_get(&b->c->by_sources, sources->bytes, sources->len))
		return;
	forget_sources(b->c, o);
	o->sources = memory_copy(sources->bytes, sources->len);
	o->sources_len = sources->len;
	*map_slot(&b->c->by_sources, o->sources, o->sources_len) = o;
}

void vhost_put(struct compiler *c, struct vhost_object *o)
{
	if (cache_put(&c->vhosts, &o->cached))
		object_free(c, o);
}
