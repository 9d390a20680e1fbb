/* problems_gateway.c - mistakes in Gateways. */
#include "problems.h"

#define PORT         "port: {number: 80, name: http, protocol: HTTP}"
#define SERVER(rest) GW("  servers:\n  - " rest "\n")  /* line 6 */
#define HOSTS(list)  SERVER(PORT "\n    hosts: " list) /* hosts in line 7 */
#define AT_SERVER    "spec.servers[0]"

static const struct problem rows[] = {
	{"name with a dot", OBJECT("Gateway", "a.b") "  servers: [{" PORT ", hosts: [\"*\"]}]\n",
	 DIAG_GW_NAME, 3, "metadata.name"},
	{"no servers", GW("  selector: {a: b}\n"), DIAG_GW_NO_SERVERS, 5, "spec.servers"},
	{"selector", GW("  selector: {a: \"*\"}\n  servers: [{" PORT ", hosts: [\"*\"]}]\n"),
	 DIAG_LABEL_INVALID, 5, "spec.selector[a]"},
	{"no port", SERVER("hosts: [\"*\"]"), DIAG_FIELD_REQUIRED, 6, AT_SERVER ".port"},
	{"port 0", SERVER("port: {number: 0, name: a, protocol: HTTP}\n    hosts: [\"*\"]"),
	 DIAG_FIELD_REQUIRED, 6, AT_SERVER ".port.number"},
	{"no protocol", SERVER("port: {number: 80, name: a}\n    hosts: [\"*\"]"), DIAG_GW_PROTOCOL,
	 6, AT_SERVER ".port.protocol"},
	{"protocol", SERVER("port: {number: 80, name: a, protocol: HTPP}\n    hosts: [\"*\"]"),
	 DIAG_UNKNOWN_VALUE, 6, AT_SERVER ".port.protocol"},
	{"no port name", SERVER("port: {number: 80, protocol: HTTP}\n    hosts: [\"*\"]"),
	 DIAG_GW_PORT_NAME, 6, AT_SERVER ".port.name"},
	{"port name twice", HOSTS("[a.test]\n  - {" PORT ", hosts: [b.test]}"), DIAG_GW_PORT_NAME,
	 8, "spec.servers[1].port.name"},
	{"bind (B204)", HOSTS("[\"*\"]\n    bind: x"), DIAG_GW_BIND, 8, AT_SERVER ".bind"},
	{"unix with a port (B204)", HOSTS("[\"*\"]\n    bind: unix:///run/s"), DIAG_GW_BIND, 6,
	 AT_SERVER ".port.number"},
	{"unix without path",
	 SERVER("port: {number: 0, name: a, protocol: HTTP}\n    hosts: [\"*\"]\n"
		"    bind: unix://x"),
	 DIAG_GW_BIND, 8, AT_SERVER ".bind"},
	{"unix",
	 SERVER("port: {number: 0, name: a, protocol: HTTP}\n    hosts: [\"*\"]\n"
		"    bind: unix:///run/s"),
	 DIAG_GW_NOT_OPENED, 6, AT_SERVER},
	{"no hosts", SERVER(PORT), DIAG_GW_NO_HOSTS, 6, AT_SERVER ".hosts"},
	{"short host", HOSTS("[reviews]"), DIAG_GW_HOST, 7, AT_SERVER ".hosts[0]"},
	{"partial wildcard", HOSTS("[\"*a.test\"]"), DIAG_GW_HOST, 7, AT_SERVER ".hosts[0]"},
	{"wildcard inside", HOSTS("[a.*.test]"), DIAG_GW_HOST, 7, AT_SERVER ".hosts[0]"},
	{"no host behind the slash", HOSTS("[ns/]"), DIAG_GW_HOST, 7, AT_SERVER ".hosts[0]"},
	{"no namespace before it", HOSTS("[/a.test]"), DIAG_GW_HOST, 7, AT_SERVER ".hosts[0]"},
	{"bad namespace", HOSTS("[n_s/a.test]"), DIAG_GW_HOST, 7, AT_SERVER ".hosts[0]"},
	{"HTTPS without tls",
	 SERVER("port: {number: 443, name: a, protocol: HTTPS}\n    hosts: [\"*\"]"),
	 DIAG_GW_TLS_REQUIRED, 6, AT_SERVER ".tls"},
	{"HTTP with tls", HOSTS("[\"*\"]\n    tls: {mode: SIMPLE, credentialName: a}"),
	 DIAG_GW_TLS_PLAIN, 8, AT_SERVER ".tls"},
	{"TCP with tls",
	 SERVER("port: {number: 1, name: a, protocol: TCP}\n    hosts: [\"*\"]\n"
		"    tls: {mode: SIMPLE}"),
	 DIAG_GW_TLS_PLAIN, 8, AT_SERVER ".tls"},
	{"redirect", HOSTS("[\"*\"]\n    tls: {httpsRedirect: true}"), DIAG_NOT_SUPPORTED, 8,
	 AT_SERVER ".tls.httpsRedirect"},
	{"redirect on HTTPS (B190)",
	 SERVER("port: {number: 443, name: a, protocol: HTTPS}\n    hosts: [\"*\"]\n"
		"    tls: {httpsRedirect: true, mode: SIMPLE}"),
	 DIAG_GW_REDIRECT_USELESS, 8, AT_SERVER ".tls.httpsRedirect"},
	{"HTTPS",
	 SERVER("port: {number: 443, name: a, protocol: https}\n    hosts: [\"*\"]\n"
		"    tls: {mode: SIMPLE, credentialName: a}"),
	 DIAG_GW_NOT_OPENED, 6, AT_SERVER},
	{"TCP-TLS",
	 SERVER("port: {number: 1, name: a, protocol: TCP-TLS}\n    hosts: [\"*\"]\n    tls: {}"),
	 DIAG_OLD_FORM, 6, AT_SERVER ".port.protocol"},
	{"targetPort",
	 SERVER("port: {number: 1, name: a, protocol: HTTP, targetPort: 2}\n    hosts: [\"*\"]"),
	 DIAG_OLD_FORM, 6, AT_SERVER ".port.targetPort"},
};

const struct problem_table gateway_problems = TABLE(rows);
