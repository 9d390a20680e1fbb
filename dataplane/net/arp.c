/* arp.c - ARP for IPv4 over Ethernet (RFC 826): questions, answers, announcements (RFC 5227). */
#include "context.h"

#include "pkt.h"
#include "punt.h"

static void send_arp(struct net *net, uint16_t port, uint16_t opcode, const struct ip_addr *sender,
		     const struct rte_ether_addr *target_mac, const struct ip_addr *target,
		     const struct rte_ether_addr *to)
{
	struct rte_mbuf *m = tx_alloc(net);
	struct rte_arp_hdr *arp;

	if (!m)
		return;
	arp = (struct rte_arp_hdr *)rte_pktmbuf_append(m, ARP_LEN);
	arp->arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = RTE_ETHER_ADDR_LEN;
	arp->arp_plen = 4;
	arp->arp_opcode = rte_cpu_to_be_16(opcode);
	arp->arp_data.arp_sha = net->ports->ports[port].mac;
	arp->arp_data.arp_sip = ip_addr_to_v4(sender);
	arp->arp_data.arp_tha = *target_mac;
	arp->arp_data.arp_tip = ip_addr_to_v4(target);
	counter_inc(net->counters, CTR_NET_ARP_OUT);
	tx_push_ether(net, port, to, RTE_BE16(RTE_ETHER_TYPE_ARP), m);
}

static const struct rte_ether_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
static const struct rte_ether_addr unknown;

/* The sender is an address of the port that the neighbour can answer to: the one whose
 * prefix it is in, or the first. */
static const struct ip_addr *asker(const struct net *net, const struct neigh *n)
{
	const struct own_addr *first = NULL;

	for (unsigned i = 0; i < net->routes->n_addrs; i++) {
		const struct own_addr *a = &net->routes->addrs[i];

		if (a->port != n->port || !ip_addr_is_v4(&a->prefix.ip))
			continue;
		if (ip_prefix_contains(&a->prefix, &n->ip))
			return &a->prefix.ip;
		if (!first)
			first = a;
	}
	return first ? &first->prefix.ip : NULL;
}

void arp_solicit(struct net *net, const struct neigh *n, bool unicast)
{
	const struct ip_addr *sender = asker(net, n);

	if (sender)
		send_arp(net, n->port, RTE_ARP_OP_REQUEST, sender, &unknown, &n->ip,
			 unicast ? &n->mac : &broadcast);
}

void arp_announce(struct net *net)
{
	for (unsigned i = 0; i < net->routes->n_addrs; i++) {
		const struct own_addr *a = &net->routes->addrs[i];

		if (ip_addr_is_v4(&a->prefix.ip))
			send_arp(net, a->port, RTE_ARP_OP_REQUEST, &a->prefix.ip, &unknown,
				 &a->prefix.ip, &broadcast);
	}
}

/* Only a request to us makes an entry: who asks is about to send. Anything else may at most
 * refresh what we already know. Off-link senders and conflicts with our own addresses teach
 * nothing. */
static void learn(struct net *net, uint16_t port, const struct arp_message *arp, bool to_us)
{
	if (!route_is_on_link(net->routes, &arp->sender, port) ||
	    route_is_broadcast(net->routes, &arp->sender))
		return;
	neigh_learn(net->neighs, port, &arp->sender, &arp->sender_mac, arp->request && to_us);
}

void arp_take(struct net *net, struct rte_mbuf *m, bool handed)
{
	uint16_t port = pkt_priv(m)->port;
	struct arp_message arp;
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	int n = pkt_parse_arp(frame + RTE_ETHER_HDR_LEN, m->data_len - RTE_ETHER_HDR_LEN, &arp);
	bool to_us;

	if (n < 0 || route_is_own(net->routes, &arp.sender)) {
		net_drop(net, m, CTR_DROP_ARP);
		return;
	}
	to_us = route_is_own_of(net->routes, &arp.target, port);
	learn(net, port, &arp, to_us);
	if (!handed) {
		counter_inc(net->counters, CTR_NET_ARP_IN);
		if (to_us || ip_addr_eq(&arp.sender, &arp.target))
			steer_copy_to_all(net, m);
		if (!arp.request) /* requests are answered here, for both */
			punt_copy(net, m);
		if (to_us && arp.request)
			send_arp(net, port, RTE_ARP_OP_REPLY, &arp.target, &arp.sender_mac,
				 &arp.sender, &arp.sender_mac);
	}
	rte_pktmbuf_free(m);
}
