/* test_steer.c - several workers: who handles what, how it gets there, who is woken; and what
 * is said when a device cannot be opened. */
#include "box.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3

static uint8_t f[2048];

static int make(void **state)
{
	*state = box_open(WORKERS);
	return 0;
}

static int done(void **state)
{
	for (unsigned q = 0; q < WORKERS; q++)
		box_drain(q);
	box_close(*state);
	return 0;
}

static struct net_addr nth_remote(uint32_t i)
{
	struct net_addr a = {ip_addr_v4(rte_cpu_to_be_32(0xcb007100u + i % 200)),
			     (uint16_t)(1024 + i * 7919)};
	return a;
}

static unsigned owner_of(struct box *b, const struct net_addr *local, const struct net_addr *remote)
{
	unsigned owner = WORKERS;

	for (unsigned w = 0; w < WORKERS; w++) {
		if (!net_steers_here(b->net[w], local, remote))
			continue;
		assert_int_equal(owner, WORKERS); /* one and no other */
		owner = w;
	}
	assert_true(owner < WORKERS);
	return owner;
}

static void check_spread(struct box *b)
{
	unsigned count[WORKERS] = {0};
	struct net_addr local = {ip(OWN), 80};

	for (uint32_t i = 0; i < 9000; i++) {
		struct net_addr remote = nth_remote(i);
		unsigned w = owner_of(b, &local, &remote);

		assert_int_equal(owner_of(b, &remote, &local), w);
		count[w]++;
	}
	for (unsigned w = 0; w < WORKERS; w++)
		assert_in_range(count[w], 2700, 3300);
}

static void the_hash_is_symmetric_and_spreads(void **state)
{
	struct box *b = *state;

	assert_int_equal(b->ports->steering, STEER_RINGS);
	check_spread(b);
}

/* Upstream connections differ in nothing but our port: it alone must reach every worker. */
static void one_port_number_is_enough_to_choose_a_worker(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN), 0}, remote = {ip(PEER), 8080};
	unsigned count[WORKERS] = {0};

	for (unsigned port = 32768; port < 32768 + 300; port++) {
		local.port = (uint16_t)port;
		count[owner_of(b, &local, &remote)]++;
	}
	for (unsigned w = 0; w < WORKERS; w++)
		assert_in_range(count[w], 50, 150);
}

/* Toeplitz as its definition says: a bit of input, the 32 bits of key from there on. */
static uint32_t toeplitz(const uint8_t *in, unsigned n)
{
	uint32_t hash = 0;

	for (unsigned bit = 0; bit < n * 8; bit++) {
		uint32_t window = 0;

		if (!(in[bit / 8] & (0x80 >> bit % 8)))
			continue;
		for (unsigned k = bit; k < bit + 32; k++)
			window = window << 1 | ((port_rss_key[k / 8] >> (7 - k % 8)) & 1u);
		hash ^= window;
	}
	return hash;
}

static void devices_hash_is_computed_alike(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN), 80};

	b->ports->steering = STEER_DEVICES;
	b->ports->reta_size = 128;
	for (uint32_t i = 0; i < 1000; i++) {
		struct net_addr remote = nth_remote(i);
		uint8_t in[12];

		memcpy(in, &remote.ip.w[3], 4);
		memcpy(in + 4, &local.ip.w[3], 4);
		put16(in + 8, remote.port);
		put16(in + 10, local.port);
		assert_int_equal(owner_of(b, &local, &remote), toeplitz(in, 12) % 128 % WORKERS);
		assert_int_equal(owner_of(b, &remote, &local), owner_of(b, &local, &remote));
	}
	b->ports->steering = STEER_RINGS;
}

static void every_packet_reaches_its_worker(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN), 80};
	uint64_t steered = 0;

	for (uint32_t i = 0; i < 600; i++) {
		struct net_addr remote = nth_remote(i);
		unsigned owner = owner_of(b, &local, &remote), at = i % WORKERS;
		char src[IP_ADDR_STRLEN];

		box_inject(
			b, at, f,
			make_tcp(b, f, ip_addr_format(&remote.ip, src), remote.port, OWN, 80, 9));
		for (unsigned turn = 0; turn < WORKERS; turn++) {
			unsigned w = (at + turn) % WORKERS; /* the receiver first */
			struct rte_mbuf *pkts[NET_BURST];
			unsigned n = box_pass(b, w, pkts, NET_BURST);

			assert_int_equal(n, w == owner);
			if (n) {
				assert_true(ip_addr_eq(&pkt_priv(pkts[0])->src, &remote.ip));
				assert_int_equal(pkts[0]->data_len, 29);
				rte_pktmbuf_free(pkts[0]);
			}
		}
		steered += owner != at;
	}
	assert_int_equal(box_count(b, CTR_NET_STEERED), steered);
	assert_int_equal(box_count(b, CTR_NET_RX_PACKETS), 600);
}

static void icmp_errors_reach_the_connections_worker(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN), 80}, remote = {ip(PEER), 0};

	for (unsigned port = 40000; port < 40050; port++) {
		unsigned at = make_ether(f, &b->ports->ports[0].mac, &peer_mac, 0x0800), owner;
		uint8_t *c = f + at + 20;

		remote.port = (uint16_t)port;
		owner = owner_of(b, &local, &remote);
		make_ip(f + at, GATEWAY, OWN, 1, 36);
		memset(c, 0, 36);
		c[0] = 3;
		c[1] = 1;
		make_ip(c + 8, OWN, PEER, 6, 100);
		put16(c + 28, 80);
		put16(c + 30, (uint16_t)port);
		put16(c + 2, slow_cksum(0, c, 36));
		box_inject(b, 0, f, at + 56);
		for (unsigned w = 0; w < WORKERS; w++)
			box_turn(b, w);
		assert_int_equal(b->counters[owner].v[CTR_NET_ICMP_ERROR], 1);
		b->counters[owner].v[CTR_NET_ICMP_ERROR] = 0;
		assert_int_equal(b->remote.port, port);
	}
}

static void every_worker_learns_and_one_answers(void **state)
{
	struct ip_addr a = ip(PEER);
	struct box *b = *state;
	unsigned answers = 0;

	box_inject(b, 1, f, make_arp(f, &all_macs, 1, &peer_mac, PEER, OWN));
	box_turn(b, 1);
	for (unsigned w = 0; w < WORKERS; w++)
		box_turn(b, w == 1 ? 0 : w);
	for (unsigned w = 0; w < WORKERS; w++) {
		assert_non_null(neigh_find(b->net[w]->neighs, 0, &a));
		answers += box_drain(w);
	}
	assert_int_equal(answers, 1);
	assert_int_equal(box_count(b, CTR_NET_ARP_IN), 1);
}

static void a_full_ring_drops_and_counts(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN), 80}, remote = {ip(FAR), 0};
	struct rte_mbuf *pkts[NET_BURST];
	unsigned n, taken = 0;

	do
		remote.port++;
	while (owner_of(b, &local, &remote) != 2);
	for (unsigned i = 0; i < 1500; i++) {
		box_inject(b, 0, f, make_tcp(b, f, FAR, remote.port, OWN, 80, 0));
		box_turn(b, 0);
	}
	assert_int_equal(box_count(b, CTR_DROP_STEER_FULL), 1500 - (STEER_RING_SIZE - 1));
	while ((n = box_pass(b, 2, pkts, NET_BURST))) {
		rte_pktmbuf_free_bulk(pkts, n);
		taken += n;
	}
	assert_int_equal(taken, STEER_RING_SIZE - 1);
}

/* With one queue, worker 0 sends for all. */
static void output_goes_through_the_queues_owner(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN), 80}, remote = {ip(PEER), 40000};

	b->ports->ports[0].n_txq = 1;
	for (unsigned w = 1; w < WORKERS; w++) {
		char name[16];

		snprintf(name, sizeof(name), "test_relay_%u", w);
		b->ports->ports[0].relay[w] =
			rte_ring_create(name, 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		box_introduce(b, w, PEER);
		net_tx_tcp(b->net[w], &local, &remote, make_segment(b, 80, 40000, w), NULL);
		net_flush(b->net[w]);
		assert_true(steer_pending(b->net[0]));
		assert_false(steer_pending(b->net[w]));
	}
	for (unsigned q = 0; q < WORKERS; q++)
		assert_int_equal(box_drain(q), 0);
	box_turn(b, 0);
	assert_int_equal(box_drain(0), WORKERS - 1);
	assert_int_equal(b->counters[0].v[CTR_NET_TX_PACKETS], WORKERS - 1);
	assert_int_equal(b->counters[1].v[CTR_NET_TX_PACKETS], 0);
}

static uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void a_device_that_cannot_wake_us_means_short_sleeps(void **state)
{
	struct box *b = *state;
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t start = clock_us();

	net_wait(b->net[0], fd, 20000000);
	assert_true(clock_us() - start < 5000000);
	close(fd);
}

static void the_timeout_and_the_wake_fd_end_a_sleep(void **state)
{
	struct box *b = *state;
	int fd = eventfd(0, EFD_NONBLOCK), quiet = eventfd(0, EFD_NONBLOCK);
	uint64_t start = clock_us(), count;

	b->ports->ports[0].wake[0] = PORT_WAKE_FD;
	b->ports->ports[0].queue_fd[0] = quiet;
	net_wait(b->net[0], fd, 30000);
	assert_in_range(clock_us() - start, 29000, 5000000);
	start = clock_us();
	eventfd_write(fd, 1);
	net_wait(b->net[0], fd, 20000000);
	assert_true(clock_us() - start < 5000000);
	assert_true(read(fd, &count, sizeof(count)) < 0); /* it was read */
	eventfd_write(quiet, 1);
	start = clock_us();
	net_wait(b->net[0], fd, 20000000);
	assert_true(clock_us() - start < 5000000);
	close(fd);
	close(quiet);
}

struct sleeper {
	struct box *b;
	int fd;
	uint64_t slept_us;
};

static void *sleep_as_worker_2(void *arg)
{
	struct sleeper *s = arg;
	uint64_t start = clock_us();

	net_wait(s->b->net[2], s->fd, 20000000);
	s->slept_us = clock_us() - start;
	return NULL;
}

static void handing_over_wakes_the_sleeper(void **state)
{
	struct box *b = *state;
	struct net_addr local = {ip(OWN), 80}, remote = {ip(FAR), 0};
	struct sleeper s = {.b = b, .fd = eventfd(0, EFD_NONBLOCK)};
	int quiet = eventfd(0, EFD_NONBLOCK);
	struct rte_mbuf *pkts[NET_BURST];
	pthread_t thread;

	do
		remote.port++;
	while (owner_of(b, &local, &remote) != 2);
	b->ports->ports[0].wake[2] = PORT_WAKE_FD;
	b->ports->ports[0].queue_fd[2] = quiet;
	net_set_wake_fd(b->ports, 2, s.fd);
	pthread_create(&thread, NULL, sleep_as_worker_2, &s);
	while (!__atomic_load_n(&b->ports->sleepers[2].asleep, __ATOMIC_RELAXED))
		usleep(100);
	box_inject(b, 0, f, make_tcp(b, f, FAR, remote.port, OWN, 80, 0));
	box_turn(b, 0);
	pthread_join(thread, NULL);
	assert_true(s.slept_us < 5000000);
	assert_int_equal(b->ports->sleepers[2].asleep, 0);
	/* Nobody goes to sleep over what already waits. */
	sleep_as_worker_2(&s);
	assert_true(s.slept_us < 5000000);
	assert_int_equal(box_pass(b, 2, pkts, NET_BURST), 1);
	rte_pktmbuf_free(pkts[0]);
	close(quiet);
	close(s.fd);
}

static void expect_refusal(const char *device, uint16_t mtu, const char *part)
{
	struct dataplane_config cfg;
	struct rte_mempool *pool;
	char err[512] = "";

	box_configure(&cfg, 1);
	cfg.ifaces[0].mtu = mtu;
	snprintf(cfg.ifaces[0].device, sizeof(cfg.ifaces[0].device), "%s", device);
	assert_null(net_ports_open(&cfg, &pool, err, sizeof(err)));
	assert_non_null(strstr(err, "interface ext"));
	assert_non_null(strstr(err, part));
}

static void what_cannot_be_opened_is_explained(void **state)
{
	(void)state;
	expect_refusal("net_af_xdp,iface=nowhere9", 1500, "no network interface nowhere9");
	expect_refusal("net_af_packet,iface=nowhere9", 1500, "no network interface nowhere9");
	expect_refusal("net_af_xdp,queue_count=1", 1500, "add iface=NAME");
	expect_refusal("net_nonsense,iface=lo", 1500, "No such device");
	expect_refusal("0000:ff:1f.7", 1500, "check the PCI address");
	expect_refusal("net_ring", 9000, "mtu 9000 is too large; at most 2030");
}

static void the_pool_is_what_the_queues_need_at_least(void **state)
{
	struct dataplane_config cfg;
	struct rte_mempool *pool;
	struct net_ports *ports;
	char err[512] = "";

	(void)state;
	box_configure(&cfg, 1);
	cfg.memory = 1 << 20;
	ports = net_ports_open(&cfg, &pool, err, sizeof(err));
	assert_non_null(ports);
	assert_true(pool->size >= 4096);
	net_ports_close(ports);
	cfg.memory = 1ull << 40;
	assert_null(net_ports_open(&cfg, &pool, err, sizeof(err)));
	assert_non_null(strstr(err, "dataplane.memory"));
	box_free_rings();
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, done)
	const struct CMUnitTest tests[] = {
		TEST(the_hash_is_symmetric_and_spreads),
		TEST(one_port_number_is_enough_to_choose_a_worker),
		TEST(devices_hash_is_computed_alike),
		TEST(every_packet_reaches_its_worker),
		TEST(icmp_errors_reach_the_connections_worker),
		TEST(every_worker_learns_and_one_answers),
		TEST(a_full_ring_drops_and_counts),
		TEST(output_goes_through_the_queues_owner),
		TEST(a_device_that_cannot_wake_us_means_short_sleeps),
		TEST(the_timeout_and_the_wake_fd_end_a_sleep),
		TEST(handing_over_wakes_the_sleeper),
		cmocka_unit_test(what_cannot_be_opened_is_explained),
		cmocka_unit_test(the_pool_is_what_the_queues_need_at_least),
	};
#undef TEST

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
