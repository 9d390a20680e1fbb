/* The command line: what is understood, and that the rest is explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

struct outcome {
	enum options_verdict verdict;
	struct options options;
	char out[1024], err[1024];
};

static struct outcome parse(const char *const *words)
{
	struct outcome o = {0};
	char *argv[16];
	int argc = 0;
	FILE *out = fmemopen(o.out, sizeof(o.out), "w");
	FILE *err = fmemopen(o.err, sizeof(o.err), "w");

	argv[argc++] = (char *)(uintptr_t) "weir";
	while (*words)
		argv[argc++] = (char *)(uintptr_t)*words++;
	argv[argc] = NULL;
	o.verdict = options_parse(&o.options, argc, argv, out, err);
	fclose(out);
	fclose(err);
	return o;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void defaults(void **state)
{
	struct outcome o = parse((const char *const[]){NULL});

	(void)state;
	assert_int_equal(o.verdict, OPTIONS_RUN);
	assert_string_equal(o.options.config, "/etc/weir/weir.yaml");
	assert_false(o.options.check);
}

static void config_and_check(void **state)
{
	struct outcome o = PARSE("-c", "a.yaml", "--check");

	(void)state;
	assert_int_equal(o.verdict, OPTIONS_RUN);
	assert_string_equal(o.options.config, "a.yaml");
	assert_true(o.options.check);
	o = PARSE("--check", "--config=b.yaml");
	assert_string_equal(o.options.config, "b.yaml");
	assert_true(o.options.check);
	assert_string_equal(PARSE("-cc.yaml").options.config, "c.yaml");
}

static void version_and_help(void **state)
{
	struct outcome o = PARSE("--version");

	(void)state;
	assert_int_equal(o.verdict, OPTIONS_DONE);
	assert_memory_equal(o.out, "weir ", 5);
	o = PARSE("--help");
	assert_int_equal(o.verdict, OPTIONS_DONE);
	assert_memory_equal(o.out, "usage: weir [-c FILE] [--check]", 31);
	assert_string_equal(o.err, "");
}

static void bad_usage_is_explained(void **state)
{
	static const struct {
		const char *words[4];
		const char *said;
	} bad[] = {
		{{"-c"}, "weir: -c: needs a value\nusage: "},
		{{"--config"}, "weir: --config: needs a value\nusage: "},
		{{"--nonsense"}, "weir: --nonsense: no such option\nusage: "},
		{{"--check=yes"}, "weir: --check=yes: no such option\nusage: "},
		{{"-x"}, "weir: -x: no such option\nusage: "},
		{{"file.yaml"}, "weir: file.yaml: unexpected argument\nusage: "},
		{{"--check", "-c", "a", "b"}, "weir: b: unexpected argument\nusage: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *words[5] = {bad[i].words[0], bad[i].words[1], bad[i].words[2],
					bad[i].words[3], NULL};
		struct outcome o = parse(words);

		assert_int_equal(o.verdict, OPTIONS_BAD);
		assert_string_equal(o.out, "");
		if (strncmp(o.err, bad[i].said, strlen(bad[i].said)) != 0)
			fail_msg("%s", o.err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(config_and_check),
		cmocka_unit_test(version_and_help),
		cmocka_unit_test(bad_usage_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
