/* test_routes.c - which route a request takes: behaviours of group C, and retries and timeouts
 * of group F that are decided at compilation. */
#include "fresh.h"

#include <stdio.h>
#include <string.h>

/* One VirtualService on x.test with these http rules. */
#define LOAD(http)                                                                                 \
	world_load(&w, WITH_FIXTURE("apiVersion: networking.istio.io/v1\n"                         \
				    "kind: VirtualService\n"                                       \
				    "metadata: {name: v}\n"                                        \
				    "spec:\n"                                                      \
				    "  hosts: [x.test]\n"                                          \
				    "  gateways: [gw]\n"                                           \
				    "  http:\n" http))
#define DEST(host)        "route: [{destination: {host: " host "}}]"
#define RULE(match, host) "  - {match: [" match "], " DEST(host) "}\n"

static void test_b024_prefixes_in_one_rule(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {prefix: /status}}, {uri: {prefix: /delay}}", "b"));
	assert_string_equal(SERVICE(&w, .path = "/status/200"), "b");
	assert_string_equal(SERVICE(&w, .path = "/delay/1"), "b");
	assert_null(ROUTE(&w, .path = "/headers"));
}

static void test_b025_prefix_is_plain(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {prefix: /foo}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/foobar"));
	assert_non_null(ROUTE(&w, .path = "/foo"));
	assert_null(ROUTE(&w, .path = "/fo"));
	assert_null(ROUTE(&w, .path = "/FOO"));
}

static void test_b026_exact_without_query(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {exact: /foo}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/foo?x=1"));
	assert_non_null(ROUTE(&w, .path = "/foo"));
	assert_null(ROUTE(&w, .path = "/foo/"));
	assert_null(ROUTE(&w, .path = "/fo?o"));
}

static void test_b027_regex_is_full_match(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {regex: '/v[0-9]+'}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/v12"));
	assert_non_null(ROUTE(&w, .path = "/v12?q"));
	assert_null(ROUTE(&w, .path = "/v12/x"));
	assert_null(ROUTE(&w, .path = "x/v12"));
	assert_null(ROUTE(&w, .path = "/v"));
}

/* "a|b" must be anchored as a whole, not only its first and last branch. */
static void test_regex_alternatives_are_anchored(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {regex: '/a|/b|/c'}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/b"));
	assert_null(ROUTE(&w, .path = "/ax"));
	assert_null(ROUTE(&w, .path = "x/c"));
	assert_null(ROUTE(&w, .path = "x/bx"));
}

static void test_b029_method(void **state)
{
	(void)state;
	LOAD(RULE("{method: {exact: GET}}", "b"));
	assert_non_null(ROUTE(&w, .method = "GET"));
	assert_null(ROUTE(&w, .method = "POST"));
	assert_null(ROUTE(&w, .method = "get"));
}

static void test_b030_header_exact(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {end-user: {exact: jason}}}", "b"));
	assert_non_null(ROUTE(&w, .fields = {{"End-User", "jason"}}));
	assert_null(ROUTE(&w, .fields = {{"End-User", "Jason"}}));
	assert_null(ROUTE(&w, .fields = {{"End-Use", "jason"}}));
	assert_null(ROUTE(&w, .path = "/"));
}

static void test_b031_cookie_of_the_tutorial(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {cookie: {regex: '^(.*?;)?(user=jason)(;.*)?$'}}}", "b"));
	assert_non_null(ROUTE(&w, .fields = {{"Cookie", "a=1;user=jason"}}));
	assert_non_null(ROUTE(&w, .fields = {{"Cookie", "user=jason"}}));
	assert_non_null(ROUTE(&w, .fields = {{"Cookie", "user=jason;b=2"}}));
	assert_null(ROUTE(&w, .fields = {{"Cookie", "a=1; user=jason"}}));
	assert_null(ROUTE(&w, .fields = {{"Cookie", "user=jasonX"}}));
	assert_null(ROUTE(&w, .path = "/"));
}

static void test_b032_repeated_lines_are_joined(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {x-a: {exact: '1,2'}}}", "b")
		     RULE("{headers: {x-a: {regex: '[0-9],,[0-9]'}}}", "c"));
	assert_string_equal(SERVICE(&w, .fields = {{"x-a", "1"}, {"x-b", "9"}, {"X-A", "2"}}), "b");
	assert_string_equal(SERVICE(&w, .fields = {{"x-a", "1,2"}}), "b");
	assert_string_equal(SERVICE(&w, .fields = {{"x-a", "1"}, {"x-a", ""}, {"x-a", "2"}}), "c");
	assert_null(ROUTE(&w, .fields = {{"x-a", "2"}, {"x-a", "1"}}));
}

static void test_two_repeated_headers(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {x-a: {exact: '1,2,3'}, x-b: {exact: '7,8'}}}", "b"));
	assert_non_null(ROUTE(
		&w,
		.fields = {{"x-a", "1"}, {"x-b", "7"}, {"x-a", "2"}, {"x-b", "8"}, {"x-a", "3"}}));
}

static void test_header_presence(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {x-a: {}}}", "b"));
	assert_non_null(ROUTE(&w, .fields = {{"x-a", ""}}));
	assert_non_null(ROUTE(&w, .fields = {{"X-A", "v"}}));
	assert_null(ROUTE(&w, .path = "/"));
}

static void test_b035_without_headers(void **state)
{
	(void)state;
	LOAD(RULE("{withoutHeaders: {end-user: {exact: jason}}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/"));
	assert_non_null(ROUTE(&w, .fields = {{"end-user", "bob"}}));
	assert_null(ROUTE(&w, .fields = {{"end-user", "jason"}}));
}

static void test_b036_without_any(void **state)
{
	(void)state;
	LOAD(RULE("{withoutHeaders: {end-user: {regex: '*'}}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/"));
	assert_null(ROUTE(&w, .fields = {{"end-user", ""}}));
	assert_null(ROUTE(&w, .fields = {{"end-user", "x"}}));
}

static void test_b037_absent_counts_as_empty(void **state)
{
	(void)state;
	LOAD(RULE("{withoutHeaders: {end-user: {regex: '.*'}}}", "b"));
	assert_null(ROUTE(&w, .path = "/"));
	assert_null(ROUTE(&w, .fields = {{"end-user", "x"}}));
}

static void test_b039_header_name_characters(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {\"a!#$%&'*+-.^_`|~z\": {exact: v}}}", "b"));
	assert_non_null(ROUTE(&w, .fields = {{"A!#$%&'*+-.^_`|~Z", "v"}}));
	assert_null(ROUTE(&w, .fields = {{"a!#$%&'*+-.^_`|~", "v"}}));
}

static void test_b040_pseudo_headers(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {':method': {exact: GET}}}",
		  "a") RULE("{headers: {':path': {exact: '/p?q=1'}}}", "b")
		     RULE("{headers: {':authority': {prefix: x.test}, ':scheme': {exact: https}}}",
			  "c") RULE("{withoutHeaders: {':path': {prefix: /z}}, uri: {prefix: /y}}",
				    "a/b"));
	assert_string_equal(SERVICE(&w, .method = "GET"), "a");
	assert_string_equal(SERVICE(&w, .method = "PUT", .path = "/p?q=1"), "b");
	assert_null(ROUTE(&w, .method = "PUT", .path = "/p"));
	assert_string_equal(SERVICE(&w, .method = "PUT", .scheme = "https"), "c");
	assert_non_null(ROUTE(&w, .method = "PUT", .path = "/y"));
}

static void test_b041_query_params(void **state)
{
	(void)state;
	LOAD(RULE("{queryParams: {q: {exact: '1'}}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/?q=1"));
	assert_non_null(ROUTE(&w, .path = "/a/b?x=2&q=1&q=2"));
	assert_null(ROUTE(&w, .path = "/?q=2"));
	assert_null(ROUTE(&w, .path = "/?q=2&q=1")); /* the first one counts */
	assert_null(ROUTE(&w, .path = "/?Q=1"));
	assert_null(ROUTE(&w, .path = "/?q=%31")); /* as it was sent */
	assert_null(ROUTE(&w, .path = "/?q"));
	assert_null(ROUTE(&w, .path = "/?xq=1"));
	assert_null(ROUTE(&w, .path = "/q=1"));
	assert_null(ROUTE(&w, .path = "/"));
	LOAD(RULE("{queryParams: {q: {exact: ''}}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/?q"));
	assert_non_null(ROUTE(&w, .path = "/?q="));
	assert_non_null(ROUTE(&w, .path = "/?&&q&"));
	assert_null(ROUTE(&w, .path = "/?q==")); /* its value is "=" */
	assert_null(ROUTE(&w, .path = "/?"));
}

static void test_query_forms(void **state)
{
	(void)state;
	LOAD(RULE("{queryParams: {v: {prefix: be}}}", "a")
		     RULE("{queryParams: {v: {regex: '[0-9]+'}}}", "b")
			     RULE("{queryParams: {v: {}, w: {exact: 'x=y'}}}", "c"));
	assert_string_equal(SERVICE(&w, .path = "/?v=beta"), "a");
	assert_string_equal(SERVICE(&w, .path = "/?v=17"), "b");
	assert_null(ROUTE(&w, .path = "/?v=17a"));
	assert_string_equal(SERVICE(&w, .path = "/?w=x=y&v"), "c");
	assert_null(ROUTE(&w, .path = "/?w=x=y"));
}

/* Routes that nothing but a value tells apart, of whatever part of the request. */
static void test_routes_filed_by_value(void **state)
{
	(void)state;
	LOAD(RULE("{queryParams: {v: {exact: a}}}", "a")
		     RULE("{authority: {exact: 'x.test:81'}}", "b")
			     RULE("{headers: {h: {regex: 'c+'}}}", "c")
				     RULE("{method: {exact: PUT}}", "a/b"));
	assert_string_equal(SERVICE(&w, .path = "/?v=a", .host = "x.test:81"), "a");
	assert_string_equal(SERVICE(&w, .path = "/?v=b", .host = "x.test:81"), "b");
	assert_string_equal(SERVICE(&w, .fields = {{"h", "cc"}}, .method = "PUT"), "c");
	assert_non_null(ROUTE(&w, .fields = {{"h", "d"}}, .method = "PUT"));
	assert_null(ROUTE(&w, .fields = {{"h", "d"}}));
}

/* More blocks than expressions of one field may be scanned for; format has the number. */
static char *many_expressions(const char *format)
{
	enum { BLOCKS = 16400 };
	const char *head = WITH_FIXTURE("apiVersion: networking.istio.io/v1\n"
					"kind: VirtualService\n"
					"metadata: {name: v}\n"
					"spec:\n"
					"  hosts: [x.test]\n"
					"  gateways: [gw]\n"
					"  http:\n"
					"  - {" DEST("b") ", match: [\n");
	size_t size = strlen(head) + BLOCKS * 64u, len;
	char *text = malloc(size);

	assert_non_null(text);
	len = (size_t)snprintf(text, size, "%s", head);
	for (unsigned i = 0; i < BLOCKS; i++) {
		len += (size_t)snprintf(text + len, size - len, "{uri: {regex: '");
		len += (size_t)snprintf(text + len, size - len, format, i);
		len += (size_t)snprintf(text + len, size - len, "'}},\n");
	}
	snprintf(text + len, size - len, "]}\n");
	return text;
}

static void test_expressions_with_a_text_of_their_own_have_no_limit(void **state)
{
	char *text = many_expressions("/r/%u/[a-z]+");

	(void)state;
	world_load(&w, text);
	assert_string_equal(SERVICE(&w, .path = "/r/0/a"), "b");
	assert_string_equal(SERVICE(&w, .path = "/r/16399/a"), "b");
	assert_null(ROUTE(&w, .path = "/r/16399/1"));
	assert_null(ROUTE(&w, .path = "/r/16400/a"));
	free(text);
	text = many_expressions("/(r|s)/%u/[a-z]+");
	world_load_bad(&w, text);
	free(text);
}

static void test_host_header_is_the_authority(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {Host: {exact: x.test}}}", "b"));
	assert_non_null(ROUTE(&w, .host = "x.test", .fields = {{"host", "other.test"}}));
	assert_null(ROUTE(&w, .host = "x.test:80"));
}

static void test_b042_authority_keeps_its_port(void **state)
{
	(void)state;
	LOAD(RULE("{authority: {exact: x.test}}", "b"));
	assert_non_null(ROUTE(&w, .host = "x.test"));
	assert_null(ROUTE(&w, .host = "x.test:8080"));
}

static void test_b044_and_within_or_between(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {prefix: /a}, headers: {x: {exact: '1'}}}", "b"));
	assert_null(ROUTE(&w, .path = "/a"));
	assert_null(ROUTE(&w, .fields = {{"x", "1"}}));
	assert_non_null(ROUTE(&w, .path = "/a", .fields = {{"x", "1"}}));
	LOAD(RULE("{uri: {prefix: /a}}, {headers: {x: {exact: '1'}}}", "b"));
	assert_non_null(ROUTE(&w, .path = "/a"));
	assert_non_null(ROUTE(&w, .path = "/b", .fields = {{"x", "1"}}));
	assert_null(ROUTE(&w, .path = "/b"));
}

static void test_b045_order_not_specificity(void **state)
{
	const struct vhost *vh;

	(void)state;
	LOAD(RULE("{uri: {prefix: /}}", "a") RULE("{uri: {prefix: /api}}", "b"));
	assert_string_equal(SERVICE(&w, .path = "/api"), "a");
	vh = world_vhost(&w, &(struct request){0});
	assert_int_equal(vh->n_routes, 1);
}

static void test_b046_regex_catch_all(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {regex: '.*'}}", "a") "  - {" DEST("b") "}\n");
	assert_string_equal(SERVICE(&w, .path = "/x"), "a");
	assert_int_equal(world_vhost(&w, &(struct request){0})->n_routes, 1);
}

static void test_b047_method_makes_no_catch_all(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {prefix: /}, method: {exact: GET}}", "a") "  - {" DEST("b") "}\n");
	assert_string_equal(SERVICE(&w, .method = "GET"), "a");
	assert_string_equal(SERVICE(&w, .method = "POST"), "b");
}

static void test_b049_gateways_condition(void **state)
{
	(void)state;
	LOAD(RULE("{gateways: [other], uri: {exact: /o}}, {gateways: [gw], uri: {exact: /g},"
		  " sourceLabels: {app: nobody}}",
		  "b"));
	assert_null(ROUTE(&w, .path = "/o"));
	assert_non_null(ROUTE(&w, .path = "/g"));
}

static void test_b050_source_labels(void **state)
{
	(void)state;
	LOAD(RULE("{sourceLabels: {app: reviews}}", "a")
		     RULE("{sourceLabels: {istio: ingressgateway}}", "b"));
	assert_string_equal(SERVICE(&w, .path = "/"), "b");
}

static void test_b051_source_namespace(void **state)
{
	(void)state;
	LOAD(RULE("{sourceNamespace: other}", "a") RULE("{sourceNamespace: default}", "b"));
	assert_string_equal(SERVICE(&w, .path = "/"), "b");
}

static void test_match_port(void **state)
{
	(void)state;
	LOAD(RULE("{port: 8080}", "a") RULE("{port: 80}", "b"));
	assert_string_equal(SERVICE(&w, .path = "/"), "b");
}

/* A block that another port or node would use takes nothing away here. */
static void test_dropped_catch_all_does_not_cut(void **state)
{
	(void)state;
	LOAD(RULE("{port: 8080, uri: {prefix: /}}", "a") RULE("{uri: {prefix: /x}}", "b"));
	assert_string_equal(SERVICE(&w, .path = "/x"), "b");
}

static void test_all_blocks_dropped_no_host(void **state)
{
	(void)state;
	LOAD(RULE("{port: 8080}", "a"));
	assert_null(world_vhost(&w, &(struct request){0}));
}

static void test_b052_route_names(void **state)
{
	(void)state;
	LOAD("  - {name: r, match: [{name: m, uri: {exact: /rm}}, {uri: {exact: /r}}], " DEST(
		"a") "}\n"
		     "  - {match: [{name: m, uri: {exact: /m}}], " DEST(
			     "a") "}\n"
				  "  - {name: last, " DEST("a") "}\n");
	assert_string_equal(ROUTE(&w, .path = "/rm")->name, "r.m");
	assert_string_equal(ROUTE(&w, .path = "/r")->name, "r");
	assert_string_equal(ROUTE(&w, .path = "/m")->name, "m");
	assert_string_equal(ROUTE(&w, .path = "/x")->name, "last");
}

/* People are told where a route was written; block numbers are the file's own, also when blocks
 * before do not count here. */
static void test_origins(void **state)
{
	const struct route *r;

	(void)state;
	LOAD(RULE("{port: 8080}, {uri: {regex: '/a.'}}", "a") "  - {" DEST("b") "}\n");
	r = ROUTE(&w, .path = "/ab");
	assert_string_equal(r->origin->resource, "VirtualService default/v");
	assert_string_equal(r->origin->field, "spec.http[0].match[1]");
	assert_int_equal(r->predicates[0].value_len, 3);
	assert_memory_equal(r->predicates[0].value, "/a.", 3);
	assert_string_equal(ROUTE(&w, .path = "/")->origin->field, "spec.http[1]");
}

/* An empty prefix matches everything and yet is no catch-all: what follows is kept. */
static void test_b056_empty_prefix(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {prefix: ''}}", "a") RULE("{uri: {prefix: /x}}", "b"));
	assert_string_equal(SERVICE(&w, .path = "/x"), "a");
	assert_int_equal(world_vhost(&w, &(struct request){0})->n_routes, 2);
}

static void test_b057_regex_beyond_hyperscan(void **state)
{
	(void)state;
	world_load_bad(&w, WITH_FIXTURE("apiVersion: networking.istio.io/v1\n"
					"kind: VirtualService\n"
					"metadata: {name: v}\n"
					"spec:\n"
					"  hosts: [x.test]\n"
					"  gateways: [gw]\n"
					"  http:\n" RULE("{uri: {regex: '(?i)\\pL'}}", "a")
						RULE("{headers: {x: {regex: 'a)(?:b'}}}", "a")));
	assert_true(world_reported(&w, "WEIR0901"));
	assert_int_equal(w.d.errors, 2);
	assert_string_equal(w.d.items[0].field, "spec.http[0].match[0].uri");
	assert_string_equal(w.d.items[1].field, "spec.http[1].match[0].headers[x]");
	/* Nothing is left of the failed build. */
	LOAD(RULE("{uri: {regex: 'a.x'}}", "a"));
	assert_int_equal(w.s->generation, 1);
}

/* What Hyperscan cannot take runs on PCRE2, with the same results, but for so many steps only. */
static void test_regex_of_pcre2(void **state)
{
	static const char *const of_a[] = {"aaaaaaaa", "aaaaaaaab",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	LOAD(RULE("{uri: {regex: '(?U)/a+'}}", "a")
		     RULE("{headers: {x: {regex: '(?U)(a|aa)*[bc]'}}}", "b")
			     RULE("{withoutHeaders: {x: {regex: '(?U)(a|aa)*[bc]'}}}", "c"));
	assert_non_null(world_vhost(&w, &(struct request){0})->patterns[MATCH_PATH].slow);
	assert_string_equal(SERVICE(&w, .path = "/aaa"), "a");
	assert_string_equal(SERVICE(&w, .path = "/aaa/"), "c");
	assert_string_equal(SERVICE(&w, .fields = {{"x", of_a[0]}}), "c");
	assert_string_equal(SERVICE(&w, .fields = {{"x", of_a[1]}}), "b");
	assert_false(match_failed(w.match));
	assert_null(ROUTE(&w, .fields = {{"x", of_a[2]}})); /* neither it nor its negation */
	assert_true(match_failed(w.match));
	assert_string_equal(SERVICE(&w, .fields = {{"x", of_a[1]}}), "b");
	assert_false(match_failed(w.match));
}

/* RE2 matches characters, and nothing that is none. */
static void test_regex_of_characters(void **state)
{
	(void)state;
	LOAD(RULE("{headers: {x: {regex: 'a.b'}}}", "a") RULE("{headers: {x: {regex: '.*'}}}", "b")
		     RULE("{withoutHeaders: {x: {regex: '.*'}}}", "c"));
	assert_string_equal(SERVICE(&w, .fields = {{"x", "a\xc3\xa9"
							 "b"}}),
			    "a");
	assert_string_equal(SERVICE(&w, .fields = {{"x", "\xc3\xa9"}}), "b");
	assert_string_equal(SERVICE(&w, .fields = {{"x", "a\xff"
							 "b"}}),
			    "c");
}

static void test_ignore_uri_case(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {exact: /Foo}, ignoreUriCase: true}", "a")
		     RULE("{uri: {prefix: /Bar}, ignoreUriCase: true}", "b")
			     RULE("{uri: {regex: '/Baz'}, ignoreUriCase: true}", "c"));
	assert_string_equal(SERVICE(&w, .path = "/fOO"), "a");
	assert_string_equal(SERVICE(&w, .path = "/BARx"), "b");
	assert_string_equal(SERVICE(&w, .path = "/Baz"), "c");
	assert_null(ROUTE(&w, .path = "/baz"));
	assert_null(ROUTE(&w, .path = "/foox"));
}

static void test_inline_case_flag_of_regex(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {regex: '(?i)/foo'}}", "a"));
	assert_non_null(ROUTE(&w, .path = "/FOO"));
	assert_null(ROUTE(&w, .path = "/FOOx"));
}

static void test_options_star_and_no_path(void **state)
{
	(void)state;
	LOAD(RULE("{uri: {prefix: /}}", "a"));
	assert_null(ROUTE(&w, .method = "OPTIONS", .path = "*"));
	LOAD("  - {" DEST("a") "}\n");
	assert_non_null(ROUTE(&w, .method = "OPTIONS", .path = "*"));
}

/* 130 expressions need more than two words of result bits; each must find its own route. */
static void test_many_regexes(void **state)
{
	char yaml[24 * 1024], path[32], name[32];
	int len = snprintf(yaml, sizeof(yaml),
			   "apiVersion: networking.istio.io/v1\n"
			   "kind: VirtualService\n"
			   "metadata: {name: v}\n"
			   "spec:\n"
			   "  hosts: [x.test]\n"
			   "  gateways: [gw]\n"
			   "  http:\n");

	(void)state;
	for (int i = 0; i < 130; i++)
		len += snprintf(yaml + len, sizeof(yaml) - (size_t)len,
				"  - {name: n%d, match: [{uri: {regex: '/r%d/[a-z]+'}}], %s}\n", i,
				i, DEST("a"));
	world_load(&w, WITH_FIXTURE(yaml));
	for (int i = 0; i < 130; i++) {
		snprintf(path, sizeof(path), "/r%d/abc", i);
		snprintf(name, sizeof(name), "n%d", i);
		assert_string_equal(ROUTE(&w, .path = path)->name, name);
	}
	assert_null(ROUTE(&w, .path = "/r130/abc"));
}

static void test_b101_b106_defaults(void **state)
{
	const struct route *r;

	(void)state;
	LOAD("  - {" DEST("a") "}\n");
	r = ROUTE(&w, .path = "/");
	assert_int_equal(r->timeout_us, 0);
	assert_int_equal(r->retry.attempts, 2);
	assert_int_equal(r->retry.on, RETRY_CONNECT_FAILURE | RETRY_REFUSED_STREAM |
					      RETRY_GRPC_UNAVAILABLE | RETRY_GRPC_CANCELLED);
	assert_int_equal(r->retry.backoff_us, 25000);
}

static void test_timeout_and_retries(void **state)
{
	const struct route *r;

	(void)state;
	LOAD("  - {match: [{uri: {exact: /r}}], timeout: 3s, " DEST(
		"a") ", retries: {attempts: 3, retryOn: '5xx,gateway-error,reset', backoff: "
		     "100ms}}\n"
		     "  - {match: [{uri: {exact: /0}}], retries: {attempts: 0}, " DEST(
			     "a") "}\n"
				  "  - {match: [{uri: {exact: /d}}], retries: {attempts: 1}, " DEST(
					  "a") "}\n");
	r = ROUTE(&w, .path = "/r");
	assert_int_equal(r->timeout_us, 3000000);
	assert_int_equal(r->retry.attempts, 3);
	assert_int_equal(r->retry.on, RETRY_5XX | RETRY_GATEWAY_ERROR | RETRY_RESET);
	assert_int_equal(r->retry.backoff_us, 100000);
	assert_int_equal(ROUTE(&w, .path = "/0")->retry.attempts, 0);
	r = ROUTE(&w, .path = "/d");
	assert_int_equal(r->retry.attempts, 1);
	assert_int_equal(r->retry.on, RETRY_CONNECT_FAILURE | RETRY_REFUSED_STREAM |
					      RETRY_GRPC_UNAVAILABLE | RETRY_GRPC_CANCELLED);
}

static void test_no_default_retries_in_08(void **state)
{
	(void)state;
	world_fini(&w);
	world_init(&w, &(struct world_options){.compat_08 = true});
	LOAD("  - {" DEST("a") "}\n");
	assert_int_equal(ROUTE(&w, .path = "/")->retry.attempts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_b024_prefixes_in_one_rule),
		T(test_b025_prefix_is_plain),
		T(test_b026_exact_without_query),
		T(test_b027_regex_is_full_match),
		T(test_regex_alternatives_are_anchored),
		T(test_b029_method),
		T(test_b030_header_exact),
		T(test_b031_cookie_of_the_tutorial),
		T(test_b032_repeated_lines_are_joined),
		T(test_two_repeated_headers),
		T(test_header_presence),
		T(test_b035_without_headers),
		T(test_b036_without_any),
		T(test_b037_absent_counts_as_empty),
		T(test_b039_header_name_characters),
		T(test_b040_pseudo_headers),
		T(test_host_header_is_the_authority),
		T(test_b041_query_params),
		T(test_query_forms),
		T(test_routes_filed_by_value),
		T(test_expressions_with_a_text_of_their_own_have_no_limit),
		T(test_b042_authority_keeps_its_port),
		T(test_b044_and_within_or_between),
		T(test_b045_order_not_specificity),
		T(test_b046_regex_catch_all),
		T(test_b047_method_makes_no_catch_all),
		T(test_b049_gateways_condition),
		T(test_b050_source_labels),
		T(test_b051_source_namespace),
		T(test_match_port),
		T(test_dropped_catch_all_does_not_cut),
		T(test_all_blocks_dropped_no_host),
		T(test_b052_route_names),
		T(test_origins),
		T(test_b056_empty_prefix),
		T(test_b057_regex_beyond_hyperscan),
		T(test_regex_of_pcre2),
		T(test_regex_of_characters),
		T(test_ignore_uri_case),
		T(test_inline_case_flag_of_regex),
		T(test_options_star_and_no_path),
		T(test_many_regexes),
		T(test_b101_b106_defaults),
		T(test_timeout_and_retries),
		T(test_no_default_retries_in_08),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
