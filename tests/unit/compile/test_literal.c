/* test_literal.c - which expressions are filed under what their matches begin with. That the answer
 * is the same for it, tests/unit/match/test_property.c says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <compile/literal.h>
#include <compile/pattern_plain.h>
#include <compile/plan.h>

#define MANY 40

static void test_texts(void **state)
{
	static const struct {
		const char *expression, *literal;
	} rows[] = {
		{"/user/[^/]+/profile", "/user/"},
		{"^/a\\.b[.]c/\\d+$", "/a.b.c/"},
		{"/items?", "/item"},
		{"/items/*x", "/items"},
		{"/all", "/all"},
		{"[a-z]+", ""},
		{".*", ""},
		{"/(a|b)", ""}, /* not plain */
		{"", ""},
	};
	char literal[PATTERN_LITERAL_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t len = pattern_literal(rows[i].expression, literal);

		assert_int_equal(len, strlen(rows[i].literal));
		assert_memory_equal(literal, rows[i].literal, len);
	}
}

/* Routes of one condition each: a regular expression of the path. */
struct plans {
	struct arena *a;
	struct list routes;
	struct cond *conds[MANY];
};

static void setup(struct plans *p)
{
	*p = (struct plans){.a = arena_create()};
}

static struct cond *add(struct plans *p, const char *expression)
{
	struct route_plan *r = arena_alloc(p->a, sizeof(*r));

	r->conds = arena_array(p->a, 1, sizeof(*r->conds));
	r->n_conds = 1;
	r->conds[0] = (struct cond){.field = MATCH_PATH, .op = MATCH_REGEX, .value = expression};
	p->conds[p->routes.n] = &r->conds[0];
	list_add(p->a, &p->routes, r);
	return &r->conds[0];
}

static unsigned chosen(struct plans *p)
{
	unsigned n = 0;

	literals_choose(p->a, &p->routes);
	for (unsigned i = 0; i < p->routes.n; i++)
		n += p->conds[i]->literal > 0;
	return n;
}

static void test_only_expressions_of_the_path_that_must_match(void **state)
{
	struct plans p;

	(void)state;
	setup(&p);
	add(&p, "/a/[0-9]+")->field = MATCH_AUTHORITY;
	add(&p, "/b/[0-9]+")->negate = true;
	add(&p, "/c/[0-9]+")->op = MATCH_PREFIX;
	add(&p, "/d/([0-9]+)");
	assert_int_equal(chosen(&p), 0);
	add(&p, "/e/[0-9]+");
	assert_int_equal(chosen(&p), 1);
	assert_int_equal(p.conds[4]->literal, 3);
	arena_destroy(p.a);
}

/* Whatever begins like one text runs the expressions of all texts that this one begins with. */
static void test_a_crowd_is_scanned_for(void **state)
{
	struct plans p;
	struct cond *outer, *inner;

	(void)state;
	setup(&p);
	outer = add(&p, "/[a-z]+");
	for (unsigned i = 0; i < LITERAL_CROWD; i++)
		add(&p, arena_printf(p.a, "/a/[%u-9]+", i));
	inner = add(&p, "/b/[0-9]+");
	assert_int_equal(chosen(&p), LITERAL_CROWD + 1);
	assert_int_equal(outer->literal, 0);
	assert_int_equal(inner->literal, 3);
	add(&p, "/a/b/[0-9]+");
	assert_int_equal(chosen(&p), LITERAL_CROWD + 1); /* one of the crowd made room */
	assert_int_equal(p.conds[p.routes.n - 1]->literal, 5);
	arena_destroy(p.a);
}

/* Each length costs every request a look-up. */
static void test_few_lengths(void **state)
{
	bool used[PATTERN_LITERAL_MAX + 1] = {false};
	unsigned lens = 0;
	struct plans p;

	(void)state;
	setup(&p);
	for (unsigned i = 0; i < MANY; i++)
		add(&p, arena_printf(p.a, "/%02u%0*u/[a-z]+", i, (int)i + 1, 0));
	assert_int_equal(chosen(&p), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		lens += !used[p.conds[i]->literal];
		used[p.conds[i]->literal] = true;
	}
	assert_int_equal(lens, LITERAL_LENS_MAX);
	arena_destroy(p.a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_only_expressions_of_the_path_that_must_match),
		cmocka_unit_test(test_a_crowd_is_scanned_for),
		cmocka_unit_test(test_few_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
