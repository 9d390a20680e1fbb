/* test_path.c - prefixes, whole paths, and every match of an expression, as RE2 replaces them. */
#include "filter.h"

#include <filter/path.h>

static struct regex_state *re;

static int setup(void **state)
{
	(void)state;
	re = regex_create(&counters);
	return re ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	regex_destroy(re);
	return 0;
}

static struct slice change(const struct path_rewrite *w, const char *path)
{
	static struct scratch s;

	s = fresh_scratch();
	return path_change(re, &s, w, slice_str(path));
}

static void prefixes(void **state)
{
	struct path_rewrite w = {.change = PATH_PREFIX, .prefix_len = 2, .to = TEXT("/b")};

	(void)state;
	assert_slice(change(&w, "/a/x"), "/b/x");
	assert_slice(change(&w, "/abc"), "/bbc");
	assert_slice(change(&w, "/a"), "/b");
	assert_slice(change(&w, "*"), "*");
	w.to = TEXT("");
	assert_slice(change(&w, "/a/x"), "/x");
}

static void whole_paths(void **state)
{
	struct path_rewrite w = {.change = PATH_WHOLE, .to = TEXT("/n")};

	(void)state;
	assert_slice(change(&w, "/a/x"), "/n");
}

static void every_match(void **state)
{
	static const struct path_part bracketed[] = {
		{-1, TEXT("<")}, {.group = 1}, {-1, TEXT("|")}, {.group = 9}, {-1, TEXT(">")}};
	static const struct {
		const char *pattern, *path, *result;
	} rows[] = {
		{"([0-9]+)", "/a1/b22", "/a<1|>/b<22|>"},
		{"^/(a)", "/a/a", "<a|>/a"},
		{"(x)", "/none", "/none"},
		/* Empty matches: between characters and at the end, not behind another match. */
		{"(b*)", "abc", "<|>a<b|>c<|>"},
		{"(c)$", "/c/c", "/c/<c|>"},
		{"(q)?/", "/a/", "<|>a<|>"},
		/* Characters, not bytes; what is no UTF-8 stays as it is. */
		{"^/(.)$", "/\xc3\xa9", "<\xc3\xa9|>"},
		{"(x*)", "\xc3\xa9", "<|>\xc3\xa9<|>"},
		{"^/(.)$", "/\xff", "/\xff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pcre2_code *code = expression(rows[i].pattern);
		struct path_rewrite w = {
			.change = PATH_REGEX, .regex = code, .n_parts = 5, .parts = bracketed};

		assert_slice(change(&w, rows[i].path), rows[i].result);
		pcre2_code_free(code);
	}
}

/* What does not fit is told, at any size. */
static void no_room(void **state)
{
	struct path_rewrite w = {.change = PATH_PREFIX, .prefix_len = 1, .to = TEXT("/0123456789")};

	(void)state;
	for (uint32_t size = 0; size < 20; size++) {
		struct scratch s = {scratch_bytes, size, 0};
		struct slice out = path_change(re, &s, &w, SLICE("/abc"));

		assert_int_equal(out.p != NULL, size >= 14);
		assert_true(s.used <= size);
	}
}

/* An expression that backtracks without end gives up, and the path stays. */
static void endless_matching_gives_up(void **state)
{
	pcre2_code *code = expression("(a+)+$");
	struct path_rewrite w = {.change = PATH_REGEX, .regex = code};

	(void)state;
	assert_slice(change(&w, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
		     "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	assert_int_equal(counter_read(&counters, CTR_HTTP_MATCH_FAILURES), 1);
	pcre2_code_free(code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(whole_paths),
		cmocka_unit_test(every_match),
		cmocka_unit_test(no_room),
		cmocka_unit_test(endless_matching_gives_up),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
