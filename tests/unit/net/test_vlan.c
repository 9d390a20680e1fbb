/* test_vlan.c - tagged interfaces of one device: whose a frame is, and the tags of what goes out.
 * Interface 0 is untagged, 1 has tag 5, 2 has tag 4094. */
#include "box.h"

#define OWN5  "203.0.113.2"
#define PEER5 "203.0.113.1"

static uint8_t f[2048];

static int make_n(void **state, unsigned n_workers)
{
	static struct dataplane_config cfg;

	box_configure(&cfg, n_workers);
	cfg.n_ifaces = 3;
	for (unsigned i = 1; i < 3; i++) {
		struct iface_config *c = &cfg.ifaces[i];

		snprintf(c->device, sizeof(c->device), "net_ring");
		snprintf(c->name, sizeof(c->name), "ext%u", i);
		c->mtu = 1400;
		c->vlan = i == 1 ? 5 : 4094;
		c->n_addrs = 1;
		c->addrs[0] = (struct ip_prefix){ip(i == 1 ? OWN5 : "192.0.2.2"), 96 + 24};
	}
	*state = box_open_as(&cfg);
	return 0;
}

static int make(void **state)
{
	return make_n(state, 1);
}

static int make_workers(void **state)
{
	return make_n(state, 3);
}

static int done(void **state)
{
	struct box *b = *state;

	for (unsigned q = 0; q < b->n_workers; q++)
		box_drain(q);
	box_close(b);
	return 0;
}

/* Puts a tag into the frame in f. */
static unsigned tag(unsigned len, uint16_t tpid, uint16_t tci)
{
	memmove(f + 16, f + 12, len - 12);
	put16(f + 12, tpid);
	put16(f + 14, tci);
	return len + 4;
}

/* The interface that a frame of so many bytes is taken for; -1: it is dropped. */
static int port_of(struct box *b, unsigned len)
{
	struct rte_mbuf *pkts[NET_BURST];
	uint64_t drops = box_count(b, CTR_DROP_ETH_VLAN);
	int port;

	box_inject(b, 0, f, len);
	if (box_pass(b, 0, pkts, NET_BURST) == 0) {
		assert_int_equal(box_count(b, CTR_DROP_ETH_VLAN), drops + 1);
		return -1;
	}
	port = pkt_priv(pkts[0])->port;
	assert_int_equal(pkts[0]->data_len, 30);
	rte_pktmbuf_free(pkts[0]);
	return port;
}

static unsigned segment(struct box *b)
{
	return make_tcp(b, f, FAR, 40000, OWN5, 80, 10);
}

static void frames_are_told_apart_by_their_tag(void **state)
{
	struct box *b = *state;

	assert_int_equal(port_of(b, segment(b)), 0);
	assert_int_equal(port_of(b, tag(segment(b), 0x8100, 5)), 1);
	assert_int_equal(port_of(b, tag(segment(b), 0x8100, 4094)), 2);
	assert_int_equal(port_of(b, tag(segment(b), 0x8100, 0xe005)), 1); /* with a priority */
}

static void a_priority_alone_is_no_tag(void **state)
{
	struct box *b = *state;

	assert_int_equal(port_of(b, tag(segment(b), 0x8100, 0xe000)), 0);
}

static void other_tags_are_dropped(void **state)
{
	struct box *b = *state;

	assert_int_equal(port_of(b, tag(segment(b), 0x8100, 6)), -1);
	b->ports->ports[0].vlan = 7; /* as if none were untagged */
	assert_int_equal(port_of(b, segment(b)), -1);
}

static void stacked_tags_are_dropped(void **state)
{
	struct box *b = *state;

	assert_int_equal(port_of(b, tag(tag(segment(b), 0x8100, 5), 0x8100, 5)), -1);
	assert_int_equal(port_of(b, tag(tag(segment(b), 0x8100, 5), 0x88a8, 5)), -1);
	assert_int_equal(port_of(b, tag(segment(b), 0x88a8, 5)), -1);
}

static void devices_may_have_taken_the_tag_off(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->pool), *pkts[NET_BURST];
	unsigned len = segment(b);

	memcpy(rte_pktmbuf_append(m, (uint16_t)len), f, len);
	m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = 0x2005;
	rte_ring_enqueue(box_ring(0), m);
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_int_equal(pkt_priv(pkts[0])->port, 1);
	rte_pktmbuf_free(pkts[0]);
}

/* Short frames end nowhere but in a counter. */
static void cut_frames_are_dropped(void **state)
{
	struct box *b = *state;

	for (unsigned n = 1; n < 18 + 40; n++) {
		struct rte_mbuf *pkts[NET_BURST];

		tag(segment(b), 0x8100, 5);
		box_inject(b, 0, f, n);
		assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 0);
	}
	assert_int_equal(box_drain(0), 0);
}

/* Takes m: it must be tagged; returns its EtherType. */
static uint16_t expect_tag(struct rte_mbuf *m, uint16_t vid)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t type = (uint16_t)(p[16] << 8 | p[17]);

	assert_int_equal(p[12] << 8 | p[13], 0x8100);
	assert_int_equal(p[14] << 8 | p[15], vid);
	rte_pktmbuf_free(m);
	return type;
}

static void answers_carry_the_tag(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	box_inject(b, 0, f, tag(make_arp(f, &all_macs, 1, &peer_mac, PEER5, OWN5), 0x8100, 5));
	box_turn(b, 0);
	m = box_sent(0);
	assert_non_null(m);
	assert_int_equal(m->data_len, 46);
	assert_int_equal(expect_tag(m, 5), 0x0806);
	box_inject(b, 0, f, tag(make_echo(b, f, PEER5, OWN5, 20), 0x8100, 5));
	box_turn(b, 0);
	m = box_sent(0);
	assert_non_null(m);
	assert_int_equal(expect_tag(m, 5), 0x0800);
	assert_null(box_sent(0));
}

/* A neighbour is one of its VLAN: the same address by another tag is somebody else. */
static void an_arp_request_by_another_tag_is_not_answered(void **state)
{
	struct box *b = *state;

	box_inject(b, 0, f, tag(make_arp(f, &all_macs, 1, &peer_mac, PEER5, OWN5), 0x8100, 4094));
	box_inject(b, 0, f, make_arp(f, &all_macs, 1, &peer_mac, PEER5, OWN5));
	box_turn(b, 0);
	assert_int_equal(box_drain(0), 0);
}

static struct rte_mbuf *send_segment(struct box *b)
{
	struct net_addr src = {ip(OWN5), 80}, dst = {ip(PEER5), 40000};
	struct rte_mbuf *m;

	neigh_set_now(b->net[0]->neighs, b->now_us);
	neigh_learn(b->net[0]->neighs, 1, &dst.ip, &peer_mac, true);
	net_tx_tcp(b->net[0], &src, &dst, make_segment(b, 80, 40000, 100), NULL);
	net_flush(b->net[0]);
	m = box_sent(0);
	assert_non_null(m);
	return m;
}

static void offloads_count_from_the_frames_start(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	b->ports->ports[1].tx_cksum = true;
	m = send_segment(b);
	assert_int_equal(m->l2_len, 18);
	assert_int_equal(m->data_len, 18 + 40 + 100);
	assert_int_equal(expect_tag(m, 5), 0x0800);
}

static void the_device_inserts_where_it_can(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *m;

	b->ports->ports[1].tx_cksum = b->ports->ports[1].tx_vlan = true;
	m = send_segment(b);
	assert_int_equal(m->vlan_tci, 5);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_VLAN);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->data_len, 14 + 40 + 100);
	rte_pktmbuf_free(m);
}

static void the_way_has_its_interfaces_mtu(void **state)
{
	struct box *b = *state;
	struct ip_addr dst = ip(PEER5), src, own = ip(OWN5);
	uint16_t mtu;

	assert_true(net_route(b->net[0], &dst, &src, &mtu));
	assert_int_equal(mtu, 1400);
	assert_true(ip_addr_eq(&src, &own));
}

/* Each by any queue: whoever receives it hands the untagged frame to its worker. */
static void tagged_segments_reach_their_worker(void **state)
{
	struct box *b = *state;
	unsigned n[3] = {0};

	for (unsigned i = 0; i < 90; i++) {
		unsigned len = make_tcp(b, f, FAR, (uint16_t)(40000 + i), OWN5, 80, 10);

		box_inject(b, i % 3, f, tag(len, 0x8100, 5));
		for (unsigned turn = 0; turn < 6; turn++) {
			struct rte_mbuf *pkts[NET_BURST];

			if (box_pass(b, turn % 3, pkts, NET_BURST) == 0)
				continue;
			n[turn % 3]++;
			assert_int_equal(pkt_priv(pkts[0])->port, 1);
			rte_pktmbuf_free(pkts[0]);
		}
	}
	assert_int_equal(n[0] + n[1] + n[2], 90);
	for (unsigned w = 0; w < 3; w++)
		assert_in_range(n[w], 10, 60);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, done)
	const struct CMUnitTest tests[] = {
		TEST(frames_are_told_apart_by_their_tag),
		TEST(a_priority_alone_is_no_tag),
		TEST(other_tags_are_dropped),
		TEST(stacked_tags_are_dropped),
		TEST(devices_may_have_taken_the_tag_off),
		TEST(cut_frames_are_dropped),
		TEST(answers_carry_the_tag),
		TEST(an_arp_request_by_another_tag_is_not_answered),
		TEST(offloads_count_from_the_frames_start),
		TEST(the_device_inserts_where_it_can),
		TEST(the_way_has_its_interfaces_mtu),
		cmocka_unit_test_setup_teardown(tagged_segments_reach_their_worker, make_workers,
						done),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
