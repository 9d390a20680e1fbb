/* vs_redirect.c - http[].redirect (reference 2.4.2). */
#include <validate/vs.h>

#include <string.h>

static bool given(const char *s)
{
	return s && *s;
}

/* Only a prefix leaves a rest of the path to keep. */
static void check_prefix_matches(struct check *c, const struct http_rule *rule)
{
	uint32_t i;

	for (i = 0; i < rule->n_match; i++) {
		const struct string_match *uri = rule->match[i].uri;

		if (uri && uri->kind != SM_PREFIX)
			check_report(c, DIAG_VS_REDIRECT_PREFIX,
				     "prefixRewrite replaces a matched prefix, and match[%u] does "
				     "not match one: use uri, or match by prefix",
				     i);
	}
}

static void check_code(struct check *c, uint32_t code)
{
	size_t mark = check_field(c, "redirectCode");

	switch (code) {
	case 0: /* absent: 301 */
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		break;
	default: /* reference D14: the others of 3xx do not say where to go */
		check_report(c, DIAG_VS_REDIRECT_CODE,
			     "%u redirects nobody: use 301, 302, 303, 307 or 308", code);
	}
	check_leave(c, mark);
}

static void check_scheme(struct check *c, const char *scheme)
{
	size_t mark = check_field(c, "scheme");

	if (given(scheme) && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		check_report(c, DIAG_VS_REDIRECT_SCHEME, "\"%s\" is neither http nor https",
			     scheme);
	check_leave(c, mark);
}

void check_redirect(struct check *c, const struct http_rule *rule)
{
	const struct http_redirect *r = rule->redirect;
	size_t outer, mark;

	if (!r)
		return;
	outer = check_field(c, "redirect");
	mark = check_field(c, "prefixRewrite");
	if (given(r->uri) && given(r->prefix_rewrite))
		check_report(c, DIAG_VS_REDIRECT_PATH,
			     "uri replaces the path and prefixRewrite its beginning: keep one");
	else if (given(r->prefix_rewrite))
		check_prefix_matches(c, rule);
	check_leave(c, mark);
	if (!given(r->uri) && !given(r->prefix_rewrite) && !given(r->authority) &&
	    !given(r->scheme) && !r->port && !r->has_derive_port)
		check_report(c, DIAG_VS_REDIRECT_EMPTY,
			     "the redirect leads back to the request: give it uri, prefixRewrite, "
			     "authority, scheme, port or derivePort");
	check_code(c, r->code);
	check_scheme(c, r->scheme);
	check_leave(c, outer);
}
