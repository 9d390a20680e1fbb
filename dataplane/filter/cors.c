/* cors.c - owns who is allowed to ask, and what the answers say. */
#include <filter/cors.h>

#include <filter/headers.h>

#define ALLOW_ORIGIN      SLICE("access-control-allow-origin")
#define ALLOW_CREDENTIALS SLICE("access-control-allow-credentials")
#define EXPOSE_HEADERS    SLICE("access-control-expose-headers")

static struct slice of_text(struct action_text t)
{
	return slice_of(t.p, t.n);
}

static struct slice field(const struct http_head *h, struct slice name)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_FIELD_OTHER && slice_eq_nocase(h->fields[i].name, name))
			return h->fields[i].value;
	return SLICE("");
}

struct slice cors_origin(const struct http_head *req)
{
	return field(req, SLICE("origin"));
}

static bool matches(struct regex_state *re, const struct cors_origin *o, struct slice origin)
{
	struct slice text = of_text(o->text);
	struct regex_match m;

	switch ((enum text_match)o->match) {
	case TEXT_EXACT:
		return slice_eq(origin, text);
	case TEXT_PREFIX:
		return origin.n >= text.n && slice_eq(slice_of(origin.p, text.n), text);
	case TEXT_REGEX:
		return regex_find(re, o->regex, origin, 0, &m);
	}
	return false;
}

static bool is_allowed(struct regex_state *re, const struct cors *c, struct slice origin)
{
	if (c->any_origin)
		return true;
	for (uint32_t i = 0; i < c->n_origins; i++)
		if (matches(re, &c->origins[i], origin))
			return true;
	return false;
}

enum cors_verdict cors_judge(struct regex_state *re, const struct cors *c,
			     const struct http_head *req)
{
	struct slice origin = cors_origin(req);
	bool preflight = req->method_id == HTTP_OPTIONS &&
			 field(req, SLICE("access-control-request-method")).n > 0;

	if (origin.n == 0)
		return CORS_PASS;
	if (is_allowed(re, c, origin))
		return preflight ? CORS_PREFLIGHT : CORS_ALLOWED;
	return preflight && c->ignore_unmatched ? CORS_UNKNOWN_PREFLIGHT : CORS_PASS;
}

void cors_allow(const struct cors *c, struct slice origin, struct http_head *resp,
		struct http_extra *extra)
{
	headers_set(resp, extra, ALLOW_ORIGIN, origin);
	if (c->credentials)
		headers_set(resp, extra, ALLOW_CREDENTIALS, SLICE("true"));
	if (c->expose.n)
		headers_set(resp, extra, EXPOSE_HEADERS, of_text(c->expose));
}

static void add(struct http_extra *extra, struct slice name, struct action_text value)
{
	if (value.n)
		http_extra_add(extra, name, of_text(value));
}

void cors_preflight(const struct cors *c, struct slice origin, struct http_extra *extra)
{
	http_extra_add(extra, ALLOW_ORIGIN, origin);
	add(extra, SLICE("access-control-allow-methods"), c->methods);
	add(extra, SLICE("access-control-allow-headers"), c->headers);
	add(extra, SLICE("access-control-max-age"), c->max_age);
	if (c->credentials)
		http_extra_add(extra, ALLOW_CREDENTIALS, SLICE("true"));
}
