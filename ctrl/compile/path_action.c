/* path_action.c - owns the translation of rewrites and redirects: paths, hosts, ports. */
#include <compile/action.h>

#include <ctype.h>

/* "\1" and "\\" in a replacement (2.4.4). */
static void split_replacement(struct action_work *w, const char *text, struct path_rewrite *out)
{
	size_t len = strlen(text);
	struct path_part *parts = arena_array(w->a, len + 1, sizeof(*parts));
	char *literal = arena_alloc(w->b->tmp, len + 1);
	uint32_t n = 0;

	for (const char *p = text; *p;) {
		size_t size = 0;

		if (p[0] == '\\' && isdigit((unsigned char)p[1])) {
			parts[n++].group = p[1] - '0';
			p += 2;
			continue;
		}
		while (*p && !(p[0] == '\\' && isdigit((unsigned char)p[1]))) {
			p += p[0] == '\\' && p[1];
			literal[size++] = *p++;
		}
		parts[n++] = (struct path_part){
			-1, action_text(w->a, arena_strndup(w->b->tmp, literal, size))};
	}
	out->parts = parts;
	out->n_parts = n;
}

static struct path_rewrite whole(struct action_work *w, const char *to)
{
	return (struct path_rewrite){.change = PATH_WHOLE, .to = action_text(w->a, to)};
}

/* Without a condition on the path the matched prefix is "/". */
static struct path_rewrite prefix(struct action_work *w, const struct string_match *uri,
				  const char *to)
{
	return (struct path_rewrite){
		.change = PATH_PREFIX,
		.prefix_len = uri && uri->value ? (uint32_t)strlen(uri->value) : 1,
		.to = action_text(w->a, to),
	};
}

const struct path_rewrite *path_rewrite_get(struct action_work *w, const struct route_plan *p)
{
	const struct http_rewrite *r = p->http->rewrite;
	struct path_rewrite *out;

	if (!r || (!r->regex && !(r->uri && *r->uri)))
		return NULL;
	out = arena_alloc(w->a, sizeof(*out));
	if (r->regex) {
		out->change = PATH_REGEX;
		out->regex = regex_get(w, "rewrite.uriRegexRewrite.match", r->regex->pos,
				       r->regex->match ? r->regex->match : "", false);
		split_replacement(w, r->regex->rewrite ? r->regex->rewrite : "", out);
	} else if (p->uri && (p->uri->kind == SM_EXACT || p->uri->kind == SM_REGEX)) {
		*out = whole(w, r->uri);
	} else {
		*out = prefix(w, p->uri, r->uri);
	}
	return out;
}

/* The port that is written: none where it is the scheme's own (2.4.2). */
static uint16_t redirect_port(const struct http_redirect *r, uint32_t listener_port)
{
	const char *scheme = r->scheme && *r->scheme ? r->scheme : "http";
	uint32_t port = r->port;

	if (!port && r->derive_port == DERIVE_REQUEST_PORT)
		port = listener_port;
	if (port == (strcmp(scheme, "https") == 0 ? 443 : 80))
		return 0;
	return (uint16_t)port;
}

const struct redirect *redirect_get(struct action_work *w, const struct route_plan *p)
{
	const struct http_redirect *r = p->http->redirect;
	struct redirect *out;

	if (!r)
		return NULL;
	out = arena_alloc(w->a, sizeof(*out));
	out->status = r->code ? (uint16_t)r->code : 301;
	out->authority = action_text(w->a, r->authority);
	out->scheme = action_text(w->a, r->scheme);
	out->port = redirect_port(r, p->port);
	if (r->uri && *r->uri) {
		out->path = whole(w, r->uri);
		out->has_query = strchr(r->uri, '?') != NULL;
	} else if (r->prefix_rewrite && *r->prefix_rewrite) {
		out->path = prefix(w, p->uri, r->prefix_rewrite);
	}
	return out;
}
