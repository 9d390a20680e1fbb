/* verb.h - what a verb of weirctl is, and what it works with.
 *
 * One verb, one file; cli.c has the table of them. A verb prints what was asked for to out, what
 * is wrong to err, and returns the exit code. */
#pragma once
#include <stdio.h>

#include "options.h"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct context {
	const char *admin; /* "unix:PATH" or "host:port" */
	FILE *out, *err;
};

struct verb {
	const char *name, *kind; /* kind: the second word; NULL when there is none */
	const char *alias;       /* of the second word, or of the only one; NULL */
	const char *args;        /* for the usage line: "URL"; "" */
	const char *summary;     /* one line, for the list of verbs */
	const char *help;        /* more, for --help; NULL */
	const struct option_spec *options;
	unsigned n_options;
	unsigned n_args; /* exactly so many besides options */
	/* values: the verb's own struct, filled by its options, MAX_VALUES at most. */
	enum exit_code (*run)(const struct context *c, const void *values,
			      const struct arg_list *args);
};

#define VERB_VALUES_MAX 8192

/* What every verb that shows something has: -o. */
#define OUTPUT_CHOICES "table|json"

extern const struct verb explain_verb;
extern const struct verb proxy_config_listener_verb, proxy_config_route_verb,
	proxy_config_cluster_verb, proxy_config_endpoint_verb;
extern const struct verb status_verb, version_verb;
