/* problems_destination_rule.c - mistakes in DestinationRules. */
#include "problems.h"

#define PORTS(list) DR("  trafficPolicy:\n    portLevelSettings:\n" list) /* list from line 8 */

static const struct problem rows[] = {
	{"no host", OBJECT("DestinationRule", "x") "  subsets: []\n", DIAG_FIELD_REQUIRED, 5,
	 "spec.host"},
	{"empty policy (B260)", DR("  trafficPolicy: {}\n"), DIAG_DR_EMPTY_POLICY, 6,
	 "spec.trafficPolicy"},
	{"empty policy of a subset", DR("  subsets: [{name: v1, trafficPolicy: {}}]\n"),
	 DIAG_DR_EMPTY_POLICY, 6, "spec.subsets[0].trafficPolicy"},
	{"empty policy of a port", PORTS("    - port: {number: 80}\n"), DIAG_DR_EMPTY_POLICY, 8,
	 "spec.trafficPolicy.portLevelSettings[0]"},
	{"empty pool (B226)", DR("  trafficPolicy: {connectionPool: {}}\n"), DIAG_DR_EMPTY_POOL, 6,
	 "spec.trafficPolicy.connectionPool"},
	{"empty pool of a port", PORTS("    - port: {number: 80}\n      connectionPool: {}\n"),
	 DIAG_DR_EMPTY_POOL, 9, "spec.trafficPolicy.portLevelSettings[0].connectionPool"},
	{"subset without name", DR("  subsets: [{labels: {a: b}}]\n"), DIAG_DR_SUBSET_NAME, 6,
	 "spec.subsets[0].name"},
	{"subset name (B260)", DR("  subsets: [{name: v_1}]\n"), DIAG_DR_SUBSET_NAME, 6,
	 "spec.subsets[0].name"},
	{"subset twice (B260)", DR("  subsets: [{name: v1},\n    {name: v1}]\n"),
	 DIAG_DR_SUBSET_TWICE, 7, "spec.subsets[1].name"},
	{"label of a subset", DR("  subsets: [{name: v1, labels: {a: \"b c\"}}]\n"),
	 DIAG_LABEL_INVALID, 6, "spec.subsets[0].labels[a]"},
	{"port missing (B260)", PORTS("    - tls: {mode: DISABLE}\n"), DIAG_FIELD_REQUIRED, 8,
	 "spec.trafficPolicy.portLevelSettings[0]"},
	{"port twice",
	 PORTS("    - {port: {number: 80}, tls: {mode: DISABLE}}\n"
	       "    - {port: {number: 80}, tls: {mode: DISABLE}}\n"),
	 DIAG_DR_PORT_TWICE, 9, "spec.trafficPolicy.portLevelSettings[1]"},
	{"selector exported to two",
	 DR("  workloadSelector: {matchLabels: {a: b}}\n"
	    "  exportTo: [., other]\n"),
	 DIAG_DR_SELECTOR_EXPORT, 7, "spec.exportTo[1]"},
	{"selector exported to all",
	 DR("  workloadSelector: {matchLabels: {a: b}}\n"
	    "  exportTo: [\"*\"]\n"),
	 DIAG_DR_SELECTOR_EXPORT, 7, "spec.exportTo[0]"},
	{"tls", DR("  trafficPolicy: {tls: {mode: SIMPLE}}\n"), DIAG_DR_TLS, 6,
	 "spec.trafficPolicy.tls.mode"},
	{"tls by number", DR("  trafficPolicy: {tls: {mode: 3}}\n"), DIAG_DR_TLS, 6,
	 "spec.trafficPolicy.tls.mode"},
	{"tls of a port", PORTS("    - {port: {number: 80}, tls: {mode: MUTUAL}}\n"), DIAG_DR_TLS,
	 8, "spec.trafficPolicy.portLevelSettings[0].tls.mode"},
	{"tunnel and proxyProtocol (B260)",
	 DR("  trafficPolicy:\n    tunnel: {targetHost: a, targetPort: 1}\n"
	    "    proxyProtocol: {}\n"),
	 DIAG_DR_TUNNEL, 7, "spec.trafficPolicy"},
};

const struct problem_table destination_rule_problems = TABLE(rows);
