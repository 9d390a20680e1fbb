/* frag_ip.c - what of a packet is a fragment (RFC 791 section 3.2, RFC 8200 section 4.5), and the
 * way of a datagram that is whole again to the worker of its connection.
 *
 * Fragments carry no ports: all between two addresses meet at one worker, whichever queue
 * they came by. */
#include "frag_ip.h"

#include "context.h"
#include "frag.h"
#include "pkt6.h"
#include "zone.h"

#define IP6_HDR      40
#define IP6_FRAG_HDR 8
#define FRAG_OFFSET  0xfff8u
#define FRAG_MORE    1u

#define CODE_REASSEMBLY 1 /* of time exceeded, in both families */
#define ERROR_HEADROOM  (ICMP_HDR + IP6_HDR + RTE_VLAN_HLEN)

unsigned frag_worker(const struct net *net, const struct ip_addr *src, const struct ip_addr *dst)
{
	const struct net_addr a = {.ip = *src}, b = {.ip = *dst};

	return steer_worker(net->ports, &a, &b);
}

/* A first fragment that ends within the TCP header hides what filters look at (RFC 1858). */
static bool is_tiny(const struct frag_part *p)
{
	return p->next == IPPROTO_TCP && p->more && p->offset == 0 && p->len < TCP_MIN_HDR;
}

static bool read_ip4(struct rte_mbuf *m, struct frag_part *p)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);
	uint32_t hdr_len = (ip->version_ihl & 15u) * 4;

	*p = (struct frag_part){
		.src = ip_addr_v4(ip->src_addr),
		.dst = ip_addr_v4(ip->dst_addr),
		.id = ip->packet_id,
		.proto = ip->next_proto_id,
		.ecn = ip->type_of_service & 3,
		.next = ip->next_proto_id,
		.more = field & RTE_IPV4_HDR_MF_FLAG,
		.offset = (field & RTE_IPV4_HDR_OFFSET_MASK) * RTE_IPV4_HDR_OFFSET_UNITS,
		.len = rte_be_to_cpu_16(ip->total_length) - hdr_len,
		.data = (const uint8_t *)ip + hdr_len,
		.head = (const uint8_t *)ip - RTE_ETHER_HDR_LEN,
		.head_len = RTE_ETHER_HDR_LEN + hdr_len,
	};
	return !is_tiny(p);
}

/* m starts at the Ethernet header; the length field and the checksum become the datagram's. */
static void mend_ip4(struct rte_mbuf *m, uint8_t ecn)
{
	struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);

	ip->type_of_service = (uint8_t)((ip->type_of_service & ~3u) | ecn);
	ip->total_length = rte_cpu_to_be_16((uint16_t)(m->data_len - RTE_ETHER_HDR_LEN));
	ip->fragment_offset = 0;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = cksum_finish(cksum_add(0, ip, (ip->version_ihl & 15u) * 4u));
}

/* The worker of the datagram's connection; that of other protocols is here. */
static unsigned worker_of(const struct net *net, const struct frag_part *p,
			  const struct rte_mbuf *m, const struct frag_whole *about)
{
	struct net_addr local = {.ip = p->dst}, remote = {.ip = p->src};
	uint16_t port[2];

	if (about->next != IPPROTO_TCP || m->data_len < about->head_len + TCP_MIN_HDR)
		return net->worker;
	memcpy(port, rte_pktmbuf_mtod_offset(m, const uint8_t *, about->head_len), sizeof(port));
	remote.port = rte_be_to_cpu_16(port[0]);
	local.port = rte_be_to_cpu_16(port[1]);
	return steer_worker(net->ports, &local, &remote);
}

/* Takes a whole frame. */
static void deliver(struct net *net, struct rte_mbuf *m, uint16_t port, const struct frag_part *p,
		    const struct frag_whole *about)
{
	pkt_priv(m)->port = port;
	pkt_priv(m)->frame_off = m->data_off;
	steer_hand_over(net, worker_of(net, p, m, about), m);
}

static struct rte_mbuf *add(struct net *net, const struct frag_part *p, bool good,
			    struct frag_whole *about)
{
	counter_inc(net->counters, CTR_NET_FRAGMENTS_IN);
	frag_turn(net);
	if (!net->frags)
		counter_inc(net->counters, CTR_DROP_IP_FRAGMENT);
	else if (!good)
		counter_inc(net->counters, CTR_DROP_FRAG_TINY);
	else
		return frag_add(net->frags, net->now_us, p, about);
	return NULL;
}

__rte_noinline void frag_take_ip4(struct net *net, struct rte_mbuf *m)
{
	uint16_t port = pkt_priv(m)->port;
	struct frag_whole about;
	struct frag_part p;
	bool good = read_ip4(m, &p);
	struct rte_mbuf *whole = add(net, &p, good, &about);

	rte_pktmbuf_free(m);
	if (!whole)
		return;
	mend_ip4(whole, about.ecn);
	deliver(net, whole, port, &p, &about);
}

/* head: room for what is in front of the fragment header, which it is made of. */
static bool read_ip6(struct rte_mbuf *m, uint16_t frag_off, uint16_t next_off, uint8_t *head,
		     struct frag_part *p)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *), *frag = ip + frag_off;
	uint32_t head_len = RTE_ETHER_HDR_LEN + frag_off;
	uint16_t field = (uint16_t)(frag[2] << 8 | frag[3]);

	*p = (struct frag_part){
		.ecn = ip[1] >> 4 & 3,
		.next = frag[0],
		.more = field & FRAG_MORE,
		.offset = field & FRAG_OFFSET,
		.len = m->data_len - frag_off - IP6_FRAG_HDR,
		.data = frag + IP6_FRAG_HDR,
		.next_off = next_off,
		.head = head,
		.head_len = head_len,
	};
	memcpy(&p->src, ip + 8, 16);
	memcpy(&p->dst, ip + 24, 16);
	memcpy(&p->id, frag + 4, 4);
	if (!zone_enter(&p->src, pkt_priv(m)->port) || !zone_enter(&p->dst, pkt_priv(m)->port))
		return false;
	if (head_len > FRAG_HEAD_MAX)
		return false;
	memcpy(head, ip - RTE_ETHER_HDR_LEN, head_len);
	head[RTE_ETHER_HDR_LEN + next_off] = frag[0];
	return !is_tiny(p);
}

/* A packet that says it is the only fragment of itself meets no others (RFC 6946). Leaves m at
 * its Ethernet header. */
static void strip_atomic(struct rte_mbuf *m, const struct frag_part *p)
{
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *) - RTE_ETHER_HDR_LEN;

	memcpy(start + IP6_FRAG_HDR, p->head, p->head_len);
	rte_pktmbuf_adj(m, IP6_FRAG_HDR);
	rte_pktmbuf_prepend(m, RTE_ETHER_HDR_LEN);
}

static void mend_ip6(struct rte_mbuf *m, uint8_t ecn)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	uint16_t len = (uint16_t)(m->data_len - RTE_ETHER_HDR_LEN - IP6_HDR);

	ip[1] = (uint8_t)((ip[1] & 0xcf) | ecn << 4);
	ip[4] = (uint8_t)(len >> 8);
	ip[5] = (uint8_t)len;
}

/* Takes m. The atomic fragment itself, or the datagram that m was the last missing part of. */
static struct rte_mbuf *whole_ip6(struct net *net, struct rte_mbuf *m, const struct frag_part *p,
				  bool good, struct frag_whole *about)
{
	struct rte_mbuf *whole;

	if (good && !p->more && p->offset == 0) {
		counter_inc(net->counters, CTR_NET_FRAGMENTS_IN);
		strip_atomic(m, p);
		*about = (struct frag_whole){
			.ecn = p->ecn, .next = p->next, .head_len = (uint16_t)p->head_len};
		return m;
	}
	whole = add(net, p, good, about);
	rte_pktmbuf_free(m);
	return whole;
}

/* Neighbour Discovery in fragments is not to be believed (RFC 6980). m: a frame. */
static bool is_nd(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);
	struct ip6_problem problem;
	struct ip_packet packet;
	int hdr = pkt_parse_ipv6(ip, m->data_len - (uint32_t)RTE_ETHER_HDR_LEN, &packet, &problem);

	return hdr > 0 && packet.proto == IPPROTO_ICMPV6 && hdr < packet.total_len &&
	       ip[hdr] >= ND_ROUTER_SOLICIT && ip[hdr] <= ND_REDIRECT;
}

/* An extension header behind the fragment header hides the ports: such a datagram stays with
 * this worker, whose TCP knows no connection of it. */
__rte_noinline void frag_take_ip6(struct net *net, struct rte_mbuf *m, uint16_t frag_off,
				  uint16_t next_off)
{
	uint8_t head[FRAG_HEAD_MAX];
	uint16_t port = pkt_priv(m)->port;
	struct frag_whole about;
	struct frag_part p;
	bool good = read_ip6(m, frag_off, next_off, head, &p);
	struct rte_mbuf *whole = whole_ip6(net, m, &p, good, &about);

	if (!whole)
		return;
	mend_ip6(whole, about.ecn);
	if (is_nd(whole)) {
		net_drop(net, whole, CTR_DROP_ND);
		return;
	}
	deliver(net, whole, port, &p, &about);
}

/* ---- what does not become whole in time ---- */

/* As its sender sent it; m starts at the Ethernet header. */
static void restore_frag_header(struct rte_mbuf *m, const struct frag_whole *about)
{
	uint8_t *start = (uint8_t *)rte_pktmbuf_prepend(m, IP6_FRAG_HDR);
	uint8_t *frag = start + about->head_len;

	memmove(start, start + IP6_FRAG_HDR, about->head_len);
	start[RTE_ETHER_HDR_LEN + about->next_off] = EXT_FRAGMENT;
	memset(frag, 0, IP6_FRAG_HDR);
	frag[0] = about->next;
	frag[3] = FRAG_MORE;
	memcpy(frag + 4, &about->id, sizeof(about->id));
}

static void tell_ip4(struct net *net, struct rte_mbuf *m, const struct frag_whole *about)
{
	struct ip_packet ip;

	rte_pktmbuf_adj(m, RTE_ETHER_HDR_LEN);
	if (pkt_parse_ipv4(rte_pktmbuf_mtod(m, const void *), m->data_len, true, &ip) < 0) {
		rte_pktmbuf_free(m);
		return;
	}
	ip.src = about->src;
	ip.dst = about->dst;
	icmp_tell(net, m, &ip, ICMP_TIME, CODE_REASSEMBLY);
}

static void tell_ip6(struct net *net, struct rte_mbuf *m, const struct frag_whole *about)
{
	struct ip_packet ip = {.src = about->src, .dst = about->dst, .proto = about->next};

	if (rte_pktmbuf_headroom(m) < IP6_FRAG_HDR + ERROR_HEADROOM) {
		rte_pktmbuf_free(m);
		return;
	}
	restore_frag_header(m, about);
	rte_pktmbuf_adj(m, RTE_ETHER_HDR_LEN);
	ip.total_len = m->data_len;
	icmp6_tell(net, m, &ip, ICMP6_TIME, CODE_REASSEMBLY, 0);
}

/* RFC 792, RFC 4443 section 3.3. */
__rte_noinline void frag_turn(struct net *net)
{
	struct frag_whole about;
	struct rte_mbuf *m;

	while (net->frags && (m = frag_expire(net->frags, net->now_us, &about))) {
		if (ip_addr_is_v4(&about.src))
			tell_ip4(net, m, &about);
		else
			tell_ip6(net, m, &about);
	}
}
