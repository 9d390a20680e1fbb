/* test_delegates.c - rules that a VirtualService leaves to another one: every sentence of
 * reference 2.4.11. */
#include "fresh.h"

#include <stdio.h>
#include <string.h>

#include <weir/route.h>

#define OBJECT(name, ns, body)                                                                     \
	"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"                          \
	"metadata: {name: " name ", namespace: " ns "}\nspec:\n" body
/* The root v on x.test, then a rule of its own that takes /own to c. */
#define ROOT(rules)                                                                                \
	OBJECT("v", "default",                                                                     \
	       "  hosts: [x.test]\n  gateways: [gw]\n  http:\n" rules                              \
	       "  - {match: [{uri: {prefix: /own}}], route: [{destination: {host: c}}]}\n")
#define LEAF(rules)  OBJECT("d", "default", "  http:\n" rules)
#define TO(host)     "route: [{destination: {host: " host "}}]"
#define LOAD(yaml)   world_load(&w, WITH_FIXTURE(yaml))
#define DELEGATE     "delegate: {name: d}"
#define MATCH(block) "match: [" block "]"

/* One match of the root, one of the delegate: does the delegate's rule stay, and then whom does
 * a request reach that both describe? */
static const struct fit {
	const char *name, *root, *leaf;
	bool fits;
	struct request rq;
} fits[] = {
	/* either side a regex, the other with a condition of that name */
	{"root regex, leaf uri (B174)",
	 "uri: {regex: /a.*}",
	 "uri: {exact: /ab}",
	 false,
	 {.path = "/ab"}},
	{"leaf regex", "uri: {prefix: /a}", "uri: {regex: /ab}", false, {.path = "/ab"}},
	{"equal regexes", "uri: {regex: /ab}", "uri: {regex: /ab}", false, {.path = "/ab"}},
	{"root regex, leaf without uri",
	 "uri: {regex: /a.*}",
	 "method: {exact: GET}",
	 true,
	 {.path = "/ab"}},
	{"leaf regex, root without uri",
	 "method: {exact: GET}",
	 "uri: {regex: /a.*}",
	 true,
	 {.path = "/ab"}},
	{"regex of a header",
	 "headers: {k: {regex: a}}",
	 "headers: {k: {exact: a}}",
	 false,
	 {.fields = {{"k", "a"}}}},
	{"regex of another header",
	 "headers: {k: {regex: a}}",
	 "headers: {l: {exact: a}}",
	 true,
	 {.fields = {{"k", "a"}, {"l", "a"}}}},
	/* exact and prefix */
	{"exact, prefix", "uri: {exact: /ab}", "uri: {prefix: /ab}", false, {.path = "/ab"}},
	{"different exact", "uri: {exact: /ab}", "uri: {exact: /ac}", false, {.path = "/ac"}},
	{"equal exact", "uri: {exact: /ab}", "uri: {exact: /ab}", true, {.path = "/ab"}},
	{"prefix outside (B169)", "uri: {prefix: /p}", "uri: {prefix: /q}", false, {.path = "/q"}},
	{"wider prefix", "uri: {prefix: /p/q}", "uri: {prefix: /p}", false, {.path = "/p/q"}},
	{"prefix inside", "uri: {prefix: /p}", "uri: {prefix: /p/q}", true, {.path = "/p/q/r"}},
	{"exact inside", "uri: {prefix: /p}", "uri: {exact: /p}", true, {.path = "/p"}},
	{"exact outside", "uri: {prefix: /p}", "uri: {exact: /q}", false, {.path = "/q"}},
	{"exact methods",
	 "method: {exact: GET}",
	 "method: {exact: POST}",
	 false,
	 {.method = "POST"}},
	{"scheme", "scheme: {exact: https}", "scheme: {exact: http}", false, {0}},
	{"authority", "authority: {prefix: x}", "authority: {exact: x.test}", true, {0}},
	{"headers differ",
	 "headers: {k: {exact: a}}",
	 "headers: {K: {exact: b}}",
	 false,
	 {.fields = {{"k", "b"}}}},
	{"a header that exists",
	 "headers: {k: {}}",
	 "headers: {k: {exact: b}}",
	 true,
	 {.fields = {{"k", "b"}}}},
	{"a header that only exists in the leaf",
	 "headers: {k: {prefix: a}}",
	 "headers: {k: {}}",
	 false,
	 {.fields = {{"k", "ab"}}}},
	{"withoutHeaders",
	 "withoutHeaders: {k: {exact: a}}",
	 "withoutHeaders: {k: {exact: b}}",
	 false,
	 {0}},
	{"query parameters",
	 "queryParams: {q: {exact: a}}",
	 "queryParams: {q: {exact: b}}",
	 false,
	 {.path = "/?q=b"}},
	{"query parameters by case",
	 "queryParams: {q: {exact: a}}",
	 "queryParams: {Q: {exact: b}}",
	 true,
	 {.path = "/?q=a&Q=b"}},
	/* the rest */
	{"ignoreUriCase differs",
	 "uri: {prefix: /a}, ignoreUriCase: true",
	 "uri: {prefix: /ab}",
	 false,
	 {.path = "/ab"}},
	{"ignoreUriCase is one",
	 "uri: {prefix: /a}, ignoreUriCase: true",
	 "uri: {prefix: /ab}, ignoreUriCase: true",
	 true,
	 {.path = "/AB"}},
	{"ports differ", "port: 80", "port: 81", false, {0}},
	{"a port of the leaf only", "uri: {prefix: /}", "port: 80", true, {0}},
	{"sourceNamespace of the root", "sourceNamespace: default", "uri: {prefix: /}", false, {0}},
	{"sourceNamespace of both",
	 "sourceNamespace: default",
	 "sourceNamespace: default, uri: {prefix: /}",
	 true,
	 {0}},
	{"sourceNamespace of the leaf", "uri: {prefix: /}", "sourceNamespace: default", true, {0}},
	{"source labels differ",
	 "sourceLabels: {istio: a}",
	 "sourceLabels: {istio: ingressgateway}",
	 false,
	 {0}},
	{"a gateway outside", "gateways: [other]", "gateways: [gw]", false, {0}},
	{"a gateway inside", "gateways: [other, gw]", "gateways: [./gw]", true, {0}},
	{"a gateway of the leaf only", "uri: {prefix: /}", "gateways: [gw]", true, {0}},
};

static void fits_or_is_dropped(void **state)
{
	char text[2048];
	const char *got;

	(void)state;
	for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
		const struct fit *f = &fits[i];
		struct request rq = f->rq;

		snprintf(text, sizeof(text),
			 ROOT("  - {match: [{%s}], " DELEGATE "}\n")
				 LEAF("  - {match: [{%s}], " TO("b") "}\n"),
			 f->root, f->leaf);
		LOAD(text);
		got = world_service(&w, &rq);
		if (strcmp(got, f->fits ? "b" : "404") != 0)
			fail_msg("%s: %s", f->name, got);
		if (world_reported(&w, "WEIR0909") == f->fits)
			fail_msg("%s: is %s", f->name, f->fits ? "reported" : "not reported");
	}
}

/* Two matches of each: all pairs that fit, and the request must meet both sides. */
static void matches_are_combined_pairwise(void **state)
{
	(void)state;
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], " DELEGATE "}\n")
		     LEAF("  - {match: [{method: {exact: GET}}, {headers: {k: {exact: v}}}], " TO(
			     "b") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/a"), "b");
	assert_string_equal(SERVICE(&w, .path = "/b"), "b");
	assert_string_equal(SERVICE(&w, .path = "/c"), "404");
	assert_string_equal(SERVICE(&w, .path = "/b", .method = "POST"), "404");
	assert_string_equal(SERVICE(&w, .path = "/b", .method = "POST", .fields = {{"k", "v"}}),
			    "b");
	assert_string_equal(SERVICE(&w, .path = "/c", .fields = {{"k", "v"}}), "404");
	assert_int_equal(world_vhost(&w, &(struct request){0})->n_routes, 5);
}

/* One match of the delegate that fits nowhere costs its whole rule, not the others. */
static void one_misfit_drops_the_rule(void **state)
{
	(void)state;
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}}], " DELEGATE "}\n")
		     LEAF("  - {match: [{uri: {exact: /a}}, {uri: {exact: /q}}], " TO(
			     "b") "}\n"
				  "  - {match: [{uri: {exact: /a2}}], " TO("c") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/a"), "404");
	assert_string_equal(SERVICE(&w, .path = "/q"), "404");
	assert_string_equal(SERVICE(&w, .path = "/a2"), "c");
}

/* Leaf values, gaps from the root, maps united. */
static void the_combined_match(void **state)
{
	(void)state;
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}, method: {exact: GET}, headers: {k: {prefix: v},"
		  " m: {exact: n}}, queryParams: {q: {}}}], " DELEGATE "}\n")
		     LEAF("  - {match: [{uri: {prefix: /a/b}, headers: {k: {exact: vw}}, "
			  "queryParams: {r: {}}}], " TO("b") "}\n"));
#define FIELDS                                                                                     \
	{                                                                                          \
		{"k", "vw"},                                                                       \
		{                                                                                  \
			"m", "n"                                                                   \
		}                                                                                  \
	}
	assert_string_equal(SERVICE(&w, .path = "/a/b?q&r", .fields = FIELDS), "b");
	assert_string_equal(SERVICE(&w, .path = "/a?q&r", .fields = FIELDS), "404");
	assert_string_equal(SERVICE(&w, .path = "/a/b?q&r", .method = "PUT", .fields = FIELDS),
			    "404");
	assert_string_equal(SERVICE(&w, .path = "/a/b?r", .fields = FIELDS), "404");
	assert_string_equal(SERVICE(&w, .path = "/a/b?q", .fields = FIELDS), "404");
	assert_string_equal(SERVICE(&w, .path = "/a/b?q&r", .fields = {{"k", "v"}, {"m", "n"}}),
			    "404");
	assert_string_equal(SERVICE(&w, .path = "/a/b?q&r", .fields = {{"k", "vw"}}), "404");
}

/* Empty side: the other side's matches are used as they are. */
static void an_empty_side(void **state)
{
	(void)state;
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}}], " DELEGATE "}\n")
		     LEAF("  - {" TO("b") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/ab"), "b");
	assert_string_equal(SERVICE(&w, .path = "/b"), "404");
	assert_string_equal(SERVICE(&w, .path = "/own"), "c");
	LOAD(ROOT("  - {" DELEGATE "}\n")
		     LEAF("  - {match: [{uri: {prefix: /b}}], " TO("b") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/b"), "b");
	assert_string_equal(SERVICE(&w, .path = "/own"), "c");
	LOAD(ROOT("  - {" DELEGATE "}\n") LEAF("  - {" TO("b") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/own"), "b");
}

/* Missing, hidden or not a delegate: only that rule vanishes. */
static void a_delegate_that_is_not_there(void **state)
{
	static const char *const texts[] = {
		ROOT("  - {delegate: {name: nobody}}\n"),
		/* B172 */
		ROOT("  - {delegate: {name: d, namespace: o}}\n")
			OBJECT("d", "o", "  exportTo: [\".\"]\n  http:\n  - {" TO("b") "}\n"),
		ROOT("  - {delegate: {name: d, namespace: o}}\n")
			OBJECT("d", "o", "  exportTo: [third]\n  http:\n  - {" TO("b") "}\n"),
		/* namespace: the root's when absent */
		ROOT("  - {" DELEGATE "}\n") OBJECT("d", "o", "  http:\n  - {" TO("b") "}\n"),
		/* with hosts it is nobody's delegate */
		ROOT("  - {" DELEGATE "}\n")
			OBJECT("d", "default", "  hosts: [y.test]\n  http:\n  - {" TO("b") "}\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		LOAD(texts[i]);
		assert_string_equal(SERVICE(&w, .path = "/own"), "c");
		assert_string_equal(SERVICE(&w, .path = "/other"), "404");
	}
}

static void b172_exported_delegates(void **state)
{
	(void)state;
	LOAD(ROOT("  - {delegate: {name: d, namespace: o}}\n")
		     OBJECT("d", "o",
			    "  exportTo: [default]\n  http:\n"
			    "  - {match: [{uri: {prefix: /a}}], " TO(
				    "b.default.svc.cluster."
				    "local") "}\n"
					     "  - {match: [{uri: {prefix: /s}}], " TO("b") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/a"), "b");
	/* short names of a delegate are of its namespace */
	assert_string_equal(CLUSTER(&w, .path = "/s"), "outbound|80||b.o.svc.cluster.local");
}

/* A delegate has no hosts, so it serves nothing of its own; it cannot delegate further. */
static void a_delegate_alone(void **state)
{
	(void)state;
	LOAD(LEAF("  - {" TO("b") "}\n"));
	assert_null(world_vhost(&w, &(struct request){0}));
	LOAD(ROOT("  - {" DELEGATE "}\n") LEAF("  - {delegate: {name: e}}\n")
		     OBJECT("e", "default", "  http:\n  - {" TO("b") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/a"), "404");
}

static void b175_names(void **state)
{
	(void)state;
	LOAD(ROOT("  - {name: r, match: [{name: m, uri: {prefix: /a}}], " DELEGATE "}\n"
		  "  - {match: [{uri: {prefix: /b}}], " DELEGATE "}\n"
		  "  - {name: r, match: [{uri: {prefix: /c}}], delegate: {name: e}}\n")
		     LEAF("  - {name: s, match: [{name: n, headers: {k: {}}}], " TO(
			     "b") "}\n"
				  "  - {name: s, " TO("b") "}\n")
			     OBJECT("e", "default", "  http:\n  - {" TO("b") "}\n"));
	assert_string_equal(ROUTE(&w, .path = "/a", .fields = {{"k", ""}})->name, "r-s.m-n");
	assert_string_equal(ROUTE(&w, .path = "/a")->name, "r-s.m");
	assert_string_equal(ROUTE(&w, .path = "/b")->name, "s");
	assert_string_equal(ROUTE(&w, .path = "/c")->name, "r");
}

/* Where a route was written is said of the delegate. */
static void origins(void **state)
{
	(void)state;
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], " DELEGATE "}\n")
		     LEAF("  - {match: [{method: {exact: PUT}}, {headers: {k: {}}}], " TO(
			     "b") "}\n"
				  "  - {" TO("b") "}\n"));
	assert_string_equal(ROUTE(&w, .path = "/b", .fields = {{"k", ""}})->origin->resource,
			    "VirtualService default/d");
	assert_string_equal(ROUTE(&w, .path = "/b", .fields = {{"k", ""}})->origin->field,
			    "spec.http[0].match[1]");
	assert_string_equal(ROUTE(&w, .path = "/b")->origin->field, "spec.http[1]");
	assert_string_equal(ROUTE(&w, .path = "/own")->origin->resource,
			    "VirtualService default/v");
}

#define ROOT_SAYS(what)                                                                            \
	ROOT("  - {match: [{uri: {prefix: /a}}], " DELEGATE ", timeout: 1s, "                      \
	     "retries: {attempts: 7}" what "}\n")

static void b170_inherited_limits(void **state)
{
	const struct route *r;

	(void)state;
	LOAD(ROOT_SAYS("") LEAF("  - {match: [{method: {exact: PUT}}], timeout: 3s, "
				"retries: {attempts: 0}, " TO("b") "}\n  - {" TO("b") "}\n"));
	r = ROUTE(&w, .path = "/a", .method = "PUT");
	assert_int_equal(r->timeout_us, 3000000);
	assert_int_equal(r->retry.attempts, 0);
	r = ROUTE(&w, .path = "/a");
	assert_int_equal(r->timeout_us, 1000000);
	assert_int_equal(r->retry.attempts, 7);
	assert_int_equal(ROUTE(&w, .path = "/own")->timeout_us, 0);
}

static void inherited_actions(void **state)
{
	const struct route_actions *a;

	(void)state;
	LOAD(ROOT_SAYS(", rewrite: {authority: r}, corsPolicy: {maxAge: 1s}, "
		       "fault: {abort: {httpStatus: 500}}, "
		       "headers: {request: {set: {k: v, l: v}}}")
		     LEAF("  - {match: [{method: {exact: PUT}}], rewrite: {authority: l}, "
			  "headers: {request: {set: {m: v}}}, corsPolicy: {maxAge: 2s}, "
			  "fault: {abort: {httpStatus: 501}}, " TO("b") "}\n  - {" TO("b") "}\n"));
	a = ROUTE(&w, .path = "/a")->actions;
	assert_memory_equal(a->authority.p, "r", 1);
	assert_int_equal(a->request.n, 2);
	assert_memory_equal(a->cors->max_age.p, "1", 1);
	assert_int_equal(a->fault->abort_status, 500);
	a = ROUTE(&w, .path = "/a", .method = "PUT")->actions;
	assert_memory_equal(a->authority.p, "l", 1);
	assert_int_equal(a->request.n, 1); /* the whole block, not merged */
	assert_memory_equal(a->cors->max_age.p, "2", 1);
	assert_int_equal(a->fault->abort_status, 501);
}

static void an_inherited_response(void **state)
{
	(void)state;
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}}], " DELEGATE ", "
		  "directResponse: {status: 418}}\n") LEAF("  - {" TO("b") "}\n"));
	assert_int_equal(ROUTE(&w, .path = "/a")->action, ROUTE_DIRECT_RESPONSE);
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}}], " DELEGATE "}\n")
		     LEAF("  - {redirect: {uri: /n}}\n"));
	assert_int_equal(ROUTE(&w, .path = "/a")->action, ROUTE_REDIRECT);
}

/* One delegate under two rules and two roots: neither sees the other's matches. */
static void one_delegate_for_many(void **state)
{
	(void)state;
	LOAD(ROOT("  - {match: [{uri: {prefix: /a}}], timeout: 1s, " DELEGATE "}\n"
		  "  - {match: [{uri: {prefix: /b}}], timeout: 2s, " DELEGATE "}\n")
		     OBJECT("u", "default",
			    "  hosts: [y.test]\n  gateways: [gw]\n  http:\n"
			    "  - {match: [{uri: {prefix: /c}}], timeout: 3s, " DELEGATE "}\n")
			     LEAF("  - {" TO("b") "}\n"));
	assert_int_equal(ROUTE(&w, .path = "/a")->timeout_us, 1000000);
	assert_int_equal(ROUTE(&w, .path = "/b")->timeout_us, 2000000);
	assert_null(ROUTE(&w, .path = "/c"));
	assert_int_equal(ROUTE(&w, .host = "y.test", .path = "/c")->timeout_us, 3000000);
	assert_null(ROUTE(&w, .host = "y.test", .path = "/a"));
}

/* A delegate that changes changes its roots' virtual host. */
static void a_delegate_changes(void **state)
{
	(void)state;
	LOAD(ROOT("  - {" DELEGATE "}\n") LEAF("  - {" TO("b") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/a"), "b");
	LOAD(ROOT("  - {" DELEGATE "}\n") LEAF("  - {" TO("a") "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/a"), "a");
	LOAD(ROOT("  - {" DELEGATE "}\n"));
	assert_string_equal(SERVICE(&w, .path = "/a"), "404");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits_or_is_dropped),
		cmocka_unit_test(matches_are_combined_pairwise),
		cmocka_unit_test(one_misfit_drops_the_rule),
		cmocka_unit_test(the_combined_match),
		cmocka_unit_test(an_empty_side),
		cmocka_unit_test(a_delegate_that_is_not_there),
		cmocka_unit_test(b172_exported_delegates),
		cmocka_unit_test(a_delegate_alone),
		cmocka_unit_test(b175_names),
		cmocka_unit_test(origins),
		cmocka_unit_test(b170_inherited_limits),
		cmocka_unit_test(inherited_actions),
		cmocka_unit_test(an_inherited_response),
		cmocka_unit_test(one_delegate_for_many),
		cmocka_unit_test(a_delegate_changes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
