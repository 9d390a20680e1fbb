/* bond.c - a bond is a port made of probed ports: DPDK's driver configures and starts them, and
 * chooses among them for each burst. */
#include "bond.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "context.h"

#define LOOK_US 10000ull /* between looks at who is active; LACP needs one each 100 ms */

static const uint8_t modes[] = {
	[BOND_ACTIVE_BACKUP] = BONDING_MODE_ACTIVE_BACKUP,
	[BOND_BALANCE] = BONDING_MODE_BALANCE,
	[BOND_LACP] = BONDING_MODE_8023AD,
};

static const uint8_t policies[] = {
	[BOND_LAYER2] = BALANCE_XMIT_POLICY_LAYER2,
	[BOND_LAYER23] = BALANCE_XMIT_POLICY_LAYER23,
	[BOND_LAYER34] = BALANCE_XMIT_POLICY_LAYER34,
};

/* ---- making one ---- */

/* The driver gives members the bond's MAC address, and does not start one that refuses it. */
static int check_member(const struct port *member, const struct iface_config *iface,
			const char *device, char *err, size_t err_len)
{
	struct rte_ether_addr mac;
	int rc = rte_eth_macaddr_get(member->id, &mac);

	if (rc == 0)
		rc = rte_eth_dev_default_mac_addr_set(member->id, &mac);
	if (rc == 0)
		return 0;
	snprintf(
		err, err_len,
		"interface %s: %s cannot be a member of a bond: its MAC address cannot be set: %s; "
		"use a NIC by its PCI address, net_af_packet or net_tap",
		iface->name, device, rte_strerror(-rc));
	return rc;
}

/* net_tap promises to tell when its link changes and does not: without the promise the driver of
 * the bond looks for itself. The flags are told as constant and are the device's own. */
static void forget_promise(const struct port *member, const char *device)
{
	struct rte_eth_dev_info info;

	if (strncmp(device, "net_tap", strlen("net_tap")) == 0 &&
	    rte_eth_dev_info_get(member->id, &info) == 0)
		*(uint32_t *)(uintptr_t)info.dev_flags &= ~(uint32_t)RTE_ETH_DEV_INTR_LSC;
}

/* As a port of its own; its name must differ from those of other ports and members. */
static int probe_member(struct port *port, const struct iface_config *iface, unsigned index,
			unsigned n_workers, struct port *member, char *err, size_t err_len)
{
	unsigned k = port->n_members;
	struct iface_config one = *iface;
	int rc;

	memset(&one.bond, 0, sizeof(one.bond));
	snprintf(one.device, sizeof(one.device), "%s", iface->bond.members[k]);
	*member = (struct port){.id = RTE_MAX_ETHPORTS, .group_fd = -1};
	rc = port_probe(member, &one, index + WEIR_PORTS_MAX * (k + 1), n_workers, err, err_len);
	if (member->id != RTE_MAX_ETHPORTS)
		port->members[port->n_members++] = member->id;
	if (rc < 0)
		return rc;
	forget_promise(member, one.device);
	return check_member(member, iface, one.device, err, err_len);
}

/* Who cannot be left to fewer queues than it has would lose what arrives by the others. */
static int check_alike(const struct port *port, const struct port *member,
		       const struct iface_config *iface, char *err, size_t err_len)
{
	if (member->vdev != port->vdev) {
		snprintf(err, err_len,
			 "interface %s: a bond is either of PCI devices or of virtual ones",
			 iface->name);
		return -EINVAL;
	}
	if (member->vdev && member->n_rxq != port->n_rxq) {
		snprintf(err, err_len,
			 "interface %s: the devices of its bond have %u and %u queues; give them "
			 "as many",
			 iface->name, port->n_rxq, member->n_rxq);
		return -EINVAL;
	}
	return 0;
}

static int probe_members(struct port *port, const struct iface_config *iface, unsigned index,
			 unsigned n_workers, char *err, size_t err_len)
{
	for (unsigned k = 0; k < iface->bond.n_members; k++) {
		struct port member;
		int rc = probe_member(port, iface, index, n_workers, &member, err, err_len);

		if (rc < 0)
			return rc;
		if (k == 0) {
			port->vdev = member.vdev;
			port->n_rxq = member.n_rxq;
		}
		rc = check_alike(port, &member, iface, err, err_len);
		if (rc < 0)
			return rc;
		port->n_rxq = RTE_MIN(port->n_rxq, member.n_rxq);
	}
	port->n_txq = (uint16_t)RTE_MIN((unsigned)port->n_rxq, n_workers);
	return 0;
}

static int create(struct port *port, const struct bond_config *bond, unsigned index)
{
	int socket = rte_eth_dev_socket_id(port->members[0]);
	char name[RTE_ETH_NAME_MAX_LEN];
	int rc;

	if (socket < 0)
		socket = rte_socket_id_by_idx(0);
	snprintf(name, sizeof(name), "net_bonding_w%u", index);
	rc = rte_eth_bond_create(name, modes[bond->mode], (uint8_t)RTE_MAX(socket, 0));
	if (rc < 0)
		return rc;
	port->id = (uint16_t)rc;
	rc = rte_eth_bond_xmit_policy_set(port->id, policies[bond->hash]);
	if (rc == 0)
		rc = rte_eth_bond_link_monitoring_set(port->id, bond->link_interval_ms);
	for (unsigned k = 0; k < port->n_members && rc == 0; k++)
		rc = rte_eth_bond_slave_add(port->id, port->members[k]);
	return rc;
}

int bond_probe(struct port *port, const struct iface_config *iface, unsigned index,
	       unsigned n_workers, char *err, size_t err_len)
{
	int rc = probe_members(port, iface, index, n_workers, err, err_len);

	port->bond = iface->bond.mode;
	if (rc < 0)
		return rc;
	rc = create(port, &iface->bond, index);
	if (rc < 0)
		snprintf(err, err_len,
			 "interface %s: cannot make a bond of %u devices: %s; see the driver's "
			 "message above",
			 iface->name, port->n_members, rte_strerror(-rc));
	return rc;
}

/* With LACP the driver drops broadcasts, which ARP needs, unless the bond hears all groups. */
int bond_settle(const struct port *port)
{
	if (port->bond != BOND_LACP || rte_eth_allmulticast_enable(port->id) == 0)
		return 0;
	return rte_eth_promiscuous_enable(port->id);
}

void bond_destroy(struct port *port)
{
	struct rte_eth_dev_info info;

	if (port->id != RTE_MAX_ETHPORTS && port->n_members) {
		char name[RTE_ETH_NAME_MAX_LEN];

		rte_eth_dev_get_name_by_port(port->id, name);
		rte_eth_dev_close(port->id); /* lets go of the members, too */
		rte_eth_bond_free(name);
		port->id = RTE_MAX_ETHPORTS;
	}
	while (port->n_members)
		if (rte_eth_dev_info_get(port->members[--port->n_members], &info) == 0)
			rte_dev_remove(info.device);
}

/* ---- watching one ---- */

/* Of LACP: the partner takes part, and frames pass in both directions. */
static bool carries(const struct port *port, uint16_t member)
{
	const uint8_t both = STATE_COLLECTING | STATE_DISTRIBUTING;
	struct rte_eth_bond_8023ad_slave_info info;

	return port->bond != BOND_LACP ||
	       (rte_eth_bond_8023ad_slave_info(port->id, member, &info) == 0 &&
		(info.actor_state & both) == both);
}

static uint32_t member_bit(const struct port *port, uint16_t member)
{
	uint32_t k = 0;

	while (k < port->n_members && port->members[k] != member)
		k++;
	return 1u << k;
}

/* The member that carries the traffic, or one of those that do; RTE_MAX_ETHPORTS: none does.
 * up: all that can. */
static uint16_t look(const struct port *port, uint32_t *up)
{
	uint16_t active[BOND_MEMBERS_MAX], first = RTE_MAX_ETHPORTS;
	int n = rte_eth_bond_active_slaves_get(port->id, active, BOND_MEMBERS_MAX);

	*up = 0;
	for (int i = 0; i < n; i++) {
		if (!carries(port, active[i]))
			continue;
		if (*up == 0)
			first = active[i];
		*up |= member_bit(port, active[i]);
	}
	if (port->bond == BOND_ACTIVE_BACKUP && n > 0)
		return (uint16_t)rte_eth_bond_primary_get(port->id);
	return first;
}

/* The switch sends to the member that it last heard the MAC address from, and the driver says
 * nothing when it is another. */
static void note_active(struct net *net, uint16_t i, uint16_t active)
{
	net->bond_active[i] = active;
	counter_inc(net->counters, CTR_NET_BOND_CHANGES);
	if (active == RTE_MAX_ETHPORTS)
		return;
	net->announced = 0;
	net->announce_us = net->now_us;
	nd_announce_again(net, i);
}

void bond_turn(struct net *net)
{
	net->bond_us = UINT64_MAX;
	for (uint16_t i = 0; i < net->ports->n_ports; i++) {
		struct port *port = &net->ports->ports[i];
		uint16_t active;
		uint32_t up;

		if (port->bond == BOND_NONE || port->dev != i)
			continue;
		active = look(port, &up);
		if (up != port->members_up)
			__atomic_store_n(&port->members_up, up, __ATOMIC_RELAXED);
		if (active != net->bond_active[i])
			note_active(net, i, active);
		/* What LACP has to say goes out with the next burst, be it empty. */
		if (port->bond == BOND_LACP)
			rte_eth_tx_burst(port->id, (uint16_t)net->worker, NULL, 0);
		net->bond_us = net->now_us + LOOK_US;
	}
}

bool bond_is_down(const struct net *net, uint16_t port)
{
	uint16_t dev = net->ports->ports[port].dev;

	return net->ports->ports[dev].bond != BOND_NONE &&
	       net->bond_active[dev] == RTE_MAX_ETHPORTS;
}

bool bond_member_up(const struct net_ports *ports, unsigned port, unsigned member)
{
	const struct port *owner = &ports->ports[ports->ports[port].dev];

	return __atomic_load_n(&owner->members_up, __ATOMIC_RELAXED) >> member & 1;
}
