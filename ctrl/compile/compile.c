/* compile.c - owns the compiler's lifetime and the assembly of snapshots. */
#include <compile/compile.h>

#include <stddef.h>

#include <compile/build.h>
#include <compile/cluster.h>
#include <compile/fill.h>
#include <compile/memory.h>
#include <compile/names.h>
#include <compile/sources.h>
#include <compile/vhost.h>

static const struct {
	const char *code;
	enum diag_severity severity;
} problems[PROBLEM_COUNT] = {
#define X(id, code, severity, summary) [PROBLEM_##id] = {code, DIAG_##severity},
	COMPILE_PROBLEMS(X)
#undef X
};

void build_report(struct build *b, enum problem p, const struct resource *r, struct pos pos,
		  const char *field, const char *fmt, ...)
{
	const char *resource = r ? name_resource(b->tmp, r) : "", *key;
	char text[512];
	va_list ap;
	void **said;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	b->n_reports++;
	key = arena_printf(b->tmp, "%d\n%s\n%s\n%s", p, resource, field, text);
	said = map_slot_str(&b->said, key);
	if (*said)
		return;
	*said = b;
	diag_add(b->d, problems[p].severity, problems[p].code, pos, resource, field, "%s", text);
}

static void copy_labels(struct compiler *c, const struct labels *from)
{
	struct label *items = arena_array(c->arena, from->n, sizeof(*items));

	for (uint32_t i = 0; i < from->n; i++)
		items[i] = (struct label){arena_strdup(c->arena, from->items[i].key),
					  arena_strdup(c->arena, from->items[i].value)};
	c->labels = (struct labels){from->n, items};
}

struct compiler *compiler_create(const struct compile_options *opt)
{
	struct compiler *c = memory_alloc(sizeof(*c));

	c->arena = arena_create();
	c->ns = arena_strdup(c->arena, opt->node_namespace ? opt->node_namespace : "default");
	c->locality = arena_strdup(c->arena, opt->node_locality ? opt->node_locality : "");
	if (opt->node_labels)
		copy_labels(c, opt->node_labels);
	c->n_workers = opt->n_workers < WEIR_WORKERS_MAX ? opt->n_workers : WEIR_WORKERS_MAX;
	c->compat_08 = opt->compat_08;
	intern_init(&c->listener_ids);
	intern_init(&c->cluster_ids);
	intern_init(&c->endpoint_ids);
	intern_init(&c->split_ids);
	cache_init(&c->vhosts);
	cache_init(&c->clusters);
	cache_init(&c->patterns);
	cache_init(&c->rings);
	keep_init(&c->keep);
	map_init(&c->by_sources);
	return c;
}

/* Pins have cache lines of their own, so the box is aligned to them. */
static struct snapshot_box *box_create(void)
{
	size_t size = (sizeof(struct snapshot_box) + WEIR_CACHE_LINE - 1) / WEIR_CACHE_LINE *
		      WEIR_CACHE_LINE;
	struct snapshot_box *box = memory_check(aligned_alloc(WEIR_CACHE_LINE, size));

	memset(box, 0, size);
	box->arena = arena_create();
	box->refs = 1;
	return box;
}

static void box_put(struct compiler *c, struct snapshot_box *box)
{
	if (!box || --box->refs)
		return;
	for (uint32_t i = 0; i < box->vhosts.n; i++)
		vhost_put(c, box->vhosts.items[i]);
	for (uint32_t i = 0; i < box->clusters.n; i++)
		cluster_put(c, box->clusters.items[i]);
	layout_put(c, box->layout);
	pattern_free_scratch(box->snapshot.scratch, WEIR_WORKERS_MAX);
	pattern_free_scratch(&box->scratch, 1);
	arena_destroy(box->arena);
	free(box);
}

void compiler_destroy(struct compiler *c)
{
	if (!c)
		return;
	box_put(c, c->last);
	resource_set_fini(&c->set);
	cache_fini(&c->vhosts);
	cache_fini(&c->clusters);
	cache_fini(&c->patterns);
	cache_fini(&c->rings);
	keep_fini(&c->keep);
	map_fini(&c->by_sources);
	intern_fini(&c->listener_ids);
	intern_fini(&c->cluster_ids);
	intern_fini(&c->endpoint_ids);
	intern_fini(&c->split_ids);
	arena_destroy(c->arena);
	free(c);
}

static void fill_clusters(struct build *b)
{
	struct snapshot *s = &b->box->snapshot;
	uint32_t n_clusters = intern_bound(&b->c->cluster_ids);
	uint32_t n_endpoints = intern_bound(&b->c->endpoint_ids);
	const struct cluster **clusters = arena_array(b->box->arena, n_clusters, sizeof(*clusters));
	const struct endpoint **endpoints =
		arena_array(b->box->arena, n_endpoints, sizeof(*endpoints));

	for (uint32_t i = 0; i < b->box->clusters.n; i++) {
		const struct cluster_object *o = b->box->clusters.items[i];

		clusters[o->cluster.id] = &o->cluster;
		for (uint32_t k = 0; k < o->endpoints.n; k++)
			endpoints[o->endpoints.endpoints[k].id] = &o->endpoints.endpoints[k];
	}
	s->n_cluster_ids = n_clusters;
	s->cluster_by_id = clusters;
	s->n_endpoint_ids = n_endpoints;
	s->endpoint_by_id = endpoints;
	s->n_split_ids = intern_bound(&b->c->split_ids);
}

/* ---- what differs from the last snapshot ---- */

struct difference {
	struct build *b;
	bool rules_only;
};

static bool is_delegate(const struct resource *r)
{
	return r->kind == KIND_VIRTUAL_SERVICE && r->vs->hosts.n == 0;
}

/* Listeners hang on these. */
static bool has_tcp(const struct resource *r)
{
	return r->kind == KIND_VIRTUAL_SERVICE && r->vs->n_tcp > 0;
}

static void note(struct resource *old, struct resource *now, void *arg)
{
	struct difference *diff = arg;
	struct build *b = diff->b;

	if (!old || !now || !resource_same_place(old, now) || is_delegate(now) || has_tcp(old) ||
	    has_tcp(now) || b->n_replaced == REPLACED_MAX)
		diff->rules_only = false;
	else
		b->replaced[b->n_replaced++] = (struct replacement){old, now};
}

/* What was worth a warning is looked at again, so that every load gives it. */
static bool differs_in_rules_only(struct build *b)
{
	struct difference diff = {b, b->c->last && b->c->last->layout->quiet};

	if (diff.rules_only)
		resource_set_diff(&b->c->set, b->set, note, &diff);
	if (!diff.rules_only)
		b->n_replaced = 0;
	return diff.rules_only;
}

/* ---- one build ---- */

static void make_clusters(struct build *b)
{
	struct policies policies;

	policies_init(&policies, b);
	cluster_make_all(b, &b->layout->registry, &policies);
	policies_fini(&policies);
}

static void build_all(struct build *b)
{
	if (differs_in_rules_only(b)) {
		b->from = b->c->last;
		b->layout = b->from->layout;
		b->layout->refs++;
		b->c->rules_only++;
	} else {
		layout_create(b);
	}
	b->box->layout = b->layout;
	b->tmp = arena_create();
	if (b->from)
		cluster_take_over(b);
	else
		make_clusters(b);
	fill_hosts(b);
	fill_clusters(b); /* when every id is given */
	fill_listeners(b);
	fill_scratch(b);
}

static void commit(struct build *b)
{
	struct compiler *c = b->c;

	fill_commit(b);
	b->layout->quiet = b->n_reports == 0;
	b->box->refs++;
	box_put(c, c->last);
	c->last = b->box;
	resource_set_follow(&c->set, b->set);
	b->box->snapshot.generation = ++c->generation;
}

struct snapshot *compiler_build(struct compiler *c, const struct resource_set *set, struct diags *d)
{
	struct build b = {.c = c, .set = set, .d = d, .box = box_create()};
	size_t errors = d->errors;
	bool ok;

	keep_sweep(&c->keep);
	c->builds++;
	map_init(&b.said);
	build_all(&b);
	ok = d->errors == errors;
	if (ok)
		commit(&b);
	map_fini(&b.said);
	sources_fini(&b);
	cache_key_fini(&b.key);
	cache_key_fini(&b.planned_from);
	arena_destroy(b.tmp);
	if (ok)
		return &b.box->snapshot;
	box_put(c, b.box);
	return NULL;
}

void compiler_free_snapshot(struct compiler *c, struct snapshot *s)
{
	static_assert(offsetof(struct snapshot_box, snapshot) == 0, "a snapshot is its box");
	if (s)
		box_put(c, (struct snapshot_box *)s);
}

struct compiler_work compiler_work(const struct compiler *c)
{
	return (struct compiler_work){
		.vhosts = c->vhosts.added,
		.clusters = c->clusters.added,
		.patterns = c->patterns.added,
		.rules_only = c->rules_only,
	};
}
