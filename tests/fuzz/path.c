/* path.c - fuzz target: the normal form of a path. The first byte says which; what the parser would
 * not let through is skipped. */
#include <http/path.h>

#include <string.h>

#include "fuzz.h"

#define MAX 4096

static struct http_head head_of(const char *p, size_t n)
{
	const char *mark = memchr(p, '?', n);
	struct http_head h = {.path = slice_of(p, (uint32_t)n)};

	h.path_len = (uint32_t)(mark ? mark - p : (ptrdiff_t)n);
	return h;
}

static bool is_target(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] <= ' ' || p[i] == 0x7f || p[i] == '#')
			return false;
	return n > 0 && n <= MAX && p[0] == '/';
}

/* Nothing that a backend could resolve once more: dot segments, backslashes, and as the kind says
 * slashes. */
static void check_resolved(struct slice path, enum path_normalization kind)
{
	MUST(path.n > 0 && path.p[0] == '/');
	for (uint32_t i = 0; i < path.n; i++) {
		uint32_t left = path.n - i;
		const char *p = path.p + i;

		MUST(*p > ' ' && *p != '\\' && *p != '"' && *p != 0x7f);
		MUST(*p != '/' || !(left >= 3 && memcmp(p, "/./", 3) == 0));
		MUST(*p != '/' || !(left >= 4 && memcmp(p, "/../", 4) == 0));
		MUST(!(left == 2 && memcmp(p, "/.", 2) == 0));
		MUST(!(left == 3 && memcmp(p, "/..", 3) == 0));
		MUST(!(left >= 3 && strncasecmp(p, "%2e", 3) == 0));
		if (kind >= PATH_MERGE_SLASHES)
			MUST(!(left >= 2 && memcmp(p, "//", 2) == 0));
		if (kind >= PATH_DECODE_AND_MERGE_SLASHES)
			MUST(!(left >= 3 && strncasecmp(p, "%2f", 3) == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char once[MAX * HTTP_PATH_GROWTH], twice[sizeof(once) * HTTP_PATH_GROWTH];
	enum path_normalization kind;
	struct http_head h, again;

	if (size < 2 || !is_target((const char *)data + 1, size - 1))
		return 0;
	kind = (enum path_normalization)(PATH_BASE + data[0] % 3);
	h = head_of((const char *)data + 1, size - 1);
	if (!http_path_normalize(&h, kind, once))
		return 0;
	MUST(h.path.n <= (size - 1) * HTTP_PATH_GROWTH);
	check_resolved(slice_of(h.path.p, h.path_len), kind);
	again = head_of(h.path.p, h.path.n);
	MUST(again.path_len == h.path_len);
	MUST(http_path_normalize(&again, kind, twice));
	MUST(slice_eq(again.path, h.path));
	return 0;
}
