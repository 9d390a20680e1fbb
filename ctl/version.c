/* version.c - weirctl version: of this program and of the weir that runs. */
#include <weir/abi.h>

#include "client.h"
#include "print.h"

struct version_options {
	bool client;
	const char *output;
};

static const struct option_spec version_specs[] = {
	{"client", 0, OPTION_FLAG, NULL, "only of weirctl: nothing is asked",
	 offsetof(struct version_options, client)},
	{"output", 'o', OPTION_CHOICE, OUTPUT_CHOICES, "how to print it",
	 offsetof(struct version_options, output)},
};

static void print(const struct context *c, const struct version_options *o, const char *server)
{
	if (option_is(o->output, "json")) {
		json_t *j = json_object();

		json_object_set_new(j, "client", json_string(WEIR_VERSION));
		if (server)
			json_object_set_new(j, "server", json_string(server));
		print_json(c->out, j);
		json_decref(j);
		return;
	}
	fputs("weirctl " WEIR_VERSION "\n", c->out);
	if (!server)
		return;
	fputs("weir    ", c->out);
	print_text(c->out, server);
	fputs("\n", c->out);
}

static enum exit_code run(const struct context *c, const void *values, const struct arg_list *args)
{
	const struct version_options *o = values;
	struct client_query q;
	json_t *status;

	(void)args;
	if (o->client) {
		print(c, o, NULL);
		return EXIT_DONE;
	}
	client_query_init(&q, "/api/v1/status");
	status = client_get(c, &q);
	print(c, o, status ? json_get_string(status, "version") : NULL);
	json_decref(status);
	return status ? EXIT_DONE : EXIT_FAILED;
}

const struct verb version_verb = {
	.name = "version",
	.args = "",
	.summary = "versions of weirctl and of the weir that runs",
	.options = version_specs,
	.n_options = sizeof(version_specs) / sizeof(version_specs[0]),
	.run = run,
};
