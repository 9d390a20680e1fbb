/* fields.c - walks a YAML mapping and a message's table together. */
#include <model/fields.h>

#include <ctype.h>
#include <string.h>

#include <common/nearest.h>

/* perTryTimeout -> per_try_timeout */
static bool is_snake_case_of(const char *key, const char *name)
{
	for (; *name; name++) {
		if (isupper((unsigned char)*name)) {
			if (*key++ != '_' || *key++ != tolower((unsigned char)*name))
				return false;
		} else if (*key++ != *name) {
			return false;
		}
	}
	return *key == '\0';
}

static const struct field *find_field(const struct message *m, const char *key, bool *snake)
{
	const struct field *f;

	for (f = m->fields; f->name; f++) {
		*snake = false;
		if (strcmp(f->name, key) == 0)
			return f;
		*snake = true;
		if (is_snake_case_of(key, f->name))
			return f;
	}
	return NULL;
}

static void report_unknown(struct decoder *dec, const struct message *m,
			   const struct yaml_node *key)
{
	const struct field *f;
	const char *near = NULL;

	for (f = m->fields; f->name; f++)
		near = nearest_pick(key->text, near, f->name);
	decode_error(dec, DIAG_UNKNOWN_FIELD, key, "%s has no %s \"%s\"%s%s%s", m->name,
		     m->keyed ? "annotation" : "field", key->text, near ? "; did you mean " : "",
		     near ? near : "", near ? "?" : "");
}

static void record_place(struct decoder *dec, const struct yaml_node *node)
{
	struct field_places *p = dec->places;

	if (!p)
		return;
	if (p->n == p->cap) {
		uint32_t cap = p->cap ? p->cap * 2 : 32;
		struct field_place *items = arena_array(dec->arena, cap, sizeof(*items));

		if (p->n)
			memcpy(items, p->items, p->n * sizeof(*items));
		p->items = items;
		p->cap = cap;
	}
	p->items[p->n++] = (struct field_place){
		.hash = field_path_hash(dec->path.text, strlen(dec->path.text)),
		.line = node->pos.line,
		.col = node->pos.col,
	};
}

/* false, 0 and "" say no more than leaving the field out. */
static bool says_nothing(const struct yaml_node *node)
{
	bool value;

	if (node->kind != YAML_SCALAR)
		return false;
	return (!node->quoted && yaml_to_bool(node, &value) && !value) || !*node->text ||
	       strcmp(node->text, "0") == 0;
}

void decode_unsupported(struct decoder *dec, const struct yaml_node *node, bool refused)
{
	struct unsupported_fields *u = &dec->unsupported;
	struct pos pos = decode_pos(dec, node);
	const char *path;

	if (u->n == u->cap) {
		uint32_t cap = u->cap ? u->cap * 2 : 4;
		struct unsupported_field *items = arena_array(dec->arena, cap, sizeof(*items));

		if (u->n)
			memcpy(items, u->items, u->n * sizeof(*items));
		u->items = items;
		u->cap = cap;
	}
	path = arena_strdup(dec->arena, dec->path.text);
	u->items[u->n++] = (struct unsupported_field){path, pos, refused};
	if (dec->around && dec->path.len < sizeof(dec->path.text))
		string_list_add(dec->arena, dec->around, path + dec->around_path + 1, pos);
}

void decode_list(struct decoder *dec, const struct message *m, const struct yaml_node *node,
		 void **items, uint32_t *n)
{
	uint32_t i, kept = 0;
	char *array = NULL;

	if (node->kind != YAML_SEQ) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a list, not %s",
			     yaml_describe(node));
		return;
	}
	if (items)
		array = arena_array(dec->arena, node->n, m->size);
	for (i = 0; i < node->n; i++) {
		size_t before = field_path_push_index(&dec->path, i);

		record_place(dec, node->items[i]);
		if (yaml_is_null(node->items[i]))
			decode_error(dec, DIAG_NULL_ELEMENT, node->items[i],
				     "an element of this list is empty");
		else
			decode_message(dec, m, node->items[i],
				       array ? array + kept++ * m->size : NULL);
		field_path_pop(&dec->path, before);
	}
	if (items) {
		*items = array;
		*n = kept;
	}
}

static void *decode_submessage(struct decoder *dec, const struct message *m,
			       const struct yaml_node *node, bool keep)
{
	void *sub = keep && m->size ? arena_alloc(dec->arena, m->size) : NULL;

	decode_message(dec, m, node, sub);
	return sub;
}

/* Storage for values that are only checked. */
union scratch {
	const char *string;
	bool boolean;
	int enumeration;
	uint64_t wide;
	double number;
	struct string_list strings;
	struct labels labels;
	struct named_match *matches;
	void *pointer;
};

static void store_int(const struct field *f, void *at, int64_t value)
{
	if (f->type == FIELD_UINT16)
		*(uint16_t *)at = (uint16_t)value;
	else if (f->type == FIELD_UINT32)
		*(uint32_t *)at = (uint32_t)value;
	else
		*(int32_t *)at = (int32_t)value;
}

static void decode_scalar(struct decoder *dec, const struct field *f, const struct yaml_node *node,
			  void *at)
{
	struct yaml_node plain;
	int64_t value;

	if (f->flags & FIELD_QUOTED) {
		plain = *node;
		plain.quoted = false;
		node = &plain;
	}

	switch (f->type) {
	case FIELD_STRING:
		decode_string(dec, node, at);
		break;
	case FIELD_BOOL:
		decode_bool(dec, node, at);
		break;
	case FIELD_NUMBER:
		decode_number(dec, node, at);
		break;
	case FIELD_DURATION:
		decode_duration(dec, node, f->flags, at);
		break;
	case FIELD_SIZE:
		decode_size(dec, node, f, at);
		break;
	case FIELD_ENUM:
		decode_enum(dec, node, f, at);
		break;
	default: /* the integers */
		if (decode_int(dec, node, f->min, f->max, &value))
			store_int(f, at, value);
		break;
	}
}

static void decode_value(struct decoder *dec, const struct field *f, const struct yaml_node *node,
			 void *out)
{
	bool keep = out && f->offset != FIELD_NOT_KEPT;
	union scratch unkept = {0};
	void *at = keep ? (char *)out + f->offset : (void *)&unkept;
	uint32_t ignored, *count = keep ? (uint32_t *)((char *)out + f->count) : &ignored;

	switch (f->type) {
	case FIELD_STRINGS:
		decode_strings(dec, node, at);
		break;
	case FIELD_LABELS:
		decode_labels(dec, node, at);
		break;
	case FIELD_MATCH:
		*(struct string_match **)at = decode_match(dec, node);
		break;
	case FIELD_MATCHES:
		decode_matches(dec, node, at, count);
		break;
	case FIELD_MESSAGE:
		*(void **)at = decode_submessage(dec, f->message, node, keep);
		break;
	case FIELD_INLINE:
		decode_message(dec, f->message, node, keep ? at : NULL);
		break;
	case FIELD_LIST:
		decode_list(dec, f->message, node, keep ? at : NULL, count);
		break;
	case FIELD_ANY:
		break;
	case FIELD_HOOK:
		f->decode(dec, node, out);
		break;
	default:
		decode_scalar(dec, f, node, at);
		break;
	}
}

static size_t push_name(struct decoder *dec, const struct message *m, const char *name)
{
	return m->keyed ? field_path_push_key(&dec->path, name) : field_path_push(&dec->path, name);
}

static void decode_field(struct decoder *dec, const struct message *m, const struct field *f,
			 const struct yaml_node *node, void *out)
{
	size_t before = push_name(dec, m, f->name);

	record_place(dec, node);
	if (f->today)
		decode_error(dec, DIAG_OLD_FORM, node, "%s is an old form: %s", f->name, f->today);
	if ((f->flags & (FIELD_REFUSED | FIELD_NO_EFFECT)) && !says_nothing(node))
		decode_unsupported(dec, node, f->flags & FIELD_REFUSED);
	if ((f->flags & FIELD_PRESENT) && out && !(node->kind == YAML_SEQ && node->n == 0))
		*(bool *)((char *)out + f->count) = true;
	decode_value(dec, f, node, out);
	field_path_pop(&dec->path, before);
}

static void decode_entry(struct decoder *dec, const struct message *m, const struct yaml_node *node,
			 const struct yaml_entry *e, void *out)
{
	bool snake;
	const struct field *f = find_field(m, e->key->text, &snake);

	if (!f) {
		size_t before = push_name(dec, m, e->key->text);

		if (!m->lenient)
			report_unknown(dec, m, e->key);
		field_path_pop(&dec->path, before);
		return;
	}
	if (snake && yaml_get(node, f->name)) {
		decode_error(dec, DIAG_BOTH_SPELLINGS, e->key,
			     "%s and %s are both given: %s is used", f->name, e->key->text,
			     f->name);
		return;
	}
	if (!yaml_is_null(e->value))
		decode_field(dec, m, f, e->value, out);
}

/* Given in either spelling and not null. */
static bool is_given(const struct message *m, const struct yaml_node *node, const char *name)
{
	uint32_t i;
	bool snake;

	for (i = 0; i < node->n; i++) {
		const struct field *f = find_field(m, node->entries[i].key->text, &snake);

		if (f && strcmp(f->name, name) == 0 && !yaml_is_null(node->entries[i].value))
			return true;
	}
	return false;
}

static void check_one_of(struct decoder *dec, const struct message *m, const struct yaml_node *node)
{
	const char *const *name, *first = NULL;

	if (!m->one_of)
		return;
	for (name = m->one_of; *name; name++) {
		if (!is_given(m, node, *name))
			continue;
		if (first)
			decode_error(dec, DIAG_ONE_OF, node,
				     "%s and %s are both set: only one of them may be", first,
				     *name);
		else
			first = *name;
	}
}

/* Values that absent fields have: from their rows, decoded like written ones. */
static void set_initial(struct decoder *dec, const struct message *m, void *out)
{
	const struct field *f;

	for (f = m->fields; f->name; f++) {
		void *at = (char *)out + f->offset;

		if (f->offset == FIELD_NOT_KEPT)
			continue;
		if (f->initial) {
			struct yaml_node node = {.kind = YAML_SCALAR, .text = f->initial};

			node.quoted = f->type == FIELD_STRING;
			decode_scalar(dec, f, &node, at);
		} else if (f->type == FIELD_INLINE) {
			set_initial(dec, f->message, at);
		}
	}
}

void decode_message(struct decoder *dec, const struct message *m, const struct yaml_node *node,
		    void *out)
{
	struct string_list *around = dec->around;
	size_t around_path = dec->around_path;
	uint32_t i;

	if (node->kind != YAML_MAP) {
		decode_error(dec, DIAG_WRONG_TYPE, node, "must be a mapping (%s), not %s", m->name,
			     yaml_describe(node));
		return;
	}
	if (out)
		set_initial(dec, m, out);
	if (out && m->pos != FIELD_NOT_KEPT)
		*(struct pos *)((char *)out + m->pos) = decode_pos(dec, node);
	if (out && m->unsupported != FIELD_NOT_KEPT) {
		dec->around = (struct string_list *)((char *)out + m->unsupported);
		dec->around_path = dec->path.len;
	}
	for (i = 0; i < node->n; i++)
		decode_entry(dec, m, node, &node->entries[i], out);
	check_one_of(dec, m, node);
	dec->around = around;
	dec->around_path = around_path;
}
