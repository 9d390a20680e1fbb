/* box.h - the network layer of some workers over a net_ring device, for tests: frames go in
 * and come out of its rings, and what it tells upward is recorded. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <rte_ethdev.h>

#include <net/context.h>
#include <net/pkt.h>

#include "../../eal.h"

#define OWN      "198.18.0.2"
#define PEER     "198.18.0.1"
#define FAR      "203.0.113.9" /* behind the gateway */
#define GATEWAY  "198.18.0.254"
#define VIP      "10.96.0.10"
#define VIP_PORT 9080

struct box {
	struct net_ports *ports;
	struct rte_mempool *pool;
	struct net *net[8];
	struct counters counters[8];
	unsigned n_workers;
	uint64_t now_us;
	uint16_t knows_port; /* there are connections from this local port */
	/* told upward */
	unsigned icmp_errors, unreachables;
	struct net_addr local, remote;
	uint32_t seq;
	bool hard;
	uint16_t mtu;
};

static const struct rte_ether_addr peer_mac = {{2, 0, 0, 0, 0, 1}};
static const struct rte_ether_addr all_macs = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static inline struct ip_addr ip(const char *s)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(s, &a));
	return a;
}

static inline void box_icmp_error(void *owner, const struct net_addr *l, const struct net_addr *r,
				  uint32_t seq, bool hard, uint16_t mtu)
{
	struct box *b = owner;

	b->icmp_errors++;
	b->local = *l;
	b->remote = *r;
	b->seq = seq;
	b->hard = hard;
	b->mtu = mtu;
}

static inline void box_unreachable(void *owner, const struct net_addr *l, const struct net_addr *r)
{
	struct box *b = owner;

	b->unreachables++;
	b->local = *l;
	b->remote = *r;
}

static inline bool box_captures(void *owner, const struct net_addr *local,
				const struct net_addr *remote)
{
	const struct box *b = owner;
	struct ip_addr vip = ip(VIP);

	(void)remote;
	if (b->knows_port && local->port == b->knows_port)
		return true;
	return local->port == VIP_PORT && ip_addr_eq(&local->ip, &vip);
}

static const struct net_ops box_ops = {
	.icmp_error = box_icmp_error, .unreachable = box_unreachable, .captures = box_captures};

static inline int box_eal(void **state)
{
	(void)state;
	return test_eal_init("test", "192") ? 0 : -1;
}

static inline void box_configure(struct dataplane_config *cfg, unsigned n_workers)
{
	struct iface_config *i = &cfg->ifaces[0];

	memset(cfg, 0, sizeof(*cfg));
	cfg->n_workers = n_workers;
	cfg->memory = 16 << 20;
	cfg->n_ifaces = 1;
	snprintf(i->name, sizeof(i->name), "ext");
	snprintf(i->device, sizeof(i->device), "net_ring");
	i->mtu = 1500;
	i->n_addrs = 1;
	i->addrs[0] = (struct ip_prefix){ip(OWN), 96 + 24};
	i->n_routes = 1;
	i->routes[0] = (struct iface_route){{ip("0.0.0.0"), 96}, ip(GATEWAY)};
}

static inline struct box *box_open_as(const struct dataplane_config *cfg)
{
	struct box *b = calloc(1, sizeof(*b));
	unsigned n_workers = cfg->n_workers;
	char err[512] = "";

	assert_non_null(b);
	b->n_workers = n_workers;
	b->now_us = 1000000000;
	b->ports = net_ports_open(cfg, &b->pool, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(b->ports);
	for (unsigned w = 0; w < n_workers; w++) {
		b->net[w] = net_create(b->ports, w, &box_ops, b, &b->counters[w]);
		assert_non_null(b->net[w]);
		b->net[w]->announce_us = UINT64_MAX;
		net_timers(b->net[w], b->now_us);
	}
	return b;
}

static inline struct box *box_open(unsigned n_workers)
{
	struct dataplane_config cfg;

	box_configure(&cfg, n_workers);
	return box_open_as(&cfg);
}

static inline struct rte_ring *box_find_ring(unsigned queue)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring_w0", queue);
	return rte_ring_lookup(name);
}

/* The driver forgets the rings of queues that were not configured. */
static inline void box_free_rings(void)
{
	for (unsigned i = 0; i < 16; i++)
		rte_ring_free(box_find_ring(i));
}

/* Every mbuf must be back. */
static inline void box_close(struct box *b)
{
	for (unsigned w = 0; w < b->n_workers; w++)
		net_destroy(b->net[w]);
	assert_int_equal(rte_mempool_in_use_count(b->pool), 0);
	net_ports_close(b->ports);
	box_free_rings();
	free(b);
}

static inline struct rte_ring *box_ring(unsigned queue)
{
	struct rte_ring *r = box_find_ring(queue);

	assert_non_null(r);
	return r;
}

static inline uint64_t box_count(const struct box *b, enum counter_id id)
{
	uint64_t n = 0;

	for (unsigned w = 0; w < b->n_workers; w++)
		n += b->counters[w].v[id];
	return n;
}

/* A frame on the wire, to be received by the worker of the queue. */
static inline void box_inject(struct box *b, unsigned queue, const void *frame, unsigned len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	assert_int_equal(rte_ring_enqueue(box_ring(queue), m), 0);
}

/* One pass of a worker; TCP packets are the caller's. */
static inline unsigned box_pass(struct box *b, unsigned w, struct rte_mbuf **pkts, unsigned max)
{
	bool work = false;
	unsigned n = net_rx(b->net[w], b->now_us, pkts, max, &work);

	net_timers(b->net[w], b->now_us);
	net_flush(b->net[w]);
	return n;
}

/* A pass in which nothing is for TCP. */
static inline void box_turn(struct box *b, unsigned w)
{
	struct rte_mbuf *pkts[NET_BURST];

	assert_int_equal(box_pass(b, w, pkts, NET_BURST), 0);
}

/* The next frame sent on a queue, or NULL. The caller frees it. */
static inline struct rte_mbuf *box_sent(unsigned queue)
{
	void *m = NULL;

	rte_ring_dequeue(box_ring(queue), &m);
	return m;
}

static inline unsigned box_drain(unsigned queue)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	for (; (m = box_sent(queue)); n++)
		rte_pktmbuf_free(m);
	return n;
}

/* The naive checksum that the fast one is compared with. */
static inline uint16_t slow_cksum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline uint32_t slow_pseudo(const uint8_t *ip_hdr, uint8_t proto, size_t len)
{
	uint32_t sum = proto + (uint32_t)len;

	for (unsigned i = 12; i < 20; i += 2)
		sum += (uint32_t)ip_hdr[i] << 8 | ip_hdr[i + 1];
	return sum;
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static inline unsigned make_ether(uint8_t *f, const struct rte_ether_addr *dst,
				  const struct rte_ether_addr *src, uint16_t type)
{
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	put16(f + 12, type);
	return 14;
}

static inline unsigned make_arp(uint8_t *f, const struct rte_ether_addr *to, uint16_t op,
				const struct rte_ether_addr *sha, const char *sip, const char *tip)
{
	struct ip_addr s = ip(sip), t = ip(tip);
	unsigned at = make_ether(f, to, sha, 0x0806);
	uint8_t *a = f + at;

	put16(a, 1);
	put16(a + 2, 0x0800);
	a[4] = 6;
	a[5] = 4;
	put16(a + 6, op);
	memcpy(a + 8, sha, 6);
	memcpy(a + 14, &s.w[3], 4);
	memset(a + 18, 0, 6);
	memcpy(a + 24, &t.w[3], 4);
	return at + 28;
}

static inline void mend_ip(uint8_t *h)
{
	put16(h + 10, 0);
	put16(h + 10, slow_cksum(0, h, (h[0] & 15u) * 4));
}

/* An IPv4 header of 20 bytes in front of n bytes of payload. */
static inline unsigned make_ip(uint8_t *h, const char *src, const char *dst, uint8_t proto,
			       unsigned n)
{
	struct ip_addr s = ip(src), d = ip(dst);

	memset(h, 0, 20);
	h[0] = 0x45;
	put16(h + 2, (uint16_t)(20 + n));
	put16(h + 6, 0x4000);
	h[8] = 61;
	h[9] = proto;
	memcpy(h + 12, &s.w[3], 4);
	memcpy(h + 16, &d.w[3], 4);
	mend_ip(h);
	return 20;
}

/* The header comes right before the segment. */
static inline void mend_tcp(uint8_t *h, unsigned n)
{
	uint8_t *t = h + 20;

	put16(t + 16, 0);
	put16(t + 16, slow_cksum(slow_pseudo(h, 6, n), t, n));
}

/* A frame with a TCP segment of n payload bytes; returns its length. */
static inline unsigned make_tcp(const struct box *b, uint8_t *f, const char *src, uint16_t sport,
				const char *dst, uint16_t dport, unsigned n)
{
	unsigned at = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x0800);
	uint8_t *h = f + at, *t = h + 20;

	make_ip(h, src, dst, 6, 20 + n);
	memset(t, 0, 20);
	put16(t, sport);
	put16(t + 2, dport);
	put32(t + 4, 0x01020304);
	t[12] = 0x50;
	t[13] = 0x10;
	for (unsigned i = 0; i < n; i++)
		t[20 + i] = (uint8_t)(i * 7 + 1);
	mend_tcp(h, 20 + n);
	return at + 40 + n;
}

static inline unsigned make_echo(const struct box *b, uint8_t *f, const char *src, const char *dst,
				 unsigned n)
{
	unsigned at = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x0800);
	uint8_t *c = f + at + 20;

	make_ip(f + at, src, dst, 1, 8 + n);
	memset(c, 0, 8);
	c[0] = 8;
	put32(c + 4, 0x00010002);
	for (unsigned i = 0; i < n; i++)
		c[8 + i] = (uint8_t)(i * 13 + 5);
	put16(c + 2, slow_cksum(0, c, 8 + n));
	return at + 28 + n;
}

/* What net_tx_tcp() takes: a TCP header and n bytes, in one mbuf. */
static inline struct rte_mbuf *make_segment(struct box *b, uint16_t sport, uint16_t dport,
					    unsigned n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->pool);
	uint8_t *t;

	assert_non_null(m);
	assert_non_null(rte_pktmbuf_append(m, (uint16_t)(20 + n)));
	t = rte_pktmbuf_mtod(m, uint8_t *);
	memset(t, 0, 20);
	put16(t, sport);
	put16(t + 2, dport);
	t[12] = 0x50;
	t[13] = 0x18;
	for (unsigned i = 0; i < n; i++)
		t[20 + i] = (uint8_t)(i * 31 + 3);
	m->l4_len = 20;
	return m;
}

/* The peer at `addr` becomes known to worker w. */
static inline void box_introduce(struct box *b, unsigned w, const char *addr)
{
	struct ip_addr a = ip(addr);

	neigh_set_now(b->net[w]->neighs, b->now_us);
	neigh_learn(b->net[w]->neighs, 0, &a, &peer_mac, true);
}
