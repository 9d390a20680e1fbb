/* capture.h - a worker's part of a capture: which frames match, and their copies. Cold: without
 * a capture a burst costs one branch. */
#pragma once
#include <stdbool.h>

#include <weir/capture.h>

struct net;
struct rte_mbuf;

/* What a filter looks at in a frame. */
struct capture_view {
	uint16_t ethertype, iface;
	bool out;
	bool has_addrs, has_ports;
	uint8_t proto; /* with has_addrs, unless it is ARP */
	uint16_t port[2];
	struct ip_addr addr[2]; /* source, destination */
};

/* frame: the first len bytes of it. VLAN tags and IPv6 extension headers are stepped over. */
void capture_parse(const uint8_t *frame, uint32_t len, struct capture_view *v);
bool capture_matches(const struct capture_filter *f, const struct capture_view *v);

/* Copies those of n frames that match net->capture. port: they came by it, or go out of it. */
void capture_burst(struct net *net, struct rte_mbuf *const *frames, unsigned n, unsigned port,
		   bool out);
