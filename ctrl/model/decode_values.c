/* decode_values.c - single values: strings, numbers, durations, enums, labels, matches. */
#include <model/fields.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <common/nearest.h>
#include <common/units.h>

struct pos decode_pos(const struct decoder *dec, const struct yaml_node *node)
{
	return (struct pos){.file = dec->file, .line = node->pos.line, .col = node->pos.col};
}

void decode_error(struct decoder *dec, enum diag_code code, const struct yaml_node *node,
		  const char *fmt, ...)
{
	const struct diag_rule *rule = diag_rule(code);
	va_list ap;

	va_start(ap, fmt);
	diag_vadd(dec->d, rule->severity, rule->code, decode_pos(dec, node), dec->resource,
		  dec->path.text, fmt, ap);
	va_end(ap);
}

/* What stands there, for messages. */
static const char *quote(struct decoder *dec, const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR || yaml_is_null(node))
		return yaml_describe(node);
	return arena_printf(dec->arena, "\"%.80s\"", node->text);
}

bool decode_string(struct decoder *dec, const struct yaml_node *node, const char **out)
{
	bool ignored;

	if (node->kind != YAML_SCALAR) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a string, not %s",
			     yaml_describe(node));
		return false;
	}
	/* A plain number or boolean is one: YAML would give 1.10 back as 1.1. */
	if (!node->quoted && (yaml_is_number(node) || yaml_to_bool(node, &ignored))) {
		decode_error(dec, DIAG_WRONG_TYPE, node,
			     "must be a string, not %s: write \"%s\" in quotes",
			     yaml_describe(node), node->text);
		return false;
	}
	*out = arena_strdup(dec->arena, node->text);
	return true;
}

bool decode_bool(struct decoder *dec, const struct yaml_node *node, bool *out)
{
	if (!node->quoted && yaml_to_bool(node, out))
		return true;
	decode_error(dec, DIAG_WRONG_TYPE, node, "must be true or false, without quotes, not %s",
		     quote(dec, node));
	return false;
}

bool decode_number(struct decoder *dec, const struct yaml_node *node, double *out)
{
	if (yaml_is_number(node)) {
		*out = strtod(node->text, NULL);
		return true;
	}
	decode_error(dec, DIAG_WRONG_TYPE, node, "must be a number, not %s", yaml_describe(node));
	return false;
}

/* Digits, quoted or not; 1.0 and 1e3 are whole numbers too, as in JSON. */
static bool parse_int(const struct yaml_node *node, int64_t *out)
{
	char *end;
	double real;

	if (node->kind != YAML_SCALAR || !*node->text || strchr(" +\t", node->text[0]))
		return false;
	errno = 0;
	*out = strtoll(node->text, &end, 10);
	if (!*end)
		return errno == 0;
	if (!yaml_is_number(node))
		return false;
	real = strtod(node->text, NULL);
	if (!(real >= -9e15 && real <= 9e15) || (double)(int64_t)real != real)
		return false;
	*out = (int64_t)real;
	return true;
}

bool decode_int(struct decoder *dec, const struct yaml_node *node, int64_t min, int64_t max,
		int64_t *out)
{
	int64_t value;

	if (!parse_int(node, &value)) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a whole number, not %s",
			     quote(dec, node));
		return false;
	}
	if (value < min || value > max) {
		decode_error(dec, DIAG_OUT_OF_RANGE, node,
			     "%" PRId64 " is outside the range %" PRId64 "..%" PRId64, value, min,
			     max);
		return false;
	}
	*out = value;
	return true;
}

bool decode_duration(struct decoder *dec, const struct yaml_node *node, unsigned flags,
		     uint64_t *out_us)
{
	const int64_t ns_per_ms = 1000 * 1000;
	int64_t ns;

	if (node->kind != YAML_SCALAR || !duration_parse(node->text, &ns)) {
		decode_error(dec, DIAG_DURATION_SYNTAX, node,
			     "must be a duration with units, such as 10s, 1m30s or 250ms, not %s",
			     quote(dec, node));
		return false;
	}
	if (ns == 0 && (flags & FIELD_ZERO_OK)) {
		*out_us = 0;
		return true;
	}
	if (ns < ns_per_ms) {
		decode_error(dec, DIAG_DURATION_SHORT, node, "%s is too short: at least 1ms%s",
			     node->text,
			     flags & FIELD_ZERO_OK ? " (or 0s)" : "; leave the field out for none");
		return false;
	}
	if (ns % ns_per_ms) {
		decode_error(dec, DIAG_DURATION_PRECISION, node,
			     "%s must be a whole number of milliseconds", node->text);
		return false;
	}
	*out_us = (uint64_t)ns / 1000;
	return true;
}

bool decode_size(struct decoder *dec, const struct yaml_node *node, const struct field *f,
		 uint64_t *out_bytes)
{
	uint64_t bytes;

	if (node->kind != YAML_SCALAR || !size_parse(node->text, &bytes)) {
		decode_error(dec, DIAG_NODE_SIZE, node,
			     "must be a size with its unit, such as 512MiB or 60KiB, not %s",
			     quote(dec, node));
		return false;
	}
	if (bytes < (uint64_t)f->min || bytes > (uint64_t)f->max) {
		decode_error(dec, DIAG_OUT_OF_RANGE, node,
			     "%s is outside the range %" PRId64 "..%" PRId64 " bytes", node->text,
			     f->min, f->max);
		return false;
	}
	*out_bytes = bytes;
	return true;
}

static bool same_name(const struct field *f, const char *a, const char *b)
{
	return f->flags & FIELD_ANY_CASE ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

static void warn_old_value(struct decoder *dec, const struct yaml_node *node, const struct field *f,
			   const struct enum_value *found)
{
	const struct enum_value *v;

	for (v = f->values; v->name; v++) {
		if (v->stored != found->stored || v->old)
			continue;
		decode_error(dec, DIAG_OLD_FORM, node, "%s is an old name: write %s", found->name,
			     v->name);
		return;
	}
}

static void report_unknown_value(struct decoder *dec, const struct yaml_node *node,
				 const struct field *f, const char *near)
{
	const struct enum_value *v;
	const char *known = "";

	for (v = f->values; v->name; v++)
		if (!v->old && *v->name)
			known = arena_printf(dec->arena, "%s%s%s", known, *known ? ", " : "",
					     v->name);
	decode_error(dec, DIAG_UNKNOWN_VALUE, node, "there is no %s %s: %s%s%s%s", f->name,
		     quote(dec, node), near ? "did you mean " : "", near ? near : "",
		     near ? "? known are " : "known are ", known);
}

bool decode_enum(struct decoder *dec, const struct yaml_node *node, const struct field *f, int *out)
{
	bool numeric = yaml_is_number(node) && !(f->flags & FIELD_NAMES_ONLY);
	const struct enum_value *v;
	const char *near = NULL;
	int64_t number = 0;

	if (node->kind != YAML_SCALAR || (numeric && !parse_int(node, &number))) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a name, not %s",
			     yaml_describe(node));
		return false;
	}
	for (v = f->values; v->name; v++) {
		if (numeric ? v->number == number : same_name(f, v->name, node->text)) {
			*out = v->stored;
			if (v->old && !numeric)
				warn_old_value(dec, node, f, v);
			return true;
		}
		near = nearest_pick(node->text, near, v->name);
	}
	report_unknown_value(dec, node, f, near);
	return false;
}

void string_list_add(struct arena *a, struct string_list *list, const char *s, struct pos pos)
{
	uint32_t n = list->n;

	/* Capacity is the next power of two, so it need not be kept. */
	if ((n & (n - 1)) == 0) {
		uint32_t cap = n ? n * 2 : 1;
		const char **items = arena_array(a, cap, sizeof(*items));
		struct pos *places = arena_array(a, cap, sizeof(*places));

		if (n) {
			memcpy(items, list->items, n * sizeof(*items));
			memcpy(places, list->pos, n * sizeof(*places));
		}
		list->items = items;
		list->pos = places;
	}
	list->items[n] = s;
	list->pos[n] = pos;
	list->n++;
}

static bool expect(struct decoder *dec, const struct yaml_node *node, enum yaml_kind kind)
{
	if (node->kind == kind)
		return true;
	decode_error(dec, DIAG_WRONG_TYPE, node, "must be %s, not %s",
		     kind == YAML_MAP ? "a mapping" : "a list", yaml_describe(node));
	return false;
}

void decode_strings(struct decoder *dec, const struct yaml_node *node, struct string_list *out)
{
	uint32_t i;

	if (!expect(dec, node, YAML_SEQ))
		return;
	out->n = 0;
	out->items = arena_array(dec->arena, node->n, sizeof(*out->items));
	out->pos = arena_array(dec->arena, node->n, sizeof(*out->pos));
	for (i = 0; i < node->n; i++) {
		size_t before = field_path_push_index(&dec->path, i);
		const char *s;

		if (yaml_is_null(node->items[i])) {
			decode_error(dec, DIAG_NULL_ELEMENT, node->items[i],
				     "an element of this list is empty");
		} else if (decode_string(dec, node->items[i], &s)) {
			out->items[out->n] = s;
			out->pos[out->n++] = decode_pos(dec, node->items[i]);
		}
		field_path_pop(&dec->path, before);
	}
}

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

void decode_labels(struct decoder *dec, const struct yaml_node *node, struct labels *out)
{
	struct label *items;
	uint32_t i, n = 0;

	if (!expect(dec, node, YAML_MAP))
		return;
	items = arena_array(dec->arena, node->n, sizeof(*items));
	for (i = 0; i < node->n; i++) {
		const struct yaml_entry *e = &node->entries[i];
		size_t before = field_path_push_key(&dec->path, e->key->text);

		items[n].value = "";
		if (yaml_is_null(e->value) || decode_string(dec, e->value, &items[n].value)) {
			items[n].key = arena_strdup(dec->arena, e->key->text);
			n++;
		}
		field_path_pop(&dec->path, before);
	}
	qsort(items, n, sizeof(*items), compare_labels);
	out->items = items;
	out->n = n;
}

static const struct {
	const char *name;
	enum string_match_kind kind;
} match_kinds[] = {{"exact", SM_EXACT}, {"prefix", SM_PREFIX}, {"regex", SM_REGEX}};

static bool match_kind(const char *name, enum string_match_kind *out)
{
	size_t i;

	for (i = 0; i < sizeof(match_kinds) / sizeof(match_kinds[0]); i++)
		if (strcmp(match_kinds[i].name, name) == 0) {
			*out = match_kinds[i].kind;
			return true;
		}
	return false;
}

static void unknown_match(struct decoder *dec, const struct yaml_node *key)
{
	const char *near = NULL;
	size_t i;

	for (i = 0; i < sizeof(match_kinds) / sizeof(match_kinds[0]); i++)
		near = nearest_pick(key->text, near, match_kinds[i].name);
	decode_error(dec, DIAG_UNKNOWN_FIELD, key,
		     "StringMatch has no field \"%s\"; it has exact, prefix and regex%s%s%s",
		     key->text, near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static void decode_match_into(struct decoder *dec, const struct yaml_node *node,
			      struct string_match *out)
{
	const char *first = NULL;
	uint32_t i;

	out->kind = SM_PRESENT;
	out->pos = decode_pos(dec, node);
	if (yaml_is_null(node) || !expect(dec, node, YAML_MAP))
		return;
	for (i = 0; i < node->n; i++) {
		const struct yaml_entry *e = &node->entries[i];
		size_t before = field_path_push(&dec->path, e->key->text);
		enum string_match_kind kind;

		if (!match_kind(e->key->text, &kind)) {
			unknown_match(dec, e->key);
		} else if (!yaml_is_null(e->value) && first) {
			decode_error(dec, DIAG_ONE_OF, e->key,
				     "%s and %s are both set: only one of them may be", first,
				     e->key->text);
		} else if (!yaml_is_null(e->value) && decode_string(dec, e->value, &out->value)) {
			first = e->key->text;
			out->kind = kind;
			out->pos = decode_pos(dec, e->value);
		}
		field_path_pop(&dec->path, before);
	}
}

struct string_match *decode_match(struct decoder *dec, const struct yaml_node *node)
{
	struct string_match *m = arena_alloc(dec->arena, sizeof(*m));

	decode_match_into(dec, node, m);
	return m;
}

void decode_matches(struct decoder *dec, const struct yaml_node *node, struct named_match **out,
		    uint32_t *n)
{
	uint32_t i;

	if (!expect(dec, node, YAML_MAP))
		return;
	*out = arena_array(dec->arena, node->n, sizeof(**out));
	*n = node->n;
	for (i = 0; i < node->n; i++) {
		const struct yaml_entry *e = &node->entries[i];
		struct named_match *m = &(*out)[i];
		size_t before = field_path_push_key(&dec->path, e->key->text);

		m->name = arena_strdup(dec->arena, e->key->text);
		m->pos = decode_pos(dec, e->key);
		m->null = yaml_is_null(e->value);
		decode_match_into(dec, e->value, &m->match);
		field_path_pop(&dec->path, before);
	}
}
