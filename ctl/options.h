/* options.h - the options of a command line as data: one row per option decodes and documents. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ARGS_MAX 256

struct arg_list {
	unsigned n;
	const char *items[ARGS_MAX]; /* borrowed from argv */
};

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char * */
	OPTION_LIST,   /* struct arg_list: may be repeated */
	OPTION_CHOICE, /* const char *: one of those in `value`, "table|json" */
	OPTION_PORT,   /* unsigned: 1 to 65535 */
};

struct option_spec {
	const char *name; /* without dashes */
	char letter;      /* 0: none */
	enum option_kind kind;
	const char *value; /* what the value is called; "table|json" for a choice; NULL for flags */
	const char *help;
	size_t offset; /* in the struct that is filled */
};

/* Options of one place and where their values go. */
struct option_set {
	const struct option_spec *specs;
	unsigned n;
	void *values;
};

/* Reads argv[0..argc): options of all sets, which may come anywhere, into their values, the rest
 * into args; what follows "--" is no option. stop_at_first: leave off at the first that is no
 * option. Returns how many of argv were read, -1 after a sentence on err. */
int options_read(const struct option_set *sets, unsigned n_sets, int argc, const char *const *argv,
		 bool stop_at_first, struct arg_list *args, FILE *err);

/* Was this choice made? value: NULL when the option was not given. */
bool option_is(const char *value, const char *choice);

/* One line an option, aligned. */
void options_print(const struct option_set *sets, unsigned n_sets, FILE *out);
