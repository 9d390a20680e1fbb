/* port.c - one device: attached, asked what it can do, configured, started. */
#include "port.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "bond.h"
#include "fdscan.h"

#define FRAME_HDR_MAX (RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
#define QUEUE_MBUFS   6144 /* net_af_xdp: 2048 each in its fill, receive and send rings */

/* What is special about virtual devices: the kernel decides how packets spread over the
 * queues of some, so that all of them must be polled; others have more queues than the
 * peer can be relied on to have. */
struct driver {
	const char *name;
	bool all_queues;
	bool one_queue;
	bool needs_iface; /* iface= names a kernel interface */
	/* An argument that is better for us than the driver's default, unless it is given. */
	const char *option, *value;
};

static const struct driver drivers[] = {
	/* Busy polling makes a system call of every look into an empty ring: a worker looks far
	 * more often than it sleeps (passes per request: 6 with it, 40 without). */
	{.name = "net_af_xdp",
	 .all_queues = true,
	 .needs_iface = true,
	 .option = ",busy_budget=",
	 .value = "0"},
	{.name = "net_af_packet", .all_queues = true, .needs_iface = true},
	{.name = "net_memif", .one_queue = true},
};

static const struct driver *driver_of(const char *device)
{
	for (unsigned i = 0; i < RTE_DIM(drivers); i++)
		if (strncmp(device, drivers[i].name, strlen(drivers[i].name)) == 0)
			return &drivers[i];
	return NULL;
}

/* What a person can do about an errno. */
static const char *advice(const struct port *port, int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF";
	case EBUSY:
	case EEXIST:
		return "end the other program that uses it";
	case ENOMEM:
		return "raise dataplane.memory";
	default:
		return port->vdev ? "check the driver's name and its arguments"
				  : "check the PCI address, and that the device is bound to "
				    "vfio-pci (dpdk-devbind.py --status)";
	}
}

static int fail(const struct port *port, const struct iface_config *iface, int rc, const char *what,
		char *err, size_t err_len)
{
	int error = rc < 0 ? -rc : rc;

	snprintf(err, err_len, "interface %s: cannot %s %s: %s; %s", iface->name, what,
		 iface->device, rte_strerror(error), advice(port, error));
	return -error;
}

/* The value of a device's argument, as in "net_af_xdp,iface=veth0"; "" when it has none. */
static void argument(const char *device, const char *name, char *out, size_t room)
{
	const char *p = strstr(device, name);

	p = p ? p + strlen(name) : "";
	snprintf(out, room, "%.*s", (int)strcspn(p, ","), p);
}

bool port_kernel_iface(const char *device, char *name)
{
	argument(device, ",iface=", name, IFNAMSIZ);
	return name[0] != '\0';
}

static bool is_up(const char *name)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	/* When it cannot be asked, the driver will complain itself. */
	up = fd < 0 || ioctl(fd, SIOCGIFFLAGS, &req) < 0 || (req.ifr_flags & IFF_UP);
	if (fd >= 0)
		close(fd);
	return up;
}

/* The drivers only say "invalid argument" to the commonest mistakes. */
static int check_kernel_iface(const struct iface_config *iface, char *err, size_t err_len)
{
	const struct driver *d = driver_of(iface->device);
	char name[IFNAMSIZ];

	if (!d || !d->needs_iface)
		return 0;
	if (!port_kernel_iface(iface->device, name)) {
		snprintf(err, err_len,
			 "interface %s: device %s names no kernel interface; add iface=NAME",
			 iface->name, iface->device);
		return -EINVAL;
	}
	if (if_nametoindex(name) == 0) {
		snprintf(err, err_len,
			 "interface %s: device %s: there is no network interface %s here; "
			 "create it (ip link add) or correct iface=",
			 iface->name, iface->device, name);
		return -ENODEV;
	}
	if (!is_up(name)) {
		snprintf(err, err_len,
			 "interface %s: device %s: the network interface %s is down; "
			 "ip link set %s up",
			 iface->name, iface->device, name, name);
		return -ENETDOWN;
	}
	return 0;
}

/* A socket of another type: the kernel says whether there is a server, and the server, whose
 * driver does not like who hangs up at once, notices nothing. */
static bool answers(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
		    errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return !dead;
}

/* A memif server that was killed leaves its socket behind, and the driver takes that for one in
 * use. Only a socket that nobody answers on is removed. */
static void remove_stale_socket(const struct iface_config *iface)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;

	if (strncmp(iface->device, "net_memif", strlen("net_memif")) != 0 ||
	    !strstr(iface->device, ",role=server"))
		return;
	argument(iface->device, ",socket=", addr.sun_path, sizeof(addr.sun_path));
	if (lstat(addr.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && !answers(&addr))
		unlink(addr.sun_path);
}

/* A virtual device's name starts with its driver's and must be unique. */
static void vdev_name(const struct iface_config *iface, unsigned index, char *name, size_t len)
{
	size_t n = strcspn(iface->device, ",");

	if (n > 0 && iface->device[n - 1] >= '0' && iface->device[n - 1] <= '9')
		snprintf(name, len, "%.*s", (int)n, iface->device);
	else
		snprintf(name, len, "%.*s_w%u", (int)n, iface->device, index);
}

/* What follows the driver's name, with our own defaults. */
static void vdev_args(const struct iface_config *iface, char *args, size_t len)
{
	const char *given = strchr(iface->device, ',');
	const struct driver *d = driver_of(iface->device);
	bool add = d && d->option && (!given || !strstr(given, d->option));

	snprintf(args, len, "%s%s%s", given ? given : "", add ? d->option : "",
		 add ? d->value : "");
}

static int attach_vdev(struct port *port, const struct iface_config *iface, unsigned index)
{
	char args[sizeof(iface->device) + 32];
	struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
	char name[RTE_DEV_NAME_MAX_LEN];
	int rc;

	vdev_name(iface, index, name, sizeof(name));
	/* Packet memory that the kernel writes to is locked. Without the right to raise the
	 * limit it may still suffice. */
	setrlimit(RLIMIT_MEMLOCK, &no_limit);
	vdev_args(iface, args, sizeof(args));
	rc = rte_eal_hotplug_add("vdev", name, args[0] ? args + 1 : "");
	if (rc < 0)
		return rc == -EFAULT ? -ENODEV : rc; /* what it says when no driver has the name */
	return rte_eth_dev_get_port_by_name(name, &port->id);
}

static int attach_pci(struct port *port, const struct iface_config *iface)
{
	struct rte_dev_iterator it;
	int rc = rte_dev_probe(iface->device);

	if (rc < 0 && rc != -EEXIST) /* the EAL may have probed it at its start */
		return rc;
	rc = rte_eth_iterator_init(&it, iface->device);
	if (rc < 0)
		return rc;
	port->id = rte_eth_iterator_next(&it);
	if (port->id == RTE_MAX_ETHPORTS)
		return -ENODEV;
	rte_eth_iterator_cleanup(&it);
	return 0;
}

/* AF_PACKET sockets are opened here, one a queue, in order. */
static void find_packet_sockets(struct port *port, const struct fdscan *before)
{
	int fds[PORT_QUEUES_MAX] = {0};
	unsigned n = fdscan_find_new(before, FDSCAN_PACKET, fds, PORT_QUEUES_MAX);

	if (n != port->n_rxq)
		return;
	for (unsigned q = 0; q < n; q++) {
		port->queue_fd[q] = fds[q];
		port->wake[q] = PORT_WAKE_FD;
	}
}

static void choose_queues(struct port *port, const struct iface_config *iface,
			  const struct rte_eth_dev_info *info, unsigned n_workers)
{
	const struct driver *d = port->vdev ? driver_of(iface->device) : NULL;
	unsigned most = RTE_MIN(info->max_rx_queues, info->max_tx_queues);
	unsigned n = RTE_MIN(n_workers, most);

	if (d && d->all_queues)
		n = most;
	if (d && d->one_queue)
		n = 1;
	port->n_rxq = (uint16_t)RTE_MIN(RTE_MAX(n, 1u), (unsigned)PORT_QUEUES_MAX);
	port->n_txq = (uint16_t)RTE_MIN((unsigned)port->n_rxq, n_workers);
}

static int probe_device(struct port *port, const struct iface_config *iface, unsigned index,
			unsigned n_workers, char *err, size_t err_len)
{
	struct rte_eth_dev_info info = {0};
	struct fdscan before;
	int rc;

	port->vdev = strncmp(iface->device, "net_", 4) == 0;
	rc = port->vdev ? check_kernel_iface(iface, err, err_len) : 0;
	if (rc < 0)
		return rc;
	remove_stale_socket(iface);
	fdscan_take(&before);
	rc = port->vdev ? attach_vdev(port, iface, index) : attach_pci(port, iface);
	if (rc == 0)
		rc = rte_eth_dev_info_get(port->id, &info);
	if (rc < 0)
		return fail(port, iface, rc, "open", err, err_len);
	choose_queues(port, iface, &info, n_workers);
	find_packet_sockets(port, &before);
	return 0;
}

int port_probe(struct port *port, const struct iface_config *iface, unsigned index,
	       unsigned n_workers, char *err, size_t err_len)
{
	port->mtu = iface->mtu;
	port->dev = (uint16_t)index;
	port->vlan = iface->vlan;
	port->kernel_echoes = iface->kernel_echoes;
	port->router_solicitation = iface->router_solicitation;
	port->dad_transmits = iface->dad_transmits;
	if (iface->mtu + FRAME_HDR_MAX > PORT_BUF_SIZE) {
		snprintf(err, err_len,
			 "interface %s: mtu %u is too large; at most %u fits a buffer", iface->name,
			 iface->mtu, PORT_BUF_SIZE - FRAME_HDR_MAX);
		return -EINVAL;
	}
	if (iface->bond.mode != BOND_NONE)
		return bond_probe(port, iface, index, n_workers, err, err_len);
	return probe_device(port, iface, index, n_workers, err, err_len);
}

uint32_t port_mbufs(const struct port *port)
{
	return port->n_rxq * (uint32_t)QUEUE_MBUFS * RTE_MAX(port->n_members, 1u);
}

/* Both families, for a worker expects both from its queue. */
#define RSS_TYPES (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)

/* The tuples of virtual devices' hashes are not to be relied on. */
static bool can_hash(const struct port *port, const struct rte_eth_dev_info *info)
{
	return !port->vdev && port->n_rxq > 1 &&
	       (info->flow_type_rss_offloads & RSS_TYPES) == RSS_TYPES;
}

/* Can net_steers_here() compute what the device does? */
static bool hash_is_known(const struct port *port, const struct rte_eth_dev_info *info,
			  unsigned n_workers)
{
	return can_hash(port, info) && port->n_rxq == n_workers &&
	       info->hash_key_size == PORT_RSS_KEY_LEN && info->reta_size > 0 &&
	       info->reta_size <= RTE_ETH_RSS_RETA_SIZE_512 && rte_is_power_of_2(info->reta_size);
}

static void fill_conf(const struct port *port, const struct iface_config *iface,
		      const struct rte_eth_dev_info *info, unsigned n_workers,
		      struct rte_eth_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->rxmode.mtu = iface->mtu;
	conf->rxmode.offloads = info->rx_offload_capa &
				(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	/* Not MBUF_FAST_FREE: TCP holds references to what it may have to send again. */
	conf->txmode.offloads = info->tx_offload_capa &
				(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	if (port->tagged) {
		conf->rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
		conf->txmode.offloads |= info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	}
	conf->intr_conf.rxq = !port->vdev && port->bond == BOND_NONE;
	if (!can_hash(port, info))
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = RSS_TYPES;
	if (hash_is_known(port, info, n_workers)) {
		conf->rx_adv_conf.rss_conf.rss_key = (uint8_t *)(uintptr_t)port_rss_key;
		conf->rx_adv_conf.rss_conf.rss_key_len = PORT_RSS_KEY_LEN;
	}
}

/* Some devices refuse to be asked for receive interrupts: they are slept on blindly. */
static int configure(struct port *port, struct rte_eth_conf *conf)
{
	int rc = rte_eth_dev_configure(port->id, port->n_rxq, port->n_rxq, conf);

	if (rc != 0 && conf->intr_conf.rxq) {
		conf->intr_conf.rxq = 0;
		rc = rte_eth_dev_configure(port->id, port->n_rxq, port->n_rxq, conf);
	}
	return rc;
}

static int setup_queue(struct port *port, uint16_t q, uint16_t n_rxd, uint16_t n_txd,
		       struct rte_mempool *pool)
{
	struct fdscan before;
	int rc;

	fdscan_take(&before);
	rc = rte_eth_tx_queue_setup(port->id, q, n_txd, SOCKET_ID_ANY, NULL);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup(port->id, q, n_rxd, SOCKET_ID_ANY, NULL, pool);
	if (rc == 0 && fdscan_find_new(&before, FDSCAN_OTHER, &port->queue_fd[q], 1) == 1)
		port->wake[q] = PORT_WAKE_FD;
	return rc;
}

static int setup_queues(struct port *port, struct rte_mempool *pool)
{
	uint16_t n_rxd = port->vdev ? PORT_VDEV_DESC : PORT_DESC, n_txd = n_rxd;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &n_rxd, &n_txd);

	for (uint16_t q = 0; q < port->n_rxq && rc == 0; q++)
		rc = setup_queue(port, q, n_rxd, n_txd, pool);
	return rc;
}

static void find_interrupts(struct port *port)
{
	for (uint16_t q = 0; q < port->n_rxq; q++) {
		int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port->id, q);

		if (fd < 0)
			continue;
		port->queue_fd[q] = fd;
		port->wake[q] = PORT_WAKE_INTR;
	}
}

/* Entry i of the table leads to queue i % n_workers, as steer_worker() counts on. */
static void fill_reta(struct port *port, const struct rte_eth_dev_info *info, unsigned n_workers)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];

	memset(reta, 0, sizeof(reta));
	for (unsigned i = 0; i < info->reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= 1ull << (i % RTE_ETH_RETA_GROUP_SIZE);
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % n_workers);
	}
	if (rte_eth_dev_rss_reta_update(port->id, reta, info->reta_size) == 0)
		port->reta_size = info->reta_size;
}

/* Routing protocols speak to groups. A device that cannot be told may well hear them anyway. */
static void hear_groups(uint16_t id, const struct iface_config *iface)
{
	if (iface->punt != IFACE_PUNT_NONE)
		rte_eth_allmulticast_enable(id);
}

int port_start(struct port *port, const struct iface_config *iface, unsigned n_workers,
	       struct rte_mempool *pool, char *err, size_t err_len)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int rc = rte_eth_dev_info_get(port->id, &info);

	if (rc != 0)
		return fail(port, iface, rc, "ask", err, err_len);
	fill_conf(port, iface, &info, n_workers, &conf);
	rc = configure(port, &conf);
	if (rc != 0)
		return fail(port, iface, rc, "configure", err, err_len);
	/* Members of a bond get it from the configuration, when they are started. */
	rc = port->bond == BOND_NONE ? rte_eth_dev_set_mtu(port->id, iface->mtu) : 0;
	if (rc != 0 && rc != -ENOTSUP)
		return fail(port, iface, rc, "set the MTU of", err, err_len);
	rc = setup_queues(port, pool);
	if (rc != 0)
		return fail(port, iface, rc, "make the queues of", err, err_len);
	rc = rte_eth_dev_start(port->id);
	if (rc == 0)
		rc = bond_settle(port);
	if (rc != 0)
		return fail(port, iface, rc, "start", err, err_len);
	rte_eth_macaddr_get(port->id, &port->mac);
	hear_groups(port->id, iface);
	port->tx_cksum = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	port->tx_vlan = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	port->tx_chains = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (conf.intr_conf.rxq)
		find_interrupts(port);
	if (hash_is_known(port, &info, n_workers))
		fill_reta(port, &info, n_workers);
	return 0;
}

void port_share(struct port *port, const struct port *owner, const struct iface_config *iface)
{
	*port = *owner;
	port->id = RTE_MAX_ETHPORTS; /* not its own to stop */
	port->n_rxq = port->n_txq = port->n_members = 0;
	port->tagged = false;
	port->vlan = iface->vlan;
	port->mtu = iface->mtu;
	port->kernel_echoes = iface->kernel_echoes;
	port->router_solicitation = iface->router_solicitation;
	port->dad_transmits = iface->dad_transmits;
	port->group_fd = -1;
	hear_groups(owner->id, iface);
	memset(port->relay, 0, sizeof(port->relay));
}

void port_stop(struct port *port)
{
	struct rte_eth_dev_info info;

	if (port->group_fd >= 0)
		close(port->group_fd);
	port->group_fd = -1;
	if (port->id != RTE_MAX_ETHPORTS)
		rte_eth_dev_stop(port->id);
	bond_destroy(port);
	if (port->id == RTE_MAX_ETHPORTS)
		return;
	if (rte_eth_dev_info_get(port->id, &info) == 0)
		rte_dev_remove(info.device);
	port->id = RTE_MAX_ETHPORTS;
}
