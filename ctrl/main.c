/* main.c - the process: arguments, configuration, EAL, exit code. */
#include <stdio.h>
#include <stdlib.h>

#include "control.h"
#include "eal.h"
#include "load.h"
#include "options.h"
#include "report.h"

/* Documented in docs/operations.md. */
enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static enum exit_code run(const struct node_config *cfg)
{
	struct arena *arena = arena_create();
	struct control *control;
	enum exit_code code = EXIT_FAILED;
	char err[512] = "";

	control_block_signals();
	if (eal_start(cfg, arena, err, sizeof(err)) != 0)
		goto out_arena;
	control = control_create(cfg, err, sizeof(err));
	if (!control)
		goto out_eal;
	control_run(control);
	control_destroy(control);
	code = EXIT_OK;
out_eal:
	eal_stop();
out_arena:
	if (code != EXIT_OK)
		report_line("%s", err);
	arena_destroy(arena);
	return code;
}

/* Every problem of both at once: the resources are looked at even when the node
 * configuration has errors, with its defaults for what is wrong. */
static enum exit_code check(const struct node_config *cfg, const struct diags *node)
{
	return load_check(cfg, node, stdout, stderr) ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct options options;
	struct node_config cfg;
	struct diags diags;
	enum exit_code code = EXIT_USAGE;

	switch (options_parse(&options, argc, argv, stdout, stderr)) {
	case OPTIONS_DONE:
		return EXIT_OK;
	case OPTIONS_BAD:
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	diags_init(&diags);
	node_config_load(&cfg, options.config, &diags);
	diags_print(&diags, stderr);
	if (options.check)
		code = check(&cfg, &diags);
	else if (diags.errors == 0)
		code = run(&cfg);
	node_config_fini(&cfg);
	diags_fini(&diags);
	return code;
}
