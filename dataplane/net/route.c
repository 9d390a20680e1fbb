/* route.c - longest prefix match over a list sorted once. A node has few routes, and a
 * connection asks once: net_tx_tcp() caches the answer. */
#include "route.h"

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

#include "zone.h"

/* Does a prefix of either family contain an address of either? IPv4's lie in ::ffff:0:0/96,
 * which is not what ::/0 means. */
static bool covers(const struct ip_prefix *p, const struct ip_addr *a)
{
	return (p->len >= 96 || !ip_addr_is_v4(a)) && ip_prefix_contains(p, a);
}

static bool same_family(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_addr_is_v4(a) == ip_addr_is_v4(b);
}

static struct own_v4 own_v4_of(const struct ip_prefix *own)
{
	uint32_t ip = ip_addr_to_v4(&own->ip);
	unsigned host_bits = 128 - own->len;

	if (host_bits < 2 || host_bits > 31)
		return (struct own_v4){ip, 0};
	return (struct own_v4){ip, ip | rte_cpu_to_be_32((1u << host_bits) - 1)};
}

static void add_addr(struct route_table *t, const struct ip_prefix *own, uint16_t port,
		     enum own_state state)
{
	struct own_addr *a = &t->addrs[t->n_addrs++];

	*a = (struct own_addr){*own, port, (uint8_t)state};
	if (ip_addr_is_v4(&own->ip)) {
		t->v4[t->n_v4++] = own_v4_of(own);
	} else {
		zone_enter(&a->prefix.ip, port);
		t->v6[port] = true;
	}
	t->routes[t->n_routes++] =
		(struct ip_route){.to = a->prefix, .src = a->prefix.ip, .port = port, .n_ways = 1};
}

/* An own address in the prefix of the next hop, so that the answer finds its way back; behind
 * a link-local next hop one that is known beyond the link. */
static struct ip_addr source_for(const struct route_table *t, uint16_t port,
				 const struct ip_addr *via)
{
	const struct own_addr *other = NULL;

	for (unsigned i = 0; i < t->n_addrs; i++) {
		const struct own_addr *a = &t->addrs[i];

		if (a->port != port || !same_family(&a->prefix.ip, via))
			continue;
		if (covers(&a->prefix, via) && !zone_is_link_local(via))
			return a->prefix.ip;
		if (!other || zone_is_link_local(&other->prefix.ip))
			other = a;
	}
	return other ? other->prefix.ip : (struct ip_addr){0};
}

static void add_route(struct route_table *t, const struct iface_route *r, uint16_t port)
{
	struct ip_route route = {.to = r->to, .via = r->via, .port = port, .n_ways = 1};

	/* 0.0.0.0 may be written as "any"; a prefix of it is meant as IPv4's. */
	if (ip_addr_is_any(&route.to.ip) && route.to.len >= 96)
		route.to.ip = ip_addr_v4(0);
	zone_enter(&route.via, port);
	route.src = source_for(t, port, ip_addr_is_any(&route.via) ? &route.to.ip : &route.via);
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

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && covers(a, &b->ip);
}

static void count_ways(struct route_table *t)
{
	for (unsigned i = t->n_routes; i-- > 1;) {
		struct ip_route *r = &t->routes[i - 1];
		const struct ip_route *next = &t->routes[i];
		bool hops = !ip_addr_is_any(&r->via) && !ip_addr_is_any(&next->via);

		r->n_ways = 1;
		if (hops && same_prefix(&r->to, &next->to))
			r->n_ways = (uint16_t)(next->n_ways + 1);
	}
}

static enum own_state first_state(const struct iface_config *iface, const struct ip_addr *ip)
{
	return ip_addr_is_v4(ip) || !iface->dad_transmits ? OWN_USABLE : OWN_TENTATIVE;
}

void route_table_init(struct route_table *t, const struct iface_config *ifaces, unsigned n)
{
	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < n; i++) {
		for (unsigned a = 0; a < ifaces[i].n_addrs; a++)
			add_addr(t, &ifaces[i].addrs[a], (uint16_t)i,
				 first_state(&ifaces[i], &ifaces[i].addrs[a].ip));
		for (unsigned r = 0; r < ifaces[i].n_routes; r++)
			add_route(t, &ifaces[i].routes[r], (uint16_t)i);
	}
	sort_routes(t);
	count_ways(t);
}

/* The interface identifier is the MAC with ff:fe in its middle and the universal bit turned. */
static struct ip_addr link_local_of(const struct rte_ether_addr *mac)
{
	const uint8_t *m = mac->addr_bytes;

	return (struct ip_addr){.b = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff,
				      0xfe, m[3], m[4], m[5]}};
}

void route_add_link_local(struct route_table *t, uint16_t port, const struct rte_ether_addr *mac)
{
	const struct ip_prefix own = {link_local_of(mac), 64};
	enum own_state state = OWN_USABLE;

	if (!t->v6[port])
		return;
	for (unsigned i = 0; i < t->n_addrs; i++) {
		const struct own_addr *a = &t->addrs[i];

		if (a->port != port || ip_addr_is_v4(&a->prefix.ip))
			continue;
		if (zone_is_link_local(&a->prefix.ip))
			return;
		state = (enum own_state)a->state; /* as DAD is on or off for the port */
	}
	add_addr(t, &own, port, state);
	sort_routes(t);
	count_ways(t);
}

const struct ip_route *route_find(const struct route_table *t, const struct ip_addr *dst)
{
	for (unsigned i = 0; i < t->n_routes; i++)
		if (covers(&t->routes[i].to, dst))
			return route_is_broadcast(t, dst) ? NULL : &t->routes[i];
	return NULL;
}

const struct ip_route *route_way(const struct ip_route *first, const struct ip_addr *src,
				 uint32_t hash, unsigned nth)
{
	unsigned fit = 0, n = first->n_ways;

	if (n == 1)
		return first;
	for (unsigned i = 0; i < n; i++)
		fit += ip_addr_eq(&first[i].src, src);
	if (fit == 0 || nth >= fit)
		return &first[(hash + nth) % n];
	nth = (hash + nth) % fit;
	while (!ip_addr_eq(&first->src, src) || nth-- > 0)
		first++;
	return first;
}

const struct own_addr *route_global_of(const struct route_table *t, uint16_t port)
{
	for (unsigned i = 0; i < t->n_addrs; i++) {
		const struct own_addr *a = &t->addrs[i];

		if (a->port == port && !ip_addr_is_v4(&a->prefix.ip) &&
		    !zone_is_link_local(&a->prefix.ip) && route_own_state(a) == OWN_USABLE)
			return a;
	}
	return NULL;
}

bool route_source(const struct route_table *t, const struct ip_route *r, struct ip_addr *src)
{
	const struct own_addr *other;

	*src = r->src;
	if (likely(ip_addr_is_v4(src)))
		return true;
	if (route_is_own(t, src))
		return true;
	other = zone_is_link_local(src) ? NULL : route_global_of(t, r->port);
	if (other)
		*src = other->prefix.ip;
	return other != NULL;
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
			return route_own_state(&t->addrs[i]) == OWN_USABLE;
	return false;
}

const struct own_addr *route_own(const struct route_table *t, const struct ip_addr *ip,
				 uint16_t port)
{
	for (unsigned i = 0; i < t->n_addrs; i++)
		if (t->addrs[i].port == port && ip_addr_eq(&t->addrs[i].prefix.ip, ip))
			return &t->addrs[i];
	return NULL;
}

bool route_is_own_of(const struct route_table *t, const struct ip_addr *ip, uint16_t port)
{
	const struct own_addr *a = route_own(t, ip, port);

	return a && route_own_state(a) == OWN_USABLE;
}

bool route_is_on_link(const struct route_table *t, const struct ip_addr *ip, uint16_t port)
{
	for (unsigned i = 0; i < t->n_addrs; i++)
		if (t->addrs[i].port == port && covers(&t->addrs[i].prefix, ip))
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
