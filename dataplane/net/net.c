/* net.c - one worker's pass over the wire: poll, steer, sort by protocol, flush. */
#include "context.h"

#include <stdlib.h>

#include <rte_ethdev.h>

#include "bond.h"
#include "capture.h"
#include "frag.h"
#include "frag_ip.h"
#include "pkt6.h"
#include "punt.h"
#include "vlan.h"
#include "zone.h"

/* The reason to drop a frame, or CTR_COUNT. */
static enum counter_id check_frame(const struct net *net, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth;

	if (unlikely(m->nb_segs > 1) && rte_pktmbuf_linearize(m) != 0)
		return CTR_DROP_ETH_LONG;
	if (m->data_len < sizeof(*eth))
		return CTR_DROP_ETH_SHORT;
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		return CTR_DROP_ETH_TYPE;
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	if (!rte_is_same_ether_addr(&eth->dst_addr, &net->ports->ports[pkt_priv(m)->port].mac) &&
	    !rte_is_broadcast_ether_addr(&eth->dst_addr) &&
	    !nd_is_group_mac(net, pkt_priv(m)->port, &eth->dst_addr))
		return CTR_DROP_ETH_DST;
	return CTR_COUNT;
}

/* A group's frames may be for the kernel: routing protocols speak to groups. */
static __rte_noinline void refuse_frame(struct net *net, struct rte_mbuf *m, enum counter_id why)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	if (why == CTR_DROP_ETH_DST && rte_is_multicast_ether_addr(&eth->dst_addr))
		punt_or_drop(net, m, why);
	else
		net_drop(net, m, why);
}

static bool take_ipv6(struct net *net, struct rte_mbuf *m, bool handed)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	bool to_group = rte_is_multicast_ether_addr(&eth->dst_addr);

	if (!net->routes->v6[pkt_priv(m)->port]) {
		punt_or_drop(net, m, CTR_DROP_ETH_TYPE);
		return false;
	}
	rte_pktmbuf_adj(m, sizeof(*eth));
	return ip6_take(net, m, to_group, handed);
}

/* Takes a frame. True: it was TCP, lies in m and is the caller's. */
static bool take_frame(struct net *net, struct rte_mbuf *m, bool handed)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	enum counter_id why = check_frame(net, m);

	if (why != CTR_COUNT) {
		refuse_frame(net, m, why);
		return false;
	}
	switch (eth->ether_type) {
	case RTE_BE16(RTE_ETHER_TYPE_IPV4):
		rte_pktmbuf_adj(m, sizeof(*eth));
		return ip_take(net, m, rte_is_broadcast_ether_addr(&eth->dst_addr));
	case RTE_BE16(RTE_ETHER_TYPE_IPV6):
		return take_ipv6(net, m, handed);
	case RTE_BE16(RTE_ETHER_TYPE_ARP):
		arp_take(net, m, handed);
		return false;
	default:
		punt_or_drop(net, m, CTR_DROP_ETH_TYPE);
		return false;
	}
}

static unsigned take_burst(struct net *net, struct rte_mbuf **frames, unsigned n, bool handed,
			   struct rte_mbuf **pkts)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		if (take_frame(net, frames[i], handed))
			pkts[taken++] = frames[i];
	return taken;
}

static void note_received(struct net *net, unsigned port, struct rte_mbuf **frames, unsigned n)
{
	int64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void *));
	for (unsigned i = 0; i < n; i++) {
		bytes += frames[i]->pkt_len;
		pkt_priv(frames[i])->port = (uint16_t)port;
		pkt_priv(frames[i])->frame_off = frames[i]->data_off;
	}
	counter_add(net->counters, CTR_NET_RX_PACKETS, n);
	counter_add(net->counters, CTR_NET_RX_BYTES, bytes);
	net->work = true;
}

/* Receives from this worker's queues of one port into pkts. */
static unsigned poll_port(struct net *net, unsigned i, struct rte_mbuf **pkts, unsigned max)
{
	const struct port *port = &net->ports->ports[i];
	struct rte_mbuf *frames[NET_BURST];
	unsigned taken = 0;

	for (unsigned q = net->worker; q < port->n_rxq && taken < max; q += net->ports->n_workers) {
		unsigned n = rte_eth_rx_burst(port->id, (uint16_t)q, frames,
					      (uint16_t)RTE_MIN(max - taken, NET_BURST));

		if (n == 0)
			continue;
		note_received(net, i, frames, n);
		if (unlikely(net->capture))
			capture_burst(net, frames, n, i, false);
		if (unlikely(port->tagged))
			n = vlan_sort(net, i, frames, n);
		n = steer_burst(net, frames, n);
		taken += take_burst(net, frames, n, false, pkts + taken);
	}
	return taken;
}

static unsigned poll_rings(struct net *net, struct rte_mbuf **pkts, unsigned max)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n = steer_take(net, frames, RTE_MIN(max, NET_BURST));

	net->work |= n > 0;
	return take_burst(net, frames, n, true, pkts);
}

static void set_now(struct net *net, uint64_t now_us)
{
	net->now_us = now_us;
	neigh_set_now(net->neighs, now_us);
}

unsigned net_rx(struct net *net, uint64_t now_us, struct rte_mbuf **pkts, unsigned max, bool *work)
{
	unsigned n_ports = net->ports->n_ports, n;

	set_now(net, now_us);
	net->work = false;
	net->capture = __atomic_load_n(&net->ports->capture, __ATOMIC_ACQUIRE);
	tx_take_relayed(net);
	if (net->owns_punt)
		punt_take(net);
	n = poll_rings(net, pkts, max);
	/* Another port is first each time, so that none is starved by a small max. */
	for (unsigned i = 0; i < n_ports && n < max; i++)
		n += poll_port(net, (net->first_port + i) % n_ports, pkts + n, max - n);
	net->first_port++;
	steer_flush(net);
	*work |= net->work;
	return n;
}

bool net_flush(struct net *net)
{
	return tx_flush(net);
}

static void tell_failures(struct net *net)
{
	unsigned n = net->n_failures;

	net->n_failures = 0;
	for (unsigned i = 0; i < n; i++) {
		struct failure f = net->failures[i];

		net->ops->unreachable(net->owner, &f.local, &f.remote);
	}
}

void net_timers(struct net *net, uint64_t now_us)
{
	set_now(net, now_us);
	neigh_turn(net->neighs);
	if (unlikely(net->n_failures))
		tell_failures(net);
	if (unlikely(net->frags && frag_count(net->frags)))
		frag_turn(net);
	if (unlikely(now_us >= net->bond_us))
		bond_turn(net);
	if (now_us >= net->announce_us) {
		arp_announce(net);
		net->announced++;
		net->announce_us =
			net->announced < ANNOUNCEMENTS ? now_us + ANNOUNCE_US : UINT64_MAX;
	}
	if (now_us >= net->nd_us)
		nd_turn(net);
}

uint64_t net_next_timer(const struct net *net)
{
	uint64_t frags_us = net->frags ? frag_next_timer(net->frags) : UINT64_MAX;
	uint64_t own_us = RTE_MIN(RTE_MIN(net->announce_us, net->nd_us), net->bond_us);

	if (net->n_failures)
		return 0;
	return RTE_MIN(RTE_MIN(own_us, frags_us), neigh_next_timer(net->neighs));
}

const struct ip_route *net_find_route(const struct net *net, const struct ip_addr *dst)
{
	const struct ip_route *r = route_find(net->routes, dst);

	if (r || ip_addr_is_v4(dst) || zone_is_link_local(dst))
		return r;
	return nd_default_route(net);
}

/* Any way may give the source; what is sent from it then goes by the ways that suit it. */
bool net_route(const struct net *net, const struct ip_addr *dst, struct ip_addr *src, uint16_t *mtu)
{
	static const struct ip_addr none;
	const struct ip_route *r = net_find_route(net, dst);

	if (!r)
		return false;
	r = route_way(r, &none, net_hash(net, dst, 0), 0);
	*mtu = ip_addr_is_v4(dst) ? net->ports->ports[r->port].mtu : nd_mtu(net, r->port);
	return route_source(net->routes, r, src);
}

uint16_t net_ipv6_mtu(const struct net *net)
{
	uint16_t least = 0;

	for (unsigned i = 0; i < net->ports->n_ports; i++) {
		uint16_t mtu = net->ports->ports[i].mtu;

		if (net->routes->v6[i] && (!least || mtu < least))
			least = mtu;
	}
	return least;
}

bool net_is_local(const struct net *net, const struct ip_addr *ip)
{
	return route_is_own(net->routes, ip);
}

bool net_scattered_tx(const struct net *net)
{
	for (unsigned i = 0; i < net->ports->n_ports; i++)
		if (!net->ports->ports[i].tx_chains)
			return false;
	return true;
}

struct net *net_create(struct net_ports *ports, unsigned worker, const struct net_ops *ops,
		       void *owner, struct counters *counters)
{
	struct net *net = calloc(1, sizeof(*net));

	if (!net)
		return NULL;
	net->ports = ports;
	net->routes = &ports->routes;
	net->worker = worker;
	net->ops = ops;
	net->owner = owner;
	net->counters = counters;
	net->icmp_tokens = ICMP_BURST;
	net->owns_punt = worker == 0 && ports->punt;
	net->announce_us = worker == 0 ? 0 : UINT64_MAX; /* one voice is enough */
	net->nd_us = worker == 0 ? 0 : UINT64_MAX;
	net->bond_us = worker == 0 ? 0 : UINT64_MAX;
	for (unsigned i = 0; i < WEIR_PORTS_MAX; i++)
		net->bond_active[i] = RTE_MAX_ETHPORTS;
	net->neighs = neigh_table_create(&ip_neigh_ops, net, counters, 0);
	net->nd = nd_create(net);
	if (ports->reassemble)
		net->frags = frag_table_create(ports->pool, counters, ports->steer_seed);
	if (!net->neighs || !net->nd || (ports->reassemble && !net->frags)) {
		net_destroy(net);
		return NULL;
	}
	return net;
}

void net_destroy(struct net *net)
{
	if (!net)
		return;
	neigh_table_destroy(net->neighs);
	frag_table_destroy(net->frags);
	nd_destroy(net->nd);
	for (unsigned i = 0; i < net->ports->n_ports; i++)
		rte_pktmbuf_free_bulk(net->tx[i].pkts, net->tx[i].n);
	for (unsigned i = 0; i < net->ports->n_workers; i++)
		rte_pktmbuf_free_bulk(net->handovers[i].pkts, net->handovers[i].n);
	free(net);
}
