/* addr.h - IP addresses of both families in one shape.
 *
 * IPv4 is held as an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), so that flow
 * keys, listeners and endpoints compare and hash without asking for the family.
 * Bytes are in network order, ports in host order. */
#pragma once
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct ip_addr {
	union {
		uint8_t b[16];
		uint32_t w[4];
		uint64_t q[2];
	};
};

struct net_addr {
	struct ip_addr ip;
	uint16_t port; /* host order */
};

struct ip_prefix {
	struct ip_addr ip;
	uint8_t len; /* bits of the 128: an IPv4 /24 is 120 */
};

#define IP_ADDR_STRLEN  48
#define NET_ADDR_STRLEN 56

/* be: IPv4 address in network order. */
static inline struct ip_addr ip_addr_v4(uint32_t be)
{
	struct ip_addr a = {.w = {0, 0, htonl(0xffff), be}};
	return a;
}

static inline bool ip_addr_is_v4(const struct ip_addr *a)
{
	return a->q[0] == 0 && a->w[2] == htonl(0xffff);
}

/* The IPv4 address in network order; only meaningful when ip_addr_is_v4(). */
static inline uint32_t ip_addr_to_v4(const struct ip_addr *a)
{
	return a->w[3];
}

static inline bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

/* All zero: "any address" in a listener. 0.0.0.0 is stored as any too. */
static inline bool ip_addr_is_any(const struct ip_addr *a)
{
	return (a->q[0] | a->q[1]) == 0;
}

/* For tables: every bit of the address counts in every bit of the result, above all those of the
 * host part, which are the highest ones of a word here. Not for secrets. */
static inline uint64_t ip_addr_hash(const struct ip_addr *a, uint64_t seed)
{
	uint64_t h = (a->q[0] ^ seed) * 0x9e3779b97f4a7c15ull;

	h ^= (h >> 29) ^ a->q[1];
	h = (h ^ (h >> 32)) * 0xff51afd7ed558ccdull;
	return h ^ (h >> 32);
}

static inline bool ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	unsigned full = p->len / 8, rest = p->len % 8;

	if (memcmp(p->ip.b, a->b, full) != 0)
		return false;
	return rest == 0 || ((p->ip.b[full] ^ a->b[full]) >> (8 - rest)) == 0;
}

/* Parses either family; false when s is no address. */
static inline bool ip_addr_parse(const char *s, struct ip_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		*out = ip_addr_v4(v4.s_addr);
		return true;
	}
	return inet_pton(AF_INET6, s, out->b) == 1;
}

/* The address as others know it: in a worker the third to sixth byte of a link-local one say which
 * link. */
static inline struct ip_addr ip_addr_shown(const struct ip_addr *a)
{
	struct ip_addr shown = *a;

	if (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80)
		memset(shown.b + 2, 0, 4);
	return shown;
}

/* buf: at least IP_ADDR_STRLEN. Returns buf. */
static inline char *ip_addr_format(const struct ip_addr *a, char *buf)
{
	struct ip_addr shown = ip_addr_shown(a);

	if (ip_addr_is_v4(a))
		inet_ntop(AF_INET, &a->w[3], buf, IP_ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, shown.b, buf, IP_ADDR_STRLEN);
	return buf;
}

/* "1.2.3.4:80" or "[::1]:80"; buf: at least NET_ADDR_STRLEN. Returns buf. */
static inline char *net_addr_format(const struct net_addr *a, char *buf)
{
	char ip[IP_ADDR_STRLEN];

	ip_addr_format(&a->ip, ip);
	snprintf(buf, NET_ADDR_STRLEN, ip_addr_is_v4(&a->ip) ? "%s:%u" : "[%s]:%u", ip, a->port);
	return buf;
}
