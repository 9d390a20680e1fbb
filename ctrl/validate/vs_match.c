/* vs_match.c - http[].match[]: conditions on the request and on the place (reference 2.3). */
#include <validate/vs.h>

#include <string.h>

#include <validate/names.h>
#include <validate/regex.h>

/* ---- string matches (reference 1.4) ---- */

bool check_regex(struct check *c, const char *pattern)
{
	const char *problem;
	size_t at;

	if (!*pattern) {
		check_report(c, DIAG_MATCH_EMPTY,
			     "the regular expression is empty: use prefix "
			     "\"\" or leave the condition out");
		return false;
	}
	if (strlen(pattern) > REGEX_MAX) {
		check_report(c, DIAG_REGEX_LONG,
			     "the regular expression has %zu bytes, at most 1024 are allowed",
			     strlen(pattern));
		return false;
	}
	problem = regex_problem(pattern, &at);
	if (problem)
		check_report(c, DIAG_REGEX_SYNTAX,
			     "not a regular expression in RE2 syntax: %s (at byte %zu)", problem,
			     at);
	return !problem;
}

void check_string_match(struct check *c, const struct string_match *m, bool path)
{
	static const char *const names[] = {[SM_PRESENT] = "",
					    [SM_EXACT] = "exact",
					    [SM_PREFIX] = "prefix",
					    [SM_REGEX] = "regex"};
	size_t mark;

	if (m->kind == SM_PRESENT)
		return;
	mark = check_field(c, names[m->kind]);
	if (m->kind == SM_PREFIX && !*m->value && !path)
		check_report(c, DIAG_MATCH_EMPTY,
			     "the prefix is empty: write {} to test that there is any value");
	if (m->kind == SM_REGEX)
		check_regex(c, m->value);
	check_leave(c, mark);
}

static void check_match(struct check *c, const char *field, const struct string_match *m)
{
	size_t mark = check_field(c, field);

	if (m)
		check_string_match(c, m, strcmp(field, "uri") == 0);
	check_leave(c, mark);
}

/* ---- headers, query parameters ---- */

static void check_matched_name(struct check *c, const char *name)
{
	if (name[0] == '@')
		check_report(c, DIAG_NOT_SUPPORTED,
			     "matching on JWT claims is not supported by this version of weir: "
			     "remove it");
	else if (!name_is_pseudo_header(name))
		check_header_name(c, name, false);
}

static void check_header_matches(struct check *c, const char *field,
				 const struct named_match *matches, uint32_t n)
{
	bool without = strcmp(field, "withoutHeaders") == 0;
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct named_match *m = &matches[i];
		size_t mark = check_key(c, m->name);

		check_matched_name(c, m->name);
		if (m->null && !without)
			check_report(c, DIAG_VS_HEADER_NULL,
				     "the match is null: write {} to test that the header exists");
		/* regex "*" is how withoutHeaders says "any value" (reference 1.4). */
		if (!(without && m->match.kind == SM_REGEX && strcmp(m->match.value, "*") == 0))
			check_string_match(c, &m->match, false);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_query_params(struct check *c, const struct http_match *m)
{
	size_t outer = check_field(c, "queryParams");
	uint32_t i;

	for (i = 0; i < m->n_query_params; i++) {
		size_t mark = check_key(c, m->query_params[i].name);

		check_string_match(c, &m->query_params[i].match, false);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

/* ---- a block ---- */

void check_source_namespace(struct check *c, const char *ns)
{
	size_t mark = check_field(c, "sourceNamespace");

	if (ns && *ns && !name_is_dns_label(ns))
		check_report(c, DIAG_VS_SOURCE_NAMESPACE, "\"%s\" is no namespace", ns);
	check_leave(c, mark);
}

void check_http_match(struct check *c, const struct http_match *m)
{
	check_match(c, "uri", m->uri);
	check_match(c, "scheme", m->scheme);
	check_match(c, "method", m->method);
	check_match(c, "authority", m->authority);
	check_header_matches(c, "headers", m->headers, m->n_headers);
	check_header_matches(c, "withoutHeaders", m->without_headers, m->n_without_headers);
	check_query_params(c, m);
	check_gateway_names(c, &m->gateways);
	check_labels(c, "sourceLabels", &m->source_labels);
	check_source_namespace(c, m->source_namespace);
}
