/* test_options.c - command lines that are right, and what is said of those that are not. */
#include <ctl/options.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct values {
	bool all, brief;
	const char *name, *output;
	struct arg_list headers;
	unsigned port;
};

static const struct option_spec specs[] = {
	{"all", 'a', OPTION_FLAG, NULL, "everything", offsetof(struct values, all)},
	{"brief", 'b', OPTION_FLAG, NULL, "less", offsetof(struct values, brief)},
	{"name", 'n', OPTION_TEXT, "NAME", "whose", offsetof(struct values, name)},
	{"output", 'o', OPTION_CHOICE, "table|json", "how", offsetof(struct values, output)},
	{"header", 'H', OPTION_LIST, "LINE", "which", offsetof(struct values, headers)},
	{"port", 0, OPTION_PORT, "N", "where", offsetof(struct values, port)},
};

static struct values v;
static struct arg_list args;
static char *said;

/* argv ends with NULL. Returns what options_read() does; what it said is in `said`. */
static int read_args(bool stop, const char *const argv[])
{
	struct option_set set = {specs, sizeof(specs) / sizeof(specs[0]), &v};
	size_t len;
	FILE *err;
	int argc = 0, n;

	free(said);
	err = open_memstream(&said, &len);
	memset(&v, 0, sizeof(v));
	memset(&args, 0, sizeof(args));
	while (argv[argc])
		argc++;
	n = options_read(&set, 1, argc, argv, stop, &args, err);
	fclose(err);
	return n;
}

#define READ(...) read_args(false, (const char *const[]){__VA_ARGS__, NULL})

static void every_kind_and_every_spelling(void **state)
{
	(void)state;
	assert_int_equal(READ("-a", "x", "--name", "n1", "-ojson", "-H", "a: b", "--header=c: d",
			      "y", "--port=65535"),
			 10);
	assert_true(v.all && !v.brief);
	assert_string_equal(v.name, "n1");
	assert_true(option_is(v.output, "json") && !option_is(v.output, "table"));
	assert_int_equal(v.headers.n, 2);
	assert_string_equal(v.headers.items[0], "a: b");
	assert_string_equal(v.headers.items[1], "c: d");
	assert_int_equal(v.port, 65535);
	assert_int_equal(args.n, 2);
	assert_string_equal(args.items[1], "y");
	assert_string_equal(said, "");
	assert_false(option_is(NULL, "json"));
}

static void letters_are_bundled(void **state)
{
	(void)state;
	assert_int_equal(READ("-abn", "name"), 2);
	assert_true(v.all && v.brief);
	assert_string_equal(v.name, "name");
	assert_int_equal(READ("-bnrest"), 1);
	assert_string_equal(v.name, "rest");
	assert_false(v.all);
}

static void what_follows_two_dashes_is_no_option(void **state)
{
	(void)state;
	assert_int_equal(READ("-", "--", "-a", "--"), 4);
	assert_false(v.all);
	assert_int_equal(args.n, 3);
	assert_string_equal(args.items[0], "-");
	assert_string_equal(args.items[1], "-a");
	assert_string_equal(args.items[2], "--");
}

static void values_may_be_empty_or_look_like_options(void **state)
{
	(void)state;
	assert_int_equal(READ("--name=", "-n", "-a"), 3);
	assert_string_equal(v.name, "-a");
	assert_false(v.all);
	assert_int_equal(READ("--name="), 1);
	assert_string_equal(v.name, "");
}

static void stops_at_the_verb(void **state)
{
	(void)state;
	assert_int_equal(
		read_args(true, (const char *const[]){"-a", "--name", "n", "verb", "-b", NULL}), 3);
	assert_true(v.all && !v.brief);
	assert_int_equal(args.n, 0);
}

#define REFUSED(says, ...)                                                                         \
	do {                                                                                       \
		assert_int_equal(READ(__VA_ARGS__), -1);                                           \
		assert_string_equal(said, says);                                                   \
	} while (0)

static void mistakes_are_explained(void **state)
{
	(void)state;
	REFUSED("weirctl: --nmae: no such option; did you mean --name?\n", "--nmae", "x");
	REFUSED("weirctl: --zzzzzzz: no such option; --help lists them\n", "--zzzzzzz");
	REFUSED("weirctl: -z: no such option; --help lists them\n", "-z");
	REFUSED("weirctl: -az: no such option; --help lists them\n", "-az");
	REFUSED("weirctl: --name: needs a value\n", "--name");
	REFUSED("weirctl: -n: needs a value\n", "-n");
	REFUSED("weirctl: --all=yes: takes no value\n", "--all=yes");
	REFUSED("weirctl: -o: \"yaml\" is none of table|json\n", "-o", "yaml");
	REFUSED("weirctl: -o: \"\" is none of table|json\n", "-o", "");
	REFUSED("weirctl: -o: \"table|json\" is none of table|json\n", "-o", "table|json");
	REFUSED("weirctl: -ojso: \"jso\" is none of table|json\n", "-ojso");
}

static void ports_are_numbers_in_range(void **state)
{
	static const char *const bad[] = {
		"0", "65536", "-1", "+1", " 1", "1x", "", "0x50", "99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		REFUSED("weirctl: --port: a port is a number from 1 to 65535\n", "--port", bad[i]);
	}
	assert_int_equal(READ("--port", "1"), 2);
	assert_int_equal(v.port, 1);
}

static void too_many_arguments(void **state)
{
	const char *argv[ARGS_MAX + 2];

	(void)state;
	for (unsigned i = 0; i <= ARGS_MAX; i++)
		argv[i] = "x";
	argv[ARGS_MAX] = NULL;
	assert_int_equal(read_args(false, argv), ARGS_MAX);
	argv[ARGS_MAX] = "y";
	argv[ARGS_MAX + 1] = NULL;
	assert_int_equal(read_args(false, argv), -1);
	assert_string_equal(said, "weirctl: y: there are too many arguments\n");
}

static void help_is_aligned(void **state)
{
	struct option_set set = {specs, 3, &v};
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	options_print(&set, 1, out);
	fclose(out);
	assert_string_equal(text, "  -a, --all        everything\n"
				  "  -b, --brief      less\n"
				  "  -n, --name NAME  whose\n");
	free(text);
}

static int teardown(void **state)
{
	(void)state;
	free(said);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_and_every_spelling),
		cmocka_unit_test(letters_are_bundled),
		cmocka_unit_test(what_follows_two_dashes_is_no_option),
		cmocka_unit_test(values_may_be_empty_or_look_like_options),
		cmocka_unit_test(stops_at_the_verb),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(ports_are_numbers_in_range),
		cmocka_unit_test(too_many_arguments),
		cmocka_unit_test(help_is_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
