/* test_decode.c - what is written arrives in the structs, in every way of writing it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "load.h"

#define ISTIO "apiVersion: networking.istio.io/v1\n"

/* Loads text that must decode without error into exactly one resource of the kind. */
static struct resource *load_one(struct loaded *l, enum resource_kind kind, const char *text)
{
	load_text(l, text);
	if (l->d.errors)
		diags_print(&l->d, stderr);
	assert_int_equal(l->d.errors, 0);
	assert_int_equal(l->set.n, 1);
	assert_int_equal(l->set.items[0]->kind, kind);
	return l->set.items[0];
}

static void virtual_service(void **state)
{
	struct loaded l;
	struct virtual_service *vs;
	struct http_match *m;
	struct http_rule *rule;
	struct resource *r;

	(void)state;
	r = load_one(&l, KIND_VIRTUAL_SERVICE,
		     ISTIO "kind: VirtualService\n"
			   "metadata: {name: r, namespace: shop, labels: {b: \"2\", a: \"1\"}}\n"
			   "spec:\n"
			   "  hosts: [reviews, \"*.example.com\"]\n"
			   "  gateways: [gw, mesh]\n"
			   "  exportTo: [.]\n"
			   "  http:\n"
			   "  - name: first\n"
			   "    match:\n"
			   "    - name: m\n"
			   "      uri: {prefix: /api}\n"
			   "      ignoreUriCase: true\n"
			   "      method: {exact: GET}\n"
			   "      scheme: {exact: http}\n"
			   "      authority: {regex: \"a.*\"}\n"
			   "      headers: {end-user: {exact: jason}, x-any: {}}\n"
			   "      withoutHeaders: {x-no: {regex: \"*\"}, x-null: null}\n"
			   "      port: 8080\n"
			   "      gateways: [gw]\n"
			   "      sourceLabels: {app: a}\n"
			   "      sourceNamespace: other\n"
			   "    route:\n"
			   "    - destination: {host: b, subset: v1, port: {number: 81}}\n"
			   "      weight: 75\n"
			   "    - destination: {host: b, subset: v2, port: {name: web}}\n"
			   "      weight: \"25\"\n"
			   "    timeout: 1m30s\n"
			   "    retries: {attempts: 3, retryOn: \"5xx,reset\", backoff: 40ms}\n");
	assert_string_equal(r->ns, "shop");
	assert_string_equal(labels_get(&r->labels, "a"), "1");
	assert_string_equal(labels_get(&r->labels, "b"), "2");
	assert_null(labels_get(&r->labels, "c"));
	vs = r->vs;
	assert_int_equal(vs->hosts.n, 2);
	assert_string_equal(vs->hosts.items[1], "*.example.com");
	assert_int_equal(vs->hosts.pos[1].line, 5);
	assert_int_equal(vs->hosts.pos[1].col, 20);
	assert_string_equal(vs->export_to.items[0], ".");
	assert_int_equal(vs->n_http, 1);

	rule = &vs->http[0];
	m = &rule->match[0];
	assert_string_equal(rule->name, "first");
	assert_string_equal(m->name, "m");
	assert_int_equal(m->uri->kind, SM_PREFIX);
	assert_string_equal(m->uri->value, "/api");
	assert_true(m->ignore_uri_case);
	assert_string_equal(m->method->value, "GET");
	assert_string_equal(m->scheme->value, "http");
	assert_int_equal(m->authority->kind, SM_REGEX);
	assert_int_equal(m->n_headers, 2);
	assert_string_equal(m->headers[0].name, "end-user");
	assert_int_equal(m->headers[0].match.kind, SM_EXACT);
	assert_int_equal(m->headers[1].match.kind, SM_PRESENT);
	assert_int_equal(m->n_without_headers, 2);
	assert_int_equal(m->without_headers[1].match.kind, SM_PRESENT);
	assert_int_equal(m->port, 8080);
	assert_int_equal(m->gateways.n, 1);
	assert_string_equal(labels_get(&m->source_labels, "app"), "a");
	assert_string_equal(m->source_namespace, "other");

	assert_int_equal(rule->n_route, 2);
	assert_string_equal(rule->route[0].destination->subset, "v1");
	assert_int_equal(rule->route[0].destination->port, 81);
	assert_int_equal(rule->route[0].weight, 75);
	assert_string_equal(rule->route[1].destination->port_name, "web");
	assert_int_equal(rule->route[1].weight, 25);
	assert_int_equal(rule->timeout_us, 90000000);
	assert_int_equal(rule->retries->attempts, 3);
	assert_string_equal(rule->retries->retry_on, "5xx,reset");
	assert_int_equal(rule->retries->backoff_us, 40000);
	assert_int_equal(rule->unsupported.n, 0);
	load_free(&l);
}

static void destination_rule(void **state)
{
	const struct outlier_settings *o;
	struct loaded l;
	struct destination_rule *dr;
	struct resource *r;

	(void)state;
	r = load_one(&l, KIND_DESTINATION_RULE,
		     ISTIO
		     "kind: DestinationRule\nmetadata: {name: r}\n"
		     "spec:\n"
		     "  host: reviews\n"
		     "  trafficPolicy:\n"
		     "    loadBalancer: {simple: RANDOM, warmup: {duration: 9s, aggression: 2}}\n"
		     "    connectionPool:\n"
		     "      tcp: {connectTimeout: 2s, idleTimeout: 0s, maxConnections: 5,\n"
		     "        maxConnectionDuration: 1m, tcpKeepalive: {probes: 3, time: 7s}}\n"
		     "      http: {maxRequestsPerConnection: 7, idleTimeout: 30s,\n"
		     "        http1MaxPendingRequests: 8, http2MaxRequests: 9, maxRetries: 10,\n"
		     "        maxConcurrentStreams: 11}\n"
		     "    retryBudget: {budgetInterval: 3s}\n"
		     "    portLevelSettings:\n"
		     "    - port: {number: 80}\n"
		     "      loadBalancer: {simple: 4}\n"
		     "  subsets:\n"
		     "  - name: v1\n"
		     "    labels: {version: v1}\n"
		     "    trafficPolicy:\n"
		     "      outlierDetection: {consecutive5xxErrors: 0, consecutiveErrors: 4,\n"
		     "        maxEjectionPercent: 20, outlierDetectionHttpErrorCodes: [429, 599],\n"
		     "        http: {interval: 2s}}\n"
		     "      portLevelSettings: [{port: {number: 81}, tls: {mode: DISABLE}}]\n"
		     "  workloadSelector: {matchLabels: {app: a}}\n");
	dr = r->dr;
	assert_string_equal(dr->host, "reviews");
	assert_int_equal(dr->host_pos.line, 5);
	assert_int_equal(dr->policy->lb.simple, MODEL_LB_RANDOM);
	assert_int_equal(dr->policy->lb.warmup->duration_us, 9000000);
	assert_true(dr->policy->lb.warmup->has_aggression && !dr->policy->lb.warmup->has_minimum);
	assert_int_equal(dr->policy->pool.connect_timeout_us, 2000000);
	assert_int_equal(dr->policy->pool.http_idle_timeout_us, 30000000);
	assert_int_equal(dr->policy->pool.max_requests_per_connection, 7);
	assert_int_equal(dr->policy->pool.max_connections, 5);
	assert_int_equal(dr->policy->pool.max_connection_duration_us, 60000000);
	assert_true(dr->policy->pool.has_tcp_idle && dr->policy->pool.has_keepalive);
	assert_int_equal(dr->policy->pool.keepalive_probes, 3);
	assert_int_equal(dr->policy->pool.keepalive_time_us, 7000000);
	assert_int_equal(dr->policy->pool.max_pending_requests, 8);
	assert_int_equal(dr->policy->pool.max_requests, 9);
	assert_int_equal(dr->policy->pool.max_retries, 10);
	assert_int_equal(dr->policy->pool.max_concurrent_streams, 11);
	assert_true(dr->policy->has_connection_pool && dr->policy->has_load_balancer);
	assert_int_equal(dr->policy->unsupported.n, 1);
	assert_string_equal(dr->policy->unsupported.items[0], "retryBudget.budgetInterval");
	assert_int_equal(dr->n_ports, 1);
	assert_int_equal(dr->ports[0].port, 80);
	assert_int_equal(dr->ports[0].policy.lb.simple, MODEL_LB_ROUND_ROBIN);
	assert_int_equal(dr->n_subsets, 1);
	o = &dr->subsets[0].policy->outlier;
	assert_true(o->has_5xx && o->consecutive_5xx == 0 && !o->has_gateway);
	assert_int_equal(o->consecutive_old, 4);
	assert_int_equal(o->max_ejection_percent, 20);
	assert_int_equal(o->interval_us, 2000000);
	assert_int_equal(o->codes.n, 2);
	assert_true(o->codes.bits[429 / 64] >> (429 % 64) & 1);
	assert_true(o->codes.bits[599 / 64] >> (599 % 64) & 1);
	assert_string_equal(labels_get(&dr->subsets[0].labels, "version"), "v1");
	assert_int_equal(dr->subsets[0].policy->unsupported.n, 0);
	assert_int_equal(dr->subsets[0].n_ports, 1);
	assert_int_equal(dr->subsets[0].ports[0].port, 81);
	assert_true(dr->has_workload_selector);
	assert_int_equal(r->unsupported.n, 1);
	load_free(&l);
}

static void load_balancer(void **state)
{
	const struct load_balancer *lb;
	const struct hash_cookie *k;
	struct loaded l;

	(void)state;
	lb = &load_one(&l, KIND_DESTINATION_RULE,
		       ISTIO
		       "kind: DestinationRule\nmetadata: {name: r}\n"
		       "spec:\n"
		       "  host: reviews\n"
		       "  trafficPolicy:\n"
		       "    loadBalancer:\n"
		       "      consistentHash:\n"
		       "        httpCookie: {name: user, path: /p, ttl: 0s,\n"
		       "          attributes: [{name: SameSite, value: Lax}, {name: Secure}]}\n"
		       "        maglev: {tableSize: 13}\n"
		       "      localityLbSetting:\n"
		       "        enabled: true\n"
		       "        distribute: [{from: r1, to: {r1/*: 80, r2: 20}}]\n"
		       "        failoverPriority: [a, b=c]\n")
		      ->dr->policy->lb;
	k = lb->hash->cookie;
	assert_string_equal(k->name, "user");
	assert_string_equal(k->path, "/p");
	assert_true(k->has_ttl && k->ttl_us == 0);
	assert_int_equal(k->n_attributes, 2);
	assert_string_equal(k->attributes[0].value, "Lax");
	assert_null(k->attributes[1].value);
	assert_true(lb->hash->has_maglev && !lb->hash->has_ring);
	assert_int_equal(lb->hash->table_size, 13);
	assert_false(lb->locality->off);
	assert_string_equal(lb->locality->distribute[0].from, "r1");
	assert_string_equal(lb->locality->distribute[0].to[0].locality, "r1/*");
	assert_int_equal(lb->locality->distribute[0].to[1].weight, 20);
	assert_string_equal(lb->locality->failover_priority.items[1], "b=c");
	load_free(&l);
}

static void gateway(void **state)
{
	struct loaded l;
	struct gateway *gw;

	(void)state;
	gw = load_one(&l, KIND_GATEWAY,
		      ISTIO "kind: Gateway\nmetadata: {name: gw}\nspec:\n"
			    "  selector: {istio: ingressgateway}\n"
			    "  servers:\n"
			    "  - port: {number: 80, name: a, protocol: http}\n"
			    "    hosts: [\"ns/*.example.com\"]\n"
			    "    bind: 198.18.0.2\n"
			    "  - port: {number: 81, name: b, protocol: GRPC-WEB}\n"
			    "    hosts: [\"*\"]\n")
		     ->gw;
	assert_string_equal(labels_get(&gw->selector, "istio"), "ingressgateway");
	assert_int_equal(gw->n_servers, 2);
	assert_int_equal(gw->servers[0].port, 80);
	assert_int_equal(gw->servers[0].protocol, PROTO_HTTP);
	assert_string_equal(gw->servers[0].bind, "198.18.0.2");
	assert_string_equal(gw->servers[0].hosts.items[0], "ns/*.example.com");
	assert_int_equal(gw->servers[1].protocol, PROTO_GRPC_WEB);
	load_free(&l);
}

static void service_entry(void **state)
{
	struct loaded l;
	struct service_entry *se;

	(void)state;
	se = load_one(&l, KIND_SERVICE_ENTRY,
		      ISTIO "kind: ServiceEntry\nmetadata: {name: e}\nspec:\n"
			    "  hosts: [e.test]\n"
			    "  addresses: [10.0.0.9]\n"
			    "  location: MESH_INTERNAL\n"
			    "  resolution: STATIC\n"
			    "  ports:\n"
			    "  - {number: 80, name: http, protocol: HTTP, targetPort: 8080}\n"
			    "  endpoints:\n"
			    "  - address: 10.0.0.1\n"
			    "    ports: {http: 8081}\n"
			    "    labels: {version: v1}\n"
			    "    weight: 3\n"
			    "    locality: eu/a\n")
		     ->se;
	assert_true(se->mesh_internal);
	assert_int_equal(se->resolution, RES_STATIC);
	assert_int_equal(se->ports[0].target_port, 8080);
	assert_int_equal(se->ports[0].protocol, PROTO_HTTP);
	assert_int_equal(se->n_endpoints, 1);
	assert_string_equal(se->endpoints[0].address, "10.0.0.1");
	assert_int_equal(se->endpoints[0].address_pos.line, 12);
	assert_string_equal(se->endpoints[0].ports[0].name, "http");
	assert_int_equal(se->endpoints[0].ports[0].number, 8081);
	assert_int_equal(se->endpoints[0].weight, 3);
	assert_string_equal(se->endpoints[0].locality, "eu/a");
	load_free(&l);
}

/* B279: metadata.labels win over spec.labels. */
static void workload_labels(void **state)
{
	struct loaded l;
	struct workload_entry *we;

	(void)state;
	we = load_one(&l, KIND_WORKLOAD_ENTRY,
		      ISTIO "kind: WorkloadEntry\n"
			    "metadata: {name: w, labels: {version: v2, zz: a}}\nspec:\n"
			    "  address: 10.0.0.1\n  labels: {version: v1, app: b, aa: c}\n")
		     ->we;
	assert_int_equal(we->labels.n, 4);
	assert_string_equal(labels_get(&we->labels, "version"), "v2");
	assert_string_equal(labels_get(&we->labels, "app"), "b");
	assert_string_equal(labels_get(&we->labels, "aa"), "c");
	assert_string_equal(labels_get(&we->labels, "zz"), "a");
	load_free(&l);
}

static void kubernetes_service(void **state)
{
	static const enum port_protocol expected[] = {PROTO_HTTP,  PROTO_GRPC_WEB, PROTO_HTTP2,
						      PROTO_UDP,   PROTO_UNSET,    PROTO_TCP,
						      PROTO_UNSET, PROTO_HTTP2,    PROTO_GRPC};
	struct loaded l;
	struct service *svc;
	size_t i;

	(void)state;
	svc = load_one(&l, KIND_SERVICE,
		       "apiVersion: v1\nkind: Service\n"
		       "metadata: {name: s, managedFields: [{a: b}], uid: x}\n"
		       "spec:\n  clusterIP: 10.0.0.1\n  clusterIPs: [10.0.0.1, \"2001:db8::1\"]\n"
		       "  type: NodePort\n  externalTrafficPolicy: Local\n"
		       "  selector: {app: s}\n  ports:\n"
		       "  - {port: 80, name: http-web, targetPort: web, nodePort: 30080}\n"
		       "  - {port: 81, name: grpc-web, targetPort: 8081}\n"
		       "  - {port: 82, name: HTTP2-x, targetPort: \"8082\"}\n"
		       "  - {port: 83, name: http, protocol: UDP}\n"
		       "  - {port: 84, name: httpx}\n"
		       "  - {port: 85, name: tcp-http}\n"
		       "  - {port: 86}\n"
		       "  - {port: 87, name: tcp, appProtocol: kubernetes.io/h2c}\n"
		       "  - {port: 88, name: tcp, appProtocol: grpc}\n")
		      ->svc;
	assert_int_equal(svc->cluster_ips.n, 2);
	assert_string_equal(svc->cluster_ips.items[1], "2001:db8::1");
	assert_true(svc->has_selector);
	assert_int_equal(svc->n_ports, 9);
	assert_string_equal(svc->ports[0].target_port_name, "web");
	assert_int_equal(svc->ports[1].target_port, 8081);
	assert_string_equal(svc->ports[2].target_port_name, "8082");
	for (i = 0; i < 9; i++)
		assert_int_equal(svc->ports[i].protocol, expected[i]);
	load_free(&l);

	svc = load_one(&l, KIND_SERVICE,
		       "{apiVersion: v1, kind: Service, metadata: {name: s},"
		       " spec: {clusterIP: None}, status: {loadBalancer: {}}}\n")
		      ->svc;
	assert_int_equal(svc->cluster_ips.n, 0);
	assert_false(svc->has_selector);
	load_free(&l);
}

static void kubernetes_endpoints(void **state)
{
	struct loaded l;
	struct endpoint_slice *eps;
	struct endpoints *ep;

	(void)state;
	eps = load_one(&l, KIND_ENDPOINT_SLICE,
		       "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
		       "metadata: {name: s-1, labels: {kubernetes.io/service-name: s}}\n"
		       "addressType: IPv4\nendpoints:\n"
		       "- addresses: [10.0.0.1]\n  zone: a\n"
		       "  targetRef: {kind: Pod, name: p, namespace: n}\n"
		       "- addresses: [10.0.0.2]\n  conditions: {ready: false, serving: true}\n"
		       "- addresses: [10.0.0.3]\n  conditions: {ready: null}\n"
		       "ports: [{name: http, port: 8080}, {port: 9090}]\n")
		      ->eps;
	assert_string_equal(eps->service, "s");
	assert_int_equal(eps->n_endpoints, 3);
	assert_true(eps->endpoints[0].ready);
	assert_false(eps->endpoints[1].ready);
	assert_true(eps->endpoints[2].ready);
	assert_string_equal(eps->endpoints[0].target_name, "p");
	assert_string_equal(eps->endpoints[0].zone, "a");
	assert_int_equal(eps->n_ports, 2);
	assert_null(eps->ports[1].name);
	load_free(&l);

	ep = load_one(&l, KIND_ENDPOINTS,
		      "apiVersion: v1\nkind: Endpoints\nmetadata: {name: s}\nsubsets:\n"
		      "- addresses: [{ip: 10.0.0.1, targetRef: {kind: Pod, name: p}}]\n"
		      "  notReadyAddresses: [{ip: 10.0.0.2}]\n"
		      "  ports: [{name: http, port: 8080}]\n")
		     ->ep;
	assert_int_equal(ep->n_subsets, 1);
	assert_string_equal(ep->subsets[0].service, "s");
	assert_int_equal(ep->subsets[0].n_endpoints, 2);
	assert_true(ep->subsets[0].endpoints[0].ready);
	assert_string_equal(ep->subsets[0].endpoints[0].target_name, "p");
	assert_false(ep->subsets[0].endpoints[1].ready);
	assert_string_equal(ep->subsets[0].endpoints[1].addresses.items[0], "10.0.0.2");
	load_free(&l);
}

static void kubernetes_pod(void **state)
{
	static const struct {
		const char *status;
		bool ready;
	} cases[] = {
		{"{podIP: 10.0.0.1}", true},
		{"{podIP: 10.0.0.1, phase: Running}", true},
		{"{podIP: 10.0.0.1, phase: Pending}", false},
		{"{podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: \"True\"}]}",
		 true},
		{"{podIP: 10.0.0.1, conditions: [{type: X}, {type: Ready, status: \"False\"}]}",
		 false},
	};
	struct loaded l;
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pod *pod;

		snprintf(text, sizeof(text),
			 "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
			 "spec: {containers: [{ports: [{name: a, containerPort: 1}]}, {},\n"
			 "  {ports: [{containerPort: 2}]}]}\nstatus: %s\n",
			 cases[i].status);
		pod = load_one(&l, KIND_POD, text)->pod;
		assert_string_equal(pod->ip, "10.0.0.1");
		assert_int_equal(pod->ready, cases[i].ready);
		assert_int_equal(pod->n_ports, 2);
		assert_int_equal(pod->ports[1].port, 2);
		load_free(&l);
	}
}

/* B002, B005 and JSON: the same object in other clothes has the same content. */
static void ways_of_writing(void **state)
{
	static const char *const texts[] = {
		"apiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\n"
		"metadata: {name: x}\nspec:\n  hosts: [a]\n  http:\n  - route:\n"
		"    - destination: {host: a}\n    retries: {attempts: 2, retry_on: reset}\n",
		"apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\n"
		"metadata:\n  name: \"x\"\nspec:\n  \"hosts\":\n  - 'a'\n  http:\n  - route:\n"
		"    - destination: {host: a}\n    retries: {attempts: 2.0, retryOn: reset}\n"
		"status: {anything: [1, {}]}\n",
		"{\"apiVersion\":\"networking.istio.io/v1\",\"kind\":\"VirtualService\","
		"\"metadata\":{\"name\":\"x\",\"creationTimestamp\":null},\"spec\":{\"hosts\":["
		"\"a\"],"
		"\"tls\":null,\"http\":[{\"route\":[{\"destination\":{\"host\":\"a\"}}],"
		"\"retries\":{\"attempts\":\"2\",\"retryOn\":\"reset\"}}]}}",
		"# comment\n---\n---\napiVersion: v1\nkind: List\nitems:\n"
		"- apiVersion: networking.istio.io/v1\n  kind: VirtualService\n"
		"  metadata: {name: x}\n  spec: {hosts: [a], http: [{route: [&r {destination: "
		"{host: a}}],"
		" retries: {attempts: 2e0, retryOn: reset}}]}\n...\n",
		"apiVersion: networking.istio.io/v1\r\nkind: VirtualService\r\nmetadata: {name: "
		"x}\r\n"
		"spec:\r\n  hosts: [a]\r\n  http:\r\n  - route: [{destination: {host: a}}]\r\n"
		"    retries: {attempts: 2, retryOn: reset}\r\n",
		"\xef\xbb\xbf"
		"apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
		"metadata: {name: x}\nspec:\n  hosts: &h [a]\n  http:\n  - route:\n"
		"    - destination: {host: a}\n    retries:\n      attempts: 2\n      retryOn: "
		"reset\n",
	};
	struct loaded l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct resource *r = load_one(&l, KIND_VIRTUAL_SERVICE, texts[i]);
		struct http_rule *rule = &r->vs->http[0];

		assert_string_equal(r->name, "x");
		assert_string_equal(r->ns, "default");
		assert_int_equal(r->creation_time, 0);
		assert_string_equal(r->vs->hosts.items[0], "a");
		assert_string_equal(rule->route[0].destination->host, "a");
		assert_int_equal(rule->retries->attempts, 2);
		assert_string_equal(rule->retries->retry_on, "reset");
		load_free(&l);
	}
}

static void typed_lists_and_aliases(void **state)
{
	struct loaded l;

	(void)state;
	load_text(&l, ISTIO "kind: WorkloadEntryList\nitems:\n"
			    "- &w\n  " ISTIO "  kind: WorkloadEntry\n  metadata: {name: a}\n"
			    "  spec: &s {address: 10.0.0.1}\n"
			    "- " ISTIO "  kind: WorkloadEntry\n  metadata: {name: b}\n"
			    "  spec: *s\n");
	assert_int_equal(l.d.errors, 0);
	assert_int_equal(l.set.n, 2);
	assert_string_equal(l.set.items[1]->name, "b");
	assert_string_equal(l.set.items[1]->we->address, "10.0.0.1");
	load_free(&l);
}

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{"1970-01-01T00:00:01Z", 1},
		{"2020-02-29T12:00:00Z", 1582977600},
		{"2020-02-29T12:00:00.123456Z", 1582977600},
		{"2020-02-29T14:00:00+02:00", 1582977600},
		{"2020-02-29T06:30:00-05:30", 1582977600},
	};
	struct loaded l;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "apiVersion: v1\nkind: Pod\nmetadata: {name: p, creationTimestamp: %s}\n",
			 cases[i].text);
		assert_int_equal(load_one(&l, KIND_POD, text)->creation_time, cases[i].seconds);
		load_free(&l);
	}
}

/* B009, B010: older first, then name, then namespace; never file order. */
static void order(void **state)
{
#define POD(name, ns, time)                                                                        \
	"{apiVersion: v1, kind: Pod, metadata: {name: " name ", namespace: " ns                    \
	", creationTimestamp: " time "}}\n---\n"
	static const char *const expected[] = {"a/n1", "a/n2", "b/n1", "zzz/n1", "aaa/n1"};
	struct loaded l;
	char label[64];
	size_t i, first, last;

	(void)state;
	load_text(&l,
		  POD("aaa", "n1", "\"2021-01-01T00:00:00Z\"") POD("zzz", "n1",
								   "\"2020-01-01T00:00:00Z\"")
			  POD("b", "n1", "null") POD("a", "n2", "null") POD(
				  "a", "n1",
				  "null") "{apiVersion: v1, kind: Service, metadata: {name: s}}\n");
	assert_int_equal(l.set.n, 6);
	resource_set_range(&l.set, KIND_POD, &first, &last);
	assert_int_equal(last - first, 5);
	for (i = 0; i < 5; i++) {
		const struct resource *r = l.set.items[first + i];

		snprintf(label, sizeof(label), "%s/%s", r->name, r->ns);
		assert_string_equal(label, expected[i]);
	}
	resource_set_range(&l.set, KIND_SERVICE, &first, &last);
	assert_int_equal(last - first, 1);
	resource_set_range(&l.set, KIND_GATEWAY, &first, &last);
	assert_int_equal(last, first);
	load_free(&l);
}

static void unsupported_names_of_a_rule(void **state)
{
	struct loaded l;
	struct http_rule *rule;

	(void)state;
	load_text(&l, ISTIO "kind: VirtualService\nmetadata: {name: x}\nspec:\n  hosts: [a]\n"
			    "  http:\n  - route: [{destination: {host: a}, headers: {}}]\n"
			    "    mirror: {host: b}\n    websocketUpgrade: true\n"
			    "    retries: {attempts: 1, perTryTimeout: 1s, "
			    "retryRemoteLocalities: true}\n");
	rule = &l.set.items[0]->vs->http[0];
	assert_int_equal(rule->unsupported.n, 1);
	assert_string_equal(rule->unsupported.items[0], "retries.retryRemoteLocalities");
	assert_non_null(rule->route[0].headers);
	load_free(&l);
}

static void content_hash(void **state)
{
#define ENTRY(address)                                                                             \
	ISTIO "kind: WorkloadEntry\nmetadata: {name: a}\nspec: {address: " address "}\n"
	static const char *const texts[] = {ENTRY("10.0.0.1"), "\n\n# moved\n" ENTRY("10.0.0.1"),
					    ENTRY("10.0.0.2"), ENTRY("10.0.0.12")};
	uint64_t hash[4];
	struct loaded l;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		hash[i] = load_one(&l, KIND_WORKLOAD_ENTRY, texts[i])->hash;
		load_free(&l);
	}
	assert_true(hash[0] == hash[1]);
	assert_true(hash[0] != hash[2] && hash[2] != hash[3] && hash[0] != hash[3]);
}

static void places_of_fields(void **state)
{
	static const struct {
		const char *path;
		unsigned line, col;
	} cases[] = {
		{"spec.http[0].route[0].destination.host", 7, 34},
		{"spec.http[0].route[0].destination.subset", 7, 27}, /* absent: what is around */
		{"spec.http[0].route[1]", 7, 12},
		{"spec.http[0].timeout", 8, 14},
		{"spec.http[3]", 7, 3},
		{"nonsense", 1, 1},
		{"", 1, 1},
	};
	struct loaded l;
	struct resource *r;
	size_t i;

	(void)state;
	r = load_one(&l, KIND_VIRTUAL_SERVICE,
		     ISTIO "kind: VirtualService\nmetadata: {name: x}\nspec:\n  hosts: [a]\n"
			   "  http:\n  - route: [{destination: {host: a}}]\n    timeout: 1s\n");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pos pos = resource_pos(r, cases[i].path);

		if (pos.line != cases[i].line || pos.col != cases[i].col)
			fail_msg("%s: %u:%u", cases[i].path, pos.line, pos.col);
	}
	load_free(&l);
}

static void label_sets(void **state)
{
	static const struct label abc[] = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
	static const struct label b[] = {{"b", "2"}}, b3[] = {{"b", "3"}}, d[] = {{"d", "1"}};
	const struct labels have = {3, abc};

	(void)state;
	assert_true(labels_contain(&have, &(struct labels){0, NULL}));
	assert_true(labels_contain(&have, &(struct labels){1, b}));
	assert_true(labels_contain(&have, &have));
	assert_false(labels_contain(&have, &(struct labels){1, b3}));
	assert_false(labels_contain(&have, &(struct labels){1, d}));
	assert_false(labels_contain(&(struct labels){1, b}, &have));
	assert_false(labels_contain(&(struct labels){0, NULL}, &have));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtual_service),
		cmocka_unit_test(destination_rule),
		cmocka_unit_test(load_balancer),
		cmocka_unit_test(gateway),
		cmocka_unit_test(service_entry),
		cmocka_unit_test(workload_labels),
		cmocka_unit_test(kubernetes_service),
		cmocka_unit_test(kubernetes_endpoints),
		cmocka_unit_test(kubernetes_pod),
		cmocka_unit_test(ways_of_writing),
		cmocka_unit_test(typed_lists_and_aliases),
		cmocka_unit_test(times),
		cmocka_unit_test(order),
		cmocka_unit_test(unsupported_names_of_a_rule),
		cmocka_unit_test(content_hash),
		cmocka_unit_test(places_of_fields),
		cmocka_unit_test(label_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
