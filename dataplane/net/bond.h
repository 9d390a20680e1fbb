/* bond.h - several devices as one port, by DPDK's bonding driver: made and taken apart here;
 * that another member carries the traffic is noticed, and told to the network, by worker 0. */
#pragma once
#include <net/port.h>

struct net;

/* As port_probe(), which it is called by, for an interface with a bond. Members may be held
 * on failure, too: bond_destroy() is due. */
int bond_probe(struct port *port, const struct iface_config *iface, unsigned index,
	       unsigned n_workers, char *err, size_t err_len);
/* What a bond wants once it is started; 0, or negative. */
int bond_settle(const struct port *port);
/* After port_stop() has stopped it; harmless on a port that is none. */
void bond_destroy(struct port *port);

/* Worker 0, when net->bond_us is due. */
void bond_turn(struct net *net);
/* Nobody can hear what goes out of the port now. */
bool bond_is_down(const struct net *net, uint16_t port);
/* Any thread: whether a member can carry, as worker 0 last saw it. port: maybe one that shares
 * the bond; member: its place in the configuration. */
bool bond_member_up(const struct net_ports *ports, unsigned port, unsigned member);
