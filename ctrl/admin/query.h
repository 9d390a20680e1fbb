/* query.h - the arguments of a request to the admin API, decoded. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define QUERY_ARGS_MAX 160

struct query_arg {
	const char *key, *value; /* borrowed from the request; a value may be NULL: "?key" */
};

struct query {
	size_t n;
	bool full; /* there were more, which are left out */
	struct query_arg args[QUERY_ARGS_MAX];
};

/* The value of the first argument of this name; NULL when there is none, or it has no value. */
const char *query_get(const struct query *q, const char *key);
/* Is there an argument of this name, with a value or without? */
bool query_has(const struct query *q, const char *key);
