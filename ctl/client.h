/* client.h - asks the admin API. What goes wrong is said on the context's err. */
#pragma once
#include <jansson.h>

#include "verb.h"

/* A target and its arguments under construction; escapes what it is given. */
struct client_query {
	char *text; /* NULL: no memory */
	size_t len;
	FILE *stream;
	char mark; /* before the next argument */
};

/* path may have arguments already. */
void client_query_init(struct client_query *q, const char *path);
void client_query_add(struct client_query *q, const char *key, const char *value);
/* Nothing when value is NULL. */
void client_query_add_optional(struct client_query *q, const char *key, const char *value);

/* Takes q. Returns the answer, which the caller decrefs; NULL after a sentence. */
json_t *client_get(const struct context *c, struct client_query *q);
