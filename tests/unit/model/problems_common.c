/* problems_common.c - mistakes that every kind can have. */
#include "problems.h"

#define META(meta)                                                                                 \
	"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n" meta               \
	"spec: {hosts: [x.test], http: [{route: [{destination: {host: a}}]}]}\n"

#define LONG_LABEL "a234567890123456789012345678901234567890123456789012345678901234"

/* An annotation of ours on a VirtualService with rules "reviews" and "ratings", and on a Gateway.
 */
#define LIMITED(rates)                                                                             \
	"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: x\n"         \
	"  annotations:\n    weir.io/rate-limit: " rates "\nspec:\n  hosts: [x.test]\n  http:\n"   \
	"  - {name: reviews, match: [{uri: {exact: /a}}], route: [{destination: {host: a}}]}\n"    \
	"  - {name: ratings, route: [{destination: {host: a}}]}\n"
#define LIMITED_GATEWAY(rates)                                                                     \
	"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: x\n"                \
	"  annotations:\n    weir.io/rate-limit: " rates "\nspec:\n  servers:\n"                   \
	"  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [\"*\"]}\n"
#define BAD_RATE(name, rates)                                                                      \
	{                                                                                          \
		name, LIMITED(rates), DIAG_RATE_LIMIT, 6,                                          \
			"metadata.annotations[weir.io/rate-limit]"                                 \
	}

static const struct problem rows[] = {
	{"no name", META("  labels: {}\n"), DIAG_NAME_INVALID, 4, "metadata.name"},
	{"no metadata",
	 "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec: {host: a}\n",
	 DIAG_NAME_INVALID, 1, "metadata.name"},
	{"name in upper case", META("  name: Reviews\n"), DIAG_NAME_INVALID, 4, "metadata.name"},
	{"name with a slash", META("  name: a/b\n"), DIAG_NAME_INVALID, 4, "metadata.name"},
	{"name that ends with a dot", META("  name: a.\n"), DIAG_NAME_INVALID, 4, "metadata.name"},
	{"namespace with a dot", META("  name: x\n  namespace: a.b\n"), DIAG_NAMESPACE_INVALID, 5,
	 "metadata.namespace"},
	{"namespace of 64", META("  name: x\n  namespace: " LONG_LABEL "\n"),
	 DIAG_NAMESPACE_INVALID, 5, "metadata.namespace"},
	{"label key", META("  name: x\n  labels: {\"a b\": c}\n"), DIAG_LABEL_INVALID, 5,
	 "metadata.labels[a b]"},
	{"label prefix", META("  name: x\n  labels: {Up.case/a: c}\n"), DIAG_LABEL_INVALID, 5,
	 "metadata.labels[Up.case/a]"},
	{"label value", META("  name: x\n  labels: {a: -c}\n"), DIAG_LABEL_INVALID, 5,
	 "metadata.labels[a]"},
	{"long label value", META("  name: x\n  labels: {a: " LONG_LABEL "}\n"), DIAG_LABEL_INVALID,
	 5, "metadata.labels[a]"},
	{"parents (B007)", META("  name: x\n  annotations: {internal.istio.io/parents: a}\n"),
	 DIAG_ANNOTATION_REFUSED, 5, "metadata.annotations[internal.istio.io/parents]"},
	{"dry run", META("  name: x\n  annotations: {istio.io/dry-run: \"true\"}\n"),
	 DIAG_ANNOTATION_REFUSED, 5, "metadata.annotations[istio.io/dry-run]"},

	{"an annotation of ours that the kind does not know",
	 META("  name: x\n  annotations: {other.io/a: b, weir.io/rate-limits: b}\n"),
	 DIAG_UNKNOWN_FIELD, 5, "metadata.annotations[weir.io/rate-limits]"},
	BAD_RATE("no rate at all", "\"\""),
	BAD_RATE("a rate without unit", "fast"),
	BAD_RATE("a rate without number", "/s"),
	BAD_RATE("rate 0", "0/s"),
	BAD_RATE("rate too high", "10000001/s"),
	BAD_RATE("a fraction", "0.5/s"),
	BAD_RATE("unknown unit", "100/d"),
	BAD_RATE("unknown option", "100/s brust=2"),
	BAD_RATE("option without value", "100/s burst"),
	BAD_RATE("burst 0", "100/s burst=0"),
	BAD_RATE("a burst that refills never", "1/h burst=10000"),
	BAD_RATE("no name", "=100/s"),
	BAD_RATE("an empty entry", "reviews=1/s;;ratings=1/s"),
	BAD_RATE("a rule limited twice", "reviews=1/s; reviews=2/s"),
	BAD_RATE("everything limited twice", "\"1/s; *=2/s\""),
	{"a number", LIMITED("100"), DIAG_WRONG_TYPE, 6,
	 "metadata.annotations[weir.io/rate-limit]"},
	{"a rule that does not exist", LIMITED("review=100/s"), DIAG_RATE_LIMIT_NAME, 6,
	 "metadata.annotations[weir.io/rate-limit]"},
	{"a rule of a Gateway", LIMITED_GATEWAY("reviews=100/s"), DIAG_RATE_LIMIT_NAME, 6,
	 "metadata.annotations[weir.io/rate-limit]"},

	{"exportTo twice", DR("  exportTo: [a, a]\n"), DIAG_EXPORT_TO, 6, "spec.exportTo[1]"},
	{"exportTo . and its name", DR("  exportTo: [., default]\n"), DIAG_EXPORT_TO, 6,
	 "spec.exportTo[1]"},
	{"exportTo * and more", DR("  exportTo: [\"*\", a]\n"), DIAG_EXPORT_TO, 6,
	 "spec.exportTo[0]"},
	{"exportTo nobody", DR("  exportTo: [\"~\"]\n"), DIAG_EXPORT_TO, 6, "spec.exportTo[0]"},
	{"exportTo no namespace", DR("  exportTo: [a.b]\n"), DIAG_EXPORT_TO, 6, "spec.exportTo[0]"},
	{"exportTo nobody and somebody",
	 SE("  hosts: [a.test]\n  resolution: STATIC\n  exportTo: [\"~\", a]\n"), DIAG_EXPORT_TO, 7,
	 "spec.exportTo[0]"},

	{"host with a blank",
	 VS("  hosts: [\"a b\"]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_HOST_INVALID, 5, "spec.hosts[0]"},
	{"wildcard inside",
	 VS("  hosts: [a.*.test]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_HOST_INVALID, 5, "spec.hosts[0]"},
	{"wildcard at the end of a label",
	 VS("  hosts: [\"a*.test\"]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_HOST_INVALID, 5, "spec.hosts[0]"},
	{"numeric top level (B019)",
	 VS("  hosts: [foo.1]\n  tcp: [{route: [{destination: {host: a}}]}]\n"), DIAG_HOST_INVALID,
	 5, "spec.hosts[0]"},
	{"empty label", VS("  hosts: [a..test]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_HOST_INVALID, 5, "spec.hosts[0]"},
	{"label of 64",
	 VS("  hosts: [" LONG_LABEL ".test]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_HOST_INVALID, 5, "spec.hosts[0]"},
	{"empty host", VS("  hosts: [\"\"]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_HOST_INVALID, 5, "spec.hosts[0]"},
	{"an address as host of a rule", OBJECT("DestinationRule", "x") "  host: 10.0.0.1\n",
	 DIAG_HOST_INVALID, 5, "spec.host"},

	{"gateway empty",
	 VS("  hosts: [a]\n  gateways: [\"\"]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_GATEWAY_NAME, 6, "spec.gateways[0]"},
	{"gateway without name",
	 VS("  hosts: [a]\n  gateways: [ns/]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_GATEWAY_NAME, 6, "spec.gateways[0]"},
	{"gateway without namespace",
	 VS("  hosts: [a]\n  gateways: [/gw]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_GATEWAY_NAME, 6, "spec.gateways[0]"},
	{"gateway with a bad namespace",
	 VS("  hosts: [a]\n  gateways: [N_S/gw]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_GATEWAY_NAME, 6, "spec.gateways[0]"},
	{"gateway with two slashes",
	 VS("  hosts: [a]\n  gateways: [a/b/c]\n  tcp: [{route: [{destination: {host: a}}]}]\n"),
	 DIAG_GATEWAY_NAME, 6, "spec.gateways[0]"},
	{"gateway in the old form (B021)",
	 VS("  hosts: [a]\n  gateways: [gw.istio-system.svc.cluster.local]\n  tcp: [{route: "
	    "[{destination: {host: a}}]}]\n"),
	 DIAG_GATEWAY_NAME_OLD, 6, "spec.gateways[0]"},

	{"address", SE("  hosts: [a.test]\n  resolution: STATIC\n  addresses: [10.0.0.256]\n"),
	 DIAG_ADDRESS_INVALID, 7, "spec.addresses[0]"},
	{"prefix length",
	 SE("  hosts: [a.test]\n  resolution: STATIC\n  addresses: [10.0.0.0/33]\n"),
	 DIAG_ADDRESS_INVALID, 7, "spec.addresses[0]"},
	{"cluster address",
	 "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: nowhere}\n",
	 DIAG_ADDRESS_INVALID, 4, "spec.clusterIP"},
	{"pod address",
	 "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus:\n  podIP: nowhere\n",
	 DIAG_ADDRESS_INVALID, 5, "status.podIP"},
	{"one object twice", WE("  address: 10.0.0.1\n") "---\n" WE("  address: 10.0.0.2\n"),
	 DIAG_DUPLICATE_OBJECT, 9, "metadata.name"},
};

const struct problem_table common_problems = TABLE(rows);
