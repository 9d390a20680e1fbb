/* problems_reference.c - mistakes between objects. */
#include "problems.h"

/* Services a (port 80) and b (ports 80 and 81) in 8 lines, then one object from line 9 on,
 * the body of its spec from line 13. */
#define SERVICES                                                                                   \
	"{apiVersion: v1, kind: Service, metadata: {name: a}, spec:\n"                             \
	"  {clusterIP: 10.0.0.1, ports: [{port: 80, name: http}]}}\n---\n"                         \
	"{apiVersion: v1, kind: Service, metadata: {name: b}, spec:\n"                             \
	"  {clusterIP: 10.0.0.2, ports: [{port: 80, name: http},\n"                                \
	"    {port: 81, name: grpc}]}}\n\n---\n"
#define GATEWAY                                                                                    \
	"---\n" GW("  servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [other/*, "   \
		   "./c.test]}]\n")
#define TO(destination)                                                                            \
	SERVICES VS("  hosts: [x.test]\n  http:\n  - route: [{destination: " destination "}]\n")
#define DESTINATION "spec.http[0].route[0].destination"

#define ROOT(delegate) VS("  hosts: [x.test]\n  http:\n  - delegate: " delegate "\n") /* line 7 */
#define DELEGATE(ns, export_to)                                                                    \
	"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"                          \
	"metadata: {name: y, namespace: " ns "}\nspec:\n" export_to                                \
	"  http: [{route: [{destination: {host: a}}]}]\n"

static const struct problem rows[] = {
	{"unknown host", TO("{host: c}"), DIAG_REF_HOST, 15, DESTINATION ".host"},
	{"host with a dot is complete (B012)", TO("{host: a.default}"), DIAG_REF_HOST, 15,
	 DESTINATION ".host"},
	{"unknown subset (B069)", TO("{host: a, subset: v9}"), DIAG_REF_SUBSET, 15,
	 DESTINATION ".subset"},
	{"a subset of another host's rule",
	 TO("{host: a, subset: v1}") "---\n" OBJECT("DestinationRule",
						    "b") "  {host: b, subsets: [{name: v1}]}\n",
	 DIAG_REF_SUBSET, 15, DESTINATION ".subset"},
	{"port that is not offered (B067)", TO("{host: a, port: {number: 1234}}"), DIAG_REF_PORT,
	 15, DESTINATION ".port"},
	{"several ports, none named (IST0112)", TO("{host: b}"), DIAG_REF_PORT_REQUIRED, 15,
	 DESTINATION ".port"},
	{"port name that is not offered", TO("{host: a, port: {name: web}}"), DIAG_REF_PORT_NAME,
	 15, DESTINATION ".port"},
	{"unknown host of a mirror",
	 SERVICES VS("  hosts: [x.test]\n  http:\n  - route: [{destination: {host: a}}]\n"
		     "    mirror: {host: c}\n"),
	 DIAG_REF_HOST, 16, "spec.http[0].mirror.host"},
	{"unknown subset of mirrors",
	 SERVICES VS("  hosts: [x.test]\n  http:\n  - route: [{destination: {host: a}}]\n"
		     "    mirrors: [{destination: {host: a, subset: v1}}]\n"),
	 DIAG_REF_SUBSET, 16, "spec.http[0].mirrors[0].destination.subset"},
	{"unknown host of a tcp rule",
	 SERVICES VS("  hosts: [x.test]\n  tcp:\n  - route: [{destination: {host: c}}]\n"),
	 DIAG_REF_HOST, 15, "spec.tcp[0].route[0].destination.host"},
	{"no delegate (B171)", ROOT("{name: y}"), DIAG_REF_DELEGATE, 7, "spec.http[0].delegate"},
	{"a delegate with hosts", ROOT("{name: x}"), DIAG_REF_DELEGATE, 7, "spec.http[0].delegate"},
	{"a delegate of another namespace", ROOT("{name: y}") DELEGATE("other", ""),
	 DIAG_REF_DELEGATE, 7, "spec.http[0].delegate"},
	{"a hidden delegate (B172)",
	 ROOT("{name: y, namespace: other}") DELEGATE("other", "  exportTo: [\".\", third]\n"),
	 DIAG_REF_DELEGATE, 7, "spec.http[0].delegate"},
	{"unknown gateway",
	 SERVICES VS("  hosts: [c.test]\n  gateways: [gw]\n"
		     "  http: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_REF_GATEWAY, 14, "spec.gateways[0]"},
	{"unknown gateway of a match",
	 SERVICES VS("  hosts: [c.test]\n  http:\n  - match: [{gateways: [o/gw]}]\n"
		     "    route: [{destination: {host: a}}]\n"),
	 DIAG_REF_GATEWAY, 15, "spec.http[0].match[0].gateways[0]"},
	{"unknown gateway of a tcp match",
	 SERVICES VS("  hosts: [c.test]\n  tcp:\n  - match: [{gateways: [o/gw]}]\n"
		     "    route: [{destination: {host: a}}]\n"),
	 DIAG_REF_GATEWAY, 15, "spec.tcp[0].match[0].gateways[0]"},
	{"host outside the gateway",
	 SERVICES VS("  hosts: [c.test, d.test]\n  gateways: [x]\n"
		     "  http: [{route: [{destination: {host: a}}]}]\n") GATEWAY,
	 DIAG_REF_GATEWAY_HOST, 13, "spec.hosts[1]"},
	{"rule for an unknown host", SERVICES OBJECT("DestinationRule", "x") "  host: c\n",
	 DIAG_REF_RULE_HOST, 13, "spec.host"},
	{"rule for unknown hosts", SERVICES OBJECT("DestinationRule", "x") "  host: \"*.test\"\n",
	 DIAG_REF_RULE_HOST, 13, "spec.host"},
	{"one host of the mesh twice",
	 TO("{host: a}") "---\n" OBJECT(
		 "VirtualService",
		 "y") "  hosts: [y.test, x.test]\n  http: [{route: [{destination: {host: a}}]}]\n",
	 DIAG_REF_MESH_HOST, 21, "spec.hosts[1]"},
};

const struct problem_table reference_problems = TABLE(rows);
