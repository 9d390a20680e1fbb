/* tx.c - frames on their way out: collected per port, handed to the device, or to the worker
 * that owns the queue, in bursts. What a busy device does not take waits here, and TCP is held
 * back meanwhile (net_tx_busy): dropping it would cost a retransmission each. */
#include "context.h"

#include <string.h>

#include <rte_ethdev.h>

#include "capture.h"
#include "vlan.h"

struct rte_mbuf *tx_alloc(struct net *net)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(net->ports->pool);

	if (!m)
		counter_inc(net->counters, CTR_DROP_NO_MBUF);
	return m;
}

/* What was left of an earlier attempt has been seen. */
static __rte_noinline void show(struct net *net, const struct port *port, struct txq *q)
{
	unsigned seen = RTE_MIN(q->seen, q->n);

	capture_burst(net, q->pkts + seen, q->n - seen, (unsigned)(port - net->ports->ports), true);
	q->seen = 0;
}

/* Sent mbufs are the device's: their lengths are summed before. Another attempt may find room
 * that the first one made. */
static unsigned send_burst(struct net *net, const struct port *port, struct txq *q)
{
	unsigned sent = 0, n;
	int64_t bytes = 0;

	for (unsigned i = 0; i < q->n; i++)
		bytes += q->pkts[i]->pkt_len;
	if (unlikely(net->capture))
		show(net, port, q);
	do {
		n = rte_eth_tx_burst(port->id, (uint16_t)net->worker, q->pkts + sent,
				     (uint16_t)(q->n - sent));
		sent += n;
	} while (n && sent < q->n);
	for (unsigned i = sent; i < q->n; i++)
		bytes -= q->pkts[i]->pkt_len;
	counter_add(net->counters, CTR_NET_TX_PACKETS, sent);
	counter_add(net->counters, CTR_NET_TX_BYTES, bytes);
	return sent;
}

/* The owner of the queue counts them as sent. */
static unsigned send_relayed(struct net *net, const struct port *port, struct txq *q)
{
	unsigned sent =
		rte_ring_sp_enqueue_burst(port->relay[net->worker], (void **)q->pkts, q->n, NULL);

	steer_wake(net, net->worker % port->n_txq);
	return sent;
}

/* Not a busy device but one that is gone: its frames are stale. */
static __rte_noinline void drop_stalled(struct net *net, struct txq *q)
{
	for (unsigned i = 0; i < q->n; i++)
		net_drop(net, q->pkts[i], CTR_DROP_TX_FULL);
	q->n = 0;
}

static void flush_port(struct net *net, unsigned i)
{
	const struct port *port = &net->ports->ports[i];
	struct txq *q = &net->tx[i];
	unsigned sent;

	if (port->relay[net->worker])
		sent = send_relayed(net, port, q);
	else
		sent = send_burst(net, port, q);
	q->n = (uint16_t)(q->n - sent);
	if (likely(q->n == 0))
		return;
	if (sent)
		q->moved_us = net->now_us;
	q->seen = net->capture ? q->n : 0;
	memmove(q->pkts, q->pkts + sent, q->n * sizeof(q->pkts[0]));
	if (net->now_us - q->moved_us > TX_STALL_US)
		drop_stalled(net, q);
}

bool tx_flush(struct net *net)
{
	bool left = false;

	for (unsigned i = 0; i < net->ports->n_ports; i++) {
		struct txq *q = &net->tx[i];

		if (q->n)
			flush_port(net, i);
		left |= q->n > 0;
	}
	return left;
}

bool net_tx_busy(const struct net *net)
{
	for (unsigned i = 0; i < net->ports->n_ports; i++)
		if (net->tx[i].n > TXQ_SIZE / 2)
			return true;
	return false;
}

/* The device takes no chains: everything goes into one fresh mbuf. */
static __attribute__((noinline)) struct rte_mbuf *flatten(struct net *net, struct rte_mbuf *m)
{
	struct rte_mbuf *flat = rte_pktmbuf_copy(m, net->ports->pool, 0, UINT32_MAX);

	if (flat && flat->nb_segs > 1) {
		rte_pktmbuf_free(flat);
		flat = NULL;
	}
	if (flat) {
		flat->ol_flags = m->ol_flags;
		flat->tx_offload = m->tx_offload;
		rte_pktmbuf_free(m);
	} else {
		net_drop(net, m, CTR_DROP_NO_MBUF);
	}
	return flat;
}

void tx_push(struct net *net, uint16_t port, struct rte_mbuf *m)
{
	struct txq *q = &net->tx[port];

	if (unlikely(m->nb_segs > 1 && !net->ports->ports[port].tx_chains)) {
		m = flatten(net, m);
		if (!m)
			return;
	}
	if (unlikely(q->n == TXQ_SIZE)) {
		net_drop(net, m, CTR_DROP_TX_FULL);
		return;
	}
	if (q->n == 0)
		q->moved_us = net->now_us;
	q->pkts[q->n++] = m;
	if (q->n % TX_BURST == 0)
		flush_port(net, port);
}

void tx_push_frame(struct net *net, uint16_t port, struct rte_mbuf *m)
{
	const struct port *p = &net->ports->ports[port];

	if (unlikely(p->vlan)) {
		m = vlan_push(net, port, m);
		if (!m)
			return;
	}
	tx_push(net, p->dev, m);
}

void tx_push_ether(struct net *net, uint16_t port, const struct rte_ether_addr *dst,
		   uint16_t type_be, struct rte_mbuf *m)
{
	struct rte_ether_hdr eth = {
		.dst_addr = *dst, .src_addr = net->ports->ports[port].mac, .ether_type = type_be};

	/* Copied, for a payload sent in place may start at any address. */
	memcpy(rte_pktmbuf_prepend(m, sizeof(eth)), &eth, sizeof(eth));
	tx_push_frame(net, port, m);
}

static void take_ring(struct net *net, uint16_t port, struct rte_ring *ring)
{
	struct rte_mbuf *m[NET_BURST];
	unsigned n = rte_ring_sc_dequeue_burst(ring, (void **)m, NET_BURST, NULL);

	net->work |= n > 0;
	for (unsigned i = 0; i < n; i++)
		tx_push(net, port, m[i]);
}

void tx_take_relayed(struct net *net)
{
	for (unsigned i = 0; i < net->ports->n_ports; i++) {
		const struct port *port = &net->ports->ports[i];

		if (net->worker >= port->n_txq)
			continue;
		for (unsigned w = net->worker + port->n_txq; w < net->ports->n_workers;
		     w += port->n_txq)
			take_ring(net, (uint16_t)i, port->relay[w]);
	}
}
