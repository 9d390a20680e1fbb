/* actions.c - owns the order of a route's actions, and what they see of a stream. */
#include <proxy/actions.h>

#include <filter/cors.h>
#include <filter/headers.h>
#include <filter/path.h>
#include <filter/redirect.h>
#include <proxy/rate_limit.h>
#include <proxy/transform.h>

/* id: UUID_LEN bytes, for the request's. */
static struct filter_view view_of(struct stream *s, const struct http_head *req,
				  const struct http_head *resp, char *id)
{
	return (struct filter_view){
		.req = req,
		.resp = resp,
		.request_id = transform_request_id(s, req, id),
		.client = &s->client,
		.direct = s->direct.port ? &s->direct : &s->client,
		.local = &s->local,
		.upstream = &s->upstream_remote,
		.cluster = s->cluster_name,
		.route = s->route->name,
		.start_us = s->start_us + (uint64_t)s->px->env.epoch_offset_us,
		.status = resp ? resp->status : 0,
		.minor = s->minor,
		.scratch = &s->px->scratch,
	};
}

/* ---- rate limits ---- */

/* First of all, so that what is refused costs little: whatever the route would answer. */
bool actions_refuse(struct stream *s)
{
	const struct route_actions *a = s->route->actions;

	if (rate_limit_take(a->limits, a->n_limits, s->px->now_us))
		return false;
	counter_inc(s->px->env.counters, CTR_HTTP_RATE_LIMITED);
	stream_reply(s, &replies[REPLY_RATE_LIMITED], 0);
	return true;
}

/* ---- fault (2.4.7) ---- */

/* Redirects and direct responses are not touched by faults and CORS. */
static bool is_forwarded(const struct stream *s)
{
	return s->route->action == ROUTE_FORWARD;
}

bool actions_delay(struct stream *s)
{
	const struct fault *f = s->route->actions->fault;

	if (!f || !is_forwarded(s) || !f->delay_us || !lb_chance(s->px->lb, f->delay_share))
		return false;
	s->flags |= RESPONSE_FLAG_DI;
	stream_delay(s, f->delay_us);
	return true;
}

static bool abort_by_fault(struct stream *s)
{
	const struct fault *f = s->route->actions->fault;

	if (!f || !lb_chance(s->px->lb, f->abort_share))
		return false;
	if (f->abort_grpc < 0) {
		stream_reply(s, &replies[REPLY_FAULT], f->abort_status);
		return true;
	}
	s->flags |= replies[REPLY_FAULT].flag;
	s->px->extra.n = 0;
	stream_answer_grpc(s, (unsigned)f->abort_grpc, slice_str(replies[REPLY_FAULT].body),
			   replies[REPLY_FAULT].details);
	return true;
}

/* ---- CORS (2.4.10) ---- */

static bool answer_preflight(struct stream *s, const struct http_head *h)
{
	const struct cors *c = s->route->actions->cors;
	struct http_extra *x = &s->px->extra;

	if (!c)
		return false;
	x->n = 0;
	switch (cors_judge(s->px->regex, c, h)) {
	case CORS_PASS:
		return false;
	case CORS_ALLOWED:
		s->cross_origin = true;
		return false;
	case CORS_PREFLIGHT:
		cors_preflight(c, cors_origin(h), x);
		break;
	case CORS_UNKNOWN_PREFLIGHT:
		break;
	}
	stream_answer(s, 200, SLICE(""), "cors_response");
	return true;
}

void actions_on_reply(struct stream *s)
{
	/* The reply has no fields of its own, and the last one's are not its. */
	s->px->reply.n_fields = 0;
	if (s->cross_origin)
		cors_allow(s->route->actions->cors, cors_origin(stream_reparse(s)), &s->px->reply,
			   &s->px->extra);
}

/* ---- answers of routes ---- */

static void finish_answer(struct stream *s, const struct http_head *h, uint16_t status,
			  struct slice text, const char *details)
{
	struct proxy *px = s->px;
	char id[UUID_LEN];
	struct filter_view v = view_of(s, h, &px->reply, id);

	v.status = status;
	px->reply.n_fields = 0;
	headers_apply(&v, &s->route->actions->response, &px->reply, &px->extra);
	stream_answer(s, status, text, details);
}

static void redirect(struct stream *s, const struct http_head *h)
{
	const struct redirect *r = s->route->actions->redirect;
	struct proxy *px = s->px;
	char id[UUID_LEN];
	struct filter_view v = view_of(s, h, NULL, id);
	struct slice location;

	scratch_reset(&px->scratch);
	px->extra.n = 0;
	location = redirect_location(&v, px->regex, r, SLICE("http"));
	if (location.n == 0) {
		stream_reply(s, &replies[REPLY_TOO_LONG], 0);
		return;
	}
	http_extra_add(&px->extra, SLICE("location"), location);
	finish_answer(s, h, r->status, SLICE(""), "direct_response");
}

static void respond(struct stream *s, const struct http_head *h)
{
	const struct direct_response *d = s->route->actions->direct_response;
	struct slice body = slice_of(d->body.p, d->body.n);

	scratch_reset(&s->px->scratch);
	s->px->extra.n = 0;
	finish_answer(s, h, d->status, body, "direct_response");
}

bool actions_go_on(struct stream *s, struct http_head *h)
{
	switch ((enum route_action)s->route->action) {
	case ROUTE_REDIRECT:
		redirect(s, h);
		return false;
	case ROUTE_DIRECT_RESPONSE:
		respond(s, h);
		return false;
	case ROUTE_FORWARD:
		break;
	}
	return !abort_by_fault(s) && !answer_preflight(s, h);
}

/* ---- heads ---- */

static bool rewrite_path(struct stream *s, struct http_head *h)
{
	const struct path_rewrite *w = s->route->actions->path;
	struct proxy *px = s->px;
	struct slice old = h->path, rest = slice_of(old.p + h->path_len, old.n - h->path_len);
	struct slice made = path_change(px->regex, &px->scratch, w, slice_of(old.p, h->path_len));
	char *p = made.p ? scratch_take(&px->scratch, made.n + rest.n) : NULL;

	if (!p)
		return false;
	memcpy(p, made.p, made.n);
	memcpy(p + made.n, rest.p, rest.n);
	h->path = slice_of(p, made.n + rest.n);
	h->path_len = made.n;
	headers_set(h, &px->extra, SLICE("x-envoy-original-path"), old);
	return true;
}

static void set_authority(struct http_head *h, const struct action_text *t)
{
	if (t->n)
		h->authority = slice_of(t->p, t->n);
}

bool actions_on_request(struct stream *s, struct http_head *h)
{
	const struct route_actions *a = s->route->actions;
	const struct target_actions *t = s->target->actions;
	struct http_extra *x = &s->px->extra;
	char *id = scratch_take(&s->px->scratch, UUID_LEN);
	struct filter_view v;

	if (!id)
		return false;
	v = view_of(s, h, NULL, id);
	/* The destination's first, so that the rule's overwrite them (2.4.9). */
	if (t)
		headers_apply(&v, &t->request, h, x);
	headers_apply(&v, &a->request, h, x);
	if (t)
		set_authority(h, &t->authority);
	set_authority(h, &a->authority);
	return !a->path || rewrite_path(s, h);
}

void actions_on_response(struct stream *s, struct http_head *h)
{
	const struct route_actions *a = s->route->actions;
	const struct target_actions *t = s->target->actions;
	struct http_extra *x = &s->px->extra;
	char *id = scratch_take(&s->px->scratch, UUID_LEN);
	struct filter_view v;

	if (!id || h->status < 200)
		return;
	if (!a->response.n && !(t && t->response.n) && !s->cross_origin)
		return;
	v = view_of(s, stream_reparse(s), h, id);
	if (t)
		headers_apply(&v, &t->response, h, x);
	headers_apply(&v, &a->response, h, x);
	if (s->cross_origin)
		cors_allow(a->cors, cors_origin(v.req), h, x);
}
