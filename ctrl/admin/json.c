/* json.c - see json.h. A failed allocation shows as a missing member or a full text. */
#include "json.h"

#include <string.h>

/* Through our own writer, which repairs, and jansson's reader. */
static json_t *repaired(const char *p, size_t n)
{
	struct text t;
	json_t *value;

	text_init(&t, JSON_STRING_MAX);
	text_put_json(&t, p, n);
	value = t.full || !t.data ? NULL : json_loadb(t.data, t.len, JSON_DECODE_ANY, NULL);
	text_fini(&t);
	return value;
}

static json_t *string_json(const char *p, size_t n)
{
	json_t *string = json_stringn(p, n);

	return string ? string : repaired(p, n);
}

void json_put_string(json_t *object, const char *key, const char *value)
{
	json_put_bytes(object, key, value ? value : "", value ? strlen(value) : 0);
}

void json_put_bytes(json_t *object, const char *key, const char *p, size_t n)
{
	json_object_set_new(object, key, string_json(p, n));
}

json_t *json_take_text(struct text *t)
{
	json_t *j = t->full ? json_null() : string_json(t->data ? t->data : "", t->len);

	text_fini(t);
	return j;
}

void json_put_text(json_t *object, const char *key, struct text *t)
{
	json_object_set_new(object, key, json_take_text(t));
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
