/* pattern.c - owns compiled regular expressions: Hyperscan databases, and PCRE2's code for what
 * Hyperscan cannot take.
 *
 * Expressions are RE2's, of characters, as Envoy has them. RE2 matches no value that is not UTF-8,
 * so workers do not ask then, which both engines want to be sure of. Validation has made sure of
 * the syntax; what the engines mean differently is refused here (docs/istio-support.md). */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <compile/pattern.h>

#include <hs/hs.h>
#include <pcre2.h>

#include <compile/memory.h>
#include <compile/pattern_plain.h>

/* So many plain expressions are matched faster one by one, when they are asked for, than scanned
 * for; and a database takes a millisecond to build, which tens of thousands of virtual hosts with
 * an expression of their own would each have to wait for. */
#define PLAIN_MAX 4u

/* One report per expression and scan is enough, and "x*" may match "". RE2's "." does not
 * match a newline, which is both engines' default as well. */
#define PATTERN_FLAGS (HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY | HS_FLAG_UTF8)
#define PCRE2_FLAGS   (PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C)

/* A list of expressions while it is compiled. */
struct job {
	struct build *b;
	const struct pattern_list *l;
	const char **wrapped;
	pcre2_code **slow; /* by id; NULL: Hyperscan's */
	uint32_t n_slow;
	bool plain; /* all are PCRE2's */
};

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

/* Behind "(?": are these flags that make letters match in any case? */
static bool folds_case(const char *p)
{
	for (; (*p >= 'a' && *p <= 'z') || *p == 'U'; p++)
		if (*p == 'i')
			return true;
	return false;
}

static const char *after_quoted(const char *p)
{
	const char *end = strstr(p, "\\E");

	return end ? end + 2 : p + strlen(p);
}

/* Why no engine but RE2 can be trusted with it; NULL: nothing known. */
static const char *only_re2(const char *p)
{
	bool folds = false, classes = false;

	while (*p) {
		if (p[0] == '\\' && p[1] == 'C')
			return "\\C is a part of a character";
		if (p[0] == '\\' && p[1] == 'Q') {
			p = after_quoted(p);
			continue;
		}
		classes |= p[0] == '\\' && (p[1] == 'p' || p[1] == 'P');
		folds |= p[0] == '(' && p[1] == '?' && folds_case(p + 2);
		p += p[0] == '\\' && p[1] ? 2 : 1;
	}
	return folds && classes ? "Unicode classes (\\p) have no meaning in any case, (?i)" : NULL;
}

static pcre2_code *pcre2_of(const char *text, PCRE2_UCHAR *why, size_t size)
{
	PCRE2_SIZE at;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_FLAGS,
					 &error, &at, NULL);

	if (!code)
		pcre2_get_error_message(error, why, size);
	return code;
}

/* Gives an expression to PCRE2. It is checked on its own before it is wrapped: "a)(?:b" would be
 * valid then. */
static bool make_slow(struct job *j, uint32_t i)
{
	const struct cond *c = j->l->conds.items[i];
	PCRE2_UCHAR why[128] = "";
	pcre2_code *code = pcre2_of(c->value, why, sizeof(why));

	if (code) {
		pcre2_code_free(code);
		code = pcre2_of(j->wrapped[i], why, sizeof(why));
	}
	if (!code) {
		refuse(j->b, c, (const char *)why);
		return false;
	}
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it, the same takes longer */
	j->slow[i] = code;
	j->n_slow++;
	return true;
}

static bool hyperscan_parses(const char *text)
{
	hs_compile_error_t *err = NULL;
	hs_expr_info_t *info = NULL;
	bool ok = hs_expression_info(text, PATTERN_FLAGS, &info, &err) == HS_SUCCESS;

	free(info);
	hs_free_compile_error(err);
	return ok;
}

/* Istio's regular expressions match the whole value (1.4). */
static bool choose_engine(struct job *j, uint32_t i)
{
	const struct cond *c = j->l->conds.items[i];
	const char *why = only_re2(c->value);

	j->wrapped[i] = arena_printf(j->b->tmp, "\\A(?:%s)\\z", c->value);
	if (why) {
		refuse(j->b, c, why);
		return false;
	}
	return (!j->plain && hyperscan_parses(c->value)) || make_slow(j, i);
}

static bool are_few_and_plain(const struct pattern_list *l)
{
	bool plain = l->conds.n <= PLAIN_MAX;

	for (uint32_t i = 0; plain && i < l->conds.n; i++)
		plain = pattern_is_plain(((const struct cond *)l->conds.items[i])->value);
	return plain;
}

/* Those that are not PCRE2's, together. *failed: the id of one that Hyperscan cannot build. */
static hs_compile_error_t *build_database(const struct job *j, struct hs_database **db,
					  uint32_t *failed)
{
	uint32_t n = 0, all = j->l->conds.n;
	const char **expressions = arena_array(j->b->tmp, all, sizeof(*expressions));
	unsigned *flags = arena_array(j->b->tmp, all, sizeof(*flags));
	unsigned *ids = arena_array(j->b->tmp, all, sizeof(*ids));
	hs_compile_error_t *err = NULL;

	for (uint32_t i = 0; i < all; i++) {
		if (j->slow[i])
			continue;
		expressions[n] = j->wrapped[i];
		flags[n] = PATTERN_FLAGS;
		ids[n++] = i;
	}
	if (n > 0 && hs_compile_multi(expressions, flags, ids, n, HS_MODE_BLOCK, NULL, db, &err) !=
			     HS_SUCCESS)
		*failed = err && err->expression >= 0 ? ids[err->expression] : all;
	return err;
}

/* What is too large for Hyperscan shows only now. */
static bool compile(struct job *j, struct hs_database **db)
{
	for (;;) {
		uint32_t failed = j->l->conds.n;
		hs_compile_error_t *err = build_database(j, db, &failed);
		bool again = err && failed < j->l->conds.n && make_slow(j, failed);

		if (err && failed == j->l->conds.n)
			refuse(j->b, j->l->conds.items[0], err->message);
		hs_free_compile_error(err);
		if (!err || !again)
			return !err;
	}
}

static void free_slow(pcre2_code **slow, uint32_t n)
{
	for (uint32_t i = 0; slow && i < n; i++)
		pcre2_code_free(slow[i]);
	free(slow);
}

static struct pattern_object *make(struct build *b, const struct pattern_list *l)
{
	struct job j = {.b = b, .l = l, .plain = are_few_and_plain(l)};
	struct pattern_object *o = memory_alloc(sizeof(*o));
	bool ok = true;

	j.wrapped = arena_array(b->tmp, l->conds.n, sizeof(*j.wrapped));
	j.slow = memory_alloc(l->conds.n * sizeof(*j.slow));
	for (uint32_t i = 0; i < l->conds.n; i++)
		ok &= choose_engine(&j, i);
	if (!ok || !compile(&j, &o->db)) {
		free_slow(j.slow, l->conds.n);
		free(o);
		return NULL;
	}
	o->n = l->conds.n;
	o->slow = j.slow;
	if (j.n_slow == 0) {
		free(j.slow);
		o->slow = NULL;
	}
	return o;
}

struct pattern_object *pattern_get(struct build *b, const struct pattern_list *l)
{
	struct cache_key key = {0};
	struct pattern_object *o;

	if (l->conds.n == 0)
		return NULL;
	for (uint32_t i = 0; i < l->conds.n; i++)
		cache_key_string(&key, ((const struct cond *)l->conds.items[i])->value);
	o = (struct pattern_object *)cache_get(&b->c->patterns, key.bytes, key.len);
	if (!o && (o = make(b, l)) != NULL)
		cache_add(&b->c->patterns, &o->cached, key.bytes, key.len);
	cache_key_fini(&key);
	return o;
}

struct pattern_object *pattern_get_lone(struct build *b, struct cond *c)
{
	struct pattern_list l;
	struct pattern_object *o;

	pattern_list_init(&l);
	pattern_list_add(&l, b, c);
	o = pattern_get(b, &l);
	pattern_list_fini(&l);
	return o;
}

void pattern_put(struct compiler *c, struct pattern_object *o)
{
	if (!cache_put(&c->patterns, &o->cached))
		return;
	hs_free_database(o->db);
	free_slow(o->slow, o->n);
	free(o);
}

/* Thousands of virtual hosts share a database: it is looked at once. */
bool pattern_fit_scratch(struct build *b, struct pattern_object *o, struct hs_scratch **scratch)
{
	if (!o->db || (*scratch && o->fitted == b->c->builds))
		return true;
	o->fitted = b->c->builds;
	return hs_alloc_scratch(o->db, scratch) == HS_SUCCESS;
}

bool pattern_copy_scratch(const struct hs_scratch *from, struct hs_scratch **out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (hs_clone_scratch(from, &out[i]) != HS_SUCCESS)
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
