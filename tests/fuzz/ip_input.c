/* ip_input.c - fuzz target: the network layer with whatever frames the input says, whole and in
 * fragments, of both families, and with whatever time between.
 *
 * The input is a list of steps, each led by a byte; what a step needs follows. Some steps cut known
 * TCP packets into fragments: what is put together from them must be those packets, whatever came
 * in between. At the end all fragments are given up, and nothing may have leaked. */
#include "../unit/net/box6.h"

#include <net/frag.h>

#include "fuzz.h"

#define STEPS_MAX  200
#define PACKETS    4
#define FIRST_PORT 40000
#define SERVER     80
#define BODY_MAX   200

struct input {
	const uint8_t *p;
	size_t n;
};

/* A TCP packet to be cut: its IP payload. */
struct whole {
	uint8_t bytes[2048];
	unsigned len;
};

static struct whole v4[PACKETS], v6[PACKETS];
static uint8_t f[4096];

static uint32_t take(struct input *in, unsigned bytes)
{
	uint32_t v = 0;

	while (bytes--) {
		v = v << 8 | (in->n ? *in->p : 0);
		if (in->n) {
			in->p++;
			in->n--;
		}
	}
	return v;
}

static unsigned take_bytes(struct input *in, uint8_t *to, unsigned max)
{
	unsigned n = (unsigned)RTE_MIN((size_t)(take(in, 1) % (max + 1)), in->n);

	memcpy(to, in->p, n);
	in->p += n;
	in->n -= n;
	return n;
}

static void make_wholes(struct box *b)
{
	static const uint16_t sizes[PACKETS] = {4, 300, 1400, 1800};

	for (unsigned i = 0; i < PACKETS; i++) {
		uint16_t port = (uint16_t)(FIRST_PORT + i);

		v4[i].len = make_tcp(b, f, FAR, port, OWN, SERVER, sizes[i]) - 34;
		memcpy(v4[i].bytes, f + 34, v4[i].len);
		v6[i].len = make_tcp6(b, f, FAR6, port, OWN6, SERVER, sizes[i]) - AT_NEXT;
		memcpy(v6[i].bytes, f + AT_NEXT, v6[i].len);
	}
}

/* One for all inputs: devices are slow to open. */
static struct box *world(void)
{
	static struct box *b;

	if (b)
		return b;
	MUST(box_eal(NULL) == 0);
	b = box6_open(1);
	make_wholes(b);
	net_destroy(b->net[0]);
	return b;
}

/* Where a fragment begins and how long it is, mostly in agreement with others. */
static unsigned place(struct input *in, const struct whole *w, unsigned *len)
{
	unsigned at = take(in, 1) * 8 % (w->len + 8);

	*len = take(in, 1) * 8;
	if (at > w->len)
		at = w->len;
	if (at + *len > w->len || *len == 0)
		*len = w->len - at;
	return at;
}

static unsigned fragment_ip4(struct box *b, struct input *in)
{
	uint32_t which = take(in, 1) % PACKETS;
	const struct whole *w = &v4[which];
	unsigned len, at = place(in, w, &len);
	unsigned start = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x0800);

	make_ip(f + start, FAR, OWN, 6, len);
	put16(f + start + 4, (uint16_t)(0x4200 + which));
	put16(f + start + 6, (uint16_t)((at + len < w->len ? 0x2000 : 0) | at / 8));
	f[start + 1] = (uint8_t)(take(in, 1) & 3);
	mend_ip(f + start);
	memcpy(f + start + 20, w->bytes + at, len);
	return start + 20 + len;
}

static unsigned fragment_ip6(struct box *b, struct input *in)
{
	uint32_t which = take(in, 1), ext = which & 0x80 ? 8 : 0;
	const struct whole *w = &v6[which % PACKETS];
	unsigned len, at = place(in, w, &len);
	uint8_t *h = f + make_ether6(b, f), *frag = h + 40 + ext;

	make_ip6(h, FAR6, OWN6, ext ? 60 : 44, ext + 8 + len);
	memset(h + 40, 0, ext + 8);
	if (ext) {
		h[40] = 44;
		h[42] = 1; /* PadN */
		h[43] = 4;
	}
	frag[0] = 6;
	put16(frag + 2, (uint16_t)(at | (at + len < w->len)));
	put32(frag + 4, which % PACKETS);
	memcpy(frag + 8, w->bytes + at, len);
	return AT_NEXT + ext + 8 + len;
}

/* Any IPv4 packet; its length and checksum are mostly right. */
static unsigned any_ip4(struct box *b, struct input *in)
{
	uint32_t how = take(in, 1);
	unsigned start =
		make_ether(f, how & 1 ? &all_macs : &b->ports->ports[0].mac, &peer_mac, 0x0800);
	unsigned n;

	make_ip(f + start, how & 2 ? PEER : FAR, OWN, (uint8_t)take(in, 1), 0);
	n = 20 + take_bytes(in, f + start + 20, BODY_MAX);
	if (how & 4)
		n = RTE_MAX(take_bytes(in, f + start, 60), 20u);
	if (how & 8)
		put16(f + start + 6, (uint16_t)take(in, 2));
	if (how & 16)
		f[start] = (uint8_t)(0x40 | (take(in, 1) & 15));
	put16(f + start + 4, 0x1111); /* nor of their datagrams */
	put16(f + start + 2, (uint16_t)(how & 32 ? take(in, 2) : n));
	if (!(how & 64) && (f[start] & 15u) >= 5 && (f[start] & 15u) * 4 <= n)
		mend_ip(f + start);
	return start + n;
}

/* Not that of the packets that are cut: one made by luck would be no mistake. */
static const char *const addresses[] = {OWN6,   PEER6, "2001:db8::77", GATEWAY6,
					NODES6, "::",  "fe80::77",     "ff02::1:ff00:2"};

/* Any IPv6 packet, with whatever headers. A checksum is mended where ICMPv6 comes first. */
static unsigned any_ip6(struct box *b, struct input *in)
{
	uint32_t how = take(in, 1), who = take(in, 1);
	const char *src = addresses[who & 7], *dst = addresses[who >> 3 & 7];
	uint8_t next = (uint8_t)take(in, 1), *h = f + make_ether6(b, f);
	struct ip_addr to = ip(dst);
	unsigned n = take_bytes(in, h + 40, BODY_MAX);

	make_ip6(h, src, dst, how & 1 ? 58 : next, n);
	h[7] = how & 2 ? 255 : 1;
	if (how & 1 && n >= 4)
		mend6(h, 58, h + 40, 2, n);
	if (how & 4)
		put16(h + 4, (uint16_t)take(in, 2));
	if (ip6_is_multicast(&to))
		to_group(f);
	return AT_NEXT + n;
}

static unsigned any_arp(struct box *b, struct input *in)
{
	static const char *const hosts[] = {OWN, PEER, GATEWAY, FAR};
	uint32_t how = take(in, 1);
	const struct rte_ether_addr other = {{2, 0, 0, 0, 0, (uint8_t)(how >> 6)}};

	(void)b;
	return make_arp(f, &all_macs, (uint16_t)(1 + (how & 1)), how & 32 ? &other : &peer_mac,
			hosts[how >> 1 & 3], hosts[how >> 3 & 3]);
}

/* Of what was cut above only the whole may come. */
static void check_tcp(struct rte_mbuf *m)
{
	const uint8_t *tcp = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned port = (unsigned)tcp[0] << 8 | tcp[1];
	const struct whole *w;

	MUST(m->data_len >= 20 && m->nb_segs == 1 && m->pkt_len == m->data_len);
	if (port < FIRST_PORT || port >= FIRST_PORT + PACKETS)
		return;
	w = ip_addr_is_v4(&pkt_priv(m)->src) ? &v4[port - FIRST_PORT] : &v6[port - FIRST_PORT];
	MUST(m->data_len == w->len && memcmp(tcp, w->bytes, w->len) == 0);
}

static void pass(struct box *b)
{
	struct rte_mbuf *pkts[NET_BURST];
	unsigned n = box_pass(b, 0, pkts, NET_BURST);

	for (unsigned i = 0; i < n; i++) {
		check_tcp(pkts[i]);
		rte_pktmbuf_free(pkts[i]);
	}
	box_drain(0);
	MUST(frag_count(b->net[0]->frags) <= FRAG_DATAGRAMS);
}

static void step(struct box *b, struct input *in)
{
	static unsigned (*const make[])(struct box *, struct input *) = {fragment_ip4, fragment_ip6,
									 any_ip4, any_ip6, any_arp};
	uint32_t what = take(in, 1);

	if (what >= 250) {
		b->now_us += take(in, 3) * 16ull;
	} else {
		unsigned len = make[what % RTE_DIM(make)](b, in);

		if (what & 64) /* cut short */
			len -= take(in, 1) % len;
		box_inject(b, 0, f, len);
	}
	pass(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct box *b = world();

	b->net[0] = net_create(b->ports, 0, &box_ops, b, &b->counters[0]);
	MUST(b->net[0]);
	for (unsigned i = 0; i < STEPS_MAX && in.n; i++)
		step(b, &in);
	b->now_us += 2 * FRAG_TIMEOUT_US;
	pass(b);
	MUST(frag_count(b->net[0]->frags) == 0);
	net_destroy(b->net[0]);
	MUST(rte_mempool_in_use_count(b->pool) == 0);
	return 0;
}
