/* vs_rewrite.c - http[].rewrite: paths and the substitutions in them (reference 2.4.4). */
#include <validate/vs.h>

#include <ctype.h>

#include <validate/regex.h>

static bool given(const char *s)
{
	return s && *s;
}

/* "\0" to "\9" and "\\" are all that a substitution may escape. */
static void check_substitution(struct check *c, const char *text, unsigned groups)
{
	const char *p;

	for (p = text; *p; p++) {
		if (*p != '\\')
			continue;
		p++;
		if (*p != '\\' && !isdigit((unsigned char)*p)) {
			check_report(c, DIAG_VS_REWRITE_STRING,
				     "a backslash begins \\0 to \\9, or stands before another one");
			return;
		}
		if (*p != '\\' && (unsigned)(*p - '0') > groups) {
			check_report(c, DIAG_VS_REWRITE_STRING,
				     "\\%c names a group that match has not got: it has %u", *p,
				     groups);
			return;
		}
	}
}

static void check_regex_rewrite(struct check *c, const struct regex_rewrite *r)
{
	size_t outer = check_field(c, "uriRegexRewrite"), mark;
	bool valid;

	if (!given(r->match) || !given(r->rewrite)) {
		check_report(c, DIAG_VS_REWRITE_REGEX,
			     "uriRegexRewrite needs both match and rewrite");
		check_leave(c, outer);
		return;
	}
	mark = check_field(c, "match");
	valid = check_regex(c, r->match);
	check_leave(c, mark);
	mark = check_field(c, "rewrite");
	if (valid)
		check_substitution(c, r->rewrite, regex_groups(r->match));
	check_leave(c, mark);
	check_leave(c, outer);
}

void check_rewrite(struct check *c, const struct http_rewrite *r)
{
	size_t outer;

	if (!r)
		return;
	outer = check_field(c, "rewrite");
	if (given(r->uri) && r->regex) {
		size_t mark = check_field(c, "uriRegexRewrite");

		check_report(c, DIAG_VS_REWRITE_PATH,
			     "uri and uriRegexRewrite both replace the path: keep one");
		check_leave(c, mark);
	}
	if (!given(r->uri) && !r->regex && !given(r->authority))
		check_report(c, DIAG_VS_REWRITE_EMPTY,
			     "the rewrite changes nothing: give it uri, uriRegexRewrite or "
			     "authority");
	if (r->regex)
		check_regex_rewrite(c, r->regex);
	check_leave(c, outer);
}
