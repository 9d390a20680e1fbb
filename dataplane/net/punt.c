/* punt.c - a worker's side of the exception path, and which frames may use the end of a queue. */
#include "punt.h"

#include <sys/eventfd.h>

#include <rte_ring.h>

#include "context.h"
#include "pkt.h"
#include "punt_thread.h"

#define PROTO_PIM   103
#define PROTO_OSPF  89
#define PROTO_VRRP  112
#define PORT_BGP    RTE_BE16(179)
#define PORT_BFD    RTE_BE16(3784)
#define PORT_ECHO   RTE_BE16(3785)
#define PORT_BFD_MH RTE_BE16(4784)

bool punt_wants(const struct net *net, struct rte_mbuf *m)
{
	return net->ports->ports[pkt_priv(m)->port].punted;
}

/* What keeps neighbours and routes: a flood of anything else leaves half a queue for it. l4: at
 * least 4 bytes. */
static bool is_routing(uint8_t proto, const uint8_t *l4)
{
	uint16_t port[2];

	memcpy(port, l4, sizeof(port));
	if (proto == IPPROTO_TCP)
		return port[0] == PORT_BGP || port[1] == PORT_BGP;
	if (proto == IPPROTO_UDP)
		return port[1] == PORT_BFD || port[1] == PORT_ECHO || port[1] == PORT_BFD_MH;
	return proto == PROTO_OSPF || proto == PROTO_VRRP || proto == PROTO_PIM;
}

/* A frame that is neither IPv4 nor IPv6 is a routing or link protocol's. */
static bool is_precious(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct rte_ether_hdr *eth = (const void *)p;
	uint32_t hdr;

	p += sizeof(*eth);
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		hdr = (p[0] & 15u) * 4;
		return m->data_len >= sizeof(*eth) + hdr + 4 && is_routing(p[9], p + hdr);
	}
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return m->data_len >= sizeof(*eth) + 44 && is_routing(p[6], p + 40);
	return true;
}

/* Takes a frame. */
static void enqueue(struct net *net, struct rte_mbuf *m)
{
	struct punt *punt = net->ports->punt;
	struct rte_ring *ring = punt->ports[pkt_priv(m)->port].up;

	if ((rte_ring_count(ring) >= PUNT_QUEUE / 2 && !is_precious(m)) ||
	    rte_ring_mp_enqueue(ring, m) != 0) {
		net_drop(net, m, CTR_DROP_PUNT_FULL);
		return;
	}
	counter_inc(net->counters, CTR_NET_PUNT_UP);
	punt_wake(punt);
}

__rte_noinline void punt_or_drop(struct net *net, struct rte_mbuf *m, enum counter_id why)
{
	if (!punt_wants(net, m)) {
		net_drop(net, m, why);
		return;
	}
	net_rewind(m);
	enqueue(net, m);
}

__rte_noinline void punt_copy(struct net *net, struct rte_mbuf *m)
{
	struct rte_mbuf *copy;

	if (!punt_wants(net, m))
		return;
	copy = rte_pktmbuf_copy(m, net->ports->pool, 0, UINT32_MAX);
	if (!copy) {
		counter_inc(net->counters, CTR_DROP_NO_MBUF);
		return;
	}
	*pkt_priv(copy) = *pkt_priv(m);
	pkt_priv(copy)->frame_off = copy->data_off; /* m is at its frame's start */
	enqueue(net, copy);
}

bool net_punt_tcp(struct net *net, struct rte_mbuf *m)
{
	if (!punt_wants(net, m) || !route_is_own(net->routes, &pkt_priv(m)->dst))
		return false;
	punt_or_drop(net, m, CTR_DROP_TCP_CLOSED);
	return true;
}

bool net_punts(const struct net *net)
{
	return net->ports->punt != NULL;
}

bool punt_pending(const struct net *net)
{
	return net->worker == 0 && net->ports->punt && !rte_ring_empty(net->ports->punt->down);
}

/* The thread has no counters of its own. */
static void count_lost(struct net *net, struct punt *punt)
{
	uint64_t lost = __atomic_exchange_n(&punt->lost, 0, __ATOMIC_RELAXED);

	counter_add(net->counters, CTR_DROP_PUNT_LOST, (int64_t)lost);
}

__rte_noinline void punt_take(struct net *net)
{
	struct punt *punt = net->ports->punt;
	struct rte_mbuf *m[NET_BURST];
	unsigned n = rte_ring_sc_dequeue_burst(punt->down, (void **)m, NET_BURST, NULL);

	net->work |= n > 0;
	counter_add(net->counters, CTR_NET_PUNT_DOWN, n);
	for (unsigned i = 0; i < n; i++)
		tx_push_frame(net, pkt_priv(m[i])->port, m[i]);
	if (__atomic_load_n(&punt->lost, __ATOMIC_RELAXED))
		count_lost(net, punt);
}
