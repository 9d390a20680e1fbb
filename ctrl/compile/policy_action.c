/* policy_action.c - owns the translation of direct responses, CORS, faults and mirrors. */
#include <compile/action.h>

#include <math.h>
#include <openssl/evp.h>

#include <common/grpc.h>

#define PERCENT_PARTS (SHARE_WHOLE / 100)

/* Standard base64 with padding; validation has refused what is none. */
static struct action_text decode_base64(struct action_work *w, const char *s)
{
	size_t len = strlen(s);
	unsigned char *out = arena_alloc(w->a, len / 4 * 3 + 1);
	int n = len ? EVP_DecodeBlock(out, (const unsigned char *)s, (int)len) : 0;

	while (n > 0 && len > 0 && s[len - 1] == '=') {
		n--;
		len--;
	}
	return (struct action_text){(const char *)out, n > 0 ? (uint32_t)n : 0};
}

const struct direct_response *direct_response_get(struct action_work *w,
						  const struct http_direct_response *d)
{
	struct direct_response *out;

	if (!d)
		return NULL;
	out = arena_alloc(w->a, sizeof(*out));
	out->status = (uint16_t)d->status;
	if (d->body && d->body->bytes)
		out->body = decode_base64(w, d->body->bytes);
	else if (d->body)
		out->body = action_text(w->a, d->body->string);
	return out;
}

static struct action_text join(struct action_work *w, const struct string_list *l)
{
	const char *s = l->n ? l->items[0] : NULL;

	for (uint32_t i = 1; i < l->n; i++)
		s = arena_printf(w->b->tmp, "%s,%s", s, l->items[i]);
	return action_text(w->a, s);
}

static void add_origin(struct action_work *w, struct cors *out, struct cors_origin *to,
		       enum text_match match, const char *value, struct pos pos)
{
	if (match == TEXT_EXACT && strcmp(value, "*") == 0)
		out->any_origin = true;
	to->match = (uint8_t)match;
	if (match == TEXT_REGEX)
		to->regex = regex_get(w, "corsPolicy.allowOrigins", pos, value, true);
	to->text = action_text(w->a, value);
}

static void add_origins(struct action_work *w, const struct cors_policy *c, struct cors *out)
{
	static const enum text_match kinds[] = {
		[SM_PRESENT] = TEXT_PREFIX,
		[SM_EXACT] = TEXT_EXACT,
		[SM_PREFIX] = TEXT_PREFIX,
		[SM_REGEX] = TEXT_REGEX,
	};
	uint32_t n = c->n_allow_origins ? c->n_allow_origins : c->allow_origin.n;
	struct cors_origin *origins = arena_array(w->a, n, sizeof(*origins));

	for (uint32_t i = 0; i < n; i++) {
		const struct string_match *m = &c->allow_origins[i];

		if (c->n_allow_origins)
			add_origin(w, out, &origins[i], kinds[m->kind], m->value ? m->value : "",
				   m->pos);
		else
			add_origin(w, out, &origins[i], TEXT_EXACT, c->allow_origin.items[i],
				   c->pos);
	}
	out->origins = origins;
	out->n_origins = n;
}

const struct cors *cors_get(struct action_work *w, const struct cors_policy *c)
{
	struct cors *out;

	if (!c)
		return NULL;
	out = arena_alloc(w->a, sizeof(*out));
	add_origins(w, c, out);
	out->methods = join(w, &c->allow_methods);
	out->headers = join(w, &c->allow_headers);
	out->expose = join(w, &c->expose_headers);
	if (c->has_max_age)
		out->max_age = action_text(
			w->a, arena_printf(w->b->tmp, "%llu",
					   (unsigned long long)c->max_age_us / 1000000));
	out->credentials = c->allow_credentials;
	out->ignore_unmatched = c->unmatched_preflights == PREFLIGHT_IGNORE;
	return out;
}

uint32_t action_share(const struct percent *p, uint32_t old)
{
	return p ? (uint32_t)lround(p->value * PERCENT_PARTS) : old * PERCENT_PARTS;
}

const struct mirror *mirrors_get(struct action_work *w, const struct route_plan *p)
{
	struct mirror *out = arena_array(w->a, p->n_mirrors, sizeof(*out));

	for (uint32_t i = 0; i < p->n_mirrors; i++)
		out[i] = (struct mirror){
			.cluster_id = w->hold_cluster(w->owner, p->mirrors[i].cluster),
			.cluster_name = arena_strdup(w->a, p->mirrors[i].cluster),
			.share = p->mirrors[i].share,
			.host_suffix = w->b->c->compat_08,
		};
	return out;
}

/* Costs are rounded up: a limit is never exceeded. */
const struct rate_limit *rate_limits_get(struct action_work *w, const struct route_plan *p)
{
	struct rate_limit *out = arena_array(w->a, p->n_limits, sizeof(*out));

	for (uint32_t i = 0; i < p->n_limits; i++) {
		const struct rate_setting *s = p->limits[i].setting;
		uint64_t unit = s->unit_us * RATE_TICKS_US;

		out[i].bucket = w->hold_bucket(w->owner, p->limits[i].name);
		out[i].cost = (unit + s->count - 1) / s->count;
		out[i].room = out[i].cost * (s->burst - 1);
		out[i].name = arena_strdup(w->a, p->limits[i].name);
	}
	return out;
}

const struct fault *fault_get(struct action_work *w, const struct http_fault *f)
{
	struct fault *out;

	if (!f)
		return NULL;
	out = arena_alloc(w->a, sizeof(*out));
	out->abort_grpc = -1;
	if (f->delay) {
		out->delay_us = f->delay->fixed_us;
		out->delay_share = action_share(f->delay->percentage, (uint32_t)f->delay->percent);
	}
	if (f->abort) {
		if (f->abort->has_http_status)
			out->abort_status = (uint16_t)f->abort->http_status;
		if (f->abort->grpc_status)
			out->abort_grpc = (int16_t)grpc_status_of(f->abort->grpc_status);
		if (out->abort_status || out->abort_grpc >= 0)
			out->abort_share =
				action_share(f->abort->percentage, (uint32_t)f->abort->percent);
	}
	return out;
}
