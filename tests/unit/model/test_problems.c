/* test_problems.c - every mistake is found, at its place, under its code, and nothing else. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "load.h"
#include "problems.h"

static const struct problem_table *const tables[] = {
	&decode_problems,
	&common_problems,
	&virtual_service_problems,
	&action_problems,
	&l4_problems,
	&destination_rule_problems,
	&gateway_problems,
	&service_entry_problems,
	&health_check_problems,
	&reference_problems,
};

static bool is_this(const struct diag *d, const struct problem *p)
{
	return strcmp(d->code, diag_rule(p->code)->code) == 0 && strcmp(d->field, p->field) == 0 &&
	       (d->line == p->line || p->line == 0);
}

static bool has_code(const struct diag *d, enum diag_code code)
{
	return strcmp(d->code, diag_rule(code)->code) == 0;
}

/* One error is allowed to bring others only where two checks see one mistake. What this
 * version refuses as a whole is checked all the same. */
static size_t other_errors(const struct loaded *l, const struct problem *p)
{
	size_t i, n = 0;

	for (i = 0; i < l->d.n; i++)
		n += l->d.items[i].severity == DIAG_ERROR && !has_code(&l->d.items[i], p->code) &&
		     !has_code(&l->d.items[i], DIAG_NOT_SUPPORTED);
	return n;
}

static bool check_row(const struct problem *p)
{
	struct loaded l;
	size_t i;
	bool found = false, alone;

	load_text(&l, p->text);
	for (i = 0; i < l.d.n && !found; i++)
		found = is_this(&l.d.items[i], p);
	alone = other_errors(&l, p) == 0 || p->code == DIAG_DR_TUNNEL;
	if (!found || !alone) {
		print_error("%s: expected %s at line %u, field %s; got:\n", p->name,
			    diag_rule(p->code)->code, p->line, p->field);
		diags_print(&l.d, stderr);
	}
	load_free(&l);
	return found && alone;
}

static void every_problem_is_found(void **state)
{
	size_t t, i, failed = 0;

	(void)state;
	for (t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (i = 0; i < tables[t]->n; i++)
			failed += !check_row(&tables[t]->rows[i]);
	assert_int_equal(failed, 0);
}

/* A file that cannot be read and the node configuration are tested with ctrl/config; limits
 * of size have tests of their own. */
static bool is_tested_elsewhere(enum diag_code code)
{
	return strncmp(diag_rule(code)->code, "WEIR08", 6) == 0 || code == DIAG_FILE_UNREADABLE ||
	       code == DIAG_DR_PORTS_MANY || code == DIAG_VS_BODY_LARGE ||
	       code == DIAG_VS_BODY_TOO_LARGE;
}

static void every_code_has_a_row(void **state)
{
	bool seen[DIAG_CODE_COUNT] = {false};
	size_t t, i, missing = 0;

	(void)state;
	for (t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (i = 0; i < tables[t]->n; i++)
			seen[tables[t]->rows[i].code] = true;
	for (i = 0; i < DIAG_CODE_COUNT; i++)
		if (!seen[i] && !is_tested_elsewhere((enum diag_code)i)) {
			print_error("no row raises %s\n", diag_rule((enum diag_code)i)->code);
			missing++;
		}
	assert_int_equal(missing, 0);
}

static void every_code_is_documented_once(void **state)
{
	size_t len, i, j;
	char row[256];
	char *page = load_file(SOURCE_ROOT "/docs/diagnostics.md", &len);

	(void)state;
	assert_non_null(page);
	for (i = 0; i < DIAG_CODE_COUNT; i++) {
		const struct diag_rule *rule = diag_rule((enum diag_code)i);

		snprintf(row, sizeof(row), "| %s | %s | %s |\n", rule->code,
			 rule->severity == DIAG_ERROR ? "error" : "warning", rule->summary);
		if (!strstr(page, row))
			fail_msg("docs/diagnostics.md has no row %s", row);
		for (j = 0; j < i; j++)
			assert_string_not_equal(rule->code, diag_rule((enum diag_code)j)->code);
	}
	free(page);
}

static void too_many_port_settings(void **state)
{
	char *text = NULL;
	size_t size = 0, i;
	FILE *f = open_memstream(&text, &size);
	struct loaded l;

	(void)state;
	fputs(DR("  trafficPolicy:\n    portLevelSettings:\n"), f);
	for (i = 1; i <= 4097; i++)
		fprintf(f, "    - {port: {number: %zu}, tls: {}}\n", i);
	fclose(f);
	load_text(&l, text);
	assert_non_null(load_find(&l, "WEIR0408"));
	assert_int_equal(l.d.errors, 1);
	load_free(&l);
	free(text);
}

/* B090: a body of 1 MiB + 1 is refused, one above 100 KiB warned of. */
static void bodies_that_are_too_large(void **state)
{
	static const struct {
		size_t size;
		const char *code; /* NULL: none */
		bool error;
	} cases[] = {
		{100 * 1024, NULL, false},           {100 * 1024 + 1, "WEIR0334", false},
		{101 * 1024, "WEIR0334", false},     {1024 * 1024, "WEIR0334", false},
		{1024 * 1024 + 1, "WEIR0333", true},
	};
	char *text = malloc(1024 * 1024 + 1024);
	struct loaded l;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = (size_t)sprintf(text, VS("  hosts: [x.test]\n  http:\n"
					     "  - directResponse: {status: 200, body: {string: "));
		memset(text + n, 'a', cases[i].size);
		strcpy(text + n + cases[i].size, "}}\n");
		load_text(&l, text);
		assert_int_equal(l.d.n, cases[i].code != NULL);
		assert_int_equal(l.d.errors, cases[i].error);
		if (cases[i].code)
			assert_non_null(load_find(&l, cases[i].code));
		load_free(&l);
	}
	free(text);
}

/* All problems of a file are reported at once, in the order of its lines. */
static void all_problems_at_once(void **state)
{
	struct loaded l;

	(void)state;
	load_text(&l, VS("  hosts: [a..b]\n  gateways: [a/]\n  http:\n  - timeout: 0s\n"
			 "  - rout: []\n") "---\n" VS("  hosts: [\"*\"]\n") "---\n"
									    "a: [\n");
	assert_non_null(load_find(&l, "WEIR0117"));
	assert_non_null(load_find(&l, "WEIR0112"));
	assert_non_null(load_find(&l, "WEIR0302"));
	assert_non_null(load_find(&l, "WEIR0304"));
	assert_non_null(load_find(&l, "WEIR0101"));
	load_free(&l);
}

static void one_warning_for_each_unknown_kind(void **state)
{
	static const char text[] = "{apiVersion: v1, kind: Secret}\n---\n"
				   "{apiVersion: v1, kind: Secret}\n---\n"
				   "{apiVersion: v1, kind: Namespace}\n";
	struct loaded l;

	(void)state;
	load_start(&l);
	load_decode(&l, "a.yaml", text, sizeof(text) - 1);
	load_decode(&l, "b.yaml", text, sizeof(text) - 1);
	assert_int_equal(l.d.warnings, 2);
	assert_int_equal(l.d.errors, 0);
	load_free(&l);
}

/* What a misspelt word most likely means is said. */
static void the_nearest_name_is_given(void **state)
{
	static const struct {
		const char *text, *suggestion;
	} cases[] = {
		{VS("  host: [a]\n"), "hosts"},
		{RULE("    retires: {}\n"), "retries"},
		{RULE("    per_try: 1\n"), NULL},
		{DR("  trafficPolicy: {loadBalancer: {simple: ROUND-ROBIN}}\n"), "ROUND_ROBIN"},
		{"{apiVersion: networking.istio.io/v1, kind: VirtualServices}\n", "VirtualService"},
		{"{apiVersion: networking.istio.io/v1, kind: Gatway}\n", "Gateway"},
	};
	char expected[64];
	struct loaded l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		load_text(&l, cases[i].text);
		assert_int_not_equal(l.d.n, 0);
		snprintf(expected, sizeof(expected), "did you mean %s?",
			 cases[i].suggestion ? cases[i].suggestion : "");
		if (!!strstr(l.d.items[0].message, expected) != !!cases[i].suggestion)
			fail_msg("%s: %s", expected, l.d.items[0].message);
		load_free(&l);
	}
}

/* Names come from files that anybody may have written: they stay on their line. */
static void problems_print_on_one_line(void **state)
{
	char *out = NULL, *end;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	struct loaded l;

	(void)state;
	load_text(&l, VS("  \"a\\n\\e[31mb\": 1\n"));
	assert_int_equal(l.d.n, 1);
	diag_print(&l.d.items[0], f);
	fclose(f);
	end = strchr(out, '\n');
	assert_ptr_equal(end, out + len - 1);
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(out, "test.yaml:5:3: error: VirtualService default/x: spec.a\\x0a"));
	free(out);
	load_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_problem_is_found),
		cmocka_unit_test(every_code_has_a_row),
		cmocka_unit_test(every_code_is_documented_once),
		cmocka_unit_test(too_many_port_settings),
		cmocka_unit_test(bodies_that_are_too_large),
		cmocka_unit_test(all_problems_at_once),
		cmocka_unit_test(one_warning_for_each_unknown_kind),
		cmocka_unit_test(the_nearest_name_is_given),
		cmocka_unit_test(problems_print_on_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
