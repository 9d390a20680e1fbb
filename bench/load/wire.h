/* wire.h - one port: bursts in and out, packet buffers at hand, ARP.
 *
 * A port has one neighbour, whose link-layer address is learnt by asking or from what it sends.
 * Buffers of received frames are used again for those that are sent, while they are warm. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "frame.h"

#define WIRE_BURST     64
#define WIRE_TX_MAX    1024
#define WIRE_SPARE_MAX 512
#define WIRE_REFILL    64

/* Consecutive addresses of ours. */
struct wire_range {
	uint32_t first; /* host order */
	uint32_t n;
};

struct wire {
	uint16_t port;
	uint32_t n_tx, n_spare;
	struct rte_mempool *pool;
	uint8_t ether[16]; /* the header of what we send; two bytes of slack */
	bool peer_known;
	struct rte_ether_addr mac;
	struct wire_range own[2];
	uint32_t verify_turn;
	uint64_t checksum_errors, tx_drops, no_buffers, frames_in, frames_out;
	struct rte_mbuf *tx[WIRE_TX_MAX];
	struct rte_mbuf *spare[WIRE_SPARE_MAX];
};

/* mac: NULL to use the device's, or one made up when it has none. */
void wire_init(struct wire *w, uint16_t port, struct rte_mempool *pool,
	       const struct rte_ether_addr *mac);

/* Answers ARP for these too. */
void wire_add_range(struct wire *w, uint32_t first, uint32_t n);

static inline uint16_t wire_rx(struct wire *w, struct rte_mbuf **pkts)
{
	return rte_eth_rx_burst(w->port, 0, pkts, WIRE_BURST);
}

/* Fetches buffers from the pool; false when it is empty. */
bool wire_refill(struct wire *w);
/* Gives half of the spare buffers back. */
void wire_drain(struct wire *w);

/* An empty buffer, or NULL. */
static inline struct rte_mbuf *wire_alloc(struct wire *w)
{
	struct rte_mbuf *m;

	if (unlikely(w->n_spare == 0) && !wire_refill(w))
		return NULL;
	m = w->spare[--w->n_spare];
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->ol_flags = 0;
	return m;
}

/* Takes a received buffer that nobody needs any more. */
static inline void wire_recycle(struct wire *w, struct rte_mbuf *m)
{
	if (unlikely(m->next || rte_mbuf_refcnt_read(m) != 1)) {
		rte_pktmbuf_free(m);
		return;
	}
	if (unlikely(w->n_spare == WIRE_SPARE_MAX))
		wire_drain(w);
	w->spare[w->n_spare++] = m;
}

/* Frames that can be queued before the next flush. */
static inline uint32_t wire_room(const struct wire *w)
{
	return WIRE_TX_MAX - w->n_tx;
}

/* Takes m, a frame of len bytes. There must be room. */
static inline void wire_send(struct wire *w, struct rte_mbuf *m, uint32_t len)
{
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	w->tx[w->n_tx++] = m;
}

/* Hands what is queued to the device; what it does not take stays queued. */
void wire_flush(struct wire *w);

/* Reads an ARP message: answers requests for our addresses, learns from answers. */
void wire_arp(struct wire *w, const uint8_t *p, uint32_t len);
/* Asks who has an address; both in host order. */
void wire_arp_ask(struct wire *w, uint32_t own, uint32_t whom);
void wire_learn_peer(struct wire *w, const uint8_t mac[RTE_ETHER_ADDR_LEN]);
