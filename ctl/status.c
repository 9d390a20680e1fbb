/* status.c - weirctl status: what runs, on what, and how the last load went. */
#include "client.h"
#include "print.h"
#include "table.h"

struct status_options {
	const char *output;
};

static const struct option_spec status_specs[] = {
	{"output", 'o', OPTION_CHOICE, OUTPUT_CHOICES, "how to print it",
	 offsetof(struct status_options, output)},
};

static void print_line(FILE *out, const char *label, const char *text)
{
	fprintf(out, "%-10s  ", label);
	print_text(out, text);
	fputs("\n", out);
}

static void print_node(FILE *out, const json_t *s)
{
	const json_t *node = json_object_get(s, "node");
	const char *reason = json_get_string(s, "reason");

	print_line(out, "version", json_get_string(s, "version"));
	print_line(out, "node", json_get_string(node, "name"));
	print_line(out, "namespace", json_get_string(node, "namespace"));
	print_line(out, "started", json_get_string(s, "started"));
	print_line(out, "state", *reason ? reason : "serving");
	fprintf(out, "%-10s  generation %lld, %lld alive\n", "snapshot",
		(long long)json_get_int(s, "generation"),
		(long long)json_get_int(s, "snapshots_alive"));
}

static void print_sources(FILE *out, const json_t *sources)
{
	const json_t *source;
	size_t i;

	json_array_foreach(sources, i, source)
		print_line(out, "source", json_get_string(source, "directory"));
}

static void print_problem(FILE *out, const json_t *d)
{
	fputs("  ", out);
	print_text(out, json_get_string(d, "file"));
	if (*json_get_string(d, "file"))
		fprintf(out, ":%lld:%lld: ", (long long)json_get_int(d, "line"),
			(long long)json_get_int(d, "column"));
	print_text(out, json_get_string(d, "severity"));
	fputs(": ", out);
	for (const char *const *key = (const char *const[]){"resource", "field", NULL}; *key; key++)
		if (*json_get_string(d, *key)) {
			print_text(out, json_get_string(d, *key));
			fputs(": ", out);
		}
	print_text(out, json_get_string(d, "message"));
	fputs(" [", out);
	print_text(out, json_get_string(d, "code"));
	fputs("]\n", out);
}

static void print_load(FILE *out, const json_t *load)
{
	const json_t *problems = json_object_get(load, "diagnostics"), *problem;
	size_t i;

	if (!json_is_object(load)) {
		print_line(out, "last load", "none yet");
		return;
	}
	fprintf(out, "%-10s  %s, ", "last load",
		json_is_true(json_object_get(load, "ok")) ? "applied" : "refused");
	print_text(out, json_get_string(load, "time"));
	fprintf(out, ", %lld resources in ", (long long)json_get_int(load, "resources"));
	print_duration(out, json_get_int(load, "took_us"));
	fprintf(out, ", %lld errors, %lld warnings\n", (long long)json_get_int(load, "errors"),
		(long long)json_get_int(load, "warnings"));
	json_array_foreach(problems, i, problem) print_problem(out, problem);
}

static void print_workers(FILE *out, const json_t *workers)
{
	static const char *const headings[] = {"WORKER",      "REQUESTS", "ACTIVE",
					       "CONNECTIONS", "BUSY",     NULL};
	const json_t *w;
	struct table t;
	size_t i;

	table_init(&t, headings);
	json_array_foreach(workers, i, w)
	{
		double busy = (double)json_get_int(w, "cycles_busy");
		double all = busy + (double)json_get_int(w, "cycles_idle");

		table_printf(&t, "%lld", (long long)json_get_int(w, "worker"));
		table_printf(&t, "%lld", (long long)json_get_int(w, "requests"));
		table_printf(&t, "%lld", (long long)json_get_int(w, "active_requests"));
		table_printf(&t, "%lld", (long long)json_get_int(w, "connections"));
		table_printf(&t, "%.1f %%", all > 0 ? 100 * busy / all : 0);
	}
	fputs("\n", out);
	table_print(&t, out);
	table_fini(&t);
}

static enum exit_code run(const struct context *c, const void *values, const struct arg_list *args)
{
	const struct status_options *o = values;
	struct client_query q;
	json_t *s;

	(void)args;
	client_query_init(&q, "/api/v1/status");
	s = client_get(c, &q);
	if (!s)
		return EXIT_FAILED;
	if (option_is(o->output, "json")) {
		print_json(c->out, s);
	} else {
		print_node(c->out, s);
		print_sources(c->out, json_object_get(s, "sources"));
		print_load(c->out, json_object_get(s, "last_load"));
		print_workers(c->out, json_object_get(s, "workers"));
	}
	json_decref(s);
	return EXIT_DONE;
}

const struct verb status_verb = {
	.name = "status",
	.args = "",
	.summary = "what runs: node, snapshot, sources, workers, problems of the last load",
	.help = "Prints what runs: the node, whether it serves, the generation of its snapshot, "
		"how\n"
		"the last load of the resources went with all its problems, and what the workers\n"
		"have done since the start.",
	.options = status_specs,
	.n_options = sizeof(status_specs) / sizeof(status_specs[0]),
	.run = run,
};
