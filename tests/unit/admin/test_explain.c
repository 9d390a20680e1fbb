/* test_explain.c - requests as they are understood, and what is explained of a small snapshot.
 * Whether it is true is tested against the workers' own code in tests/unit/match. */
#include <admin/explain.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <admin/explain_request.h>

#include "fixture.h"

static struct fixture f;
static struct query q;
static struct explain_request r;
static struct text text;
static enum path_normalization kind;

static int setup(void **state)
{
	(void)state;
	fixture_init(&f);
	text_init(&text, 1 << 20);
	kind = PATH_BASE;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	text_fini(&text);
	fixture_fini(&f);
	return 0;
}

/* pairs: key, value, ..., NULL */
static void set_query(const char *const pairs[])
{
	memset(&q, 0, sizeof(q));
	text_fini(&text);
	for (; pairs[0]; pairs += 2)
		q.args[q.n++] = (struct query_arg){pairs[0], pairs[1]};
}

#define QUERY(...) set_query((const char *const[]){__VA_ARGS__, NULL})

/* ---- requests ---- */

#define READ(...) (QUERY(__VA_ARGS__), explain_request_read(&r, &q, kind, &text))

static void assert_span(struct span s, const char *expected)
{
	assert_int_equal(s.n, strlen(expected));
	assert_memory_equal(s.p, expected, s.n);
}

static void urls_in_their_parts(void **state)
{
	static const struct {
		const char *url, *authority, *path;
		uint32_t path_len;
		uint16_t port;
		bool has_to;
	} expected[] = {
		{"http://x.test/a/b?c=d#e", "x.test", "/a/b?c=d", 4, 80, false},
		{"HTTP://X.test", "X.test", "/", 1, 80, false},
		{"x.test:8080?q=http://y", "x.test:8080", "/?q=http://y", 1, 8080, false},
		{"x.test/http://y/", "x.test", "/http://y/", 10, 80, false},
		{"http://x.test:80/", "x.test", "/", 1, 80, false},
		{"http://x.test:/", "x.test", "/", 1, 80, false},
		{"http://x.test:0080/", "x.test", "/", 1, 80, false},
		{"http://x.test#/a?b", "x.test", "/", 1, 80, false},
		{"198.18.0.2:81/", "198.18.0.2:81", "/", 1, 81, true},
		{"http://[2001:2::2]/", "[2001:2::2]", "/", 1, 80, true},
		{"http://[::1]:65535/x", "[::1]:65535", "/x", 2, 65535, true},
		{"http://x/%20?\xc3\xa4", "x", "/%20?\xc3\xa4", 4, 80, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_true(READ("url", expected[i].url));
		assert_span(r.authority, expected[i].authority);
		assert_span(r.path, expected[i].path);
		assert_int_equal(r.path_len, expected[i].path_len);
		assert_int_equal(r.port, expected[i].port);
		assert_int_equal(r.has_to, expected[i].has_to);
		assert_span(r.method, "GET");
	}
}

static void urls_that_are_none(void **state)
{
	static const char *const bad[] = {
		"",
		"http://",
		"http://:80/",
		"https://x/",
		"ftp://x/",
		"http://u:p@x/",
		"http://x:65536/",
		"http://x:0/",
		"http://x:99999999999/",
		"http://x:8o/",
		"http://[::1",
		"http://[::1]x/",
		"http://[]/",
		"http://[1.2.3]/",
		"http://x y/",
		"http://x,y/",
		"http://x/\x01",
		"http://x/a b",
		"http://x/\x7f",
		"http://x\t/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(READ("url", bad[i]));
		assert_memory_equal(text.data, "url ", 4);
		assert_int_equal(text.data[text.len - 1], '\n');
		assert_ptr_equal(memchr(text.data, '\n', text.len), text.data + text.len - 1);
	}
	assert_false(READ("method", "GET"));
	assert_false(READ("url", NULL));
}

static void a_url_has_a_limit(void **state)
{
	char *url = malloc(EXPLAIN_URL_MAX + 20);

	(void)state;
	memset(url, 'x', EXPLAIN_URL_MAX + 20);
	url[EXPLAIN_URL_MAX - 8] = '\0';
	url[1] = ':';
	url[2] = '9';
	url[3] = '/';
	assert_true(READ("url", url));
	assert_int_equal(r.path.n, EXPLAIN_URL_MAX - 8 - 3);
	url[3] = '?';
	assert_true(READ("url", url));
	url[3] = '/';
	url[EXPLAIN_URL_MAX - 8] = 'x';
	url[EXPLAIN_URL_MAX - 7] = '\0';
	assert_false(READ("url", url));
	/* As long a name, and a port behind it. */
	memset(url, 'x', EXPLAIN_URL_MAX - 8);
	memcpy(url + EXPLAIN_URL_MAX - 8 - 6, ":65535", 7);
	assert_true(READ("url", url));
	assert_int_equal(r.authority.n, EXPLAIN_URL_MAX - 8);
	free(url);
}

static void headers_as_a_message_has_them(void **state)
{
	(void)state;
	assert_true(READ("url", "x", "header", "A:  b c\t", "other", "z", "header", "a:", "header",
			 "host: shop.example.com:81", "method", "PUT", "from", "::1", "to",
			 "198.18.0.9"));
	assert_int_equal(r.n_fields, 3);
	assert_span(r.fields[0].name, "A");
	assert_span(r.fields[0].value, "b c");
	assert_span(r.fields[1].value, "");
	assert_span(r.authority, "shop.example.com:81");
	assert_int_equal(r.port, 80); /* of the URL */
	assert_true(r.has_from && r.has_to);
	assert_false(READ("url", "x", "header", ":path: /"));
	assert_false(READ("url", "x", "header", "a"));
	assert_false(READ("url", "x", "header", ""));
	assert_false(READ("url", "x", "header", NULL));
	assert_false(READ("url", "x", "header", "a: b\nc: d"));
	assert_false(READ("url", "x", "header", "Host: a", "header", "hOST: b"));
	assert_false(READ("url", "x", "method", ""));
	assert_false(READ("url", "x", "method", "a/b"));
	assert_false(READ("url", "x", "from", NULL));
	assert_false(READ("url", "x", "from", "198.18.0.0/15"));
}

static void too_many_headers(void **state)
{
	(void)state;
	QUERY("url", "x");
	for (unsigned i = 0; i < EXPLAIN_FIELDS_MAX; i++)
		q.args[q.n++] = (struct query_arg){"header", "a: b"};
	assert_false(explain_request_read(&r, &q, kind, &text));
	q.n--;
	assert_true(explain_request_read(&r, &q, kind, &text));
	q.full = true;
	assert_false(explain_request_read(&r, &q, kind, &text));
}

/* ---- explanations ---- */

static json_t *explained(void)
{
	json_error_t error;
	json_t *j;

	assert_true(explain(&f.state, &q, &text));
	j = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
	if (!j)
		fail_msg("%s", error.text);
	return j;
}

#define EXPLAIN(...) (QUERY(__VA_ARGS__), explained())

/* path: names of members, and numbers in arrays. */
static const json_t *at(const json_t *j, const char *path)
{
	char copy[100];
	char *save, *word;

	strcpy(copy, path);
	for (word = strtok_r(copy, ".", &save); word; word = strtok_r(NULL, ".", &save))
		j = json_is_array(j) ? json_array_get(j, strtoul(word, NULL, 10))
				     : json_object_get(j, word);
	return j;
}

static void assert_says(const json_t *j, const char *path, const char *expected)
{
	const char *s = json_string_value(at(j, path));

	if (!s || strcmp(s, expected) != 0)
		fail_msg("%s is %s, not %s", path, s ? s : "nothing", expected);
}

static void how_the_host_was_found(void **state)
{
	static const struct {
		const char *url, *listener, *vhost, *found_by, *domain;
	} expected[] = {
		{"shop.example.com", "0.0.0.0:80", "shop.example.com:80", "exact",
		 "shop.example.com"},
		{"SHOP.example.com:80", "0.0.0.0:80", "shop.example.com:80", "exact",
		 "shop.example.com"},
		{"a.b.example.org", "0.0.0.0:80", "*:80", "suffix", "*.example.org"},
		{"example.org", "0.0.0.0:80", "*:80", "any", "*"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		json_t *j = EXPLAIN("url", expected[i].url);

		assert_says(j, "listener.name", expected[i].listener);
		assert_says(j, "virtual_host.name", expected[i].vhost);
		assert_says(j, "virtual_host.found_by", expected[i].found_by);
		assert_says(j, "virtual_host.domain", expected[i].domain);
		json_decref(j);
	}
}

/* A service's address: whatever the Host, the service is meant. */
static void the_address_says_it(void **state)
{
	struct listener vip = *f.snapshot.listener_by_id[2];
	const struct listener *slots[2] = {NULL, NULL};
	json_t *j;

	(void)state;
	assert_true(ip_addr_parse("10.96.0.10", &vip.addr.ip));
	slots[listener_hash(&vip.addr.ip, vip.addr.port) & 1] = &vip;
	f.snapshot.listeners = (struct listener_table){1, slots, 1};
	j = EXPLAIN("url", "10.96.0.10:9080/other");
	assert_says(j, "listener.kind", "mesh");
	assert_says(j, "virtual_host.found_by", "fallback");
	assert_says(j, "request.to", "10.96.0.10");
	assert_says(j, "route.name", "default");
	json_decref(j);
}

static void the_route_and_what_it_looked_at(void **state)
{
	json_t *j = EXPLAIN("url", "shop.example.com/other");

	(void)state;
	assert_says(j, "misses.0.name", "canary");
	assert_says(j, "misses.0.condition", "uri prefix /api");
	assert_says(j, "misses.0.actual", "the path is /other");
	assert_int_equal(json_integer_value(at(j, "misses.0.conditions")), 4);
	assert_says(j, "route.name", "default");
	assert_says(j, "route.targets.0.details.endpoints.1.address", "198.18.1.12:9080");
	assert_says(j, "verdict.result", "forward");
	json_decref(j);
}

/* What cannot be looked at (here: there is no database) fails closed, as with the workers. */
static void a_scan_that_fails(void **state)
{
	json_t *j =
		EXPLAIN("url", "shop.example.com/api", "header", "End-User: x", "method", "get");

	(void)state;
	assert_says(j, "misses.0.condition", "without header end-user regex");
	assert_says(j, "misses.0.actual", "the header cannot be looked at: no memory");
	json_decref(j);
}

static void nobody_takes_it(void **state)
{
	json_t *j = EXPLAIN("url", "shop.example.com:81");

	(void)state;
	assert_says(j, "verdict.result", "refused");
	assert_says(j, "verdict.reason",
		    "no gateway listens on port 81, and no service of this name has it; there are "
		    "listeners on 0.0.0.0:80, 10.96.0.10:9080");
	json_decref(j);
	j = EXPLAIN("url", "198.18.0.1");
	assert_says(j, "verdict.reason",
		    "nothing listens on 198.18.0.1:80, which is not an "
		    "address of this node");
	json_decref(j);
	j = EXPLAIN("url", "shop.example.com", "method", "CONNECT");
	assert_int_equal(json_integer_value(at(j, "verdict.status")), 404);
	json_decref(j);
	f.cell.current = NULL;
	j = EXPLAIN("url", "shop.example.com");
	assert_says(j, "verdict.reason", "no valid configuration was loaded yet");
	json_decref(j);
}

static void misses_are_limited(void **state)
{
	static const char *const bad[] = {"", "-1", "x", "1x", " 1", "99999999999999999999999"};
	json_t *j = EXPLAIN("url", "shop.example.com", "misses", "0");

	(void)state;
	assert_int_equal(json_integer_value(at(j, "misses_total")), 1);
	assert_int_equal(json_array_size(at(j, "misses")), 0);
	json_decref(j);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		QUERY("url", "x", "misses", bad[i]);
		assert_false(explain(&f.state, &q, &text));
	}
}

/* Not UTF-8, and longer than anybody reads. */
static void values_that_are_hard_to_print(void **state)
{
	static char line[1000] = "End-User: \xff";
	json_t *j;

	(void)state;
	memset(line + 11, 'a', sizeof(line) - 12);
	j = EXPLAIN("url", "shop.example.com/\xff", "header", line);
	assert_says(j, "request.path", "/\xef\xbf\xbd");
	assert_says(j, "misses.0.actual", "the path is /\xef\xbf\xbd");
	json_decref(j);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(urls_in_their_parts), T(urls_that_are_none),
		T(a_url_has_a_limit),   T(headers_as_a_message_has_them),
		T(too_many_headers),    T(how_the_host_was_found),
		T(the_address_says_it), T(the_route_and_what_it_looked_at),
		T(a_scan_that_fails),   T(nobody_takes_it),
		T(misses_are_limited),  T(values_that_are_hard_to_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
