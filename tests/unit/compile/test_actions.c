/* test_actions.c - what rules become: the order of header operations, keys, what is refused. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "fresh.h"

#include <pcre2.h>

#define VS(rule)                                                                                   \
	"apiVersion: networking.istio.io/v1\n"                                                     \
	"kind: VirtualService\n"                                                                   \
	"metadata: {name: v}\n"                                                                    \
	"spec: {hosts: [x.test], gateways: [gw], http: [{" rule "}]}\n"
#define TO_A "route: [{destination: {host: a}}]"

static const struct route_actions *load(const char *yaml)
{
	world_load(&w, WITH_FIXTURE(yaml));
	return ROUTE(&w, .path = "/")->actions;
}

static void a_plain_route_has_none(void **state)
{
	(void)state;
	assert_null(load(VS(TO_A)));
}

/* Removals of both levels, then the rule's sets and adds, then the destination's (2.4.9). */
static void operations_of_a_single_destination(void **state)
{
	static const struct {
		enum header_op_kind kind;
		const char *name;
	} expected[] = {
		{HEADER_REMOVE, "r0"}, {HEADER_REMOVE, "d0"}, {HEADER_SET, "a"},
		{HEADER_SET, "b"},     {HEADER_ADD, "c"},     {HEADER_SET, "d"},
	};
	const struct route_actions *a =
		load(VS("headers: {request: {add: {c: x}, set: {b: x, A: x}, remove: [R0]}}, "
			"route: [{destination: {host: a}, headers: {request: {set: {d: x}, "
			"remove: [d0]}}}]"));

	(void)state;
	assert_int_equal(a->request.n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(a->request.ops[i].kind, expected[i].kind);
		assert_memory_equal(a->request.ops[i].name.p, expected[i].name,
				    a->request.ops[i].name.n);
	}
}

static void framing_is_the_gateways(void **state)
{
	const struct route_actions *a =
		load(VS("headers: {request: {set: {content-length: '1', x: y}}}, " TO_A));

	(void)state;
	assert_int_equal(a->request.n, 1);
	assert_true(world_reported(&w, "WEIR0904"));
}

static void unknown_variables_are_told(void **state)
{
	const struct route_actions *a =
		load(VS("headers: {request: {set: {x: '%NO_SUCH_THING(1)%'}}}, " TO_A));

	(void)state;
	assert_true(world_reported(&w, "WEIR0904"));
	assert_int_equal(a->request.ops[0].value.n, 1);
	assert_int_equal(a->request.ops[0].value.parts[0].text.n, 0);
}

/* A date format is full of percent signs: they are the argument's, not the variable's end. Only
 * the default format is written, which is said. */
static void arguments_with_percent_signs(void **state)
{
	const struct route_actions *a =
		load(VS("headers: {request: {set: {x: 'a%START_TIME(%Y-%m-%d)%b'}}}, " TO_A));
	const struct header_value *v = &a->request.ops[0].value;

	(void)state;
	assert_int_equal(v->n, 3);
	assert_int_equal(v->parts[1].source, VALUE_START_TIME);
	assert_int_equal(v->parts[2].text.n, 1);
	assert_memory_equal(v->parts[2].text.p, "b", 1);
	assert_true(world_reported(&w, "WEIR0904"));
	load(VS("headers: {request: {set: {x: '%START_TIME%'}}}, " TO_A));
	assert_false(world_reported(&w, "WEIR0904"));
}

static const struct vhost *vhost(const struct snapshot *s)
{
	static const struct ip_addr any;
	const struct listener *l;

	assert_non_null(s);
	l = listener_find(&s->listeners, &any, 80);
	assert_non_null(l);
	return match_host(l, SLICE("x.test"));
}

/* Characters, as RE2 has it, not bytes. */
static void expressions_match_characters(void **state)
{
	const struct route_actions *a =
		load(VS("rewrite: {uriRegexRewrite: {match: '^/.$', rewrite: x}}, " TO_A));
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);

	(void)state;
	assert_int_equal(pcre2_match(a->path->regex, (PCRE2_SPTR) "/\xc3\xa9", 3, 0, 0, data, NULL),
			 1);
	assert_int_equal(pcre2_match(a->path->regex, (PCRE2_SPTR) "/ab", 3, 0, 0, data, NULL),
			 PCRE2_ERROR_NOMATCH);
	pcre2_match_data_free(data);
}

/* A change of any field is seen; the same text again gives the same object. */
static void every_field_is_in_the_key(void **state)
{
	static const char *const rules[] = {
		VS(TO_A),
		VS("redirect: {uri: /a}"),
		VS("redirect: {uri: /b}"),
		VS("redirect: {uri: /a, redirectCode: 302}"),
		VS("redirect: {uri: /a, port: 81}"),
		VS("redirect: {uri: /a, authority: h}"),
		VS("redirect: {uri: /a, scheme: https}"),
		VS("redirect: {derivePort: FROM_REQUEST_PORT, scheme: https}"),
		VS("match: [{uri: {prefix: ''}}], redirect: {prefixRewrite: /p}"),
		VS("match: [{uri: {prefix: /}}], redirect: {prefixRewrite: /p}"),
		VS("directResponse: {status: 200}"),
		VS("directResponse: {status: 201}"),
		VS("directResponse: {status: 200, body: {string: a}}"),
		VS("directResponse: {status: 200, body: {bytes: YQ==}}"),
		VS("rewrite: {uri: /a}, " TO_A),
		VS("rewrite: {authority: a}, " TO_A),
		VS("rewrite: {uriRegexRewrite: {match: a, rewrite: b}}, " TO_A),
		VS("rewrite: {uriRegexRewrite: {match: a, rewrite: c}}, " TO_A),
		VS("fault: {delay: {fixedDelay: 1s, percent: 1}}, " TO_A),
		VS("fault: {delay: {fixedDelay: 2s, percent: 1}}, " TO_A),
		VS("fault: {delay: {fixedDelay: 1s, percent: 2}}, " TO_A),
		VS("fault: {delay: {fixedDelay: 1s, percentage: {value: 0.5}}}, " TO_A),
		VS("fault: {abort: {httpStatus: 500, percent: 1}}, " TO_A),
		VS("fault: {abort: {grpcStatus: OK, percent: 1}}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{exact: a}]}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{prefix: a}]}, " TO_A),
		VS("corsPolicy: {allowOrigin: [a]}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{exact: a}], allowMethods: [GET]}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{exact: a}], allowHeaders: [x]}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{exact: a}], exposeHeaders: [x]}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{exact: a}], maxAge: 1s}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{exact: a}], allowCredentials: true}, " TO_A),
		VS("corsPolicy: {allowOrigins: [{exact: a}], unmatchedPreflights: IGNORE}, " TO_A),
		VS("headers: {request: {set: {a: b}}}, " TO_A),
		VS("headers: {request: {add: {a: b}}}, " TO_A),
		VS("headers: {request: {remove: [a]}}, " TO_A),
		VS("headers: {response: {set: {a: b}}}, " TO_A),
		VS("appendHeaders: {a: c}, " TO_A),
		VS("route: [{destination: {host: a}, headers: {request: {set: {a: b}}}}]"),
	};
	enum { N = sizeof(rules) / sizeof(rules[0]) };
	struct snapshot *s[N];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		struct snapshot *again;

		s[i] = world_build(&w, WITH_FIXTURE(rules[i]));
		again = world_build(&w, WITH_FIXTURE(rules[i]));
		assert_ptr_equal(vhost(s[i]), vhost(again));
		compiler_free_snapshot(w.compiler, again);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(vhost(s[i]), vhost(s[k]));
	}
	for (size_t i = 0; i < N; i++)
		compiler_free_snapshot(w.compiler, s[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_plain_route_has_none),       T(operations_of_a_single_destination),
		T(framing_is_the_gateways),      T(unknown_variables_are_told),
		T(arguments_with_percent_signs), T(expressions_match_characters),
		T(every_field_is_in_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
