/* test_fields.c - the table of names has no hole, and nothing else is taken for one of them. */
#include <http/fields.h>

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <http/chars.h>

#include "guard.h"

static const struct {
	const char *name;
	enum http_field_id id;
} names[] = {
#define X(id, name) {name, HTTP_FIELD_##id},
	HTTP_FIELDS(X)
#undef X
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static enum http_field_id lookup(const struct guard *g, const char *name, size_t n)
{
	return http_field_lookup(slice_of(guard_put(g, name, n), (uint32_t)n));
}

static void test_every_name(void **state)
{
	struct guard g = guard_create(64);
	char upper[64];

	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		size_t n = strlen(names[i].name);

		assert_int_equal(lookup(&g, names[i].name, n), names[i].id);
		for (size_t k = 0; k < n; k++)
			upper[k] = (char)toupper(names[i].name[k]);
		assert_int_equal(lookup(&g, upper, n), names[i].id);
		assert_true(slice_eq(http_field_name(names[i].id), slice_str(names[i].name)));
	}
	assert_int_equal(http_field_name(HTTP_FIELD_OTHER).n, 0);
	guard_destroy(&g);
}

/* Any one character changed to any other token character, or cut off, is another name. */
static void test_near_misses(void **state)
{
	struct guard g = guard_create(64);

	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		size_t n = strlen(names[i].name);
		char name[64];

		memcpy(name, names[i].name, n + 1);
		assert_int_not_equal(lookup(&g, name, n - 1), names[i].id);
		assert_int_not_equal(lookup(&g, name + 1, n - 1), names[i].id);
		for (size_t k = 0; k < n; k++) {
			for (int c = 0; c < 256; c++) {
				if (!http_char_is((char)c, CHAR_TOKEN))
					continue;
				name[k] = (char)c;
				assert_int_equal(lookup(&g, name, n) == names[i].id,
						 ascii_lower((char)c) == names[i].name[k]);
			}
			name[k] = names[i].name[k];
		}
	}
	guard_destroy(&g);
}

static void test_other_lengths(void **state)
{
	struct guard g = guard_create(256);
	char name[200];

	(void)state;
	memset(name, 'x', sizeof(name));
	for (size_t n = 0; n <= sizeof(name); n++)
		assert_int_equal(lookup(&g, name, n), HTTP_FIELD_OTHER);
	guard_destroy(&g);
}

static void test_end_to_end(void **state)
{
	static const struct {
		const char *name;
		bool kept;
	} cases[] = {
		{"Host", true},
		{"cookie", true},
		{"Authorization", true},
		{"X-Request-ID", true},
		{"X-Forwarded-For", true},
		{"x-forwarded-anything", true},
		{"X-Envoy-Retry-On", true},
		{"X-Forwarded-", false},
		{"X-Forwarded", false},
		{"X-Hop", false},
		{"Authorization2", false},
		{"Content-Type", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_field f = {.name = slice_str(cases[i].name)};

		f.id = (uint16_t)http_field_lookup(f.name);
		assert_int_equal(http_field_end_to_end(&f), cases[i].kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_other_lengths),
		cmocka_unit_test(test_end_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
