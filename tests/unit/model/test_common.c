/* test_common.c - arenas, problems, paths, quantities and nearest names. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <common/arena.h>
#include <common/diag.h>
#include <common/nearest.h>
#include <common/path.h>
#include <common/statuses.h>
#include <common/units.h>

static void arena_memory_is_zeroed_and_apart(void **state)
{
	struct arena *a = arena_create();
	unsigned char *parts[400];
	size_t i, k, total = 0;

	(void)state;
	for (i = 0; i < 400; i++) {
		size_t size = i * i % 5000;

		parts[i] = arena_alloc(a, size);
		total += size;
		assert_int_equal((uintptr_t)parts[i] % _Alignof(max_align_t), 0);
		for (k = 0; k < size; k++)
			assert_int_equal(parts[i][k], 0);
		memset(parts[i], (int)(i % 255) + 1, size);
	}
	for (i = 0; i < 400; i++)
		for (k = 0; k < i * i % 5000; k++)
			assert_int_equal(parts[i][k], i % 255 + 1);
	assert_true(arena_bytes(a) >= total);
	arena_destroy(a);
	arena_destroy(NULL);
}

static void arena_strings(void **state)
{
	struct arena *a = arena_create();

	(void)state;
	assert_string_equal(arena_strdup(a, "reviews"), "reviews");
	assert_string_equal(arena_strndup(a, "reviews", 3), "rev");
	assert_string_equal(arena_printf(a, "%s-%d", "v", 12), "v-12");
	assert_string_equal(arena_printf(a, "%3000s", "x") + 2999, "x");
	arena_destroy(a);
}

static void problems_are_counted_printed_and_moved(void **state)
{
	struct diags a, b;
	char *out = NULL;
	size_t len, i;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	diags_init(&a);
	diags_init(&b);
	diag_add(&a, DIAG_ERROR, "WEIR0001", (struct pos){"f.yaml", 3, 7}, "Pod a/b", "spec.x",
		 "%s is %d", "it", 5);
	diag_add(&a, DIAG_WARNING, "", (struct pos){"f.yaml", 0, 0}, "", "", "careful");
	for (i = 0; i < 100; i++)
		diag_add(&b, DIAG_WARNING, "W", (struct pos){0}, NULL, NULL, "%zu", i);
	diags_move(&a, &b);
	assert_int_equal(a.n, 102);
	assert_int_equal(a.errors, 1);
	assert_int_equal(a.warnings, 101);
	assert_int_equal(b.n, 0);
	diag_print(&a.items[0], f);
	diag_print(&a.items[1], f);
	diag_print(&a.items[101], f);
	fclose(f);
	assert_string_equal(out, "f.yaml:3:7: error: Pod a/b: spec.x: it is 5 [WEIR0001]\n"
				 "f.yaml: warning: careful\n"
				 "warning: 99 [W]\n");
	free(out);
	diags_fini(&a);
	diags_fini(&b);
}

static void paths_grow_and_shrink(void **state)
{
	struct field_path p;
	size_t marks[400], i;

	(void)state;
	field_path_init(&p);
	marks[0] = field_path_push(&p, "spec");
	marks[1] = field_path_push(&p, "http");
	marks[2] = field_path_push_index(&p, 12);
	marks[3] = field_path_push_key(&p, "end-user");
	assert_string_equal(p.text, "spec.http[12][end-user]");
	field_path_pop(&p, marks[3]);
	field_path_push(&p, "name");
	assert_string_equal(p.text, "spec.http[12].name");
	field_path_pop(&p, marks[0]);
	assert_string_equal(p.text, "");

	/* Longer than the buffer: cut, and whole again afterwards. */
	for (i = 0; i < 400; i++)
		marks[i] = field_path_push(&p, "field");
	assert_int_equal(strlen(p.text), sizeof(p.text) - 1);
	for (i = 400; i-- > 1;)
		field_path_pop(&p, marks[i]);
	assert_string_equal(p.text, "field");
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns; /* -1: no duration */
	} cases[] = {
		{"0", 0},
		{"0s", 0},
		{"1ns", 1},
		{"1us", 1000},
		{"1\xc2\xb5s", 1000},
		{"1\xce\xbcs", 1000},
		{"250ms", 250000000},
		{"1.5s", 1500000000},
		{".5s", 500000000},
		{"5.s", 5000000000},
		{"+1s", 1000000000},
		{"1m30s", 90000000000},
		{"1h1m1s1ms1us1ns", 3661001001001},
		{"0.3333333333333333333333h", 1199999999999},
		{"2562047h47m16.854775807s", INT64_MAX},
		{"2562047h47m16.854775808s", -1},
		{"99999999999999999999999999s", -1},
		{"", -1},
		{"+", -1},
		{"1", -1},
		{"s", -1},
		{".s", -1},
		{"1 s", -1},
		{"1s ", -1},
		{"1S", -1},
		{"1d", -1},
		{"1.2.3s", -1},
		{"1s-1s", -1},
		{"0x1s", -1},
		{"infs", -1},
	};
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = duration_parse(cases[i].text, &ns);

		if (ok != (cases[i].ns >= 0) || (ok && ns != cases[i].ns))
			fail_msg("%s: %d %lld", cases[i].text, ok, ok ? (long long)ns : 0);
	}
	assert_true(duration_parse("-1.5s", &ns));
	assert_int_equal(ns, -1500000000);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t bytes;
	} cases[] = {
		{"0", true, 0},
		{"512MiB", true, 512ull << 20},
		{"60KiB", true, 60 << 10},
		{"2GiB", true, 2ull << 30},
		{"3KB", true, 3000},
		{"3MB", true, 3000000},
		{"3GB", true, 3000000000},
		{"7B", true, 7},
		{"7 KiB", true, 7 << 10},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"18446744073709551615KB", false, 0},
		{"", false, 0},
		{"-1", false, 0},
		{"1.5GiB", false, 0},
		{"MiB", false, 0},
		{"1mib", false, 0},
		{"1MiBs", false, 0},
	};
	uint64_t bytes;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = size_parse(cases[i].text, &bytes);

		if (ok != cases[i].ok || (ok && bytes != cases[i].bytes))
			fail_msg("%s", cases[i].text);
	}
}

static void nearest_names(void **state)
{
	static const char *const words[] = {"workers", "memory", "connections", "eal", "idle"};
	static const struct {
		const char *word, *nearest;
	} cases[] = {{"wrokers", "workers"},
		     {"worker", "workers"},
		     {"Memory", "memory"},
		     {"conections", "connections"},
		     {"idel", "idle"},
		     {"zzzzzz", NULL},
		     {"", NULL},
		     {"x", NULL},
		     {"eall", "eal"}};
	size_t i, k;

	(void)state;
	assert_int_equal(nearest_distance("abc", "abc"), 0);
	assert_int_equal(nearest_distance("abc", "acb"), 1);
	assert_int_equal(nearest_distance("abc", ""), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *best = NULL;

		for (k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			best = nearest_pick(cases[i].word, best, words[k]);
		if (cases[i].nearest)
			assert_string_equal(best, cases[i].nearest);
		else
			assert_null(best);
	}
}

static unsigned count_statuses(const struct status_set *set)
{
	unsigned n = 0;

	for (unsigned s = 0; s < STATUS_SET_MAX + 10; s++)
		n += status_set_has(set, s);
	return n;
}

static void statuses(void **state)
{
	static const char *const bad[] = {
		"",     "200-", "-200", "99",      "600",      "2000",    "20x",      "200,",
		",200", "a",    "2 00", "300-200", "200-299-", "200 404", "200-1000", "200;404",
	};
	struct status_set set;

	(void)state;
	assert_true(statuses_parse("200", &set));
	assert_true(status_set_has(&set, 200));
	assert_int_equal(count_statuses(&set), 1);
	assert_true(statuses_parse(" 200 - 399 , 404", &set));
	assert_int_equal(count_statuses(&set), 201);
	assert_true(status_set_has(&set, 404) && status_set_has(&set, 399));
	assert_false(status_set_has(&set, 400));
	assert_true(statuses_parse("100-599", &set));
	assert_int_equal(count_statuses(&set), 500);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (statuses_parse(bad[i], &set))
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_memory_is_zeroed_and_apart),
		cmocka_unit_test(arena_strings),
		cmocka_unit_test(problems_are_counted_printed_and_moved),
		cmocka_unit_test(paths_grow_and_shrink),
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(nearest_names),
		cmocka_unit_test(statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
