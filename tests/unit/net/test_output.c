/* test_output.c - segments out: headers, checksums, neighbours, routes, full queues. */
#include "box.h"

#define SEC 1000000ull

static struct net_addr own, peer, far;

static int make(void **state)
{
	*state = box_open(1);
	own = (struct net_addr){ip(OWN), 80};
	peer = (struct net_addr){ip(PEER), 40000};
	far = (struct net_addr){ip(FAR), 41000};
	return 0;
}

static int done(void **state)
{
	box_drain(0);
	box_close(*state);
	return 0;
}

static struct rte_mbuf *sent_after(struct box *b)
{
	net_flush(b->net[0]);
	return box_sent(0);
}

/* All of a chain, in one piece. */
static unsigned flatten(const struct rte_mbuf *m, uint8_t *out)
{
	unsigned n = 0;

	for (; m; n += m->data_len, m = m->next)
		memcpy(out + n, rte_pktmbuf_mtod(m, const void *), m->data_len);
	return n;
}

/* Checks and frees a frame with a segment of n payload bytes. */
static void check_frame(struct rte_mbuf *m, const struct net_addr *src, const struct net_addr *dst,
			unsigned n)
{
	static uint8_t f[2048];
	unsigned len;

	assert_non_null(m);
	len = flatten(m, f);
	assert_int_equal(len, 54 + n);
	assert_int_equal(m->pkt_len, len);
	assert_memory_equal(f, &peer_mac, 6);
	assert_int_equal(f[12] << 8 | f[13], 0x0800);
	assert_int_equal(f[14], 0x45);
	assert_int_equal(f[16] << 8 | f[17], 40 + n);
	assert_int_equal(f[20] << 8 | f[21], 0x4000);
	assert_int_equal(f[22], 64);
	assert_int_equal(f[23], 6);
	assert_memory_equal(f + 26, &src->ip.w[3], 4);
	assert_memory_equal(f + 30, &dst->ip.w[3], 4);
	assert_int_equal(slow_cksum(0, f + 14, 20), 0);
	assert_int_equal(slow_cksum(slow_pseudo(f + 14, 6, 20 + n), f + 34, 20 + n), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(f[54 + i], (uint8_t)(i * 31 + 3));
	rte_pktmbuf_free(m);
}

static void a_capable_segment_says_so(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	box_introduce(b, 0, PEER);
	for (unsigned i = 0; i < 2; i++) {
		m = make_segment(b, 80, 40000, 10);
		m->ol_flags = i ? PKT_F_ECT : 0;
		net_tx_tcp(b->net[0], &own, &peer, m, NULL);
		m = sent_after(b);
		assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[15], i ? 2 : 0);
		assert_int_equal(slow_cksum(0, rte_pktmbuf_mtod(m, uint8_t *) + 14, 20), 0);
		rte_pktmbuf_free(m);
	}
}

static void headers_and_checksums_of_every_length(void **state)
{
	struct box *b = *state;

	box_introduce(b, 0, PEER);
	for (unsigned n = 0; n <= 1460; n += n < 70 ? 1 : 139) {
		struct rte_mbuf *m = make_segment(b, 80, 40000, n);

		m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_TX_TCP_CKSUM;
		rte_pktmbuf_mtod(m, uint8_t *)[16] = 0x5a; /* left from an earlier time */
		net_tx_tcp(b->net[0], &own, &peer, m, NULL);
		m = sent_after(b);
		assert_int_equal(m->ol_flags, 0);
		check_frame(m, &own, &peer, n);
	}
}

/* A header segment in front of payload that lies elsewhere. */
static struct rte_mbuf *make_chain(struct box *b, unsigned options, unsigned n)
{
	struct rte_mbuf *m = make_segment(b, 80, 40000, n), *head = rte_pktmbuf_alloc(b->pool);

	memcpy(rte_pktmbuf_append(head, (uint16_t)(20 + options)), rte_pktmbuf_mtod(m, void *),
	       20 + options);
	head->l4_len = 20;
	rte_pktmbuf_adj(m, (uint16_t)(20 + options));
	assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	return head;
}

static void chains_are_sent_as_they_are(void **state)
{
	struct box *b = *state;

	box_introduce(b, 0, PEER);
	assert_true(net_scattered_tx(b->net[0]));
	for (unsigned extra = 0; extra < 5; extra++) {
		struct rte_mbuf *m;

		net_tx_tcp(b->net[0], &own, &peer, make_chain(b, extra, 1001), NULL);
		m = sent_after(b);
		assert_int_equal(m->nb_segs, 2);
		check_frame(m, &own, &peer, 1001);
	}
}

static void chains_are_copied_where_the_device_takes_none(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m = make_chain(b, 0, 1001), *payload = m->next;

	box_introduce(b, 0, PEER);
	b->ports->ports[0].tx_chains = false;
	assert_false(net_scattered_tx(b->net[0]));
	rte_mbuf_refcnt_update(payload, 1);
	net_tx_tcp(b->net[0], &own, &peer, m, NULL);
	assert_int_equal(rte_mbuf_refcnt_read(payload), 1); /* the copy let it go */
	rte_pktmbuf_free(payload);
	m = sent_after(b);
	assert_int_equal(m->nb_segs, 1);
	check_frame(m, &own, &peer, 1001);
}

static void offloaded_checksum_is_the_pseudo_header(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m = make_segment(b, 80, 40000, 99);
	uint8_t *f;

	box_introduce(b, 0, PEER);
	b->ports->ports[0].tx_cksum = true;
	net_tx_tcp(b->net[0], &own, &peer, m, NULL);
	m = sent_after(b);
	f = rte_pktmbuf_mtod(m, uint8_t *);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 20);
	assert_int_equal(m->l4_len, 20);
	assert_int_equal(f[50] << 8 | f[51],
			 (uint16_t)~slow_cksum(slow_pseudo(f + 14, 6, 119), f, 0));
	assert_int_equal(slow_cksum(0, f + 14, 20), 0);
	rte_pktmbuf_free(m);
}

static void a_segment_that_tcp_still_holds_is_not_freed(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m = make_segment(b, 80, 40000, 99);

	box_introduce(b, 0, PEER);
	rte_mbuf_refcnt_update(m, 1);
	net_tx_tcp(b->net[0], &own, &peer, m, NULL);
	check_frame(sent_after(b), &own, &peer, 99);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	rte_pktmbuf_free(m);
}

static void asks_the_gateway_for_far_destinations(void **state)
{
	struct ip_addr gw = ip(GATEWAY);
	struct box *b = *state;
	struct rte_mbuf *m;
	uint8_t *f;

	for (unsigned i = 0; i < 3; i++)
		net_tx_tcp(b->net[0], &own, &far, make_segment(b, 80, 41000, i), NULL);
	m = sent_after(b);
	f = rte_pktmbuf_mtod(m, uint8_t *);
	assert_int_equal(m->pkt_len, 42);
	assert_memory_equal(f, &all_macs, 6);
	assert_int_equal(f[12] << 8 | f[13], 0x0806);
	assert_int_equal(f[21], 1);
	assert_memory_equal(f + 28, &own.ip.w[3], 4);
	assert_memory_equal(f + 38, &gw.w[3], 4);
	rte_pktmbuf_free(m);
	assert_null(box_sent(0)); /* asked once */
	box_introduce(b, 0, GATEWAY);
	for (unsigned i = 0; i < 3; i++)
		check_frame(sent_after(b), &own, &far, i);
}

static void answers_to_arp_release_what_waits(void **state)
{
	struct box *b = *state;
	uint8_t f[64];

	net_tx_tcp(b->net[0], &own, &peer, make_segment(b, 80, 40000, 5), NULL);
	net_flush(b->net[0]);
	assert_int_equal(box_drain(0), 1);
	box_inject(b, 0, f, make_arp(f, &b->ports->ports[0].mac, 2, &peer_mac, PEER, OWN));
	box_turn(b, 0);
	check_frame(box_sent(0), &own, &peer, 5);
}

static void pass_seconds(struct box *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		b->now_us += SEC + 2000;
		net_timers(b->net[0], b->now_us);
		net_flush(b->net[0]);
		box_drain(0);
	}
}

static void dead_neighbours_are_told_between_passes(void **state)
{
	struct box *b = *state;

	net_tx_tcp(b->net[0], &own, &far, make_segment(b, 80, 41000, 5), NULL);
	pass_seconds(b, 2);
	assert_int_equal(b->unreachables, 0);
	pass_seconds(b, 1);
	assert_int_equal(b->unreachables, 1);
	assert_true(ip_addr_eq(&b->local.ip, &own.ip) && b->local.port == 80);
	assert_true(ip_addr_eq(&b->remote.ip, &far.ip) && b->remote.port == 41000);
	/* The next one fails at once, but not from inside the call. */
	net_tx_tcp(b->net[0], &own, &far, make_segment(b, 80, 41000, 5), NULL);
	assert_int_equal(b->unreachables, 1);
	assert_int_equal(net_next_timer(b->net[0]), 0);
	net_timers(b->net[0], b->now_us);
	assert_int_equal(b->unreachables, 2);
	assert_int_equal(box_count(b, CTR_DROP_NEIGH_FAILED), 2);
	/* And after a while it is tried again. */
	pass_seconds(b, 4);
	net_tx_tcp(b->net[0], &own, &far, make_segment(b, 80, 41000, 5), NULL);
	net_flush(b->net[0]);
	assert_int_equal(box_drain(0), 1);
}

static void the_path_is_cached_and_validated(void **state)
{
	const struct rte_ether_addr moved = {{2, 0, 0, 0, 0, 9}};
	struct ip_addr gw = ip(GATEWAY);
	_Alignas(8) uint8_t path[64] = {0}, empty[64] = {0};
	struct box *b = *state;
	struct rte_mbuf *m;

	box_introduce(b, 0, GATEWAY);
	for (unsigned i = 0; i < 3; i++) {
		net_tx_tcp(b->net[0], &own, &far, make_segment(b, 80, 41000, i), path);
		assert_memory_not_equal(path, empty, sizeof(path));
		check_frame(sent_after(b), &own, &far, i);
	}
	/* The neighbour moves: the path follows. */
	neigh_advertised(b->net[0]->neighs, 0, &gw, &moved, true, true);
	net_tx_tcp(b->net[0], &own, &far, make_segment(b, 80, 41000, 7), path);
	m = sent_after(b);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), &moved, 6);
	rte_pktmbuf_free(m);
	/* Its entry goes, and the place is somebody else's: the path must notice. */
	pass_seconds(b, 45);
	assert_null(neigh_find(b->net[0]->neighs, 0, &gw));
	box_introduce(b, 0, "198.18.0.99");
	net_tx_tcp(b->net[0], &own, &far, make_segment(b, 80, 41000, 7), path);
	m = sent_after(b);
	assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[13], 0x06); /* asks again */
	rte_pktmbuf_free(m);
}

static void sources_that_are_not_ours(void **state)
{
	struct net_addr vip = {ip(VIP), VIP_PORT};
	struct box *b = *state;

	box_introduce(b, 0, PEER);
	net_tx_tcp(b->net[0], &vip, &peer, make_segment(b, VIP_PORT, 40000, 3), NULL);
	check_frame(sent_after(b), &vip, &peer, 3);
}

static void no_route_is_counted(void **state)
{
	struct net_addr dst = {ip("198.18.0.255"), 9};
	struct box *b = *state;

	net_tx_tcp(b->net[0], &own, &dst, make_segment(b, 80, 9, 3), NULL);
	assert_null(sent_after(b));
	assert_int_equal(box_count(b, CTR_DROP_IP_NO_ROUTE), 1);
}

static void route_tells_source_and_mtu(void **state)
{
	struct box *b = *state;
	struct ip_addr src, v6;
	uint16_t mtu;

	assert_true(net_route(b->net[0], &far.ip, &src, &mtu));
	assert_true(ip_addr_eq(&src, &own.ip));
	assert_int_equal(mtu, 1500);
	assert_true(net_is_local(b->net[0], &own.ip));
	assert_false(net_is_local(b->net[0], &peer.ip));
	assert_true(ip_addr_parse("2001:2::1", &v6));
	assert_false(net_route(b->net[0], &v6, &src, &mtu));
}

#define RING 1023 /* what a net_ring holds */

static void send_many(struct box *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		net_tx_tcp(b->net[0], &own, &peer, make_segment(b, 80, (uint16_t)(20000 + i), 1),
			   NULL);
}

static void what_a_busy_device_leaves_waits_in_order(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	box_introduce(b, 0, PEER);
	assert_false(net_tx_busy(b->net[0]));
	send_many(b, RING + 600);
	assert_true(net_flush(b->net[0]));
	assert_true(net_tx_busy(b->net[0]));
	for (unsigned i = 0; i < RING + 600; i++) {
		if (i == RING)
			assert_false(net_flush(b->net[0]));
		m = box_sent(0);
		assert_non_null(m);
		assert_int_equal(
			rte_be_to_cpu_16(rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *, 34)
						 ->dst_port),
			20000 + i);
		rte_pktmbuf_free(m);
	}
	assert_false(net_tx_busy(b->net[0]));
	assert_int_equal(box_count(b, CTR_DROP_TX_FULL), 0);
	assert_int_equal(box_count(b, CTR_NET_TX_PACKETS), RING + 600);
	assert_int_equal(box_count(b, CTR_NET_TX_BYTES), (RING + 600) * 55);
}

static void what_finds_no_place_to_wait_is_dropped_and_counted(void **state)
{
	struct box *b = *state;

	box_introduce(b, 0, PEER);
	send_many(b, RING + TXQ_SIZE + 77);
	assert_int_equal(box_count(b, CTR_DROP_TX_FULL), 77);
	for (unsigned left = RING + TXQ_SIZE; left;) {
		unsigned n = box_drain(0);

		assert_true(n > 0);
		left -= n;
		net_flush(b->net[0]);
	}
	assert_int_equal(box_drain(0), 0);
}

static void a_device_that_takes_nothing_gets_nothing_stale(void **state)
{
	struct box *b = *state;

	box_introduce(b, 0, PEER);
	send_many(b, RING);
	net_flush(b->net[0]);
	/* A long sleep before counts for nothing: the wait begins with the first frame. */
	b->now_us += SEC;
	net_timers(b->net[0], b->now_us);
	send_many(b, 10);
	assert_true(net_flush(b->net[0]));
	b->now_us += TX_STALL_US;
	net_timers(b->net[0], b->now_us);
	assert_true(net_flush(b->net[0]));
	b->now_us += 1;
	net_timers(b->net[0], b->now_us);
	assert_false(net_flush(b->net[0]));
	assert_int_equal(box_count(b, CTR_DROP_TX_FULL), 10);
}

static void own_addresses_are_announced(void **state)
{
	struct box *b = *state;
	unsigned announced = 0;

	b->net[0]->announce_us = 0;
	for (unsigned i = 0; i < 10; i++) {
		struct rte_mbuf *m;

		b->now_us += SEC;
		net_timers(b->net[0], b->now_us);
		m = sent_after(b);
		if (!m)
			continue;
		announced++;
		assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *) + 28, &own.ip.w[3], 4);
		assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *) + 38, &own.ip.w[3], 4);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(announced, ANNOUNCEMENTS);
	assert_true(net_next_timer(b->net[0]) == UINT64_MAX);
}

/* A payload of n bytes as net_rx() gives it: TCP's header cut off, one for the way out put in
 * front. cut: bytes of payload dropped at its front. */
static struct rte_mbuf *received(struct box *b, unsigned n, unsigned cut)
{
	uint8_t frame[2048];
	unsigned len = make_tcp(b, frame, PEER, 40000, OWN, 80, n);
	struct rte_mbuf *m;
	uint8_t *t;

	box_inject(b, 0, frame, len);
	assert_int_equal(box_pass(b, 0, &m, 1), 1);
	rte_pktmbuf_adj(m, (uint16_t)(20 + cut));
	t = (uint8_t *)rte_pktmbuf_prepend(m, 32);
	memset(t, 0, 32);
	put16(t, 80);
	put16(t + 2, 40000);
	t[12] = 0x80;
	t[13] = 0x18;
	put32(t + 20, 0x0101080a);
	m->l4_len = 32;
	return m;
}

/* Sends it and returns whether the checksum is right; frees it. */
static bool sent_intact(struct box *b, struct rte_mbuf *m)
{
	uint8_t f[2048];
	unsigned len;

	net_tx_tcp(b->net[0], &own, &peer, m, NULL);
	m = sent_after(b);
	len = flatten(m, f);
	rte_pktmbuf_free(m);
	return slow_cksum(slow_pseudo(f + 14, 6, len - 34), f + 34, len - 34) == 0;
}

static void a_relayed_payload_is_not_summed_again(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	box_introduce(b, 0, PEER);
	for (unsigned n = 1; n <= 1460; n += n < 300 ? 1 : 29)
		assert_true(sent_intact(b, received(b, n, 0)));
	/* The proof: a byte that changes meanwhile is not noticed. */
	m = received(b, 1000, 0);
	rte_pktmbuf_mtod(m, uint8_t *)[500]++;
	assert_false(sent_intact(b, m));
}

static void a_cut_or_longer_payload_is_summed_anew(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	box_introduce(b, 0, PEER);
	for (unsigned cut = 1; cut < 900; cut += 7)
		assert_true(sent_intact(b, received(b, 1000, cut)));
	m = received(b, 1000, 0);
	rte_pktmbuf_trim(m, 1);
	assert_true(sent_intact(b, m));
	m = received(b, 1000, 0);
	*(uint8_t *)rte_pktmbuf_append(m, 1) = 77;
	assert_true(sent_intact(b, m));
}

/* An mbuf that held such a payload, used again for another one at the same place. */
static void a_sum_does_not_outlive_its_packet(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	box_introduce(b, 0, PEER);
	for (unsigned i = 0; i < 64; i++) {
		rte_pktmbuf_free(received(b, 1000, 0));
		m = make_segment(b, 80, 40000, 1000);
		assert_true(sent_intact(b, m));
	}
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, done)
	const struct CMUnitTest tests[] = {
		TEST(a_capable_segment_says_so),
		TEST(headers_and_checksums_of_every_length),
		TEST(chains_are_sent_as_they_are),
		TEST(chains_are_copied_where_the_device_takes_none),
		TEST(offloaded_checksum_is_the_pseudo_header),
		TEST(a_segment_that_tcp_still_holds_is_not_freed),
		TEST(asks_the_gateway_for_far_destinations),
		TEST(answers_to_arp_release_what_waits),
		TEST(dead_neighbours_are_told_between_passes),
		TEST(the_path_is_cached_and_validated),
		TEST(sources_that_are_not_ours),
		TEST(no_route_is_counted),
		TEST(route_tells_source_and_mtu),
		TEST(what_a_busy_device_leaves_waits_in_order),
		TEST(what_finds_no_place_to_wait_is_dropped_and_counted),
		TEST(a_device_that_takes_nothing_gets_nothing_stale),
		TEST(own_addresses_are_announced),
		TEST(a_relayed_payload_is_not_summed_again),
		TEST(a_cut_or_longer_payload_is_summed_anew),
		TEST(a_sum_does_not_outlive_its_packet),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
