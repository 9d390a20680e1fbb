/* problems_vs_l4.c - mistakes in tls and tcp rules (reference 2.8, 2.9). */
#include "problems.h"

#define ROUTED          "route: [{destination: {host: a}}]"
#define TLS(rule)       VS("  hosts: [s.test]\n  tls:\n  - " rule "\n") /* line 7 */
#define TCP(rule)       VS("  hosts: [s.test]\n  tcp:\n  - " rule "\n")
#define TLS_MATCH(body) TLS(ROUTED "\n    match: [" body "]") /* line 8 */
#define TCP_MATCH(body) TCP(ROUTED "\n    match: [" body "]")
#define AT_TLS          "spec.tls[0]"
#define AT_TCP          "spec.tcp[0]"

static const struct problem rows[] = {
	{"tls without match (B180)", TLS(ROUTED), DIAG_VS_TLS_NO_MATCH, 7, AT_TLS ".match"},
	{"tls without route (B180)", TLS("match: [{sniHosts: [s.test]}]"), DIAG_VS_L4_NO_ROUTE, 7,
	 AT_TLS},
	{"tls match null", TLS_MATCH("null"), DIAG_NULL_ELEMENT, 8, AT_TLS ".match[0]"},
	{"sniHosts [] (B180)", TLS_MATCH("{sniHosts: []}"), DIAG_VS_SNI_NONE, 8,
	 AT_TLS ".match[0].sniHosts"},
	{"no sniHosts", TLS_MATCH("{port: 443}"), DIAG_VS_SNI_NONE, 8, AT_TLS ".match[0].sniHosts"},
	{"sniHosts outside the hosts (B180)", TLS_MATCH("{sniHosts: [s.test, a.other]}"),
	 DIAG_VS_SNI_OUTSIDE, 8, AT_TLS ".match[0].sniHosts[1]"},
	{"a wildcard wider than the host", TLS_MATCH("{sniHosts: [\"*.test\"]}"),
	 DIAG_VS_SNI_OUTSIDE, 8, AT_TLS ".match[0].sniHosts[0]"},
	{"an address as SNI (B180)", TLS_MATCH("{sniHosts: [10.0.0.1]}"), DIAG_VS_SNI_ADDRESS, 8,
	 AT_TLS ".match[0].sniHosts[0]"},
	{"sniHosts malformed", TLS_MATCH("{sniHosts: [\"s.*.test\"]}"), DIAG_HOST_INVALID, 8,
	 AT_TLS ".match[0].sniHosts[0]"},
	{"port of a tls match", TLS_MATCH("{sniHosts: [s.test], port: 65536}"), DIAG_OUT_OF_RANGE,
	 8, AT_TLS ".match[0].port"},
	{"subnet of a tls match", TLS_MATCH("{sniHosts: [s.test], destinationSubnets: [x]}"),
	 DIAG_ADDRESS_INVALID, 8, AT_TLS ".match[0].destinationSubnets[0]"},
	{"label of a tls match", TLS_MATCH("{sniHosts: [s.test], sourceLabels: {\"-\": a}}"),
	 DIAG_LABEL_INVALID, 8, AT_TLS ".match[0].sourceLabels[-]"},
	{"gateway of a tls match", TLS_MATCH("{sniHosts: [s.test], gateways: [\"/a\"]}"),
	 DIAG_GATEWAY_NAME, 8, AT_TLS ".match[0].gateways[0]"},
	{"namespace of a tls match", TLS_MATCH("{sniHosts: [s.test], sourceNamespace: A}"),
	 DIAG_VS_SOURCE_NAMESPACE, 8, AT_TLS ".match[0].sourceNamespace"},
	{"tls destination", TLS("match: [{sniHosts: [s.test]}]\n    route: [{weight: 1}]"),
	 DIAG_VS_NO_DESTINATION, 8, AT_TLS ".route[0].destination"},
	{"tls weights",
	 TLS("match: [{sniHosts: [s.test]}]\n"
	     "    route: [{destination: {host: a}}, {destination: {host: b}}]"),
	 DIAG_VS_WEIGHT_ZERO, 8, AT_TLS ".route"},

	{"tcp without route (B184)", TCP("match: [{port: 1}]"), DIAG_VS_L4_NO_ROUTE, 7, AT_TCP},
	{"tcp rule empty (B184)", TCP("{}"), DIAG_VS_L4_NO_ROUTE, 7, AT_TCP},
	{"tcp match null", TCP_MATCH("null"), DIAG_NULL_ELEMENT, 8, AT_TCP ".match[0]"},
	{"destinationSubnets /99 (B184)", TCP_MATCH("{destinationSubnets: [1.2.3.4/99]}"),
	 DIAG_ADDRESS_INVALID, 8, AT_TCP ".match[0].destinationSubnets[0]"},
	{"old destinationSubnet", TCP_MATCH("{destinationSubnet: 1.2.3}"), DIAG_ADDRESS_INVALID, 8,
	 AT_TCP ".match[0].destinationSubnet"},
	{"sourceSubnet", TCP_MATCH("{sourceSubnet: 1.2.3.4/-1}"), DIAG_ADDRESS_INVALID, 8,
	 AT_TCP ".match[0].sourceSubnet"},
	{"tcp negative weight", TCP("route: [{destination: {host: a}, weight: -1}]"),
	 DIAG_VS_WEIGHT_NEGATIVE, 7, AT_TCP ".route[0].weight"},
	{"tcp subset", TCP("route: [{destination: {host: a, subset: A}}]"), DIAG_VS_SUBSET_NAME, 7,
	 AT_TCP ".route[0].destination.subset"},
};

const struct problem_table l4_problems = TABLE(rows);
