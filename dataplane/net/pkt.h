/* pkt.h - checked parsing of what other machines wrote: nothing is read before its length
 * has been proven.
 *
 * Parsers are pure functions over bytes. They return the length of the header, or the
 * negated counter of the rule that was broken. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <net/cksum.h>
#include <weir/addr.h>
#include <weir/counters.h>

#define ARP_LEN          28
#define IPV4_MIN_HDR     20
#define TCP_MIN_HDR      20
#define ICMP_HDR         8
#define IPV4_FRAGMENT    (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)
#define ICMP_UNREACHABLE 3
#define ICMP_TIME        11
#define ICMP_PARAMETER   12

struct ip_packet {
	struct ip_addr src, dst;
	uint16_t total_len; /* header and payload, at most what was received */
	uint16_t hdr_len;   /* with IPv4's options, IPv6's extension headers */
	uint8_t proto;
	uint8_t ecn;
	bool fragment;
};

/* Cuts the IP header off and whatever the Ethernet frame has after the packet. */
static inline void pkt_strip(struct rte_mbuf *m, const struct ip_packet *ip)
{
	m->data_off = (uint16_t)(m->data_off + ip->hdr_len);
	m->data_len = (uint16_t)(ip->total_len - ip->hdr_len);
	m->pkt_len = m->data_len;
}

/* The checksum is verified unless a device already did. */
static inline int pkt_parse_ipv4(const void *data, uint32_t len, bool checked,
				 struct ip_packet *out)
{
	const struct rte_ipv4_hdr *ip = data;
	uint32_t hdr_len;

	if (len < IPV4_MIN_HDR || ip->version_ihl >> 4 != 4)
		return -CTR_DROP_IP_HEADER;
	hdr_len = (ip->version_ihl & 15u) * 4;
	out->total_len = rte_be_to_cpu_16(ip->total_length);
	if (hdr_len < IPV4_MIN_HDR || hdr_len > out->total_len || out->total_len > len)
		return -CTR_DROP_IP_HEADER;
	if (!checked && cksum_finish(cksum_add(0, ip, hdr_len)) != 0)
		return -CTR_DROP_IP_CHECKSUM;
	out->src = ip_addr_v4(ip->src_addr);
	out->dst = ip_addr_v4(ip->dst_addr);
	out->hdr_len = (uint16_t)hdr_len;
	out->proto = ip->next_proto_id;
	out->ecn = ip->type_of_service & 3;
	out->fragment = ip->fragment_offset & RTE_BE16(IPV4_FRAGMENT);
	return (int)hdr_len;
}

/* A TCP header whose data offset lies within len; the checksum is the caller's. */
static inline int pkt_parse_tcp(const void *data, uint32_t len)
{
	const struct rte_tcp_hdr *tcp = data;
	uint32_t hdr_len;

	if (len < TCP_MIN_HDR)
		return -CTR_TCP_IN_ERRS;
	hdr_len = (tcp->data_off >> 4) * 4u;
	if (hdr_len < TCP_MIN_HDR || hdr_len > len)
		return -CTR_TCP_IN_ERRS;
	return (int)hdr_len;
}

/* The segment that an ICMP error is about. */
struct icmp_quote {
	struct net_addr local, remote; /* source and destination of the quoted segment */
	uint32_t seq;
	uint16_t total_len; /* of the quoted packet when it was sent */
};

static inline bool pkt_icmp_is_error(uint8_t type)
{
	return type == ICMP_UNREACHABLE || type == ICMP_TIME || type == ICMP_PARAMETER;
}

/* data: what follows the 8 bytes of ICMP header. RFC 792 promises the quoted IP header and
 * 8 bytes more: ports and sequence number. Its checksum is not verified: routers change the
 * TTL before they quote, and not all of them mend the sum. */
static inline int pkt_parse_icmp_quote(const void *data, uint32_t len, struct icmp_quote *out)
{
	const struct rte_ipv4_hdr *ip = data;
	const uint8_t *tcp;
	uint32_t hdr_len;
	uint16_t port[2];

	if (len < IPV4_MIN_HDR || ip->version_ihl >> 4 != 4)
		return -CTR_DROP_ICMP;
	hdr_len = (ip->version_ihl & 15u) * 4;
	if (hdr_len < IPV4_MIN_HDR || hdr_len + 8 > len || ip->next_proto_id != IPPROTO_TCP ||
	    (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)))
		return -CTR_DROP_ICMP;
	tcp = (const uint8_t *)data + hdr_len;
	memcpy(port, tcp, 4);
	memcpy(&out->seq, tcp + 4, 4);
	out->seq = rte_be_to_cpu_32(out->seq);
	out->local = (struct net_addr){ip_addr_v4(ip->src_addr), rte_be_to_cpu_16(port[0])};
	out->remote = (struct net_addr){ip_addr_v4(ip->dst_addr), rte_be_to_cpu_16(port[1])};
	out->total_len = rte_be_to_cpu_16(ip->total_length);
	return (int)hdr_len;
}

struct arp_message {
	struct ip_addr sender, target;
	struct rte_ether_addr sender_mac;
	bool request;
};

/* RFC 826 for Ethernet and IPv4 only. */
static inline int pkt_parse_arp(const void *data, uint32_t len, struct arp_message *out)
{
	struct rte_arp_hdr arp; /* a copy: the type wants alignment */

	if (len < sizeof(arp))
		return -CTR_DROP_ARP;
	memcpy(&arp, data, sizeof(arp));
	if (arp.arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
	    arp.arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
	    arp.arp_hlen != RTE_ETHER_ADDR_LEN || arp.arp_plen != 4)
		return -CTR_DROP_ARP;
	out->request = arp.arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST);
	if (!out->request && arp.arp_opcode != RTE_BE16(RTE_ARP_OP_REPLY))
		return -CTR_DROP_ARP;
	out->sender = ip_addr_v4(arp.arp_data.arp_sip);
	out->target = ip_addr_v4(arp.arp_data.arp_tip);
	out->sender_mac = arp.arp_data.arp_sha;
	if (!rte_is_valid_assigned_ether_addr(&out->sender_mac))
		return -CTR_DROP_ARP;
	return ARP_LEN;
}

/* An address no packet may come from (RFC 1122 section 3.2.1.3, RFC 6890): this network,
 * loopback, multicast, reserved and broadcast. */
static inline bool ip_addr_is_martian(const struct ip_addr *a)
{
	return a->b[12] == 0 || a->b[12] == 127 || a->b[12] >= 224;
}
