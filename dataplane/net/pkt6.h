/* pkt6.h - as pkt.h for IPv6: the header and its extensions (RFC 8200), ICMPv6 errors
 * (RFC 4443), Neighbour Discovery (RFC 4861).
 *
 * Addresses are as on the wire: zone.h is the caller's. */
#pragma once
#include <stddef.h>

#include "pkt.h"

#define IPV6_HDR      40
#define IPV6_MTU_MIN  1280
#define IP6_HOP_LIMIT 64

/* What follows an IPv6 header; TCP and ICMPv6 are IPPROTO_*. */
#define EXT_HOP_BY_HOP  0
#define EXT_ROUTING     43
#define EXT_FRAGMENT    44
#define EXT_DESTINATION 60

/* RFC 8504 section 5.3 wants limits: nothing legitimate comes near these. */
#define EXT_HEADERS_MAX 8
#define EXT_BYTES_MAX   256

#define ICMP6_UNREACHABLE   1
#define ICMP6_TOO_BIG       2
#define ICMP6_TIME          3
#define ICMP6_PARAMETER     4
#define ICMP6_ECHO_REQUEST  128
#define ICMP6_ECHO_REPLY    129
#define ICMP6_CODE_PORT     4 /* of unreachable */
#define ICMP6_CODE_HEADER   1 /* of a parameter problem */
#define ND_ROUTER_SOLICIT   133
#define ND_ROUTER_ADVERT    134
#define ND_SOLICIT          135
#define ND_ADVERT           136
#define ND_REDIRECT         137
#define ND_HOP_LIMIT        255 /* a router would have lowered it: the sender is on the link */
#define ND_SOURCE_MAC       1   /* options */
#define ND_TARGET_MAC       2
#define ND_MTU              5
#define ND_ADVERT_SOLICITED 0x40
#define ND_ADVERT_OVERRIDE  0x20

/* What the sender of a refused packet is to be told: a parameter problem (RFC 4443 3.4). */
struct ip6_problem {
	bool tell;
	uint8_t code;
	uint16_t at; /* offset of the offending byte; of an accepted packet, of what says proto */
};

/* Walks the extension headers of a packet whose IPv6 header is parsed: out->proto and
 * hdr_len become those of what follows them. A fragment that is not the whole packet ends the
 * walk: fragment is set and hdr_len leads to its header. Returns hdr_len, or the negated
 * counter. */
int pkt_walk_extensions(const uint8_t *packet, struct ip_packet *out, struct ip6_problem *problem);

static inline bool pkt_is_extension(uint8_t proto)
{
	return proto == EXT_HOP_BY_HOP || proto == EXT_ROUTING || proto == EXT_FRAGMENT ||
	       proto == EXT_DESTINATION;
}

static inline int pkt_parse_ipv6(const void *data, uint32_t len, struct ip_packet *out,
				 struct ip6_problem *problem)
{
	const struct rte_ipv6_hdr *ip = data;
	uint32_t payload;

	*problem = (struct ip6_problem){.at = offsetof(struct rte_ipv6_hdr, proto)};
	if (len < IPV6_HDR || *(const uint8_t *)data >> 4 != 6)
		return -CTR_DROP_IP_HEADER;
	payload = rte_be_to_cpu_16(ip->payload_len);
	if (payload == 0 || payload + IPV6_HDR > len) /* 0: nothing, or a jumbogram */
		return -CTR_DROP_IP_HEADER;
	memcpy(&out->src, ip->src_addr, sizeof(out->src));
	memcpy(&out->dst, ip->dst_addr, sizeof(out->dst));
	out->total_len = (uint16_t)(IPV6_HDR + payload);
	out->hdr_len = IPV6_HDR;
	out->proto = ip->proto;
	out->ecn = rte_be_to_cpu_32(ip->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT & 3;
	out->fragment = false;
	if (unlikely(pkt_is_extension(out->proto)))
		return pkt_walk_extensions(data, out, problem);
	return IPV6_HDR;
}

static inline bool pkt_icmp6_is_error(uint8_t type)
{
	return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER;
}

/* data: what follows the 8 bytes of ICMPv6 header. We send no extension headers, so a quote
 * that has some is of no segment of ours. */
static inline int pkt_parse_icmp6_quote(const void *data, uint32_t len, struct icmp_quote *out)
{
	const struct rte_ipv6_hdr *ip = data;
	const uint8_t *tcp = (const uint8_t *)data + IPV6_HDR;
	uint16_t port[2];

	if (len < IPV6_HDR + 8 || *(const uint8_t *)data >> 4 != 6 || ip->proto != IPPROTO_TCP)
		return -CTR_DROP_ICMP;
	memcpy(port, tcp, 4);
	memcpy(&out->seq, tcp + 4, 4);
	out->seq = rte_be_to_cpu_32(out->seq);
	memcpy(&out->local.ip, ip->src_addr, 16);
	memcpy(&out->remote.ip, ip->dst_addr, 16);
	out->local.port = rte_be_to_cpu_16(port[0]);
	out->remote.port = rte_be_to_cpu_16(port[1]);
	out->total_len = (uint16_t)(IPV6_HDR + rte_be_to_cpu_16(ip->payload_len));
	return IPV6_HDR;
}

/* A solicitation or advertisement of a neighbour, or of a router (which has no target). */
struct nd_message {
	uint8_t type;
	uint8_t flags; /* ND_ADVERT_* */
	bool has_mac;
	struct rte_ether_addr mac; /* the link-layer address option that belongs to the type */
	struct ip_addr target;
	uint16_t lifetime_s; /* of a router as default router */
	uint32_t mtu;        /* of the link, by a router; 0: it says none */
};

/* data: the ICMPv6 header and all after it. RFC 4861 sections 6.1 and 7.1 but for what the
 * IP header says. Returns len, or the negated counter. */
int pkt_parse_nd(const uint8_t *data, uint32_t len, struct nd_message *out);

static inline bool ip6_is_multicast(const struct ip_addr *a)
{
	return a->b[0] == 0xff;
}

/* An address that no packet on a wire may have: unspecified, loopback, IPv4-compatible and
 * IPv4-mapped ones (RFC 4291 section 2.5.5) and discard-only (RFC 6666). The mapped ones would
 * be taken for IPv4 peers inside. */
static inline bool ip6_is_martian(const struct ip_addr *a)
{
	if (a->q[0] == rte_cpu_to_be_64(0x0100000000000000ull))
		return true;
	return a->q[0] == 0 && (a->w[2] == 0 || a->w[2] == RTE_BE32(0xffff));
}

/* ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1). */
static inline struct ip_addr ip6_solicited_node(const struct ip_addr *a)
{
	return (struct ip_addr){
		.b = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a->b[13], a->b[14], a->b[15]}};
}

static inline struct ip_addr ip6_all_nodes(void)
{
	return (struct ip_addr){.b = {0xff, 2, [15] = 1}};
}

static inline struct ip_addr ip6_all_routers(void)
{
	return (struct ip_addr){.b = {0xff, 2, [15] = 2}};
}

/* RFC 2464 section 7. */
static inline struct rte_ether_addr ip6_group_mac(const struct ip_addr *group)
{
	return (struct rte_ether_addr){
		{0x33, 0x33, group->b[12], group->b[13], group->b[14], group->b[15]}};
}
