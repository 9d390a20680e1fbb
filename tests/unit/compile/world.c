/* world.c - owns the node under test. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_YAML(name, net)                                                                    \
	"---\n"                                                                                    \
	"apiVersion: v1\n"                                                                         \
	"kind: Service\n"                                                                          \
	"metadata: {name: " name "}\n"                                                             \
	"spec: {clusterIP: 10.96.0." net ", ports: [{name: http, port: 8000}]}\n"                  \
	"---\n"                                                                                    \
	"apiVersion: v1\n"                                                                         \
	"kind: Pod\n"                                                                              \
	"metadata: {name: " name "-1, labels: {app: " name ", version: v1}}\n"                     \
	"status: {podIP: 198.18." net ".1}\n"                                                      \
	"---\n"                                                                                    \
	"apiVersion: v1\n"                                                                         \
	"kind: Pod\n"                                                                              \
	"metadata: {name: " name "-2, labels: {app: " name ", version: v2}}\n"                     \
	"status: {podIP: 198.18." net ".2}\n"                                                      \
	"---\n"                                                                                    \
	"apiVersion: discovery.k8s.io/v1\n"                                                        \
	"kind: EndpointSlice\n"                                                                    \
	"metadata: {name: " name "-x, labels: {kubernetes.io/service-name: " name "}}\n"           \
	"addressType: IPv4\n"                                                                      \
	"ports: [{name: http, port: 8000}]\n"                                                      \
	"endpoints:\n"                                                                             \
	"- {addresses: [198.18." net ".1], targetRef: {kind: Pod, name: " name "-1}}\n"            \
	"- {addresses: [198.18." net ".2], targetRef: {kind: Pod, name: " name "-2}}\n"

const char world_fixture[] =
	"apiVersion: networking.istio.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: gw}\n"
	"spec:\n"
	"  selector: {istio: ingressgateway}\n"
	"  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]\n"
	"---\n"
	"apiVersion: networking.istio.io/v1\n"
	"kind: DestinationRule\n"
	"metadata: {name: a}\n"
	"spec:\n"
	"  host: a\n"
	"  subsets:\n"
	"  - {name: v1, labels: {version: v1}}\n"
	"  - {name: v2, labels: {version: v2}}\n"
	/* clang-format off */
	SERVICE_YAML("a", "1")
	SERVICE_YAML("b", "2")
	SERVICE_YAML("c", "3");
/* clang-format on */

const char *world_with_fixture(const char *yaml)
{
	static char text[64 * 1024];

	assert_true(snprintf(text, sizeof(text), "%s---\n%s", world_fixture, yaml) <
		    (int)sizeof(text));
	return text;
}

static int by_key(const void *x, const void *y)
{
	return strcmp(((const struct label *)x)->key, ((const struct label *)y)->key);
}

/* text is cut up in place. */
static struct labels parse_labels(char *text, struct label *items)
{
	struct labels l = {0, items};
	char *save, *p;

	for (p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(p, '=');

		*eq = '\0';
		items[l.n++] = (struct label){p, eq + 1};
	}
	qsort(items, l.n, sizeof(*items), by_key);
	return l;
}

void world_init(struct world *w, const struct world_options *opt)
{
	struct world_options defaults = {0};
	struct label items[8];
	struct labels labels;
	char *text;

	opt = opt ? opt : &defaults;
	text = strdup(opt->labels ? opt->labels : "istio=ingressgateway");
	labels = parse_labels(text, items);
	*w = (struct world){0};
	w->compiler = compiler_create(&(struct compile_options){
		.node_namespace = opt->ns ? opt->ns : "default",
		.node_labels = &labels,
		.node_locality = opt->locality,
		.n_workers = 2,
		.compat_08 = opt->compat_08,
	});
	free(text);
	resource_set_init(&w->set);
	diags_init(&w->d);
	w->match = match_create();
	w->lb = lb_create(1);
}

void world_fini(struct world *w)
{
	compiler_free_snapshot(w->compiler, w->s);
	compiler_destroy(w->compiler);
	resource_set_fini(&w->set);
	diags_fini(&w->d);
	match_destroy(w->match);
	lb_destroy(w->lb);
}

static void decode(struct world *w, const char *yaml)
{
	resource_set_fini(&w->set);
	resource_set_init(&w->set);
	diags_fini(&w->d);
	diags_init(&w->d);
	model_decode("test.yaml", yaml, strlen(yaml), &w->set, &w->d);
	if (w->d.errors)
		diags_print(&w->d, stderr);
	assert_int_equal(w->d.errors, 0);
	resource_set_sort(&w->set);
}

struct snapshot *world_build(struct world *w, const char *yaml)
{
	struct snapshot *s;

	decode(w, yaml);
	s = compiler_build(w->compiler, &w->set, &w->d);
	if (w->d.errors)
		diags_print(&w->d, stderr);
	assert_non_null(s);
	lb_resize(w->lb, s->n_split_ids, s->n_cluster_ids, s->n_endpoint_ids);
	return s;
}

void world_load(struct world *w, const char *yaml)
{
	struct snapshot *next = world_build(w, yaml);

	compiler_free_snapshot(w->compiler, w->s);
	w->s = next;
}

void world_load_bad(struct world *w, const char *yaml)
{
	decode(w, yaml);
	assert_null(compiler_build(w->compiler, &w->set, &w->d));
	assert_true(w->d.errors > 0);
}

bool world_reported(const struct world *w, const char *code)
{
	for (size_t i = 0; i < w->d.n; i++)
		if (strcmp(w->d.items[i].code, code) == 0)
			return true;
	return false;
}

const struct listener *world_listener(const struct world *w, const char *ip, uint16_t port)
{
	struct ip_addr addr = {0};

	if (ip)
		assert_true(ip_addr_parse(ip, &addr));
	return listener_find(&w->s->listeners, &addr, port);
}

const struct vhost *world_vhost(struct world *w, const struct request *rq)
{
	const struct listener *l = world_listener(w, rq->ip, rq->port ? rq->port : 80);

	assert_non_null(l);
	return match_host(l, slice_str(rq->host ? rq->host : "x.test"));
}

static void fill_head(const struct request *rq, struct http_head *h)
{
	*h = (struct http_head){
		.method = slice_str(rq->method ? rq->method : "GET"),
		.path = slice_str(rq->path ? rq->path : "/"),
		.authority = slice_str(rq->host ? rq->host : "x.test"),
	};
	h->path_len = (uint32_t)strcspn(h->path.p, "?#");
	for (unsigned i = 0; i < 8 && rq->fields[i][0]; i++)
		h->fields[h->n_fields++] = (struct http_field){
			.name = slice_str(rq->fields[i][0]),
			.value = slice_str(rq->fields[i][1]),
		};
}

const struct route *world_route(struct world *w, const struct request *rq)
{
	const struct vhost *vh = world_vhost(w, rq);
	struct ip_addr source = {0};
	struct http_head h;

	if (!vh)
		return NULL;
	if (rq->source)
		assert_true(ip_addr_parse(rq->source, &source));
	fill_head(rq, &h);
	return match_route(w->match, vh, &h, slice_str(rq->scheme ? rq->scheme : "http"), &source,
			   w->s->scratch[1]);
}

const char *world_cluster(struct world *w, const struct request *rq)
{
	const struct route *r = world_route(w, rq);

	return r ? r->split.targets[0].cluster_name : "404";
}

const char *world_service(struct world *w, const struct request *rq)
{
	static char text[256];
	const char *name = world_cluster(w, rq), *subset, *host;

	if (strcmp(name, "404") == 0)
		return name;
	subset = strchr(strchr(name, '|') + 1, '|') + 1;
	host = strchr(subset, '|') + 1;
	snprintf(text, sizeof(text), "%.*s%s%.*s", (int)strcspn(host, "."), host,
		 *subset == '|' ? "" : "/", (int)(host - subset) - 1, subset);
	return text;
}

const struct cluster *world_cluster_named(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->s->n_cluster_ids; i++) {
		const struct cluster *c = w->s->cluster_by_id[i];

		if (c && strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

const char *world_endpoints(const struct world *w, const char *cluster)
{
	static char text[1024];
	const struct cluster *c = world_cluster_named(w, cluster);
	size_t len = 0;

	if (!c)
		return "-";
	text[0] = '\0';
	for (uint32_t i = 0; i < c->endpoints->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
					c->endpoints->endpoints[i].name);
	return text;
}
