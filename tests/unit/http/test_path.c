/* test_path.c - paths in their normal form: what each kind makes of them, row by row, and what must
 * hold of any path. */
#include <http/path.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"

#define PATH_MAX_LEN 256

struct row {
	const char *path;
	const char *base, *merge, *decode; /* NULL: refused */
};

#define SAME(path)                                                                                 \
	{                                                                                          \
		path, path, path, path                                                             \
	}
#define ALL(path, result)                                                                          \
	{                                                                                          \
		path, result, result, result                                                       \
	}

static const struct row rows[] = {
	SAME("/"),
	SAME("/a/b"),
	SAME("/a.b/..c/d../...e/.f"),
	SAME("/.../...."),
	SAME("/a!$&'()*+,-.:;=@[]_~/AZaz09"),
	SAME("/?a=/../b//c\\%2e"), /* a query is nobody's business */
	/* RFC 3986 5.2.4. */
	ALL("/a/../b", "/b"),
	ALL("/a/b/../../c", "/c"),
	ALL("/a/./b", "/a/b"),
	ALL("/a/.", "/a/"),
	ALL("/a/..", "/"),
	ALL("/a/b/..", "/a/"),
	ALL("/a/b/../", "/a/"),
	ALL("/.", "/"),
	ALL("/./././a", "/a"),
	ALL("/a/../b?x=/../y", "/b?x=/../y"),
	/* Above the root is the root. */
	ALL("/..", "/"),
	ALL("/../a/b", "/a/b"),
	ALL("/a/b/../../../../c", "/c"),
	/* Dots may be escaped, one or both, in any case. */
	ALL("/a/%2e%2E/b", "/b"),
	ALL("/a/.%2e/b", "/b"),
	ALL("/a/%2e./b", "/b"),
	ALL("/a/%2e/b", "/a/b"),
	ALL("/a/%2e%2e", "/"),
	ALL("/a/%2e%2e%2e/b", "/a/.../b"),
	/* Backslashes are slashes. */
	ALL("/a\\b", "/a/b"),
	ALL("/a/..\\c", "/c"),
	ALL("\\a", "\\a"), /* no path: the parser lets none through */
	ALL("/a\\..\\..\\b", "/b"),
	/* Slashes one after the other. */
	{"//a", "//a", "/a", "/a"},
	{"/a///b//", "/a///b//", "/a/b/", "/a/b/"},
	{"//", "//", "/", "/"},
	{"/a//../b", "/a/b", "/a/b", "/a/b"}, /* ".." takes the empty segment */
	{"/a\\\\b", "/a//b", "/a/b", "/a/b"},
	{"/a//b?c=//d", "/a//b?c=//d", "/a/b?c=//d", "/a/b?c=//d"},
	/* Slashes escaped. */
	{"/a%2fb", "/a%2fb", "/a%2fb", "/a/b"},
	{"/a%5Cb", "/a%5Cb", "/a%5Cb", "/a/b"},
	{"/a/%2F%2f/c", "/a/%2F%2f/c", "/a/%2F%2f/c", "/a/c"},
	{"/a/..%2fb", "/a/..%2fb", "/a/..%2fb", "/b"},
	{"/a%2f..%5c..%2Fb", "/a%2f..%5c..%2Fb", "/a%2f..%5c..%2Fb", "/b"},
	SAME("/a%252fb"), /* not twice */
	/* Unreserved characters need no escape, others keep theirs as it is. */
	ALL("/%61%41%30%2d%2E%5f%7E", "/aA0-._~"),
	SAME("/%c0%af%20%25%3f%23%7f%3a"),
	/* What may not stand in a path. */
	ALL("/a\"<>^`{|}", "/a%22%3C%3E%5E%60%7B%7C%7D"),
	ALL("/\xc3\xa9\xff", "/%C3%A9%FF"),
	/* "%" that begins no escape stays, and becomes no other one. */
	SAME("/%"),
	SAME("/100%/%2/%zz/%%"),
	ALL("/%%32e/a", "/%252e/a"),
	ALL("/%%30%30", "/%2500"),
	ALL("/%2%30", "/%2520"),
	ALL("/%/%41", "/%/A"),
	ALL("/%%7a", "/%z"),
	/* NUL. */
	ALL("/a%00", NULL),
	ALL("/xyz/.%00../abc", NULL),
	ALL("/a%%0000", NULL),
	ALL("/%00/../a", NULL),
	SAME("/a?%00"),
};

static char out[PATH_MAX_LEN * HTTP_PATH_GROWTH];

/* The head of a request for this target; its bytes end at the guard page. */
static struct http_head head_of(const struct guard *g, const char *path, size_t n)
{
	const char *mark = memchr(path, '?', n);
	struct http_head h = {.path = slice_of(guard_put(g, path, n), (uint32_t)n)};

	h.path_len = (uint32_t)(mark ? mark - path : (ptrdiff_t)n);
	return h;
}

static void check_row(const struct guard *g, const char *path, enum path_normalization kind,
		      const char *want)
{
	struct http_head h = head_of(g, path, strlen(path));
	bool ok = http_path_normalize(&h, kind, out);

	if (ok != (want != NULL) || (ok && !slice_eq(h.path, slice_str(want))))
		fail_msg("%s, kind %d: %.*s, not %s", path, kind, ok ? (int)h.path.n : 7,
			 ok ? h.path.p : "refused", want ? want : "refused");
	if (want)
		assert_int_equal(h.path_len, strcspn(want, "?"));
}

static void test_rows(void **state)
{
	struct guard g = guard_create(PATH_MAX_LEN);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(&g, rows[i].path, PATH_NONE, rows[i].path);
		check_row(&g, rows[i].path, PATH_BASE, rows[i].base);
		check_row(&g, rows[i].path, PATH_MERGE_SLASHES, rows[i].merge);
		check_row(&g, rows[i].path, PATH_DECODE_AND_MERGE_SLASHES, rows[i].decode);
	}
	guard_destroy(&g);
}

static void test_what_is_no_path(void **state)
{
	struct http_head options = {.path = SLICE("*"), .path_len = 1}, connect = {0};

	(void)state;
	assert_true(http_path_normalize(&options, PATH_DECODE_AND_MERGE_SLASHES, out));
	assert_true(http_path_normalize(&connect, PATH_DECODE_AND_MERGE_SLASHES, out));
	assert_true(slice_eq(options.path, SLICE("*")));
}

static void check_seen(const struct guard *g, const char *path, size_t n)
{
	struct http_head h = head_of(g, path, n);

	assert_true(http_path_normalize(&h, PATH_MERGE_SLASHES, out));
	assert_ptr_equal(h.path.p, out);
}

/* Something to change is seen wherever it stands in a path of whatever length. */
static void test_every_place(void **state)
{
	static const char *const inside[] = {"/./", "/../", "\\", "%41", "\"", "\x80", "//"};
	static const char *const last[] = {"/.", "/.."};
	struct guard g = guard_create(PATH_MAX_LEN);
	char path[PATH_MAX_LEN];

	(void)state;
	for (size_t len = 1; len < 70; len++) {
		for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
			for (size_t at = 1; at <= len; at++) {
				memset(path, 'a', sizeof(path));
				path[0] = '/';
				memcpy(path + at, inside[i], strlen(inside[i]));
				check_seen(&g, path, len + strlen(inside[i]));
			}
		memset(path, 'a', sizeof(path));
		path[0] = '/';
		for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
			memcpy(path + len, last[i], strlen(last[i]));
			check_seen(&g, path, len + strlen(last[i]));
		}
	}
	guard_destroy(&g);
}

/* Every byte alone in a path: the quick look and the careful one, which the dots before it call
 * for, say the same. */
static void test_every_byte(void **state)
{
	struct guard g = guard_create(PATH_MAX_LEN);

	(void)state;
	for (unsigned c = '!'; c < 256; c++) {
		char quick[] = "/abcdef_ghijklmnop", careful[] = "/./abcdef_ghijklmnop";
		char second[sizeof(out)], *mark = strchr(quick, '_');
		struct http_head a, b;

		*mark = *strchr(careful, '_') = (char)c;
		if (c == '?')
			continue;
		a = head_of(&g, quick, strlen(quick));
		assert_true(http_path_normalize(&a, PATH_BASE, out));
		memmove(out, a.path.p, a.path.n);
		b = head_of(&g, careful, strlen(careful));
		assert_true(http_path_normalize(&b, PATH_BASE, second));
		assert_ptr_equal(b.path.p, second);
		assert_true(slice_eq(b.path, slice_of(out, a.path.n)));
	}
	guard_destroy(&g);
}

static uint64_t rng = 88172645463325252ull;

static uint32_t below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng % n);
}

/* The normal form of a normal form is itself, and has nothing left in it that anybody could take
 * for something else. */
static void test_random_paths(void **state)
{
	static const char *const parts[] = {"/",    ".",   "..",  "%2e", "%2F", "\\",  "%5c",
					    "a",    "%41", "%",   "%%",  "0",   "%30", "\"",
					    "\xe9", "//",  "%25", "2e",  "%7",  "?",   "%00"};
	struct guard g = guard_create(4096);
	static char twice[sizeof(out) * HTTP_PATH_GROWTH];

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		enum path_normalization kind = PATH_BASE + below(3);
		char path[PATH_MAX_LEN] = "/";
		struct http_head h, again;

		for (unsigned k = below(20); k > 0; k--)
			strcat(path, parts[below(sizeof(parts) / sizeof(parts[0]))]);
		h = head_of(&g, path, strlen(path));
		if (!http_path_normalize(&h, kind, out))
			continue;
		again = head_of(&g, h.path.p, h.path.n);
		assert_int_equal(again.path_len, h.path_len);
		assert_true(http_path_normalize(&again, kind, twice));
		if (!slice_eq(again.path, h.path))
			fail_msg("%s, kind %d: %.*s, then %.*s", path, kind, (int)h.path.n,
				 h.path.p, (int)again.path.n, again.path.p);
	}
	guard_destroy(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),         cmocka_unit_test(test_what_is_no_path),
		cmocka_unit_test(test_every_place),  cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_random_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
