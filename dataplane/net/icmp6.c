/* icmp6.c - ICMPv6 (RFC 4443): echo for our own addresses, errors about our segments upward,
 * errors about what we refuse, Neighbour Discovery sorted out. */
#include "context.h"

#include "pkt6.h"
#include "punt.h"
#include "zone.h"

#define CODE_PROHIBITED 1
#define QUOTE_MAX       (IPV6_MTU_MIN - IPV6_HDR - ICMP_HDR)

uint16_t icmp6_cksum(const struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst)
{
	uint64_t sum = cksum_pseudo(src, dst, IPPROTO_ICMPV6, (uint16_t)m->pkt_len);

	return cksum_finish(cksum_add(sum, rte_pktmbuf_mtod(m, const void *), m->data_len));
}

/* Takes m, whose ICMPv6 header is complete but for the checksum. */
static void transmit(struct net *net, const struct ip_addr *src, const struct ip_addr *dst,
		     struct rte_mbuf *m)
{
	struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod(m, struct rte_icmp_hdr *);

	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = icmp6_cksum(m, src, dst);
	ip_output(net, src, dst, IPPROTO_ICMPV6, m, NULL);
}

static void answer_echo(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	if (!route_is_own(net->routes, &ip->dst) || !icmp_take_token(net)) {
		net_drop(net, m, CTR_DROP_ICMP);
		return;
	}
	*rte_pktmbuf_mtod(m, uint8_t *) = ICMP6_ECHO_REPLY;
	counter_inc(net->counters, CTR_NET_ICMP_ECHO);
	transmit(net, &ip->dst, &ip->src, m);
}

/* RFC 8201 section 4: no link has less than 1280. */
static uint16_t next_hop_mtu(const uint8_t *icmp)
{
	uint32_t mtu;

	if (icmp[0] != ICMP6_TOO_BIG)
		return 0;
	memcpy(&mtu, icmp + 4, 4);
	mtu = rte_be_to_cpu_32(mtu);
	return (uint16_t)RTE_MIN(RTE_MAX(mtu, (uint32_t)IPV6_MTU_MIN), (uint32_t)UINT16_MAX);
}

/* The hard errors are those of RFC 9293 section 3.9.2.2. */
static void report_error(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	const uint8_t *icmp = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t port = pkt_priv(m)->port;
	struct icmp_quote q;
	bool hard = icmp[0] == ICMP6_UNREACHABLE &&
		    (icmp[1] == CODE_PROHIBITED || icmp[1] == ICMP6_CODE_PORT);

	if (pkt_parse_icmp6_quote(icmp + ICMP_HDR, m->data_len - ICMP_HDR, &q) < 0 ||
	    !zone_enter(&q.local.ip, port) || !zone_enter(&q.remote.ip, port))
		icmp_not_ours(net, m, ip);
	else
		icmp_report(net, m, ip, &q, hard, next_hop_mtu(icmp));
}

static bool is_nd(uint8_t type)
{
	return type >= ND_ROUTER_SOLICIT && type <= ND_ADVERT;
}

/* Also the kernel's: it has groups of its own. Takes m. */
static void take_query(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
		       uint8_t hop_limit, bool handed)
{
	if (!mld_take_query(net, m, ip, hop_limit)) {
		net_drop(net, m, CTR_DROP_ICMP);
		return;
	}
	if (!handed) {
		counter_inc(net->counters, CTR_NET_MLD_IN);
		net_rewind(m);
		steer_copy_to_all(net, m);
		punt_copy(net, m);
	}
	rte_pktmbuf_free(m);
}

void icmp6_take(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t hop_limit,
		bool handed)
{
	const uint8_t *icmp = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->data_len < ICMP_HDR || icmp6_cksum(m, &ip->src, &ip->dst) != 0)
		net_drop(net, m, CTR_DROP_ICMP);
	else if (is_nd(icmp[0]) && hop_limit == ND_HOP_LIMIT)
		nd_take(net, m, ip, handed);
	else if (is_nd(icmp[0]))
		net_drop(net, m, CTR_DROP_ND);
	else if (icmp[0] == MLD_QUERY)
		take_query(net, m, ip, hop_limit, handed);
	else if (ip_addr_is_any(&ip->src) || ip6_is_multicast(&ip->dst))
		punt_or_drop(net, m, CTR_DROP_ICMP);
	else if (icmp[0] == ICMP6_ECHO_REQUEST && icmp[1] == 0 && !icmp_kernel_echoes(net, m))
		answer_echo(net, m, ip);
	else if (pkt_icmp6_is_error(icmp[0]))
		report_error(net, m, ip);
	else /* redirects (we choose our next hops), and what nobody should send us */
		icmp_not_ours(net, m, ip);
}

/* May and can the sender be told? Then the address to tell it from. */
static bool may_tell(struct net *net, const struct ip_packet *ip, struct ip_addr *src)
{
	uint16_t mtu;

	if (ip_addr_is_any(&ip->src) || ip->proto == IPPROTO_ICMPV6)
		return false;
	*src = ip->dst;
	if (!route_is_own(net->routes, src) &&
	    (!ip6_is_multicast(&ip->dst) || !net_route(net, &ip->src, src, &mtu)))
		return false;
	return icmp_take_token(net);
}

void icmp6_refuse(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t type,
		  uint8_t code, uint32_t value, enum counter_id why)
{
	counter_inc(net->counters, why);
	icmp6_tell(net, m, ip, type, code, value);
}

void icmp6_tell(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t type,
		uint8_t code, uint32_t value)
{
	struct ip_addr src;
	uint8_t *icmp;

	if (!may_tell(net, ip, &src)) {
		rte_pktmbuf_free(m);
		return;
	}
	counter_inc(net->counters, CTR_NET_ICMP_ERROR_OUT);
	m->data_len = RTE_MIN(ip->total_len, (uint16_t)QUOTE_MAX);
	m->pkt_len = m->data_len;
	icmp = (uint8_t *)rte_pktmbuf_prepend(m, ICMP_HDR);
	value = rte_cpu_to_be_32(value);
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 4, &value, sizeof(value));
	transmit(net, &src, &ip->src, m);
}
