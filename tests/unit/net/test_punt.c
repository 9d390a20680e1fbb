/* test_punt.c - what goes to the kernel and what does not, what the kernel says, and that neither
 * floods. The TAP is one end of a socket pair here. */
#include "box6.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/punt.h>
#include <net/punt_thread.h>

#define RATE    100000
#define WAIT_MS 2000

static uint8_t f[2048], got[4096];
static int kernel; /* the other end */

static int make_with(void **state, struct box *b, uint32_t rate)
{
	int pair[2], fds[WEIR_PORTS_MAX];
	uint32_t rates[WEIR_PORTS_MAX] = {rate};

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	kernel = pair[0];
	fds[0] = pair[1];
	assert_int_equal(punt_start(b->ports, fds, rates), 0);
	b->net[0]->owns_punt = true;
	memset(f, 0, sizeof(f));
	*state = b;
	return 0;
}

static int make(void **state)
{
	return make_with(state, box_open(1), RATE);
}

static int make6(void **state)
{
	return make_with(state, box6_open(1), RATE);
}

/* So slow that what is queued stays there. */
static int make_slow(void **state)
{
	return make_with(state, box_open(1), 10);
}

static int done(void **state)
{
	struct box *b = *state;

	punt_close(b->ports);
	close(kernel);
	box_drain(0);
	box_close(b);
	return 0;
}

/* What the kernel has read next; 0 when nothing comes within the time. */
static unsigned kernel_reads(int ms)
{
	struct pollfd p = {.fd = kernel, .events = POLLIN};

	if (poll(&p, 1, ms) <= 0)
		return 0;
	return (unsigned)recv(kernel, got, sizeof(got), 0);
}

/* The frame must reach the kernel as it is, and cause nothing else. */
static void expect_punted(struct box *b, unsigned len)
{
	uint64_t before = box_count(b, CTR_NET_PUNT_UP);

	box_inject(b, 0, f, len);
	box_turn(b, 0);
	assert_int_equal(box_count(b, CTR_NET_PUNT_UP), before + 1);
	assert_int_equal(kernel_reads(WAIT_MS), len);
	assert_memory_equal(got, f, len);
	assert_int_equal(box_drain(0), 0);
}

static void expect_not_punted(struct box *b, unsigned len, enum counter_id why)
{
	uint64_t before = box_count(b, why), up = box_count(b, CTR_NET_PUNT_UP);

	box_inject(b, 0, f, len);
	box_turn(b, 0);
	assert_int_equal(box_count(b, why), before + 1);
	assert_int_equal(box_count(b, CTR_NET_PUNT_UP), up);
	assert_int_equal(box_drain(0), 0);
}

static unsigned make_proto(struct box *b, const char *src, const char *dst, uint8_t proto,
			   unsigned n)
{
	unsigned at = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x0800);

	memset(f + at + 20, 0x5a, n);
	return at + make_ip(f + at, src, dst, proto, n) + n;
}

static void other_protocols_are_the_kernels(void **state)
{
	static const uint8_t protos[] = {17, 47, 50, 89, 112, 132};

	for (unsigned i = 0; i < RTE_DIM(protos); i++)
		expect_punted(*state, make_proto(*state, PEER, OWN, protos[i], 100));
}

static void other_ether_types_are_the_kernels(void **state)
{
	struct box *b = *state;
	unsigned len = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x88cc);

	expect_punted(b, len + 46);
}

/* IS-IS, LLDP, OSPF, VRRP: they speak to groups. */
static void groups_are_the_kernels(void **state)
{
	static const struct rte_ether_addr ospf = {{1, 0, 0x5e, 0, 0, 5}},
					   isis = {{1, 0x80, 0xc2, 0, 0, 0x14}};
	unsigned len = make_proto(*state, PEER, "224.0.0.5", 89, 44);

	memcpy(f, &ospf, 6);
	expect_punted(*state, len);
	expect_punted(*state, make_ether(f, &isis, &peer_mac, 40) + 46);
	len = make_proto(*state, PEER, "198.18.0.255", 17, 44);
	memcpy(f, &all_macs, 6);
	expect_punted(*state, len);
}

static void what_is_for_nobody_here_is_dropped(void **state)
{
	struct box *b = *state;
	unsigned len;

	expect_not_punted(b, make_proto(b, PEER, "198.18.0.77", 17, 40), CTR_DROP_IP_PROTOCOL);
	expect_not_punted(b, make_proto(b, "127.0.0.1", OWN, 17, 40), CTR_DROP_IP_MARTIAN);
	expect_not_punted(b, make_proto(b, OWN, OWN, 17, 40), CTR_DROP_IP_MARTIAN);
	expect_not_punted(b, make_proto(b, PEER, "127.0.0.1", 17, 40), CTR_DROP_IP_NOT_LOCAL);
	len = make_proto(b, PEER, OWN, 17, 40);
	f[24] ^= 1;
	expect_not_punted(b, len, CTR_DROP_IP_CHECKSUM);
	len = make_proto(b, PEER, OWN, 17, 40);
	f[5] ^= 1; /* another station's */
	expect_not_punted(b, len, CTR_DROP_ETH_DST);
}

static void an_interface_without_punt_drops(void **state)
{
	struct box *b = *state;

	b->ports->ports[0].punted = false;
	expect_not_punted(b, make_proto(b, PEER, OWN, 17, 40), CTR_DROP_IP_PROTOCOL);
	assert_int_equal(kernel_reads(20), 0);
}

/* As TCP hands a segment back: its header taken off already. */
static void unclaimed_segments_go_on_as_they_came(void **state)
{
	struct box *b = *state;
	unsigned len = make_tcp(b, f, FAR, 40000, OWN, 22, 100);
	struct rte_mbuf *pkts[NET_BURST];

	box_inject(b, 0, f, len);
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	rte_pktmbuf_adj(pkts[0], 20);
	assert_true(net_punt_tcp(b->net[0], pkts[0]));
	assert_int_equal(kernel_reads(WAIT_MS), len);
	assert_memory_equal(got, f, len);
}

static void a_vips_segments_are_not_the_kernels(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *pkts[NET_BURST];

	box_inject(b, 0, f, make_tcp(b, f, FAR, 40000, VIP, VIP_PORT, 100));
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_false(net_punt_tcp(b->net[0], pkts[0]));
	rte_pktmbuf_free(pkts[0]);
}

static void answers_to_the_kernels_pings_reach_it(void **state)
{
	struct box *b = *state;
	unsigned len = make_echo(b, f, PEER, OWN, 56);

	f[34] = 0;
	put16(f + 36, 0);
	put16(f + 36, slow_cksum(0, f + 34, 64));
	expect_punted(b, len);
}

static void echo_requests_are_whose_they_are_configured(void **state)
{
	struct box *b = *state;
	unsigned len = make_echo(b, f, PEER, OWN, 56);

	box_introduce(b, 0, PEER);
	box_inject(b, 0, f, len);
	box_turn(b, 0);
	assert_int_equal(box_drain(0), 1);
	assert_int_equal(box_count(b, CTR_NET_ICMP_ECHO), 1);
	b->ports->ports[0].kernel_echoes = true;
	expect_punted(b, make_echo(b, f, PEER, OWN, 56));
}

/* An unreachable about a segment from local port `port`. */
static unsigned make_error(struct box *b, uint16_t port)
{
	unsigned at = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x0800);
	uint8_t *c = f + at + 20;

	make_ip(f + at, GATEWAY, OWN, 1, 36);
	memset(c, 0, 36);
	c[0] = 3;
	c[1] = 1;
	make_ip(c + 8, OWN, PEER, 6, 100);
	put16(c + 28, port);
	put16(c + 30, 179);
	put16(c + 2, slow_cksum(0, c, 36));
	return at + 56;
}

static void errors_go_to_whose_connection_it_is(void **state)
{
	struct box *b = *state;
	unsigned len = make_error(b, 50000);

	expect_punted(b, len);
	assert_int_equal(b->icmp_errors, 0);
	b->knows_port = 80;
	box_inject(b, 0, f, make_error(b, 80));
	box_turn(b, 0);
	assert_int_equal(b->icmp_errors, 1);
	assert_int_equal(kernel_reads(20), 0);
}

static void arp_replies_reach_both(void **state)
{
	struct ip_addr a = ip(PEER);
	struct box *b = *state;
	unsigned len;

	neigh_get(b->net[0]->neighs, 0, &a);
	net_flush(b->net[0]);
	assert_int_equal(box_drain(0), 1); /* the question */
	len = make_arp(f, &b->ports->ports[0].mac, 2, &peer_mac, PEER, OWN);
	expect_punted(b, len);
	assert_true(neigh_usable(neigh_find(b->net[0]->neighs, 0, &a)));
}

static void arp_requests_are_answered_once(void **state)
{
	struct box *b = *state;

	box_inject(b, 0, f, make_arp(f, &all_macs, 1, &peer_mac, PEER, OWN));
	box_turn(b, 0);
	assert_int_equal(box_drain(0), 1);
	assert_int_equal(box_count(b, CTR_NET_PUNT_UP), 0);
}

/* The kernel puts its own together; a TCP segment must be whole to know whose it is. */
static void fragments_of_the_kernels_go_as_they_are(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *pkts[NET_BURST];
	uint8_t whole[2048];
	unsigned len = make_proto(b, PEER, OWN, 17, 80);

	put16(f + 20, 0x2000);
	mend_ip(f + 14);
	expect_punted(b, len);
	len = make_tcp(b, whole, FAR, 40000, OWN, 22, 76);
	memcpy(f, whole, len);
	put16(f + 16, 20 + 48);
	put16(f + 20, 0x2000);
	mend_ip(f + 14);
	box_inject(b, 0, f, 34 + 48);
	memcpy(f + 34, whole + 34 + 48, 48);
	put16(f + 20, 6);
	mend_ip(f + 14);
	box_inject(b, 0, f, 34 + 48);
	box_turn(b, 0);
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_true(net_punt_tcp(b->net[0], pkts[0]));
	assert_int_equal(kernel_reads(WAIT_MS), len);
	put16(whole + 20, 0);
	mend_ip(whole + 14);
	assert_memory_equal(got, whole, len);
}

/* Waits until the thread has brought something for the worker. */
static void await_down(struct box *b)
{
	for (unsigned i = 0; i < WAIT_MS && !punt_pending(b->net[0]); i++)
		usleep(1000);
	assert_true(punt_pending(b->net[0]));
}

/* ---- IPv6 ---- */

static void other_protocols_over_ip6_are_the_kernels(void **state)
{
	static const uint8_t protos[] = {17, 89, 112, 132};
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(protos); i++) {
		unsigned at = make_ether6(b, f);

		make_ip6(f + at, PEER6, OWN6, protos[i], 100);
		memset(f + AT_NEXT, 0x5a, 100);
		expect_punted(b, AT_NEXT + 100);
	}
}

/* The kernel may be a router, or configure itself by one; and it has groups of its own. */
static void what_routers_say_reaches_both(void **state)
{
	struct box *b = *state;
	unsigned len = make_ra(b, f, GATEWAY6, 1800, 0);

	expect_punted(b, len);
	len = make_icmp6(b, f, "fe80::5", OWN6, 133, 0, 8);
	expect_punted(b, len);
	assert_int_equal(box_count(b, CTR_NET_ND_IN), 2);
	len = make_icmp6(b, f, GATEWAY6, NODES6, 130, 0, 28);
	f[AT_IP + 7] = 1;
	to_group(f);
	f[AT_NEXT + 4] = 0x70; /* there is time to answer */
	mend_icmp6(f, len);
	expect_punted(b, len);
	assert_int_equal(box_count(b, CTR_NET_MLD_IN), 1);
}

static void advertisements_reach_both_and_questions_only_us(void **state)
{
	struct box *b = *state;
	uint64_t up;

	expect_punted(b, make_nd(b, f, 136, PEER6, OWN6, 0x60, PEER6, &peer_mac));
	up = box_count(b, CTR_NET_PUNT_UP);
	box_inject(b, 0, f, make_nd(b, f, 135, PEER6, OWN6, 0, OWN6, &peer_mac));
	box_turn(b, 0);
	assert_int_equal(box_drain(0), 1);
	assert_int_equal(box_count(b, CTR_NET_PUNT_UP), up);
}

static void what_the_kernel_says_goes_out(void **state)
{
	struct box *b = *state;
	unsigned len = make_proto(b, OWN, PEER, 17, 333);
	struct rte_mbuf *m;

	assert_int_equal(send(kernel, f, len, 0), len);
	await_down(b);
	box_turn(b, 0);
	m = box_sent(0);
	assert_non_null(m);
	assert_int_equal(m->data_len, len);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), f, len);
	rte_pktmbuf_free(m);
	assert_int_equal(box_count(b, CTR_NET_PUNT_DOWN), 1);
}

/* A flood fills half a queue; a routing neighbour still gets through, up to its bound. */
static void a_flood_leaves_room_for_routing(void **state)
{
	struct box *b = *state;
	unsigned len = make_proto(b, PEER, OWN, 17, 40), sent = 3 * PUNT_QUEUE;
	uint64_t up;

	for (unsigned i = 0; i < sent; i++) {
		box_inject(b, 0, f, len);
		box_turn(b, 0);
	}
	up = box_count(b, CTR_NET_PUNT_UP);
	assert_in_range(up, PUNT_QUEUE / 2, PUNT_QUEUE / 2 + 64);
	assert_int_equal(box_count(b, CTR_DROP_PUNT_FULL), sent - up);
	len = make_proto(b, PEER, OWN, 89, 40);
	for (unsigned i = 0; i < sent; i++) {
		box_inject(b, 0, f, len);
		box_turn(b, 0);
	}
	up = box_count(b, CTR_NET_PUNT_UP);
	assert_in_range(up, PUNT_QUEUE, PUNT_QUEUE + 64);
	assert_int_equal(box_count(b, CTR_DROP_PUNT_FULL), 2 * sent - up);
}

static void bgp_and_bfd_are_routing(void **state)
{
	struct box *b = *state;
	struct rte_mbuf *pkts[NET_BURST];
	unsigned len = make_proto(b, PEER, OWN, 17, 40);

	while (rte_ring_count(b->ports->punt->ports[0].up) < PUNT_QUEUE / 2) {
		box_inject(b, 0, f, len);
		box_turn(b, 0);
	}
	len = make_proto(b, PEER, OWN, 17, 40);
	put16(f + 36, 3784);
	box_inject(b, 0, f, len);
	box_turn(b, 0);
	box_inject(b, 0, f, make_tcp(b, f, PEER, 40000, OWN, 179, 0));
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_true(net_punt_tcp(b->net[0], pkts[0]));
	assert_int_equal(box_count(b, CTR_DROP_PUNT_FULL), 0);
	box_inject(b, 0, f, make_tcp(b, f, PEER, 40000, OWN, 22, 0));
	assert_int_equal(box_pass(b, 0, pkts, NET_BURST), 1);
	assert_true(net_punt_tcp(b->net[0], pkts[0]));
	assert_int_equal(box_count(b, CTR_DROP_PUNT_FULL), 1);
}

static void frames_that_the_kernel_refuses_are_counted(void **state)
{
	struct box *b = *state;

	shutdown(kernel, SHUT_RDWR); /* as a TAP that is down */
	box_inject(b, 0, f, make_proto(b, PEER, OWN, 17, 40));
	box_turn(b, 0);
	for (unsigned i = 0; i < WAIT_MS && !box_count(b, CTR_DROP_PUNT_LOST); i++) {
		usleep(1000);
		box_turn(b, 0);
	}
	assert_int_equal(box_count(b, CTR_DROP_PUNT_LOST), 1);
}

static void a_bucket_gives_its_rate(void **state)
{
	struct punt_bucket b = {.rate = 1000, .refill_us = 0};
	uint64_t now = 1000000, given = 0;

	(void)state;
	assert_int_equal(punt_bucket_take(&b, now, 1000), 100); /* a tenth of a second's */
	assert_int_equal(punt_bucket_take(&b, now, 1000), 0);
	for (unsigned i = 0; i < 10000; i++) {
		now += 137;
		given += punt_bucket_take(&b, now, 32);
	}
	assert_in_range(given, 1365, 1371);
	assert_int_equal(punt_bucket_take(&b, now + 3600000000ull, 1000), 100);
}

int main(void)
{
#define TEST(fn)  cmocka_unit_test_setup_teardown(fn, make, done)
#define TEST6(fn) cmocka_unit_test_setup_teardown(fn, make6, done)
	const struct CMUnitTest tests[] = {
		TEST(other_protocols_are_the_kernels),
		TEST(other_ether_types_are_the_kernels),
		TEST(groups_are_the_kernels),
		TEST(what_is_for_nobody_here_is_dropped),
		TEST(an_interface_without_punt_drops),
		TEST(unclaimed_segments_go_on_as_they_came),
		TEST(a_vips_segments_are_not_the_kernels),
		TEST(answers_to_the_kernels_pings_reach_it),
		TEST(echo_requests_are_whose_they_are_configured),
		TEST(errors_go_to_whose_connection_it_is),
		TEST(arp_replies_reach_both),
		TEST(arp_requests_are_answered_once),
		TEST(fragments_of_the_kernels_go_as_they_are),
		TEST6(other_protocols_over_ip6_are_the_kernels),
		TEST6(what_routers_say_reaches_both),
		TEST6(advertisements_reach_both_and_questions_only_us),
		TEST(what_the_kernel_says_goes_out),
		TEST(frames_that_the_kernel_refuses_are_counted),
		cmocka_unit_test_setup_teardown(a_flood_leaves_room_for_routing, make_slow, done),
		cmocka_unit_test_setup_teardown(bgp_and_bfd_are_routing, make_slow, done),
		cmocka_unit_test(a_bucket_gives_its_rate),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
