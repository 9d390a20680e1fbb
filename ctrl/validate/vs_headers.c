/* vs_headers.c - header operations, and the values that they set (reference 2.4.9). */
#include <validate/vs.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <validate/names.h>

void check_header_name(struct check *c, const char *name, bool any)
{
	if (any && strcmp(name, "*") == 0)
		return;
	if (!*name)
		check_report(c, DIAG_VS_HEADER_NAME, "a header name is empty");
	else if (!name_is_token(name))
		check_report(c, DIAG_VS_HEADER_NAME,
			     "\"%s\" is no header name: letters, digits and !#$%%&'*+-.^_`|~",
			     name);
}

/* ---- values ---- */

/* "%NAME%", "%NAME(ARGUMENTS)%", either with ":LENGTH" before the last "%"; p is behind the
 * first. Arguments may contain "%", as a date format does. NULL when it is none of these. */
static const char *variable_end(const char *p)
{
	const char *name = p;

	while (isupper((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_')
		p++;
	if (p == name || isdigit((unsigned char)*name))
		return NULL;
	if (*p == '(') {
		p = strchr(p, ')');
		if (!p)
			return NULL;
		p++;
	}
	if (*p == ':' && isdigit((unsigned char)p[1]))
		for (p++; isdigit((unsigned char)*p);)
			p++;
	return *p == '%' ? p + 1 : NULL;
}

static void check_variables(struct check *c, const char *value)
{
	const char *p = value, *end;

	while ((p = strchr(p, '%'))) {
		end = p[1] == '%' ? p + 2 : variable_end(p + 1);
		if (!end) {
			check_report(c, DIAG_VS_HEADER_FORMAT,
				     "the %% at byte %zu begins no variable such as %%REQ(name)%%: "
				     "write %%%% for the character itself",
				     (size_t)(p - value));
			return;
		}
		p = end;
	}
}

/* Anything else could end the field, or the head (RFC 9110 section 5.5). */
static void check_value(struct check *c, const char *value)
{
	const char *p;

	for (p = value; *p; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t') {
			check_report(c, DIAG_VS_HEADER_VALUE,
				     "the value has the control character \\x%02x at byte %zu",
				     (unsigned char)*p, (size_t)(p - value));
			return;
		}
	check_variables(c, value);
}

/* ---- names ---- */

static bool is_authority(const char *name)
{
	return strcasecmp(name, "host") == 0 || strcasecmp(name, ":authority") == 0;
}

/* The request's target belongs to the match and to rewrite; only its host can be set here. */
static void check_changed_name(struct check *c, const char *name, bool authority_too)
{
	if (is_authority(name) && authority_too)
		return;
	if (strcasecmp(name, "host") == 0)
		check_report(c, DIAG_VS_HEADER_FIXED,
			     "the host of a request can be set, and neither be removed nor occur "
			     "in a response");
	else if (name[0] == ':')
		check_report(c, DIAG_VS_HEADER_FIXED,
			     "\"%s\" is part of the request line, not a header: use rewrite", name);
	else
		check_header_name(c, name, false);
}

/* ---- operations ---- */

static void check_values(struct check *c, const char *field, const struct labels *l, bool request)
{
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		size_t mark = check_key(c, l->items[i].key);

		check_changed_name(c, l->items[i].key, request);
		check_value(c, l->items[i].value);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_operations(struct check *c, const char *field, const struct header_operations *o)
{
	bool request = strcmp(field, "request") == 0;
	size_t outer, list;
	uint32_t i;

	if (!o)
		return;
	outer = check_field(c, field);
	check_values(c, "set", &o->set, request);
	check_values(c, "add", &o->add, request);
	list = check_field(c, "remove");
	for (i = 0; i < o->remove.n; i++) {
		size_t mark = check_item(c, i);

		check_changed_name(c, o->remove.items[i], false);
		check_leave(c, mark);
	}
	check_leave(c, list);
	check_leave(c, outer);
}

/* ---- the host is set once ---- */

/* Whether one is set already, and by what: "rewrite.authority", or a header as written. */
struct authority {
	const char *by;
};

static void set_authority(struct check *c, struct authority *a, const char *field,
			  const struct labels *l)
{
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		size_t mark = check_key(c, l->items[i].key);

		if (is_authority(l->items[i].key) && a->by)
			check_report(c, DIAG_VS_AUTHORITY_TWICE,
				     "%s sets the host of the request already: keep one", a->by);
		else if (is_authority(l->items[i].key))
			a->by = l->items[i].key;
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_authority(struct check *c, const struct http_rewrite *rewrite,
			    const struct header_manipulation *h)
{
	struct authority a = {
		rewrite && rewrite->authority && *rewrite->authority ? "rewrite.authority" : NULL};
	size_t outer, mark;

	if (!h || !h->request)
		return;
	outer = check_field(c, "headers");
	mark = check_field(c, "request");
	set_authority(c, &a, "set", &h->request->set);
	set_authority(c, &a, "add", &h->request->add);
	check_leave(c, mark);
	check_leave(c, outer);
}

static void check_manipulation(struct check *c, const struct header_manipulation *h)
{
	size_t mark = check_field(c, "headers");

	if (h) {
		check_operations(c, "request", h->request);
		check_operations(c, "response", h->response);
	}
	check_leave(c, mark);
}

void check_headers(struct check *c, const struct header_manipulation *h)
{
	check_manipulation(c, h);
	check_authority(c, NULL, h);
}

void check_rule_headers(struct check *c, const struct http_rule *rule)
{
	check_manipulation(c, rule->headers);
	check_authority(c, rule->rewrite, rule->headers);
	check_values(c, "appendHeaders", &rule->append_headers, true);
}
