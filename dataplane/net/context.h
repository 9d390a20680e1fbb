/* context.h - struct net, what one worker's network layer owns, and the few calls its parts
 * make on each other. Private to dataplane/net. */
#pragma once
#include <rte_mbuf.h>

#include <base/mbq.h>
#include <net/mld.h>
#include <net/neigh.h>
#include <net/net.h>
#include <net/port.h>

#define TXQ_SIZE        1024 /* frames of one port that the device has not taken yet */
#define TX_BURST        64
#define TX_STALL_US     10000ull /* a device that takes nothing for as long gets nothing more */
#define FAILURES_MAX    256
#define ICMP_BURST      1000
#define ICMP_PER_SECOND 1000
#define ANNOUNCEMENTS   3 /* RFC 5227 section 2.3 asks for two; a link may come up late */
#define ANNOUNCE_US     2000000ull

/* Frames for one port: until the burst or the pass ends, and what a busy device left. */
struct txq {
	uint16_t n;
	uint16_t seen;     /* of them by a capture */
	uint64_t moved_us; /* when the device last took something, or was given the first */
	struct rte_mbuf *pkts[TXQ_SIZE];
};

/* Frames for another worker until the burst ends, or for this one until its next pass. */
struct handover {
	uint16_t n;
	struct rte_mbuf *pkts[NET_BURST];
};

/* A segment of ours that found no neighbour: told upward between passes, never from inside
 * net_tx_tcp(). */
struct failure {
	struct net_addr local, remote;
};

struct frag_table;
struct nd;
struct nd_message;
struct ip_packet;
struct icmp_quote;

struct net {
	struct net_ports *ports;
	struct capture *capture; /* of this pass; NULL: none */
	const struct route_table *routes;
	unsigned worker;
	unsigned first_port; /* polled first in this pass */
	uint64_t now_us;
	const struct net_ops *ops;
	void *owner;
	struct counters *counters;
	struct neigh_table *neighs;
	struct frag_table *frags; /* NULL: fragments are dropped */
	uint64_t announce_us;     /* when next; UINT64_MAX: done */
	unsigned announced;
	struct nd *nd;
	struct mld mld;
	uint64_t nd_us;                       /* when nd_turn() is due */
	uint64_t bond_us;                     /* when bond_turn() is; UINT64_MAX: never */
	uint16_t bond_active[WEIR_PORTS_MAX]; /* the member; RTE_MAX_ETHPORTS: none */
	uint64_t icmp_tokens, icmp_refill_us;
	unsigned n_failures;
	bool work;
	bool owns_punt; /* sends what the kernel says */
	struct failure failures[FAILURES_MAX];
	struct txq tx[WEIR_PORTS_MAX];
	struct handover handovers[WEIR_WORKERS_MAX];
};

static inline void net_drop(struct net *net, struct rte_mbuf *m, enum counter_id why)
{
	counter_inc(net->counters, why);
	rte_pktmbuf_free(m);
}

/* Back to the start of the frame that m was received in. */
static inline void net_rewind(struct rte_mbuf *m)
{
	uint16_t by = (uint16_t)(m->data_off - pkt_priv(m)->frame_off);

	m->data_off = (uint16_t)(m->data_off - by);
	m->data_len = (uint16_t)(m->data_len + by);
	m->pkt_len = m->data_len;
}

/* tx.c: takes a complete frame for a port. */
void tx_push(struct net *net, uint16_t port, struct rte_mbuf *m);
/* True: a device is busy and something waits. */
bool tx_flush(struct net *net);
/* Sends what other workers handed to this one. */
void tx_take_relayed(struct net *net);
/* Takes a frame for an interface that is complete but for its VLAN tag. */
void tx_push_frame(struct net *net, uint16_t port, struct rte_mbuf *m);
/* An empty mbuf with headroom; NULL is counted. */
struct rte_mbuf *tx_alloc(struct net *net);
/* Puts an Ethernet header in front of m. */
void tx_push_ether(struct net *net, uint16_t port, const struct rte_ether_addr *dst,
		   uint16_t type_be, struct rte_mbuf *m);

/* arp.c: handed: a copy of what another worker received, to learn from and not to answer. */
void arp_take(struct net *net, struct rte_mbuf *m, bool handed);
void arp_solicit(struct net *net, const struct neigh *n, bool unicast);
void arp_announce(struct net *net);

/* The route to dst, configured or learnt from routers; NULL: none. Other ways follow it, see
 * route_way(). */
const struct ip_route *net_find_route(const struct net *net, const struct ip_addr *dst);

/* Which of several ways a flow takes; ports: both, in any order that stays. */
static inline uint32_t net_hash(const struct net *net, const struct ip_addr *dst, uint32_t ports)
{
	uint64_t h = (dst->q[0] ^ net->ports->steer_seed) * 0x9e3779b97f4a7c15ull;

	h = (h ^ (h >> 29) ^ dst->q[1] ^ ((uint64_t)ports << 13)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 32)) * 0x94d049bb133111ebull;
	return (uint32_t)(h >> 32);
}

/* ip.c: takes a packet whose data starts at the IPv4 header. True: it is a TCP packet for
 * the layer above, prepared as net_rx() promises, and still the caller's. */
bool ip_take(struct net *net, struct rte_mbuf *m, bool to_all);
/* The same for a packet of either family that passed its IP layer and starts at the TCP
 * header. */
bool ip_take_tcp(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip);
/* Takes a packet without IP header, to be sent from src to dst. */
void ip_output(struct net *net, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
	       struct rte_mbuf *m, void *path);
/* neigh_ops of both families. */
extern const struct neigh_ops ip_neigh_ops;

/* icmp.c: takes a packet whose data starts at the ICMP header. */
void icmp_take(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip);
/* False: no more of what others make us send. */
bool icmp_take_token(struct net *net);
/* Takes a packet that starts at its IPv4 header: its sender is told, if it may be (RFC 1122 section
 * 3.2.2). */
void icmp_tell(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t type,
	       uint8_t code);
/* Takes a message that weir has no use for: the kernel's, or nobody's. Either family. */
void icmp_not_ours(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip);
/* Does the kernel answer the echo requests of the interface that m came by? */
bool icmp_kernel_echoes(const struct net *net, struct rte_mbuf *m);
/* Takes an error about q, tells TCP when it is about a segment of ours. */
void icmp_report(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
		 const struct icmp_quote *q, bool hard, uint16_t mtu);

/* ip6.c: takes a packet whose data starts at the IPv6 header; otherwise as ip_take(). */
bool ip6_take(struct net *net, struct rte_mbuf *m, bool to_group, bool handed);
void ip6_put_header(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst,
		    uint8_t proto, uint8_t hop_limit);

/* icmp6.c: takes a packet whose data starts at the ICMPv6 header. */
void icmp6_take(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t hop_limit,
		bool handed);
/* Takes a packet that starts at its IPv6 header and cannot be accepted: counted by why, and
 * its sender is told, if it may be (RFC 4443 section 2.4). value: the second word. */
void icmp6_refuse(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t type,
		  uint8_t code, uint32_t value, enum counter_id why);
/* The same of one that was counted. */
void icmp6_tell(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t type,
		uint8_t code, uint32_t value);
/* Of m, which starts at the ICMPv6 header. */
uint16_t icmp6_cksum(const struct rte_mbuf *m, const struct ip_addr *src,
		     const struct ip_addr *dst);

/* nd.c: Neighbour Discovery. Takes a message whose checksum is right. */
void nd_take(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, bool handed);
void nd_solicit(struct net *net, const struct neigh *n, bool unicast);
/* Questions and answers about own addresses, by way of the port. */
void nd_ask_whose(struct net *net, const struct own_addr *a);
void nd_announce(struct net *net, const struct own_addr *a);
void nd_ask_routers(struct net *net, uint16_t port);

/* nd_own.c: the life of own addresses: duplicate address detection, announcements; and what
 * routers say. NULL when memory is short. */
struct nd *nd_create(const struct net *net);
void nd_destroy(struct nd *nd);
void nd_turn(struct net *net);
/* Says the port's addresses and groups anew, and those of interfaces that share its device. */
void nd_announce_again(struct net *net, uint16_t dev);
/* Somebody else has an address that we asked for. */
void nd_object(struct net *net, const struct own_addr *a);
/* The port is in the group of this address, or of all nodes. */
bool nd_is_group_mac(const struct net *net, uint16_t port, const struct rte_ether_addr *mac);
/* A router spoke (RFC 4861 section 6.3.4). */
void nd_take_router(struct net *net, uint16_t port, const struct ip_addr *router,
		    const struct nd_message *nd);
/* The default route by a router that is still good; NULL: none. */
const struct ip_route *nd_default_route(const struct net *net);
/* Of IPv6 packets on the link; at most the port's. */
uint16_t nd_mtu(const struct net *net, uint16_t port);

/* steer.c */
/* The worker that handles connections of this tuple. */
unsigned steer_worker(const struct net_ports *ports, const struct net_addr *local,
		      const struct net_addr *remote);
/* The Toeplitz hash by which devices choose a queue; key: PORT_RSS_KEY_LEN bytes. */
uint32_t steer_rss_hash(const uint8_t *key, const struct net_addr *src, const struct net_addr *dst);
/* Hands frames of other workers over and keeps ours at the front; returns how many. */
unsigned steer_burst(struct net *net, struct rte_mbuf **frames, unsigned n);
/* Copies an ARP or ND frame to all other workers. */
void steer_copy_to_all(struct net *net, const struct rte_mbuf *m);
/* Takes a frame for a worker, which may be this one. */
void steer_hand_over(struct net *net, unsigned to, struct rte_mbuf *m);
void steer_flush(struct net *net);
/* Takes frames that others handed to us; at most max. */
unsigned steer_take(struct net *net, struct rte_mbuf **frames, unsigned max);
/* Wakes a worker that may sleep, after something was put into a ring of its. */
void steer_wake(const struct net *net, unsigned worker);
/* Does anything lie in our rings? */
bool steer_pending(const struct net *net);
