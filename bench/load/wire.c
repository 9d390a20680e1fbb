/* wire.c - see wire.h. */
#include "wire.h"

#include <rte_arp.h>

#define ARP_FRAME (FRAME_IP + sizeof(struct rte_arp_hdr))

static void write_ether(struct wire *w)
{
	memcpy(w->ether + RTE_ETHER_ADDR_LEN, &w->mac, RTE_ETHER_ADDR_LEN);
	frame_put16(w->ether + 12, RTE_BE16(RTE_ETHER_TYPE_IPV4));
}

void wire_init(struct wire *w, uint16_t port, struct rte_mempool *pool,
	       const struct rte_ether_addr *mac)
{
	memset(w, 0, sizeof(*w));
	w->port = port;
	w->pool = pool;
	if (mac)
		w->mac = *mac;
	else
		rte_eth_macaddr_get(port, &w->mac);
	if (rte_is_zero_ether_addr(&w->mac))
		rte_eth_random_addr(w->mac.addr_bytes);
	/* Frames for an address that is not the device's must reach us too; a device that
	 * cannot do that either passes all of them or has no addresses. */
	if (mac)
		rte_eth_promiscuous_enable(port);
	write_ether(w);
}

void wire_add_range(struct wire *w, uint32_t first, uint32_t n)
{
	struct wire_range *r = w->own[0].n ? &w->own[1] : &w->own[0];

	*r = (struct wire_range){first, n};
}

bool wire_refill(struct wire *w)
{
	if (rte_mempool_get_bulk(w->pool, (void **)w->spare, WIRE_REFILL) != 0) {
		w->no_buffers++;
		return false;
	}
	/* The pool hands out buffers as they were given back: unshared, one segment. */
	w->n_spare = WIRE_REFILL;
	return true;
}

void wire_drain(struct wire *w)
{
	w->n_spare = WIRE_SPARE_MAX / 2;
	rte_mempool_put_bulk(w->pool, (void **)&w->spare[w->n_spare], WIRE_SPARE_MAX / 2);
}

void wire_flush(struct wire *w)
{
	uint32_t at = 0;

	while (at < w->n_tx) {
		uint16_t n = rte_eth_tx_burst(w->port, 0, w->tx + at, (uint16_t)(w->n_tx - at));

		if (n == 0)
			break;
		at += n;
	}
	w->frames_out += at;
	w->n_tx -= at;
	if (unlikely(w->n_tx))
		memmove(w->tx, w->tx + at, w->n_tx * sizeof(w->tx[0]));
}

/* ---- ARP (RFC 826) ---- */

void wire_learn_peer(struct wire *w, const uint8_t mac[RTE_ETHER_ADDR_LEN])
{
	memcpy(w->ether, mac, RTE_ETHER_ADDR_LEN);
	w->peer_known = true;
}

static bool is_own(const struct wire *w, uint32_t ip)
{
	return ip - w->own[0].first < w->own[0].n || ip - w->own[1].first < w->own[1].n;
}

static void send_arp(struct wire *w, uint16_t op, uint32_t own, uint32_t whom,
		     const struct rte_ether_addr *to)
{
	struct rte_mbuf *m = wire_room(w) ? wire_alloc(w) : NULL;
	struct rte_arp_hdr arp = {
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = rte_cpu_to_be_16(op),
	};
	struct rte_ether_hdr ether = {.src_addr = w->mac,
				      .ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP)};
	uint8_t *p;

	if (!m)
		return;
	arp.arp_data.arp_sha = w->mac;
	arp.arp_data.arp_sip = rte_cpu_to_be_32(own);
	arp.arp_data.arp_tip = rte_cpu_to_be_32(whom);
	if (to) {
		ether.dst_addr = arp.arp_data.arp_tha = *to;
	} else {
		memset(&ether.dst_addr, 0xff, sizeof(ether.dst_addr));
	}
	p = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(p, &ether, sizeof(ether));
	memcpy(p + FRAME_IP, &arp, sizeof(arp));
	wire_send(w, m, ARP_FRAME);
}

void wire_arp(struct wire *w, const uint8_t *p, uint32_t len)
{
	struct rte_arp_hdr arp;
	uint32_t target;

	if (len < ARP_FRAME)
		return;
	memcpy(&arp, p + FRAME_IP, sizeof(arp));
	target = rte_be_to_cpu_32(arp.arp_data.arp_tip);
	if (arp.arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) || !is_own(w, target))
		return;
	if (arp.arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST))
		send_arp(w, RTE_ARP_OP_REPLY, target, rte_be_to_cpu_32(arp.arp_data.arp_sip),
			 &arp.arp_data.arp_sha);
	else if (arp.arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY))
		wire_learn_peer(w, arp.arp_data.arp_sha.addr_bytes);
}

void wire_arp_ask(struct wire *w, uint32_t own, uint32_t whom)
{
	send_arp(w, RTE_ARP_OP_REQUEST, own, whom, NULL);
}
