/* query.c - see query.h. */
#include "query.h"

#include <string.h>

static const struct query_arg *find(const struct query *q, const char *key)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->args[i].key, key) == 0)
			return &q->args[i];
	return NULL;
}

const char *query_get(const struct query *q, const char *key)
{
	const struct query_arg *a = find(q, key);

	return a ? a->value : NULL;
}

bool query_has(const struct query *q, const char *key)
{
	return find(q, key) != NULL;
}
