/* test_property.c - random route tables against the obvious loop over their rules, on a Gateway and
 * in the mesh, where the sender counts too: the same block must win. The loop reads the resource
 * model and knows nothing of plans, indexes or Hyperscan; its regular expressions are POSIX's. What
 * the admin API explains must win too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <admin/explain_host.h>
#include <admin/explain_match.h>
#include <compile/compile.h>
#include <match/match.h>

#define RULES_MAX  24
#define FIELDS_MAX 6
#define CLIENTS    6
#define VIP        "10.96.0.1"

static uint64_t rng;

static uint32_t below(uint32_t n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (uint32_t)((rng * 0x2545f4914f6cdd1dull >> 33) % n);
}

static bool chance(uint32_t percent)
{
	return below(100) < percent;
}

/* A workload of the mesh; the last address is nobody's. */
struct client {
	const char *ns;
	struct label items[2];
	struct labels labels;
	char ip[16];
};

static struct client clients[CLIENTS + 1];

/* What both regex dialects understand alike. */
static const char *const expressions[] = {
	"/a",
	"/a*",
	"/[ab]+",
	"/(a|b|ab)",
	"/.*b",
	".+a.?",
	"/a|/b",
	"(/[aA])+",
	"/?a?",
	"[^a]*",
	"/b(a|b)*",
	"1|2",
	"1,.*",
	"[12]*",
	".*2",
	"(1|12)+",
	"1?,?2?",
	"GET|PO.*",
	"[A-Z]+",
	"x\\.test",
	".*:80",
	"(a|b)?(/)?(a)*",
	".",
	"..",
	/* Such that are filed under a text, one text within the other. */
	"/a/[ab]*",
	"/a/b",
	"/b[^/]*",
	"/b/.*",
	"/a[b/]+",
	"/a/b/?",
	"/ab?",
	"/a/a[/b]*",
};
#define N_EXPRESSIONS (sizeof(expressions) / sizeof(expressions[0]))

static regex_t compiled[N_EXPRESSIONS];

static int compile_expressions(void **state)
{
	char text[64];

	(void)state;
	for (size_t i = 0; i < N_EXPRESSIONS; i++) {
		snprintf(text, sizeof(text), "^(%s)$", expressions[i]);
		assert_int_equal(regcomp(&compiled[i], text, REG_EXTENDED | REG_NOSUB), 0);
	}
	return 0;
}

static int free_expressions(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXPRESSIONS; i++)
		regfree(&compiled[i]);
	return 0;
}

/* ---- the tables ---- */

static const char *random_path(struct arena *a)
{
	static const char alphabet[] = "aabbA/";
	char text[16] = "/";
	uint32_t n = below(5);

	for (uint32_t i = 0; i < n; i++)
		text[1 + i] = alphabet[below(sizeof(alphabet) - 1)];
	text[1 + n] = '\0';
	return arena_strdup(a, text);
}

static const char *random_value(void)
{
	static const char *const values[] = {"", "1", "2", "12", "1,2", "21"};

	return values[below(6)];
}

static const char *random_name(void)
{
	static const char *const names[] = {"x", "y", "X-Z", "cookie", ":path"};

	return names[below(5)];
}

/* value: what exact and prefix compare with. */
static struct string_match random_match(const char *value, bool regexes, bool empty_prefix)
{
	struct string_match m = {.kind = SM_EXACT, .value = value};

	if (regexes && chance(35)) {
		m.kind = SM_REGEX;
		m.value = expressions[below(N_EXPRESSIONS)];
	} else if (chance(50) && (value[0] || empty_prefix)) {
		m.kind = SM_PREFIX;
	}
	return m;
}

static struct string_match *boxed(struct arena *a, struct string_match m)
{
	struct string_match *box = arena_alloc(a, sizeof(*box));

	*box = m;
	return box;
}

static struct named_match *random_headers(struct arena *a, bool regexes, uint32_t *n)
{
	struct named_match *h = arena_array(a, 2, sizeof(*h));

	*n = below(3);
	for (uint32_t i = 0; i < *n; i++) {
		h[i].name = random_name();
		h[i].match = random_match(random_value(), regexes, false);
		if (chance(15))
			h[i].match = (struct string_match){.kind = SM_PRESENT};
	}
	return h;
}

static struct named_match *random_queries(struct arena *a, bool regexes, uint32_t *n)
{
	static const char *const names[] = {"a", "b", "B", "", "a%61"};
	struct named_match *q = random_headers(a, regexes, n);

	for (uint32_t i = 0; i < *n; i++)
		q[i].name = names[below(5)];
	return q;
}

static struct labels random_labels(struct label *items)
{
	static const struct label all[] = {{"app", "a"}, {"app", "b"}, {"v", "1"}, {"v", "2"}};
	struct labels l = {0, items};

	if (chance(70))
		items[l.n++] = all[below(2)];
	if (chance(70))
		items[l.n++] = all[2 + below(2)];
	return l;
}

static const char *random_namespace(void)
{
	return chance(50) ? "default" : "shop";
}

static void random_source(struct arena *a, struct http_match *m)
{
	if (chance(60))
		m->source_labels = random_labels(arena_array(a, 2, sizeof(struct label)));
	if (chance(15))
		m->source_namespace = random_namespace();
}

static void random_block(struct arena *a, struct http_match *m, bool regexes)
{
	if (chance(85))
		m->uri = boxed(a, random_match(chance(4) ? "" : random_path(a), regexes, true));
	m->ignore_uri_case = chance(25);
	if (chance(15))
		m->method = boxed(a, random_match(chance(60) ? "GET" : "PO", regexes, false));
	if (chance(8))
		m->authority =
			boxed(a, random_match(chance(60) ? "x.test" : "X.test:80", regexes, false));
	if (chance(5))
		m->scheme = boxed(a, random_match(chance(60) ? "http" : "https", false, false));
	if (chance(30))
		m->headers = random_headers(a, regexes, &m->n_headers);
	if (chance(20))
		m->without_headers = random_headers(a, regexes, &m->n_without_headers);
	if (chance(25))
		m->query_params = random_queries(a, regexes, &m->n_query_params);
}

static void random_rule(struct arena *a, struct http_rule *r, uint32_t number, bool regexes,
			bool mesh)
{
	static struct destination to = {.host = "b"};

	r->name = arena_printf(a, "r%u", number);
	r->n_route = 1;
	r->route = arena_array(a, 1, sizeof(*r->route));
	r->route[0].destination = &to;
	r->n_match = chance(3) ? 0 : 1 + below(3);
	r->match = arena_array(a, 3, sizeof(*r->match));
	for (uint32_t i = 0; i < r->n_match; i++) {
		r->match[i].name = arena_printf(a, "m%u", i);
		random_block(a, &r->match[i], regexes);
		if (mesh)
			random_source(a, &r->match[i]);
	}
}

static struct resource *new_resource(enum resource_kind kind, size_t size)
{
	static uint64_t serial;
	struct arena *a = arena_create();
	struct resource *r = arena_alloc(a, sizeof(*r));

	r->kind = kind;
	r->hash = ++serial; /* no two are known to be equal */
	r->arena = a;
	r->name = "gw";
	r->ns = "default";
	r->spec = arena_alloc(a, size);
	return r;
}

static struct string_list strings(struct arena *a, const char *s)
{
	struct string_list l = {1, arena_array(a, 1, sizeof(*l.items)), NULL};

	l.items[0] = s;
	return l;
}

static struct resource *make_gateway(void)
{
	struct resource *r = new_resource(KIND_GATEWAY, sizeof(struct gateway));

	r->gw->n_servers = 1;
	r->gw->servers = arena_array(r->arena, 1, sizeof(*r->gw->servers));
	r->gw->servers[0].port = 80;
	r->gw->servers[0].protocol = PROTO_HTTP;
	r->gw->servers[0].hosts = strings(r->arena, "*");
	return r;
}

/* What gives the mesh a listener: x.test has an address. */
static struct resource *make_service(void)
{
	struct resource *r = new_resource(KIND_SERVICE_ENTRY, sizeof(struct service_entry));

	r->se->hosts = strings(r->arena, "x.test");
	r->se->addresses = strings(r->arena, VIP);
	r->se->resolution = RES_STATIC;
	r->se->n_ports = 1;
	r->se->ports = arena_array(r->arena, 1, sizeof(*r->se->ports));
	r->se->ports[0] =
		(struct service_port){.number = 80, .name = "http", .protocol = PROTO_HTTP};
	return r;
}

static struct resource *make_pod(unsigned i)
{
	struct resource *r = new_resource(KIND_POD, sizeof(struct pod));
	struct client *c = &clients[i];

	snprintf(c->ip, sizeof(c->ip), "10.1.0.%u", i + 1);
	c->ns = random_namespace();
	c->labels = random_labels(c->items);
	r->name = arena_printf(r->arena, "pod-%u", i);
	r->ns = c->ns;
	r->labels = c->labels;
	r->pod->ip = c->ip;
	r->pod->ready = chance(80); /* who is not ready can ask all the same */
	return r;
}

static struct resource *make_rules(bool regexes, bool mesh)
{
	struct resource *r = new_resource(KIND_VIRTUAL_SERVICE, sizeof(struct virtual_service));

	r->vs->hosts = strings(r->arena, "x.test");
	r->vs->gateways = strings(r->arena, mesh ? "mesh" : "gw");
	r->vs->n_http = 1 + below(RULES_MAX);
	r->vs->http = arena_array(r->arena, r->vs->n_http, sizeof(*r->vs->http));
	for (uint32_t i = 0; i < r->vs->n_http; i++)
		random_rule(r->arena, &r->vs->http[i], i, regexes, mesh);
	return r;
}

/* ---- the obvious loop ---- */

struct request {
	const struct client *from; /* NULL: not in the mesh */
	char target[64];
	char joined[512];
	struct http_head head;
};

static bool expression_holds(const char *expression, const char *value)
{
	for (size_t i = 0; i < N_EXPRESSIONS; i++)
		if (expressions[i] == expression)
			return regexec(&compiled[i], value, 0, NULL, 0) == 0;
	abort();
}

static bool value_holds(const struct string_match *m, const char *value, bool ignore_case)
{
	int (*compare)(const char *, const char *, size_t) = ignore_case ? strncasecmp : strncmp;

	switch (m->kind) {
	case SM_EXACT:
		return strlen(m->value) == strlen(value) &&
		       compare(m->value, value, strlen(value)) == 0;
	case SM_PREFIX:
		return compare(m->value, value, strlen(m->value)) == 0;
	case SM_REGEX:
		return expression_holds(m->value, value);
	default:
		return true;
	}
}

/* The joined value of a header; NULL when it is absent. */
static const char *header_value(struct request *rq, const char *name)
{
	bool found = false;

	if (strcmp(name, ":path") == 0)
		return rq->target;
	rq->joined[0] = '\0';
	for (unsigned i = 0; i < rq->head.n_fields; i++) {
		const struct http_field *f = &rq->head.fields[i];

		if (f->name.n != strlen(name) || strncasecmp(f->name.p, name, f->name.n) != 0)
			continue;
		if (found)
			strcat(rq->joined, ",");
		strncat(rq->joined, f->value.p, f->value.n);
		found = true;
	}
	return found ? rq->joined : NULL;
}

static bool header_holds(struct request *rq, const struct named_match *h)
{
	const char *value = header_value(rq, h->name);

	return value && value_holds(&h->match, value, false);
}

static bool without_holds(struct request *rq, const struct named_match *h)
{
	const char *value = header_value(rq, h->name);

	if (h->match.kind == SM_PRESENT)
		return value == NULL;
	return !value_holds(&h->match, value ? value : "", false);
}

/* Its value runs to the next "&"; NULL when no parameter has this name. */
static const char *query_value(struct request *rq, const char *name)
{
	const char *p = rq->target + strcspn(rq->target, "?");
	size_t n = strlen(name);

	while (*p) {
		const char *part = p + 1;

		p = part + strcspn(part, "&");
		if (part == p || strncmp(part, name, n) != 0 || (size_t)(p - part) < n)
			continue;
		if (part[n] == '=')
			n++;
		else if (part + n != p)
			continue;
		snprintf(rq->joined, sizeof(rq->joined), "%.*s", (int)(p - part - n), part + n);
		return rq->joined;
	}
	return NULL;
}

static bool query_holds(struct request *rq, const struct named_match *q)
{
	const char *value = query_value(rq, q->name);

	return value && value_holds(&q->match, value, false);
}

static bool slice_holds(const struct string_match *m, struct slice value, bool ignore_case)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)value.n, value.p);
	return !m || value_holds(m, text, ignore_case);
}

/* Does the block count for who is asking? */
static bool source_holds(const struct request *rq, const struct http_match *m)
{
	if (!rq->from || (m->source_labels.n == 0 && !m->source_namespace))
		return true;
	if (!rq->from->ns || !labels_contain(&rq->from->labels, &m->source_labels))
		return false;
	return !m->source_namespace || strcmp(m->source_namespace, rq->from->ns) == 0;
}

/* Without a block that counts for it, a source has the service as if there were no rules. */
static bool any_counts(const struct virtual_service *vs, const struct request *rq)
{
	for (uint32_t i = 0; i < vs->n_http; i++) {
		if (vs->http[i].n_match == 0)
			return true;
		for (uint32_t k = 0; k < vs->http[i].n_match; k++)
			if (source_holds(rq, &vs->http[i].match[k]))
				return true;
	}
	return false;
}

static bool block_holds(struct request *rq, const struct http_match *m)
{
	const struct http_head *h = &rq->head;

	if (!source_holds(rq, m))
		return false;
	if (!slice_holds(m->uri, slice_of(h->path.p, h->path_len), m->ignore_uri_case))
		return false;
	if (!slice_holds(m->method, h->method, false) ||
	    !slice_holds(m->authority, h->authority, false) ||
	    !slice_holds(m->scheme, SLICE("http"), false))
		return false;
	for (uint32_t i = 0; i < m->n_headers; i++)
		if (!header_holds(rq, &m->headers[i]))
			return false;
	for (uint32_t i = 0; i < m->n_without_headers; i++)
		if (!without_holds(rq, &m->without_headers[i]))
			return false;
	for (uint32_t i = 0; i < m->n_query_params; i++)
		if (!query_holds(rq, &m->query_params[i]))
			return false;
	return true;
}

/* Name of the winning route; "" when there is none. */
static void walk(const struct virtual_service *vs, struct request *rq, char *name, size_t size)
{
	for (uint32_t i = 0; i < vs->n_http; i++) {
		const struct http_rule *r = &vs->http[i];

		snprintf(name, size, "%s", r->name);
		if (r->n_match == 0)
			return;
		for (uint32_t k = 0; k < r->n_match; k++) {
			if (!block_holds(rq, &r->match[k]))
				continue;
			snprintf(name, size, "%s.%s", r->name, r->match[k].name);
			return;
		}
	}
	snprintf(name, size, "%s", any_counts(vs, rq) ? "" : "default");
}

/* ---- requests ---- */

static void random_target(struct arena *a, char *out, size_t size)
{
	static const char *const parts[] = {"a", "b", "B", "a%61", "", "=", "="};
	size_t n = (size_t)snprintf(out, size, "%s", random_path(a));
	unsigned params = chance(50) ? below(4) : 0;

	for (unsigned i = 0; i < params; i++)
		n += (size_t)snprintf(out + n, size - n, "%c%s%s%s", i ? '&' : '?', parts[below(5)],
				      parts[4 + below(3)], random_value());
}

static void random_request(struct arena *a, struct request *rq, bool mesh)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "get"};
	static const char *const names[] = {"x", "X", "y", "x-z", "X-Z", "Cookie", "other"};
	struct http_head *h = &rq->head;

	rq->from = mesh ? &clients[below(CLIENTS + 1)] : NULL;
	random_target(a, rq->target, sizeof(rq->target));
	memset(h, 0, offsetof(struct http_head, fields));
	h->path = slice_str(rq->target);
	h->path_len = (uint32_t)strcspn(rq->target, "?");
	h->method = slice_str(methods[below(4)]);
	h->authority = slice_str(chance(70) ? "x.test" : "X.test:80");
	h->n_fields = (uint16_t)below(FIELDS_MAX);
	for (unsigned i = 0; i < h->n_fields; i++)
		h->fields[i] = (struct http_field){
			.name = slice_str(names[below(7)]),
			.value = slice_str(random_value()),
		};
}

struct node {
	struct compiler *compiler;
	struct match *match;
	unsigned hits;
};

static struct span span(struct slice s)
{
	return span_of(s.p, s.n);
}

/* The same request as the admin API has it. */
static void for_explanation(const struct http_head *h, const struct ip_addr *from,
			    struct explain_request *out)
{
	memset(out, 0, sizeof(*out));
	out->has_from = true;
	out->from = *from;
	out->method = span(h->method);
	out->authority = span(h->authority);
	out->path = span(h->path);
	out->path_len = h->path_len;
	out->n_fields = h->n_fields;
	for (unsigned i = 0; i < h->n_fields; i++)
		out->fields[i] =
			(struct explain_field){span(h->fields[i].name), span(h->fields[i].value)};
}

static void compare_explanation(const struct listener *l, const struct vhost *vh,
				const struct route *r, const struct http_head *h,
				const struct ip_addr *from)
{
	struct explain_request rq;
	struct evaluation *e;

	for_explanation(h, from, &rq);
	assert_ptr_equal(explain_find_host(l, rq.authority).vhost, vh);
	e = evaluation_create(vh, &rq);
	assert_int_equal(evaluation_first(e), r ? (size_t)(r - vh->routes) : vh->n_routes);
	evaluation_destroy(e);
}

static void compare(struct node *n, struct snapshot *s, const struct resource *rules,
		    struct request *rq)
{
	struct ip_addr to = {0}, from = {0};
	const struct listener *l;
	const struct vhost *vh;
	const struct route *r;
	char want[32];

	if (rq->from)
		assert_true(ip_addr_parse(VIP, &to) && ip_addr_parse(rq->from->ip, &from));
	l = listener_find(&s->listeners, &to, 80);
	vh = match_host(l, rq->head.authority);
	walk(rules->vs, rq, want, sizeof(want));
	r = match_route(n->match, vh, &rq->head, SLICE("http"), &from, s->scratch[0]);
	n->hits += r != NULL;
	if (strcmp(r ? r->name : "", want) != 0)
		print_error("%s %s: route \"%s\", the loop says \"%s\"\n", rq->head.method.p,
			    rq->target, r ? r->name : "", want);
	assert_string_equal(r ? r->name : "", want);
	compare_explanation(l, vh, r, &rq->head, &from);
}

static void add_mesh(struct resource_set *set)
{
	resource_set_add(set, make_service());
	for (unsigned i = 0; i < CLIENTS; i++)
		resource_set_add(set, make_pod(i));
	snprintf(clients[CLIENTS].ip, sizeof(clients[CLIENTS].ip), "10.1.1.1");
}

static void run_table(struct node *n, bool regexes, bool mesh, unsigned requests)
{
	struct resource *rules = make_rules(regexes, mesh);
	struct resource_set set;
	struct request rq;
	struct snapshot *s;
	struct diags d;

	diags_init(&d);
	resource_set_init(&set);
	resource_set_add(&set, make_gateway());
	resource_set_add(&set, rules);
	if (mesh)
		add_mesh(&set);
	resource_set_sort(&set);
	s = compiler_build(n->compiler, &set, &d);
	if (d.errors)
		diags_print(&d, stderr);
	assert_non_null(s);
	for (unsigned i = 0; i < requests; i++) {
		random_request(rules->arena, &rq, mesh);
		compare(n, s, rules, &rq);
	}
	compiler_free_snapshot(n->compiler, s);
	resource_set_fini(&set);
	diags_fini(&d);
}

static void run(unsigned tables, bool regexes, bool mesh, unsigned requests)
{
	struct labels labels = {0};
	struct node n = {.match = match_create()};

	n.compiler = compiler_create(&(struct compile_options){
		.node_namespace = "default", .node_labels = &labels, .n_workers = 1});
	for (unsigned i = 0; i < tables; i++) {
		rng = 0x9e3779b97f4a7c15ull * (i + 1) + regexes;
		run_table(&n, regexes, mesh, requests);
	}
	print_message("%u tables, %u requests, %.0f %% matched\n", tables, tables * requests,
		      100.0 * n.hits / (tables * requests));
	assert_true(n.hits > tables * requests / 4); /* the tables are no walls */
	match_destroy(n.match);
	compiler_destroy(n.compiler);
}

static void test_plain_tables(void **state)
{
	(void)state;
	run(20000, false, false, 20);
}

static void test_tables_with_expressions(void **state)
{
	(void)state;
	run(1500, true, false, 100);
}

static void test_tables_of_the_mesh(void **state)
{
	(void)state;
	run(10000, false, true, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_tables),
		cmocka_unit_test(test_tables_with_expressions),
		cmocka_unit_test(test_tables_of_the_mesh),
	};

	return cmocka_run_group_tests(tests, compile_expressions, free_expressions);
}
