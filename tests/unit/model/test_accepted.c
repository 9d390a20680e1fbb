/* test_accepted.c - what must not be complained of: corner cases that are right, our own
 * examples, and real resources from elsewhere. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "accepted.h"
#include "load.h"

static const struct accepted accepted[] = {
	{"* on a gateway (B017)",
	 VS("  hosts: [\"*\"]\n  gateways: [gw]\n  http: [{route: [{destination: {host: a}}]}]\n")},
	{"an address as VirtualService host",
	 VS("  hosts: [10.0.0.1]\n  http: [{route: [{destination: {host: a}}]}]\n")},
	{"trailing dot", VS("  hosts: [a.test.]\n  http: [{route: [{destination: {host: a}}]}]\n")},
	{"upper case in a host",
	 VS("  hosts: [A.Test]\n  http: [{route: [{destination: {host: a}}]}]\n")},
	{"empty uri prefix (B056)", RULE("    match: [{uri: {prefix: \"\"}}]\n")},
	{"token header names (B039)",
	 RULE("    match: [{headers: {\"a!#$%&'*+-.^_`|~z\": {exact: a}}}]\n")},
	{"pseudo headers (B040)", RULE("    match: [{headers: {\":method\": {exact: GET}}}]\n")},
	{"withoutHeaders * (B036)", RULE("    match: [{withoutHeaders: {a: {regex: \"*\"}}}]\n")},
	{"withoutHeaders null", RULE("    match: [{withoutHeaders: {a: null}}]\n")},
	{"case-insensitive regex", RULE("    match: [{uri: {regex: \"(?i)/a.*\"}}]\n")},
	{"exact empty", RULE("    match: [{headers: {a: {exact: \"\"}}}]\n")},
	{"two exact matches",
	 RULE("    match: [{uri: {exact: /a}}, {uri: {exact: /b}}, {uri: {exact: /A}}]\n")},
	{"prefix behind a method (B047)",
	 RULE("    match: [{uri: {prefix: /}, method: {exact: GET}}]\n"
	      "  - route: [{destination: {host: b}}]\n")},
	{"weight of one destination (B060)",
	 VS("  hosts: [a]\n  http: [{route: [{destination: {host: a}, weight: 7}]}]\n")},
	{"null for absent", RULE("    match: null\n    retries: ~\n    redirect:\n")},
	{"known gateways", VS("  hosts: [a]\n  gateways: [mesh, ./gw, ns/gw, gw]\n"
			      "  http: [{route: [{destination: {host: a}}]}]\n")},
	{"rule for everything", OBJECT("DestinationRule", "x") "  host: \"*.local\"\n"},
	{"0s where it is none",
	 DR("  trafficPolicy: {connectionPool: {tcp: {idleTimeout: 0s}}}\n")},
	{"tls off", DR("  trafficPolicy: {tls: {mode: DISABLE}}\n")},
	{"tunnel",
	 DR("  trafficPolicy: {tunnel: {protocol: POST, targetHost: a.b, targetPort: 1}}\n")},
	{"TCP server",
	 GW("  servers: [{port: {number: 1, name: a, protocol: Mongo}, hosts: [\"*\"]}]\n")},
	{"tcp on a gateway",
	 VS("  hosts: [a]\n  gateways: [gw]\n  tcp: [{route: [{destination: {host: a}}]}]\n")},
	{"label without value", DR("  subsets: [{name: v1, labels: {a: \"\"}}]\n")},
	{"short exportTo", DR("  exportTo: [other, third]\n")},
	{"export to nobody", SE("  hosts: [a.test]\n  resolution: STATIC\n  exportTo: [\"~\"]\n")},
	{"an address as Gateway host",
	 GW("  servers: [{port: {number: 1, name: a, protocol: HTTP}, hosts: [10.0.0.1]}]\n")},
	{"namespaces of Gateway hosts",
	 GW("  servers: [{port: {number: 1, name: a, protocol: HTTP},\n"
	    "    hosts: [\"*/*\", ./a.test, ns/*.test]}]\n")},
	{"gateway without selector",
	 GW("  servers: [{port: {number: 1, name: a, protocol: GRPC}, hosts: [\"*\"]}]\n")},
	{"two hosts on HTTP", SE("  hosts: [a.test, b.test]\n  resolution: STATIC\n"
				 "  ports: [{number: 80, name: a, protocol: HTTP}]\n")},
	{"rate limits",
	 "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: x\n"
	 "  annotations:\n    weir.io/rate-limit: \"a b=1/s ; b=10000000/h  burst=1;* = 7/m;\"\n"
	 "    other.io/rate-limit: fast\nspec:\n  hosts: [x.test]\n  http:\n"
	 "  - {name: a b, match: [{uri: {exact: /a}}], route: [{destination: {host: a}}]}\n"
	 "  - {name: b, route: [{destination: {host: a}}]}\n"},
	{"a group and its probe (B284)",
	 OBJECT("WorkloadGroup",
		"g") "  metadata: {labels: {a: b}, annotations: {c: d}}\n"
		     "  template: {serviceAccount: s, ports: {http: 80}}\n"
		     "  probe: {initialDelaySeconds: 0, httpGet: {port: 1, path: "
		     "healthz, scheme: HTTP, httpHeaders: [{name: Host, value: h}]}}\n"},
	{"a group without a probe", OBJECT("WorkloadGroup", "g") "  template: {}\n"},
	{"a check by annotation",
	 "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n"
	 "    weir.io/health-check: http\n    weir.io/health-check-path: /h?x\n"
	 "    weir.io/health-check-host: \"a.test:80\"\n    weir.io/health-check-port: \"80\"\n"
	 "    weir.io/health-check-interval: 500ms\n    weir.io/health-check-timeout: 1ms\n"
	 "    weir.io/health-check-healthy-threshold: \"1\"\n"
	 "    weir.io/health-check-unhealthy-threshold: \"9\"\n"
	 "    weir.io/health-check-expected-statuses: 200-399, 404\n"},
	{"empty documents", "---\n---\n# nothing\n---\n"},
	{"empty text", ""},
	{"list without items", "apiVersion: v1\nkind: List\nitems:\n"},
};

/* Fields that this version refuses as a whole are checked all the same. */
static size_t errors_of(const struct loaded *l)
{
	size_t i, n = 0;

	for (i = 0; i < l->d.n; i++)
		n += l->d.items[i].severity == DIAG_ERROR &&
		     strcmp(l->d.items[i].code, diag_rule(DIAG_NOT_SUPPORTED)->code) != 0;
	return n;
}

static void check_rows(const struct accepted *rows, size_t n)
{
	struct loaded l;
	size_t i, failed = 0;

	for (i = 0; i < n; i++) {
		load_text(&l, rows[i].text);
		if (errors_of(&l)) {
			print_error("%s:\n", rows[i].name);
			diags_print(&l.d, stderr);
			failed++;
		}
		load_free(&l);
	}
	assert_int_equal(failed, 0);
}

/* A delegate that is there, exported and used is nothing to warn of, wherever it lives. */
static void delegates_that_are_found(void **state)
{
#define DELEGATE(ns, export_to)                                                                    \
	"---\n{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: d, "     \
	"namespace: " ns "},\n spec: {" export_to "http: [{redirect: {uri: /x}}]}}\n"
#define ROOT(delegate) VS("  hosts: [x.test]\n  http: [{delegate: " delegate "}]\n")
	static const char *const texts[] = {
		ROOT("{name: d}") DELEGATE("default", ""),
		ROOT("{name: d}") DELEGATE("default", "exportTo: [\".\"], "),
		ROOT("{name: d, namespace: default}") DELEGATE("default", ""),
		ROOT("{name: d, namespace: o}") DELEGATE("o", "exportTo: [default], "),
		ROOT("{name: d, namespace: o}") DELEGATE("o", "exportTo: [\"*\"], "),
	};
	struct loaded l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		load_text(&l, texts[i]);
		assert_null(load_find(&l, "WEIR0710"));
		assert_null(load_find(&l, "WEIR0321"));
		load_free(&l);
	}
}

/* A rule that delegates takes what its delegate takes, which may be nothing. */
static void behind_a_delegate(void **state)
{
	static const char *const texts[] = {
		VS("  hosts: [x.test]\n  http:\n  - delegate: {name: d}\n"
		   "  - route: [{destination: {host: a}}]\n"),
		VS("  hosts: [x.test]\n  http:\n"
		   "  - {match: [{uri: {prefix: /}}], delegate: {name: d}}\n"
		   "  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: a}}]}\n"),
		/* covered in its own rule: that match is useless, the rule is not */
		VS("  hosts: [x.test]\n  http:\n"
		   "  - match: [{uri: {prefix: /a}}, {uri: {prefix: /a/b}}]\n"
		   "    route: [{destination: {host: a}}]\n"),
	};
	struct loaded l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		load_text(&l, texts[i]);
		assert_null(load_find(&l, "WEIR0318"));
		assert_int_equal(load_find(&l, "WEIR0319") != NULL, i == 2);
		load_free(&l);
	}
}

static void corner_cases(void **state)
{
	(void)state;
	check_rows(accepted, sizeof(accepted) / sizeof(accepted[0]));
}

static void corner_cases_of_virtual_services(void **state)
{
	(void)state;
	check_rows(accepted_virtual_services.rows, accepted_virtual_services.n);
}

/* ---- our examples ---- */

static void load_path(struct loaded *l, const char *path)
{
	size_t len;
	char *text = load_file(path, &len);

	assert_non_null(text);
	load_decode(l, path, text, len);
	free(text);
}

static int is_yaml(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".json") == 0);
}

static size_t load_folder(struct loaded *l, const char *folder)
{
	struct dirent **names;
	char path[4096];
	int i, n = scandir(folder, &names, is_yaml, alphasort);

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		load_path(l, path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return n > 0 ? (size_t)n : 0;
}

static void examples(void **state)
{
	static const char *const routes[] = {"all-v1", "75-25", "jason", "all-v2"};
	struct loaded l;
	char path[512];
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		load_start(&l);
		if (i < 4) {
			assert_int_equal(load_folder(&l, SOURCE_ROOT "/configs/bookinfo"), 4);
			snprintf(path, sizeof(path),
				 SOURCE_ROOT "/configs/bookinfo/reviews/%s.yaml", routes[i]);
			load_path(&l, path);
		} else {
			assert_int_equal(load_folder(&l, SOURCE_ROOT "/configs/httpbin"), 1);
		}
		load_finish(&l);
		if (l.d.n)
			diags_print(&l.d, stderr);
		assert_int_equal(l.d.n, 0);
		load_free(&l);
	}
}

/* ---- real resources ---- */

static const char *corpus_root(char *buf, size_t size)
{
	const char *shared = getenv("WEIR_SHARED");

	snprintf(buf, size, "%s/istio/corpus", shared ? shared : SOURCE_ROOT "/../shared");
	return buf;
}

#define ANALYZED(name) "analyzers/pkg__config__analysis__analyzers__testdata__" name ".yaml"

/* All that is refused for what it says, not for what this version lacks: invalid objects among
 * test data that upstream's analysis does not validate. */
static const struct refusal {
	const char *file, *code, *resource, *field;
} refusals[] = {
	{ANALYZED("conflicting-gateways-multiple-ports"), "WEIR0503", "Gateway default/alpha",
	 "spec.servers[1].port.name"},
	{ANALYZED("conflicting-gateways-multiple-ports"), "WEIR0503", "Gateway default/beta",
	 "spec.servers[1].port.name"},
	{ANALYZED("deprecation"), "WEIR0305", "VirtualService foo/productpage", "spec.http[0]"},
	{ANALYZED("gateway-secrets"), "WEIR0501",
	 "Gateway default/defaultgateway-bogusCredentialName", "metadata.name"},
	{ANALYZED("virtualservice_gateways"), "WEIR0304", "VirtualService default/cross-test",
	 "spec"},
	{ANALYZED("virtualservice_gateways"), "WEIR0304", "VirtualService default/httpbin", "spec"},
	{ANALYZED("virtualservice_gateways"), "WEIR0304", "VirtualService default/httpbin-bogus",
	 "spec"},
	{ANALYZED("virtualservice_gateways"), "WEIR0302", "VirtualService default/httpbin-mesh",
	 "spec.hosts[0]"},
	{ANALYZED("virtualservice_gateways"), "WEIR0304", "VirtualService default/httpbin-mesh",
	 "spec"},
	{ANALYZED("virtualservice_gateways"), "WEIR0502", "Gateway another/crossnamespace-gw",
	 "spec.servers"},
	{ANALYZED("virtualservice_gateways"), "WEIR0502", "Gateway default/httpbin-gateway",
	 "spec.servers"},
	{ANALYZED("virtualservice_host_not_found_gateway"), "WEIR0503",
	 "Gateway istio-system/testing-gateway-01-test-04", "spec.servers[1].port.name"},
	{ANALYZED("virtualservice_host_not_found_gateway_beta"), "WEIR0503",
	 "Gateway istio-system/testing-gateway-01-test-04", "spec.servers[1].port.name"},
	{"integration/tests__integration__pilot__testdata__some-dir__missing-gateway.yaml",
	 "WEIR0304", "VirtualService default/missing-gateway", "spec"},
};
#define N_REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

/* What upstream's analysis says of VirtualServices, and how often we say it. */
static const struct warning {
	const char *file, *code;
	size_t n;
} warnings[] = {
	{ANALYZED("virtualservice_conflictingmeshgatewayhosts"), "WEIR0701", 10},
	{ANALYZED("virtualservice_conflictingmeshgatewayhosts"), "WEIR0703", 4},
	{ANALYZED("virtualservice_conflictingmeshgatewayhosts"), "WEIR0708", 3},
	{ANALYZED("virtualservice_conflictingmeshgatewayhosts_with_exportto"), "WEIR0701", 8},
	{ANALYZED("virtualservice_conflictingmeshgatewayhosts_with_exportto"), "WEIR0708", 1},
	{ANALYZED("virtualservice_destinationrules"), "WEIR0321", 5},
	{ANALYZED("virtualservice_destinationrules"), "WEIR0701", 7},
	{ANALYZED("virtualservice_destinationrules"), "WEIR0702", 2},
	{ANALYZED("virtualservice_gateways"), "WEIR0703", 1},
	{ANALYZED("virtualservice_gateways"), "WEIR0709", 2},
	{ANALYZED("virtualservice_host_not_found_gateway"), "WEIR0701", 9},
	{ANALYZED("virtualservice_host_not_found_gateway"), "WEIR0709", 4},
	{ANALYZED("virtualservice_host_not_found_gateway_beta"), "WEIR0701", 9},
	{ANALYZED("virtualservice_host_not_found_gateway_beta"), "WEIR0709", 4},
	{ANALYZED("virtualservice_host_not_found_gateway_with_ns_prefix"), "WEIR0701", 8},
	{ANALYZED("virtualservice_host_not_found_gateway_with_ns_prefix"), "WEIR0709", 1},
	{ANALYZED("virtualservice_host_not_found_gateway_with_ns_prefix_beta"), "WEIR0701", 8},
	{ANALYZED("virtualservice_host_not_found_gateway_with_ns_prefix_beta"), "WEIR0709", 1},
	{ANALYZED("virtualservice_kubernetes_gateways"), "WEIR0703", 2},
};
#define N_WARNINGS (sizeof(warnings) / sizeof(warnings[0]))

/* Errors that later versions lift. */
static bool is_of_this_version(const char *code)
{
	return strcmp(code, diag_rule(DIAG_NOT_SUPPORTED)->code) == 0 ||
	       strcmp(code, diag_rule(DIAG_DR_TLS)->code) == 0;
}

static bool is_refusal(const struct refusal *r, const char *file, const struct diag *d)
{
	return strcmp(r->file, file) == 0 && strcmp(r->code, d->code) == 0 &&
	       strcmp(r->resource, d->resource) == 0 && strcmp(r->field, d->field) == 0;
}

static size_t check_refusals(const struct loaded *l, const char *file, bool *met)
{
	size_t i, k, failed = 0;

	for (i = 0; i < l->d.n; i++) {
		const struct diag *d = &l->d.items[i];

		if (d->severity != DIAG_ERROR || is_of_this_version(d->code))
			continue;
		for (k = 0; k < N_REFUSALS && !is_refusal(&refusals[k], file, d);)
			k++;
		if (k < N_REFUSALS) {
			met[k] = true;
		} else {
			diag_print(d, stderr);
			failed++;
		}
	}
	return failed;
}

static size_t check_warnings(const struct loaded *l, const char *file)
{
	size_t i, k, n, failed = 0;

	for (k = 0; k < N_WARNINGS; k++) {
		if (strcmp(warnings[k].file, file) != 0)
			continue;
		for (i = 0, n = 0; i < l->d.n; i++)
			n += strcmp(l->d.items[i].code, warnings[k].code) == 0;
		if (n != warnings[k].n) {
			print_error("%s: %zu times %s, not %zu\n", file, n, warnings[k].code,
				    warnings[k].n);
			failed++;
		}
	}
	return failed;
}

static size_t check_corpus_file(const char *root, const char *file, bool *met)
{
	struct loaded l;
	size_t failed;
	char path[8192];

	snprintf(path, sizeof(path), "%s/%s", root, file);
	load_start(&l);
	load_path(&l, path);
	load_finish(&l);
	failed = check_refusals(&l, file, met) + check_warnings(&l, file);
	load_free(&l);
	return failed;
}

static void corpus(void **state)
{
	char root[4096], path[8192], line[1024];
	size_t files = 0, failed = 0, i;
	bool met[N_REFUSALS] = {false};
	FILE *list;

	(void)state;
	corpus_root(root, sizeof(root));
	snprintf(path, sizeof(path), "%s/expected.tsv", root);
	list = fopen(path, "r");
	if (!list) {
		print_message("skipped: there is no %s (WEIR_SHARED names its folder)\n", path);
		skip();
	}
	while (fgets(line, sizeof(line), list)) {
		if (strncmp(line, "file\t", 5) == 0)
			continue;
		line[strcspn(line, "\t\n")] = '\0';
		failed += check_corpus_file(root, line, met);
		files++;
	}
	fclose(list);
	for (i = 0; i < N_REFUSALS; i++)
		if (!met[i]) {
			print_error("%s is not refused with %s\n", refusals[i].file,
				    refusals[i].code);
			failed++;
		}
	assert_true(files > 100);
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delegates_that_are_found),
		cmocka_unit_test(behind_a_delegate),
		cmocka_unit_test(corner_cases),
		cmocka_unit_test(corner_cases_of_virtual_services),
		cmocka_unit_test(examples),
		cmocka_unit_test(corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
