/* ports.c - all devices together: the pool they share, and the rings between workers. */
#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mbuf_pool_ops.h>

#include <base/mbq.h>
#include <net/net.h>

#include "punt.h"

#define POOL_CACHE   256
#define POOL_SHARE   70 /* percent of dataplane.memory; the rest is for tables and the EAL */
#define WORKER_MBUFS (2 * POOL_CACHE + 1024)
#define PRIV_SIZE    RTE_ALIGN(sizeof(struct pkt_priv), RTE_MBUF_PRIV_ALIGN)
#define DATA_ROOM    (PORT_BUF_SIZE + RTE_PKTMBUF_HEADROOM)
#define ELEMENT_SIZE (sizeof(struct rte_mbuf) + PRIV_SIZE + DATA_ROOM)

/* net_af_xdp takes the pool to be one array of equal steps, so no object may be moved to
 * the next page. Only devices that see physical addresses need objects within a page. */
static unsigned pool_flags(const struct net_ports *ports)
{
	bool physical = false;

	for (unsigned i = 0; i < ports->n_ports; i++)
		physical |= !ports->ports[i].vdev && rte_eal_iova_mode() != RTE_IOVA_VA;
	return physical ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
}

static uint32_t mbufs_needed(const struct net_ports *ports)
{
	uint32_t n = ports->n_workers * WORKER_MBUFS;

	for (unsigned i = 0; i < ports->n_ports; i++)
		n += port_mbufs(&ports->ports[i]);
	return n;
}

static struct rte_mempool *make_pool(unsigned n, unsigned flags)
{
	struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = DATA_ROOM,
						.mbuf_priv_size = PRIV_SIZE};
	struct rte_mempool *pool;

	pool = rte_mempool_create_empty("weir_mbufs", n, ELEMENT_SIZE, POOL_CACHE, sizeof(priv),
					SOCKET_ID_ANY, flags);
	if (!pool)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0)
		goto failed;
	rte_pktmbuf_pool_init(pool, &priv);
	if (rte_mempool_populate_default(pool) < 0)
		goto failed;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
failed:
	rte_mempool_free(pool);
	return NULL;
}

/* A second worker of one process (in tests) finds it registered. */
static bool register_flags(void)
{
	static const struct rte_mbuf_dynflag summed = {.name = "weir_summed"};

	static const struct rte_mbuf_dynflag ect = {.name = "weir_ect"};

	return rte_mbuf_dynflag_register_bitnum(&summed, PKT_F_SUMMED_BIT) == PKT_F_SUMMED_BIT &&
	       rte_mbuf_dynflag_register_bitnum(&ect, PKT_F_ECT_BIT) == PKT_F_ECT_BIT;
}

static int open_pool(struct net_ports *ports, const struct dataplane_config *cfg, char *err,
		     size_t err_len)
{
	unsigned flags = pool_flags(ports);
	uint64_t step = rte_mempool_calc_obj_size(ELEMENT_SIZE, flags, NULL);
	uint64_t n = cfg->memory / 100 * POOL_SHARE / step;
	uint32_t needed = mbufs_needed(ports);

	n = RTE_MIN(RTE_MAX(n, (uint64_t)needed), (uint64_t)1 << 24);
	ports->pool = make_pool((unsigned)n, flags);
	if (ports->pool)
		return 0;
	snprintf(err, err_len,
		 "cannot make %u packet buffers (%u MiB): %s; set dataplane.memory to at least "
		 "%u MiB, or give the machine more (huge pages)",
		 (unsigned)n, (unsigned)(n * step >> 20), rte_strerror(rte_errno),
		 (unsigned)(needed * step * 100 / POOL_SHARE >> 20) + 1);
	return -ENOMEM;
}

static struct rte_ring *make_ring(const char *kind, unsigned a, unsigned b, unsigned size)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "weir_%s_%u_%u", kind, a % 1000, b % 1000);
	return rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static bool make_steer_rings(struct net_ports *ports)
{
	for (unsigned from = 0; from < ports->n_workers; from++) {
		for (unsigned to = 0; to < ports->n_workers; to++) {
			if (from == to)
				continue;
			ports->steer[from][to] = make_ring("steer", from, to, STEER_RING_SIZE);
			if (!ports->steer[from][to])
				return false;
		}
	}
	return true;
}

static bool make_relay_rings(struct net_ports *ports)
{
	for (unsigned i = 0; i < ports->n_ports; i++) {
		struct port *port = &ports->ports[i];

		for (unsigned w = port->n_txq; w < ports->n_workers && port->dev == i; w++) {
			port->relay[w] = make_ring("relay", i, w, RELAY_RING_SIZE);
			if (!port->relay[w])
				return false;
		}
	}
	return true;
}

static int open_rings(struct net_ports *ports, char *err, size_t err_len)
{
	if (make_steer_rings(ports) && make_relay_rings(ports))
		return 0;
	snprintf(err, err_len,
		 "cannot make the rings between %u workers: %s; raise dataplane.memory",
		 ports->n_workers, rte_strerror(rte_errno));
	return -ENOMEM;
}

/* The devices steer only when all of them do so alike: a connection must not depend on the
 * port its packets come in by. */
static void choose_steering(struct net_ports *ports)
{
	ports->steering = ports->n_workers == 1 ? STEER_NONE : STEER_DEVICES;
	ports->reta_size = ports->ports[0].reta_size;
	for (unsigned i = 0; i < ports->n_ports && ports->steering != STEER_NONE; i++)
		if (ports->ports[i].reta_size == 0 || ports->ports[i].reta_size != ports->reta_size)
			ports->steering = STEER_RINGS;
	if (getrandom(&ports->steer_seed, sizeof(ports->steer_seed), 0) < 0)
		ports->steer_seed = rte_rdtsc();
}

/* Interfaces of one device: the first owns it. */
static void find_shared(struct net_ports *ports, const struct dataplane_config *cfg)
{
	for (unsigned i = 0; i < ports->n_ports; i++) {
		unsigned dev = 0;

		while (strcmp(cfg->ifaces[dev].device, cfg->ifaces[i].device) != 0)
			dev++;
		ports->ports[i].dev = (uint16_t)dev;
		ports->ports[dev].tagged |= cfg->ifaces[i].vlan != 0;
	}
}

static int start_port(struct net_ports *ports, unsigned i, const struct iface_config *iface,
		      char *err, size_t err_len)
{
	struct port *port = &ports->ports[i], *owner = &ports->ports[port->dev];
	int rc = 0;

	if (port == owner)
		rc = port_start(port, iface, ports->n_workers, ports->pool, err, err_len);
	else
		port_share(port, owner, iface);
	if (rc != 0)
		return rc;
	route_add_link_local(&ports->routes, (uint16_t)i, &port->mac);
	return port_join_groups(port, owner, iface, &ports->routes, i, err, err_len);
}

static int open_ports(struct net_ports *ports, const struct dataplane_config *cfg, char *err,
		      size_t err_len)
{
	int rc = 0;

	find_shared(ports, cfg);
	for (unsigned i = 0; i < ports->n_ports && rc == 0; i++)
		if (ports->ports[i].dev == i)
			rc = port_probe(&ports->ports[i], &cfg->ifaces[i], i, ports->n_workers, err,
					err_len);
	if (rc == 0)
		rc = open_pool(ports, cfg, err, err_len);
	for (unsigned i = 0; i < ports->n_ports && rc == 0; i++)
		rc = start_port(ports, i, &cfg->ifaces[i], err, err_len);
	return rc;
}

struct net_ports *net_ports_open(const struct dataplane_config *cfg, struct rte_mempool **pool_out,
				 char *err, size_t err_len)
{
	struct net_ports *ports = aligned_alloc(WEIR_CACHE_LINE, sizeof(*ports));

	if (!ports) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	memset(ports, 0, sizeof(*ports));
	ports->n_ports = cfg->n_ifaces;
	ports->n_workers = cfg->n_workers;
	ports->reassemble = cfg->fragments == FRAGMENTS_REASSEMBLE;
	for (unsigned i = 0; i < WEIR_PORTS_MAX; i++) {
		ports->ports[i].id = RTE_MAX_ETHPORTS;
		ports->ports[i].group_fd = -1;
	}
	for (unsigned w = 0; w < WEIR_WORKERS_MAX; w++)
		ports->sleepers[w].wake_fd = -1;
	route_table_init(&ports->routes, cfg->ifaces, cfg->n_ifaces);
	if (!register_flags()) {
		snprintf(err, err_len, "another part of this process uses bit %u of packet flags",
			 PKT_F_SUMMED_BIT);
		free(ports);
		return NULL;
	}
	if (open_ports(ports, cfg, err, err_len) != 0 || open_rings(ports, err, err_len) != 0 ||
	    punt_open(ports, cfg, err, err_len) < 0) {
		net_ports_close(ports);
		return NULL;
	}
	choose_steering(ports);
	*pool_out = ports->pool;
	return ports;
}

/* What lies in a ring goes with it. */
static void free_ring(struct rte_ring *ring)
{
	void *m;

	while (ring && rte_ring_sc_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

void net_ports_close(struct net_ports *ports)
{
	if (!ports)
		return;
	punt_close(ports);
	for (unsigned i = 0; i < ports->n_ports; i++)
		port_stop(&ports->ports[i]);
	for (unsigned from = 0; from < ports->n_workers; from++)
		for (unsigned to = 0; to < ports->n_workers; to++)
			free_ring(ports->steer[from][to]);
	for (unsigned i = 0; i < ports->n_ports; i++)
		for (unsigned w = 0; w < ports->n_workers; w++)
			free_ring(ports->ports[i].relay[w]);
	rte_mempool_free(ports->pool);
	free(ports);
}
