/* options.h - the command line of weir. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#define OPTIONS_CONFIG_DEFAULT "/etc/weir/weir.yaml"

struct options {
	const char *config; /* borrowed from argv */
	bool check;
};

enum options_verdict {
	OPTIONS_RUN,
	OPTIONS_DONE, /* --help or --version was answered on out */
	OPTIONS_BAD,  /* usage was explained on err */
};

enum options_verdict options_parse(struct options *o, int argc, char **argv, FILE *out, FILE *err);
