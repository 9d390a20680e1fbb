/* test_route.c - longest prefix match against a scan, own addresses, broadcast. */
#include "box.h"

static struct route_table table;
static struct iface_config ifaces[2];

static void add_addr(struct iface_config *i, const char *addr, unsigned len)
{
	i->addrs[i->n_addrs++] = (struct ip_prefix){ip(addr), (uint8_t)(96 + len)};
}

static void add_route(struct iface_config *i, const char *to, unsigned len, const char *via)
{
	struct iface_route *r = &i->routes[i->n_routes++];

	r->to = (struct ip_prefix){ip(to), (uint8_t)(96 + len)};
	if (via)
		r->via = ip(via);
}

static int setup(void **state)
{
	(void)state;
	memset(ifaces, 0, sizeof(ifaces));
	add_addr(&ifaces[0], "198.18.0.2", 24);
	add_addr(&ifaces[0], "198.18.64.2", 30);
	add_addr(&ifaces[1], "10.0.0.1", 8);
	add_addr(&ifaces[1], "192.0.2.1", 31);
	add_route(&ifaces[0], "0.0.0.0", 0, "198.18.0.1");
	add_route(&ifaces[0], "172.16.0.0", 12, "198.18.64.1");
	add_route(&ifaces[0], "172.16.5.0", 24, "198.18.0.77");
	add_route(&ifaces[1], "172.16.5.128", 25, "10.9.9.9");
	add_route(&ifaces[1], "172.16.5.128", 25, "10.8.8.8");
	add_route(&ifaces[1], "10.20.0.0", 16, NULL);
	route_table_init(&table, ifaces, 2);
	return 0;
}

static void check(const char *dst, const char *via, const char *src, unsigned port)
{
	struct ip_addr d = ip(dst), s = ip(src), v = ip(via ? via : "::");
	const struct ip_route *r = route_find(&table, &d);

	assert_non_null(r);
	assert_true(ip_addr_eq(&r->via, &v));
	assert_true(ip_addr_eq(&r->src, &s));
	assert_int_equal(r->port, port);
}

static void the_longest_prefix_wins(void **state)
{
	(void)state;
	check("198.18.0.9", NULL, "198.18.0.2", 0);
	check("198.18.64.1", NULL, "198.18.64.2", 0);
	check("10.1.2.3", NULL, "10.0.0.1", 1);
	check("10.20.2.3", NULL, "10.0.0.1", 1);
	check("8.8.8.8", "198.18.0.1", "198.18.0.2", 0);
	check("172.16.4.1", "198.18.64.1", "198.18.64.2", 0);
	check("172.16.5.1", "198.18.0.77", "198.18.0.2", 0);
	check("172.16.5.200", "10.9.9.9", "10.0.0.1", 1); /* of equals the first */
}

static void no_route_without_a_default(void **state)
{
	struct ip_addr dst = ip("8.8.8.8"), v6;

	(void)state;
	route_table_init(&table, &ifaces[1], 1);
	assert_null(route_find(&table, &dst));
	assert_true(ip_addr_parse("2001:2::1", &v6));
	setup(NULL);
	assert_null(route_find(&table, &v6)); /* IPv4's default is not IPv6's */
}

static void a_default_written_as_any(void **state)
{
	(void)state;
	memset(&ifaces[0].routes[0].to.ip, 0, sizeof(struct ip_addr));
	route_table_init(&table, ifaces, 2);
	check("8.8.8.8", "198.18.0.1", "198.18.0.2", 0);
	setup(NULL);
}

static void broadcast_is_no_destination(void **state)
{
	const char *yes[] = {"198.18.0.255", "198.18.64.3", "10.255.255.255"};
	const char *no[] = {"198.18.0.254", "198.18.64.2", "192.0.2.1", "192.0.2.0",
			    "11.255.255.255"};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(yes); i++) {
		struct ip_addr a = ip(yes[i]);

		assert_true(route_is_broadcast(&table, &a));
		assert_null(route_find(&table, &a));
	}
	for (unsigned i = 0; i < RTE_DIM(no); i++) {
		struct ip_addr a = ip(no[i]);

		assert_false(route_is_broadcast(&table, &a));
	}
}

static void own_and_on_link(void **state)
{
	struct ip_addr own = ip("10.0.0.1"), near = ip("10.3.0.1"), far = ip("172.16.5.1");

	(void)state;
	assert_true(route_is_own(&table, &own));
	assert_true(route_is_own_of(&table, &own, 1));
	assert_false(route_is_own_of(&table, &own, 0));
	assert_false(route_is_own(&table, &near));
	assert_true(route_is_on_link(&table, &near, 1));
	assert_false(route_is_on_link(&table, &near, 0));
	assert_false(route_is_on_link(&table, &far, 0));
}

/* Against a scan of all prefixes in the order they were written. */
static void random_against_a_scan(void **state)
{
	uint32_t seed = 12;

	(void)state;
	memset(ifaces, 0, sizeof(ifaces));
	for (unsigned i = 0; i < IFACE_ROUTES_MAX; i++) {
		uint32_t bits;

		seed = seed * 1664525u + 1013904223u;
		bits = seed >> 24 & 7;
		ifaces[0].routes[i].to =
			(struct ip_prefix){ip_addr_v4(rte_cpu_to_be_32((seed >> 8 & 0xffff) << 16 &
								       ~0u << (32 - 2 * bits - 1))),
					   (uint8_t)(96 + 2 * bits + 1)};
		ifaces[0].routes[i].via = ip_addr_v4(rte_cpu_to_be_32(i + 1));
	}
	ifaces[0].n_routes = IFACE_ROUTES_MAX;
	route_table_init(&table, ifaces, 1);
	for (unsigned i = 0; i < 100000; i++) {
		const struct iface_route *best = NULL;
		const struct ip_route *r;
		struct ip_addr dst;

		seed = seed * 1664525u + 1013904223u;
		dst = ip_addr_v4(rte_cpu_to_be_32(seed));
		for (unsigned j = 0; j < IFACE_ROUTES_MAX; j++) {
			const struct iface_route *c = &ifaces[0].routes[j];

			if (ip_prefix_contains(&c->to, &dst) && (!best || c->to.len > best->to.len))
				best = c;
		}
		r = route_find(&table, &dst);
		assert_int_equal(r != NULL, best != NULL);
		if (r)
			assert_true(ip_addr_eq(&r->via, &best->via));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_prefix_wins),
		cmocka_unit_test(no_route_without_a_default),
		cmocka_unit_test(a_default_written_as_any),
		cmocka_unit_test(broadcast_is_no_destination),
		cmocka_unit_test(own_and_on_link),
		cmocka_unit_test(random_against_a_scan),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
