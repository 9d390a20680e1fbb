/* explain.c - weirctl explain: who would serve a request, and why the others would not. */
#include <string.h>

#include "client.h"
#include "print.h"

struct explain_options {
	struct arg_list headers;
	const char *method, *from, *to, *output;
	bool all;
};

static const struct option_spec explain_specs[] = {
	{"header", 'H', OPTION_LIST, "'NAME: VALUE'", "a header of the request; may be repeated",
	 offsetof(struct explain_options, headers)},
	{"request", 'X', OPTION_TEXT, "METHOD", "its method (default: GET)",
	 offsetof(struct explain_options, method)},
	{"from", 0, OPTION_TEXT, "IP", "the client's address",
	 offsetof(struct explain_options, from)},
	{"to", 0, OPTION_TEXT, "IP", "the address it connects to, where the URL has a name",
	 offsetof(struct explain_options, to)},
	{"all", 'a', OPTION_FLAG, NULL, "all routes that do not take it, not only the nearest",
	 offsetof(struct explain_options, all)},
	{"output", 'o', OPTION_CHOICE, OUTPUT_CHOICES, "how to print it",
	 offsetof(struct explain_options, output)},
};

/* Indented lines, each with its label at the start of a section. */
#define SECTION "%-9s "
#define INDENT  "          "

static void put(FILE *out, const json_t *object, const char *key)
{
	print_text(out, json_get_string(object, key));
}

static void print_request(FILE *out, const json_t *r)
{
	fprintf(out, SECTION, "request");
	put(out, r, "method");
	fputs(" ", out);
	put(out, r, "path");
	fputs(" of ", out);
	put(out, r, "authority");
	fprintf(out, ", port %lld", (long long)json_get_int(r, "port"));
	if (*json_get_string(r, "to")) {
		fputs(" of ", out);
		put(out, r, "to");
	}
	if (*json_get_string(r, "from")) {
		fputs(", from ", out);
		put(out, r, "from");
	}
	fputs("\n", out);
	if (strcmp(json_get_string(r, "path"), json_get_string(r, "normal_path")) != 0) {
		fputs(INDENT "the path is taken for ", out);
		put(out, r, "normal_path");
		fputs("\n", out);
	}
}

static void print_listener(FILE *out, const json_t *l)
{
	fprintf(out, SECTION, "listener");
	put(out, l, "name");
	fputs(" (", out);
	put(out, l, "kind");
	fputs(")\n", out);
}

static void print_vhost(FILE *out, const json_t *v)
{
	fprintf(out, SECTION, "host");
	put(out, v, "name");
	if (strcmp(json_get_string(v, "found_by"), "fallback") == 0) {
		fputs(", as the address is its own", out);
	} else {
		fputs(", by the domain ", out);
		put(out, v, "domain");
	}
	fprintf(out, "; %lld routes\n", (long long)json_get_int(v, "routes"));
}

/* "#3 canary  VirtualService default/reviews spec.http[1].match[0]" */
static void print_route_line(FILE *out, const json_t *r)
{
	fprintf(out, "#%lld", (long long)json_get_int(r, "index"));
	for (const char *const *key = (const char *const[]){"name", "resource", "field", NULL};
	     *key; key++)
		if (*json_get_string(r, *key)) {
			fputs(" ", out);
			put(out, r, *key);
		}
	fputs("\n", out);
}

static void print_condition(FILE *out, const json_t *c)
{
	fputs(INDENT "  ", out);
	put(out, c, "condition");
	fputs(": ", out);
	put(out, c, "actual");
}

static void print_misses(FILE *out, const json_t *answer)
{
	const json_t *misses = json_object_get(answer, "misses"), *m;
	json_int_t left =
		json_get_int(answer, "misses_total") - (json_int_t)json_array_size(misses);
	size_t i;

	json_array_foreach(misses, i, m)
	{
		json_int_t more = json_get_int(m, "not_met") - 1;

		fprintf(out, SECTION, i ? "" : "not");
		print_route_line(out, m);
		print_condition(out, m);
		if (more > 0)
			fprintf(out, " (and %lld more)", (long long)more);
		fputs("\n", out);
	}
	if (left > 0)
		fprintf(out, INDENT "and %lld that are further off (--all)\n", (long long)left);
}

/* Why the endpoint is left out, if it is. */
static void put_flags(FILE *out, const json_t *flags)
{
	const json_t *flag;
	size_t i;

	json_array_foreach(flags, i, flag)
	{
		fputs(i ? " " : "  unhealthy: ", out);
		print_text(out, json_is_string(flag) ? json_string_value(flag) : "");
	}
}

/* lost: what becomes of what has nowhere to go. */
static void print_endpoints(FILE *out, const json_t *cluster, const char *lost)
{
	const json_t *endpoints = json_object_get(cluster, "endpoints"), *e;
	size_t i;

	json_array_foreach(endpoints, i, e)
	{
		fputs(INDENT "  ", out);
		put(out, e, "address");
		fprintf(out, "  weight %lld  version ", (long long)json_get_int(e, "weight"));
		put(out, e, "version");
		put_flags(out, json_object_get(e, "health_flags"));
		fputs("\n", out);
	}
	if (json_array_size(endpoints) == 0)
		fprintf(out, INDENT "  no endpoint: %s UH\n", lost);
}

static void print_actions(FILE *out, const json_t *actions)
{
	const json_t *a;
	size_t i;

	json_array_foreach(actions, i, a)
	{
		fputs(INDENT "  ", out);
		print_text(out, json_string_value(a) ? json_string_value(a) : "");
		fputs("\n", out);
	}
}

static void print_targets(FILE *out, const json_t *targets, const char *lost)
{
	const json_t *t;
	size_t i;

	json_array_foreach(targets, i, t)
	{
		const json_t *cluster = json_object_get(t, "details");

		fprintf(out, SECTION, i ? "" : "cluster");
		if (json_array_size(targets) > 1)
			fprintf(out, "%.3g %% ", json_number_value(json_object_get(t, "percent")));
		put(out, t, "cluster");
		if (!json_is_object(cluster)) {
			fprintf(out, "\n" INDENT "  there is no such cluster: %s NC\n", lost);
			continue;
		}
		fputs("  ", out);
		put(out, cluster, "load_balancer");
		fputs("\n", out);
		print_actions(out, json_object_get(t, "actions"));
		print_endpoints(out, cluster, lost);
	}
}

static void print_route(FILE *out, const json_t *r)
{
	const json_t *match = json_object_get(r, "match"), *c;
	json_int_t retries = json_get_int(r, "retry_attempts");
	size_t i;

	fprintf(out, SECTION, "route");
	print_route_line(out, r);
	json_array_foreach(match, i, c)
	{
		print_condition(out, c);
		fputs("\n", out);
	}
	if (json_array_size(match) == 0)
		fputs(INDENT "  takes every request\n", out);
	print_actions(out, json_object_get(r, "actions"));
	if (json_array_size(json_object_get(r, "targets")) == 0)
		return;
	fputs(INDENT "  timeout ", out);
	print_duration(out, json_get_int(r, "timeout_us"));
	fprintf(out, ", %lld %s\n", (long long)retries, retries == 1 ? "retry" : "retries");
	print_targets(out, json_object_get(r, "targets"), "503");
}

/* Of a listener that is not HTTP's. */
static void print_tcp_route(FILE *out, const json_t *r)
{
	fprintf(out, SECTION, "route");
	put(out, r, "resource");
	fputs(" ", out);
	put(out, r, "field");
	fputs("\n" INDENT "  takes every connection, whatever is sent\n", out);
	print_targets(out, json_object_get(r, "targets"), "closed,");
}

static void print_verdict(FILE *out, const json_t *v)
{
	fprintf(out, SECTION, "result");
	if (json_get_int(v, "status")) {
		fprintf(out, "%lld ", (long long)json_get_int(v, "status"));
		put(out, v, "response_flags");
		fputs(": ", out);
	} else if (strcmp(json_get_string(v, "result"), "refused") == 0) {
		fputs("connection refused: ", out);
	} else if (strcmp(json_get_string(v, "result"), "close") == 0) {
		fputs("closed, ", out);
		put(out, v, "response_flags");
		fputs(": ", out);
	}
	put(out, v, "reason");
	fputs("\n", out);
}

static void print_answer(FILE *out, const json_t *answer)
{
	static const struct {
		const char *key;
		void (*print)(FILE *out, const json_t *part);
	} parts[] = {
		{"request", print_request},
		{"listener", print_listener},
		{"virtual_host", print_vhost},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (json_object_get(answer, parts[i].key))
			parts[i].print(out, json_object_get(answer, parts[i].key));
	print_misses(out, answer);
	if (json_object_get(answer, "route"))
		print_route(out, json_object_get(answer, "route"));
	if (json_object_get(answer, "tcp_route"))
		print_tcp_route(out, json_object_get(answer, "tcp_route"));
	print_verdict(out, json_object_get(answer, "verdict"));
}

static enum exit_code run(const struct context *c, const void *values, const struct arg_list *args)
{
	const struct explain_options *o = values;
	struct client_query q;
	json_t *answer;

	client_query_init(&q, "/api/v1/explain");
	client_query_add(&q, "url", args->items[0]);
	client_query_add_optional(&q, "method", o->method);
	client_query_add_optional(&q, "from", o->from);
	client_query_add_optional(&q, "to", o->to);
	for (unsigned i = 0; i < o->headers.n; i++)
		client_query_add(&q, "header", o->headers.items[i]);
	if (o->all)
		client_query_add(&q, "misses", "4294967295");
	answer = client_get(c, &q);
	if (!answer)
		return EXIT_FAILED;
	if (option_is(o->output, "json"))
		print_json(c->out, answer);
	else
		print_answer(c->out, answer);
	json_decref(answer);
	return EXIT_DONE;
}

const struct verb explain_verb = {
	.name = "explain",
	.args = "URL",
	.summary = "who serves a request, and why the routes before do not",
	.help = "Says what would become of a request, from what the workers run on now: its "
		"listener,\n"
		"virtual host and route, with the conditions that hold, the clusters with their\n"
		"shares, and the endpoints. Of the routes before it, the nearest are told with "
		"the\n"
		"first condition that does not hold. Nothing is sent to anybody.\n"
		"\n"
		"URL is http://HOST[:PORT]/PATH; HOST may be the gateway's address with -H 'Host: "
		"...',\n"
		"as with curl. Where HOST is a name, the gateway on the port is asked that knows "
		"it,\n"
		"else the service of this name. Only the headers that are given are there.",
	.options = explain_specs,
	.n_options = sizeof(explain_specs) / sizeof(explain_specs[0]),
	.n_args = 1,
	.run = run,
};
