/* capture.c - see capture.h. */
#include <net/capture.h>

#include <time.h>

#include "context.h"
#include "pkt.h"

#define LOOK          128 /* bytes that hold every header a filter asks for */
#define TAGS_MAX      2
#define EXTENSIONS    6
#define IP6_HDR       40
#define PROTO_HOP     0
#define PROTO_ROUTING 43
#define PROTO_FRAG    44
#define PROTO_DEST    60

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void parse_ports(const uint8_t *p, const uint8_t *end, struct capture_view *v)
{
	if ((v->proto != IPPROTO_TCP && v->proto != IPPROTO_UDP) || end - p < 4)
		return;
	v->has_ports = true;
	v->port[0] = get16(p);
	v->port[1] = get16(p + 2);
}

static void parse_v4(const uint8_t *p, const uint8_t *end, struct capture_view *v)
{
	uint32_t addr[2];

	if (end - p < IPV4_MIN_HDR)
		return;
	memcpy(addr, p + 12, sizeof(addr));
	v->addr[0] = ip_addr_v4(addr[0]);
	v->addr[1] = ip_addr_v4(addr[1]);
	v->has_addrs = true;
	v->proto = p[9];
	if ((get16(p + 6) & RTE_IPV4_HDR_OFFSET_MASK) == 0 && end - p > (p[0] & 15) * 4)
		parse_ports(p + (p[0] & 15) * 4, end, v);
}

static bool is_extension(uint8_t proto)
{
	return proto == PROTO_HOP || proto == PROTO_ROUTING || proto == PROTO_FRAG ||
	       proto == PROTO_DEST;
}

static void parse_v6(const uint8_t *p, const uint8_t *end, struct capture_view *v)
{
	uint16_t offset = 0;

	if (end - p < IP6_HDR)
		return;
	memcpy(v->addr, p + 8, sizeof(v->addr));
	v->has_addrs = true;
	v->proto = p[6];
	p += IP6_HDR;
	for (unsigned i = 0; i < EXTENSIONS && is_extension(v->proto) && end - p >= 8; i++) {
		bool fragment = v->proto == PROTO_FRAG;

		if (fragment)
			offset = get16(p + 2) & 0xfff8;
		v->proto = p[0];
		p += fragment ? 8 : (p[1] + 1) * 8;
	}
	if (offset == 0)
		parse_ports(p, end, v);
}

static void parse_arp(const uint8_t *p, const uint8_t *end, struct capture_view *v)
{
	uint32_t addr[2];

	if (end - p < ARP_LEN)
		return;
	memcpy(&addr[0], p + 14, 4);
	memcpy(&addr[1], p + 24, 4);
	v->addr[0] = ip_addr_v4(addr[0]);
	v->addr[1] = ip_addr_v4(addr[1]);
	v->has_addrs = true;
}

static bool is_tag(uint16_t ethertype)
{
	return ethertype == RTE_ETHER_TYPE_VLAN || ethertype == RTE_ETHER_TYPE_QINQ;
}

void capture_parse(const uint8_t *frame, uint32_t len, struct capture_view *v)
{
	const uint8_t *p = frame + RTE_ETHER_HDR_LEN, *end = frame + len;

	memset(v, 0, sizeof(*v));
	if (len < RTE_ETHER_HDR_LEN)
		return;
	v->ethertype = get16(p - 2);
	for (unsigned i = 0; i < TAGS_MAX && is_tag(v->ethertype) && end - p >= 4; i++) {
		v->ethertype = get16(p + 2);
		p += 4;
	}
	if (v->ethertype == RTE_ETHER_TYPE_IPV4)
		parse_v4(p, end, v);
	else if (v->ethertype == RTE_ETHER_TYPE_IPV6)
		parse_v6(p, end, v);
	else if (v->ethertype == RTE_ETHER_TYPE_ARP)
		parse_arp(p, end, v);
}

/* Does the source or the destination, as the term says, have it? */
static bool on_side(const struct capture_term *t, bool src, bool dst)
{
	return (t->side != CAPTURE_DST && src) || (t->side != CAPTURE_SRC && dst);
}

static bool holds(const struct capture_term *t, const struct capture_view *v)
{
	switch (t->kind) {
	case CAPTURE_NET:
		return v->has_addrs && on_side(t, ip_prefix_contains(&t->prefix, &v->addr[0]),
					       ip_prefix_contains(&t->prefix, &v->addr[1]));
	case CAPTURE_PORT:
		return v->has_ports && on_side(t, v->port[0] == t->value, v->port[1] == t->value);
	case CAPTURE_PROTOCOL:
		return v->has_addrs && v->ethertype != RTE_ETHER_TYPE_ARP && v->proto == t->value;
	case CAPTURE_ETHERTYPE:
		return v->ethertype == t->value;
	case CAPTURE_INTERFACE:
		return v->iface == t->value;
	case CAPTURE_OUT:
		return v->out;
	}
	return false;
}

bool capture_matches(const struct capture_filter *f, const struct capture_view *v)
{
	bool all = true;

	for (unsigned i = 0; i < f->n; i++) {
		const struct capture_term *t = &f->terms[i];

		all = all && holds(t, v) != t->negate;
		if (!t->last)
			continue;
		if (all)
			return true;
		all = true;
	}
	return f->n == 0;
}

static uint64_t epoch_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void copy_data(struct capture_slot *slot, const struct rte_mbuf *m)
{
	uint32_t n = RTE_MIN(m->pkt_len, (uint32_t)CAPTURE_BYTES);
	const void *data = rte_pktmbuf_read(m, 0, n, slot->data);

	slot->len = m->pkt_len;
	if (data && data != slot->data)
		memcpy(slot->data, data, n);
}

/* A slot is busy only when the others have gone once around meanwhile. */
static void store(struct capture *c, const struct rte_mbuf *m, const struct capture_view *v)
{
	uint64_t seq = __atomic_add_fetch(&c->matched, 1, __ATOMIC_RELAXED);
	struct capture_slot *slot = &c->slots[(seq - 1) % c->n_slots];

	if (c->keep_first && seq > c->n_slots)
		return;
	if (__atomic_exchange_n(&slot->busy, 1, __ATOMIC_ACQUIRE)) {
		__atomic_add_fetch(&c->missed, 1, __ATOMIC_RELAXED);
		return;
	}
	slot->seq = seq;
	slot->time_ns = epoch_ns();
	slot->iface = v->iface;
	slot->out = v->out;
	copy_data(slot, m);
	__atomic_store_n(&slot->busy, 0, __ATOMIC_RELEASE);
}

__rte_noinline void capture_burst(struct net *net, struct rte_mbuf *const *frames, unsigned n,
				  unsigned port, bool out)
{
	uint8_t head[LOOK];

	for (unsigned i = 0; i < n; i++) {
		uint32_t len = RTE_MIN(frames[i]->pkt_len, (uint32_t)LOOK);
		const uint8_t *p = rte_pktmbuf_read(frames[i], 0, len, head);
		struct capture_view v;

		if (!p)
			continue;
		capture_parse(p, len, &v);
		v.iface = (uint16_t)port;
		v.out = out;
		if (capture_matches(&net->capture->filter, &v))
			store(net->capture, frames[i], &v);
	}
}

void net_set_capture(struct net_ports *ports, struct capture *c)
{
	__atomic_store_n(&ports->capture, c, __ATOMIC_RELEASE);
}
