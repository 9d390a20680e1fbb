/* test_print.c - what reaches a terminal: tables, durations, and nothing that controls it. */
#include <ctl/print.h>
#include <ctl/table.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static char *text;
static size_t len;
static FILE *out;

static int setup(void **state)
{
	(void)state;
	out = open_memstream(&text, &len);
	return out ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(text);
	return 0;
}

static void assert_printed(const char *expected)
{
	fclose(out);
	assert_string_equal(text, expected);
}

static void control_characters_do_not_pass(void **state)
{
	(void)state;
	print_text(out, "a\x1b[2J\n\t\x7f");
	print_text(out, "\xc2\x9b!"); /* U+009B: CSI in one character */
	print_text(out, "\xc2\xb5s \xe2\x82\xac");
	assert_printed("a\\x1B[2J\\x0A\\x09\\x7F"
		       "\\x9B!"
		       "\xc2\xb5s \xe2\x82\xac");
}

static void durations(void **state)
{
	static const json_int_t us[] = {0, 1, 999, 1000, 1500, 250000, 1000000, 90000000, 1500000};

	(void)state;
	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++) {
		print_duration(out, us[i]);
		fputs("|", out);
	}
	assert_printed("none|1 us|999 us|1 ms|1.5 ms|250 ms|1 s|90 s|1500 ms|");
}

static void columns_are_aligned_by_characters(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, (const char *const[]){"NAME", "N", "LAST", NULL});
	table_put(&t, "\xc3\xbcn\xc3\xafque");
	table_printf(&t, "%d", 1234);
	table_put(&t, "x");
	table_put(&t, "");
	table_put(&t, "\x1b");
	table_put(&t, "longer than the heading");
	table_print(&t, out);
	table_fini(&t);
	assert_printed("NAME    N     LAST\n"
		       "\xc3\xbcn\xc3\xafque  1234  x\n"
		       "-       \\x1B  longer than the heading\n");
}

static void a_table_may_be_empty_and_may_be_large(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, (const char *const[]){"A", "B", NULL});
	table_print(&t, out);
	for (int i = 0; i < 1000; i++)
		table_printf(&t, "%d", i);
	assert_int_equal(t.n_cells, 1002);
	table_fini(&t);
	assert_printed("A  B\n");
}

static void members_that_are_not_there(void **state)
{
	json_t *j = json_pack("{s:s, s:i}", "s", "text", "i", 7);

	(void)state;
	assert_string_equal(json_get_string(j, "s"), "text");
	assert_string_equal(json_get_string(j, "i"), "");
	assert_string_equal(json_get_string(NULL, "s"), "");
	assert_int_equal(json_get_int(j, "i"), 7);
	assert_int_equal(json_get_int(j, "none"), 0);
	json_decref(j);
	assert_printed("");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(control_characters_do_not_pass),    T(durations),
		T(columns_are_aligned_by_characters), T(a_table_may_be_empty_and_may_be_large),
		T(members_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
