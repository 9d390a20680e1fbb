/* mld.c - says which groups a port listens to, so that switches that watch (RFC 4541) let
 * neighbours' questions through: MLDv2 (RFC 3810), and its first version (RFC 2710) to who asks
 * by it. Worker 0 speaks.
 *
 * Groups are those of own addresses, joined before the addresses are asked for (RFC 4862 section
 * 5.4.2) and never left. */
#include "mld.h"

#include <rte_random.h>

#include "context.h"
#include "pkt6.h"
#include "zone.h"

#define REPORTS     3 /* unasked for; RFC 3590 wants one with a source address */
#define INTERVAL_US 1000000ull
#define IDLE        UINT64_MAX

#define OLD_LEN     24
#define QUERY_LEN   28 /* at least, of the second version */
#define RECORD_LEN  20
#define IS_EXCLUDE  2 /* types of records */
#define TO_EXCLUDE  4
#define HOP_LIMIT   1
#define OPTIONS_LEN 8

/* Routers are to look at it (RFC 2711). */
static const uint8_t router_alert[OPTIONS_LEN] = {IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};

/* The link-local address when it may be used, else none (RFC 3590). */
static struct ip_addr source(const struct net *net, uint16_t port)
{
	for (unsigned i = 0; i < net->routes->n_addrs; i++) {
		const struct own_addr *a = &net->routes->addrs[i];

		if (a->port == port && zone_is_link_local(&a->prefix.ip) &&
		    route_own_state(a) == OWN_USABLE)
			return a->prefix.ip;
	}
	return (struct ip_addr){0};
}

/* A message of len bytes, zeroed; NULL is counted. */
static uint8_t *make(struct net *net, uint8_t type, uint16_t len, struct rte_mbuf **m)
{
	uint8_t *msg;

	*m = tx_alloc(net);
	if (!*m)
		return NULL;
	rte_pktmbuf_append(*m, len);
	msg = rte_pktmbuf_mtod(*m, uint8_t *);
	memset(msg, 0, len);
	msg[0] = type;
	return msg;
}

/* Takes a finished message. */
static void transmit(struct net *net, uint16_t port, const struct ip_addr *dst, struct rte_mbuf *m)
{
	struct rte_ether_addr mac = ip6_group_mac(dst);
	struct ip_addr src = source(net, port);
	uint16_t sum = icmp6_cksum(m, &src, dst);

	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 2), &sum, sizeof(sum));
	memcpy(rte_pktmbuf_prepend(m, OPTIONS_LEN), router_alert, OPTIONS_LEN);
	ip6_put_header(m, &src, dst, EXT_HOP_BY_HOP, HOP_LIMIT);
	counter_inc(net->counters, CTR_NET_MLD_OUT);
	tx_push_ether(net, port, &mac, RTE_BE16(RTE_ETHER_TYPE_IPV6), m);
}

static bool listed(const struct ip_addr *groups, unsigned n, const struct ip_addr *group)
{
	for (unsigned i = 0; i < n; i++)
		if (ip_addr_eq(&groups[i], group))
			return true;
	return false;
}

/* All that a port is in but all nodes, of which nothing is said (RFC 3810 section 6). */
static unsigned groups_of(const struct net *net, uint16_t port, struct ip_addr *groups)
{
	unsigned n = 0;

	for (unsigned i = 0; i < net->routes->n_addrs; i++) {
		const struct own_addr *a = &net->routes->addrs[i];

		if (a->port != port || ip_addr_is_v4(&a->prefix.ip))
			continue;
		groups[n] = ip6_solicited_node(&a->prefix.ip);
		n += !listed(groups, n, &groups[n]);
	}
	return n;
}

/* RFC 3810 section 5.2: a record a group, none with sources. */
static void report(struct net *net, uint16_t port, uint8_t kind, const struct ip_addr *groups,
		   unsigned n)
{
	struct ip_addr routers = {.b = {0xff, 2, [15] = 0x16}};
	uint16_t len = (uint16_t)(ICMP_HDR + n * RECORD_LEN);
	struct rte_mbuf *m;
	uint8_t *msg = make(net, MLD_REPORT, len, &m);

	if (!msg)
		return;
	msg[7] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		msg[ICMP_HDR + i * RECORD_LEN] = kind;
		memcpy(msg + ICMP_HDR + i * RECORD_LEN + 4, &groups[i], sizeof(groups[i]));
	}
	transmit(net, port, &routers, m);
}

/* RFC 2710 section 3: a message a group, to it. */
static void report_old(struct net *net, uint16_t port, const struct ip_addr *groups, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m;
		uint8_t *msg = make(net, MLD_REPORT_OLD, OLD_LEN, &m);

		if (!msg)
			return;
		memcpy(msg + ICMP_HDR, &groups[i], sizeof(groups[i]));
		transmit(net, port, &groups[i], m);
	}
}

static void say(struct net *net, uint16_t port, struct mld_link *l)
{
	struct ip_addr groups[IFACE_ADDRS_MAX + 1];
	unsigned n = groups_of(net, port, groups);

	if (l->old)
		report_old(net, port, groups, n);
	else
		report(net, port, l->said < REPORTS ? TO_EXCLUDE : IS_EXCLUDE, groups, n);
	l->due_us = IDLE;
	if (l->said < REPORTS && ++l->said < REPORTS)
		l->due_us = net->now_us + INTERVAL_US;
}

void mld_say_again(struct net *net, uint16_t port)
{
	net->mld.links[port].said = 0;
	net->mld.links[port].due_us = net->now_us;
}

uint64_t mld_turn(struct net *net)
{
	uint64_t next_us = IDLE;

	for (uint16_t i = 0; i < net->ports->n_ports; i++) {
		struct mld_link *l = &net->mld.links[i];

		if (!net->routes->v6[i])
			continue;
		if (l->due_us <= net->now_us)
			say(net, i, l);
		next_us = RTE_MIN(next_us, l->due_us);
	}
	return next_us;
}

/* RFC 3810 section 5.1.3. */
static uint32_t longest_delay_ms(const uint8_t *msg, bool old)
{
	uint32_t code = (uint32_t)msg[4] << 8 | msg[5];

	if (old || code < 32768)
		return code;
	return ((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
}

/* Does it ask about a group of ours, or about all? */
static bool concerns(const struct net *net, uint16_t port, const uint8_t *msg)
{
	struct ip_addr groups[IFACE_ADDRS_MAX + 1], asked;

	memcpy(&asked, msg + ICMP_HDR, sizeof(asked));
	return ip_addr_is_any(&asked) || listed(groups, groups_of(net, port, groups), &asked);
}

bool mld_take_query(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
		    uint8_t hop_limit)
{
	const uint8_t *msg = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t port = pkt_priv(m)->port;
	struct mld_link *l = &net->mld.links[port];
	bool old = m->data_len == OLD_LEN;
	uint64_t due_us;

	if ((!old && m->data_len < QUERY_LEN) || hop_limit != HOP_LIMIT ||
	    !zone_is_link_local(&ip->src))
		return false;
	if (net->worker != 0 || !concerns(net, port, msg))
		return true;
	/* One answer to all that is asked until then. */
	l->old = old;
	due_us = net->now_us + rte_rand_max(longest_delay_ms(msg, old) * 1000ull + 1);
	l->due_us = RTE_MIN(l->due_us, due_us);
	net->nd_us = RTE_MIN(net->nd_us, l->due_us);
	return true;
}
