/* json.c - see json.h. A failed allocation shows as a missing member or a full text. */
#include "json.h"

#include <string.h>

#define REPAIRED_MAX 65536u

/* Through our own writer, which repairs, and jansson's reader. */
static json_t *repaired(const char *s)
{
	struct text t;
	json_t *value;

	text_init(&t, REPAIRED_MAX);
	text_put_json(&t, s, strlen(s));
	value = t.full || !t.data ? NULL : json_loadb(t.data, t.len, JSON_DECODE_ANY, NULL);
	text_fini(&t);
	return value;
}

void json_put_string(json_t *object, const char *key, const char *value)
{
	json_t *string = json_string(value ? value : "");

	json_object_set_new(object, key, string ? string : repaired(value));
}

void json_put_int(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

void json_put_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

static int append(const char *p, size_t n, void *out)
{
	text_put(out, p, n);
	return ((struct text *)out)->full ? -1 : 0;
}

void json_write(struct text *out, json_t *value)
{
	if (json_dump_callback(value, append, out, JSON_COMPACT) != 0)
		out->full = true;
	json_decref(value);
}
