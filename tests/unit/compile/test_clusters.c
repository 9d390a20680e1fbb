/* test_clusters.c - endpoints and policies of clusters: groups O and Q. */
#include "fresh.h"

#include <string.h>

#include "yaml.h"

#define A     "outbound|8000||a.default.svc.cluster.local"
#define A_V1  "outbound|8000|v1|a.default.svc.cluster.local"
#define A_V2  "outbound|8000|v2|a.default.svc.cluster.local"
#define B     "outbound|8000||b.default.svc.cluster.local"
#define B_V1  "outbound|8000|v1|b.default.svc.cluster.local"
#define B_V2  "outbound|8000|v2|b.default.svc.cluster.local"
#define SVC_A SVC_A_OF("http")
#define SVC_A_OF(port)                                                                             \
	SERVICE_OF("a", "default", "selector: {app: a}, ports: [{name: " port ", port: 8000}]")

static const struct cluster *cluster(const char *name)
{
	const struct cluster *c = world_cluster_named(&w, name);

	assert_non_null(c);
	return c;
}

static unsigned announced(const char *name)
{
	return cluster(name)->endpoints->endpoints[0].announce;
}

static const char *asked(const char *name)
{
	const struct tunnel *t = cluster(name)->tunnel;

	return t ? t->request : "";
}

#define TUNNEL(more) "trafficPolicy: {tunnel: {" more "}"

/* Of the host, of a subset instead of it; never of a port alone, as the PROXY protocol (3.8). */
static void test_tunnel(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(DR(
			       "b", "default",
			       "host: b, " TUNNEL("targetHost: db.test, targetPort: 5432") "}")));
	assert_string_equal(asked(B),
			    "CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n");
	assert_int_equal(cluster(B)->tunnel->len, strlen(asked(B)));
	assert_false(cluster(B)->tunnel->post);
	assert_string_equal(asked(A), "");
	world_load(&w,
		   WITH_FIXTURE(DR("b", "default",
				   "host: b, " TUNNEL("protocol: POST, targetHost: '2001:2::1', "
						      "targetPort: 1") "}")));
	assert_string_equal(asked(B), "POST / HTTP/1.1\r\nhost: [2001:2::1]:1\r\n"
				      "transfer-encoding: chunked\r\n\r\n");
	assert_true(cluster(B)->tunnel->post);
	world_load(&w,
		   WITH_FIXTURE(
			   DR("b", "default",
			      "host: b, " TUNNEL(
				      "targetHost: a.test, targetPort: 1") ", "
									   "portLevelSettings: "
									   "[{port: {number: "
									   "8000}, loadBalancer: "
									   "{simple: RANDOM}}]}")));
	assert_string_equal(asked(B), "");
	world_load(&w, WITH_FIXTURE(DR(
			       "b", "default",
			       "host: b, " TUNNEL(
				       "targetHost: a.test, targetPort: 1") "}, "
									    "subsets: [{name: "
									    "v1, " TUNNEL(
										    "targetHost: "
										    "b.test, "
										    "targetPort: "
										    "2") "}}, "
											 "{name: "
											 "v2}]")));
	assert_non_null(strstr(asked(B_V1), "b.test:2"));
	assert_non_null(strstr(asked(B_V2), "a.test:1"));
}

#define POOL(tcp, http) "trafficPolicy: {connectionPool: {tcp: {" tcp "}, http: {" http "}}}"

/* http.idleTimeout is for pooled connections alone. */
static void test_tcp_idle_timeout(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(""));
	assert_int_equal(cluster(B)->tcp_idle_us, 3600000000);
	world_load(&w, WITH_FIXTURE(DR("b", "default",
				       "host: b, " POOL("idleTimeout: 5s", "idleTimeout: 7s"))));
	assert_int_equal(cluster(B)->tcp_idle_us, 5000000);
	assert_int_equal(cluster(B)->idle_timeout_us, 7000000);
	world_load(&w, WITH_FIXTURE(DR("b", "default",
				       "host: b, " POOL("idleTimeout: 0s", "maxRetries: 1"))));
	assert_int_equal(cluster(B)->tcp_idle_us, 0);
}

#define PROXY(version) "trafficPolicy: {proxyProtocol: {" version "}"

/* Of the host, of a subset instead of it; never of a port alone (reference 3.1). */
static void test_b270_proxy_protocol(void **state)
{
	(void)state;
	world_load(&w, WITH_FIXTURE(""));
	assert_int_equal(announced(A), 0);
	world_load(&w, WITH_FIXTURE(DR("b", "default", "host: b, " PROXY("") "}")));
	assert_int_equal(announced(B), 1);
	world_load(&w, WITH_FIXTURE(DR("b", "default", "host: b, " PROXY("version: V2") "}")));
	assert_int_equal(announced(B), 2);
	world_load(&w, WITH_FIXTURE(DR(
			       "b", "default",
			       "host: b, " PROXY("version: V2") ", portLevelSettings: "
								"[{port: {number: 8000}, "
								"connectionPool: {tcp: {}}}]}")));
	assert_int_equal(announced(B), 0);
	world_load(
		&w,
		WITH_FIXTURE(DR(
			"b", "default",
			"host: b, " PROXY(
				"version: V2") "}, subsets: ["
					       "{name: v1, labels: {version: v1}, " PROXY(
						       "") "}},"
							   "{name: v2, labels: {version: v2}, "
							   "trafficPolicy: "
							   "{portLevelSettings: [{port: {number: "
							   "8000}, tls: {mode: DISABLE}}]}"
							   "}]")));
	assert_int_equal(announced(B), 2);
	assert_int_equal(announced(B_V1), 1);
	assert_int_equal(announced(B_V2), 2);
}

static void test_defaults(void **state)
{
	const struct cluster *c;

	(void)state;
	world_load(&w, SVC_A);
	c = cluster(A);
	assert_int_equal(c->lb, LB_LEAST_REQUEST);
	assert_int_equal(c->connect_timeout_us, 10000000);
	assert_int_equal(c->idle_timeout_us, 3600000000ull);
	assert_int_equal(c->max_requests_per_connection, 0);
	assert_string_equal(c->service_host, "a.default.svc.cluster.local");
	assert_string_equal(c->service_name, "a");
	assert_string_equal(c->service_namespace, "default");
	assert_string_equal(c->subset, "");
	assert_int_equal(c->port, 8000);
	assert_int_equal(c->endpoints->n, 0);
	assert_ptr_equal(w.s->cluster_by_id[c->id], c);
}

static void test_default_lb_in_08(void **state)
{
	(void)state;
	world_fini(&w);
	world_init(&w, &(struct world_options){.compat_08 = true});
	world_load(&w, SVC_A);
	assert_int_equal(cluster(A)->lb, LB_ROUND_ROBIN);
}

static void test_policy_values(void **state)
{
	const struct cluster *c;

	(void)state;
	world_load(
		&w,
		SVC_A DR(
			"d", "default",
			"host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {"
			"tcp: {connectTimeout: 2s, idleTimeout: 5s},"
			" http: {maxRequestsPerConnection: 7}}}"));
	c = cluster(A);
	assert_int_equal(c->lb, LB_RANDOM);
	assert_int_equal(c->connect_timeout_us, 2000000);
	assert_int_equal(c->idle_timeout_us, 5000000);
	assert_int_equal(c->max_requests_per_connection, 7);
	world_load(&w, SVC_A DR("d", "default",
				"host: a, trafficPolicy: {connectionPool: {tcp: {idleTimeout: 5s},"
				" http: {idleTimeout: 6s}}}"));
	assert_int_equal(cluster(A)->idle_timeout_us, 6000000);
	assert_false(cluster(A)->has_keepalive);
	world_load(&w, SVC_A DR("d", "default",
				"host: a, trafficPolicy: {connectionPool: {tcp: {tcpKeepalive: "
				"{probes: 4, time: 1500ms, interval: 30s}}}}, subsets: [{name: v1, "
				"trafficPolicy: {connectionPool: {tcp: {tcpKeepalive: {}}}}}]"));
	c = cluster(A);
	assert_true(c->has_keepalive && cluster(A_V1)->has_keepalive);
	assert_int_equal(c->keepalive.time_s, 2); /* whole seconds, not sooner than asked for */
	assert_int_equal(c->keepalive.interval_s, 30);
	assert_int_equal(c->keepalive.probes, 4);
	assert_int_equal(cluster(A_V1)->keepalive.time_s, 0);
}

/* B225, and what the port says (3.5). */
static void test_http2(void **state)
{
	const struct http2_policy *h;

	(void)state;
	world_load(&w, SVC_A DR("d", "default",
				"host: a, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: "
				"UPGRADE, maxConcurrentStreams: 7, http2KeepAlive: {interval: 3s, "
				"timeout: 1s}}}}, subsets: [{name: v1, trafficPolicy: "
				"{connectionPool: {http: {maxRetries: 3}}}}]"));
	h = cluster(A)->http2;
	assert_non_null(h);
	assert_int_equal(h->max_streams, 7);
	assert_int_equal(h->ping_interval_us, 3000000);
	assert_int_equal(h->ping_timeout_us, 1000000);
	assert_null(cluster(A)->breaker);
	assert_null(cluster(A_V1)->http2); /* a block replaces the whole block */
	world_load(&w, SVC_A);
	assert_null(cluster(A)->http2);
	world_load(&w, SVC_A_OF("grpc-a"));
	h = cluster(A)->http2;
	assert_non_null(h);
	assert_int_equal(h->max_streams, 1024);
	assert_int_equal(h->ping_interval_us, 0);
	world_load(&w, SVC_A_OF("http2") DR("d", "default",
					    "host: a, trafficPolicy: {connectionPool: {http: "
					    "{h2UpgradePolicy: DO_NOT_UPGRADE}}}"));
	assert_non_null(cluster(A)->http2);
	world_load(&w, SVC_A_OF("http2") DR("d", "default",
					    "host: a, trafficPolicy: {connectionPool: {http: "
					    "{useClientProtocol: true}}}"));
	assert_null(cluster(A)->http2);
	world_load(&w, WITH_FIXTURE(DR("b", "default",
				       "host: b, trafficPolicy: {connectionPool: {http: "
				       "{h2UpgradePolicy: UPGRADE}}}")));
	assert_true(cluster(B)->endpoints->endpoints[0].http2);
	assert_false(cluster(A)->endpoints->endpoints[0].http2);
}

static void test_limits(void **state)
{
	const struct cluster *c;

	(void)state;
	world_load(&w,
		   SVC_A DR("d", "default",
			    "host: a, trafficPolicy: {connectionPool: {tcp: {maxConnections: 3,"
			    " maxConnectionDuration: 9s, idleTimeout: 0s}, http: {maxRetries: 4,"
			    " http1MaxPendingRequests: 5, http2MaxRequests: 6}}}, subsets: ["
			    "{name: v1, trafficPolicy: {connectionPool: {tcp: {connectTimeout:"
			    " 1s, maxConnections: 0}}}}, {name: v2}]"));
	c = cluster(A);
	assert_non_null(c->breaker);
	assert_int_equal(c->breaker->cluster_id, c->id);
	assert_int_equal(c->limits.connections, 3);
	assert_int_equal(c->limits.retries, 4);
	assert_int_equal(c->limits.pending, 5);
	assert_int_equal(c->limits.requests, 6);
	assert_int_equal(c->max_connection_us, 9000000);
	assert_int_equal(c->idle_timeout_us, 0);
	assert_null(c->outlier);
	/* B219: each cluster has its own. */
	assert_non_null(cluster(A_V2)->breaker);
	assert_ptr_not_equal(cluster(A_V2)->breaker, c->breaker);
	assert_null(cluster(A_V1)->breaker); /* B254, and 0 is no limit */
}

/* 3.2: of the host, unless the subset has one; settings of a port have none. */
static void test_retry_budget(void **state)
{
	const struct breaker_limits *l;

	(void)state;
	world_load(&w, SVC_A DR("d", "default",
				"host: a, trafficPolicy: {connectionPool: {http: {maxRetries: 9}}, "
				"retryBudget: {percent: 12.5, minRetryConcurrency: 7}}, subsets: ["
				"{name: v1, trafficPolicy: {retryBudget: {}}}, {name: v2, "
				"trafficPolicy: {portLevelSettings: [{port: {number: 8000}, "
				"connectionPool: {http: {maxRetries: 4}}}]}}]"));
	l = &cluster(A)->limits;
	assert_int_equal(l->retries, BREAKER_NO_LIMIT);
	assert_int_equal(l->retries_share, 125000);
	assert_int_equal(l->retries_min, 7);
	assert_non_null(cluster(A)->breaker);
	l = &cluster(A_V1)->limits;
	assert_int_equal(l->retries_share, 200000);
	assert_int_equal(l->retries_min, 3);
	assert_int_equal(cluster(A_V2)->limits.retries_min, 7);
	world_load(&w, SVC_A DR("d", "default",
				"host: a, trafficPolicy: {retryBudget: {percent: 0}, "
				"portLevelSettings: [{port: {number: 8000}, connectionPool: {http: "
				"{maxRetries: 4}}}]}, subsets: [{name: v1}]"));
	assert_int_equal(cluster(A)->limits.retries_min, 0);
	assert_int_equal(cluster(A)->limits.retries, 4);
	world_load(&w,
		   SVC_A DR("d", "default", "host: a, trafficPolicy: {retryBudget: {percent: 0}}"));
	assert_int_equal(cluster(A)->limits.retries_share, 0);
	assert_int_equal(cluster(A)->limits.retries_min, 3);
}

#define WITH_OUTLIER(o)                                                                            \
	SVC_A DR("d", "default", "host: a, trafficPolicy: {outlierDetection: {" o "}}")

static void test_b230_outlier_defaults(void **state)
{
	const struct outlier_policy *o;

	(void)state;
	world_load(&w, WITH_OUTLIER(""));
	o = cluster(A)->outlier;
	assert_non_null(o);
	assert_non_null(cluster(A)->outlier_state);
	assert_int_equal(o->consecutive_5xx, 5);
	assert_int_equal(o->consecutive_gateway, 0);
	assert_int_equal(o->consecutive_local, 0);
	assert_int_equal(o->interval_us, 10000000);
	assert_int_equal(o->base_ejection_us, 30000000);
	assert_int_equal(o->max_ejection_us, 300000000);
	assert_int_equal(o->max_ejection_percent, 10);
	assert_int_equal(o->min_health_percent, 0);
	assert_int_equal(o->n_codes, 0);
	assert_false(o->always_one);
	world_load(&w, WITH_OUTLIER("splitExternalLocalOriginErrors: true, baseEjectionTime: 10m"));
	o = cluster(A)->outlier;
	assert_int_equal(o->consecutive_local, 5);
	assert_int_equal(o->max_ejection_us, 600000000);
}

/* B235, B236: the old forms are consecutive 5xx, unless one of today's fields is there. */
static void test_b235_old_outlier_forms(void **state)
{
	(void)state;
	world_load(&w, WITH_OUTLIER("http: {consecutiveErrors: 1, interval: 1s, "
				    "baseEjectionTime: 3m, maxEjectionPercent: 100}"));
	assert_int_equal(cluster(A)->outlier->consecutive_5xx, 1);
	assert_int_equal(cluster(A)->outlier->interval_us, 1000000);
	assert_int_equal(cluster(A)->outlier->base_ejection_us, 180000000);
	assert_int_equal(cluster(A)->outlier->max_ejection_percent, 100);
	world_load(&w, WITH_OUTLIER("consecutiveErrors: 3"));
	assert_int_equal(cluster(A)->outlier->consecutive_5xx, 3);
	world_load(&w, WITH_OUTLIER("consecutiveErrors: 3, consecutiveGatewayErrors: 2"));
	assert_int_equal(cluster(A)->outlier->consecutive_5xx, 5);
	assert_int_equal(cluster(A)->outlier->consecutive_gateway, 2);
	world_load(&w, WITH_OUTLIER("consecutiveErrors: 3, consecutive5xxErrors: 0"));
	assert_int_equal(cluster(A)->outlier->consecutive_5xx, 0);
	world_fini(&w);
	world_init(&w, &(struct world_options){.compat_08 = true});
	world_load(&w, WITH_OUTLIER("http: {consecutiveErrors: 1}"));
	assert_true(cluster(A)->outlier->always_one);
	assert_true(cluster(A)->outlier->unforgiving);
	assert_int_equal(cluster(A)->outlier->max_ejection_us, UINT64_MAX);
}

/* What is counted belongs to a name, and is the same in every snapshot that has it. */
static void test_state_outlives_snapshots(void **state)
{
	struct breaker *breaker;
	struct endpoint_health *health;
	struct outlier_state *outlier;

	(void)state;
#define RULES(max)                                                                                 \
	WITH_FIXTURE(DR("b", "default",                                                            \
			"host: b, trafficPolicy: {outlierDetection: {}, connectionPool: {tcp: "    \
			"{maxConnections: " max "}}}"))
#define B "outbound|8000||b.default.svc.cluster.local"
	world_load(&w, RULES("1"));
	breaker = cluster(B)->breaker;
	outlier = cluster(B)->outlier_state;
	health = cluster(B)->endpoints->endpoints[0].health;
	assert_non_null(health);
	health->multiplier = 7;
	breaker->connections = 1;
	breaker->holds = 1;
	for (int i = 0; i < 100; i++)
		world_load(&w, i % 2 ? RULES("1") : RULES("2"));
	assert_ptr_equal(cluster(B)->breaker, breaker);
	assert_ptr_equal(cluster(B)->outlier_state, outlier);
	assert_ptr_equal(cluster(B)->endpoints->endpoints[0].health, health);
	assert_int_equal(health->multiplier, 7);
	/* Without limits nobody leads to it, but a connection may still be open. */
	world_load(&w, SVC_A);
	world_load(&w, SVC_A);
	assert_int_equal(breaker->connections, 1);
	world_load(&w, RULES("3"));
	assert_ptr_equal(cluster(B)->breaker, breaker);
	assert_int_equal(breaker->cluster_id, cluster(B)->id);
	assert_int_equal(cluster(B)->endpoints->endpoints[0].health->multiplier, 0);
	breaker->holds = 0;
#undef RULES
#undef B
}

/* B254: a block of a subset replaces the whole block. */
static void test_b254_blocks_replace(void **state)
{
	const struct cluster *c;

	(void)state;
	world_load(
		&w,
		SVC_A DR(
			"d", "default",
			"host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {"
			"tcp: {connectTimeout: 2s}, http: {maxRequestsPerConnection: 7}}},"
			" subsets: [{name: v1, trafficPolicy: {connectionPool: {tcp: "
			"{connectTimeout: 1s}}}}, {name: v2}]"));
	c = cluster(A_V1);
	assert_int_equal(c->connect_timeout_us, 1000000);
	assert_int_equal(c->max_requests_per_connection, 0);
	assert_int_equal(c->lb, LB_RANDOM);
	assert_string_equal(c->subset, "v1");
	assert_int_equal(cluster(A_V2)->max_requests_per_connection, 7);
	assert_int_equal(cluster(A)->connect_timeout_us, 2000000);
}

/* B255: an entry of portLevelSettings stands alone. */
static void test_b255_port_level_stands_alone(void **state)
{
	const struct cluster *c;

	(void)state;
	world_load(&w, SVC_A DR("d", "default",
				"host: a, trafficPolicy: {connectionPool: {http: "
				"{maxRequestsPerConnection: 7}}, portLevelSettings: ["
				"{port: {number: 8000}, loadBalancer: {simple: RANDOM}}]}"));
	c = cluster(A);
	assert_int_equal(c->lb, LB_RANDOM);
	assert_int_equal(c->max_requests_per_connection, 0);
	world_load(&w,
		   SVC_A DR("d", "default",
			    "host: a, trafficPolicy: {outlierDetection: {}, portLevelSettings: "
			    "[{port: {number: 8000}, loadBalancer: {simple: RANDOM}}]}, subsets: ["
			    "{name: v1, trafficPolicy: {outlierDetection: {}}}]"));
	assert_null(cluster(A)->outlier);
	assert_non_null(cluster(A_V1)->outlier);
}

static void test_b256_subset_beats_port_level(void **state)
{
	(void)state;
	world_load(&w,
		   SVC_A DR("d", "default",
			    "host: a, trafficPolicy: {portLevelSettings: [{port: {number: 8000}, "
			    "loadBalancer: {simple: RANDOM},"
			    "connectionPool: {http: {maxRequestsPerConnection: 7}}}]}, subsets: ["
			    "{name: v1, trafficPolicy: {connectionPool: {http: "
			    "{maxRequestsPerConnection: 3}}}},"
			    "{name: v2, trafficPolicy: {portLevelSettings: [{port: {number: 8000},"
			    " connectionPool: {http: {maxRequestsPerConnection: 4}}}]}}]"));
	assert_int_equal(cluster(A_V1)->max_requests_per_connection, 3);
	assert_int_equal(cluster(A_V1)->lb, LB_RANDOM);
	/* From the subset's own port entry, absent blocks go back to their defaults. */
	assert_int_equal(cluster(A_V2)->max_requests_per_connection, 4);
	assert_int_equal(cluster(A_V2)->lb, LB_LEAST_REQUEST);
}

#define MAX_REQUESTS(n) "trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: " n "}}}"

static void test_b257_two_rules_of_one_host(void **state)
{
	(void)state;
	world_load(&w, SVC_A POD("p1", "default", "app: a, version: v1", "198.18.0.1",
				 "") POD("p2", "default", "app: a, version: v2", "198.18.0.2", "")
			       DR("older", "default",
				  "host: a, " MAX_REQUESTS(
					  "1") ", subsets: [{name: v1, labels: {version: v1}}]")
				       DR("pnewer", "default",
					  "host: a.default.svc.cluster.local, " MAX_REQUESTS(
						  "2") ", subsets: ["
						       "{name: v1, labels: {version: v2}}, {name: "
						       "v2, labels: {version: v2}}]"));
	assert_int_equal(cluster(A)->max_requests_per_connection, 1);
	assert_string_equal(world_endpoints(&w, A_V1), "198.18.0.1:8000");
	assert_string_equal(world_endpoints(&w, A_V2), "198.18.0.2:8000");
	/* A later policy counts when the first rule has none. */
	world_load(&w, SVC_A DR("older", "default", "host: a, subsets: [{name: v1}]")
			       DR("pnewer", "default", "host: a, " MAX_REQUESTS("2")));
	assert_int_equal(cluster(A_V1)->max_requests_per_connection, 2);
}

/* B259: the rules of the gateway's namespace, then the service's, then the root's; one only. */
static void test_b259_lookup_order(void **state)
{
#define SHOP     "outbound|80||s.shop.svc.cluster.local"
#define SVC_SHOP SERVICE_OF("s", "shop", "ports: [{name: http, port: 80}]")
#define HOST_S   "host: s.shop.svc.cluster.local, "
	(void)state;
	world_load(&w, SVC_SHOP DR("d1", "default", HOST_S MAX_REQUESTS("1"))
			       DR("d2", "shop", HOST_S MAX_REQUESTS("2") ", subsets: [{name: v1}]")
				       DR("d3", "istio-system", HOST_S MAX_REQUESTS("3")));
	assert_int_equal(cluster(SHOP)->max_requests_per_connection, 1);
	assert_null(world_cluster_named(&w, "outbound|80|v1|s.shop.svc.cluster.local"));
	world_load(&w, SVC_SHOP DR("d2", "shop", HOST_S MAX_REQUESTS("2"))
			       DR("d3", "istio-system", HOST_S MAX_REQUESTS("3")));
	assert_int_equal(cluster(SHOP)->max_requests_per_connection, 2);
	world_load(&w, SVC_SHOP DR("d2", "shop", "exportTo: ['.'], " HOST_S MAX_REQUESTS("2"))
			       DR("d3", "istio-system", "host: '*.local', " MAX_REQUESTS("3")));
	assert_int_equal(cluster(SHOP)->max_requests_per_connection, 3);
	world_load(&w, SVC_SHOP DR("d", "third", HOST_S MAX_REQUESTS("4")));
	assert_int_equal(cluster(SHOP)->max_requests_per_connection, 0);
}

static void test_most_specific_host(void **state)
{
	(void)state;
	world_load(&w, SVC_A DR("d1", "default", "host: '*', " MAX_REQUESTS("1")) DR(
			       "d2", "default", "host: '*.svc.cluster.local', " MAX_REQUESTS("2"))
			       DR("d3", "default", "host: '*.other.local', " MAX_REQUESTS("3")));
	assert_int_equal(cluster(A)->max_requests_per_connection, 2);
}

static void test_workload_selector(void **state)
{
	(void)state;
	world_load(&w,
		   SVC_A DR("d1", "default", "host: a, " MAX_REQUESTS("1")) DR(
			   "d2", "default",
			   "host: a, workloadSelector: {matchLabels: {istio: "
			   "ingressgateway}}, " MAX_REQUESTS("2"))
			   DR("d3", "default",
			      "host: a, workloadSelector: {matchLabels: {app: x}}, " MAX_REQUESTS(
				      "3")));
	assert_int_equal(cluster(A)->max_requests_per_connection, 2);
}

static void test_pods_by_selector(void **state)
{
	(void)state;
	world_load(
		&w,
		SERVICE_OF(
			"a", "default",
			"selector: {app: a}, ports: [{name: http, port: 80, targetPort: web},"
			" {name: http-2, port: 81, targetPort: 9000}]") "---\n"
									"apiVersion: v1\n"
									"kind: Pod\n"
									"metadata: {name: p1, "
									"labels: {app: a}}\n"
									"spec: {containers: "
									"[{name: c, ports: [{name: "
									"web, containerPort: "
									"8080}]}]}\n"
									"status: {podIP: "
									"198.18.0.1}\n" POD(
										"p2", "default",
										"app: a",
										"198.18.0.2",
										"") POD("p3",
											"default",
											"app: b",
											"198.18.0."
											"3",
											"")
										POD("p4", "other",
										    "app: a",
										    "198.18.0.4",
										    "") "---\n"
											"apiVersion"
											": v1\n"
											"kind: "
											"Pod\n"
											"metadata: "
											"{name: "
											"p5, "
											"labels: "
											"{app: "
											"a}}\n"
											"status: "
											"{podIP: "
											"198.18.0."
											"5, "
											"conditions"
											": [{type: "
											"Ready, "
											"status: "
											"'False'}]}"
											"\n");
	assert_string_equal(world_endpoints(&w, "outbound|80||a.default.svc.cluster.local"),
			    "198.18.0.1:8080");
	assert_string_equal(world_endpoints(&w, "outbound|81||a.default.svc.cluster.local"),
			    "198.18.0.1:9000 198.18.0.2:9000");
}

static void test_slices(void **state)
{
	(void)state;
	world_load(
		&w,
		SERVICE_OF("a", "default",
			   "ports: [{name: http, port: 8000}, {name: http-b, port: 8001}]")
			POD("p1", "default", "version: v7", "198.18.0.1",
			    "") "---\n"
				"apiVersion: discovery.k8s.io/v1\n"
				"kind: EndpointSlice\n"
				"metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}\n"
				"ports: [{name: http, port: 9000}]\n"
				"endpoints:\n"
				"- {addresses: [198.18.0.1], targetRef: {kind: Pod, name: p1}}\n"
				"- {addresses: [198.18.0.2], conditions: {ready: false}}\n"
				"- {addresses: [198.18.0.3], conditions: {ready: true}}\n"
				"---\n"
				"apiVersion: v1\n"
				"kind: Endpoints\n"
				"metadata: {name: a}\n"
				"subsets: [{addresses: [{ip: 198.18.0.3}, {ip: 198.18.0.4}],"
				" notReadyAddresses: [{ip: 198.18.0.5}],"
				" ports: [{name: http, port: 9000}, {name: http-b, port: "
				"9001}]}]\n");
	/* Sorted by kind: Endpoints come first; one address once. */
	assert_string_equal(world_endpoints(&w, A),
			    "198.18.0.3:9000 198.18.0.4:9000 198.18.0.1:9000");
	assert_string_equal(world_endpoints(&w, "outbound|8001||a.default.svc.cluster.local"),
			    "198.18.0.3:9001 198.18.0.4:9001");
	assert_string_equal(cluster(A)->endpoints->endpoints[2].version, "v7");
	assert_string_equal(cluster(A)->endpoints->endpoints[0].version, "unknown");
}

static void test_union_without_duplicates(void **state)
{
	(void)state;
	world_load(
		&w,
		SVC_A POD(
			"p1", "default", "app: a, version: v1", "198.18.0.1",
			"") "---\n"
			    "apiVersion: discovery.k8s.io/v1\n"
			    "kind: EndpointSlice\n"
			    "metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}\n"
			    "ports: [{name: http, port: 8000}]\n"
			    "endpoints: [{addresses: [198.18.0.1]}, {addresses: [198.18.0.2]}]\n");
	assert_string_equal(world_endpoints(&w, A), "198.18.0.1:8000 198.18.0.2:8000");
	assert_string_equal(cluster(A)->endpoints->endpoints[0].version, "v1");
}

static void test_workload_entries_of_a_service(void **state)
{
	(void)state;
	world_load(&w, SERVICE_OF("a", "default",
				  "selector: {app: a}, ports: [{name: http, port: 8000, "
				  "targetPort: 8080}]")
			       WORKLOAD("w1", "default", "address: 198.18.0.1, labels: {app: a}")
				       WORKLOAD("w2", "default",
						"address: 198.18.0.2, ports: {http: 81}, labels: "
						"{app: a}, weight: 3")
					       WORKLOAD("w3", "other",
							"address: 198.18.0.3, labels: {app: a}"));
	assert_string_equal(world_endpoints(&w, A), "198.18.0.1:8080 198.18.0.2:81");
	assert_int_equal(cluster(A)->endpoints->endpoints[1].weight, 3);
}

static void test_b246_weighted_slots(void **state)
{
	const struct endpoint_set *set;

	(void)state;
	world_load(&w, SVC_A WORKLOAD("w1", "default",
				      "address: 198.18.0.1, labels: {app: a}, weight: 6")
			       WORKLOAD("w2", "default",
					"address: 198.18.0.2, labels: {app: a}, weight: 2"));
	set = cluster(A)->endpoints;
	assert_true(set->weighted);
	assert_int_equal(set->n_slots, 4);
	for (unsigned i = 0, n = 0; i < 4; i++) {
		n += set->slots[i] == 0;
		if (i == 3)
			assert_int_equal(n, 3);
	}
}

static void test_equal_weights_need_no_slots(void **state)
{
	(void)state;
	world_load(&w, SVC_A WORKLOAD("w1", "default",
				      "address: 198.18.0.1, labels: {app: a}, weight: 5")
			       WORKLOAD("w2", "default",
					"address: 198.18.0.2, labels: {app: a}, weight: 5"));
	assert_false(cluster(A)->endpoints->weighted);
	assert_null(cluster(A)->endpoints->slots);
}

#define E_SPEC(more) "hosts: [e.test], ports: [{number: 80, name: http, protocol: HTTP" more "}], "
#define E            "outbound|80||e.test"

static void test_b271_inline_endpoints(void **state)
{
	(void)state;
	world_load(&w, SE("e", "default",
			  E_SPEC("") "resolution: STATIC, endpoints: ["
				     "{address: 198.18.0.1}, {address: 198.18.0.2, ports: {http: "
				     "8080}}]"));
	assert_string_equal(world_endpoints(&w, E), "198.18.0.1:80 198.18.0.2:8080");
	assert_string_equal(cluster(E)->service_name, "e.test");
	assert_string_equal(cluster(E)->service_namespace, "default");
}

static void test_b272_target_port(void **state)
{
	(void)state;
	world_load(&w, SE("e", "default",
			  E_SPEC(", targetPort: 9000") "resolution: STATIC, endpoints: [{address: "
						       "198.18.0.1}]"));
	assert_string_equal(world_endpoints(&w, E), "198.18.0.1:9000");
}

static void test_b275_other_resolutions_have_no_endpoints(void **state)
{
	(void)state;
	world_load(&w, SE("e", "default", E_SPEC("") "location: MESH_EXTERNAL"));
	assert_string_equal(world_endpoints(&w, E), "");
	world_load(&w, SE("e", "default",
			  E_SPEC("") "resolution: DNS, endpoints: "
				     "[{address: 198.18.0.1}]"));
	assert_string_equal(world_endpoints(&w, E), "");
}

static void test_b279_metadata_labels_win(void **state)
{
	(void)state;
	world_load(
		&w,
		SE("e", "default",
		   E_SPEC("") "resolution: STATIC, "
			      "workloadSelector: {labels: {app: e}}") "---\n"
								      "apiVersion: "
								      "networking.istio.io/v1\n"
								      "kind: WorkloadEntry\n"
								      "metadata: {name: w, labels: "
								      "{version: v2}}\n"
								      "spec: {address: 198.18.0.1, "
								      "labels: {app: e, version: "
								      "v1}}\n");
	assert_string_equal(cluster(E)->endpoints->endpoints[0].version, "v2");
}

static void test_workload_selector_takes_pods_too(void **state)
{
	(void)state;
	world_load(&w, SE("e", "default",
			  E_SPEC("") "resolution: STATIC, "
				     "workloadSelector: {labels: {app: e}}")
			       POD("p", "default", "app: e", "198.18.0.9", "") WORKLOAD(
				       "w", "default", "address: 198.18.0.1, labels: {app: e}"));
	assert_int_equal(cluster(E)->endpoints->n, 2);
}

static void test_platform_service_beats_entry(void **state)
{
	(void)state;
	world_load(&w, SVC_A SE("e", "default",
				"hosts: [a.default.svc.cluster.local], resolution: STATIC,"
				" ports: [{number: 8000, name: http, protocol: HTTP}],"
				" endpoints: [{address: 198.18.9.9}]"));
	assert_string_equal(world_endpoints(&w, A), "");
	assert_true(world_reported(&w, "WEIR0906"));
}

static void test_two_entries_merge(void **state)
{
	(void)state;
	world_load(&w,
		   SE("e1", "default",
		      E_SPEC("") "resolution: STATIC, endpoints: "
				 "[{address: 198.18.0.1}]")
			   SE("e2", "default",
			      "hosts: [e.test], ports: [{number: 81, name: http, protocol: HTTP}], "
			      "resolution: STATIC, endpoints: [{address: 198.18.0.2}]")
				   SE("e3", "third",
				      E_SPEC("") "resolution: STATIC, endpoints: "
						 "[{address: 198.18.0.3}]"));
	assert_string_equal(world_endpoints(&w, E), "198.18.0.1:80 198.18.0.2:81");
	assert_null(world_cluster_named(&w, "outbound|81||e.test"));
	assert_true(world_reported(&w, "WEIR0906"));
}

static void test_entry_visibility(void **state)
{
	(void)state;
	world_load(&w, SE("e1", "shop", "exportTo: ['.'], " E_SPEC("") "resolution: STATIC"));
	assert_null(world_cluster_named(&w, E));
	world_load(&w, SE("e1", "default", "exportTo: ['~'], " E_SPEC("") "resolution: STATIC"));
	assert_null(world_cluster_named(&w, E));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_defaults),
		T(test_b270_proxy_protocol),
		T(test_tunnel),
		T(test_tcp_idle_timeout),
		T(test_default_lb_in_08),
		T(test_policy_values),
		T(test_http2),
		T(test_limits),
		T(test_retry_budget),
		T(test_b230_outlier_defaults),
		T(test_b235_old_outlier_forms),
		T(test_state_outlives_snapshots),
		T(test_b254_blocks_replace),
		T(test_b255_port_level_stands_alone),
		T(test_b256_subset_beats_port_level),
		T(test_b257_two_rules_of_one_host),
		T(test_b259_lookup_order),
		T(test_most_specific_host),
		T(test_workload_selector),
		T(test_pods_by_selector),
		T(test_slices),
		T(test_union_without_duplicates),
		T(test_workload_entries_of_a_service),
		T(test_b246_weighted_slots),
		T(test_equal_weights_need_no_slots),
		T(test_b271_inline_endpoints),
		T(test_b272_target_port),
		T(test_b275_other_resolutions_have_no_endpoints),
		T(test_b279_metadata_labels_win),
		T(test_workload_selector_takes_pods_too),
		T(test_platform_service_beats_entry),
		T(test_two_entries_merge),
		T(test_entry_visibility),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
