/* route.h - own addresses and routes: made from the interfaces at start, then read only but
 * for the state of own addresses.
 *
 * Both families are in one table, and never answer for each other. Link-local addresses are
 * held as zone.h says. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include <weir/addr.h>
#include <weir/dataplane.h>

/* May the address be used? Duplicate address detection (RFC 4862 section 5.4) decides. */
enum own_state {
	OWN_USABLE,
	OWN_TENTATIVE, /* nobody has objected yet */
	OWN_DUPLICATE, /* somebody else has it: not ours until a restart */
	OWN_REPORTED,  /* the same, and the control thread knows */
};

struct own_addr {
	struct ip_prefix prefix; /* the address, and how much of it is the on-link prefix */
	uint16_t port;           /* index into the configuration's interfaces */
	uint8_t state;           /* enum own_state; atomic: every worker looks, any may object */
};

struct ip_route {
	struct ip_prefix to;
	struct ip_addr via; /* all zero: on-link */
	struct ip_addr src; /* preferred source address */
	uint16_t port;
	uint16_t n_ways; /* routes to the same prefix by next hops, from this one on */
};

/* One more than is configured: the link-local address. */
#define OWN_ADDRS_MAX (WEIR_PORTS_MAX * (IFACE_ADDRS_MAX + 1))
#define IP_ROUTES_MAX (OWN_ADDRS_MAX + WEIR_PORTS_MAX * IFACE_ROUTES_MAX)

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
	bool v6[WEIR_PORTS_MAX];               /* has an IPv6 address: speaks IPv6 */
};

void route_table_init(struct route_table *t, const struct iface_config *ifaces, unsigned n);

/* A port that speaks IPv6 gets the link-local address of its MAC (RFC 4291 appendix A) unless
 * one was configured. */
void route_add_link_local(struct route_table *t, uint16_t port, const struct rte_ether_addr *mac);

/* The longest prefix that contains dst; NULL when none does, or when dst is no unicast
 * address of a neighbour (the broadcast address of an on-link prefix). Of several routes to
 * this prefix the first. */
const struct ip_route *route_find(const struct route_table *t, const struct ip_addr *dst);

/* Of the ways that start with `first` the one for a flow: those whose source is src, if there
 * are any, share the flows by hash. nth: 0, or how many ways were tried in vain. */
const struct ip_route *route_way(const struct ip_route *first, const struct ip_addr *src,
				 uint32_t hash, unsigned nth);

/* The own address to send from by r; false when there is none that may be used. */
bool route_source(const struct route_table *t, const struct ip_route *r, struct ip_addr *src);
/* A usable own IPv6 address of this port that is more than link-local; NULL: none. */
const struct own_addr *route_global_of(const struct route_table *t, uint16_t port);

bool route_is_own(const struct route_table *t, const struct ip_addr *ip);
bool route_is_own_of(const struct route_table *t, const struct ip_addr *ip, uint16_t port);
bool route_is_on_link(const struct route_table *t, const struct ip_addr *ip, uint16_t port);

/* Configured for this port, in any state; NULL: not. */
const struct own_addr *route_own(const struct route_table *t, const struct ip_addr *ip,
				 uint16_t port);

/* The all-ones host of an on-link IPv4 prefix. */
bool route_is_broadcast(const struct route_table *t, const struct ip_addr *ip);

static inline enum own_state route_own_state(const struct own_addr *a)
{
	return (enum own_state)__atomic_load_n(&a->state, __ATOMIC_RELAXED);
}

/* True when the state was `from` and is now `to`. */
static inline bool route_own_turn(struct own_addr *a, enum own_state from, enum own_state to)
{
	uint8_t was = (uint8_t)from;

	return __atomic_compare_exchange_n(&a->state, &was, (uint8_t)to, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}
