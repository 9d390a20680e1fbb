/* frame.h - TCP segments over IPv4 and Ethernet: written from a template, read with checks.
 *
 * Addresses, ports and timestamps stay in network order, sequence numbers are numbers. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <net/cksum.h>

#define FRAME_IP       14
#define FRAME_TCP      34
#define FRAME_OPTIONS  54
#define FRAME_TS_LEN   12 /* two NOPs and the option */
#define FRAME_TS_WORD  RTE_BE32(0x0101080a)
#define FRAME_SYN_LEN  20  /* MSS, timestamps, window scale */
#define FRAME_MIN_MSS  536 /* RFC 9293 section 3.7.1: what a peer takes that names none */
#define FRAME_VERIFIED 256 /* shorter ones are always verified */

/* What differs from segment to segment. */
struct frame_fields {
	uint32_t src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint32_t tsval, tsecr;
};

/* A segment as received. */
struct segment {
	const uint8_t *frame, *data;
	uint32_t src, dst;
	uint32_t seq, ack;
	uint16_t sport, dport;
	uint16_t len; /* of data */
	uint16_t window;
	uint16_t mss; /* in a SYN; 0: none named */
	uint8_t flags;
	uint8_t wscale; /* in a SYN */
	bool scales;    /* it named one */
	bool has_ts;
	uint32_t tsval;
};

static inline void frame_put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static inline void frame_put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static inline uint16_t frame_get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t frame_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* The constant words of an IPv4 header: version, identification, don't fragment, TTL, TCP. */
#define FRAME_IP_W0 RTE_BE16(0x4500)
#define FRAME_IP_W3 RTE_BE16(0x4000)
#define FRAME_IP_W4 RTE_BE16(0x4006)

/* Writes Ethernet, IP and TCP headers with opt_len bytes of options, which are already there
 * and sum up to opt_sum. payload_sum: of n bytes behind the options. */
static inline void frame_write(uint8_t *p, const uint8_t ether[FRAME_IP],
			       const struct frame_fields *f, uint32_t opt_len, uint64_t opt_sum,
			       uint32_t n, uint64_t payload_sum)
{
	uint16_t tcp_len = rte_cpu_to_be_16((uint16_t)(20 + opt_len + n));
	uint16_t ip_len = rte_cpu_to_be_16((uint16_t)(40 + opt_len + n));
	uint32_t seq = rte_cpu_to_be_32(f->seq), ack = rte_cpu_to_be_32(f->ack);
	uint16_t off_flags = rte_cpu_to_be_16((uint16_t)((20 + opt_len) / 4 << 12 | f->flags));
	uint16_t window = rte_cpu_to_be_16(f->window);
	uint64_t addrs = (uint64_t)f->src + f->dst, sum;

	memcpy(p, ether, FRAME_IP);
	p += FRAME_IP;
	frame_put16(p, FRAME_IP_W0);
	frame_put16(p + 2, ip_len);
	frame_put16(p + 4, 0);
	frame_put16(p + 6, FRAME_IP_W3);
	frame_put16(p + 8, FRAME_IP_W4);
	frame_put16(p + 10, cksum_finish(addrs + FRAME_IP_W0 + ip_len + FRAME_IP_W3 + FRAME_IP_W4));
	frame_put32(p + 12, f->src);
	frame_put32(p + 16, f->dst);
	p += 20;
	sum = addrs + RTE_BE16(IPPROTO_TCP) + tcp_len + f->sport + f->dport + seq + ack +
	      off_flags + window + opt_sum + payload_sum;
	frame_put16(p, f->sport);
	frame_put16(p + 2, f->dport);
	frame_put32(p + 4, seq);
	frame_put32(p + 8, ack);
	frame_put16(p + 12, off_flags);
	frame_put16(p + 14, window);
	frame_put16(p + 16, cksum_finish(sum));
	frame_put16(p + 18, 0);
}

/* The timestamps option; its sum. */
static inline uint64_t frame_write_ts(uint8_t *p, uint32_t tsval, uint32_t tsecr)
{
	uint32_t tsval_be = rte_cpu_to_be_32(tsval);

	frame_put32(p, FRAME_TS_WORD);
	frame_put32(p + 4, tsval_be);
	frame_put32(p + 8, tsecr);
	return (uint64_t)FRAME_TS_WORD + tsval_be + tsecr;
}

enum frame_verdict {
	FRAME_SEGMENT,
	FRAME_ARP,
	FRAME_OTHER,    /* not for us to understand: dropped */
	FRAME_CHECKSUM, /* an IP or TCP checksum does not hold */
};

/* Options other than a lone aligned timestamp. */
void frame_read_options(const uint8_t *p, uint32_t len, struct segment *s);

static inline bool frame_sums_hold(const uint8_t *ip, uint32_t ip_len, bool verify)
{
	uint64_t head = cksum_add(0, ip, 20), sum;

	if (cksum_fold(head) != 0xffff)
		return false;
	if (!verify && ip_len >= FRAME_VERIFIED)
		return true;
	sum = cksum_pseudo_v4(frame_get32(ip + 12), frame_get32(ip + 16), IPPROTO_TCP,
			      (uint16_t)(ip_len - 20));
	return cksum_fold(cksum_add(sum, ip + 20, ip_len - 20)) == 0xffff;
}

/* Reads a frame of len bytes; `verify` says whether to verify the checksum of a long one too.
 * The segment borrows its data. */
static inline enum frame_verdict frame_read(const uint8_t *p, uint32_t len, bool verify,
					    struct segment *s)
{
	const uint8_t *ip = p + FRAME_IP, *tcp = p + FRAME_TCP;
	uint32_t ip_len, hdr_len;

	if (len < FRAME_OPTIONS || frame_get16(p + 12) != RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return len >= FRAME_IP && frame_get16(p + 12) == RTE_BE16(RTE_ETHER_TYPE_ARP)
			       ? FRAME_ARP
			       : FRAME_OTHER;
	ip_len = rte_be_to_cpu_16(frame_get16(ip + 2));
	hdr_len = (uint32_t)(tcp[12] >> 4) * 4;
	/* No IP options and no fragments: nobody on a benchmark's link sends them. */
	if (ip[0] != 0x45 || ip[9] != IPPROTO_TCP || ip_len > len - FRAME_IP || hdr_len < 20 ||
	    ip_len < 20 + hdr_len || (frame_get16(ip + 6) & RTE_BE16(0x3fff)) != 0)
		return FRAME_OTHER;
	if (!frame_sums_hold(ip, ip_len, verify))
		return FRAME_CHECKSUM;
	s->frame = p;
	s->src = frame_get32(ip + 12);
	s->dst = frame_get32(ip + 16);
	s->sport = frame_get16(tcp);
	s->dport = frame_get16(tcp + 2);
	s->seq = rte_be_to_cpu_32(frame_get32(tcp + 4));
	s->ack = rte_be_to_cpu_32(frame_get32(tcp + 8));
	s->flags = tcp[13];
	s->window = rte_be_to_cpu_16(frame_get16(tcp + 14));
	s->data = tcp + hdr_len;
	s->len = (uint16_t)(ip_len - 20 - hdr_len);
	s->has_ts = hdr_len == 32 && frame_get32(tcp + 20) == FRAME_TS_WORD;
	if (s->has_ts)
		s->tsval = frame_get32(tcp + 24);
	if (unlikely(s->flags & RTE_TCP_SYN_FLAG || (hdr_len > 20 && !s->has_ts)))
		frame_read_options(tcp + 20, hdr_len - 20, s);
	return FRAME_SEGMENT;
}
