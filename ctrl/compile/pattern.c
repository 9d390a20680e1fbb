/* pattern.c - owns the compiled Hyperscan databases.
 *
 * Bytes are matched, not characters: Hyperscan's UTF-8 mode is undefined on invalid input,
 * and paths and headers come from strangers. */
#include <compile/pattern.h>

#include <hs/hs.h>

#include <compile/memory.h>

/* One report per expression and scan is enough, and "x*" may match "". RE2's "." does not
 * match a newline, which is Hyperscan's default as well. */
#define PATTERN_FLAGS (HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY)

void pattern_list_init(struct pattern_list *l)
{
	*l = (struct pattern_list){0};
	map_init(&l->ids);
}

void pattern_list_fini(struct pattern_list *l)
{
	map_fini(&l->ids);
}

uint32_t pattern_list_add(struct pattern_list *l, struct build *b, struct cond *c)
{
	void **slot = map_slot_str(&l->ids, c->value);

	if (!*slot) {
		list_add(b->tmp, &l->conds, c);
		*slot = (void *)(uintptr_t)l->conds.n;
	}
	return (uint32_t)(uintptr_t)*slot - 1;
}

static void refuse(struct build *b, const struct cond *c, const char *why)
{
	build_report(b, PROBLEM_PATTERN, c->from, c->pos, c->where,
		     "the regular expression \"%s\" cannot be executed: %s", c->value, why);
}

/* An expression is checked on its own before it is wrapped: "a)(?:b" would be valid then. */
static bool check(struct build *b, const struct cond *c)
{
	hs_compile_error_t *err = NULL;
	hs_expr_info_t *info = NULL;

	if (hs_expression_info(c->value, PATTERN_FLAGS, &info, &err) == HS_SUCCESS) {
		free(info);
		return true;
	}
	refuse(b, c, err ? err->message : "unknown reason");
	hs_free_compile_error(err);
	return false;
}

/* Istio's regular expressions match the whole value (1.4). */
static const char **wrap(struct build *b, const struct pattern_list *l)
{
	const char **out = arena_array(b->tmp, l->conds.n, sizeof(*out));

	for (uint32_t i = 0; i < l->conds.n; i++) {
		const struct cond *c = l->conds.items[i];

		if (!check(b, c))
			return NULL;
		out[i] = arena_printf(b->tmp, "\\A(?:%s)\\z", c->value);
	}
	return out;
}

static struct hs_database *compile(struct build *b, const struct pattern_list *l)
{
	uint32_t n = l->conds.n;
	unsigned *flags = arena_array(b->tmp, n, sizeof(*flags));
	unsigned *ids = arena_array(b->tmp, n, sizeof(*ids));
	const char **expressions = wrap(b, l);
	struct hs_database *db = NULL;
	hs_compile_error_t *err = NULL;

	if (!expressions)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		flags[i] = PATTERN_FLAGS;
		ids[i] = i;
	}
	if (hs_compile_multi(expressions, flags, ids, n, HS_MODE_BLOCK, NULL, &db, &err) ==
	    HS_SUCCESS)
		return db;
	refuse(b, l->conds.items[err && err->expression >= 0 ? err->expression : 0],
	       err ? err->message : "unknown reason");
	hs_free_compile_error(err);
	return NULL;
}

struct pattern_object *pattern_get(struct build *b, const struct pattern_list *l)
{
	struct cache_key key = {0};
	struct pattern_object *o;
	struct hs_database *db;

	if (l->conds.n == 0)
		return NULL;
	for (uint32_t i = 0; i < l->conds.n; i++)
		cache_key_string(&key, ((const struct cond *)l->conds.items[i])->value);
	o = (struct pattern_object *)cache_get(&b->c->patterns, key.bytes, key.len);
	if (!o && (db = compile(b, l)) != NULL) {
		o = memory_alloc(sizeof(*o));
		o->db = db;
		cache_add(&b->c->patterns, &o->cached, key.bytes, key.len);
	}
	cache_key_fini(&key);
	return o;
}

void pattern_put(struct compiler *c, struct pattern_object *o)
{
	if (!cache_put(&c->patterns, &o->cached))
		return;
	hs_free_database(o->db);
	free(o);
}

/* Thousands of virtual hosts share a database: it is looked at once. */
bool pattern_fit_scratch(struct build *b, struct pattern_object *o, struct hs_scratch **scratch)
{
	if (*scratch && o->fitted == b->c->builds)
		return true;
	o->fitted = b->c->builds;
	return hs_alloc_scratch(o->db, scratch) == HS_SUCCESS;
}

bool pattern_clone_scratch(struct hs_scratch *first, struct hs_scratch **out, unsigned n)
{
	out[0] = first;
	for (unsigned i = 1; i < n; i++)
		if (hs_clone_scratch(first, &out[i]) != HS_SUCCESS)
			return false;
	return true;
}

void pattern_free_scratch(struct hs_scratch **scratch, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		hs_free_scratch(scratch[i]);
		scratch[i] = NULL;
	}
}
