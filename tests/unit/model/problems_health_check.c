/* problems_health_check.c - mistakes in WorkloadGroups, their probes, and the annotations of health
 * checks. */
#include "problems.h"

#define WG(spec)    OBJECT("WorkloadGroup", "x") spec
#define PROBE(body) WG("  template: {}\n  probe: {" body "}\n") /* line 6 */
#define HTTP(body)  PROBE("httpGet: {port: 80, " body "}")

#define WITH(kind, annotations, spec)                                                              \
	"apiVersion: " kind "\nmetadata:\n  name: x\n  annotations: {" annotations "}\n" spec
#define ENTRY(annotations) /* line 5 */                                                            \
	WITH("networking.istio.io/v1\nkind: ServiceEntry", annotations,                            \
	     "spec: {hosts: [a.test], resolution: STATIC, ports: [{number: 80, name: a, "          \
	     "protocol: HTTP}]}\n")
#define SERVICE(annotations) WITH("v1\nkind: Service", annotations, "spec: {}\n")
#define HTTP_CHECK(rest)     ENTRY("weir.io/health-check: http, " rest)
#define AT_KEY(suffix)       "metadata.annotations[weir.io/health-check" suffix "]"

static const struct problem rows[] = {
	{"no template", WG("  probe: {tcpSocket: {port: 1}}\n"), DIAG_WG_TEMPLATE, 5,
	 "spec.template"},
	{"an unknown field", WG("  template: {}\n  probes: {}\n"), DIAG_UNKNOWN_FIELD, 6,
	 "spec.probes"},
	{"template's label", WG("  template: {labels: {a: -}}\n"), DIAG_LABEL_INVALID, 5,
	 "spec.template.labels[a]"},
	{"label of entries", WG("  template: {}\n  metadata: {labels: {a: -}}\n"),
	 DIAG_LABEL_INVALID, 6, "spec.metadata.labels[a]"},

	{"no method (B286)", PROBE("periodSeconds: 1"), DIAG_PROBE_METHOD, 6, "spec.probe"},
	{"two methods", PROBE("httpGet: {port: 1}, tcpSocket: {port: 1}"), DIAG_ONE_OF, 6,
	 "spec.probe"},
	{"grpc", PROBE("grpc: {port: 1}"), DIAG_PROBE_METHOD, 6, "spec.probe.grpc"},
	{"exec", PROBE("exec: {command: [\"true\"]}"), DIAG_PROBE_METHOD, 6, "spec.probe.exec"},
	{"exec of nothing", PROBE("exec: {}"), DIAG_FIELD_REQUIRED, 6, "spec.probe.exec"},
	{"httpGet port 0 (B286)", PROBE("httpGet: {port: 0}"), DIAG_OUT_OF_RANGE, 6,
	 "spec.probe.httpGet.port"},
	{"httpGet without port", PROBE("httpGet: {path: /}"), DIAG_FIELD_REQUIRED, 6,
	 "spec.probe.httpGet"},
	{"tcpSocket without port", PROBE("tcpSocket: {}"), DIAG_FIELD_REQUIRED, 6,
	 "spec.probe.tcpSocket"},
	{"tcpSocket port", PROBE("tcpSocket: {port: 65536}"), DIAG_OUT_OF_RANGE, 6,
	 "spec.probe.tcpSocket.port"},
	{"scheme ftp (B286)", HTTP("scheme: ftp"), DIAG_UNKNOWN_VALUE, 6,
	 "spec.probe.httpGet.scheme"},
	{"scheme HTTPS", HTTP("scheme: HTTPS"), DIAG_NOT_SUPPORTED, 6, "spec.probe.httpGet.scheme"},
	{"path", HTTP("path: \"/a b\""), DIAG_CHECK_VALUE, 6, "spec.probe.httpGet.path"},
	{"host", HTTP("host: a/b"), DIAG_CHECK_VALUE, 6, "spec.probe.httpGet.host"},
	{"host that is not gone to", HTTP("host: 127.0.0.1"), DIAG_PROBE_HOST, 6,
	 "spec.probe.httpGet.host"},
	{"tcpSocket host", PROBE("tcpSocket: {port: 1, host: b}"), DIAG_PROBE_HOST, 6,
	 "spec.probe.tcpSocket.host"},
	{"header name", HTTP("httpHeaders: [{name: a, value: b}, {name: a_b, value: c}]"),
	 DIAG_PROBE_HEADER, 6, "spec.probe.httpGet.httpHeaders[1].name"},
	{"header without name", HTTP("httpHeaders: [{value: b}]"), DIAG_PROBE_HEADER, 6,
	 "spec.probe.httpGet.httpHeaders[0].name"},
	{"header value", HTTP("httpHeaders: [{name: a, value: \"b\\r\\nc: d\"}]"),
	 DIAG_PROBE_HEADER, 6, "spec.probe.httpGet.httpHeaders[0].value"},
	{"periodSeconds -1 (B286)", PROBE("tcpSocket: {port: 1}, periodSeconds: -1"),
	 DIAG_OUT_OF_RANGE, 6, "spec.probe.periodSeconds"},
	{"initialDelaySeconds -1", PROBE("tcpSocket: {port: 1}, initialDelaySeconds: -1"),
	 DIAG_OUT_OF_RANGE, 6, "spec.probe.initialDelaySeconds"},
	{"timeoutSeconds -1", PROBE("tcpSocket: {port: 1}, timeoutSeconds: -1"), DIAG_OUT_OF_RANGE,
	 6, "spec.probe.timeoutSeconds"},
	{"successThreshold -1", PROBE("tcpSocket: {port: 1}, successThreshold: -1"),
	 DIAG_OUT_OF_RANGE, 6, "spec.probe.successThreshold"},
	{"failureThreshold -1", PROBE("tcpSocket: {port: 1}, failureThreshold: -1"),
	 DIAG_OUT_OF_RANGE, 6, "spec.probe.failureThreshold"},

	{"an annotation misspelt", HTTP_CHECK("weir.io/health-chek-path: /"), DIAG_UNKNOWN_FIELD, 5,
	 "metadata.annotations[weir.io/health-chek-path]"},
	{"a check of no kind", SERVICE("weir.io/health-check: grpc"), DIAG_UNKNOWN_VALUE, 5,
	 AT_KEY("")},
	{"a path without a check", SERVICE("weir.io/health-check-path: /"), DIAG_CHECK_ALONE, 5,
	 AT_KEY("-path")},
	{"a port without a check", ENTRY("weir.io/health-check-port: \"80\""), DIAG_CHECK_ALONE, 5,
	 AT_KEY("-port")},
	{"statuses of a connection",
	 ENTRY("weir.io/health-check: tcp, weir.io/health-check-expected-statuses: \"200\""),
	 DIAG_CHECK_ALONE, 5, AT_KEY("-expected-statuses")},
	{"the path has a blank", HTTP_CHECK("weir.io/health-check-path: \"/a b\""),
	 DIAG_CHECK_VALUE, 5, AT_KEY("-path")},
	{"the host has a slash", HTTP_CHECK("weir.io/health-check-host: a/b"), DIAG_CHECK_VALUE, 5,
	 AT_KEY("-host")},
	{"the host is empty", HTTP_CHECK("weir.io/health-check-host: \"\""), DIAG_CHECK_VALUE, 5,
	 AT_KEY("-host")},
	{"statuses", HTTP_CHECK("weir.io/health-check-expected-statuses: \"200-\""),
	 DIAG_CHECK_VALUE, 5, AT_KEY("-expected-statuses")},
	{"port 0", HTTP_CHECK("weir.io/health-check-port: \"0\""), DIAG_OUT_OF_RANGE, 5,
	 AT_KEY("-port")},
	{"a port's name", HTTP_CHECK("weir.io/health-check-port: http"), DIAG_WRONG_TYPE, 5,
	 AT_KEY("-port")},
	{"interval without unit", HTTP_CHECK("weir.io/health-check-interval: \"5\""),
	 DIAG_DURATION_SYNTAX, 5, AT_KEY("-interval")},
	{"no time to answer", HTTP_CHECK("weir.io/health-check-timeout: 0s"), DIAG_DURATION_SHORT,
	 5, AT_KEY("-timeout")},
	{"healthy after nothing", HTTP_CHECK("weir.io/health-check-healthy-threshold: \"0\""),
	 DIAG_OUT_OF_RANGE, 5, AT_KEY("-healthy-threshold")},
	{"unhealthy after nothing", HTTP_CHECK("weir.io/health-check-unhealthy-threshold: \"0\""),
	 DIAG_OUT_OF_RANGE, 5, AT_KEY("-unhealthy-threshold")},
};

const struct problem_table health_check_problems = TABLE(rows);
