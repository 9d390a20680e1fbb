/* accepted_virtual_service.c - the neighbours of problems_vs_*.c that are right. */
#include "accepted.h"

#define ACTION(body)  RULE("    " body "\n")
#define ONLY(body)    VS("  hosts: [x.test]\n  http:\n  - " body "\n")
#define REDIRECT(b)   ONLY("redirect: {" b "}")
#define RESPONSE(b)   ONLY("directResponse: {" b "}")
#define SUBST(m, r)   ACTION("rewrite: {uriRegexRewrite: {match: '" m "', rewrite: '" r "'}}")
#define FAULT(b)      ACTION("fault: {" b "}")
#define SET_VALUE(v)  ACTION("headers: {request: {set: {a: " v "}}}")
#define CORS(b)       ACTION("corsPolicy: {" b "}")
#define DESTINATION_A "route: [{destination: {host: a}}]"
#define TLS(rule)     VS("  hosts: [s.test, \"*.w.test\"]\n  tls:\n  - " rule "\n")
#define TCP(rule)     VS("  hosts: [s.test]\n  tcp:\n  - " rule "\n")

static const struct accepted rows[] = {
	{"delegate", ONLY("delegate: {name: d.e, namespace: n}")},
	{"delegate with what it inherits",
	 ONLY("delegate: {name: d}\n    rewrite: {uri: /}\n    fault: {abort: {httpStatus: 500}}")},
	{"delegate's rules", VS("  http:\n  - " DESTINATION_A "\n")},

	{"redirect by every field", REDIRECT("uri: /a")},
	{"redirect by prefixRewrite", REDIRECT("prefixRewrite: /a")},
	{"redirect by authority", REDIRECT("authority: a")},
	{"redirect by scheme", REDIRECT("scheme: https")},
	{"redirect by port", REDIRECT("port: 65535")},
	{"redirect by derivePort", REDIRECT("derivePort: FROM_PROTOCOL_DEFAULT")},
	{"redirect codes", REDIRECT("uri: /a, redirectCode: 303")},
	{"redirectCode 308", REDIRECT("uri: /a, redirectCode: 308")},
	{"prefixRewrite of prefixes",
	 ONLY("redirect: {prefixRewrite: /b}\n"
	      "    match: [{uri: {prefix: /a}}, {method: {exact: GET}}]")},
	{"redirect with headers and cors",
	 ONLY("redirect: {uri: /a}\n    headers: {response: {set: {a: b}}}\n    corsPolicy: {}")},

	{"status 200", RESPONSE("status: 200")},
	{"status 600 (B089)", RESPONSE("status: 600")},
	{"bytes", RESPONSE("status: 200, body: {bytes: \"aGk=\"}")},
	{"no bytes", RESPONSE("status: 200, body: {bytes: \"\"}")},

	{"rewrite by authority", ACTION("rewrite: {authority: a}")},
	{"rewrite both", ACTION("rewrite: {authority: a, uri: /}")},
	{"the groups there are", SUBST("(a)(?:b)(?P<n>c)", "\\2\\1\\0")},
	{"backslash before a backslash", SUBST("a", "\\\\9")},
	{"nine groups", SUBST("(((((((((a)))))))))", "\\9")},
	{"group 0 without groups", SUBST("a", "\\0")},

	{"timeout 1ms", ACTION("timeout: 1ms")},
	{"attempts 0 alone", ACTION("retries: {attempts: 0}")},
	{"retryOn of everything", ACTION("retries: {attempts: 1, retryOn: \"5xx,reset,503\"}")},

	{"percentage 0", FAULT("abort: {httpStatus: 500, percentage: {value: 0}}")},
	{"percentage 0.0001", FAULT("abort: {httpStatus: 500, percentage: {value: 0.0001}}")},
	{"percentage 100", FAULT("abort: {httpStatus: 500, percentage: {value: 100}}")},
	{"percent 100", FAULT("delay: {fixedDelay: 1ms, percent: 100}")},
	{"httpStatus 200", FAULT("abort: {httpStatus: 200}")},
	{"grpcStatus", FAULT("abort: {grpcStatus: DATA_LOSS}")},
	{"abort of no kind is only warned of", FAULT("abort: {}")},

	{"mirrorPercent 100", ACTION("mirror: {host: b}\n    mirrorPercent: 100")},
	{"mirrorPercentage 0", ACTION("mirror: {host: b}\n    mirrorPercentage: {value: 0}")},
	{"mirrors", ACTION("mirrors: [{destination: {host: b}, percentage: {value: 100}}]")},

	{"set Host", ACTION("headers: {request: {set: {Host: b.test}}}")},
	{"add :authority", ACTION("headers: {request: {add: {\":authority\": b.test}}}")},
	{"the host at both levels",
	 VS("  hosts: [x.test]\n  http:\n  - rewrite: {authority: y}\n    route:\n"
	    "    - destination: {host: a}\n      headers: {request: {set: {host: a}}}\n")},
	{"value 100%% (B161)", SET_VALUE("100%%")},
	{"an empty value", SET_VALUE("\"\"")},
	{"a tab in a value", SET_VALUE("\"a\\tb\"")},
	{"UTF-8 in a value", SET_VALUE("\"é\"")},
	{"a variable", SET_VALUE("\"a%PROTOCOL%b\"")},
	{"an unknown variable", SET_VALUE("\"%NO_SUCH_9%\"")},
	{"a variable with argument", SET_VALUE("\"%REQ(X-A?:PATH)%\"")},
	{"a variable with a length", SET_VALUE("\"%REQ(X):20%%PROTOCOL:3%\"")},
	{"percent signs in an argument", SET_VALUE("\"%START_TIME(%Y-%m-%d)%\"")},

	{"origins", CORS("allowOrigins: [{exact: \"*\"}, {prefix: http}, {regex: \".*\"}]")},
	{"the old origin", CORS("allowOrigin: [http://a]")},
	{"methods", CORS("allowMethods: [\"*\", TRACE, PATCH]")},
	{"headers *", CORS("allowHeaders: [\"*\", x-a], exposeHeaders: [\"*\"]")},
	{"maxAge", CORS("maxAge: 1m1s")},
	{"maxAge 0", CORS("maxAge: 0s")},

	{"tls", TLS("match: [{sniHosts: [s.test, a.b.w.test, \"*.b.w.test\"], port: 443}]\n"
		    "    " DESTINATION_A)},
	{"SNI in another case", TLS("match: [{sniHosts: [S.TEST]}]\n    " DESTINATION_A)},
	{"tcp without match", TCP(DESTINATION_A)},
	{"tcp match of everything",
	 TCP("match: [{destinationSubnets: [10.0.0.0/8, \"2001:2::/48\", 10.0.0.1], port: 1,\n"
	     "      sourceLabels: {a: b}, gateways: [mesh], sourceNamespace: n}]\n   "
	     " " DESTINATION_A)},
};

const struct accepted_table accepted_virtual_services = {rows, sizeof(rows) / sizeof(rows[0])};
