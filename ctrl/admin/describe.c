/* describe.c - see describe.h. What kinds of conditions there are is in two tables. */
#include "describe.h"

#include <stdio.h>
#include <string.h>

#include "cluster_state.h"
#include "describe_action.h"

/* Longer values are cut in sentences: an answer is to be read. */
#define VALUE_SHOWN_MAX 200

/* ---- conditions ---- */

static const struct {
	const char *key;  /* in JSON */
	const char *word; /* as VirtualServices call it */
} fields[MATCH_FIELDS] = {
	[MATCH_PATH] = {"path", "uri"},
	[MATCH_METHOD] = {"method", "method"},
	[MATCH_AUTHORITY] = {"authority", "authority"},
	[MATCH_SCHEME] = {"scheme", "scheme"},
	[MATCH_HEADER] = {"header", "header"},
	[MATCH_QUERY] = {"query", "query parameter"},
	[MATCH_SOURCE] = {"source", "source"},
};

static const struct {
	const char *word;
	bool has_value;
} ops[] = {
	[MATCH_EXACT] = {"exact", true},      [MATCH_PREFIX] = {"prefix", true},
	[MATCH_REGEX] = {"regex", true},      [MATCH_LONE] = {"regex", true},
	[MATCH_PRESENT] = {"present", false}, [MATCH_IN] = {"in", true},
};

/* The name of what is looked at, where the field alone does not say it; NULL. */
static const char *subject_name(const struct vhost *v, const struct predicate *p)
{
	if (p->field == MATCH_HEADER)
		return v->headers[p->header].name;
	return p->field == MATCH_QUERY ? v->queries[p->header].name : NULL;
}

static bool stands_alone(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] <= ' ' || p[i] == '"' || p[i] == 0x7f)
			return false;
	return n > 0;
}

/* Not in the middle of a character. */
static size_t cut(const char *p, size_t n)
{
	size_t shown = 0, len;

	while (shown < n && shown < VALUE_SHOWN_MAX) {
		len = text_utf8_len(p + shown, n - shown);
		shown += len ? len : 1;
	}
	return shown;
}

void describe_value(struct text *out, const char *p, size_t n)
{
	size_t shown = cut(p, n);

	if (stands_alone(p, shown))
		text_put(out, p, shown);
	else
		text_put_json(out, p, shown);
	if (shown < n)
		text_printf(out, "... (%zu bytes)", n);
}

void describe_condition(const struct vhost *v, const struct predicate *p, struct text *out)
{
	const char *name = subject_name(v, p);

	text_printf(out, "%s%s%s%s %s", p->negate ? "without " : "", fields[p->field].word,
		    name ? " " : "", name ? name : "", ops[p->op].word);
	if (ops[p->op].has_value && p->value) {
		text_puts(out, " ");
		describe_value(out, p->value, p->value_len);
	}
	if (p->ignore_case)
		text_puts(out, " in any case");
}

static json_t *predicate_json(const struct vhost *v, const struct predicate *p)
{
	json_t *j = json_object();
	const char *name = subject_name(v, p);
	struct text words;

	json_put_string(j, "field", fields[p->field].key);
	if (name)
		json_put_string(j, fields[p->field].key, name);
	json_put_string(j, "op", ops[p->op].word);
	if (ops[p->op].has_value && p->value)
		json_put_bytes(j, "value", p->value, p->value_len);
	if (p->ignore_case)
		json_put_bool(j, "ignore_case", true);
	if (p->negate)
		json_put_bool(j, "negate", true);
	text_init(&words, JSON_STRING_MAX);
	describe_condition(v, p, &words);
	json_put_text(j, "condition", &words);
	return j;
}

/* ---- virtual hosts ---- */

json_t *describe_target(const struct split *s, uint32_t target)
{
	json_t *j = json_object();
	uint32_t weight = 0;

	for (uint32_t i = 0; i < s->n_slots; i++)
		weight += s->slots[i] == target;
	json_put_string(j, "cluster", s->targets[target].cluster_name);
	json_put_int(j, "weight", s->n_slots ? weight : 1);
	json_object_set_new(j, "percent",
			    json_real(s->n_slots ? 100.0 * weight / s->n_slots : 100.0));
	json_object_set_new(j, "actions", describe_target_actions(s->targets[target].actions));
	return j;
}

static json_t *origin_json(const struct route_origin *o)
{
	json_t *j = json_object();

	json_put_string(j, "resource", o->resource);
	json_put_string(j, "field", o->field);
	return j;
}

json_t *describe_route(const struct vhost *v, const struct route *r)
{
	json_t *j = json_object(), *match = json_array(), *targets = json_array();

	json_put_string(j, "name", r->name);
	if (r->origin)
		json_object_set_new(j, "origin", origin_json(r->origin));
	for (unsigned i = 0; i < r->n_predicates; i++)
		json_array_append_new(match, predicate_json(v, &r->predicates[i]));
	json_object_set_new(j, "match", match);
	for (uint32_t i = 0; i < r->split.n_targets; i++)
		json_array_append_new(targets, describe_target(&r->split, i));
	json_object_set_new(j, "targets", targets);
	json_object_set_new(j, "actions", describe_route_actions(r));
	json_put_int(j, "timeout_us", r->timeout_us);
	json_put_int(j, "retry_attempts", r->retry.attempts);
	return j;
}

json_t *describe_tcp_route(const struct tcp_route *r)
{
	json_t *j = json_object(), *targets = json_array();

	json_put_string(j, "name", "tcp");
	json_object_set_new(j, "origin", origin_json(&r->origin));
	json_object_set_new(j, "match", json_array());
	for (uint32_t i = 0; i < r->split.n_targets; i++)
		json_array_append_new(targets, describe_target(&r->split, i));
	json_object_set_new(j, "targets", targets);
	json_object_set_new(j, "actions", json_array());
	return j;
}

/* Where virtual hosts are listed, its route is what it has instead. */
json_t *describe_tcp_listener(const struct listener *l)
{
	json_t *j = json_object(), *routes = json_array();

	json_put_string(j, "name", l->name);
	json_put_int(j, "port", l->addr.port);
	json_put_string(j, "protocol", "tcp");
	json_object_set_new(j, "domains", json_array());
	json_array_append_new(routes, describe_tcp_route(l->tcp));
	json_object_set_new(j, "routes", routes);
	return j;
}

json_t *describe_vhost(const struct vhost *v, uint16_t port, json_t *domains)
{
	json_t *j = json_object(), *routes = json_array();

	json_put_string(j, "name", v->name);
	json_put_int(j, "port", port);
	json_object_set_new(j, "domains", domains);
	for (uint32_t i = 0; i < v->n_routes; i++)
		json_array_append_new(routes, describe_route(v, &v->routes[i]));
	json_object_set_new(j, "routes", routes);
	return j;
}

/* ---- listeners ---- */

static void put_hosts(json_t *hosts, const struct host_entry *table, uint32_t mask,
		      const char *prefix)
{
	for (uint32_t i = 0; i < describe_table_size(mask); i++) {
		const struct host_entry *e = &table[i];
		char host[512];

		if (!describe_is_domain(e))
			continue;
		snprintf(host, sizeof(host), "%s%.*s", prefix, (int)e->len, e->host);
		json_put_string(hosts, host, e->vhost->name);
	}
}

static json_t *hosts_json(const struct host_table *t)
{
	json_t *hosts = json_object();

	put_hosts(hosts, t->exact, t->exact_mask, "");
	put_hosts(hosts, t->suffix, t->suffix_mask, "*");
	if (t->any)
		json_put_string(hosts, "*", t->any->name);
	return hosts;
}

static uint32_t count_hosts(const struct host_entry *table, uint32_t mask)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < describe_table_size(mask); i++)
		n += describe_is_domain(&table[i]);
	return n;
}

bool describe_shares_hosts(const struct listener *a, const struct listener *b)
{
	return a && a->hosts.exact && a->hosts.exact == b->hosts.exact;
}

json_t *describe_listener(const struct listener *l, bool hosts, const struct listener *like)
{
	json_t *j = json_object();
	const struct host_table *t = &l->hosts;
	char addr[NET_ADDR_STRLEN];

	json_put_string(j, "name", l->name);
	json_put_string(j, "address", net_addr_format(&l->addr, addr));
	json_put_int(j, "port", l->addr.port);
	json_put_string(j, "kind", l->kind == LISTENER_MESH ? "mesh" : "gateway");
	json_put_string(j, "protocol", l->tcp ? "tcp" : "http");
	if (l->proxy_protocol)
		json_object_set_new(j, "proxy_protocol", json_true());
	json_put_int(j, "host_count",
		     count_hosts(t->exact, t->exact_mask) + count_hosts(t->suffix, t->suffix_mask) +
			     (t->any != NULL));
	if (hosts && like)
		json_put_string(j, "same_hosts_as", like->name);
	else if (hosts)
		json_object_set_new(j, "hosts", hosts_json(t));
	if (l->fallback)
		json_put_string(j, "fallback", l->fallback->name);
	if (l->count) {
		json_put_int(j, "connections", __atomic_load_n(&l->count->open, __ATOMIC_RELAXED));
		json_put_int(j, "max_connections", l->max_connections);
	}
	return j;
}

/* ---- clusters ---- */

static json_t *endpoint_json(const struct cluster *c, uint32_t i, uint64_t now_us)
{
	const struct endpoint *e = &c->endpoints->endpoints[i];
	json_t *j = json_object();

	json_put_string(j, "address", e->name);
	json_put_int(j, "weight", e->weight);
	json_put_string(j, "version", e->version);
	cluster_state_describe_endpoint(j, c, i, now_us);
	return j;
}

json_t *describe_cluster(const struct cluster *c, uint64_t now_us)
{
	static const char *const policies[] = {
		[LB_LEAST_REQUEST] = "LEAST_REQUEST",
		[LB_ROUND_ROBIN] = "ROUND_ROBIN",
		[LB_RANDOM] = "RANDOM",
		[LB_HASH] = "CONSISTENT_HASH",
	};
	json_t *j = json_object(), *endpoints = json_array();

	json_put_string(j, "name", c->name);
	json_put_string(j, "load_balancer", policies[c->lb]);
	json_put_string(j, "service", c->service_host);
	json_put_string(j, "subset", c->subset);
	json_put_int(j, "port", c->port);
	json_put_int(j, "connect_timeout_us", c->connect_timeout_us);
	json_put_int(j, "idle_timeout_us", c->idle_timeout_us);
	json_put_int(j, "max_requests_per_connection", c->max_requests_per_connection);
	json_put_int(j, "tcp_idle_timeout_us", c->tcp_idle_us);
	if (c->tunnel) {
		json_put_string(j, "tunnel", c->tunnel->target);
		json_put_string(j, "tunnel_protocol", c->tunnel->post ? "POST" : "CONNECT");
	}
	json_put_string(j, "protocol", c->http2 ? "HTTP/2" : "HTTP/1.1");
	if (c->http2)
		json_put_int(j, "max_concurrent_streams", c->http2->max_streams);
	if (c->http2 && c->http2->ping_interval_us) {
		json_put_int(j, "http2_keepalive_interval_us", c->http2->ping_interval_us);
		json_put_int(j, "http2_keepalive_timeout_us", c->http2->ping_timeout_us);
	}
	if (c->endpoints->n && c->endpoints->endpoints[0].announce)
		json_put_int(j, "proxy_protocol", c->endpoints->endpoints[0].announce);
	cluster_state_describe(j, c);
	for (uint32_t i = 0; i < c->endpoints->n; i++)
		json_array_append_new(endpoints, endpoint_json(c, i, now_us));
	json_object_set_new(j, "endpoints", endpoints);
	return j;
}
