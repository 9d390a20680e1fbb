/* action.c - owns which actions a route has, and the key that tells whether they changed. */
#include <compile/action.h>

/* ---- the key ---- */

static void key_labels(struct cache_key *k, const struct labels *l)
{
	cache_key_number(k, l->n);
	for (uint32_t i = 0; i < l->n; i++) {
		cache_key_string(k, l->items[i].key);
		cache_key_string(k, l->items[i].value);
	}
}

static void key_strings(struct cache_key *k, const struct string_list *l)
{
	cache_key_number(k, l->n);
	for (uint32_t i = 0; i < l->n; i++)
		cache_key_string(k, l->items[i]);
}

static void key_operations(struct cache_key *k, const struct header_operations *o)
{
	cache_key_number(k, o != NULL);
	if (!o)
		return;
	key_labels(k, &o->set);
	key_labels(k, &o->add);
	key_strings(k, &o->remove);
}

static void key_headers(struct cache_key *k, const struct header_manipulation *h)
{
	key_operations(k, h ? h->request : NULL);
	key_operations(k, h ? h->response : NULL);
}

static void key_redirect(struct cache_key *k, const struct http_redirect *r, uint32_t port)
{
	cache_key_string(k, r->uri);
	cache_key_string(k, r->prefix_rewrite);
	cache_key_string(k, r->authority);
	cache_key_string(k, r->scheme);
	cache_key_number(k, (uint64_t)r->port << 32 | r->code);
	cache_key_number(k, (uint64_t)port << 32 | (uint64_t)r->derive_port);
}

static void key_rewrite(struct cache_key *k, const struct http_rewrite *r)
{
	cache_key_string(k, r->uri);
	cache_key_string(k, r->authority);
	cache_key_string(k, r->regex ? r->regex->match : NULL);
	cache_key_string(k, r->regex ? r->regex->rewrite : NULL);
}

/* Doubles by their bits: equal percentages are written as equal doubles. */
static void key_percent(struct cache_key *k, const struct percent *p, int32_t old)
{
	uint64_t bits = 0;

	if (p)
		memcpy(&bits, &p->value, sizeof(bits));
	cache_key_number(k, bits);
	cache_key_number(k, (uint64_t)(p != NULL) << 32 | (uint32_t)old);
}

static void key_fault(struct cache_key *k, const struct http_fault *f)
{
	cache_key_number(k, (f->delay != NULL) | (f->abort != NULL) << 1);
	if (f->delay) {
		cache_key_number(k, f->delay->fixed_us);
		key_percent(k, f->delay->percentage, f->delay->percent);
	}
	if (f->abort) {
		cache_key_number(k, (uint64_t)f->abort->has_http_status << 32 |
					    (uint32_t)f->abort->http_status);
		cache_key_string(k, f->abort->grpc_status);
		key_percent(k, f->abort->percentage, f->abort->percent);
	}
}

static void key_cors(struct cache_key *k, const struct cors_policy *c)
{
	key_strings(k, &c->allow_origin);
	cache_key_number(k, c->n_allow_origins);
	for (uint32_t i = 0; i < c->n_allow_origins; i++) {
		cache_key_number(k, c->allow_origins[i].kind);
		cache_key_string(k, c->allow_origins[i].value);
	}
	key_strings(k, &c->allow_methods);
	key_strings(k, &c->allow_headers);
	key_strings(k, &c->expose_headers);
	cache_key_number(k, c->max_age_us << 1 | c->has_max_age);
	cache_key_number(k,
			 (uint64_t)c->allow_credentials << 32 | (uint64_t)c->unmatched_preflights);
}

void action_key(struct cache_key *k, const struct route_plan *p)
{
	const struct http_rule *r = p->http;

	cache_key_number(k, r != NULL);
	if (!r)
		return;
	cache_key_number(k, (r->redirect != NULL) | (r->direct_response != NULL) << 1 |
				    (r->rewrite != NULL) << 2 | (r->fault != NULL) << 3 |
				    (r->cors != NULL) << 4 | (uint64_t)r->n_route << 8);
	/* What a rewrite replaces; a condition that every path meets is not among the conditions.
	 */
	cache_key_number(k, p->uri ? (uint64_t)p->uri->kind + 1 : 0);
	cache_key_string(k, p->uri ? p->uri->value : NULL);
	if (r->redirect)
		key_redirect(k, r->redirect, p->port);
	if (r->direct_response) {
		const struct http_body *body = r->direct_response->body;

		cache_key_number(k, r->direct_response->status);
		cache_key_string(k, body ? body->string : NULL);
		cache_key_string(k, body ? body->bytes : NULL);
	}
	if (r->rewrite)
		key_rewrite(k, r->rewrite);
	if (r->fault)
		key_fault(k, r->fault);
	if (r->cors)
		key_cors(k, r->cors);
	cache_key_number(k, p->n_limits);
	for (uint32_t i = 0; i < p->n_limits; i++)
		cache_key_string(k, p->limits[i].name);
	key_headers(k, r->headers);
	key_labels(k, &r->append_headers);
	for (uint32_t i = 0; i < p->n_targets; i++)
		key_headers(k, p->targets[i].headers);
	cache_key_number(k, p->n_mirrors);
	for (uint32_t i = 0; i < p->n_mirrors; i++) {
		cache_key_string(k, p->mirrors[i].cluster);
		cache_key_number(k, p->mirrors[i].share);
	}
}

/* ---- what it gives ---- */

struct action_text action_text(struct arena *a, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	return (struct action_text){s ? arena_strndup(a, s, n) : NULL, (uint32_t)n};
}

static const struct header_operations *request_ops(const struct header_manipulation *h)
{
	return h ? h->request : NULL;
}

static const struct header_operations *response_ops(const struct header_manipulation *h)
{
	return h ? h->response : NULL;
}

/* The rule's request operations, with 0.8's appendHeaders among the added. */
static const struct header_operations *rule_request_ops(struct action_work *w,
							const struct http_rule *r)
{
	const struct header_operations *given = request_ops(r->headers);
	struct header_operations *both;

	if (r->append_headers.n == 0)
		return given;
	both = arena_alloc(w->b->tmp, sizeof(*both));
	if (given)
		*both = *given;
	if (both->add.n == 0)
		both->add = r->append_headers;
	return both;
}

/* rewrite.authority beats header operations, the rule's beat the destination's (2.4.9). */
static const char *authority_of(const struct http_rule *r, const struct header_operations *rule,
				const struct header_operations *target)
{
	const char *s = r->rewrite ? r->rewrite->authority : NULL;

	if (s && *s)
		return s;
	s = header_ops_authority(rule);
	return s ? s : header_ops_authority(target);
}

/* Not one that is left of several, whose others have no weight. */
static bool is_single(const struct route_plan *p)
{
	return p->http->n_route == 1 && p->n_targets == 1;
}

/* Workers look at a destination's actions only where the route has some. */
static bool only_forwards(const struct route_plan *p)
{
	const struct http_rule *r = p->http;

	for (uint32_t i = 0; i < p->n_targets; i++)
		if (p->targets[i].headers)
			return false;
	return !r->redirect && !r->direct_response && !r->rewrite && !r->fault && !r->cors &&
	       !r->headers && !r->append_headers.n && !p->n_mirrors && !p->n_limits;
}

const struct route_actions *route_actions_get(struct action_work *w, const struct route_plan *p)
{
	const struct http_rule *r = p->http;
	const struct header_manipulation *target = r && is_single(p) ? p->targets[0].headers : NULL;
	const struct header_operations *request;
	struct route_actions *out;

	if (!r || only_forwards(p))
		return NULL;
	out = arena_alloc(w->a, sizeof(*out));
	request = rule_request_ops(w, r);
	out->request = header_ops_get(w, "headers.request", request, request_ops(target));
	out->response = header_ops_get(w, "headers.response", response_ops(r->headers),
				       response_ops(target));
	out->authority = action_text(w->a, authority_of(r, request, request_ops(target)));
	out->path = path_rewrite_get(w, p);
	out->cors = cors_get(w, r->cors);
	out->fault = fault_get(w, r->fault);
	out->redirect = redirect_get(w, p);
	out->direct_response = direct_response_get(w, r->direct_response);
	out->n_limits = p->n_limits;
	out->limits = rate_limits_get(w, p);
	out->n_mirrors = p->n_mirrors;
	out->mirrors = mirrors_get(w, p);
	return out;
}

const struct target_actions *target_actions_get(struct action_work *w, const struct route_plan *p,
						uint32_t target)
{
	const struct header_manipulation *h = p->targets[target].headers;
	struct target_actions *out;

	if (!h || is_single(p))
		return NULL;
	out = arena_alloc(w->a, sizeof(*out));
	out->request = header_ops_get(w, "route.headers.request", NULL, request_ops(h));
	out->response = header_ops_get(w, "route.headers.response", NULL, response_ops(h));
	out->authority = action_text(w->a, header_ops_authority(request_ops(h)));
	return out;
}
