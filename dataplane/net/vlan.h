/* vlan.h - IEEE 802.1Q: tagged interfaces that share a device with others.
 *
 * The first interface of a device is the port that owns it: its queues, its offloads. The others
 * (struct port, dev) have an address, a tag and nothing else. Cold where a device has no tagged
 * interface. */
#pragma once
#include <stdint.h>

struct net;
struct rte_mbuf;

/* Sorts what a device with tagged interfaces received: the port of each frame becomes its
 * interface's, its tag is taken off. What is for none is dropped; returns how many are left. */
unsigned vlan_sort(struct net *net, unsigned dev, struct rte_mbuf **frames, unsigned n);

/* Tags a frame that goes out of a tagged port: by the device where it can. NULL (counted): there
 * is no room. */
struct rte_mbuf *vlan_push(struct net *net, unsigned port, struct rte_mbuf *m);
