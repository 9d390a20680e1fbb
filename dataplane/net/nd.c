/* nd.c - Neighbour Discovery messages in and out (RFC 4861); what they mean for neighbours is
 * neigh.c's, for own addresses nd_own.c's. */
#include "context.h"

#include "pkt6.h"
#include "punt.h"
#include "zone.h"

#define OPTION_LEN  8
#define SOLICIT_LEN 24 /* and an advertisement: header and target */

/* A message of len bytes without options, zeroed; NULL is counted. */
static uint8_t *make(struct net *net, uint8_t type, uint16_t len, struct rte_mbuf **m)
{
	uint8_t *msg;

	*m = tx_alloc(net);
	if (!*m)
		return NULL;
	rte_pktmbuf_append(*m, len);
	msg = rte_pktmbuf_mtod(*m, uint8_t *);
	memset(msg, 0, len);
	msg[0] = type;
	return msg;
}

static void put_target(uint8_t *msg, const struct ip_addr *target)
{
	struct ip_addr wire = zone_leave(target);

	memcpy(msg + 8, &wire, sizeof(wire));
}

/* The link-layer address option of a port (RFC 2464 section 6). */
static void put_mac(struct rte_mbuf *m, uint8_t kind, const struct rte_ether_addr *mac)
{
	uint8_t *o = (uint8_t *)rte_pktmbuf_append(m, OPTION_LEN);

	o[0] = kind;
	o[1] = 1;
	memcpy(o + 2, mac, sizeof(*mac));
}

/* Takes a finished message and sends it to a neighbour at mac. */
static void transmit(struct net *net, uint16_t port, const struct ip_addr *src,
		     const struct ip_addr *dst, const struct rte_ether_addr *mac,
		     struct rte_mbuf *m)
{
	uint16_t sum = icmp6_cksum(m, src, dst);

	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 2), &sum, sizeof(sum));
	ip6_put_header(m, src, dst, IPPROTO_ICMPV6, ND_HOP_LIMIT);
	counter_inc(net->counters, CTR_NET_ND_OUT);
	tx_push_ether(net, port, mac, RTE_BE16(RTE_ETHER_TYPE_IPV6), m);
}

static void send_to_group(struct net *net, uint16_t port, const struct ip_addr *src,
			  const struct ip_addr *group, struct rte_mbuf *m)
{
	struct rte_ether_addr mac = ip6_group_mac(group);

	transmit(net, port, src, group, &mac, m);
}

static const struct rte_ether_addr *mac_of(const struct net *net, uint16_t port)
{
	return &net->ports->ports[port].mac;
}

/* ---- questions ---- */

/* The own address that the neighbour can answer to: the one whose prefix it is in, or any. */
static const struct ip_addr *asker(const struct net *net, const struct neigh *n)
{
	const struct own_addr *any = NULL;

	for (unsigned i = 0; i < net->routes->n_addrs; i++) {
		const struct own_addr *a = &net->routes->addrs[i];

		if (a->port != n->port || ip_addr_is_v4(&a->prefix.ip) ||
		    route_own_state(a) != OWN_USABLE)
			continue;
		if (ip_prefix_contains(&a->prefix, &n->ip))
			return &a->prefix.ip;
		any = a;
	}
	return any ? &any->prefix.ip : NULL;
}

void nd_solicit(struct net *net, const struct neigh *n, bool unicast)
{
	const struct ip_addr *src = asker(net, n);
	struct ip_addr group = ip6_solicited_node(&n->ip);
	struct rte_mbuf *m;
	uint8_t *msg = src ? make(net, ND_SOLICIT, SOLICIT_LEN, &m) : NULL;

	if (!msg)
		return;
	put_target(msg, &n->ip);
	put_mac(m, ND_SOURCE_MAC, mac_of(net, n->port));
	if (unicast)
		transmit(net, n->port, src, &n->ip, &n->mac, m);
	else
		send_to_group(net, n->port, src, &group, m);
}

void nd_ask_whose(struct net *net, const struct own_addr *a)
{
	static const struct ip_addr nobody;
	struct ip_addr group = ip6_solicited_node(&a->prefix.ip);
	struct rte_mbuf *m;
	uint8_t *msg = make(net, ND_SOLICIT, SOLICIT_LEN, &m);

	if (!msg)
		return;
	put_target(msg, &a->prefix.ip);
	send_to_group(net, a->port, &nobody, &group, m);
}

/* From the link-local address; from none, and then without ours of the link, while there is
 * none that may be used (RFC 4861 section 4.1). */
void nd_ask_routers(struct net *net, uint16_t port)
{
	static const struct ip_addr nobody;
	const struct neigh router = {.ip = {.b = {0xfe, 0x80}}, .port = port};
	struct ip_addr group = ip6_all_routers();
	const struct ip_addr *src = asker(net, &router);
	struct rte_mbuf *m;
	uint8_t *msg = make(net, ND_ROUTER_SOLICIT, 8, &m);

	if (!msg)
		return;
	if (src)
		put_mac(m, ND_SOURCE_MAC, mac_of(net, port));
	send_to_group(net, port, src ? src : &nobody, &group, m);
}

/* ---- answers ---- */

static struct rte_mbuf *advertise(struct net *net, const struct own_addr *a, uint8_t flags)
{
	struct rte_mbuf *m;
	uint8_t *msg = make(net, ND_ADVERT, SOLICIT_LEN, &m);

	if (!msg)
		return NULL;
	msg[4] = flags;
	put_target(msg, &a->prefix.ip);
	put_mac(m, ND_TARGET_MAC, mac_of(net, a->port));
	return m;
}

void nd_announce(struct net *net, const struct own_addr *a)
{
	struct rte_mbuf *m = advertise(net, a, ND_ADVERT_OVERRIDE);
	struct ip_addr group = ip6_all_nodes();

	if (m)
		send_to_group(net, a->port, &a->prefix.ip, &group, m);
}

/* To who has no address yet: all nodes hear it (RFC 4861 section 7.2.4). Otherwise to where
 * the asker says that it is, or where it is known to be; who is neither asks again. */
static void answer(struct net *net, const struct own_addr *a, const struct ip_addr *asker_ip,
		   const struct nd_message *nd)
{
	const struct neigh *n = neigh_find(net->neighs, a->port, asker_ip);
	struct rte_mbuf *m;

	if (ip_addr_is_any(asker_ip)) {
		nd_announce(net, a);
		return;
	}
	if (!nd->has_mac && (!n || !neigh_usable(n))) {
		neigh_get(net->neighs, a->port, asker_ip);
		return;
	}
	m = advertise(net, a, ND_ADVERT_SOLICITED | ND_ADVERT_OVERRIDE);
	if (m)
		transmit(net, a->port, &a->prefix.ip, asker_ip, nd->has_mac ? &nd->mac : &n->mac,
			 m);
}

/* ---- what arrives ---- */

/* RFC 4861 section 7.1.1: who has no address asks the group and says no link-layer address. */
static bool is_sound_solicitation(const struct ip_packet *ip, const struct nd_message *nd)
{
	struct ip_addr group = ip6_solicited_node(&nd->target);

	return !ip_addr_is_any(&ip->src) || (!nd->has_mac && ip_addr_eq(&ip->dst, &group));
}

/* Only who asks for us is learned, as with ARP: it is about to send. False: a question that is
 * none. */
static bool take_solicitation(struct net *net, uint16_t port, const struct ip_packet *ip,
			      const struct nd_message *nd, bool handed)
{
	const struct own_addr *a = route_own(net->routes, &nd->target, port);

	if (!is_sound_solicitation(ip, nd))
		return false;
	if (!a)
		return true;
	if (route_own_state(a) == OWN_TENTATIVE && ip_addr_is_any(&ip->src))
		nd_object(net, a); /* two want the same address: neither gets it */
	if (route_own_state(a) != OWN_USABLE)
		return true;
	if (nd->has_mac && route_is_on_link(net->routes, &ip->src, port))
		neigh_heard(net->neighs, port, &ip->src, &nd->mac);
	if (!handed)
		answer(net, a, &ip->src, nd);
	return true;
}

static bool take_advertisement(struct net *net, uint16_t port, const struct ip_packet *ip,
			       const struct nd_message *nd)
{
	const struct own_addr *a = route_own(net->routes, &nd->target, port);
	bool solicited = nd->flags & ND_ADVERT_SOLICITED;

	if (ip_addr_is_any(&ip->src) || (solicited && ip6_is_multicast(&ip->dst)))
		return false;
	if (a && route_own_state(a) == OWN_USABLE)
		return false;
	if (a)
		nd_object(net, a); /* from now on it is a neighbour's as any other */
	neigh_advertised(net->neighs, port, &nd->target, nd->has_mac ? &nd->mac : NULL, solicited,
			 nd->flags & ND_ADVERT_OVERRIDE);
	return true;
}

static bool take_router(struct net *net, uint16_t port, const struct ip_packet *ip,
			const struct nd_message *nd)
{
	if (!zone_is_link_local(&ip->src))
		return false;
	if (nd->has_mac && net->ports->ports[port].router_solicitation)
		neigh_heard(net->neighs, port, &ip->src, &nd->mac);
	nd_take_router(net, port, &ip->src, nd);
	return true;
}

/* False: no message that a sound host or router sends. */
static bool take(struct net *net, uint16_t port, const struct ip_packet *ip, struct nd_message *nd,
		 bool handed)
{
	if (!zone_enter(&nd->target, port))
		return false;
	switch (nd->type) {
	case ND_SOLICIT:
		return take_solicitation(net, port, ip, nd, handed);
	case ND_ADVERT:
		return take_advertisement(net, port, ip, nd);
	case ND_ROUTER_ADVERT:
		return take_router(net, port, ip, nd);
	default:
		return true; /* somebody asks for routers: we are none to it */
	}
}

/* What one worker learns, all must: they have tables of their own. */
static bool concerns_all(const struct net *net, uint16_t port, const struct nd_message *nd)
{
	if (nd->type == ND_SOLICIT)
		return route_own(net->routes, &nd->target, port) != NULL;
	return nd->type != ND_ROUTER_SOLICIT;
}

/* Our own question that some switch sent back is no other host's. */
static bool is_echo(const struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	const uint8_t *msg = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct rte_ether_hdr *eth = (const void *)(msg - ip->hdr_len - RTE_ETHER_HDR_LEN);

	return rte_is_same_ether_addr(&eth->src_addr, mac_of(net, pkt_priv(m)->port));
}

void nd_take(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, bool handed)
{
	uint16_t port = pkt_priv(m)->port;
	struct nd_message nd;

	if (is_echo(net, m, ip) ||
	    pkt_parse_nd(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &nd) < 0 ||
	    !take(net, port, ip, &nd, handed)) {
		net_drop(net, m, CTR_DROP_ND);
		return;
	}
	if (!handed) {
		counter_inc(net->counters, CTR_NET_ND_IN);
		net_rewind(m);
		if (concerns_all(net, port, &nd))
			steer_copy_to_all(net, m);
		/* The kernel hears what its own questions are answered, and whom routers are for.
		 */
		if (nd.type != ND_SOLICIT)
			punt_copy(net, m);
	}
	rte_pktmbuf_free(m);
}
