/* ip.c - IPv4 input and output (RFC 791, RFC 1122 section 3), and what both families share:
 * TCP upward, the way to the next hop downward. */
#include "context.h"

#include "frag_ip.h"
#include "pkt6.h"
#include "punt.h"
#include "zone.h"

#define TTL       64
#define SUM_WORTH 256u

/* What net_tx_tcp() keeps in a connection: the neighbour it sends to. gen 0 is nothing. */
struct ip_path {
	uint32_t neigh, gen;
};

static_assert(sizeof(struct ip_path) <= 8, "the connection has 8 bytes for us");

/* A checksum that the device has found good, or need not be looked at because the packet
 * never left the host's memory. */
static bool checked(const struct rte_mbuf *m, uint64_t mask, uint64_t good, uint64_t none)
{
	return (m->ol_flags & mask) == good || (m->ol_flags & mask) == none;
}

static bool ip_checked(const struct rte_mbuf *m)
{
	return checked(m, RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		       RTE_MBUF_F_RX_IP_CKSUM_NONE);
}

/* Verified last, when everything else has passed: it reads the whole segment. */
static bool tcp_intact(const struct rte_mbuf *m, const struct ip_packet *ip)
{
	uint64_t mask = RTE_MBUF_F_RX_L4_CKSUM_MASK;
	uint64_t sum;

	if ((m->ol_flags & mask) == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return false;
	if (checked(m, mask, RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_NONE))
		return true;
	sum = cksum_pseudo(&ip->src, &ip->dst, IPPROTO_TCP, m->data_len);
	return cksum_finish(cksum_add(sum, rte_pktmbuf_mtod(m, const void *), m->data_len)) == 0;
}

/* A good packet's sums cancel out: that of the payload follows from the headers', without a
 * look at it (RFC 1624's way). Short payloads are copied on their way and not worth it. */
static void note_sum(struct rte_mbuf *m, const struct ip_packet *ip, uint32_t hdr_len)
{
	struct pkt_priv *p = pkt_priv(m);
	uint64_t sum;

	if (m->data_len - hdr_len < SUM_WORTH || !RTE_MBUF_DIRECT(m))
		return;
	sum = cksum_pseudo(&ip->src, &ip->dst, IPPROTO_TCP, m->data_len);
	p->sum = cksum_finish(cksum_add(sum, rte_pktmbuf_mtod(m, const void *), hdr_len));
	p->sum_off = (uint16_t)(m->data_off + hdr_len);
	p->sum_len = (uint16_t)(m->data_len - hdr_len);
	m->ol_flags |= PKT_F_SUMMED;
}

static bool is_martian(const struct net *net, const struct ip_addr *src)
{
	return ip_addr_is_martian(src) || route_is_own(net->routes, src) ||
	       route_is_broadcast(net->routes, src);
}

static bool is_group(const struct net *net, const struct ip_addr *dst)
{
	return dst->b[12] >= 224 || route_is_broadcast(net->routes, dst);
}

static bool is_captured(struct net *net, const struct ip_packet *ip, const struct rte_tcp_hdr *tcp)
{
	const struct net_addr local = {ip->dst, rte_be_to_cpu_16(tcp->dst_port)};
	const struct net_addr remote = {ip->src, rte_be_to_cpu_16(tcp->src_port)};

	return net->ops->captures(net->owner, &local, &remote);
}

static bool take_tcp(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	int n = pkt_parse_tcp(tcp, m->data_len);

	if (n < 0) {
		net_drop(net, m, (enum counter_id) - n);
		return false;
	}
	if (!route_is_own(net->routes, &ip->dst) && !is_captured(net, ip, tcp)) {
		net_drop(net, m, CTR_DROP_IP_NOT_LOCAL);
		return false;
	}
	if (!tcp_intact(m, ip)) {
		net_drop(net, m, CTR_TCP_IN_ERRS);
		return false;
	}
	pkt_priv(m)->src = ip->src;
	pkt_priv(m)->dst = ip->dst;
	pkt_priv(m)->ecn = ip->ecn;
	note_sum(m, ip, (uint32_t)n);
	return true;
}

bool ip_take_tcp(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	return take_tcp(net, m, ip);
}

/* The reason not to look further, or CTR_COUNT. A packet in a broadcast frame is for nobody
 * here: its destination is a group (no TCP, no echo), or somebody is playing with link-layer
 * broadcast and a unicast address (RFC 1122 section 3.3.6). */
static enum counter_id refuse(const struct net *net, const struct ip_packet *ip, bool to_all)
{
	if (is_martian(net, &ip->src))
		return CTR_DROP_IP_MARTIAN;
	if (is_group(net, &ip->dst) || ip_addr_is_martian(&ip->dst))
		return ip->proto == IPPROTO_TCP ? CTR_DROP_IP_MARTIAN : CTR_DROP_IP_NOT_LOCAL;
	if (to_all)
		return CTR_DROP_IP_MARTIAN;
	return CTR_COUNT;
}

/* A packet for an own address that weir has no use for. */
static void take_other(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
		       enum counter_id why)
{
	if (route_is_own(net->routes, &ip->dst))
		punt_or_drop(net, m, why);
	else
		net_drop(net, m, why);
}

/* The kernel puts its own together: weir answers echo requests only when they are whole. */
static void take_fragment(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	if (ip->proto != IPPROTO_TCP && punt_wants(net, m))
		take_other(net, m, ip, CTR_DROP_IP_FRAGMENT);
	else
		frag_take_ip4(net, m);
}

bool ip_take(struct net *net, struct rte_mbuf *m, bool to_all)
{
	enum counter_id why;
	struct ip_packet ip;
	int n;

	if ((m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD)
		n = -CTR_DROP_IP_CHECKSUM;
	else
		n = pkt_parse_ipv4(rte_pktmbuf_mtod(m, const void *), m->data_len, ip_checked(m),
				   &ip);
	why = n < 0 ? (enum counter_id) - n : refuse(net, &ip, to_all);
	if (why != CTR_COUNT) {
		if (why == CTR_DROP_IP_NOT_LOCAL && is_group(net, &ip.dst))
			punt_or_drop(net, m, why);
		else
			net_drop(net, m, why);
		return false;
	}
	if (unlikely(ip.fragment)) {
		take_fragment(net, m, &ip);
		return false;
	}
	pkt_strip(m, &ip);
	if (ip.proto == IPPROTO_TCP)
		return take_tcp(net, m, &ip);
	if (ip.proto == IPPROTO_ICMP)
		icmp_take(net, m, &ip);
	else
		take_other(net, m, &ip, CTR_DROP_IP_PROTOCOL);
	return false;
}

static void put_header(struct rte_mbuf *m, uint32_t src, uint32_t dst, uint8_t proto, uint8_t tos)
{
	struct rte_ipv4_hdr *ip;

	ip = (struct rte_ipv4_hdr *)rte_pktmbuf_prepend(m, sizeof(*ip));
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->type_of_service = tos;
	ip->total_length = rte_cpu_to_be_16((uint16_t)m->pkt_len);
	ip->packet_id = 0; /* atomic datagrams need none (RFC 6864 section 4.1) */
	ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
	ip->time_to_live = TTL;
	ip->next_proto_id = proto;
	ip->hdr_checksum = 0;
	ip->src_addr = src;
	ip->dst_addr = dst;
	ip->hdr_checksum = cksum_finish(cksum_add(0, ip, sizeof(*ip)));
}

/* Is what follows m's TCP header the payload that m was received with? */
static bool is_summed(const struct rte_mbuf *m)
{
	const struct pkt_priv *p = rte_mbuf_to_priv((struct rte_mbuf *)(uintptr_t)m);

	return (m->ol_flags & PKT_F_SUMMED) && RTE_MBUF_DIRECT(m) && m->nb_segs == 1 &&
	       p->sum_off == m->data_off + m->l4_len && p->sum_len == m->data_len - m->l4_len;
}

static uint64_t sum_segment(uint64_t sum, struct rte_mbuf *m)
{
	if (!is_summed(m))
		return cksum_add_chain(sum, m);
	return cksum_add(sum, rte_pktmbuf_mtod(m, const void *), m->l4_len) + pkt_priv(m)->sum;
}

/* m starts at the TCP header. A relayed mbuf still has the flags it was received with. */
static void put_tcp_cksum(const struct port *port, struct rte_mbuf *m, const struct ip_addr *src,
			  const struct ip_addr *dst)
{
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);
	uint64_t sum = cksum_pseudo(src, dst, IPPROTO_TCP, (uint16_t)m->pkt_len);

	m->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | PKT_F_SUMMED;
	if (port->tx_cksum) {
		m->l2_len = RTE_ETHER_HDR_LEN;
		m->l3_len = ip_addr_is_v4(dst) ? IPV4_MIN_HDR : IPV6_HDR;
		m->ol_flags |= ip_addr_is_v4(dst) ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
		m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		tcp->cksum = cksum_fold(sum);
		return;
	}
	tcp->cksum = 0;
	tcp->cksum = cksum_finish(sum_segment(sum, m));
}

static void note_failure(struct net *net, const struct net_addr *local,
			 const struct net_addr *remote)
{
	if (net->n_failures < FAILURES_MAX)
		net->failures[net->n_failures++] = (struct failure){*local, *remote};
}

static bool is_v6(const struct rte_mbuf *m)
{
	return *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 6;
}

static void send_to(void *owner, const struct neigh *n, struct rte_mbuf *m)
{
	tx_push_ether(owner, n->port, &n->mac,
		      is_v6(m) ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4), m);
}

/* The TCP header of m, which starts at the IP header that was put there; NULL: it has none. */
static const struct rte_tcp_hdr *tuple_of(const struct rte_mbuf *m, uint16_t port,
					  struct net_addr *local, struct net_addr *remote)
{
	const struct rte_ipv4_hdr *ip4 = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	const struct rte_ipv6_hdr *ip6 = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);

	if (!is_v6(m)) {
		local->ip = ip_addr_v4(ip4->src_addr);
		remote->ip = ip_addr_v4(ip4->dst_addr);
		return ip4->next_proto_id == IPPROTO_TCP ? (const void *)(ip4 + 1) : NULL;
	}
	memcpy(&local->ip, ip6->src_addr, sizeof(local->ip));
	memcpy(&remote->ip, ip6->dst_addr, sizeof(remote->ip));
	zone_enter(&local->ip, port);
	zone_enter(&remote->ip, port);
	return ip6->proto == IPPROTO_TCP ? (const void *)(ip6 + 1) : NULL;
}

static void tell_unreachable(void *owner, const struct neigh *n, struct rte_mbuf *m)
{
	struct net_addr local, remote;
	const struct rte_tcp_hdr *tcp = tuple_of(m, n->port, &local, &remote);

	if (tcp) {
		local.port = rte_be_to_cpu_16(tcp->src_port);
		remote.port = rte_be_to_cpu_16(tcp->dst_port);
		note_failure(owner, &local, &remote);
	}
	rte_pktmbuf_free(m);
}

static void solicit(void *owner, const struct neigh *n, bool unicast)
{
	if (ip_addr_is_v4(&n->ip))
		arp_solicit(owner, n, unicast);
	else
		nd_solicit(owner, n, unicast);
}

const struct neigh_ops ip_neigh_ops = {
	.solicit = solicit,
	.send = send_to,
	.unreachable = tell_unreachable,
};

static struct neigh *cached(struct net *net, const struct ip_path *path)
{
	struct neigh *n;

	if (!path || path->gen == 0)
		return NULL;
	n = neigh_at(net->neighs, path->neigh);
	return n->gen == path->gen && n->state != NEIGH_FAILED ? n : NULL;
}

/* Of the flow that m, which starts at the upper layer's header, belongs to. */
static uint32_t flow_hash(const struct net *net, const struct ip_addr *dst, uint8_t proto,
			  const struct rte_mbuf *m)
{
	uint32_t ports = 0;

	if (proto == IPPROTO_TCP)
		memcpy(&ports, rte_pktmbuf_mtod(m, const void *), sizeof(ports));
	return net_hash(net, dst, ports);
}

/* The neighbour that a packet goes to: of several ways one whose next hop is not known to be
 * gone. NULL is counted. */
static struct neigh *resolve(struct net *net, const struct ip_addr *src, const struct ip_addr *dst,
			     uint32_t hash, struct ip_path *path)
{
	const struct ip_route *first = net_find_route(net, dst);
	struct neigh *n = NULL;

	if (!first) {
		counter_inc(net->counters, CTR_DROP_IP_NO_ROUTE);
		return NULL;
	}
	for (unsigned nth = 0; nth < first->n_ways; nth++) {
		const struct ip_route *r = route_way(first, src, hash, nth);

		n = neigh_get(net->neighs, r->port, ip_addr_is_any(&r->via) ? dst : &r->via);
		if (n && n->state != NEIGH_FAILED)
			break;
	}
	if (n && path)
		*path = (struct ip_path){neigh_index(net->neighs, n), n->gen};
	return n;
}

static void put_header6(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst,
			uint8_t proto, uint8_t traffic_class)
{
	ip6_put_header(m, src, dst, proto, IP6_HOP_LIMIT);
	rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *)->vtc_flow |=
		rte_cpu_to_be_32((uint32_t)traffic_class << RTE_IPV6_HDR_TC_SHIFT);
}

void ip_output(struct net *net, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
	       struct rte_mbuf *m, void *path)
{
	struct neigh *n = cached(net, path);
	bool ect = m->ol_flags & PKT_F_ECT;

	if (!n) {
		n = resolve(net, src, dst, flow_hash(net, dst, proto, m), path);
		if (!n) {
			rte_pktmbuf_free(m);
			return;
		}
	}
	if (proto == IPPROTO_TCP)
		put_tcp_cksum(&net->ports->ports[n->port], m, src, dst);
	else
		m->ol_flags = 0;
	if (likely(ip_addr_is_v4(dst)))
		put_header(m, ip_addr_to_v4(src), ip_addr_to_v4(dst), proto, ect ? IP_ECT0 : 0);
	else
		put_header6(m, src, dst, proto, ect ? IP_ECT0 : 0);
	n->used = true;
	if (likely(neigh_usable(n)))
		send_to(net, n, m);
	else
		neigh_take_packet(net->neighs, n, m);
}

void net_tx_tcp(struct net *net, const struct net_addr *src, const struct net_addr *dst,
		struct rte_mbuf *m, void *path)
{
	ip_output(net, &src->ip, &dst->ip, IPPROTO_TCP, m, path);
}
