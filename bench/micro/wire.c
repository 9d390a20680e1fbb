/* wire.c - see wire.h. */
#include "wire.h"

#include <stdio.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <net/net.h>

#include "bench.h"

#define DEVICE_RINGS 16 /* that the driver makes, however many are used */

struct dataplane_config wire_config(uint64_t memory, uint32_t connections)
{
	struct dataplane_config cfg = {
		.n_workers = 1,
		.idle = IDLE_POLL,
		.max_connections = connections,
		.memory = memory,
		.n_ifaces = 1,
		.http = {.idle_timeout_us = 3600000000,
			 .header_timeout_us = 60000000,
			 .stream_idle_timeout_us = 3600000000,
			 .max_header_bytes = 61440,
			 .max_headers = 100,
			 .accept_http10 = true},
		.tcp = {.half_open = 4096,
			.time_waits = 16384,
			.time_wait_us = 60000000,
			.keepalive_us = 7200000000,
			.zero_window_us = 900000000,
			.rcv_buf = 4 << 20,
			.snd_buf = 4 << 20},
	};
	struct iface_config *i = &cfg.ifaces[0];

	snprintf(i->name, sizeof(i->name), "wire");
	snprintf(i->device, sizeof(i->device), "net_ring");
	i->mtu = 1500;
	i->n_addrs = 1;
	i->addrs[0] = (struct ip_prefix){ip_addr_v4(rte_cpu_to_be_32(WIRE_IP)), 96 + 16};
	return cfg;
}

static struct rte_ring *find_ring(unsigned queue)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring_w0", queue);
	return rte_ring_lookup(name);
}

struct rte_ring *wire_ring(void)
{
	struct rte_ring *ring = find_ring(0);

	bench_require(ring != NULL, "the device's ring has the name it always had");
	return ring;
}

/* The driver frees only the rings of queues that were configured. */
void wire_close(struct net_ports *ports)
{
	void *m;

	while (rte_ring_dequeue(wire_ring(), &m) == 0)
		rte_pktmbuf_free(m);
	net_ports_close(ports);
	for (unsigned q = 0; q < DEVICE_RINGS; q++)
		rte_ring_free(find_ring(q));
}
