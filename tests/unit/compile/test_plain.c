/* test_plain.c - which expressions are matched in one pass, whatever the value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <compile/pattern_plain.h>

static void test_plain(void **state)
{
	static const char *const plain[] = {
		"",
		"/a/b",
		"^/a/b$",
		"/v[0-9]+/items",
		"/v[0-9]+/.*",
		"/user/[^/]+/profile",
		"/user/[^/]*",
		"\\d+\\.\\d+",
		"[a-z_]+-?[0-9]*",
		"\\w+@\\w+",
		"a?b*c+d",
		"[+\\-]?\\d+",
		"x.y",
		"[a\\d]+/",
		"a\\$",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!pattern_is_plain(plain[i]))
			fail_msg("\"%s\" is plain", plain[i]);
}

static void test_not_plain(void **state)
{
	static const char *const others[] = {
		".*\\.jpg",            /* where does .* end? */
		"/[a-z]+abc",          /* likewise */
		"a*a",        "a*b*a", /* b may be missing */
		"a?a",        "[^/]*[a-z]/", "\\d+\\w", "(a|b)",   "a|b",          "(?i)a",
		"a{2,3}",     "a+?b",        "a++b",    "a**",     "[[:alpha:]]+", "[]a]",
		"[a",         "[z-a]",       "[\\d-z]", "[a-\\d]", "\\",           "\\pL",
		"\\bfoo",     "\\x41",       "a^b",     "a$b",     "$a",           "^*",
		"\xc3\xa4",   "[\xc3\xa4]",
	};
	static char longest[600];

	(void)state;
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (pattern_is_plain(others[i]))
			fail_msg("\"%s\" is not plain", others[i]);
	for (unsigned i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = 'a';
	assert_false(pattern_is_plain(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_not_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
