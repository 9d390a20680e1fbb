/* dump.c - walks a snapshot. Virtual hosts are listed once, however many listeners share
 * them; listeners name them. */
#include "dump.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

static bool selected(const char *name, const char *part)
{
	return !part || strstr(name, part);
}

/* ---- a JSON array, one element a line ---- */

struct list {
	struct text *out;
	bool begun;
};

static struct list list_open(struct text *out, const char *key)
{
	text_printf(out, ",\n\"%s\":[", key);
	return (struct list){.out = out};
}

/* Takes value. */
static void list_add(struct list *l, json_t *value)
{
	text_puts(l->out, l->begun ? ",\n" : "\n");
	l->begun = true;
	json_write(l->out, value);
}

static void list_close(struct list *l)
{
	text_puts(l->out, "]");
}

/* ---- virtual hosts ---- */

static json_t *predicate_json(const struct vhost *v, const struct predicate *p)
{
	static const char *const fields[] = {
		[MATCH_PATH] = "path",           [MATCH_METHOD] = "method",
		[MATCH_AUTHORITY] = "authority", [MATCH_SCHEME] = "scheme",
		[MATCH_HEADER] = "header",       [MATCH_QUERY] = "query",
		[MATCH_SOURCE] = "source",
	};
	static const char *const ops[] = {
		[MATCH_EXACT] = "exact",     [MATCH_PREFIX] = "prefix", [MATCH_REGEX] = "regex",
		[MATCH_PRESENT] = "present", [MATCH_IN] = "in",
	};
	json_t *j = json_object();

	json_put_string(j, "field", fields[p->field]);
	if (p->field == MATCH_HEADER)
		json_put_string(j, "header", v->headers[p->header].name);
	if (p->field == MATCH_QUERY)
		json_put_string(j, "parameter", v->queries[p->header].name);
	json_put_string(j, "op", ops[p->op]);
	if (p->op == MATCH_EXACT || p->op == MATCH_PREFIX || p->op == MATCH_IN)
		json_object_set_new(j, "value", json_stringn(p->value, p->value_len));
	if (p->op == MATCH_REGEX)
		json_put_int(j, "pattern", p->regex);
	if (p->ignore_case)
		json_put_bool(j, "ignore_case", true);
	if (p->negate)
		json_put_bool(j, "negate", true);
	return j;
}

/* A target's weight is its number of slots in one cycle of the split. */
static json_t *target_json(const struct split *s, uint32_t target)
{
	json_t *j = json_object();
	uint32_t weight = 0;

	for (uint32_t i = 0; i < s->n_slots; i++)
		weight += s->slots[i] == target;
	json_put_string(j, "cluster", s->targets[target].cluster_name);
	json_put_int(j, "weight", s->n_slots ? weight : 1);
	return j;
}

static json_t *route_json(const struct vhost *v, const struct route *r)
{
	json_t *j = json_object(), *match = json_array(), *targets = json_array();

	json_put_string(j, "name", r->name);
	for (unsigned i = 0; i < r->n_predicates; i++)
		json_array_append_new(match, predicate_json(v, &r->predicates[i]));
	json_object_set_new(j, "match", match);
	for (uint32_t i = 0; i < r->split.n_targets; i++)
		json_array_append_new(targets, target_json(&r->split, i));
	json_object_set_new(j, "targets", targets);
	json_put_int(j, "timeout_us", r->timeout_us);
	json_put_int(j, "retry_attempts", r->retry.attempts);
	return j;
}

static json_t *vhost_json(const struct vhost *v)
{
	json_t *j = json_object(), *routes = json_array();

	json_put_string(j, "name", v->name);
	for (uint32_t i = 0; i < v->n_routes; i++)
		json_array_append_new(routes, route_json(v, &v->routes[i]));
	json_object_set_new(j, "routes", routes);
	return j;
}

struct vhosts {
	size_t n, cap;
	const struct vhost **items;
	bool failed; /* no memory */
};

static void vhosts_add(struct vhosts *set, const struct vhost *v)
{
	if (!v || set->failed)
		return;
	if (set->n == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 64;
		const struct vhost **items = realloc(set->items, cap * sizeof(*items));

		if (!items) {
			set->failed = true;
			return;
		}
		set->items = items;
		set->cap = cap;
	}
	set->items[set->n++] = v;
}

/* The slots of an open-addressing table, of which mask 0 says that there is none. */
static uint32_t table_size(uint32_t mask)
{
	return mask ? mask + 1 : 0;
}

static void vhosts_collect(struct vhosts *set, const struct listener *l)
{
	for (uint32_t i = 0; i < table_size(l->hosts.exact_mask); i++)
		vhosts_add(set, l->hosts.exact[i].vhost);
	for (uint32_t i = 0; i < table_size(l->hosts.suffix_mask); i++)
		vhosts_add(set, l->hosts.suffix[i].vhost);
	vhosts_add(set, l->hosts.any);
	vhosts_add(set, l->fallback);
}

static int compare_vhosts(const void *a, const void *b)
{
	const struct vhost *x = *(const struct vhost *const *)a;
	const struct vhost *y = *(const struct vhost *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x > y) - (x < y);
}

static void put_vhosts(const struct snapshot *snap, const char *name, struct text *out)
{
	struct vhosts set = {0};
	struct list list = list_open(out, "virtual_hosts");

	for (uint32_t i = 0; i < snap->n_listener_ids; i++)
		if (snap->listener_by_id[i])
			vhosts_collect(&set, snap->listener_by_id[i]);
	if (set.n)
		qsort(set.items, set.n, sizeof(*set.items), compare_vhosts);
	for (size_t i = 0; i < set.n && !out->full; i++)
		if ((i == 0 || set.items[i] != set.items[i - 1]) &&
		    selected(set.items[i]->name, name))
			list_add(&list, vhost_json(set.items[i]));
	list_close(&list);
	out->full |= set.failed;
	free(set.items);
}

/* ---- listeners ---- */

static void put_hosts(json_t *hosts, const struct host_entry *table, uint32_t mask,
		      const char *prefix)
{
	for (uint32_t i = 0; i < table_size(mask); i++) {
		const struct host_entry *e = &table[i];
		char host[512];

		if (!e->vhost)
			continue;
		snprintf(host, sizeof(host), "%s%.*s", prefix, (int)e->len, e->host);
		json_put_string(hosts, host, e->vhost->name);
	}
}

static json_t *listener_json(const struct listener *l)
{
	json_t *j = json_object(), *hosts = json_object();
	char addr[NET_ADDR_STRLEN];

	json_put_string(j, "name", l->name);
	json_put_string(j, "address", net_addr_format(&l->addr, addr));
	json_put_string(j, "kind", l->kind == LISTENER_MESH ? "mesh" : "gateway");
	put_hosts(hosts, l->hosts.exact, l->hosts.exact_mask, "");
	put_hosts(hosts, l->hosts.suffix, l->hosts.suffix_mask, "*");
	if (l->hosts.any)
		json_put_string(hosts, "*", l->hosts.any->name);
	json_object_set_new(j, "hosts", hosts);
	if (l->fallback)
		json_put_string(j, "fallback", l->fallback->name);
	return j;
}

static void put_listeners(const struct snapshot *snap, const char *name, struct text *out)
{
	struct list list = list_open(out, "listeners");

	for (uint32_t i = 0; i < snap->n_listener_ids && !out->full; i++) {
		const struct listener *l = snap->listener_by_id[i];

		if (l && selected(l->name, name))
			list_add(&list, listener_json(l));
	}
	list_close(&list);
}

/* ---- clusters ---- */

static json_t *endpoint_json(const struct endpoint *e)
{
	json_t *j = json_object();

	json_put_string(j, "address", e->name);
	json_put_int(j, "weight", e->weight);
	json_put_string(j, "version", e->version);
	return j;
}

static json_t *cluster_json(const struct cluster *c)
{
	static const char *const policies[] = {
		[LB_LEAST_REQUEST] = "LEAST_REQUEST",
		[LB_ROUND_ROBIN] = "ROUND_ROBIN",
		[LB_RANDOM] = "RANDOM",
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
	for (uint32_t i = 0; i < c->endpoints->n; i++)
		json_array_append_new(endpoints, endpoint_json(&c->endpoints->endpoints[i]));
	json_object_set_new(j, "endpoints", endpoints);
	return j;
}

static void put_clusters(const struct snapshot *snap, const char *name, struct text *out)
{
	struct list list = list_open(out, "clusters");

	for (uint32_t i = 0; i < snap->n_cluster_ids && !out->full; i++) {
		const struct cluster *c = snap->cluster_by_id[i];

		if (c && selected(c->name, name))
			list_add(&list, cluster_json(c));
	}
	list_close(&list);
}

/* ---- documents ---- */

static const struct snapshot *put_head(const struct admin_state *s, struct text *out)
{
	const struct snapshot *snap = admin_snapshot(s);

	text_printf(out, "{\"generation\":%llu",
		    snap ? (unsigned long long)snap->generation : 0ull);
	return snap;
}

void dump_config(const struct admin_state *s, const char *name, struct text *out)
{
	const struct snapshot *snap = put_head(s, out);

	text_puts(out, ",\n\"version\":\"" WEIR_VERSION "\",\n\"node\":");
	text_put_json(out, s->node->name, strlen(s->node->name));
	if (snap) {
		put_listeners(snap, name, out);
		put_vhosts(snap, name, out);
		put_clusters(snap, name, out);
	}
	text_puts(out, "}\n");
}

void dump_listeners(const struct admin_state *s, const char *name, struct text *out)
{
	const struct snapshot *snap = put_head(s, out);

	if (snap)
		put_listeners(snap, name, out);
	text_puts(out, "}\n");
}

void dump_clusters(const struct admin_state *s, const char *name, struct text *out)
{
	const struct snapshot *snap = put_head(s, out);

	if (snap)
		put_clusters(snap, name, out);
	text_puts(out, "}\n");
}
