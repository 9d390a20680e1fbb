/* test_rss.c - the hash that devices steer by, against the vectors of Microsoft's "Verifying the
 * RSS hash calculation" (IPv4, with and without TCP ports), and ours against it. */
#include "box.h"

#include <rte_thash.h>

static const uint8_t published_key[PORT_RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
	const char *dst, *src;
	uint16_t dst_port, src_port;
	uint32_t ip, tcp;
} vectors[] = {
	{"161.142.100.80", "66.9.149.187", 1766, 2794, 0x323e8fc2, 0x51ccc178},
	{"65.69.140.83", "199.92.111.2", 4739, 14230, 0xd718262a, 0xc626b0ea},
	{"12.22.207.184", "24.19.198.95", 38024, 12898, 0xd2d0a5de, 0x5c2b394a},
	{"209.142.163.6", "38.27.205.30", 2217, 48228, 0x82989176, 0xafc7327f},
	{"202.188.127.2", "153.39.163.191", 1303, 44251, 0x5d1809c5, 0x10e828a2},
};

static void tuple_of(unsigned i, uint32_t tuple[3])
{
	struct ip_addr src = ip(vectors[i].src), dst = ip(vectors[i].dst);

	tuple[0] = rte_be_to_cpu_32(ip_addr_to_v4(&src));
	tuple[1] = rte_be_to_cpu_32(ip_addr_to_v4(&dst));
	tuple[2] = (uint32_t)vectors[i].src_port << 16 | vectors[i].dst_port;
}

static void the_published_vectors_hold(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(vectors); i++) {
		uint32_t tuple[3];

		tuple_of(i, tuple);
		assert_int_equal(rte_softrss(tuple, 2, published_key), vectors[i].ip);
		assert_int_equal(rte_softrss(tuple, 3, published_key), vectors[i].tcp);
	}
}

/* The worker of a packet is that of the table's entry which the device's hash leads to. */
static void the_worker_is_the_devices(void **state)
{
	struct box *b = box_open(3);

	(void)state;
	b->ports->steering = STEER_DEVICES;
	b->ports->reta_size = 128;
	for (unsigned i = 0; i < RTE_DIM(vectors); i++) {
		struct net_addr local = {ip(vectors[i].dst), vectors[i].dst_port};
		struct net_addr remote = {ip(vectors[i].src), vectors[i].src_port};
		uint32_t tuple[3];

		tuple_of(i, tuple);
		assert_int_equal(steer_worker(b->ports, &local, &remote),
				 rte_softrss(tuple, 3, port_rss_key) % 128 % 3);
	}
	b->ports->steering = STEER_RINGS;
	box_close(b);
}

/* A source port that comes home is found within a few tries, for every worker. */
static void source_ports_come_home(void **state)
{
	struct box *b = box_open(8);
	struct net_addr local = {ip(OWN), 0}, remote = {ip(PEER), 8080};

	(void)state;
	b->ports->steering = STEER_DEVICES;
	b->ports->reta_size = 512;
	for (unsigned w = 0; w < 8; w++) {
		unsigned found = 0;

		for (unsigned port = 32768; port < 32768 + 128; port++) {
			local.port = (uint16_t)port;
			if (!net_steers_here(b->net[w], &local, &remote))
				continue;
			found++;
			/* The answer's tuple is the other way around. */
			assert_int_equal(steer_worker(b->ports, &remote, &local), w);
		}
		assert_in_range(found, 4, 32);
	}
	b->ports->steering = STEER_RINGS;
	box_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors_hold),
		cmocka_unit_test(the_worker_is_the_devices),
		cmocka_unit_test(source_ports_come_home),
	};

	return cmocka_run_group_tests(tests, box_eal, NULL);
}
