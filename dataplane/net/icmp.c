/* icmp.c - ICMP (RFC 792): echo for our own addresses, errors about our segments upward. */
#include "context.h"

#include "pkt.h"
#include "punt.h"

#define ECHO_REPLY   0
#define ECHO_REQUEST 8

#define CODE_PROTOCOL 2
#define CODE_PORT     3
#define CODE_TOO_BIG  4
#define IPV4_MTU_MIN  68
#define QUOTE_MAX     (576 - IPV4_MIN_HDR - ICMP_HDR) /* RFC 1812 section 4.3.2.3 */
#define US_PER_TOKEN  (1000000 / ICMP_PER_SECOND)

/* A bucket of ICMP_BURST tokens: a flood of echo requests costs us no more than this. */
bool icmp_take_token(struct net *net)
{
	uint64_t tokens = (net->now_us - net->icmp_refill_us) / US_PER_TOKEN;

	net->icmp_refill_us += tokens * US_PER_TOKEN;
	net->icmp_tokens += tokens;
	if (net->icmp_tokens > ICMP_BURST)
		net->icmp_tokens = ICMP_BURST;
	if (net->icmp_tokens == 0)
		return false;
	net->icmp_tokens--;
	return true;
}

static void answer_echo(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod(m, struct rte_icmp_hdr *);

	if (!route_is_own(net->routes, &ip->dst) || !icmp_take_token(net)) {
		net_drop(net, m, CTR_DROP_ICMP);
		return;
	}
	icmp->icmp_type = ECHO_REPLY;
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = cksum_finish(cksum_add(0, icmp, m->data_len));
	counter_inc(net->counters, CTR_NET_ICMP_ECHO);
	ip_output(net, &ip->dst, &ip->src, IPPROTO_ICMP, m, NULL);
}

void icmp_tell(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip, uint8_t type,
	       uint8_t code)
{
	struct rte_icmp_hdr *icmp;

	if (ip->proto == IPPROTO_ICMP || !route_is_own(net->routes, &ip->dst) ||
	    !icmp_take_token(net)) {
		rte_pktmbuf_free(m);
		return;
	}
	counter_inc(net->counters, CTR_NET_ICMP_ERROR_OUT);
	m->data_len = RTE_MIN(RTE_MIN(ip->total_len, m->data_len), (uint16_t)QUOTE_MAX);
	m->pkt_len = m->data_len;
	rte_pktmbuf_prepend(m, ICMP_HDR);
	icmp = rte_pktmbuf_mtod(m, struct rte_icmp_hdr *);
	memset(icmp, 0, ICMP_HDR);
	icmp->icmp_type = type;
	icmp->icmp_code = code;
	icmp->icmp_cksum = cksum_finish(cksum_add(0, icmp, m->data_len));
	ip_output(net, &ip->dst, &ip->src, IPPROTO_ICMP, m, NULL);
}

/* Routers before RFC 1191 say 0: the next lower common MTU (its section 7.1) is tried. */
static uint16_t lower_plateau(uint16_t total_len)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (unsigned i = 0; i < RTE_DIM(plateaus); i++)
		if (plateaus[i] < total_len)
			return plateaus[i];
	return IPV4_MTU_MIN;
}

static uint16_t next_hop_mtu(const uint8_t *icmp, const struct icmp_quote *quote)
{
	uint16_t mtu;

	if (icmp[0] != ICMP_UNREACHABLE || icmp[1] != CODE_TOO_BIG)
		return 0;
	memcpy(&mtu, icmp + 6, 2);
	mtu = rte_be_to_cpu_16(mtu);
	if (mtu == 0)
		return lower_plateau(quote->total_len);
	return RTE_MAX(mtu, IPV4_MTU_MIN);
}

/* We must have been able to send the quoted segment, and the error must have come to its
 * sender; the rest of RFC 5927's checks need the connection. */
static bool is_ours(const struct net *net, const struct icmp_quote *q, const struct ip_packet *ip)
{
	if (!ip_addr_eq(&q->local.ip, &ip->dst))
		return false;
	return route_is_own(net->routes, &q->local.ip) ||
	       net->ops->captures(net->owner, &q->local, &q->remote);
}

/* What the kernel may have asked for, or else nobody did. */
void icmp_not_ours(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	if (route_is_own(net->routes, &ip->dst))
		punt_or_drop(net, m, CTR_DROP_ICMP);
	else
		net_drop(net, m, CTR_DROP_ICMP);
}

/* Is it about a connection of the kernel's? */
static bool is_kernels(const struct net *net, struct rte_mbuf *m, const struct icmp_quote *q)
{
	return punt_wants(net, m) && !net->ops->captures(net->owner, &q->local, &q->remote);
}

void icmp_report(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
		 const struct icmp_quote *q, bool hard, uint16_t mtu)
{
	if (!is_ours(net, q, ip) || is_kernels(net, m, q)) {
		icmp_not_ours(net, m, ip);
		return;
	}
	counter_inc(net->counters, CTR_NET_ICMP_ERROR);
	net->ops->icmp_error(net->owner, &q->local, &q->remote, q->seq, hard, mtu);
	rte_pktmbuf_free(m);
}

static void report_error(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	const uint8_t *icmp = rte_pktmbuf_mtod(m, const uint8_t *);
	struct icmp_quote q;
	bool hard;

	if (pkt_parse_icmp_quote(icmp + ICMP_HDR, m->data_len - ICMP_HDR, &q) < 0) {
		icmp_not_ours(net, m, ip);
		return;
	}
	hard = icmp[0] == ICMP_UNREACHABLE && (icmp[1] == CODE_PROTOCOL || icmp[1] == CODE_PORT);
	icmp_report(net, m, ip, &q, hard, next_hop_mtu(icmp, &q));
}

bool icmp_kernel_echoes(const struct net *net, struct rte_mbuf *m)
{
	return net->ports->ports[pkt_priv(m)->port].kernel_echoes;
}

/* Redirects, source quench (RFC 6633) and what nobody should send us are not weir's either. */
void icmp_take(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip)
{
	const uint8_t *icmp = rte_pktmbuf_mtod(m, const uint8_t *);
	bool whole = m->data_len >= ICMP_HDR && cksum_finish(cksum_add(0, icmp, m->data_len)) == 0;

	if (whole && icmp[0] == ECHO_REQUEST && icmp[1] == 0 && !icmp_kernel_echoes(net, m))
		answer_echo(net, m, ip);
	else if (whole && pkt_icmp_is_error(icmp[0]))
		report_error(net, m, ip);
	else if (whole)
		icmp_not_ours(net, m, ip);
	else
		net_drop(net, m, CTR_DROP_ICMP);
}
