/* vlan.c - see vlan.h. Stacked tags (802.1ad) are refused: no interface has two. */
#include "vlan.h"

#include "context.h"
#include "pkt.h"

#define VID_MASK 0xfffu
#define MACS     (2 * RTE_ETHER_ADDR_LEN)

/* The tag of a frame, taken off it; 0 when it has none, or one that only has a priority. */
static uint16_t take_tag(struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t vid;

	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		m->ol_flags &= ~(RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_VLAN);
		return m->vlan_tci & VID_MASK;
	}
	if (m->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN || p[MACS] != 0x81 || p[MACS + 1] != 0)
		return 0;
	vid = (uint16_t)((p[MACS + 2] << 8 | p[MACS + 3]) & VID_MASK);
	memmove(p + RTE_VLAN_HLEN, p, MACS);
	rte_pktmbuf_adj(m, RTE_VLAN_HLEN);
	return vid;
}

static bool is_tagged(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return m->data_len >= RTE_ETHER_HDR_LEN &&
	       ((p[MACS] == 0x81 && p[MACS + 1] == 0) || (p[MACS] == 0x88 && p[MACS + 1] == 0xa8));
}

/* The interface of this tag on the device; n_ports: there is none. */
static unsigned find_port(const struct net_ports *ports, unsigned dev, uint16_t vid)
{
	unsigned i;

	for (i = 0; i < ports->n_ports; i++)
		if (ports->ports[i].dev == dev && ports->ports[i].vlan == vid)
			break;
	return i;
}

__rte_noinline unsigned vlan_sort(struct net *net, unsigned dev, struct rte_mbuf **frames,
				  unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		unsigned port = find_port(net->ports, dev, take_tag(m));

		if (port == net->ports->n_ports || is_tagged(m)) {
			net_drop(net, m, CTR_DROP_ETH_VLAN);
			continue;
		}
		pkt_priv(m)->port = (uint16_t)port;
		pkt_priv(m)->frame_off = m->data_off;
		frames[kept++] = m;
	}
	return kept;
}

/* Offsets for offloads count from the frame's start. */
static bool insert_tag(struct rte_mbuf *m, uint16_t vid)
{
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, RTE_VLAN_HLEN);

	if (!p)
		return false;
	memmove(p, p + RTE_VLAN_HLEN, MACS);
	p[MACS] = 0x81;
	p[MACS + 1] = 0;
	p[MACS + 2] = (uint8_t)(vid >> 8);
	p[MACS + 3] = (uint8_t)vid;
	if (m->ol_flags & RTE_MBUF_F_TX_L4_MASK)
		m->l2_len += RTE_VLAN_HLEN;
	return true;
}

__rte_noinline struct rte_mbuf *vlan_push(struct net *net, unsigned port, struct rte_mbuf *m)
{
	const struct port *p = &net->ports->ports[port];

	if (p->tx_vlan) {
		m->vlan_tci = p->vlan;
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		return m;
	}
	if (insert_tag(m, p->vlan))
		return m;
	net_drop(net, m, CTR_DROP_NO_MBUF);
	return NULL;
}
