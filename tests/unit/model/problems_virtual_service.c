/* problems_virtual_service.c - mistakes in VirtualServices. */
#include "problems.h"

#define MATCH(block) RULE("    match:\n    - " block "\n") /* block in line 9 */
#define AT_MATCH     "spec.http[0].match[0]"
#define ROUTE(list)  VS("  hosts: [x.test]\n  http:\n  - route: " list "\n") /* line 7 */
#define TWO(a, b)                                                                                  \
	ROUTE("[{destination: {host: a}, weight: " a "}, {destination: {host: b}, weight: " b "}"  \
	      "]")
#define TCP           "  tcp: [{route: [{destination: {host: a}}]}]\n"
#define TLS           "  tls: [{match: [{sniHosts: [x.test]}], route: [{destination: {host: a}}]}]\n"
#define RETRIES(body) RULE("    retries: {" body "}\n") /* line 8 */

#define A64   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A256  A64 A64 A64 A64
#define A1024 A256 A256 A256 A256

static const struct problem rows[] = {
	{"delegate with gateways", VS("  gateways: [gw]\n" TCP), DIAG_VS_HOSTS, 5, "spec.hosts"},
	{"a delegate of nobody", VS("  http: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_VS_DELEGATE, 5, "spec.hosts"},
	{"* without gateways (B017)", VS("  hosts: [\"*\"]\n" TCP), DIAG_VS_MESH_WILDCARD, 5,
	 "spec.hosts[0]"},
	{"* on gw and mesh (B017)", VS("  hosts: [\"*\"]\n  gateways: [gw, mesh]\n" TCP),
	 DIAG_VS_MESH_WILDCARD, 5, "spec.hosts[0]"},
	{"overlapping wildcards (B016)", VS("  hosts: [\"*.foo.com\", \"*.com\"]\n" TCP),
	 DIAG_VS_HOST_OVERLAP, 5, "spec.hosts[1]"},
	{"a host in another case", VS("  hosts: [a.foo.com, A.foo.com]\n" TCP),
	 DIAG_VS_HOST_OVERLAP, 5, "spec.hosts[1]"},
	{"no rules (B074)", VS("  hosts: [a]\n"), DIAG_VS_NO_RULES, 5, "spec"},
	{"empty lists", VS("  hosts: [a]\n  http: []\n  tls: []\n"), DIAG_VS_NO_RULES, 5, "spec"},
	{"no spec",
	 "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\n",
	 DIAG_VS_NO_RULES, 1, "spec"},
	{"only tcp", VS("  hosts: [a]\n" TCP), DIAG_VS_NOT_HTTP, 6, "spec.tcp"},
	{"also tls", RULE("" TLS), DIAG_VS_NOT_HTTP, 8, "spec.tls"},
	{"match without route (D2)", VS("  hosts: [a]\n  http:\n  - match: [{uri: {exact: /x}}]\n"),
	 DIAG_VS_NO_ACTION, 7, "spec.http[0]"},
	{"empty rule", VS("  hosts: [a]\n  http: [{}]\n"), DIAG_VS_NO_ACTION, 6, "spec.http[0]"},
	{"no destination (B064)", ROUTE("[{weight: 1}]"), DIAG_VS_NO_DESTINATION, 7,
	 "spec.http[0].route[0].destination"},
	{"no host", ROUTE("[{destination: {subset: v1}}]"), DIAG_VS_NO_DESTINATION, 7,
	 "spec.http[0].route[0].destination.host"},
	{"host * (B072)", ROUTE("[{destination: {host: \"*\"}}]"), DIAG_VS_DESTINATION_HOST, 7,
	 "spec.http[0].route[0].destination.host"},
	{"host an address", ROUTE("[{destination: {host: 10.0.0.1}}]"), DIAG_VS_DESTINATION_HOST, 7,
	 "spec.http[0].route[0].destination.host"},
	{"host malformed", ROUTE("[{destination: {host: a_b}}]"), DIAG_HOST_INVALID, 7,
	 "spec.http[0].route[0].destination.host"},
	{"subset name", ROUTE("[{destination: {host: a, subset: v_1}}]"), DIAG_VS_SUBSET_NAME, 7,
	 "spec.http[0].route[0].destination.subset"},
	{"negative weight", TWO("101", "-1"), DIAG_VS_WEIGHT_NEGATIVE, 7,
	 "spec.http[0].route[1].weight"},
	{"no weight at all", ROUTE("[{destination: {host: a}}, {destination: {host: b}}]"),
	 DIAG_VS_WEIGHT_ZERO, 7, "spec.http[0].route"},
	{"weights of 2 (D13)", TWO("1", "1"), DIAG_VS_WEIGHT_SUM, 7, "spec.http[0].route"},
	{"weights of 2^32", TWO("2147483647", "2147483647"), DIAG_VS_WEIGHT_SUM, 7,
	 "spec.http[0].route"},

	{"header name (B039)", MATCH("headers: {\"a b\": {exact: x}}"), DIAG_VS_HEADER_NAME, 9,
	 AT_MATCH ".headers[a b]"},
	{"header name empty", MATCH("headers: {\"\": {exact: x}}"), DIAG_VS_HEADER_NAME, 9,
	 AT_MATCH ".headers[]"},
	{"unknown pseudo header", MATCH("headers: {\":status\": {exact: x}}"), DIAG_VS_HEADER_NAME,
	 9, AT_MATCH ".headers[:status]"},
	{"header null (B034)", MATCH("headers: {x-a: null}"), DIAG_VS_HEADER_NULL, 9,
	 AT_MATCH ".headers[x-a]"},
	{"header null, left out", MATCH("headers: {x-a: }"), DIAG_VS_HEADER_NULL, 9,
	 AT_MATCH ".headers[x-a]"},
	{"empty header prefix (B056)", MATCH("headers: {x-a: {prefix: \"\"}}"), DIAG_MATCH_EMPTY, 9,
	 AT_MATCH ".headers[x-a].prefix"},
	{"empty method prefix", MATCH("method: {prefix: \"\"}"), DIAG_MATCH_EMPTY, 9,
	 AT_MATCH ".method.prefix"},
	{"empty regex", MATCH("uri: {regex: \"\"}"), DIAG_MATCH_EMPTY, 9, AT_MATCH ".uri.regex"},
	{"regex of 1025 bytes (B057)", MATCH("uri: {regex: " A1024 "a}"), DIAG_REGEX_LONG, 9,
	 AT_MATCH ".uri.regex"},
	{"look-ahead (B057)", MATCH("uri: {regex: \"a(?=x)\"}"), DIAG_REGEX_SYNTAX, 9,
	 AT_MATCH ".uri.regex"},
	{"regex * outside withoutHeaders (D17)", MATCH("headers: {a: {regex: \"*\"}}"),
	 DIAG_REGEX_SYNTAX, 9, AT_MATCH ".headers[a].regex"},
	{"regex of withoutHeaders", MATCH("withoutHeaders: {a: {regex: \"(\"}}"), DIAG_REGEX_SYNTAX,
	 9, AT_MATCH ".withoutHeaders[a].regex"},
	{"gateway of a match", MATCH("gateways: [a/]"), DIAG_GATEWAY_NAME, 9,
	 AT_MATCH ".gateways[0]"},
	{"source label", MATCH("sourceLabels: {a: \"*\"}"), DIAG_LABEL_INVALID, 9,
	 AT_MATCH ".sourceLabels[a]"},
	{"source namespace (B051)", MATCH("sourceNamespace: Not_A_Label"), DIAG_VS_SOURCE_NAMESPACE,
	 9, AT_MATCH ".sourceNamespace"},

	{"negative attempts", RETRIES("attempts: -1"), DIAG_VS_RETRY_ATTEMPTS, 8,
	 "spec.http[0].retries.attempts"},
	{"retries off with conditions", RETRIES("attempts: 0, retryOn: 5xx"),
	 DIAG_VS_RETRY_DISABLED, 8, "spec.http[0].retries.attempts"},
	{"retries off with a time", RETRIES("perTryTimeout: 1s"), DIAG_VS_RETRY_DISABLED, 8,
	 "spec.http[0].retries.attempts"},
	{"retryOn with a blank (D15)", RETRIES("attempts: 1, retryOn: \"503, reset\""),
	 DIAG_VS_RETRY_ON, 8, "spec.http[0].retries.retryOn"},
	{"retryOn unknown", RETRIES("attempts: 1, retryOn: 6xx"), DIAG_VS_RETRY_ON, 8,
	 "spec.http[0].retries.retryOn"},
	{"retryOn of no status", RETRIES("attempts: 1, retryOn: \"299\""), DIAG_VS_RETRY_ON, 8,
	 "spec.http[0].retries.retryOn"},
	{"retryOn with a hole", RETRIES("attempts: 1, retryOn: \"5xx,,reset\""), DIAG_VS_RETRY_ON,
	 8, "spec.http[0].retries.retryOn"},

	{"second rule without match (B054)", RULE("  - route: [{destination: {host: b}}]\n"),
	 DIAG_VS_RULE_UNREACHABLE, 8, "spec.http[1]"},
	{"longer prefix behind (B055)",
	 MATCH("uri: {prefix: /a}") "  - match:\n    - uri: {prefix: /a/b}\n"
				    "    route: [{destination: {host: b}}]\n",
	 DIAG_VS_MATCH_UNREACHABLE, 11, "spec.http[1].match[0]"},
	{"all matches used by prior rules (2.6)",
	 MATCH("uri: {prefix: /a}") "  - match:\n    - uri: {prefix: /a/b}\n"
				    "    - uri: {exact: /a}\n"
				    "    route: [{destination: {host: b}}]\n",
	 DIAG_VS_RULE_UNREACHABLE, 10, "spec.http[1]"},
	{"the same match twice", MATCH("method: {exact: GET}\n    - method: {exact: GET}"),
	 DIAG_VS_MATCH_UNREACHABLE, 10, "spec.http[0].match[1]"},
	{"narrower by a header",
	 MATCH("uri: {exact: /a}\n    - uri: {exact: /a}\n      headers: {b: {exact: c}}"),
	 DIAG_VS_MATCH_UNREACHABLE, 10, "spec.http[0].match[1]"},
	{"anything behind /", MATCH("uri: {prefix: /}\n    - uri: {regex: \"/x.*\"}"),
	 DIAG_VS_MATCH_UNREACHABLE, 10, "spec.http[0].match[1]"},
};

const struct problem_table virtual_service_problems = TABLE(rows);
