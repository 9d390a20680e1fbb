/* steer.c - which worker a packet is for, and how it gets there.
 *
 * Both halves of a proxied request live on one worker, so every TCP packet must reach the
 * worker that its tuple says, wherever the device delivered it. The hash is symmetric: the
 * same for both directions. */
#include "context.h"

#include <sys/eventfd.h>

#include <rte_thash.h>

#include "frag_ip.h"
#include "pkt6.h"
#include "zone.h"

const uint8_t port_rss_key[PORT_RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
	0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
	0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
};

static uint64_t mix(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	return h ^ (h >> 31);
}

static uint64_t endpoint_hash(uint64_t seed, const struct net_addr *a)
{
	return mix(mix(seed ^ a->ip.q[0]) ^ a->ip.q[1] ^ ((uint64_t)a->port << 16));
}

/* A sum of hashes is symmetric, unlike a hash of sums it keeps the halves apart. */
static unsigned ring_worker(const struct net_ports *ports, const struct net_addr *local,
			    const struct net_addr *remote)
{
	uint64_t h = mix(endpoint_hash(ports->steer_seed, local) +
			 endpoint_hash(ports->steer_seed, remote));

	return (unsigned)(((h >> 32) * ports->n_workers) >> 32);
}

static unsigned put_ip(uint32_t *tuple, const struct ip_addr *a)
{
	struct ip_addr wire = zone_leave(a);
	unsigned first = ip_addr_is_v4(a) ? 3 : 0;

	for (unsigned i = first; i < 4; i++)
		*tuple++ = rte_be_to_cpu_32(wire.w[i]);
	return 4 - first;
}

/* Toeplitz over source, destination and ports as on the wire. */
uint32_t steer_rss_hash(const uint8_t *key, const struct net_addr *src, const struct net_addr *dst)
{
	uint32_t tuple[9];
	unsigned n = put_ip(tuple, &src->ip);

	n += put_ip(tuple + n, &dst->ip);
	tuple[n++] = (uint32_t)src->port << 16 | dst->port;
	return rte_softrss(tuple, n, key);
}

/* What the device computes. */
static unsigned rss_worker(const struct net_ports *ports, const struct net_addr *local,
			   const struct net_addr *remote)
{
	uint32_t hash = steer_rss_hash(port_rss_key, remote, local);

	return (hash & (ports->reta_size - 1u)) % ports->n_workers;
}

unsigned steer_worker(const struct net_ports *ports, const struct net_addr *local,
		      const struct net_addr *remote)
{
	if (ports->steering == STEER_NONE)
		return 0;
	if (ports->steering == STEER_DEVICES)
		return rss_worker(ports, local, remote);
	return ring_worker(ports, local, remote);
}

bool net_steers_here(const struct net *net, const struct net_addr *local,
		     const struct net_addr *remote)
{
	return steer_worker(net->ports, local, remote) == net->worker;
}

static bool tcp_tuple(const struct ip_packet *ip, const uint8_t *l4, uint32_t len,
		      struct net_addr *local, struct net_addr *remote)
{
	uint16_t port[2];

	if (len < TCP_MIN_HDR)
		return false;
	memcpy(port, l4, sizeof(port));
	*remote = (struct net_addr){ip->src, rte_be_to_cpu_16(port[0])};
	*local = (struct net_addr){ip->dst, rte_be_to_cpu_16(port[1])};
	return true;
}

static bool icmp_tuple(const struct ip_packet *ip, const uint8_t *l4, uint32_t len,
		       struct net_addr *local, struct net_addr *remote)
{
	bool v6 = ip->proto == IPPROTO_ICMPV6;
	struct icmp_quote q;
	int rc;

	if (len < ICMP_HDR || !(v6 ? pkt_icmp6_is_error(l4[0]) : pkt_icmp_is_error(l4[0])))
		return false;
	if (v6)
		rc = pkt_parse_icmp6_quote(l4 + ICMP_HDR, len - ICMP_HDR, &q);
	else
		rc = pkt_parse_icmp_quote(l4 + ICMP_HDR, len - ICMP_HDR, &q);
	if (rc < 0)
		return false;
	*local = q.local;
	*remote = q.remote;
	return true;
}

/* The IP header of a frame of either family; negative when there is none to steer by. */
static int frame_packet(const struct rte_mbuf *m, struct ip_packet *ip)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	struct ip6_problem problem;
	uint32_t len = m->data_len - (uint32_t)sizeof(*eth);
	int hdr = -1;

	if (m->data_len < sizeof(*eth))
		return -1;
	if (likely(eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		hdr = pkt_parse_ipv4(eth + 1, len, true, ip);
	else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		hdr = pkt_parse_ipv6(eth + 1, len, ip, &problem);
	return hdr;
}

/* Devices hash TCP, but not behind IPv6's extension headers. */
static bool is_for_us_to_hash(const struct net *net, const struct ip_packet *ip)
{
	return net->ports->steering == STEER_RINGS ||
	       (!ip_addr_is_v4(&ip->src) && ip->hdr_len > IPV6_HDR);
}

/* Only looks for a tuple; what is wrong with a frame is found where it is handled, which is
 * here when there is no tuple. */
static unsigned frame_worker(const struct net *net, struct rte_mbuf *m)
{
	struct net_addr local, remote;
	struct ip_packet ip;
	const uint8_t *l4;
	uint32_t len;
	bool found = false;
	int hdr = frame_packet(m, &ip);

	if (hdr < 0)
		return net->worker;
	if (unlikely(ip.fragment))
		return frag_worker(net, &ip.src, &ip.dst);
	l4 = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN + hdr);
	len = ip.total_len - (uint32_t)hdr;
	if (ip.proto == IPPROTO_TCP && is_for_us_to_hash(net, &ip))
		found = tcp_tuple(&ip, l4, len, &local, &remote);
	else if (ip.proto == IPPROTO_ICMP || ip.proto == IPPROTO_ICMPV6)
		found = icmp_tuple(&ip, l4, len, &local, &remote);
	if (!found || !zone_enter(&local.ip, pkt_priv(m)->port) ||
	    !zone_enter(&remote.ip, pkt_priv(m)->port))
		return net->worker;
	return steer_worker(net->ports, &local, &remote);
}

void port_wake_worker(struct net_ports *ports, unsigned worker)
{
	struct port_sleeper *s = &ports->sleepers[worker];

	/* Either we see the flag, or the sleeper, which raised it before its last look at the
	 * rings, sees what we put there. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&s->asleep, __ATOMIC_RELAXED) && s->wake_fd >= 0)
		eventfd_write(s->wake_fd, 1);
}

void steer_wake(const struct net *net, unsigned worker)
{
	port_wake_worker(net->ports, worker);
}

static void flush_to(struct net *net, unsigned to)
{
	struct handover *h = &net->handovers[to];
	struct rte_ring *ring = net->ports->steer[net->worker][to];
	unsigned sent = rte_ring_sp_enqueue_burst(ring, (void **)h->pkts, h->n, NULL);

	counter_add(net->counters, CTR_NET_STEERED, sent);
	for (unsigned i = sent; i < h->n; i++)
		net_drop(net, h->pkts[i], CTR_DROP_STEER_FULL);
	h->n = 0;
	steer_wake(net, to);
}

void steer_hand_over(struct net *net, unsigned to, struct rte_mbuf *m)
{
	struct handover *h = &net->handovers[to];

	if (unlikely(h->n == NET_BURST)) { /* only to itself: others are flushed before */
		net_drop(net, m, CTR_DROP_STEER_FULL);
		return;
	}
	h->pkts[h->n++] = m;
	if (h->n == NET_BURST && to != net->worker)
		flush_to(net, to);
}

/* What this worker put off to its next pass. */
static unsigned take_own(struct net *net, struct rte_mbuf **frames, unsigned max)
{
	struct handover *h = &net->handovers[net->worker];
	unsigned n = RTE_MIN(h->n, max);

	memcpy(frames, h->pkts, n * sizeof(*frames));
	h->n = (uint16_t)(h->n - n);
	memmove(h->pkts, h->pkts + n, h->n * sizeof(*frames));
	return n;
}

unsigned steer_burst(struct net *net, struct rte_mbuf **frames, unsigned n)
{
	unsigned kept = 0;

	if (net->ports->steering == STEER_NONE)
		return n;
	for (unsigned i = 0; i < n; i++) {
		unsigned to = frame_worker(net, frames[i]);

		if (to == net->worker)
			frames[kept++] = frames[i];
		else
			steer_hand_over(net, to, frames[i]);
	}
	return kept;
}

static void copy_to(struct net *net, unsigned to, const struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, net->ports->pool, 0, UINT32_MAX);

	if (!copy) {
		counter_inc(net->counters, CTR_DROP_NO_MBUF);
		return;
	}
	pkt_priv(copy)->port = pkt_priv((struct rte_mbuf *)(uintptr_t)m)->port;
	pkt_priv(copy)->frame_off = copy->data_off;
	steer_hand_over(net, to, copy);
}

void steer_copy_to_all(struct net *net, const struct rte_mbuf *m)
{
	for (unsigned to = 0; to < net->ports->n_workers; to++)
		if (to != net->worker)
			copy_to(net, to, m);
}

void steer_flush(struct net *net)
{
	if (net->ports->steering == STEER_NONE)
		return;
	for (unsigned to = 0; to < net->ports->n_workers; to++)
		if (net->handovers[to].n && to != net->worker)
			flush_to(net, to);
}

unsigned steer_take(struct net *net, struct rte_mbuf **frames, unsigned max)
{
	unsigned n = 0, workers = net->ports->n_workers;

	if (unlikely(net->handovers[net->worker].n))
		n = take_own(net, frames, max);
	if (net->ports->steering == STEER_NONE)
		return n;
	/* Another worker is first each time, so that none is starved by a small max. */
	for (unsigned i = 0; i < workers && n < max; i++) {
		unsigned from = (net->first_port + i) % workers;

		if (from != net->worker)
			n += rte_ring_sc_dequeue_burst(net->ports->steer[from][net->worker],
						       (void **)(frames + n), max - n, NULL);
	}
	return n;
}

static bool relay_pending(const struct net *net, const struct port *port)
{
	if (net->worker >= port->n_txq)
		return false;
	for (unsigned w = net->worker + port->n_txq; w < net->ports->n_workers; w += port->n_txq)
		if (!rte_ring_empty(port->relay[w]))
			return true;
	return false;
}

bool steer_pending(const struct net *net)
{
	if (net->ports->steering == STEER_NONE)
		return false;
	for (unsigned from = 0; from < net->ports->n_workers; from++)
		if (from != net->worker && !rte_ring_empty(net->ports->steer[from][net->worker]))
			return true;
	for (unsigned i = 0; i < net->ports->n_ports; i++)
		if (relay_pending(net, &net->ports->ports[i]))
			return true;
	return false;
}
