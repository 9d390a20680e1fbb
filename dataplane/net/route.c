/* route.c - longest prefix match over a list sorted once. A node has few routes, and a
 * connection asks once: net_tx_tcp() caches the answer. */
#include "route.h"

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

static struct own_v4 own_v4_of(const struct ip_prefix *own)
{
	uint32_t ip = ip_addr_to_v4(&own->ip);
	unsigned host_bits = 128 - own->len;

	if (host_bits < 2 || host_bits > 31)
		return (struct own_v4){ip, 0};
	return (struct own_v4){ip, ip | rte_cpu_to_be_32((1u << host_bits) - 1)};
}

static void add_addr(struct route_table *t, const struct ip_prefix *own, uint16_t port)
{
	if (ip_addr_is_v4(&own->ip))
		t->v4[t->n_v4++] = own_v4_of(own);
	t->addrs[t->n_addrs++] = (struct own_addr){*own, port};
	t->routes[t->n_routes++] = (struct ip_route){.to = *own, .src = own->ip, .port = port};
}

/* An own address in the prefix of the next hop, so that the answer finds its way back. */
static struct ip_addr source_for(const struct iface_config *iface, const struct ip_addr *via)
{
	for (unsigned i = 0; i < iface->n_addrs; i++)
		if (ip_prefix_contains(&iface->addrs[i], via))
			return iface->addrs[i].ip;
	return iface->n_addrs ? iface->addrs[0].ip : (struct ip_addr){0};
}

static void add_route(struct route_table *t, const struct iface_config *iface,
		      const struct iface_route *r, uint16_t port)
{
	struct ip_route route = {r->to, r->via, source_for(iface, &r->via), port};

	/* 0.0.0.0 may be written as "any"; a prefix of it is meant as IPv4's. */
	if (ip_addr_is_any(&route.to.ip) && route.to.len >= 96)
		route.to.ip = ip_addr_v4(0);
	t->routes[t->n_routes++] = route;
}

/* By insertion, which is stable: of two equal prefixes the first one written wins. */
static void sort_routes(struct route_table *t)
{
	for (unsigned i = 1; i < t->n_routes; i++) {
		struct ip_route r = t->routes[i];
		unsigned j = i;

		for (; j > 0 && t->routes[j - 1].to.len < r.to.len; j--)
			t->routes[j] = t->routes[j - 1];
		t->routes[j] = r;
	}
}

void route_table_init(struct route_table *t, const struct iface_config *ifaces, unsigned n)
{
	t->n_addrs = t->n_v4 = t->n_routes = 0;
	for (unsigned i = 0; i < n; i++) {
		for (unsigned a = 0; a < ifaces[i].n_addrs; a++)
			add_addr(t, &ifaces[i].addrs[a], (uint16_t)i);
		for (unsigned r = 0; r < ifaces[i].n_routes; r++)
			add_route(t, &ifaces[i], &ifaces[i].routes[r], (uint16_t)i);
	}
	sort_routes(t);
}

const struct ip_route *route_find(const struct route_table *t, const struct ip_addr *dst)
{
	for (unsigned i = 0; i < t->n_routes; i++)
		if (ip_prefix_contains(&t->routes[i].to, dst))
			return route_is_broadcast(t, dst) ? NULL : &t->routes[i];
	return NULL;
}

bool route_is_own(const struct route_table *t, const struct ip_addr *ip)
{
	if (likely(ip_addr_is_v4(ip))) {
		for (unsigned i = 0; i < t->n_v4; i++)
			if (t->v4[i].ip == ip_addr_to_v4(ip))
				return true;
		return false;
	}
	for (unsigned i = 0; i < t->n_addrs; i++)
		if (ip_addr_eq(&t->addrs[i].prefix.ip, ip))
			return true;
	return false;
}

bool route_is_own_of(const struct route_table *t, const struct ip_addr *ip, uint16_t port)
{
	for (unsigned i = 0; i < t->n_addrs; i++)
		if (t->addrs[i].port == port && ip_addr_eq(&t->addrs[i].prefix.ip, ip))
			return true;
	return false;
}

bool route_is_on_link(const struct route_table *t, const struct ip_addr *ip, uint16_t port)
{
	for (unsigned i = 0; i < t->n_addrs; i++)
		if (t->addrs[i].port == port && ip_prefix_contains(&t->addrs[i].prefix, ip))
			return true;
	return false;
}

bool route_is_broadcast(const struct route_table *t, const struct ip_addr *ip)
{
	uint32_t v4 = ip_addr_to_v4(ip);

	for (unsigned i = 0; i < t->n_v4; i++)
		if (t->v4[i].broadcast == v4 && v4 && ip_addr_is_v4(ip))
			return true;
	return false;
}
