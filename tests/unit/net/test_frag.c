/* test_frag.c - fragments: put together in any order, bounded, and never into something that
 * nobody sent. First the table by itself, then packets of both families. */
#include "box.h"

#include <net/frag.h>
#include <net/frag_ip.h>

#define T0 1000000ull

static uint8_t f[2048], text[FRAG_PAYLOAD_MAX + 64];
static const uint8_t head[] = "the headers";
static struct frag_whole about;

struct rig {
	struct box *box;
	struct frag_table *t;
	struct counters *c;
};

static struct rig rig;

static int make(void **state)
{
	rig.box = box_open(1);
	rig.t = rig.box->net[0]->frags;
	rig.c = &rig.box->counters[0];
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 31 + i / 256);
	*state = rig.box;
	return 0;
}

static int done(void **state)
{
	box_drain(0);
	box_close(*state);
	return 0;
}

static struct frag_part part_of(const char *src, uint32_t id, uint32_t offset, uint32_t len,
				bool more)
{
	struct frag_part p = {.src = ip(src),
			      .dst = ip(OWN),
			      .id = id,
			      .proto = 6,
			      .next = 6,
			      .more = more,
			      .offset = offset,
			      .len = len,
			      .data = text + offset,
			      .head = head,
			      .head_len = sizeof(head)};
	return p;
}

static struct rte_mbuf *add(uint32_t offset, uint32_t len, bool more)
{
	struct frag_part p = part_of(PEER, 7, offset, len, more);

	return frag_add(rig.t, T0, &p, &about);
}

static struct rte_mbuf *expire(uint64_t now_us)
{
	return frag_expire(rig.t, now_us, &about);
}

static uint64_t count(enum counter_id id)
{
	return rig.c->v[id];
}

/* Takes m: the text from its start, n bytes of it, behind the head. */
static void expect_text(struct rte_mbuf *m, unsigned n)
{
	assert_non_null(m);
	assert_int_equal(m->data_len, sizeof(head) + n);
	assert_int_equal(m->pkt_len, m->data_len);
	assert_int_equal(about.head_len, sizeof(head));
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), head, sizeof(head));
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, sizeof(head)), text, n);
	rte_pktmbuf_free(m);
	assert_int_equal(frag_count(rig.t), 0);
}

/* Fragments 0 to 3 of 24, 40, 8 and 13 bytes. */
static struct rte_mbuf *add_nth(unsigned i)
{
	static const uint16_t offset[] = {0, 24, 64, 72}, len[] = {24, 40, 8, 13};

	return add(offset[i], len[i], i < 3);
}

static void any_order_will_do(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		unsigned order[] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
		unsigned seen = 0;

		for (unsigned i = 0; i < 4; i++)
			seen |= 1u << order[i];
		if (seen != 15)
			continue;
		for (unsigned i = 0; i < 3; i++)
			assert_null(add_nth(order[i]));
		expect_text(add_nth(order[3]), 85);
	}
	assert_int_equal(count(CTR_NET_REASSEMBLED), 24);
}

/* xorshift: the same cases in every run. */
static uint32_t dice(uint32_t *seed, uint32_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

/* Cut anywhere, shuffled, some twice: what comes out is what was cut. */
static void random_cuts_come_together(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (unsigned turn = 0; turn < 2000; turn++) {
		unsigned total = 1 + dice(&seed, FRAG_PAYLOAD_MAX), n = 0, at = 0;
		uint32_t cut[FRAG_PARTS + 1] = {0};
		struct rte_mbuf *m = NULL;

		while (at < total && n < FRAG_PARTS - 1) {
			at += 8 * (1 + dice(&seed, 1 + total / 64));
			cut[++n] = at < total ? at : total;
		}
		cut[n] = total;
		for (unsigned left = (1u << n) - 1, i; left && n < 31;) {
			i = dice(&seed, n);
			m = add(cut[i], cut[i + 1] - cut[i], i + 1 < n);
			left &= ~(1u << i);
			assert_int_equal(m != NULL, left == 0);
		}
		if (m)
			expect_text(m, total);
	}
	assert_true(count(CTR_NET_REASSEMBLED) > 1000);
	assert_true(count(CTR_DROP_FRAG_DUPLICATE) > 1000);
	assert_int_equal(count(CTR_DROP_FRAG_OVERLAP), 0);
}

static void a_duplicate_is_ignored(void **state)
{
	(void)state;
	assert_null(add(0, 24, true));
	assert_null(add(0, 24, true));
	assert_int_equal(count(CTR_DROP_FRAG_DUPLICATE), 1);
	expect_text(add(24, 10, false), 34);
}

/* The datagram is gone, and so is what still comes of it. */
static void expect_poisoned(unsigned lost)
{
	assert_int_equal(count(CTR_DROP_FRAG_OVERLAP), lost);
	assert_null(add(0, 24, true));
	assert_null(add(24, 10, false));
	assert_int_equal(count(CTR_DROP_FRAG_OVERLAP), lost + 2);
	assert_int_equal(rte_mempool_in_use_count(rig.box->pool), 0);
	assert_null(expire(T0 + FRAG_TIMEOUT_US));
	assert_int_equal(frag_count(rig.t), 0);
	assert_int_equal(count(CTR_DROP_FRAG_TIMEOUT), 0);
}

static void a_duplicate_that_differs_is_an_overlap(void **state)
{
	struct frag_part p = part_of(PEER, 7, 0, 24, true);

	(void)state;
	assert_null(add(0, 24, true));
	p.data = text + 1;
	assert_null(frag_add(rig.t, T0, &p, &about));
	expect_poisoned(2);
}

static void an_overlap_ends_the_datagram(void **state)
{
	(void)state;
	assert_null(add(0, 24, true));
	assert_null(add(16, 24, true));
	expect_poisoned(2);
}

static void an_overlap_from_below_ends_the_datagram(void **state)
{
	(void)state;
	assert_null(add(24, 24, true));
	assert_null(add(0, 32, true));
	expect_poisoned(2);
}

static void a_fragment_that_covers_another_ends_the_datagram(void **state)
{
	(void)state;
	assert_null(add(8, 8, true));
	assert_null(add(0, 24, true));
	expect_poisoned(2);
}

static void nothing_lies_behind_the_end(void **state)
{
	(void)state;
	assert_null(add(24, 8, false));
	assert_null(add(32, 8, true));
	expect_poisoned(2);
}

static void the_end_does_not_move_forward(void **state)
{
	(void)state;
	assert_null(add(48, 8, true));
	assert_null(add(24, 8, false));
	expect_poisoned(2);
}

static void the_end_does_not_move_back(void **state)
{
	(void)state;
	assert_null(add(24, 8, false));
	assert_null(add(32, 8, false));
	expect_poisoned(2);
}

static void datagrams_are_told_apart(void **state)
{
	struct frag_part p[5];

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		p[i] = part_of(PEER, 7, 0, 24, true);
	p[1].id = 8;
	p[2].proto = 17;
	p[3].src = ip(FAR);
	p[4].dst = ip(VIP);
	for (unsigned i = 0; i < 5; i++)
		assert_null(frag_add(rig.t, T0, &p[i], &about));
	assert_int_equal(frag_count(rig.t), 5);
	for (unsigned i = 0; i < 5; i++) {
		p[i].offset = 24;
		p[i].data = text + 24;
		p[i].more = false;
		rte_pktmbuf_free(frag_add(rig.t, T0, &p[i], &about));
		assert_int_equal(frag_count(rig.t), 4 - i);
	}
}

static void malformed_fragments_begin_nothing(void **state)
{
	(void)state;
	assert_null(add(0, 0, true));
	assert_null(add(0, 0, false));
	assert_null(add(0, 12, true));
	assert_int_equal(count(CTR_DROP_FRAG_TINY), 3);
	assert_null(add(FRAG_PAYLOAD_MAX, 8, true));
	assert_null(add(65528, 64, false)); /* the ping of death */
	assert_int_equal(count(CTR_DROP_FRAG_LONG), 2);
	assert_int_equal(frag_count(rig.t), 0);
}

static void the_longest_datagram_fits(void **state)
{
	(void)state;
	assert_null(add(960, 960, false));
	expect_text(add(0, 960, true), FRAG_PAYLOAD_MAX);
}

static void too_many_parts_end_the_datagram(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FRAG_PARTS; i++)
		assert_null(add(i * 8, 8, true));
	assert_null(add(FRAG_PARTS * 8, 8, false));
	assert_int_equal(count(CTR_DROP_FRAG_TINY), FRAG_PARTS + 1);
	assert_int_equal(rte_mempool_in_use_count(rig.box->pool), 0);
}

static void what_stays_incomplete_is_given_up(void **state)
{
	(void)state;
	assert_null(add(24, 24, true));
	assert_null(add(48, 24, true));
	assert_int_equal(frag_next_timer(rig.t), T0 + FRAG_TIMEOUT_US);
	assert_null(expire(T0 + FRAG_TIMEOUT_US - 1));
	assert_int_equal(frag_count(rig.t), 1);
	assert_null(expire(T0 + FRAG_TIMEOUT_US)); /* without its beginning nobody knows it */
	assert_int_equal(frag_count(rig.t), 0);
	assert_int_equal(count(CTR_DROP_FRAG_TIMEOUT), 2);
	assert_int_equal(frag_next_timer(rig.t), UINT64_MAX);
	assert_int_equal(rte_mempool_in_use_count(rig.box->pool), 0);
}

/* Up to the first hole: what is behind it is not what the sender sent there. */
static void the_beginning_of_what_is_given_up_comes_back(void **state)
{
	(void)state;
	assert_null(add(24, 24, true));
	assert_null(add(0, 24, true));
	assert_null(add(64, 24, true));
	expect_text(expire(T0 + FRAG_TIMEOUT_US), 48);
	assert_null(expire(T0 + FRAG_TIMEOUT_US));
	assert_int_equal(about.id, 7);
	assert_int_equal(about.next, 6);
	assert_int_equal(count(CTR_DROP_FRAG_TIMEOUT), 3);
	assert_int_equal(rte_mempool_in_use_count(rig.box->pool), 0);
}

/* By a fixed seed, for with one in 64 both senders are in the same class. */
static void one_sender_cannot_take_the_table(void **state)
{
	struct frag_part p;

	(void)state;
	rig.t = frag_table_create(rig.box->pool, rig.c, 1);
	assert_non_null(rig.t);
	assert_null(add(0, 24, true));
	for (uint32_t id = 100; id < 10100; id++) {
		p = part_of(FAR, id, 0, 24, true);
		assert_null(frag_add(rig.t, T0, &p, &about));
	}
	assert_int_equal(frag_count(rig.t), FRAG_PER_CLASS + 1);
	assert_int_equal(count(CTR_DROP_FRAG_FULL), 10000 - FRAG_PER_CLASS);
	rte_pktmbuf_free(add(24, 10, false));
	assert_int_equal(count(CTR_NET_REASSEMBLED), 1);
	frag_table_destroy(rig.t);
}

/* Forged senders fill it; the youngest datagrams are those that can still be completed. */
static void the_table_is_bounded(void **state)
{
	struct frag_part p;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		p = part_of(FAR, i, 0, 24, true);
		p.src.w[3] += i;
		assert_null(frag_add(rig.t, T0, &p, &about));
		assert_true(rte_mempool_in_use_count(rig.box->pool) <= FRAG_DATAGRAMS);
	}
	assert_true(frag_count(rig.t) <= FRAG_DATAGRAMS);
	assert_int_equal(count(CTR_DROP_FRAG_FULL), 20000 - frag_count(rig.t));
	p.offset = 24;
	p.more = false;
	p.data = text + 24;
	rte_pktmbuf_free(frag_add(rig.t, T0, &p, &about));
	assert_int_equal(count(CTR_NET_REASSEMBLED), 1);
}

/* More datagrams at once than a pass takes are lost and counted, not written over. */
static void a_burst_of_datagrams_is_bounded(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *pkts[2 * NET_BURST];

	for (unsigned i = 0; i < NET_BURST + 3; i++)
		steer_hand_over(b->net[0], 0, rte_pktmbuf_alloc(b->pool));
	assert_int_equal(count(CTR_DROP_STEER_FULL), 3);
	assert_int_equal(steer_take(b->net[0], pkts, 5), 5);
	assert_int_equal(steer_take(b->net[0], pkts + 5, NET_BURST), NET_BURST - 5);
	rte_pktmbuf_free_bulk(pkts, NET_BURST);
}

static void congestion_anywhere_is_congestion(void **state)
{
	struct frag_part p = part_of(PEER, 7, 0, 24, true);

	(void)state;
	p.ecn = 2;
	assert_null(frag_add(rig.t, T0, &p, &about));
	p = part_of(PEER, 7, 24, 10, false);
	p.ecn = 3;
	expect_text(frag_add(rig.t, T0, &p, &about), 34);
	assert_int_equal(about.ecn, 3);
}

/* ---- IPv4 ---- */

/* Fragment [at, at + n) of the TCP packet in `whole`, whose payload has `total` bytes. */
static unsigned cut_ip4(uint8_t *out, const uint8_t *whole, unsigned at, unsigned n, unsigned total)
{
	memcpy(out, whole, 34);
	memcpy(out + 34, whole + 34 + at, n);
	put16(out + 16, (uint16_t)(20 + n));
	put16(out + 18, 0x4242);
	put16(out + 20, (uint16_t)((at + n < total ? 0x2000 : 0) | at / 8));
	mend_ip(out + 14);
	return 34 + n;
}

static void tcp_arrives_in_reversed_fragments(void **state)
{
	struct box *b = *state;
	uint8_t whole[2048];
	unsigned total = make_tcp(b, whole, FAR, 40000, OWN, 80, 700) - 34;
	struct rte_mbuf *pkts[NET_BURST];

	for (int at = 600; at >= 0; at -= 200)
		box_inject(b, 0, f,
			   cut_ip4(f, whole, (unsigned)at, at == 600 ? total - 600 : 200, total));
	box_turn(b, 0); /* the datagram comes with the next pass */
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_int_equal(pkts[0]->data_len, total);
	assert_memory_equal(rte_pktmbuf_mtod(pkts[0], void *), whole + 34, total);
	assert_int_equal(pkt_priv(pkts[0])->port, 0);
	rte_pktmbuf_free(pkts[0]);
	assert_int_equal(count(CTR_NET_FRAGMENTS_IN), 4);
	assert_int_equal(count(CTR_NET_REASSEMBLED), 1);
}

static void the_checksum_of_the_whole_counts(void **state)
{
	struct box *b = *state;
	uint8_t whole[2048];
	unsigned total = make_tcp(b, whole, FAR, 40000, OWN, 80, 700) - 34;

	whole[400] ^= 1;
	box_inject(b, 0, f, cut_ip4(f, whole, 0, 400, total));
	box_inject(b, 0, f, cut_ip4(f, whole, 400, total - 400, total));
	box_turn(b, 0);
	box_turn(b, 0);
	assert_int_equal(count(CTR_TCP_IN_ERRS), 1);
}

static void a_first_fragment_must_hold_the_tcp_header(void **state)
{
	struct box *b = *state;
	uint8_t whole[2048];
	unsigned total = make_tcp(b, whole, FAR, 40000, OWN, 80, 100) - 34;

	box_inject(b, 0, f, cut_ip4(f, whole, 0, 16, total));
	box_turn(b, 0);
	assert_int_equal(count(CTR_DROP_FRAG_TINY), 1);
	assert_int_equal(frag_count(b->net[0]->frags), 0);
}

/* An echo request of more than the MTU comes back when it fits a buffer. */
static void echo_requests_may_be_fragmented(void **state)
{
	struct box *b = *state;
	uint8_t whole[2048];
	unsigned total = make_echo(b, whole, PEER, OWN, 1000) - 34;
	struct rte_mbuf *m;

	box_introduce(b, 0, PEER);
	box_inject(b, 0, f, cut_ip4(f, whole, 800, total - 800, total));
	box_inject(b, 0, f, cut_ip4(f, whole, 0, 800, total));
	box_turn(b, 0);
	box_turn(b, 0);
	m = box_sent(0);
	assert_non_null(m);
	assert_int_equal(m->data_len, 34 + total);
	assert_int_equal(*rte_pktmbuf_mtod_offset(m, uint8_t *, 34), 0);
	rte_pktmbuf_free(m);
}

static void idle_fragments_are_given_up_by_the_timer(void **state)
{
	struct box *b = *state;
	uint8_t whole[2048];
	unsigned total = make_tcp(b, whole, FAR, 40000, OWN, 80, 100) - 34;

	box_inject(b, 0, f, cut_ip4(f, whole, 0, 80, total));
	box_turn(b, 0);
	assert_int_equal(frag_count(b->net[0]->frags), 1);
	net_timers(b->net[0], b->now_us + FRAG_TIMEOUT_US);
	assert_int_equal(count(CTR_DROP_FRAG_TIMEOUT), 1);
}

/* RFC 792: the sender of what did not become whole is told, with the beginning of what it sent. */
static void who_sent_only_a_part_is_told(void **state)
{
	struct box *b = *state;
	uint8_t whole[2048], *icmp;
	unsigned total = make_tcp(b, whole, PEER, 40000, OWN, 80, 900) - 34;
	struct rte_mbuf *m;

	box_introduce(b, 0, PEER);
	box_inject(b, 0, f, cut_ip4(f, whole, 0, 800, total));
	box_turn(b, 0);
	b->now_us += FRAG_TIMEOUT_US;
	box_introduce(b, 0, PEER);
	assert_true(net_next_timer(b->net[0]) <= b->now_us);
	net_timers(b->net[0], b->now_us);
	net_flush(b->net[0]);
	m = box_sent(0);
	assert_non_null(m);
	assert_int_equal(m->data_len, 34 + 8 + 548);
	icmp = rte_pktmbuf_mtod_offset(m, uint8_t *, 34);
	assert_int_equal(icmp[0], 11);
	assert_int_equal(icmp[1], 1);
	assert_int_equal(slow_cksum(0, icmp, 8 + 548), 0);
	assert_memory_equal(icmp + 8, f + 14, 548);
	rte_pktmbuf_free(m);
	assert_int_equal(count(CTR_NET_ICMP_ERROR_OUT), 1);
}

static void the_rest_of_a_datagram_tells_nobody(void **state)
{
	struct box *b = *state;
	uint8_t whole[2048];
	unsigned total = make_tcp(b, whole, PEER, 40000, OWN, 80, 900) - 34;

	box_introduce(b, 0, PEER);
	box_inject(b, 0, f, cut_ip4(f, whole, 800, total - 800, total));
	box_inject(b, 0, f, cut_ip4(f, whole, 0, 800, total));
	make_echo(b, whole, PEER, OWN, 900); /* no errors about messages of this kind */
	box_inject(b, 0, f, cut_ip4(f, whole, 0, 800, total));
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *pkts[NET_BURST];

		if (box_pass(b, 0, pkts, NET_BURST))
			rte_pktmbuf_free(pkts[0]);
	}
	net_timers(b->net[0], b->now_us + FRAG_TIMEOUT_US);
	assert_int_equal(count(CTR_DROP_FRAG_TIMEOUT), 1);
	assert_int_equal(count(CTR_NET_ICMP_ERROR_OUT), 0);
}

/* Each fragment by another queue: they meet, and go on together to the connection's worker. */
static void fragments_meet_at_the_connections_worker(void **state)
{
	struct box *b = box_open(3);
	struct net_addr local = {ip(OWN), 80}, remote = {ip(FAR), 0};
	unsigned others = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct rte_mbuf *pkts[NET_BURST];
		uint8_t whole[2048];
		unsigned total, n[3] = {0}, owner;

		remote.port = (uint16_t)(40000 + i);
		total = make_tcp(b, whole, FAR, remote.port, OWN, 80, 300) - 34;
		owner = steer_worker(b->ports, &local, &remote);
		others += owner != frag_worker(b->net[0], &remote.ip, &local.ip);
		box_inject(b, i % 3, f, cut_ip4(f, whole, 200, total - 200, total));
		box_inject(b, (i + 1) % 3, f, cut_ip4(f, whole, 0, 200, total));
		for (unsigned turn = 0; turn < 9; turn++) {
			unsigned got = box_pass(b, turn % 3, pkts, NET_BURST);

			n[turn % 3] += got;
			if (got)
				rte_pktmbuf_free(pkts[0]);
		}
		assert_int_equal(n[owner], 1);
		assert_int_equal(n[0] + n[1] + n[2], 1);
	}
	assert_in_range(others, 20, 60);
	assert_int_equal(box_count(b, CTR_NET_REASSEMBLED), 60);
	box_close(b);
}

/* ---- IPv6 ---- */

/* A frame with a fragment of the text; an options header in front of the fragment's if asked.
 * As the caller of frag_take_ip6() has it: at the IPv6 header. */
static struct rte_mbuf *make_ip6(bool options, unsigned at, unsigned n, bool more)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.box->pool);
	unsigned ext = options ? 8 : 0;
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(14 + 40 + ext + 8 + n));
	struct ip_addr src = ip("2001:2::1"), dst = ip("2001:2::2");

	memset(p, 0, 62 + ext);
	memset(p, 0xab, 12);
	put16(p + 12, 0x86dd);
	p += 14;
	p[0] = 0x60;
	put16(p + 4, (uint16_t)(ext + 8 + n));
	p[6] = options ? 60 : 44;
	p[7] = 64;
	memcpy(p + 8, &src, 16);
	memcpy(p + 24, &dst, 16);
	p += 40;
	if (options)
		p[0] = 44;
	p += ext;
	p[0] = 6;
	put16(p + 2, (uint16_t)(at | more));
	put32(p + 4, 99);
	memcpy(p + 8, text + at, n);
	pkt_priv(m)->port = 0;
	rte_pktmbuf_adj(m, 14);
	return m;
}

/* What became whole, put off to the next pass: a frame. */
static struct rte_mbuf *take_ip6(bool options, unsigned at, unsigned n, bool more)
{
	struct net *net = rig.box->net[0];
	struct rte_mbuf *m;

	frag_take_ip6(net, make_ip6(options, at, n, more), options ? 48 : 40, options ? 40 : 6);
	if (steer_take(net, &m, 1) == 0)
		return NULL;
	assert_int_equal(pkt_priv(m)->port, 0);
	rte_pktmbuf_adj(m, 14);
	return m;
}

/* Takes m. */
static void expect_ip6(struct rte_mbuf *m, bool options, unsigned n)
{
	unsigned hdr = options ? 48 : 40;
	uint8_t *p;

	assert_non_null(m);
	p = rte_pktmbuf_mtod(m, uint8_t *);
	assert_int_equal(m->data_len, hdr + n);
	assert_int_equal(p[4] << 8 | p[5], hdr - 40 + n);
	assert_int_equal(p[6], options ? 60 : 6);
	if (options)
		assert_int_equal(p[40], 6);
	assert_int_equal(p[-14], 0xab);
	assert_int_equal(p[-2], 0x86);
	assert_memory_equal(p + hdr, text, n);
	rte_pktmbuf_free(m);
}

static void ip6_fragments_lose_their_header(void **state)
{
	(void)state;
	for (unsigned options = 0; options < 2; options++) {
		assert_null(take_ip6(options, 400, 111, false));
		assert_null(take_ip6(options, 0, 200, true));
		expect_ip6(take_ip6(options, 200, 200, true), options, 511);
	}
	assert_int_equal(count(CTR_NET_REASSEMBLED), 2);
}

/* RFC 6946: it neither waits nor meets the fragments of another with its identification. */
static void ip6_atomic_fragments_are_by_themselves(void **state)
{
	(void)state;
	assert_null(take_ip6(false, 0, 200, true));
	expect_ip6(take_ip6(false, 0, 33, false), false, 33);
	expect_ip6(take_ip6(true, 0, 40, false), true, 40);
	expect_ip6(take_ip6(false, 200, 200, false), false, 400);
}

static void ip6_overlaps_end_the_datagram(void **state)
{
	(void)state;
	assert_null(take_ip6(false, 0, 200, true));
	assert_null(take_ip6(false, 192, 200, true));
	assert_null(take_ip6(false, 200, 200, false));
	assert_int_equal(count(CTR_DROP_FRAG_OVERLAP), 3);
}

static void ip6_first_fragments_hold_the_tcp_header(void **state)
{
	(void)state;
	assert_null(take_ip6(false, 0, 16, true));
	assert_int_equal(count(CTR_DROP_FRAG_TINY), 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, done)
	const struct CMUnitTest tests[] = {
		TEST(any_order_will_do),
		TEST(random_cuts_come_together),
		TEST(a_duplicate_is_ignored),
		TEST(a_duplicate_that_differs_is_an_overlap),
		TEST(an_overlap_ends_the_datagram),
		TEST(an_overlap_from_below_ends_the_datagram),
		TEST(a_fragment_that_covers_another_ends_the_datagram),
		TEST(nothing_lies_behind_the_end),
		TEST(the_end_does_not_move_forward),
		TEST(the_end_does_not_move_back),
		TEST(datagrams_are_told_apart),
		TEST(malformed_fragments_begin_nothing),
		TEST(the_longest_datagram_fits),
		TEST(too_many_parts_end_the_datagram),
		TEST(what_stays_incomplete_is_given_up),
		TEST(the_beginning_of_what_is_given_up_comes_back),
		TEST(one_sender_cannot_take_the_table),
		TEST(the_table_is_bounded),
		TEST(a_burst_of_datagrams_is_bounded),
		TEST(congestion_anywhere_is_congestion),
		TEST(tcp_arrives_in_reversed_fragments),
		TEST(the_checksum_of_the_whole_counts),
		TEST(a_first_fragment_must_hold_the_tcp_header),
		TEST(echo_requests_may_be_fragmented),
		TEST(idle_fragments_are_given_up_by_the_timer),
		TEST(who_sent_only_a_part_is_told),
		TEST(the_rest_of_a_datagram_tells_nobody),
		TEST(ip6_fragments_lose_their_header),
		TEST(ip6_atomic_fragments_are_by_themselves),
		TEST(ip6_overlaps_end_the_datagram),
		TEST(ip6_first_fragments_hold_the_tcp_header),
		cmocka_unit_test(fragments_meet_at_the_connections_worker),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
