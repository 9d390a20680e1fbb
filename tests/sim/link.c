/* link.c - the simulated wire. Packets in flight lie in one heap per direction, ordered by
 * arrival, ties by the order of sending. */
#include "link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_tcp.h>

#include <net/cksum.h>

#define LOWER_HEADERS 54 /* what Ethernet and IPv6 would have taken of the headroom */

uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return n ? (uint32_t)(rng_next(r) % n) : 0;
}

bool rng_chance(struct rng *r, double p)
{
	return (double)(rng_next(r) >> 11) < p * (double)(1ull << 53);
}

void link_init(struct link *l, const struct link_config *cfg, struct rng *rng,
	       struct rte_mempool *pool)
{
	memset(l, 0, sizeof(*l));
	l->cfg = *cfg;
	l->rng = rng;
	l->pool = pool;
}

void link_fini(struct link *l)
{
	for (unsigned to = 0; to < 2; to++) {
		for (unsigned i = 0; i < l->n[to]; i++)
			rte_pktmbuf_free(l->heap[to][i].m);
		free(l->heap[to]);
	}
}

static bool earlier(const struct link_packet *a, const struct link_packet *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void exchange(struct link_packet *a, struct link_packet *b)
{
	struct link_packet t = *a;

	*a = *b;
	*b = t;
}

static void push(struct link *l, unsigned to, uint64_t at_us, struct rte_mbuf *m)
{
	struct link_packet *h;
	unsigned i = l->n[to]++;

	if (l->n[to] > l->room[to]) {
		l->room[to] = l->room[to] ? l->room[to] * 2 : 64;
		l->heap[to] = realloc(l->heap[to], l->room[to] * sizeof(*h));
	}
	h = l->heap[to];
	h[i] = (struct link_packet){at_us, l->order++, m};
	for (; i && earlier(&h[i], &h[(i - 1) / 2]); i = (i - 1) / 2)
		exchange(&h[i], &h[(i - 1) / 2]);
}

static struct rte_mbuf *pop(struct link *l, unsigned to)
{
	struct link_packet *h = l->heap[to];
	struct rte_mbuf *m = h[0].m;
	unsigned i = 0, n = --l->n[to];

	h[0] = h[n];
	for (;;) {
		unsigned k = 2 * i + 1;

		if (k >= n)
			return m;
		if (k + 1 < n && earlier(&h[k + 1], &h[k]))
			k++;
		if (earlier(&h[i], &h[k]))
			return m;
		exchange(&h[i], &h[k]);
		i = k;
	}
}

static unsigned strip_bit(uint8_t kind)
{
	switch (kind) {
	case 3:
		return LINK_STRIP_WSCALE;
	case 4:
		return LINK_STRIP_SACK;
	case 8:
		return LINK_STRIP_TS;
	}
	return 0;
}

/* Overwrites options of a SYN by NOPs. */
static void strip(struct rte_tcp_hdr *th, unsigned what)
{
	uint8_t *p = (uint8_t *)(th + 1), *end = (uint8_t *)th + (th->data_off >> 4) * (size_t)4;

	while (p < end && *p) {
		unsigned len = *p == 1 ? 1 : p[1];

		if (strip_bit(*p) & what)
			memset(p, 1, len);
		p += len;
	}
}

static struct rte_mbuf *flatten(struct link *l, const struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_alloc(l->pool);
	char *to;

	assert(copy);
	copy->data_off = LOWER_HEADERS;
	to = rte_pktmbuf_append(copy, (uint16_t)m->pkt_len);
	assert(to);
	for (; m; m = m->next) {
		memcpy(to, rte_pktmbuf_mtod(m, char *), m->data_len);
		to += m->data_len;
	}
	return copy;
}

/* The Gilbert model, per direction. */
static bool lost(struct link *l, unsigned to, const struct rte_mbuf *m)
{
	const struct rte_tcp_hdr *th = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	const struct link_config *cfg = &l->cfg;

	if (rng_chance(l->rng, l->in_burst[to] ? cfg->burst_end : cfg->burst_start))
		l->in_burst[to] = !l->in_burst[to];
	if (cfg->burst_start > 0 && l->in_burst[to])
		return true;
	if (cfg->ack_loss > 0 && th->tcp_flags == RTE_TCP_ACK_FLAG &&
	    m->pkt_len == (th->data_off >> 4) * 4u && rng_chance(l->rng, cfg->ack_loss))
		return true;
	return rng_chance(l->rng, cfg->loss[to]);
}

/* Flips a bit. What the IP layer does with it is done here: it goes. */
static void corrupt(struct link *l, struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t right = cksum_finish(cksum_add(0, p, m->data_len));

	p[rng_below(l->rng, m->data_len)] ^= (uint8_t)(1u << rng_below(l->rng, 8));
	if (cksum_finish(cksum_add(0, p, m->data_len)) == right)
		l->broken = "a flipped bit was not noticed";
	l->corrupted++;
	rte_pktmbuf_free(m);
}

/* What would arrive in a pause arrives at its end. */
static uint64_t after_pause(const struct link_config *cfg, uint64_t at_us)
{
	uint64_t into_us;

	if (!cfg->pause_every_us)
		return at_us;
	into_us = at_us % cfg->pause_every_us;
	return into_us < cfg->pause_us ? at_us - into_us + cfg->pause_us : at_us;
}

static void send_one(struct link *l, unsigned to, uint64_t now_us, const struct rte_mbuf *m,
		     const struct ip_addr *src, const struct ip_addr *dst)
{
	struct rte_mbuf *copy = flatten(l, m);
	struct rte_tcp_hdr *th = rte_pktmbuf_mtod(copy, struct rte_tcp_hdr *);
	uint64_t at_us = now_us + l->cfg.delay_us + rng_below(l->rng, l->cfg.jitter_us + 1);

	if (l->cfg.corrupt > 0 && rng_chance(l->rng, l->cfg.corrupt)) {
		corrupt(l, copy);
		return;
	}
	if (th->tcp_flags & RTE_TCP_SYN_FLAG)
		strip(th, l->cfg.strip);
	if (rng_chance(l->rng, l->cfg.reorder))
		at_us += rng_below(l->rng, l->cfg.reorder_us + 1);
	pkt_priv(copy)->src = *src;
	pkt_priv(copy)->dst = *dst;
	push(l, to, after_pause(&l->cfg, at_us), copy);
}

static void print(unsigned to, uint64_t now_us, const struct rte_mbuf *m, const char *what)
{
	const struct rte_tcp_hdr *th = rte_pktmbuf_mtod(m, const struct rte_tcp_hdr *);
	uint16_t port = rte_be_to_cpu_16(to ? th->src_port : th->dst_port);

	printf("%12.6f >%u port %u seq %u ack %u len %u flags %02x wnd %u%s\n",
	       (double)now_us / 1e6, to, port, rte_be_to_cpu_32(th->sent_seq),
	       rte_be_to_cpu_32(th->recv_ack), m->pkt_len - (th->data_off >> 4) * 4u, th->tcp_flags,
	       rte_be_to_cpu_16(th->rx_win), what);
}

void link_send(struct link *l, unsigned to, uint64_t now_us, const struct rte_mbuf *m,
	       const struct ip_addr *src, const struct ip_addr *dst)
{
	l->sent++;
	if (l->cfg.mbit > 0) {
		uint64_t start = l->free_at_us[to] > now_us ? l->free_at_us[to] : now_us;

		if (start - now_us > l->cfg.queue_us) {
			if (l->cfg.trace)
				print(to, now_us, m, " overflow");
			l->dropped++;
			return;
		}
		now_us = start + (uint64_t)((m->pkt_len + 60) * 8 / l->cfg.mbit);
		l->free_at_us[to] = now_us;
	}
	if (lost(l, to, m)) {
		if (l->cfg.trace)
			print(to, now_us, m, " lost");
		l->dropped++;
		return;
	}
	if (l->cfg.trace)
		print(to, now_us, m, "");
	send_one(l, to, now_us, m, src, dst);
	if (rng_chance(l->rng, l->cfg.duplicate))
		send_one(l, to, now_us, m, src, dst);
}

unsigned link_receive(struct link *l, unsigned to, uint64_t now_us, struct rte_mbuf **pkts,
		      unsigned max)
{
	unsigned n = 0;

	while (n < max && l->n[to] && l->heap[to][0].at_us <= now_us)
		pkts[n++] = pop(l, to);
	return n;
}

uint64_t link_next(const struct link *l)
{
	uint64_t next = UINT64_MAX;

	for (unsigned to = 0; to < 2; to++)
		if (l->n[to] && l->heap[to][0].at_us < next)
			next = l->heap[to][0].at_us;
	return next;
}
