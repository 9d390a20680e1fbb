/* test_explain_host.c - the admin API must find the virtual host that the workers find: random
 * tables of domains, random authorities, both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <admin/explain_host.h>
#include <compile/layout.h>
#include <match/match.h>

#define DOMAINS_MAX 8
#define LABELS_MAX  4

static uint64_t rng = 0x9e3779b97f4a7c15ull;

static uint32_t below(uint32_t n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (uint32_t)((rng * 0x2545f4914f6cdd1dull >> 33) % n);
}

static char *put_name(char *to)
{
	static const char *const labels[] = {"a", "b", "A", "ab", "", "1"};
	uint32_t n = 1 + below(LABELS_MAX);

	for (uint32_t i = 0; i < n; i++) {
		to = stpcpy(to, i ? "." : "");
		to = stpcpy(to, labels[below(6)]);
	}
	return to;
}

/* "a.b", "*.b", "*b", "*", "[::1]". */
static const char *random_domain(struct arena *a)
{
	static const char *const before[] = {"", "", "*.", "*"};
	char text[64], *end = stpcpy(text, before[below(4)]);

	if (below(20) == 0)
		return below(2) ? "*" : "::1";
	put_name(end);
	return arena_strdup(a, text);
}

static void random_authority(char *text)
{
	static const char *const after[] = {"", "", ":80", ":", ":8o", ":80:80"};
	char *end = below(20) ? put_name(text) : stpcpy(text, "[::1]");

	stpcpy(end, after[below(6)]);
}

/* The listener with these domains, each with a virtual host of its own. */
static void random_listener(struct arena *a, struct vhost *vhosts, struct listener *l)
{
	struct layout_host *hosts = arena_array(a, DOMAINS_MAX, sizeof(*hosts));
	uint32_t n = below(DOMAINS_MAX);
	struct hosts h = {0};

	memset(l, 0, sizeof(*l));
	for (uint32_t i = 0; i < n; i++) {
		hosts[i].next = below(8) ? &vhosts[i] : NULL; /* without routes */
		hosts_add(&h, a, random_domain(a), &hosts[i]);
	}
	hosts_table(&h, a, &l->hosts);
	if (below(4) == 0)
		l->fallback = &vhosts[DOMAINS_MAX];
}

static void random_hosts(void **state)
{
	static struct vhost vhosts[DOMAINS_MAX + 1];
	unsigned found[HOST_FALLBACK + 1] = {0};
	char authority[64];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct arena *a = arena_create();
		struct listener l;

		random_listener(a, vhosts, &l);
		for (unsigned k = 0; k < 20; k++) {
			struct explain_host h;

			random_authority(authority);
			h = explain_find_host(&l, span_of(authority, strlen(authority)));
			assert_ptr_equal(h.vhost, match_host(&l, slice_str(authority)));
			found[h.found]++;
		}
		arena_destroy(a);
	}
	for (unsigned how = 0; how <= HOST_FALLBACK; how++)
		assert_true(found[how] > 1000);
}

/* No name is that long; "*" still takes it. */
static void long_authorities(void **state)
{
	static struct vhost x, any;
	struct arena *a = arena_create();
	char name[600];
	struct layout_host x_host = {.next = &x}, any_host = {.next = &any};
	struct listener l = {0};
	struct hosts h = {0};

	(void)state;
	memset(name, 'a', sizeof(name));
	hosts_add(&h, a, "*.a", &x_host);
	hosts_add(&h, a, "*a", &x_host);
	hosts_add(&h, a, "*", &any_host);
	hosts_table(&h, a, &l.hosts);
	for (uint32_t n = 500; n <= sizeof(name); n++)
		assert_ptr_equal(explain_find_host(&l, span_of(name, n)).vhost,
				 match_host(&l, slice_of(name, n)));
	assert_ptr_equal(explain_find_host(&l, span_of(name, 512)).vhost, &x);
	assert_ptr_equal(explain_find_host(&l, span_of(name, 513)).vhost, &any);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_hosts),
		cmocka_unit_test(long_authorities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
