/* describe_action.c - see describe_action.h. Actions come in the order in which they count. */
#include "describe_action.h"

#include <string.h>

#include "describe.h"

#define SENTENCE_MAX 8192u

/* ---- a list of sentences ---- */

static struct text begin(void)
{
	struct text t;

	text_init(&t, SENTENCE_MAX);
	return t;
}

/* Takes t. */
static void end(json_t *out, struct text *t)
{
	json_array_append_new(out, json_take_text(t));
}

static void put_text(struct text *t, const struct action_text *text)
{
	describe_value(t, text->p ? text->p : "", text->n);
}

/* ---- headers ---- */

static const char *variable_name(uint8_t source)
{
	static const char *const names[] = {
#define X(id, name) [VALUE_##id] = name,
		VALUE_VARIABLES(X)
#undef X
	};

	return names[source];
}

static void put_part(struct text *t, const struct value_part *p)
{
	if (p->source == VALUE_LITERAL) {
		text_put(t, p->text.p, p->text.n);
		return;
	}
	text_puts(t, "%");
	if (p->source == VALUE_REQUEST_FIELD || p->source == VALUE_RESPONSE_FIELD) {
		text_puts(t, p->source == VALUE_REQUEST_FIELD ? "REQ(" : "RESP(");
		text_put(t, p->text.p, p->text.n);
		text_puts(t, p->other.n ? "?" : "");
		text_put(t, p->other.p, p->other.n);
		text_puts(t, ")");
	} else {
		text_puts(t, variable_name(p->source));
	}
	if (p->max != UINT32_MAX)
		text_printf(t, ":%u", p->max);
	text_puts(t, "%");
}

static void put_value(struct text *t, const struct header_value *v)
{
	struct text value = begin();

	for (uint32_t i = 0; i < v->n; i++)
		put_part(&value, &v->parts[i]);
	describe_value(t, value.data ? value.data : "", value.len);
	text_fini(&value);
}

static void put_header_ops(json_t *out, const char *of, const struct header_ops *ops)
{
	static const char *const words[] = {
		[HEADER_REMOVE] = "remove",
		[HEADER_SET] = "set",
		[HEADER_ADD] = "add",
	};

	for (uint32_t i = 0; i < ops->n; i++) {
		const struct header_op *op = &ops->ops[i];
		struct text t = begin();

		text_printf(&t, "%s %s header ", words[op->kind], of);
		text_put(&t, op->name.p, op->name.n);
		if (op->kind != HEADER_REMOVE) {
			text_puts(&t, ": ");
			put_value(&t, &op->value);
		}
		end(out, &t);
	}
}

/* ---- paths and redirects ---- */

static void put_path(struct text *t, const struct path_rewrite *p)
{
	switch ((enum path_change_kind)p->change) {
	case PATH_KEPT:
		break;
	case PATH_PREFIX:
		text_printf(t, "the first %u bytes of the path become ", p->prefix_len);
		put_text(t, &p->to);
		break;
	case PATH_WHOLE:
		text_puts(t, "the path becomes ");
		put_text(t, &p->to);
		break;
	case PATH_REGEX:
		text_puts(t, "what the expression matches in the path becomes ");
		for (uint32_t i = 0; i < p->n_parts; i++) {
			if (p->parts[i].group >= 0)
				text_printf(t, "\\%d", p->parts[i].group);
			else
				text_put(t, p->parts[i].text.p, p->parts[i].text.n);
		}
		break;
	}
}

static void put_redirect(json_t *out, const struct redirect *r)
{
	struct text t = begin();

	text_printf(&t, "redirect with %u", r->status);
	if (r->scheme.n) {
		text_puts(&t, ", the scheme becomes ");
		put_text(&t, &r->scheme);
	}
	if (r->authority.n) {
		text_puts(&t, ", the authority becomes ");
		put_text(&t, &r->authority);
	}
	if (r->port)
		text_printf(&t, ", the port becomes %u", r->port);
	if (r->path.change != PATH_KEPT) {
		text_puts(&t, ", ");
		put_path(&t, &r->path);
	}
	end(out, &t);
}

static void put_direct_response(json_t *out, const struct direct_response *d)
{
	struct text t = begin();

	text_printf(&t, "answer with %u and a body of %u bytes", d->status, d->body.n);
	end(out, &t);
}

static void put_rewrite(json_t *out, const struct path_rewrite *p)
{
	struct text t = begin();

	text_puts(&t, "rewrite: ");
	put_path(&t, p);
	end(out, &t);
}

static void put_authority(json_t *out, const struct action_text *authority)
{
	struct text t = begin();

	text_puts(&t, "rewrite: the authority becomes ");
	put_text(&t, authority);
	end(out, &t);
}

/* ---- fault and CORS ---- */

static double percent(uint32_t share)
{
	return 100.0 * share / SHARE_WHOLE;
}

static void put_fault(json_t *out, const struct fault *f)
{
	struct text t;

	if (f->delay_share) {
		t = begin();
		text_printf(&t, "fault: delay %.4g %% of requests for %.6g s",
			    percent(f->delay_share), (double)f->delay_us / 1e6);
		end(out, &t);
	}
	if (f->abort_share) {
		t = begin();
		text_printf(&t, "fault: abort %.4g %% of requests with ", percent(f->abort_share));
		if (f->abort_grpc >= 0)
			text_printf(&t, "gRPC status %d", f->abort_grpc);
		else
			text_printf(&t, "%u", f->abort_status);
		end(out, &t);
	}
}

static void put_cors(json_t *out, const struct cors *c)
{
	static const char *const words[] = {
		[TEXT_EXACT] = "",
		[TEXT_PREFIX] = "prefix ",
		[TEXT_REGEX] = "regex ",
	};
	struct text t = begin();

	text_puts(&t, "CORS: origins");
	if (c->any_origin)
		text_puts(&t, " *");
	for (uint32_t i = 0; i < c->n_origins && !c->any_origin; i++) {
		text_printf(&t, "%s %s", i ? "," : "", words[c->origins[i].match]);
		put_text(&t, &c->origins[i].text);
	}
	if (c->methods.n) {
		text_puts(&t, "; methods ");
		put_text(&t, &c->methods);
	}
	end(out, &t);
}

/* ---- all of them ---- */

static void put_limits(json_t *out, const struct route_actions *a)
{
	for (uint32_t i = 0; i < a->n_limits; i++) {
		struct text t = begin();

		text_printf(&t, "rate limit: %s", a->limits[i].name);
		end(out, &t);
	}
}

static void put_actions(json_t *out, const struct route_actions *a)
{
	put_limits(out, a);
	if (a->fault)
		put_fault(out, a->fault);
	if (a->cors)
		put_cors(out, a->cors);
	if (a->redirect)
		put_redirect(out, a->redirect);
	if (a->direct_response)
		put_direct_response(out, a->direct_response);
	if (a->path && a->path->change != PATH_KEPT)
		put_rewrite(out, a->path);
	if (a->authority.n)
		put_authority(out, &a->authority);
	put_header_ops(out, "request", &a->request);
	put_header_ops(out, "response", &a->response);
}

json_t *describe_route_actions(const struct route *r)
{
	json_t *out = json_array();

	if (r->actions)
		put_actions(out, r->actions);
	return out;
}

json_t *describe_target_actions(const struct target_actions *a)
{
	json_t *out = json_array();

	if (!a)
		return out;
	if (a->authority.n)
		put_authority(out, &a->authority);
	put_header_ops(out, "request", &a->request);
	put_header_ops(out, "response", &a->response);
	return out;
}
