/* port.h - devices, queues, the pool and the rings between workers: made once by the control
 * thread, then read only but for the sleep flags and what is known of bonds. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_ring.h>

#include <net/route.h>
#include <weir/abi.h>
#include <weir/dataplane.h>

struct capture;
struct punt;
struct rte_mempool;

#define PORT_QUEUES_MAX  WEIR_WORKERS_MAX
#define PORT_DESC        1024 /* of each ring; small enough for the cache to hold */
#define PORT_VDEV_DESC   2048 /* a worker that shares its core is away for longer */
#define PORT_BUF_SIZE    2048 /* the longest frame, Ethernet header included */
#define PORT_RSS_KEY_LEN 40
#define STEER_RING_SIZE  1024 /* frames from one worker to one other */
#define RELAY_RING_SIZE  512  /* frames from one worker to the owner of its queue */

/* How a queue can wake a sleeping worker. */
enum port_wake {
	PORT_WAKE_NONE, /* it cannot */
	PORT_WAKE_FD,   /* queue_fd is a kernel socket: readable when frames wait */
	PORT_WAKE_INTR, /* queue_fd is an eventfd of the device's interrupt, enabled to sleep */
};

struct port {
	uint16_t id; /* DPDK's */
	uint16_t mtu;
	/* Queue q is received by worker q % n_workers. Worker w sends on queue w when there is
	 * one; the others hand frames to worker w % n_txq through relay[w]. */
	uint16_t n_rxq, n_txq;
	uint16_t dev;  /* the port that owns the device: itself, or an earlier one of its device */
	uint16_t vlan; /* tag of its frames; 0: none */
	uint16_t n_members, members[BOND_MEMBERS_MAX]; /* of a bond: DPDK's numbers */
	enum bond_mode bond;
	struct rte_ether_addr mac;
	bool vdev;
	bool tagged;              /* owns a device that has tagged interfaces */
	bool tx_vlan;             /* the device inserts tags */
	bool punted;              /* the kernel has what weir does not own */
	bool kernel_echoes;       /* and answers echo requests */
	bool router_solicitation; /* as configured, and the next */
	uint8_t dad_transmits;
	bool tx_cksum;                 /* the device computes TCP checksums */
	bool tx_chains;                /* it sends chained mbufs */
	uint16_t reta_size;            /* of the RSS table; 0: it does not steer */
	uint8_t wake[PORT_QUEUES_MAX]; /* enum port_wake */
	int queue_fd[PORT_QUEUES_MAX];
	int group_fd; /* keeps memberships of multicast groups in the kernel; -1: none */
	/* Atomic; bit k: members[k] can carry. Worker 0 keeps it, and writes it only when it has
	 * changed: all read the line. */
	uint32_t members_up;
	struct rte_ring *relay[WEIR_WORKERS_MAX]; /* NULL: the worker has a queue */
};

/* What other workers touch of a worker. */
struct port_sleeper {
	uint32_t asleep; /* atomic */
	int wake_fd;     /* eventfd; -1: never sleeps */
} WEIR_CACHE_ALIGNED;

enum steering {
	STEER_NONE,    /* one worker */
	STEER_DEVICES, /* every device hashes as hash.h computes it, into equal tables */
	STEER_RINGS,   /* whoever receives hands over */
};

struct net_ports {
	unsigned n_ports, n_workers;
	struct rte_mempool *pool;
	enum steering steering;
	bool reassemble;         /* fragments are put together; else they are dropped */
	uint16_t reta_size;      /* STEER_DEVICES */
	uint64_t steer_seed;     /* STEER_RINGS: not to be guessed by senders */
	struct capture *capture; /* atomic; NULL: none */
	struct punt *punt;       /* NULL: no interface is punted */
	struct route_table routes;
	struct port ports[WEIR_PORTS_MAX];
	struct port_sleeper sleepers[WEIR_WORKERS_MAX];
	/* Frames received by one worker that are for another; NULL with one worker. */
	struct rte_ring *steer[WEIR_WORKERS_MAX][WEIR_WORKERS_MAX]; /* [from][to] */
};

/* Attaches the device of an interface and learns what it can do; configures nothing.
 * On failure: negative, and a sentence in err. */
int port_probe(struct port *port, const struct iface_config *iface, unsigned index,
	       unsigned n_workers, char *err, size_t err_len);
/* Configures queues over the pool and starts. rss_key: PORT_RSS_KEY_LEN bytes. */
int port_start(struct port *port, const struct iface_config *iface, unsigned n_workers,
	       struct rte_mempool *pool, char *err, size_t err_len);
/* Makes a port of an interface whose device `owner`, which is started, owns. */
void port_share(struct port *port, const struct port *owner, const struct iface_config *iface);
/* Makes the device, which `owner` (maybe port) owns, receive the groups of the port's IPv6
 * addresses (RFC 2464 section 7). On failure: negative, and a sentence in err. */
int port_join_groups(struct port *port, const struct port *owner, const struct iface_config *iface,
		     const struct route_table *routes, unsigned index, char *err, size_t err_len);
/* Stops and detaches; harmless on one that was never probed (id RTE_MAX_ETHPORTS). */
void port_stop(struct port *port);

/* Wakes a worker that may sleep, after something was put into a ring of its. */
void port_wake_worker(struct net_ports *ports, unsigned worker);

/* The kernel interface that a virtual device is about ("…,iface=veth0"); false: about none.
 * name: IFNAMSIZ bytes. */
bool port_kernel_iface(const char *device, char *name);

/* mbufs that its queues can hold. */
uint32_t port_mbufs(const struct port *port);

/* The Toeplitz key of every port: symmetric, so that both directions of a connection hash
 * alike (Woo and Park, "Scalable TCP session monitoring with symmetric RSS"). */
extern const uint8_t port_rss_key[PORT_RSS_KEY_LEN];
