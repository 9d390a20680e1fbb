/* rxtx.c - cycles per frame between the device and TCP: net_rx() from the burst to checked
 * segments, net_tx_tcp() and net_flush() from segments to the device.
 *
 * 64 and 1500 are bytes of IP packet. "checked" and "offload": a device has verified, or will
 * compute, the checksums; without, they are done in software. The device is a ring, which costs
 * next to nothing itself. */
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <net/cksum.h>
#include <net/net.h>
#include <net/pkt.h>
#include <net/port.h>

#include "bench.h"
#include "wire.h"

#define BURST     NET_BURST
#define PEER_IP   0xc6120001u /* 198.18.0.1 */
#define NOW_US    1000000
#define PATH_SIZE 64
#define SMALL     64u
#define FULL      1500u

static const struct rte_ether_addr peer_mac = {{2, 0, 0, 0, 0, 1}};

struct link {
	struct counters counters;
	struct dataplane_config cfg;
	struct net_ports *ports;
	struct rte_mempool *pool;
	struct net *net;
	struct rte_ring *wire;
	struct net_addr local, remote;
	unsigned len;    /* of IP packets */
	uint64_t flags;  /* what the device says of received frames */
	unsigned n_sent; /* by the last run */
	struct rte_mbuf *pkts[2 * BURST];
	uint64_t path[PATH_SIZE / 8];
};

/* ---- what the layer above would say ---- */

static void icmp_error(void *owner, const struct net_addr *local, const struct net_addr *remote,
		       uint32_t seq, bool hard, uint16_t mtu)
{
	(void)owner;
	(void)local;
	(void)remote;
	(void)seq;
	(void)hard;
	(void)mtu;
}

static void unreachable(void *owner, const struct net_addr *local, const struct net_addr *remote)
{
	(void)owner;
	(void)local;
	(void)remote;
	bench_require(false, "the neighbour is known");
}

static bool captures(void *owner, const struct net_addr *local, const struct net_addr *remote)
{
	(void)owner;
	(void)local;
	(void)remote;
	return false;
}

static const struct net_ops ops = {
	.icmp_error = icmp_error, .unreachable = unreachable, .captures = captures};

/* ---- frames ---- */

static struct rte_mbuf *alloc(struct link *l)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->pool);

	bench_require(m != NULL, "packets");
	return m;
}

static void put_ether(struct link *l, void *to, uint16_t type_be)
{
	*(struct rte_ether_hdr *)to =
		(struct rte_ether_hdr){l->ports->ports[0].mac, peer_mac, type_be};
}

/* The peer asks who we are, which is how we learn of it. */
static void introduce_peer(struct link *l)
{
	struct rte_mbuf *m = alloc(l);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;
	bool work;

	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*arp));
	put_ether(l, eth, RTE_BE16(RTE_ETHER_TYPE_ARP));
	arp = (struct rte_arp_hdr *)(eth + 1);
	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
		.arp_data = {.arp_sha = peer_mac,
			     .arp_sip = rte_cpu_to_be_32(PEER_IP),
			     .arp_tip = rte_cpu_to_be_32(WIRE_IP)},
	};
	rte_ring_enqueue(l->wire, m);
	bench_require(net_rx(l->net, NOW_US, l->pkts, BURST, &work) == 0, "ARP is not for TCP");
	net_flush(l->net);
}

static void put_ip(const struct link *l, struct rte_ipv4_hdr *ip)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)l->len),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(PEER_IP),
		.dst_addr = rte_cpu_to_be_32(WIRE_IP),
	};
	ip->hdr_checksum = cksum_finish(cksum_add(0, ip, sizeof(*ip)));
}

/* n bytes of segment, zeroes but for what is looked at. */
static void put_tcp(struct rte_tcp_hdr *tcp, unsigned n)
{
	memset(tcp, 0, n);
	tcp->src_port = RTE_BE16(10000);
	tcp->dst_port = RTE_BE16(80);
	tcp->data_off = sizeof(*tcp) << 2;
	tcp->tcp_flags = RTE_TCP_ACK_FLAG;
}

static void put_frame(struct link *l, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth;
	struct rte_ipv4_hdr *ip;
	struct rte_tcp_hdr *tcp;
	unsigned n = l->len - (unsigned)sizeof(*ip);

	rte_pktmbuf_reset(m);
	m->ol_flags = l->flags;
	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*eth) + l->len));
	ip = (struct rte_ipv4_hdr *)(eth + 1);
	tcp = (struct rte_tcp_hdr *)(ip + 1);
	put_ether(l, eth, RTE_BE16(RTE_ETHER_TYPE_IPV4));
	put_ip(l, ip);
	put_tcp(tcp, n);
	tcp->cksum = cksum_finish(cksum_add(
		cksum_pseudo_v4(ip->src_addr, ip->dst_addr, IPPROTO_TCP, (uint16_t)n), tcp, n));
}

/* ---- what is measured ---- */

static void drain(struct link *l)
{
	void *m;

	for (l->n_sent = 0; rte_ring_dequeue(l->wire, &m) == 0; l->n_sent++)
		rte_pktmbuf_free(m);
}

static void prepare_rx(void *arg, unsigned n)
{
	struct link *l = arg;

	for (unsigned i = 0; i < n; i++) {
		put_frame(l, l->pkts[i]);
		rte_ring_enqueue(l->wire, l->pkts[i]);
	}
}

static void receive(void *arg, unsigned n)
{
	struct link *l = arg;
	bool work = false;

	bench_require(net_rx(l->net, NOW_US, l->pkts, 2 * BURST, &work) == n,
		      "every frame is good");
}

static void receive_nothing(void *arg, unsigned n)
{
	struct link *l = arg;
	bool work = false;

	for (unsigned i = 0; i < n; i++)
		net_rx(l->net, NOW_US, l->pkts, 2 * BURST, &work);
}

static void prepare_tx(void *arg, unsigned n)
{
	struct link *l = arg;
	unsigned len = l->len - (unsigned)sizeof(struct rte_ipv4_hdr);

	drain(l);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = alloc(l);

		put_tcp((struct rte_tcp_hdr *)rte_pktmbuf_append(m, (uint16_t)len), len);
		m->l4_len = sizeof(struct rte_tcp_hdr);
		l->pkts[i] = m;
	}
}

static void transmit(void *arg, unsigned n)
{
	struct link *l = arg;

	for (unsigned i = 0; i < n; i++)
		net_tx_tcp(l->net, &l->local, &l->remote, l->pkts[i], l->path);
	net_flush(l->net);
}

static void measure_rx(struct link *l, const char *name, unsigned len, uint64_t flags)
{
	struct bench_case c = {
		.name = name, .prepare = prepare_rx, .run = receive, .arg = l, .batch = BURST};

	l->len = len;
	l->flags = flags;
	for (unsigned i = 0; i < BURST; i++)
		l->pkts[i] = alloc(l);
	bench_measure(&c);
	rte_pktmbuf_free_bulk(l->pkts, BURST);
}

static void measure_tx(struct link *l, const char *name, unsigned len, bool offload)
{
	struct bench_case c = {
		.name = name, .prepare = prepare_tx, .run = transmit, .arg = l, .batch = BURST};

	l->len = len;
	l->ports->ports[0].tx_cksum = offload;
	bench_measure(&c);
	drain(l);
	bench_require(l->n_sent == BURST, "every segment is sent");
}

static void open_link(struct link *l)
{
	char err[512] = "";

	l->cfg = wire_config(16u << 20, 1000);
	l->ports = net_ports_open(&l->cfg, &l->pool, err, sizeof(err));
	bench_require(l->ports != NULL, err);
	l->net = net_create(l->ports, 0, &ops, l, &l->counters);
	bench_require(l->net != NULL, "memory for the network layer");
	l->wire = wire_ring();
	l->local = (struct net_addr){ip_addr_v4(rte_cpu_to_be_32(WIRE_IP)), 80};
	l->remote = (struct net_addr){ip_addr_v4(rte_cpu_to_be_32(PEER_IP)), 10000};
	introduce_peer(l);
	drain(l);
}

int main(int argc, char **argv)
{
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	struct link l = {0};

	bench_init(argc, argv, "rxtx", "rxtx", 64);
	open_link(&l);
	measure_rx(&l, "rx_64B", SMALL, 0);
	measure_rx(&l, "rx_64B_checked", SMALL, good);
	measure_rx(&l, "rx_1500B", FULL, 0);
	measure_rx(&l, "rx_1500B_checked", FULL, good);
	measure_tx(&l, "tx_64B", SMALL, false);
	measure_tx(&l, "tx_64B_offload", SMALL, true);
	measure_tx(&l, "tx_1500B", FULL, false);
	measure_tx(&l, "tx_1500B_offload", FULL, true);
	bench_measure(&(struct bench_case){
		.name = "rx_nothing", .run = receive_nothing, .arg = &l, .batch = BURST});
	net_destroy(l.net);
	wire_close(l.ports);
	return bench_exit();
}
