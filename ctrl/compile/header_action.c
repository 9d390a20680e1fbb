/* header_action.c - owns the translation of header operations and of the variables in their
 * values (2.4.9). */
#include <compile/action.h>

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <compile/names.h>

static bool is_authority(const char *name)
{
	return strcasecmp(name, "host") == 0 || strcmp(name, ":authority") == 0;
}

static const char *authority_among(const struct labels *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (is_authority(l->items[i].key) && l->items[i].value[0])
			return l->items[i].value;
	return NULL;
}

const char *header_ops_authority(const struct header_operations *ops)
{
	const char *s = ops ? authority_among(&ops->set) : NULL;

	return s || !ops ? s : authority_among(&ops->add);
}

/* ---- values ---- */

static const struct {
	const char *name;
	enum value_source source;
} variables[] = {
#define X(id, name) {name, VALUE_##id},
	VALUE_VARIABLES(X)
#undef X
};

/* A variable as written: %NAME(argument):max%. */
struct variable {
	const char *name, *argument;
	size_t name_len, argument_len;
	uint32_t max;
};

/* The "%" that ends the variable at p; its argument may have others, as a date format does. NULL
 * when there is none. */
static const char *variable_end(const char *p)
{
	const char *argument = p + strcspn(p, "(%");
	const char *close = *argument == '(' ? strchr(argument, ')') : NULL;

	return strchr(close ? close : p, '%');
}

/* Splits what stands between two "%". */
static struct variable split(const char *p, const char *end)
{
	struct variable v = {.name = p, .max = UINT32_MAX};
	const char *close;

	while (p < end && (isupper((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_'))
		p++;
	v.name_len = (size_t)(p - v.name);
	if (p < end && *p == '(') {
		close = memrchr(p, ')', (size_t)(end - p));
		v.argument = p + 1;
		p = close ? close : end;
		v.argument_len = (size_t)(p - v.argument);
		p += close != NULL;
	}
	if (p < end && *p == ':' && isdigit((unsigned char)p[1]))
		v.max = (uint32_t)strtoul(p + 1, NULL, 10);
	return v;
}

static bool named(const struct variable *v, const char *name)
{
	return strlen(name) == v->name_len && memcmp(name, v->name, v->name_len) == 0;
}

static struct action_text lower(struct action_work *w, const char *s, size_t n)
{
	return action_text(w->a, name_lower(w->b->tmp, arena_strndup(w->b->tmp, s, n)));
}

/* REQ(X?Y) and RESP(X?Y). */
static void set_field(struct action_work *w, const struct variable *v, enum value_source source,
		      struct value_part *out)
{
	const char *other = v->argument ? memchr(v->argument, '?', v->argument_len) : NULL;
	size_t n = other ? (size_t)(other - v->argument) : v->argument_len;

	out->source = (uint8_t)source;
	out->text = lower(w, v->argument ? v->argument : "", n);
	if (other)
		out->other = lower(w, other + 1, v->argument_len - n - 1);
}

static void set_literal(struct action_work *w, const char *s, size_t n, struct value_part *out)
{
	out->source = VALUE_LITERAL;
	out->text = action_text(w->a, arena_strndup(w->b->tmp, s, n));
}

/* None of the others takes one here: dates have Envoy's default format. */
static void warn_argument(struct action_work *w, const char *field, const struct variable *v)
{
	if (v->argument_len)
		build_report(w->b, PROBLEM_NOT_EXECUTED, w->from, w->from->pos,
			     arena_printf(w->b->tmp, "%s.%s", w->rule, field),
			     "the argument of %%%.*s%% has no effect in this version",
			     (int)v->name_len, v->name);
}

static void compile_variable(struct action_work *w, const char *field, const struct variable *v,
			     struct value_part *out)
{
	char host[256] = "";

	out->max = v->max;
	if (named(v, "REQ")) {
		set_field(w, v, VALUE_REQUEST_FIELD, out);
		return;
	}
	if (named(v, "RESP")) {
		set_field(w, v, VALUE_RESPONSE_FIELD, out);
		return;
	}
	if (named(v, "HOSTNAME")) {
		gethostname(host, sizeof(host) - 1);
		set_literal(w, host, strlen(host), out);
		return;
	}
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (named(v, variables[i].name)) {
			out->source = (uint8_t)variables[i].source;
			warn_argument(w, field, v);
			return;
		}
	build_report(w->b, PROBLEM_NOT_EXECUTED, w->from, w->from->pos,
		     arena_printf(w->b->tmp, "%s.%s", w->rule, field),
		     "%%%.*s%% is a variable that this version does not know: it stays empty",
		     (int)v->name_len, v->name);
	set_literal(w, "", 0, out);
}

/* The literal at p: up to the next variable, with "%%" for "%". */
static const char *literal_end(const char *p, char *text, size_t *n)
{
	*n = 0;
	while (*p) {
		if (p[0] == '%' && p[1] != '%')
			break;
		p += p[0] == '%';
		text[(*n)++] = *p++;
	}
	return p;
}

struct header_value header_value_get(struct action_work *w, const char *field, const char *text)
{
	size_t len = strlen(text), n = 0;
	struct value_part *parts = arena_array(w->b->tmp, len + 1, sizeof(*parts)), *kept;
	char *literal = arena_alloc(w->b->tmp, len + 1);

	for (const char *p = text; *p;) {
		size_t size;

		p = literal_end(p, literal, &size);
		if (size) {
			parts[n].max = UINT32_MAX;
			set_literal(w, literal, size, &parts[n++]);
		} else {
			const char *end = variable_end(p + 1);
			struct variable v;

			if (!end) /* refused by validation */
				break;
			v = split(p + 1, end);
			compile_variable(w, field, &v, &parts[n++]);
			p = end + 1;
		}
	}
	kept = arena_array(w->a, n, sizeof(*kept));
	memcpy(kept, parts, n * sizeof(*kept));
	return (struct header_value){(uint32_t)n, kept};
}

/* ---- operations ---- */

/* Message framing and what belongs to one hop is the gateway's own, and so is its name. */
static bool is_own(const char *name, bool response)
{
	static const char *const own[] = {"connection", "content-length",   "transfer-encoding",
					  "keep-alive", "upgrade",          "te",
					  "trailer",    "proxy-connection", "http2-settings"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcasecmp(name, own[i]) == 0)
			return true;
	return response && strcasecmp(name, "server") == 0;
}

struct ops_list {
	struct action_work *w;
	const char *field;
	struct header_op *ops;
	uint32_t n;
};

static void add_op(struct ops_list *l, enum header_op_kind kind, const char *name,
		   const char *value)
{
	struct header_op *op = &l->ops[l->n];

	if (is_authority(name) || name[0] == ':')
		return;
	if (is_own(name, strstr(l->field, "response") != NULL)) {
		build_report(l->w->b, PROBLEM_NOT_EXECUTED, l->w->from, l->w->from->pos,
			     arena_printf(l->w->b->tmp, "%s.%s", l->w->rule, l->field),
			     "%s is the gateway's own: operations on it have no effect", name);
		return;
	}
	*op = (struct header_op){
		.kind = (uint8_t)kind,
		.name = action_text(l->w->a, name_lower(l->w->b->tmp, name)),
	};
	if (value)
		op->value = header_value_get(l->w, l->field, value);
	l->n++;
}

static void add_removals(struct ops_list *l, const struct header_operations *o)
{
	for (uint32_t i = 0; o && i < o->remove.n; i++)
		add_op(l, HEADER_REMOVE, o->remove.items[i], NULL);
}

static void add_values(struct ops_list *l, const struct header_operations *o)
{
	for (uint32_t i = 0; o && i < o->set.n; i++)
		add_op(l, HEADER_SET, o->set.items[i].key, o->set.items[i].value);
	for (uint32_t i = 0; o && i < o->add.n; i++)
		add_op(l, HEADER_ADD, o->add.items[i].key, o->add.items[i].value);
}

static uint32_t count(const struct header_operations *o)
{
	return o ? o->set.n + o->add.n + o->remove.n : 0;
}

struct header_ops header_ops_get(struct action_work *w, const char *field,
				 const struct header_operations *outer,
				 const struct header_operations *inner)
{
	uint32_t n = count(outer) + count(inner);
	struct ops_list l = {w, field, arena_array(w->a, n, sizeof(*l.ops)), 0};

	if (n > HEADER_OPS_MAX)
		build_report(w->b, PROBLEM_LIMIT, w->from, w->from->pos,
			     arena_printf(w->b->tmp, "%s.%s", w->rule, field),
			     "%u header operations on one request (%u at most)", n, HEADER_OPS_MAX);
	add_removals(&l, outer);
	add_removals(&l, inner);
	add_values(&l, outer);
	add_values(&l, inner);
	return (struct header_ops){l.n, l.ops};
}
