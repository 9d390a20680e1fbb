/* explain.c - see explain.h. The order is that of istio/reference 0.4: listener, virtual host,
 * first route, cluster, endpoint. */
#include "explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "explain_host.h"
#include "explain_match.h"

#define SENTENCE_MAX 8192u

/* One question while it is answered. */
struct question {
	const struct admin_state *s;
	const struct snapshot *snap;
	struct explain_request r;
	unsigned long misses_max;
	json_t *answer;
};

/* ---- what comes of it ---- */

/* What the client gets without a backend: status and flags as in the access log. */
static void put_verdict(struct question *x, unsigned status, const char *flags,
			const char *sentence)
{
	json_t *j = json_object();

	json_put_string(j, "result", status ? "reply" : "forward");
	if (status)
		json_put_int(j, "status", status);
	json_put_string(j, "response_flags", flags);
	json_put_string(j, "reason", sentence);
	json_object_set_new(x->answer, "verdict", j);
}

/* What the client sees of a connection that goes nowhere. */
static void put_tcp_verdict(struct question *x, const char *flags, const char *sentence)
{
	json_t *j = json_object();

	json_put_string(j, "result", *flags == '-' ? "forward" : "close");
	json_put_string(j, "response_flags", flags);
	json_put_string(j, "reason", sentence);
	json_object_set_new(x->answer, "verdict", j);
}

static void put_closed(struct question *x, struct text *why)
{
	json_t *j = json_object();

	json_put_string(j, "result", "refused");
	json_put_text(j, "reason", why);
	json_object_set_new(x->answer, "verdict", j);
}

/* ---- the request ---- */

static void put_request(struct question *x)
{
	const struct explain_request *r = &x->r;
	json_t *j = json_object(), *fields = json_array();
	char ip[IP_ADDR_STRLEN];

	json_put_bytes(j, "method", r->method.p, r->method.n);
	json_put_bytes(j, "path", r->sent.p, r->sent.n);
	json_put_bytes(j, "normal_path", r->path.p, r->path.n);
	json_put_bytes(j, "authority", r->authority.p, r->authority.n);
	json_put_string(j, "scheme", "http");
	json_put_int(j, "port", r->port);
	if (r->has_to)
		json_put_string(j, "to", ip_addr_format(&r->to, ip));
	if (r->has_from)
		json_put_string(j, "from", ip_addr_format(&r->from, ip));
	for (unsigned i = 0; i < r->n_fields; i++) {
		json_t *f = json_object();

		json_put_bytes(f, "name", r->fields[i].name.p, r->fields[i].name.n);
		json_put_bytes(f, "value", r->fields[i].value.p, r->fields[i].value.n);
		json_array_append_new(fields, f);
	}
	json_object_set_new(j, "headers", fields);
	json_object_set_new(x->answer, "request", j);
}

/* ---- routes ---- */

struct miss {
	uint32_t route;
	uint16_t first;          /* the condition to tell */
	uint16_t failing, total; /* conditions */
};

/* Nearest first: fewest failing conditions, then most that hold. */
static int by_nearness(const void *x, const void *y)
{
	const struct miss *a = x, *b = y;

	if (a->failing != b->failing)
		return a->failing < b->failing ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return a->route < b->route ? -1 : a->route > b->route;
}

static int by_order(const void *x, const void *y)
{
	const struct miss *a = x, *b = y;

	return a->route < b->route ? -1 : a->route > b->route;
}

/* What a route without a name of its own is called, and where it was written. */
static void put_route_names(json_t *j, const struct route *r)
{
	json_put_string(j, "name", r->name);
	if (!r->origin)
		return;
	json_put_string(j, "resource", r->origin->resource);
	json_put_string(j, "field", r->origin->field);
}

static json_t *actual_json(struct evaluation *e, const struct predicate *p)
{
	struct text t;

	text_init(&t, SENTENCE_MAX);
	evaluation_actual(e, p, &t);
	return json_take_text(&t);
}

static json_t *condition_json(const struct vhost *v, const struct predicate *p)
{
	struct text t;

	text_init(&t, SENTENCE_MAX);
	describe_condition(v, p, &t);
	return json_take_text(&t);
}

static json_t *miss_json(struct evaluation *e, const struct vhost *v, const struct miss *m)
{
	const struct route *r = &v->routes[m->route];
	const struct predicate *p = &r->predicates[m->first];
	json_t *j = json_object();

	json_put_int(j, "index", m->route);
	put_route_names(j, r);
	json_object_set_new(j, "condition", condition_json(v, p));
	json_object_set_new(j, "actual", actual_json(e, p));
	json_put_int(j, "conditions", m->total);
	json_put_int(j, "not_met", m->failing);
	return j;
}

/* The routes before the first that takes the request: none of them does. */
static void put_misses(struct question *x, struct evaluation *e, const struct vhost *v, uint32_t n)
{
	struct miss *misses = calloc(n + 1u, sizeof(*misses));
	json_t *list = json_array();
	uint32_t shown = n < x->misses_max ? n : (uint32_t)x->misses_max;

	for (uint32_t i = 0; misses && i < n; i++) {
		unsigned first = 0;

		misses[i].route = i;
		misses[i].failing = (uint16_t)evaluation_misses(e, &v->routes[i], &first);
		misses[i].first = (uint16_t)first;
		misses[i].total = v->routes[i].n_predicates;
	}
	if (misses) {
		qsort(misses, n, sizeof(*misses), by_nearness);
		qsort(misses, shown, sizeof(*misses), by_order);
	}
	for (uint32_t i = 0; misses && i < shown; i++)
		json_array_append_new(list, miss_json(e, v, &misses[i]));
	json_put_int(x->answer, "misses_total", n);
	json_object_set_new(x->answer, "misses", list);
	free(misses);
}

/* ---- destinations ---- */

static const struct cluster *target_cluster(const struct question *x, const struct split_target *t)
{
	return t->cluster_id == WEIR_ID_NONE ? NULL : snapshot_cluster(x->snap, t->cluster_id);
}

static void put_targets(struct question *x, json_t *route, const struct split *s)
{
	json_t *targets = json_array();

	for (uint32_t i = 0; i < s->n_targets; i++) {
		const struct cluster *c = target_cluster(x, &s->targets[i]);
		json_t *j = describe_target(s, i);

		json_object_set_new(j, "details",
				    c ? describe_cluster(c, dataplane_now_us(x->s->dataplane))
				      : json_null());
		json_array_append_new(targets, j);
	}
	json_object_set_new(route, "targets", targets);
}

/* What the route itself answers; false: it does not. */
static bool put_own_verdict(struct question *x, const struct route *r)
{
	const struct route_actions *a = r->actions;

	if (r->action == ROUTE_REDIRECT)
		put_verdict(x, a->redirect->status, "-", "the route redirects");
	else if (r->action == ROUTE_DIRECT_RESPONSE)
		put_verdict(x, a->direct_response->status, "-", "the route answers itself");
	else if (a && a->fault && a->fault->abort_share == SHARE_WHOLE && a->fault->abort_status)
		put_verdict(x, a->fault->abort_status, "FI",
			    "the route's fault aborts all requests");
	else
		return false;
	return true;
}

/* A route with several clusters fails only for its share; the answer says it at the cluster.
 * Returns the flags. */
static const char *judge_split(const struct question *x, const struct split *s,
			       const char **sentence)
{
	uint32_t missing = 0, empty = 0;

	for (uint32_t i = 0; i < s->n_targets; i++) {
		const struct cluster *c = target_cluster(x, &s->targets[i]);

		missing += c == NULL;
		empty += c && c->endpoints->n == 0;
	}
	if (missing == s->n_targets) {
		*sentence = "the cluster does not exist: no such service, port or subset is known";
		return "NC";
	}
	if (missing + empty == s->n_targets) {
		*sentence = "the cluster has no endpoint";
		return "UH";
	}
	*sentence = missing + empty ? "forwarded, but some of the clusters cannot be reached"
				    : "forwarded to an endpoint";
	return "-";
}

static void put_forward_verdict(struct question *x, const struct split *s)
{
	const char *sentence, *flags = judge_split(x, s, &sentence);

	put_verdict(x, *flags == '-' ? 0 : 503, flags, sentence);
}

static void put_route(struct question *x, struct evaluation *e, const struct vhost *v,
		      uint32_t index)
{
	const struct route *r = &v->routes[index];
	json_t *j = describe_route(v, r), *match = json_object_get(j, "match");

	json_put_int(j, "index", index);
	put_route_names(j, r);
	for (unsigned i = 0; i < r->n_predicates; i++)
		json_object_set_new(json_array_get(match, i), "actual",
				    actual_json(e, &r->predicates[i]));
	put_targets(x, j, &r->split);
	json_object_set_new(x->answer, "route", j);
	if (!put_own_verdict(x, r))
		put_forward_verdict(x, &r->split);
}

static void find_route(struct question *x, const struct vhost *v)
{
	struct evaluation *e = evaluation_create(v, &x->r);
	uint32_t winner;

	if (!e)
		return;
	winner = evaluation_first(e);
	put_misses(x, e, v, winner);
	if (winner < v->n_routes)
		put_route(x, e, v, winner);
	else
		put_verdict(x, 404, "NR", "no route of the virtual host takes the request");
	evaluation_destroy(e);
}

/* ---- listener and virtual host ---- */

static void put_vhost(struct question *x, const struct explain_host *h)
{
	static const char *const how[] = {
		[HOST_NONE] = "none", [HOST_EXACT] = "exact",       [HOST_SUFFIX] = "suffix",
		[HOST_ANY] = "any",   [HOST_FALLBACK] = "fallback",
	};
	json_t *j = json_object();
	struct text domain;

	json_put_string(j, "name", h->vhost->name);
	json_put_string(j, "found_by", how[h->found]);
	text_init(&domain, SENTENCE_MAX);
	text_puts(&domain, h->found == HOST_SUFFIX ? "*" : "");
	text_put(&domain, h->entry.p, h->entry.n);
	json_put_text(j, "domain", &domain);
	json_put_int(j, "routes", h->vhost->n_routes);
	json_object_set_new(x->answer, "virtual_host", j);
}

static void put_listener(struct question *x, const struct listener *l)
{
	json_object_set_new(x->answer, "listener", describe_listener(l, false, NULL));
}

/* Whatever is asked: nobody reads it. */
static void put_tcp_route(struct question *x, const struct tcp_route *r)
{
	const char *sentence, *flags = judge_split(x, &r->split, &sentence);
	json_t *j = describe_tcp_route(r);

	json_put_string(j, "resource", r->origin.resource);
	json_put_string(j, "field", r->origin.field);
	put_targets(x, j, &r->split);
	json_object_set_new(x->answer, "tcp_route", j);
	put_tcp_verdict(x, flags, sentence);
}

static bool is_connect(struct span method)
{
	return method.n == 7 && memcmp(method.p, "CONNECT", 7) == 0;
}

static void put_no_host(struct question *x, const struct listener *l)
{
	struct text why;

	text_init(&why, SENTENCE_MAX);
	text_puts(&why, "the listener has no virtual host for this host");
	explain_say_nearest(l, x->r.authority, &why);
	text_put(&why, "", 1); /* ends the string */
	put_verdict(x, 404, "NR", why.full ? "no virtual host" : why.data);
	text_fini(&why);
}

static void find_host(struct question *x, const struct listener *l)
{
	struct explain_host h = explain_find_host(l, x->r.authority);

	if (!h.vhost) {
		put_no_host(x, l);
		return;
	}
	put_vhost(x, &h);
	if (is_connect(x->r.method))
		put_verdict(x, 404, "NR", "CONNECT is not routed");
	else
		find_route(x, h.vhost);
}

static void answer(struct question *x)
{
	const struct listener *l;
	struct text why;

	json_put_int(x->answer, "generation", x->snap ? x->snap->generation : 0);
	put_request(x);
	text_init(&why, SENTENCE_MAX);
	if (!x->snap) {
		text_puts(&why, "no valid configuration was loaded yet");
		put_closed(x, &why);
		return;
	}
	l = explain_find_listener(x->s, x->snap, &x->r, &why);
	if (!l) {
		put_closed(x, &why);
		return;
	}
	text_fini(&why);
	put_listener(x, l);
	if (l->tcp)
		put_tcp_route(x, l->tcp);
	else
		find_host(x, l);
}

static bool read_misses(struct question *x, const struct query *q, struct text *out)
{
	const char *text = query_get(q, "misses");
	char *end;

	x->misses_max = EXPLAIN_MISSES_DEFAULT;
	if (!query_has(q, "misses"))
		return true;
	errno = 0;
	x->misses_max = text && *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
	if (text && *text >= '0' && *text <= '9' && !*end && !errno)
		return true;
	text_puts(out, "misses: a number of routes to tell at most\n");
	return false;
}

bool explain(const struct admin_state *s, const struct query *q, struct text *out)
{
	struct question x = {.s = s, .snap = admin_snapshot(s)};

	if (!explain_request_read(&x.r, q, s->node->dataplane.http.path_normalization, out) ||
	    !read_misses(&x, q, out))
		return false;
	x.answer = json_object();
	answer(&x);
	json_write(out, x.answer);
	text_puts(out, "\n");
	return true;
}
