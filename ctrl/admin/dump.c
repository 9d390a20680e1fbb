/* dump.c - walks a snapshot. Virtual hosts are listed once, however many listeners share
 * them; listeners name them. What is not HTTP's has its route in the same list. */
#include "dump.h"

#include <stdlib.h>
#include <string.h>

#include "describe.h"

static bool selected(const char *name, const struct query *q)
{
	const char *part = query_get(q, "name");

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

/* One way to a virtual host. */
struct use {
	const struct vhost *vhost;
	const char *before, *domain; /* the domain's two halves; domain NULL: found without one */
	uint32_t len;                /* of domain */
	uint16_t port;
};

struct uses {
	size_t n, cap;
	struct use *items;
	bool failed; /* no memory */
};

static void uses_add(struct uses *set, const struct use *u)
{
	if (!u->vhost || set->failed)
		return;
	if (set->n == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 64;
		struct use *items = realloc(set->items, cap * sizeof(*items));

		if (!items) {
			set->failed = true;
			return;
		}
		set->items = items;
		set->cap = cap;
	}
	set->items[set->n++] = *u;
}

static void uses_add_table(struct uses *set, const struct host_entry *table, uint32_t mask,
			   const char *before, uint16_t port)
{
	for (uint32_t i = 0; table && i < describe_table_size(mask); i++) {
		const struct host_entry *e = &table[i];

		if (describe_is_domain(e))
			uses_add(set, &(struct use){e->vhost, before, e->host, e->len, port});
	}
}

static void uses_collect(struct uses *set, const struct listener *l)
{
	uint16_t port = l->addr.port;

	uses_add_table(set, l->hosts.exact, l->hosts.exact_mask, "", port);
	uses_add_table(set, l->hosts.suffix, l->hosts.suffix_mask, "*", port);
	uses_add(set, &(struct use){l->hosts.any, "", "*", 1, port});
	uses_add(set, &(struct use){l->fallback, "", NULL, 0, port});
}

static int compare_domains(const struct use *a, const struct use *b)
{
	int c = strcmp(a->before, b->before);

	if (c == 0)
		c = memcmp(a->domain, b->domain, a->len < b->len ? a->len : b->len);
	return c ? c : (a->len > b->len) - (a->len < b->len);
}

/* Those without a domain come last in their virtual host. */
static int compare_uses(const void *x, const void *y)
{
	const struct use *a = x, *b = y;
	int c = strcmp(a->vhost->name, b->vhost->name);

	if (c == 0)
		c = (a->vhost > b->vhost) - (a->vhost < b->vhost);
	if (c == 0 && a->domain && b->domain)
		return compare_domains(a, b);
	return c ? c : (a->domain == NULL) - (b->domain == NULL);
}

static json_t *domain_json(const struct use *u)
{
	struct text t;
	json_t *j;

	text_init(&t, JSON_STRING_MAX);
	text_puts(&t, u->before);
	text_put(&t, u->domain, u->len);
	j = json_stringn(t.data ? t.data : "", t.len);
	text_fini(&t);
	return j;
}

/* Of the virtual host of the first use; returns behind its last. Listeners that share it may
 * repeat a domain. */
static const struct use *domains_json(const struct use *first, const struct use *end, json_t *out)
{
	const struct use *u;

	for (u = first; u < end && u->vhost == first->vhost; u++)
		if (u->domain && (u == first || compare_uses(u - 1, u) != 0))
			json_array_append_new(out, domain_json(u));
	return u;
}

static void collect_all(const struct snapshot *snap, struct uses *set)
{
	const struct host_entry *last = NULL; /* mesh listeners of a port share their tables */

	for (uint32_t i = 0; i < snap->n_listener_ids; i++) {
		const struct listener *l = snap->listener_by_id[i];

		if (!l)
			continue;
		if (l->hosts.exact && l->hosts.exact == last)
			uses_add(set, &(struct use){l->fallback, "", NULL, 0, l->addr.port});
		else
			uses_collect(set, l);
		last = l->hosts.exact;
	}
	if (set->n)
		qsort(set->items, set->n, sizeof(*set->items), compare_uses);
}

static void list_tcp_routes(const struct snapshot *snap, const struct query *q, struct list *list)
{
	for (uint32_t i = 0; i < snap->n_listener_ids && !list->out->full; i++) {
		const struct listener *l = snap->listener_by_id[i];

		if (l && l->tcp && selected(l->name, q))
			list_add(list, describe_tcp_listener(l));
	}
}

static void put_vhosts(const struct admin_state *s, const struct snapshot *snap,
		       const struct query *q, struct text *out)
{
	struct list list = list_open(out, "virtual_hosts");
	struct uses set = {0};
	const struct use *u, *end, *next;

	(void)s;
	collect_all(snap, &set);
	end = set.n ? set.items + set.n : set.items;
	for (u = set.items; u < end && !out->full; u = next) {
		json_t *domains = json_array();

		next = domains_json(u, end, domains);
		if (selected(u->vhost->name, q))
			list_add(&list, describe_vhost(u->vhost, u->port, domains));
		else
			json_decref(domains);
	}
	list_tcp_routes(snap, q, &list);
	list_close(&list);
	out->full |= set.failed;
	free(set.items);
}

/* ---- listeners and clusters ---- */

static void put_listeners(const struct admin_state *s, const struct snapshot *snap,
			  const struct query *q, struct text *out)
{
	struct list list = list_open(out, "listeners");
	bool hosts = !query_has(q, "brief");
	const struct listener *told = NULL;

	(void)s;
	for (uint32_t i = 0; i < snap->n_listener_ids && !out->full; i++) {
		const struct listener *l = snap->listener_by_id[i];

		if (!l || !selected(l->name, q))
			continue;
		/* Every VIP of a port has the hosts of all: their square would be too much. */
		if (!describe_shares_hosts(told, l))
			told = l;
		list_add(&list, describe_listener(l, hosts, told == l ? NULL : told));
	}
	list_close(&list);
}

static void put_clusters(const struct admin_state *s, const struct snapshot *snap,
			 const struct query *q, struct text *out)
{
	struct list list = list_open(out, "clusters");
	uint64_t now_us = dataplane_now_us(s->dataplane);

	for (uint32_t i = 0; i < snap->n_cluster_ids && !out->full; i++) {
		const struct cluster *c = snap->cluster_by_id[i];

		if (c && selected(c->name, q))
			list_add(&list, describe_cluster(c, now_us));
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

void dump_config(const struct admin_state *s, const struct query *q, struct text *out)
{
	const struct snapshot *snap = put_head(s, out);

	text_puts(out, ",\n\"version\":\"" WEIR_VERSION "\",\n\"node\":");
	text_put_json(out, s->node->name, strlen(s->node->name));
	if (snap) {
		put_listeners(s, snap, q, out);
		put_vhosts(s, snap, q, out);
		put_clusters(s, snap, q, out);
	}
	text_puts(out, "}\n");
}

/* One of the parts, with the generation that it is of. */
static void dump_part(const struct admin_state *s, const struct query *q, struct text *out,
		      void (*put)(const struct admin_state *, const struct snapshot *,
				  const struct query *, struct text *))
{
	const struct snapshot *snap = put_head(s, out);

	if (snap)
		put(s, snap, q, out);
	text_puts(out, "}\n");
}

void dump_listeners(const struct admin_state *s, const struct query *q, struct text *out)
{
	dump_part(s, q, out, put_listeners);
}

void dump_vhosts(const struct admin_state *s, const struct query *q, struct text *out)
{
	dump_part(s, q, out, put_vhosts);
}

void dump_clusters(const struct admin_state *s, const struct query *q, struct text *out)
{
	dump_part(s, q, out, put_clusters);
}
