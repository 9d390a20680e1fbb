/* test_match.c - lookups in tables built by hand: hosts, limits, and what must fail closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <hs/hs.h>

#include <compile/index.h>
#include <compile/pattern.h>
#include <compile/vhost.h>
#include <match/match.h>

static_assert(PATTERNS_PER_FIELD_MAX == MATCH_PATTERNS_MAX, "compiler and worker agree");
static_assert(PATTERN_WORDS_MAX == MATCH_WORDS_MAX, "compiler and worker agree");
static_assert(VHOST_HEADERS_MAX == MATCH_HEADERS_MAX, "compiler and worker agree");
static_assert(VHOST_QUERIES_MAX == MATCH_QUERIES_MAX, "compiler and worker agree");
static_assert(INDEX_PREFIX_LENS_MAX == MATCH_PREFIX_LENS_MAX, "compiler and worker agree");

static struct match *m;

static int setup(void **state)
{
	(void)state;
	m = match_create();
	return m ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	match_destroy(m);
	return 0;
}

/* One route with these predicates; name: of the header they look at, or NULL. */
static struct vhost one_route(struct arena *a, struct route *r, struct predicate *p, uint16_t n,
			      const struct header_name *name)
{
	struct vhost vh = {.name = "v", .n_routes = 1, .routes = r};

	vh.n_headers = name ? 1 : 0;
	vh.headers = name;
	*r = (struct route){.name = "r", .predicates = p, .n_predicates = n};
	assert_true(index_build(&vh, r, a));
	return vh;
}

static struct http_head get(const char *path)
{
	struct http_head h = {.method = SLICE("GET"), .path = slice_str(path)};

	h.path_len = h.path.n;
	return h;
}

static const struct route *find(const struct vhost *vh, const struct http_head *h,
				struct hs_scratch *scratch)
{
	return match_route(m, vh, h, SLICE("http"), &(struct ip_addr){0}, scratch);
}

static struct predicate header_exact(uint16_t header, const char *value)
{
	return (struct predicate){.field = MATCH_HEADER,
				  .op = MATCH_EXACT,
				  .header = header,
				  .value = value,
				  .value_len = (uint32_t)strlen(value)};
}

static void test_empty_table(void **state)
{
	struct vhost vh = {.name = "v"};
	struct http_head h = get("/");

	(void)state;
	assert_null(find(&vh, &h, NULL));
}

static void test_listener_without_hosts(void **state)
{
	struct listener l = {0};
	struct vhost vh = {0};

	(void)state;
	assert_null(match_host(&l, SLICE("x.test")));
	l.fallback = &vh;
	assert_ptr_equal(match_host(&l, SLICE("x.test")), &vh);
	assert_ptr_equal(match_host(&l, (struct slice){NULL, 0}), &vh);
}

/* A route without predicates takes a request without a path, too. */
static void test_empty_path(void **state)
{
	struct arena *a = arena_create();
	struct route r;
	struct vhost vh = one_route(a, &r, NULL, 0, NULL);
	struct http_head h = {.method = SLICE("GET")};

	(void)state;
	assert_ptr_equal(find(&vh, &h, NULL), &r);
	arena_destroy(a);
}

static void test_well_known_header_by_id(void **state)
{
	static const struct header_name names[] = {
		{.name = "user-agent", .len = 10, .known_id = HTTP_FIELD_USER_AGENT}};
	struct predicate p = header_exact(0, "curl");
	struct arena *a = arena_create();
	struct route r;
	struct vhost vh = one_route(a, &r, &p, 1, names);
	struct http_head h = get("/");

	(void)state;
	h.n_fields = 1;
	h.fields[0] = (struct http_field){
		.name = SLICE("User-Agent"), .value = SLICE("curl"), .id = HTTP_FIELD_USER_AGENT};
	assert_ptr_equal(find(&vh, &h, NULL), &r);
	h.fields[0].id = HTTP_FIELD_OTHER;
	assert_null(find(&vh, &h, NULL));
	arena_destroy(a);
}

/* A joined value that does not fit meets no condition, and its negation neither: a condition
 * that keeps somebody out cannot be escaped with a long header. */
static void test_too_long_to_join_fails_closed(void **state)
{
	static const struct header_name names[] = {{.name = "x", .len = 1}};
	const uint32_t size = 200 * 1024;
	struct predicate p = header_exact(0, "secret");
	struct arena *a = arena_create();
	char *big = arena_alloc(a, size);
	struct http_head h = get("/");
	struct route r;
	struct vhost vh;

	(void)state;
	memset(big, 'a', size);
	h.n_fields = 2;
	for (unsigned i = 0; i < 2; i++)
		h.fields[i] = (struct http_field){.name = SLICE("x"), .value = {big, size}};
	for (int negate = 0; negate <= 1; negate++) {
		p.negate = negate;
		vh = one_route(a, &r, &p, 1, names);
		assert_null(find(&vh, &h, NULL));
	}
	h.n_fields = 1; /* alone it need not be joined */
	assert_ptr_equal(find(&vh, &h, NULL), &r);
	arena_destroy(a);
}

#define CROWDED 50

/* Routes that share a path are found by their header, whatever their order; one without the
 * header still comes in its turn. */
static void test_a_crowded_path_is_told_apart_by_header(void **state)
{
	static const struct header_name names[] = {{.name = "x", .len = 1}};
	struct predicate path = {
		.field = MATCH_PATH, .op = MATCH_PREFIX, .value = "/", .value_len = 1};
	struct predicate p[CROWDED][2];
	struct arena *a = arena_create();
	struct http_head h = get("/a");
	struct route r[CROWDED];
	struct vhost vh = {
		.name = "v", .n_routes = CROWDED, .routes = r, .n_headers = 1, .headers = names};

	(void)state;
	for (unsigned i = 0; i < CROWDED; i++) {
		p[i][0] = path;
		p[i][1] = header_exact(0, arena_printf(a, "%u", i % 40));
		r[i] = (struct route){.name = "r", .predicates = p[i], .n_predicates = 2};
	}
	r[30].n_predicates = 1;
	assert_true(index_build(&vh, r, a));
	assert_int_equal(vh.index.n_by_value, 1);
	assert_int_equal(vh.index.rest.n, 0);
	h.n_fields = 1;
	for (unsigned i = 0; i < CROWDED; i++) {
		h.fields[0] = (struct http_field){.name = SLICE("x"),
						  .value = slice_str(arena_printf(a, "%u", i))};
		assert_ptr_equal(find(&vh, &h, NULL), &r[i < 30 ? i : 30]);
	}
	h.n_fields = 0;
	assert_ptr_equal(find(&vh, &h, NULL), &r[30]);
	arena_destroy(a);
}

/* Memos of one request must not answer for the next. */
static void test_no_memory_of_the_last_request(void **state)
{
	static const struct header_name names[] = {{.name = "x", .len = 1}};
	struct predicate p = header_exact(0, "1,2");
	struct arena *a = arena_create();
	struct http_head h = get("/");
	struct route r;
	struct vhost vh = one_route(a, &r, &p, 1, names);

	(void)state;
	for (unsigned i = 0; i < 100000; i++) { /* would run out if joins piled up */
		h.n_fields = 2;
		h.fields[0] = (struct http_field){.name = SLICE("X"), .value = SLICE("1")};
		h.fields[1] = (struct http_field){.name = SLICE("x"), .value = SLICE("2")};
		assert_ptr_equal(find(&vh, &h, NULL), &r);
		h.n_fields = 1;
		assert_null(find(&vh, &h, NULL));
	}
	arena_destroy(a);
}

/* A scan that fails (here: without scratch) fails the condition and its negation. */
static void test_failed_scan_fails_closed(void **state)
{
	struct predicate p = {.field = MATCH_METHOD, .op = MATCH_REGEX};
	struct arena *a = arena_create();
	hs_compile_error_t *err = NULL;
	struct http_head h = get("/");
	struct hs_scratch *scratch = NULL;
	hs_database_t *db = NULL;
	struct route r;
	struct vhost vh;

	(void)state;
	assert_int_equal(
		hs_compile("\\A(?:GET)\\z", HS_FLAG_SINGLEMATCH, HS_MODE_BLOCK, NULL, &db, &err),
		HS_SUCCESS);
	assert_int_equal(hs_alloc_scratch(db, &scratch), HS_SUCCESS);
	for (int negate = 0; negate <= 1; negate++) {
		p.negate = negate;
		vh = one_route(a, &r, &p, 1, NULL);
		vh.patterns[MATCH_METHOD] = (struct pattern_set){.n = 1, .db = db};
		assert_null(find(&vh, &h, NULL));
		assert_ptr_equal(find(&vh, &h, scratch), negate ? NULL : &r);
	}
	hs_free_scratch(scratch);
	hs_free_database(db);
	arena_destroy(a);
}

/* A path that is every prefix of itself: one list per length, all merged in order. */
static void test_every_prefix_length(void **state)
{
	enum { N = 1000 };
	struct arena *a = arena_create();
	struct predicate *p = arena_array(a, N, sizeof(*p));
	struct route *routes = arena_array(a, N, sizeof(*routes));
	struct vhost vh = {.name = "v", .n_routes = N, .routes = routes};
	char *path = arena_alloc(a, N + 1);
	struct http_head h;

	(void)state;
	memset(path, '/', N);
	for (unsigned i = 0; i < N; i++) { /* longest first; half of them need another method */
		p[i] = (struct predicate){
			.field = MATCH_PATH, .op = MATCH_PREFIX, .value = path, .value_len = N - i};
		routes[i] = (struct route){.name = "r", .predicates = &p[i], .n_predicates = 1};
	}
	assert_true(index_build(&vh, routes, a));
	assert_int_equal(vh.index.n_prefix_lens, N);
	for (unsigned len = 1; len <= N; len += 7) {
		h = get(path);
		h.path_len = len;
		assert_ptr_equal(find(&vh, &h, NULL), &routes[N - len]);
	}
	arena_destroy(a);
}

static void test_too_many_prefix_lengths(void **state)
{
	enum { N = INDEX_PREFIX_LENS_MAX + 1 };
	struct arena *a = arena_create();
	struct predicate *p = arena_array(a, N, sizeof(*p));
	struct route *routes = arena_array(a, N, sizeof(*routes));
	struct vhost vh = {.name = "v", .n_routes = N, .routes = routes};
	char *path = arena_alloc(a, N + 1);

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		p[i] = (struct predicate){
			.field = MATCH_PATH, .op = MATCH_PREFIX, .value = path, .value_len = i + 1};
		routes[i] = (struct route){.name = "r", .predicates = &p[i], .n_predicates = 1};
	}
	assert_false(index_build(&vh, routes, a));
	vh.n_routes = N - 1;
	assert_true(index_build(&vh, routes, a));
	arena_destroy(a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_empty_table),
		T(test_listener_without_hosts),
		T(test_empty_path),
		T(test_well_known_header_by_id),
		T(test_too_long_to_join_fails_closed),
		T(test_a_crowded_path_is_told_apart_by_header),
		T(test_no_memory_of_the_last_request),
		T(test_failed_scan_fails_closed),
		T(test_every_prefix_length),
		T(test_too_many_prefix_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
