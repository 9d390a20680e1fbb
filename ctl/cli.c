/* cli.c - owns the table of verbs. */
#include "cli.h"

#include <string.h>

#include <common/nearest.h>

static const struct verb *const verbs[] = {
	&explain_verb,
	&proxy_config_listener_verb,
	&proxy_config_route_verb,
	&proxy_config_cluster_verb,
	&proxy_config_endpoint_verb,
	&status_verb,
	&version_verb,
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* Options that stand before the verb as well as behind it. */
struct common {
	const char *admin;
	bool help;
};

static const struct option_spec common_specs[] = {
	{"admin", 0, OPTION_TEXT, "ADDR",
	 "unix:PATH or HOST:PORT (default: WEIR_ADMIN, else " ADMIN_DEFAULT ")",
	 offsetof(struct common, admin)},
	{"help", 'h', OPTION_FLAG, NULL, "print this and exit", offsetof(struct common, help)},
};

static struct option_set common_set(struct common *c)
{
	return (struct option_set){common_specs, 2, c};
}

/* ---- help ---- */

static void print_usage(FILE *out)
{
	struct option_set set = common_set(NULL);

	fputs("usage: weirctl [--admin ADDR] VERB [OPTION ...] [ARGUMENT ...]\n\n", out);
	for (size_t i = 0; i < N_VERBS; i++) {
		char words[64];

		snprintf(words, sizeof(words), "%s%s%s", verbs[i]->name, verbs[i]->kind ? " " : "",
			 verbs[i]->kind ? verbs[i]->kind : "");
		fprintf(out, "  %-22s  %s\n", words, verbs[i]->summary);
	}
	fputs("\noptions of every verb:\n", out);
	options_print(&set, 1, out);
	fputs("\nweirctl VERB --help says more.\n", out);
}

static void print_usage_line(const struct verb *v, FILE *out)
{
	fprintf(out, "usage: weirctl %s%s%s [OPTION ...]%s%s\n", v->name, v->kind ? " " : "",
		v->kind ? v->kind : "", v->args[0] ? " " : "", v->args);
}

static void print_help(const struct verb *v, const struct option_set sets[2], FILE *out)
{
	print_usage_line(v, out);
	fprintf(out, "\n%s\n\n", v->help ? v->help : v->summary);
	options_print(sets, 2, out);
}

static enum exit_code bad_verb(const char *what, const char *word, const char *best, FILE *err)
{
	fprintf(err, "weirctl: there is no %s \"%s\"", what, word);
	if (best)
		fprintf(err, "; did you mean %s?\n", best);
	else
		fputs("; weirctl --help lists them\n", err);
	return EXIT_USAGE;
}

/* ---- verbs ---- */

static bool named(const char *word, const char *name, const char *alias)
{
	return strcmp(word, name) == 0 || (alias && strcmp(word, alias) == 0);
}

static bool is_first_word(const struct verb *v, const char *word)
{
	return named(word, v->name, v->kind ? "pc" : v->alias);
}

/* The kinds of a verb that has some: "listener|route|cluster". */
static void print_kinds(const char *word, FILE *err)
{
	const char *between = "";

	fprintf(err, "weirctl: %s of what? ", word);
	for (size_t i = 0; i < N_VERBS; i++)
		if (is_first_word(verbs[i], word)) {
			fprintf(err, "%s%s", between, verbs[i]->kind);
			between = "|";
		}
	fputs("\n", err);
}

static enum exit_code find_kind(const char *first, const char *second, const struct verb **out,
				FILE *err)
{
	const char *best = NULL;

	if (!second || second[0] == '-') {
		print_kinds(first, err);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < N_VERBS; i++) {
		if (!is_first_word(verbs[i], first))
			continue;
		if (named(second, verbs[i]->kind, verbs[i]->alias)) {
			*out = verbs[i];
			return EXIT_DONE;
		}
		best = nearest_pick(second, best, verbs[i]->kind);
	}
	return bad_verb(first, second, best, err);
}

static enum exit_code find_verb(const char *first, const char *second, const struct verb **out,
				FILE *err)
{
	const char *best = NULL;

	for (size_t i = 0; i < N_VERBS; i++) {
		if (is_first_word(verbs[i], first) && verbs[i]->kind)
			return find_kind(first, second, out, err);
		if (is_first_word(verbs[i], first)) {
			*out = verbs[i];
			return EXIT_DONE;
		}
		best = nearest_pick(first, best, verbs[i]->name);
	}
	return bad_verb("verb", first, best, err);
}

static enum exit_code run_verb(const struct verb *v, struct context *c, struct common *common,
			       int argc, const char *const *argv)
{
	_Alignas(16) char values[VERB_VALUES_MAX] = {0};
	struct option_set sets[] = {{v->options, v->n_options, values}, common_set(common)};
	struct arg_list args = {0};

	if (options_read(sets, 2, argc, argv, false, &args, c->err) < 0)
		return EXIT_USAGE;
	if (common->help) {
		print_help(v, sets, c->out);
		return EXIT_DONE;
	}
	if (args.n != v->n_args) {
		if (args.n > v->n_args)
			fprintf(c->err, "weirctl: unexpected argument \"%s\"\n",
				args.items[v->n_args]);
		print_usage_line(v, c->err);
		return EXIT_USAGE;
	}
	if (common->admin)
		c->admin = common->admin;
	return v->run(c, values, &args);
}

/* stdout may be a full disk or a closed pipe: then what was asked for has not been told. */
static enum exit_code finish(enum exit_code code, FILE *out, FILE *err)
{
	if (fflush(out) == 0 && !ferror(out))
		return code;
	fputs("weirctl: the output could not be written\n", err);
	return code == EXIT_DONE ? EXIT_FAILED : code;
}

enum exit_code cli_run(int argc, const char *const *argv, const char *admin, FILE *out, FILE *err)
{
	struct context c = {admin && *admin ? admin : ADMIN_DEFAULT, out, err};
	struct common common = {0};
	struct option_set set = common_set(&common);
	struct arg_list none = {0};
	int at = options_read(&set, 1, argc - 1, argv + 1, true, &none, err) + 1;
	const struct verb *v = NULL;
	enum exit_code code;

	if (at == 0)
		return EXIT_USAGE;
	if (common.help || at == argc) {
		print_usage(common.help ? out : err);
		return common.help ? finish(EXIT_DONE, out, err) : EXIT_USAGE;
	}
	code = find_verb(argv[at], argv[at + 1], &v, err);
	if (code != EXIT_DONE)
		return code;
	at += v->kind ? 2 : 1;
	return finish(run_verb(v, &c, &common, argc - at, argv + at), out, err);
}
