/* ip6.c - IPv6 input and headers of output (RFC 8200). */
#include "context.h"

#include "frag_ip.h"
#include "pkt6.h"
#include "punt.h"
#include "zone.h"

/* Who has no address yet may ask whether one is free, and for routers. */
static bool may_be_unspecified(const struct ip_packet *ip)
{
	return ip_addr_is_any(&ip->src) && ip->proto == IPPROTO_ICMPV6;
}

/* The reason not to look further, or CTR_COUNT. What came in a frame for a group must be for a
 * group, too, as with IPv4. */
static enum counter_id judge(const struct net *net, const struct ip_packet *ip, bool to_group)
{
	if (ip6_is_martian(&ip->src) && !may_be_unspecified(ip))
		return CTR_DROP_IP_MARTIAN;
	if (ip6_is_multicast(&ip->src) || route_is_own(net->routes, &ip->src))
		return CTR_DROP_IP_MARTIAN;
	if (ip6_is_multicast(&ip->dst)) {
		if (ip->proto == IPPROTO_TCP)
			return CTR_DROP_IP_MARTIAN;
		return ip->proto == IPPROTO_ICMPV6 ? CTR_COUNT : CTR_DROP_IP_NOT_LOCAL;
	}
	if (ip6_is_martian(&ip->dst) || to_group)
		return CTR_DROP_IP_MARTIAN;
	return CTR_COUNT;
}

/* Of protocols that nobody here speaks. */
static void refuse_protocol(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
			    const struct ip6_problem *problem)
{
	if (punt_wants(net, m) && route_is_own(net->routes, &ip->dst))
		punt_or_drop(net, m, CTR_DROP_IP_PROTOCOL);
	else if (ip->proto == IPPROTO_UDP)
		icmp6_refuse(net, m, ip, ICMP6_UNREACHABLE, ICMP6_CODE_PORT, 0,
			     CTR_DROP_IP_PROTOCOL);
	else if (ip->proto == IPPROTO_NONE)
		net_drop(net, m, CTR_DROP_IP_PROTOCOL);
	else
		icmp6_refuse(net, m, ip, ICMP6_PARAMETER, ICMP6_CODE_HEADER, problem->at,
			     CTR_DROP_IP_PROTOCOL);
}

static bool take_payload(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
			 const struct ip6_problem *problem, bool handed)
{
	uint8_t hop_limit = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *)->hop_limits;

	if (likely(ip->proto == IPPROTO_TCP)) {
		pkt_strip(m, ip);
		return ip_take_tcp(net, m, ip);
	}
	if (ip->proto == IPPROTO_ICMPV6) {
		pkt_strip(m, ip);
		icmp6_take(net, m, ip, hop_limit, handed);
	} else {
		refuse_protocol(net, m, ip, problem);
	}
	return false;
}

/* The kernel puts its own together, as with IPv4. */
static void take_fragment(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
			  const struct ip6_problem *problem)
{
	uint8_t next = *rte_pktmbuf_mtod_offset(m, const uint8_t *, ip->hdr_len);

	if (next != IPPROTO_TCP && punt_wants(net, m) && route_is_own(net->routes, &ip->dst)) {
		punt_or_drop(net, m, CTR_DROP_IP_FRAGMENT);
		return;
	}
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - ip->total_len));
	frag_take_ip6(net, m, ip->hdr_len, problem->at);
}

/* Groups that nobody here is in may be the kernel's. */
static void refuse(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
		   enum counter_id why)
{
	if (why == CTR_DROP_IP_NOT_LOCAL && ip6_is_multicast(&ip->dst))
		punt_or_drop(net, m, why);
	else
		net_drop(net, m, why);
}

bool ip6_take(struct net *net, struct rte_mbuf *m, bool to_group, bool handed)
{
	uint16_t port = pkt_priv(m)->port;
	struct ip6_problem problem;
	enum counter_id why;
	struct ip_packet ip;
	int n = pkt_parse_ipv6(rte_pktmbuf_mtod(m, const void *), m->data_len, &ip, &problem);

	if (n < 0 && !problem.tell) {
		net_drop(net, m, (enum counter_id) - n);
		return false;
	}
	if (!zone_enter(&ip.src, port) || !zone_enter(&ip.dst, port))
		why = CTR_DROP_IP_MARTIAN;
	else
		why = judge(net, &ip, to_group);
	if (why == CTR_COUNT && n < 0) {
		icmp6_refuse(net, m, &ip, ICMP6_PARAMETER, problem.code, problem.at,
			     (enum counter_id) - n);
		return false;
	}
	if (why != CTR_COUNT) {
		refuse(net, m, &ip, why);
		return false;
	}
	if (unlikely(ip.fragment)) {
		take_fragment(net, m, &ip, &problem);
		return false;
	}
	return take_payload(net, m, &ip, &problem, handed);
}

void ip6_put_header(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst,
		    uint8_t proto, uint8_t hop_limit)
{
	struct ip_addr wire_src = zone_leave(src), wire_dst = zone_leave(dst);
	uint16_t len = (uint16_t)m->pkt_len;
	struct rte_ipv6_hdr *ip;

	ip = (struct rte_ipv6_hdr *)rte_pktmbuf_prepend(m, sizeof(*ip));
	ip->vtc_flow = RTE_BE32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16(len);
	ip->proto = proto;
	ip->hop_limits = hop_limit;
	memcpy(ip->src_addr, &wire_src, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, &wire_dst, sizeof(ip->dst_addr));
}
