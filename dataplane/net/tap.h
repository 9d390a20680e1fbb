/* tap.h - a TAP of the kernel that stands for an interface of ours: same MAC address, same IP
 * addresses. */
#pragma once
#include <stdint.h>

#include <rte_ether.h>

#include <weir/dataplane.h>

/* Makes the interface "weir-NAME" in the namespace of the process, and brings it up; it is gone
 * with the descriptor. IPv6 is off on it when iface has no IPv6 address: the kernel would
 * speak up on its own. Returns a nonblocking descriptor of frames, or -errno with a
 * sentence in err. */
int tap_open(const struct iface_config *iface, const struct rte_ether_addr *mac, char *err,
	     size_t err_len);
