/* test_redirect.c - scheme, host, port, path and query of a Location, piece by piece. */
#include "filter.h"

#include <filter/redirect.h>

static struct http_head head;
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

static struct slice location(const struct redirect *r, const char *host, const char *path,
			     const char *scheme)
{
	static struct scratch s;
	struct filter_view v = {.req = &head, .scratch = &s};

	s = fresh_scratch();
	head.authority = slice_str(host);
	head.path = slice_str(path);
	head.path_len = (uint32_t)strcspn(path, "?#");
	return redirect_location(&v, re, r, slice_str(scheme));
}

static void hosts_and_ports(void **state)
{
	static const struct {
		struct redirect r;
		const char *host, *scheme, *location;
	} rows[] = {
		{{0}, "x", "http", "http://x/p?q"},
		{{0}, "x:80", "http", "http://x:80/p?q"},
		{{.authority = TEXT("y")}, "x:8080", "http", "http://y/p?q"},
		{{.authority = TEXT("y:1")}, "x:8080", "http", "http://y:1/p?q"},
		{{.port = 85}, "x", "http", "http://x:85/p?q"},
		{{.port = 85}, "x:1", "http", "http://x:85/p?q"},
		{{.port = 85}, "[::1]:1", "http", "http://[::1]:85/p?q"},
		{{.port = 85}, "[::1]", "http", "http://[::1]:85/p?q"},
		{{.scheme = TEXT("https")}, "x:80", "http", "https://x/p?q"},
		{{.scheme = TEXT("https")}, "x:81", "http", "https://x:81/p?q"},
		{{.scheme = TEXT("http")}, "x:443", "https", "http://x/p?q"},
		{{.scheme = TEXT("http")}, "x:80", "http", "http://x:80/p?q"},
		{{.scheme = TEXT("https")}, "x:", "http", "https://x:/p?q"},
		{{.scheme = TEXT("https")}, ":80", "http", "https:///p?q"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_slice(location(&rows[i].r, rows[i].host, "/p?q", rows[i].scheme),
			     rows[i].location);
}

static void paths_and_queries(void **state)
{
	struct redirect whole = {.path = {.change = PATH_WHOLE, .to = TEXT("/n")}};
	struct redirect query = {.path = {.change = PATH_WHOLE, .to = TEXT("/n?z")},
				 .has_query = true};
	struct redirect prefix = {
		.path = {.change = PATH_PREFIX, .prefix_len = 3, .to = TEXT("/y")}};

	(void)state;
	assert_slice(location(&whole, "x", "/p?q=1", "http"), "http://x/n?q=1");
	assert_slice(location(&whole, "x", "/p?q#f", "http"), "http://x/n?q");
	assert_slice(location(&query, "x", "/p?q=1", "http"), "http://x/n?z");
	assert_slice(location(&prefix, "x", "/p/a?q", "http"), "http://x/ya?q");
}

static void no_room_gives_nothing(void **state)
{
	struct redirect r = {0};
	struct filter_view v = {.req = &head};

	(void)state;
	location(&r, "host", "/path", "http");
	for (uint32_t size = 0; size < 20; size++) {
		struct scratch s = {scratch_bytes, size, 0};

		v.scratch = &s;
		assert_int_equal(redirect_location(&v, re, &r, SLICE("http")).n,
				 size >= strlen("http://host/path") ? strlen("http://host/path")
								    : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_and_ports),
		cmocka_unit_test(paths_and_queries),
		cmocka_unit_test(no_room_gives_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
