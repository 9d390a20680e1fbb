/* nd_own.c - own IPv6 addresses from asking whether they are free (RFC 4862 section 5.4) to
 * announcing them, and the routers that were heard of (RFC 4861 section 6.3). Worker 0 asks
 * and announces; all of them listen. */
#include "context.h"

#include <stdlib.h>

#include "bond.h"
#include "pkt6.h"
#include "zone.h"

#define RETRANS_US     1000000ull /* RFC 4861 section 10: RETRANS_TIMER */
#define DARK_US        10000ull   /* between looks at a bond that nobody hears yet */
#define RS_INTERVAL_US 4000000ull
#define RS_MAX         3
#define ROUTERS_MAX    8
#define ND_IDLE        UINT64_MAX

struct own_life {
	uint64_t due_us;
	uint8_t asked, announced;
};

struct router {
	struct ip_route route;
	uint64_t until_us; /* 0: a free place */
};

struct link {
	uint64_t due_us; /* of the next question for routers */
	uint8_t asked;
	uint16_t mtu;
};

struct nd {
	struct own_life own[OWN_ADDRS_MAX];
	struct link links[WEIR_PORTS_MAX];
	struct router routers[ROUTERS_MAX];
};

struct nd *nd_create(const struct net *net)
{
	struct nd *nd = calloc(1, sizeof(*nd));

	if (!nd)
		return NULL;
	for (unsigned i = 0; i < net->ports->n_ports; i++) {
		const struct port *port = &net->ports->ports[i];

		nd->links[i].mtu = port->mtu;
		nd->links[i].due_us = port->router_solicitation && net->routes->v6[i] ? 0 : ND_IDLE;
	}
	return nd;
}

void nd_destroy(struct nd *nd)
{
	free(nd);
}

/* ---- own addresses ---- */

static void ask_or_keep(struct net *net, struct own_addr *a, struct own_life *l)
{
	if (bond_is_down(net, a->port)) {
		l->due_us = net->now_us + DARK_US;
		return;
	}
	if (l->asked < net->ports->ports[a->port].dad_transmits) {
		nd_ask_whose(net, a);
		l->asked++;
		l->due_us = net->now_us + RETRANS_US;
	} else {
		route_own_turn(a, OWN_TENTATIVE, OWN_USABLE);
		l->due_us = net->now_us;
	}
}

static void announce(struct net *net, const struct own_addr *a, struct own_life *l)
{
	nd_announce(net, a);
	l->announced++;
	l->due_us = l->announced < ANNOUNCEMENTS ? net->now_us + ANNOUNCE_US : ND_IDLE;
}

void nd_announce_again(struct net *net, uint16_t dev)
{
	for (unsigned i = 0; i < net->routes->n_addrs; i++) {
		const struct own_addr *a = &net->routes->addrs[i];

		if (net->ports->ports[a->port].dev != dev || route_own_state(a) != OWN_USABLE)
			continue;
		net->nd->own[i].announced = 0;
		net->nd->own[i].due_us = net->now_us;
	}
	for (uint16_t i = 0; i < net->ports->n_ports; i++)
		if (net->ports->ports[i].dev == dev)
			mld_say_again(net, i);
	net->nd_us = net->now_us;
}

static uint64_t turn_own(struct net *net, unsigned i)
{
	struct own_addr *a = &net->ports->routes.addrs[i];
	struct own_life *l = &net->nd->own[i];

	if (ip_addr_is_v4(&a->prefix.ip))
		return ND_IDLE;
	if (l->due_us <= net->now_us && route_own_state(a) == OWN_TENTATIVE)
		ask_or_keep(net, a, l);
	if (l->due_us <= net->now_us && route_own_state(a) == OWN_USABLE)
		announce(net, a, l);
	return route_own_state(a) <= OWN_TENTATIVE ? l->due_us : ND_IDLE;
}

void nd_object(struct net *net, const struct own_addr *a)
{
	struct own_addr *own = &net->ports->routes.addrs[a - net->routes->addrs];

	if (route_own_turn(own, OWN_TENTATIVE, OWN_DUPLICATE))
		counter_inc(net->counters, CTR_NET_ADDR_DUPLICATE);
}

bool nd_is_group_mac(const struct net *net, uint16_t port, const struct rte_ether_addr *mac)
{
	const uint8_t *b = mac->addr_bytes;
	const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};

	if (b[0] != 0x33 || b[1] != 0x33 || !net->routes->v6[port])
		return false;
	if (memcmp(b, all_nodes, sizeof(all_nodes)) == 0)
		return true;
	for (unsigned i = 0; i < net->routes->n_addrs; i++) {
		const struct own_addr *a = &net->routes->addrs[i];

		if (a->port == port && !ip_addr_is_v4(&a->prefix.ip) && b[2] == 0xff &&
		    memcmp(b + 3, a->prefix.ip.b + 13, 3) == 0)
			return true;
	}
	return false;
}

bool net_next_duplicate(struct net_ports *ports, unsigned *port, struct ip_addr *ip)
{
	for (unsigned i = 0; i < ports->routes.n_addrs; i++) {
		struct own_addr *a = &ports->routes.addrs[i];

		if (!route_own_turn(a, OWN_DUPLICATE, OWN_REPORTED))
			continue;
		*port = a->port;
		*ip = a->prefix.ip;
		return true;
	}
	return false;
}

/* ---- routers ---- */

static uint64_t turn_link(struct net *net, uint16_t i)
{
	struct link *l = &net->nd->links[i];

	if (l->due_us <= net->now_us) {
		nd_ask_routers(net, i);
		l->asked++;
		l->due_us = l->asked < RS_MAX ? net->now_us + RS_INTERVAL_US : ND_IDLE;
	}
	return l->due_us;
}

static struct router *place_for(struct net *net, const struct ip_addr *ip)
{
	struct router *best = net->nd->routers;

	for (unsigned i = 0; i < ROUTERS_MAX; i++) {
		struct router *r = &net->nd->routers[i];

		if (r->until_us && ip_addr_eq(&r->route.via, ip))
			return r;
		if (r->until_us < best->until_us)
			best = r;
	}
	return best->until_us <= net->now_us ? best : NULL;
}

static void keep_router(struct net *net, uint16_t port, const struct ip_addr *ip,
			uint16_t lifetime_s)
{
	struct router *r = place_for(net, ip);

	if (!r)
		return;
	r->route = (struct ip_route){.via = *ip, .port = port, .n_ways = 1};
	r->until_us = lifetime_s ? net->now_us + lifetime_s * 1000000ull : 0;
}

void nd_take_router(struct net *net, uint16_t port, const struct ip_addr *router,
		    const struct nd_message *nd)
{
	struct link *l = &net->nd->links[port];

	if (!net->ports->ports[port].router_solicitation)
		return;
	l->due_us = ND_IDLE;
	if (nd->mtu >= IPV6_MTU_MIN && nd->mtu <= net->ports->ports[port].mtu)
		l->mtu = (uint16_t)nd->mtu;
	keep_router(net, port, router, nd->lifetime_s);
}

/* The first that leads to a usable source; the configured routes come before all of them. */
const struct ip_route *nd_default_route(const struct net *net)
{
	for (unsigned i = 0; i < ROUTERS_MAX; i++) {
		const struct router *r = &net->nd->routers[i];

		if (r->until_us > net->now_us && route_global_of(net->routes, r->route.port))
			return &r->route;
	}
	return NULL;
}

uint16_t nd_mtu(const struct net *net, uint16_t port)
{
	return net->nd->links[port].mtu;
}

void nd_turn(struct net *net)
{
	net->nd_us = mld_turn(net); /* before the addresses are asked for */
	for (unsigned i = 0; i < net->routes->n_addrs; i++)
		net->nd_us = RTE_MIN(net->nd_us, turn_own(net, i));
	for (uint16_t i = 0; i < net->ports->n_ports; i++)
		net->nd_us = RTE_MIN(net->nd_us, turn_link(net, i));
}
