/* route.h - own addresses and routes: made from the interfaces at start, then read only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <weir/addr.h>
#include <weir/dataplane.h>

struct own_addr {
	struct ip_prefix prefix; /* the address, and how much of it is the on-link prefix */
	uint16_t port;           /* index into the configuration's interfaces */
};

struct ip_route {
	struct ip_prefix to;
	struct ip_addr via; /* all zero: on-link */
	struct ip_addr src; /* preferred source address */
	uint16_t port;
};

#define OWN_ADDRS_MAX (WEIR_PORTS_MAX * IFACE_ADDRS_MAX)
#define IP_ROUTES_MAX (WEIR_PORTS_MAX * (IFACE_ADDRS_MAX + IFACE_ROUTES_MAX))

/* An IPv4 address as every packet is compared with it; network order. */
struct own_v4 {
	uint32_t ip;
	uint32_t broadcast; /* of its prefix; 0: it has none (RFC 3021) */
};

struct route_table {
	unsigned n_addrs, n_v4, n_routes;
	struct own_v4 v4[OWN_ADDRS_MAX]; /* the IPv4 ones of addrs */
	struct own_addr addrs[OWN_ADDRS_MAX];
	struct ip_route routes[IP_ROUTES_MAX]; /* longest prefix first */
};

void route_table_init(struct route_table *t, const struct iface_config *ifaces, unsigned n);

/* The longest prefix that contains dst; NULL when none does, or when dst is no unicast
 * address of a neighbour (the broadcast address of an on-link prefix). */
const struct ip_route *route_find(const struct route_table *t, const struct ip_addr *dst);

bool route_is_own(const struct route_table *t, const struct ip_addr *ip);
bool route_is_own_of(const struct route_table *t, const struct ip_addr *ip, uint16_t port);
bool route_is_on_link(const struct route_table *t, const struct ip_addr *ip, uint16_t port);

/* The all-ones host of an on-link IPv4 prefix. */
bool route_is_broadcast(const struct route_table *t, const struct ip_addr *ip);
