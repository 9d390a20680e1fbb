/* box6.h - box.h with an IPv6 address beside the IPv4 one, and IPv6 frames. */
#pragma once
#include "box.h"

#include <net/pkt6.h>
#include <net/zone.h>

#define OWN6     "2001:2::2"
#define PEER6    "2001:2::1"
#define FAR6     "2001:db8::9" /* behind the gateway */
#define GATEWAY6 "fe80::fe"
#define NODES6   "ff02::1"

#define AT_IP   14 /* in frames without a tag */
#define AT_NEXT (AT_IP + 40)

static inline void box6_configure(struct dataplane_config *cfg, unsigned n_workers)
{
	struct iface_config *i = &cfg->ifaces[0];

	box_configure(cfg, n_workers);
	i->addrs[i->n_addrs++] = (struct ip_prefix){ip(OWN6), 64};
	i->routes[i->n_routes++] = (struct iface_route){{ip("::"), 0}, ip(GATEWAY6)};
}

/* What it announces of itself was sent before. */
static inline struct box *box6_open(unsigned n_workers)
{
	struct dataplane_config cfg;
	struct box *b;

	box6_configure(&cfg, n_workers);
	b = box_open_as(&cfg);
	b->net[0]->nd_us = UINT64_MAX;
	net_flush(b->net[0]);
	box_drain(0);
	memset(b->counters, 0, sizeof(b->counters));
	return b;
}

/* The box's link-local address, as on the wire. */
static inline struct ip_addr box6_link_local(const struct box *b)
{
	const struct route_table *t = &b->ports->routes;
	unsigned i = 0;

	while (!zone_is_link_local(&t->addrs[i].prefix.ip))
		i++;
	return zone_leave(&t->addrs[i].prefix.ip);
}

static inline void box6_introduce(struct box *b, unsigned w, const char *addr)
{
	struct ip_addr a = ip(addr);

	zone_enter(&a, 0);
	neigh_set_now(b->net[w]->neighs, b->now_us);
	neigh_learn(b->net[w]->neighs, 0, &a, &peer_mac, true);
}

static inline struct neigh *box6_known(struct box *b, unsigned w, const char *addr)
{
	struct ip_addr a = ip(addr);

	zone_enter(&a, 0);
	return neigh_find(b->net[w]->neighs, 0, &a);
}

static inline uint32_t slow_pseudo6(const uint8_t *h, uint8_t proto, size_t len)
{
	uint32_t sum = proto + (uint32_t)len;

	for (unsigned i = 8; i < 40; i += 2)
		sum += (uint32_t)h[i] << 8 | h[i + 1];
	return sum;
}

/* An IPv6 header in front of n bytes. */
static inline void make_ip6(uint8_t *h, const char *src, const char *dst, uint8_t proto, unsigned n)
{
	struct ip_addr s = ip(src), d = ip(dst);

	memset(h, 0, 40);
	h[0] = 0x60;
	put16(h + 4, (uint16_t)n);
	h[6] = proto;
	h[7] = 61;
	memcpy(h + 8, &s, 16);
	memcpy(h + 24, &d, 16);
}

/* The checksum of n bytes at `at` behind the IPv6 header h; `field`: where it stands. */
static inline void mend6(uint8_t *h, uint8_t proto, uint8_t *at, unsigned field, unsigned n)
{
	put16(at + field, 0);
	put16(at + field, slow_cksum(slow_pseudo6(h, proto, n), at, n));
}

static inline unsigned make_ether6(const struct box *b, uint8_t *f)
{
	return make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x86dd);
}

/* To the group that the destination is. */
static inline void to_group(uint8_t *f)
{
	put16(f, 0x3333);
	memcpy(f + 2, f + AT_IP + 36, 4);
}

static inline unsigned make_tcp6(const struct box *b, uint8_t *f, const char *src, uint16_t sport,
				 const char *dst, uint16_t dport, unsigned n)
{
	uint8_t *h = f + make_ether6(b, f), *t = h + 40;

	make_ip6(h, src, dst, 6, 20 + n);
	memset(t, 0, 20);
	put16(t, sport);
	put16(t + 2, dport);
	put32(t + 4, 0x01020304);
	t[12] = 0x50;
	t[13] = 0x10;
	for (unsigned i = 0; i < n; i++)
		t[20 + i] = (uint8_t)(i * 7 + 1);
	mend6(h, 6, t, 16, 20 + n);
	return AT_NEXT + 20 + n;
}

/* An ICMPv6 message of n bytes, which the caller fills from its fifth byte on and mends. */
static inline unsigned make_icmp6(const struct box *b, uint8_t *f, const char *src, const char *dst,
				  uint8_t type, uint8_t code, unsigned n)
{
	uint8_t *h = f + make_ether6(b, f);

	make_ip6(h, src, dst, 58, n);
	h[7] = 255;
	memset(h + 40, 0, n);
	h[40] = type;
	h[41] = code;
	mend6(h, 58, h + 40, 2, n);
	return AT_NEXT + n;
}

static inline void mend_icmp6(uint8_t *f, unsigned len)
{
	mend6(f + AT_IP, 58, f + AT_NEXT, 2, len - AT_NEXT);
}

static inline unsigned make_echo6(const struct box *b, uint8_t *f, const char *src, const char *dst,
				  unsigned n)
{
	unsigned len = make_icmp6(b, f, src, dst, 128, 0, 8 + n);

	f[AT_IP + 7] = 64;
	put32(f + AT_NEXT + 4, 0x00010002);
	for (unsigned i = 0; i < n; i++)
		f[AT_NEXT + 8 + i] = (uint8_t)(i * 13 + 5);
	mend_icmp6(f, len);
	return len;
}

/* A solicitation (135) or advertisement (136) of target; mac: its link-layer option, or NULL. */
static inline unsigned make_nd(const struct box *b, uint8_t *f, uint8_t type, const char *src,
			       const char *dst, uint8_t flags, const char *target,
			       const struct rte_ether_addr *mac)
{
	unsigned len = make_icmp6(b, f, src, dst, type, 0, mac ? 32 : 24);
	struct ip_addr t = ip(target), d = ip(dst);

	f[AT_NEXT + 4] = flags;
	memcpy(f + AT_NEXT + 8, &t, 16);
	if (mac) {
		f[AT_NEXT + 24] = type == 135 ? 1 : 2;
		f[AT_NEXT + 25] = 1;
		memcpy(f + AT_NEXT + 26, mac, 6);
	}
	if (ip6_is_multicast(&d))
		to_group(f);
	mend_icmp6(f, len);
	return len;
}

/* A router advertisement; mtu 0: no such option. */
static inline unsigned make_ra(const struct box *b, uint8_t *f, const char *src, uint16_t lifetime,
			       uint32_t mtu)
{
	unsigned len = make_icmp6(b, f, src, NODES6, 134, 0, mtu ? 32 : 24);

	put16(f + AT_NEXT + 6, lifetime);
	f[AT_NEXT + 16] = 1;
	f[AT_NEXT + 17] = 1;
	memcpy(f + AT_NEXT + 18, &peer_mac, 6);
	if (mtu) {
		f[AT_NEXT + 24] = 5;
		f[AT_NEXT + 25] = 1;
		put32(f + AT_NEXT + 28, mtu);
	}
	to_group(f);
	mend_icmp6(f, len);
	return len;
}

/* Is the checksum of the frame's TCP or ICMPv6 right, without extension headers? */
static inline bool is_intact6(const uint8_t *f, unsigned len)
{
	const uint8_t *h = f + AT_IP;
	unsigned n = len - AT_NEXT;

	return slow_cksum(slow_pseudo6(h, h[6], n), h + 40, n) == 0;
}

/* The next frame that was sent on a queue, copied to f; returns its length, 0: there is none. */
static inline unsigned box6_take_sent(unsigned queue, uint8_t *f)
{
	struct rte_mbuf *m = box_sent(queue);
	unsigned len = m ? m->pkt_len : 0;
	const void *p;

	if (!m)
		return 0;
	p = rte_pktmbuf_read(m, 0, len, f);
	if (p != f)
		memcpy(f, p, len);
	rte_pktmbuf_free(m);
	return len;
}
