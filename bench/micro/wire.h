/* wire.h - a net_ring device for one worker: what it sends and what it receives go through one
 * ring, the other end of which is the benchmark. */
#pragma once
#include <weir/dataplane.h>

struct net_ports;
struct rte_ring;

#define WIRE_IP 0xc6120002u /* of the device, host order: 198.18.0.2/16 */

/* A node with this device and the defaults of a node configuration. */
struct dataplane_config wire_config(uint64_t memory, uint32_t connections);
/* Its only queue, once net_ports_open() has made it. */
struct rte_ring *wire_ring(void);
/* Closes ports of a wire_config(), and what is in the ring. */
void wire_close(struct net_ports *ports);
