/* test_engines.c - generated regular expressions on generated values: what weir makes of them, with
 * Hyperscan or with PCRE2, is what RE2 says.
 *
 * Every expression is the condition of a virtual host of its own, compiled as any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <compile/compile.h>
#include <match/match.h>
#include <validate/regex.h>

#include "re2_match.h"

#define TABLES   400
#define PATTERNS 8  /* of a table: one that is refused has it built again */
#define VALUES   40 /* for each */
#define DEPTH    3
#define TEXT_MAX 256

static uint64_t rng = 0x9e3779b97f4a7c15ull;

static uint32_t below(uint32_t n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (uint32_t)((rng * 0x2545f4914f6cdd1dull >> 33) % n);
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

/* ---- expressions ---- */

struct writer {
	char text[TEXT_MAX];
	size_t n;
};

static void put(struct writer *w, const char *s)
{
	w->n += (size_t)snprintf(w->text + w->n, sizeof(w->text) - w->n, "%s", s);
	if (w->n >= sizeof(w->text))
		w->n = sizeof(w->text) - 1;
}

static void put_choice(struct writer *w, unsigned depth);

static void put_atom(struct writer *w, unsigned depth)
{
	static const char *const plain[] = {"a", "b", "A", "/", "\\.", "k",
					    "s", "1", "_", "-", "=",   "\xc3\xa9"};
	static const char *const classes[] = {".",
					      "[ab]",
					      "[^a]",
					      "[a-c]",
					      "[^/]",
					      "\\d",
					      "\\w",
					      "\\s",
					      "\\D",
					      "\\W",
					      "\\S",
					      "[[:alpha:]]",
					      "[\\w-]",
					      "[^\\s]",
					      "[]a]",
					      "[[:^digit:]_]",
					      "\\pL",
					      "\\p{Greek}",
					      "[\xc3\xa0-\xc3\xbf]",
					      "\\PN"};
	static const char *const odd[] = {"\\b",   "\\B",  "^",       "$",         "\\A",
					  "\\z",   "(?i)", "(?s)",    "\\x41",     "(?m)",
					  "\\141", "(?U)", "\\x{e9}", "\\Qa.b\\E", "\\x{1F600}"};
	static const char *const groups[] = {"(", "(?:", "(?P<n>", "(?i:", "(?s:", "(?-i:", "(?U:"};

	switch (below(10)) {
	case 0 ... 4:
		put(w, PICK(plain));
		break;
	case 5:
	case 6:
		put(w, PICK(classes));
		break;
	case 7:
		put(w, PICK(odd));
		break;
	default:
		if (depth == 0) {
			put(w, PICK(plain));
			break;
		}
		put(w, PICK(groups));
		put_choice(w, depth - 1);
		put(w, ")");
	}
}

static void put_sequence(struct writer *w, unsigned depth)
{
	static const char *const repeats[] = {"*",  "+",   "?",     "*?",   "+?",
					      "??", "{2}", "{0,2}", "{1,}", "{2,3}?"};

	for (unsigned n = below(4); n > 0; n--) {
		put_atom(w, depth);
		if (below(3) == 0)
			put(w, PICK(repeats));
	}
}

static void put_choice(struct writer *w, unsigned depth)
{
	put_sequence(w, depth);
	while (below(4) == 0) {
		put(w, "|");
		put_sequence(w, depth);
	}
}

/* What is known to differ is refused (docs/istio-support.md), or not written: under (?i), \w is
 * also U+017F and U+212A for RE2. */
static bool is_comparable(const char *pattern)
{
	bool folds = strstr(pattern, "(?i");

	return !folds || (!strstr(pattern, "\\p") && !strstr(pattern, "\\P"));
}

/* A pattern that RE2 and the validator accept. */
static struct re2_pattern *random_pattern(struct writer *w)
{
	struct re2_pattern *p = NULL;
	size_t at;

	while (!p) {
		*w = (struct writer){0};
		put_choice(w, below(DEPTH + 1));
		if (w->n == 0 || w->n > TEXT_MAX - 2 || !is_comparable(w->text))
			continue;
		if (!regex_problem(w->text, &at))
			p = re2_create(w->text);
	}
	return p;
}

/* Values that clients can send: no controls. Not all of them are UTF-8. */
static size_t random_value(char *out)
{
	static const char *const parts[] = {"a",        "b",        "A",        "/",
					    ".",        "k",        "K",        "s",
					    "1",        "_",        "-",        "=",
					    " ",        "ab",       "a.b",      "aa",
					    "\xc3\xa9", "\xc3\x89", "\xce\xb1", "\xf0\x9f\x98\x80",
					    "\xff",     "\xc3",     "\xed\xa0"};
	size_t n = 0;

	for (unsigned i = below(6); i > 0; i--)
		n += (size_t)sprintf(out + n, "%s", below(5) ? parts[below(16)] : PICK(parts));
	out[n] = '\0';
	return n;
}

/* ---- the gateway's side ---- */

static struct resource *new_resource(enum resource_kind kind, size_t size, const char *name)
{
	static uint64_t serial;
	struct arena *a = arena_create();
	struct resource *r = arena_alloc(a, sizeof(*r));

	r->kind = kind;
	r->hash = ++serial; /* no two are known to be equal */
	r->arena = a;
	r->name = arena_strdup(a, name);
	r->ns = "default";
	r->spec = arena_alloc(a, size);
	return r;
}

static struct string_list one_string(struct arena *a, const char *s)
{
	struct string_list l = {1, arena_array(a, 1, sizeof(*l.items)), NULL};

	l.items[0] = s;
	return l;
}

static struct resource *make_gateway(void)
{
	struct resource *r = new_resource(KIND_GATEWAY, sizeof(struct gateway), "gw");

	r->gw->n_servers = 1;
	r->gw->servers = arena_array(r->arena, 1, sizeof(*r->gw->servers));
	r->gw->servers[0].port = 80;
	r->gw->servers[0].protocol = PROTO_HTTP;
	r->gw->servers[0].hosts = one_string(r->arena, "*");
	return r;
}

/* Host pI.test has one route, for requests whose header x matches. */
static struct resource *make_rule(unsigned i, const char *pattern)
{
	static struct destination to = {.host = "b"};
	char name[16];
	struct resource *r;
	struct http_rule *rule;

	snprintf(name, sizeof(name), "p%u", i);
	r = new_resource(KIND_VIRTUAL_SERVICE, sizeof(struct virtual_service), name);
	r->vs->hosts = one_string(r->arena, arena_printf(r->arena, "%s.test", name));
	r->vs->gateways = one_string(r->arena, "gw");
	r->vs->n_http = 1;
	r->vs->http = rule = arena_array(r->arena, 1, sizeof(*rule));
	rule->n_route = 1;
	rule->route = arena_array(r->arena, 1, sizeof(*rule->route));
	rule->route[0].destination = &to;
	rule->n_match = 1;
	rule->match = arena_array(r->arena, 1, sizeof(*rule->match));
	rule->match[0].n_headers = 1;
	rule->match[0].headers = arena_array(r->arena, 1, sizeof(*rule->match[0].headers));
	rule->match[0].headers[0] = (struct named_match){
		.name = "x", .match = {.kind = SM_REGEX, .value = arena_strdup(r->arena, pattern)}};
	return r;
}

struct tally {
	unsigned compared, matched, slow, refused;
};

static void compare(struct snapshot *s, struct match *m, unsigned i, const char *pattern,
		    const struct re2_pattern *re2, struct tally *t)
{
	static const struct ip_addr any;
	const struct listener *l = listener_find(&s->listeners, &any, 80);
	static struct http_head h = {
		.method = SLICE("GET"), .path = SLICE("/"), .path_len = 1, .n_fields = 1};
	char host[16], value[TEXT_MAX];
	const struct vhost *vh;

	snprintf(host, sizeof(host), "p%u.test", i);
	h.authority = slice_str(host);
	vh = match_host(l, h.authority);
	t->slow += vh->headers[0].patterns.slow != NULL;
	for (unsigned k = 0; k < VALUES; k++) {
		size_t n = random_value(value);
		bool want = re2_full_match(re2, value, n), got;

		h.fields[0] = (struct http_field){.name = SLICE("x"),
						  .value = slice_of(value, (uint32_t)n)};
		got = match_route(m, vh, &h, SLICE("http"), &any, s->scratch[0]) != NULL;
		if (got != want)
			fail_msg("/%s/ on \"%s\": %d, RE2 says %d", pattern, value, got, want);
		assert_false(match_failed(m));
		t->compared++;
		t->matched += want;
	}
}

/* Builds without the patterns that are refused, which it takes out. */
static struct snapshot *build(struct compiler *c, char patterns[][TEXT_MAX],
			      struct re2_pattern **re2, struct tally *t)
{
	for (;;) {
		struct resource_set set;
		struct snapshot *s;
		struct diags d;

		diags_init(&d);
		resource_set_init(&set);
		resource_set_add(&set, make_gateway());
		for (unsigned i = 0; i < PATTERNS; i++)
			if (re2[i])
				resource_set_add(&set, make_rule(i, patterns[i]));
		resource_set_sort(&set);
		s = compiler_build(c, &set, &d);
		for (size_t k = 0; !s && k < d.n; k++) {
			unsigned i;

			assert_int_equal(
				sscanf(d.items[k].resource, "VirtualService default/p%u", &i), 1);
			if (re2[i]) {
				re2_destroy(re2[i]);
				re2[i] = NULL;
				t->refused++;
			}
		}
		resource_set_fini(&set);
		diags_fini(&d);
		if (s)
			return s;
	}
}

static void run_table(struct compiler *c, struct match *m, struct tally *t)
{
	char patterns[PATTERNS][TEXT_MAX];
	struct re2_pattern *re2[PATTERNS];
	struct snapshot *s;
	struct writer w;

	for (unsigned i = 0; i < PATTERNS; i++) {
		re2[i] = random_pattern(&w);
		memcpy(patterns[i], w.text, sizeof(w.text));
	}
	s = build(c, patterns, re2, t);
	for (unsigned i = 0; i < PATTERNS; i++)
		if (re2[i])
			compare(s, m, i, patterns[i], re2[i], t);
	for (unsigned i = 0; i < PATTERNS; i++)
		if (re2[i])
			re2_destroy(re2[i]);
	compiler_free_snapshot(c, s);
}

static void test_engines_agree(void **state)
{
	struct labels labels = {0};
	struct compiler *c = compiler_create(&(struct compile_options){
		.node_namespace = "default", .node_labels = &labels, .n_workers = 1});
	struct match *m = match_create();
	struct tally t = {0};

	(void)state;
	for (unsigned i = 0; i < TABLES; i++)
		run_table(c, m, &t);
	print_message("%u expressions, %u PCRE2's, %u refused; %u values, %u matched\n",
		      TABLES * PATTERNS, t.slow, t.refused, t.compared, t.matched);
	assert_true(t.matched > t.compared / 50);
	assert_true(t.slow > TABLES / 2 && t.refused < TABLES * PATTERNS / 10);
	match_destroy(m);
	compiler_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_engines_agree)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
