/* test_checks.c - active health checks: from probes and annotations to clusters, and the states
 * that endpoints begin in. */
#include "fresh.h"

#include <string.h>

#include "yaml.h"

#define E "outbound|80||e.test"

/* A ServiceEntry e.test with annotations, and its endpoints. */
#define ENTRY(annotations, rest)                                                                   \
	"---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, "        \
	"annotations: {" annotations "}}\nspec: {hosts: [e.test], resolution: STATIC, ports: "     \
	"[{number: 80, name: http, protocol: HTTP}], " rest "}\n"
#define TWO      "endpoints: [{address: 10.0.0.1}, {address: 10.0.0.2}]"
#define SELECTED "workloadSelector: {labels: {app: e}}"
#define HTTP     "weir.io/health-check: http"

#define GROUP(name, spec)    ISTIO("WorkloadGroup", name, "default") "spec: {" spec "}\n"
#define WE(name, ip, labels) WORKLOAD(name, "default", "address: " ip ", labels: {" labels "}")
#define NAMED(name, ip, group)                                                                     \
	"---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: " name     \
	", annotations: {istio.io/autoRegistrationGroup: " group "}}\nspec: {address: " ip         \
	", labels: {app: e}}\n"

static const struct cluster *cluster(const char *name)
{
	const struct cluster *c = world_cluster_named(&w, name);

	assert_non_null(c);
	return c;
}

static const struct health_check *check_of(const struct cluster *c, uint32_t i)
{
	return c->checks ? c->checks->of[i] : NULL;
}

/* That of the endpoint with this address. */
static const struct health_check *check_at(const char *address)
{
	const struct cluster *c = cluster(E);

	for (uint32_t i = 0; i < c->endpoints->n; i++)
		if (strcmp(c->endpoints->endpoints[i].name, address) == 0)
			return check_of(c, i);
	fail_msg("no endpoint %s", address);
	return NULL;
}

static const char *request_of(const struct health_check *k)
{
	static char text[512];

	snprintf(text, sizeof(text), "%s%s%s", k->before, k->host ? k->host : "(address)",
		 k->after);
	return text;
}

static void test_none(void **state)
{
	(void)state;
	world_load(&w, ENTRY("", TWO));
	assert_null(cluster(E)->checks);
	assert_false(cluster(E)->elaborate);
	assert_null(cluster(E)->endpoints->endpoints[0].health);
}

static void test_annotation_defaults(void **state)
{
	const struct health_check *k;

	(void)state;
	world_load(&w, ENTRY(HTTP, TWO));
	k = check_of(cluster(E), 0);
	assert_non_null(k);
	assert_ptr_equal(check_of(cluster(E), 1), k);
	assert_true(k->http && k->envoy);
	assert_int_equal(k->port, 0);
	assert_int_equal(k->delay_us, 0);
	assert_int_equal(k->interval_us, 10000000);
	assert_int_equal(k->timeout_us, 1000000);
	assert_int_equal(k->healthy_threshold, 2);
	assert_int_equal(k->unhealthy_threshold, 3);
	assert_true(status_set_has(&k->expected, 200) && status_set_has(&k->expected, 399));
	assert_false(status_set_has(&k->expected, 404) || status_set_has(&k->expected, 199));
	assert_string_equal(request_of(k), "GET / HTTP/1.1\r\nhost: e.test\r\n"
					   "user-agent: weir-health-check\r\n"
					   "connection: close\r\n\r\n");
	assert_true(cluster(E)->elaborate);
	assert_non_null(cluster(E)->endpoints->endpoints[0].health);
	assert_null(cluster(E)->outlier_state);
}

static void test_annotation_values(void **state)
{
	const struct health_check *k;

	(void)state;
	world_load(&w,
		   ENTRY(HTTP ", weir.io/health-check-path: /h, weir.io/health-check-host: h.x, "
			      "weir.io/health-check-port: \"81\", weir.io/health-check-interval: "
			      "50ms, weir.io/health-check-timeout: 20ms, "
			      "weir.io/health-check-healthy-threshold: \"4\", "
			      "weir.io/health-check-unhealthy-threshold: \"5\", "
			      "weir.io/health-check-expected-statuses: \"200,404\"",
			 TWO));
	k = check_of(cluster(E), 0);
	assert_int_equal(k->port, 81);
	assert_int_equal(k->interval_us, 50000);
	assert_int_equal(k->timeout_us, 20000);
	assert_int_equal(k->healthy_threshold, 4);
	assert_int_equal(k->unhealthy_threshold, 5);
	assert_true(status_set_has(&k->expected, 404));
	assert_false(status_set_has(&k->expected, 201));
	assert_memory_equal(request_of(k), "GET /h HTTP/1.1\r\nhost: h.x\r\n", 28);
}

static void test_service_and_its_subsets(void **state)
{
	(void)state;
	world_load(&w, "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: "
		       "{weir.io/health-check: tcp}}\nspec: {selector: {app: e}, ports: [{name: "
		       "http, port: 80}]}\n" WE("a", "10.0.0.1", "app: e, version: v1")
			       DR("d", "default",
				  "host: s, subsets: [{name: v1, labels: {version: v1}}]"));
	assert_false(check_of(cluster("outbound|80||s.default.svc.cluster.local"), 0)->http);
	assert_non_null(check_of(cluster("outbound|80|v1|s.default.svc.cluster.local"), 0));
}

#define PROBE "probe: {httpGet: {port: 8080}}"

static void test_probe_defaults(void **state)
{
	const struct health_check *k;

	(void)state;
	world_load(&w, ENTRY("", SELECTED) GROUP("g", "template: {}, " PROBE)
			       NAMED("a", "10.0.0.1", "g"));
	k = check_at("10.0.0.1:80");
	assert_non_null(k);
	assert_true(k->http && !k->envoy);
	assert_int_equal(k->port, 8080);
	assert_int_equal(k->delay_us, 0);
	assert_int_equal(k->interval_us, 10000000);
	assert_int_equal(k->timeout_us, 1000000);
	assert_int_equal(k->healthy_threshold, 1);
	assert_int_equal(k->unhealthy_threshold, 1); /* D19 */
	assert_true(status_set_has(&k->expected, 302) && !status_set_has(&k->expected, 400));
	assert_string_equal(request_of(k), "GET / HTTP/1.1\r\nhost: (address)\r\n"
					   "user-agent: istio-probe/1.0\r\n"
					   "connection: close\r\n\r\n");
}

static void test_probe_values(void **state)
{
	const struct health_check *k;

	(void)state;
	world_load(&w,
		   ENTRY("", SELECTED) GROUP(
			   "g", "template: {}, probe: {initialDelaySeconds: 3, timeoutSeconds: "
				"2, periodSeconds: 1, successThreshold: 4, failureThreshold: 5, "
				"httpGet: {port: 1, path: healthz, host: h, httpHeaders: [{name: "
				"User-Agent, value: me}, {name: X-A, value: b}, {name: Host, "
				"value: other}]}}") NAMED("a", "10.0.0.1", "g"));
	k = check_at("10.0.0.1:80");
	assert_int_equal(k->delay_us, 3000000);
	assert_int_equal(k->timeout_us, 2000000);
	assert_int_equal(k->interval_us, 1000000);
	assert_int_equal(k->healthy_threshold, 4);
	assert_int_equal(k->unhealthy_threshold, 5);
	assert_string_equal(request_of(k),
			    "GET /healthz HTTP/1.1\r\nhost: other\r\nuser-agent: me\r\n"
			    "x-a: b\r\nconnection: close\r\n\r\n");
}

static void test_which_group(void **state)
{
	(void)state;
	world_load(&w,
		   ENTRY("", SELECTED) GROUP("app", "metadata: {labels: {app: e}}, template: "
						    "{}, probe: {tcpSocket: {port: 1}}")
			   GROUP("both", "metadata: {labels: {app: e}}, template: {labels: "
					 "{v: b}}, probe: {tcpSocket: {port: 2}}")
				   GROUP("none", "metadata: {labels: {v: c}}, template: "
						 "{labels: {app: e}}") WE("a", "10.0.0.1", "app: e")
					   WE("b", "10.0.0.2", "app: e, v: b")
						   WE("c", "10.0.0.3", "app: e, v: c")
							   NAMED("d", "10.0.0.4", "both")
								   NAMED("f", "10.0.0.5", "gone"));
	assert_int_equal(check_at("10.0.0.1:80")->port, 1);
	assert_int_equal(check_at("10.0.0.2:80")->port, 2);
	assert_null(check_at("10.0.0.3:80"));
	assert_int_equal(check_at("10.0.0.4:80")->port, 2);
	assert_null(check_at("10.0.0.5:80"));
	assert_true(world_reported(&w, "WEIR0910"));
}

static void test_the_service_goes_first(void **state)
{
	(void)state;
	world_load(&w, ENTRY(HTTP, SELECTED) GROUP("g", "template: {}, " PROBE)
			       NAMED("a", "10.0.0.1", "g"));
	assert_true(check_at("10.0.0.1:80")->envoy);
}

static enum health_state state_of(uint32_t i)
{
	return endpoint_health_state(cluster(E)->endpoints->endpoints[i].health);
}

/* What is new waits for its first check; what was used goes on. */
static void test_first_states(void **state)
{
	(void)state;
	world_load(&w, ENTRY(HTTP, "endpoints: [{address: 10.0.0.1}]"));
	assert_int_equal(state_of(0), HEALTH_FAILING);
	cluster(E)->endpoints->endpoints[0].health->state = HEALTH_WELL;
	world_load(&w, ENTRY(HTTP, TWO));
	assert_int_equal(state_of(0), HEALTH_WELL);
	assert_int_equal(state_of(1), HEALTH_FAILING);
	world_load(&w, ENTRY("", TWO));
	assert_null(cluster(E)->endpoints->endpoints[0].health);
	world_load(&w, ENTRY(HTTP, TWO));
	assert_int_equal(state_of(0), HEALTH_WELL);
	assert_int_equal(state_of(1), HEALTH_WELL);
}

static void test_kept_over_builds(void **state)
{
	const struct cluster *before;
	struct check_tally *tally;
	struct endpoint_health *health;
	uint64_t hash;

	(void)state;
	world_load(&w, ENTRY(HTTP, TWO));
	before = cluster(E);
	tally = before->checks->tally;
	health = before->endpoints->endpoints[0].health;
	hash = check_of(before, 0)->hash;
	world_load(&w, ENTRY(HTTP, TWO) SE("f", "default", "hosts: [f.test]"));
	assert_ptr_equal(cluster(E), before);
	world_load(&w, ENTRY(HTTP ", weir.io/health-check-interval: 1s", TWO));
	assert_int_not_equal(check_of(cluster(E), 0)->hash, hash);
	assert_ptr_equal(cluster(E)->checks->tally, tally);
	assert_ptr_equal(cluster(E)->endpoints->endpoints[0].health, health);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_none),
		T(test_annotation_defaults),
		T(test_annotation_values),
		T(test_service_and_its_subsets),
		T(test_probe_defaults),
		T(test_probe_values),
		T(test_which_group),
		T(test_the_service_goes_first),
		T(test_first_states),
		T(test_kept_over_builds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
