/* groups.c - multicast groups of a port's IPv6 addresses, so that neighbours' questions pass
 * the device's filter. Where the device belongs to the kernel, the kernel keeps the filter. */
#include "port.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "pkt6.h"

#define GROUPS_MAX (IFACE_ADDRS_MAX + 2) /* all nodes, and the link-local address's */

static bool has(const struct rte_ether_addr *macs, unsigned n, const struct rte_ether_addr *mac)
{
	for (unsigned i = 0; i < n; i++)
		if (rte_is_same_ether_addr(&macs[i], mac))
			return true;
	return false;
}

static unsigned groups_of(const struct route_table *routes, unsigned port,
			  struct rte_ether_addr macs[GROUPS_MAX])
{
	struct ip_addr group = ip6_all_nodes();
	unsigned n = 1;

	macs[0] = ip6_group_mac(&group);
	for (unsigned i = 0; i < routes->n_addrs; i++) {
		const struct own_addr *a = &routes->addrs[i];

		if (a->port != port || ip_addr_is_v4(&a->prefix.ip))
			continue;
		group = ip6_solicited_node(&a->prefix.ip);
		macs[n] = ip6_group_mac(&group);
		n += !has(macs, n, &macs[n]);
	}
	return n;
}

/* The kernel forgets the memberships when the socket is closed. */
static int join_in_kernel(struct port *port, const char *name, const struct rte_ether_addr *macs,
			  unsigned n)
{
	struct packet_mreq req = {.mr_ifindex = (int)if_nametoindex(name),
				  .mr_type = PACKET_MR_MULTICAST,
				  .mr_alen = RTE_ETHER_ADDR_LEN};

	port->group_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (port->group_fd < 0)
		return -errno;
	for (unsigned i = 0; i < n; i++) {
		memcpy(req.mr_address, &macs[i], sizeof(macs[i]));
		if (setsockopt(port->group_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &req,
			       sizeof(req)) < 0)
			return -errno;
	}
	return 0;
}

/* Some devices have no list, some no filter at all. Interfaces that share one would need a list
 * in common: it receives all groups instead. */
static int join_in_device(const struct port *port, struct rte_ether_addr *macs, unsigned n)
{
	int rc = -ENOTSUP;

	if (!port->tagged)
		rc = rte_eth_dev_set_mc_addr_list(port->id, macs, n);

	if (rc != 0)
		rc = rte_eth_allmulticast_enable(port->id);
	if (rc != 0)
		rc = rte_eth_promiscuous_enable(port->id);
	return rc == -ENOTSUP && port->vdev ? 0 : rc;
}

int port_join_groups(struct port *port, const struct port *owner, const struct iface_config *iface,
		     const struct route_table *routes, unsigned index, char *err, size_t err_len)
{
	struct rte_ether_addr macs[GROUPS_MAX];
	char name[IF_NAMESIZE];
	unsigned n;
	int rc;

	if (!routes->v6[index])
		return 0;
	n = groups_of(routes, index, macs);
	if (port->vdev && port->bond == BOND_NONE && port_kernel_iface(iface->device, name))
		rc = join_in_kernel(port, name, macs, n);
	else
		rc = join_in_device(owner, macs, n);
	if (rc != 0)
		snprintf(err, err_len,
			 "interface %s: %s cannot receive IPv6's multicast groups: %s; "
			 "take its IPv6 addresses away",
			 iface->name, iface->device, rte_strerror(rc < 0 ? -rc : rc));
	return rc;
}
