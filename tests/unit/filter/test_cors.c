/* test_cors.c - which requests are cross-origin, allowed, preflights or none of it. */
#include "filter.h"

#include <filter/cors.h>

static struct regex_state *re;
static struct cors_origin origins[3];
static struct cors policy;

static int setup(void **state)
{
	(void)state;
	re = regex_create(&counters);
	origins[0] = (struct cors_origin){.match = TEXT_EXACT, .text = TEXT("http://a")};
	origins[1] = (struct cors_origin){.match = TEXT_PREFIX, .text = TEXT("http://b")};
	origins[2] = (struct cors_origin){.match = TEXT_REGEX,
					  .regex = expression("\\A(?:https?://c)\\z")};
	policy = (struct cors){.n_origins = 3, .origins = origins, .methods = TEXT("GET")};
	return re ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pcre2_code_free(origins[2].regex);
	regex_destroy(re);
	return 0;
}

static enum cors_verdict judge(const char *origin, enum http_method method, const char *asks)
{
	struct http_head h = {.method_id = (uint8_t)method};

	if (origin)
		h.fields[h.n_fields++] =
			(struct http_field){.name = SLICE("Origin"), .value = slice_str(origin)};
	if (asks)
		h.fields[h.n_fields++] = (struct http_field){
			.name = SLICE("access-control-request-method"), .value = slice_str(asks)};
	return cors_judge(re, &policy, &h);
}

static void verdicts(void **state)
{
	static const struct {
		const char *origin;
		enum http_method method;
		const char *asks;
		enum cors_verdict verdict, when_ignored;
	} rows[] = {
		{NULL, HTTP_GET, NULL, CORS_PASS, CORS_PASS},
		{"", HTTP_GET, NULL, CORS_PASS, CORS_PASS},
		{"http://a", HTTP_GET, NULL, CORS_ALLOWED, CORS_ALLOWED},
		{"http://A", HTTP_GET, NULL, CORS_PASS, CORS_PASS},
		{"http://ab", HTTP_GET, NULL, CORS_PASS, CORS_PASS},
		{"http://b.c", HTTP_GET, NULL, CORS_ALLOWED, CORS_ALLOWED},
		{"https://c", HTTP_GET, NULL, CORS_ALLOWED, CORS_ALLOWED},
		{"https://c.d", HTTP_GET, NULL, CORS_PASS, CORS_PASS},
		{"http://a", HTTP_OPTIONS, "PUT", CORS_PREFLIGHT, CORS_PREFLIGHT},
		{"http://a", HTTP_OPTIONS, NULL, CORS_ALLOWED, CORS_ALLOWED},
		{"http://a", HTTP_GET, "PUT", CORS_ALLOWED, CORS_ALLOWED},
		{"http://x", HTTP_OPTIONS, "PUT", CORS_PASS, CORS_UNKNOWN_PREFLIGHT},
		{NULL, HTTP_OPTIONS, "PUT", CORS_PASS, CORS_PASS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		policy.ignore_unmatched = false;
		assert_int_equal(judge(rows[i].origin, rows[i].method, rows[i].asks),
				 rows[i].verdict);
		policy.ignore_unmatched = true;
		assert_int_equal(judge(rows[i].origin, rows[i].method, rows[i].asks),
				 rows[i].when_ignored);
	}
	policy.any_origin = true;
	assert_int_equal(judge("http://x", HTTP_GET, NULL), CORS_ALLOWED);
	policy.any_origin = false;
}

static bool has(const struct http_extra *x, const char *name, const char *value)
{
	for (unsigned i = 0; i < x->n; i++)
		if (slice_eq(x->fields[i].name, slice_str(name)))
			return slice_eq(x->fields[i].value, slice_str(value));
	return false;
}

/* The backend's own permission does not count: the gateway's stands alone. */
static void responses_say_so_once(void **state)
{
	struct http_head h = {.n_fields = 1};
	struct http_extra x = {0};

	(void)state;
	h.fields[0] = (struct http_field){.name = SLICE("Access-Control-Allow-Origin"),
					  .value = SLICE("*")};
	policy.credentials = true;
	cors_allow(&policy, SLICE("http://a"), &h, &x);
	policy.credentials = false;
	assert_true(h.fields[0].hop);
	assert_int_equal(x.n, 2);
	assert_true(has(&x, "access-control-allow-origin", "http://a"));
	assert_true(has(&x, "access-control-allow-credentials", "true"));
	x.n = 0;
	cors_preflight(&policy, SLICE("http://a"), &x);
	assert_int_equal(x.n, 2);
	assert_true(has(&x, "access-control-allow-methods", "GET"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(responses_say_so_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
