/* test_explain_path.c - the admin API must take a path for the same one as the workers do: random
 * paths, made of what matters in one, through both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <admin/explain_path.h>
#include <http/path.h>

#define PARTS_MAX 12

static uint64_t rng = 0x9e3779b97f4a7c15ull;

static uint32_t below(uint32_t n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (uint32_t)((rng * 0x2545f4914f6cdd1dull >> 33) % n);
}

static uint32_t random_path(char *out)
{
	static const char *const parts[] = {
		"/",    "/",   "/.",  "/..", ".",  "..",   "\\",
		"%2F",  "%5c", "%2e", "%2E", "%",  "%4",   "%41",
		"%7E",  "%20", "%e4", "a",   "4",  "1",    "f",
		"~",    "<",   "\"",  "{",   "|",  "\x80", "[",
		"abc",  "//",  "%25", "2",   "e",  "F/x",  "abcdefghijklmnop",
		"\xff", "`",   "^",   ";=",  ":@",
	};
	uint32_t count = below(PARTS_MAX);
	char *end = stpcpy(out, "/");

	for (uint32_t i = 0; i < count; i++)
		end = stpcpy(end, parts[below(sizeof(parts) / sizeof(parts[0]))]);
	if (below(500) == 0)
		end = stpcpy(end, "%00");
	return (uint32_t)(end - out);
}

/* Returns whether the path was changed. */
static bool compare(const char *path, uint32_t n, enum path_normalization kind)
{
	char theirs[1000], ours[1000];
	struct http_head h = {.path = slice_of(path, n), .path_len = n};
	bool ok = http_path_normalize(&h, kind, theirs);
	struct span result;

	assert_int_equal(explain_path_normalize(span_of(path, n), kind, ours, &result), ok);
	if (!ok)
		return true;
	if (result.n != h.path_len || memcmp(result.p, h.path.p, result.n) != 0)
		fail_msg("%.*s is %.*s for the workers, %.*s explained (kind %d)", (int)n, path,
			 (int)h.path_len, h.path.p, (int)result.n, result.p, (int)kind);
	return result.n != n || memcmp(result.p, path, n) != 0;
}

static void random_paths(void **state)
{
	unsigned changed = 0, all = 0;
	char path[400];

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		uint32_t n = random_path(path);

		for (int kind = PATH_NONE; kind <= PATH_DECODE_AND_MERGE_SLASHES; kind++, all++)
			changed += compare(path, n, (enum path_normalization)kind);
	}
	print_message("%u of %u paths change\n", changed, all);
	assert_true(changed > all / 4 && changed < all);
}

/* Every byte, alone and after a percent sign. */
static void all_bytes(void **state)
{
	char path[] = "/a?b%?";

	(void)state;
	for (unsigned c = 1; c < 256; c++)
		for (int kind = PATH_NONE; kind <= PATH_DECODE_AND_MERGE_SLASHES; kind++) {
			path[2] = path[5] = (char)c;
			compare(path, sizeof(path) - 1, (enum path_normalization)kind);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_paths),
		cmocka_unit_test(all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
