/* net.h - one worker's view of the wire: ports, Ethernet, ARP and ND, IPv4, IPv6, ICMP.
 *
 * Ports (port.h) are opened once by the control thread; each worker has a struct net of its
 * own with its neighbours and queues. Packets for TCP leave upward in a batch; everything
 * else is answered or dropped here, each drop counted by its reason. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <base/wheel.h>
#include <weir/addr.h>
#include <weir/counters.h>
#include <weir/dataplane.h>

#define NET_BURST 32

struct rte_mbuf;
struct rte_mempool;
struct capture;
struct net;
struct net_ports; /* port.h: devices, queues, steering rings; shared, immutable after start */

/* What the layer above wants to know. icmp_error and captures are called from net_rx(),
 * unreachable from net_timers(): never from inside net_tx_tcp(). */
struct net_ops {
	/* An ICMP error quoting a TCP segment we sent; see tcp_take_icmp_error(). */
	void (*icmp_error)(void *owner, const struct net_addr *local, const struct net_addr *remote,
			   uint32_t seq, bool hard, uint16_t mtu);
	/* The neighbour that leads to remote does not answer. */
	void (*unreachable)(void *owner, const struct net_addr *local,
			    const struct net_addr *remote);
	/* Is TCP between remote and local, a foreign address, terminated here (a VIP)? */
	bool (*captures)(void *owner, const struct net_addr *local, const struct net_addr *remote);
	/* Has another worker left something to do, before it called net_wake()? NULL: never. */
	bool (*mail)(void *owner);
};

/* Opens the devices of cfg for cfg->n_workers and makes pools. pool_out: the pool everything
 * lives in. On failure: NULL and a sentence in err. */
struct net_ports *net_ports_open(const struct dataplane_config *cfg, struct rte_mempool **pool_out,
				 char *err, size_t err_len);
void net_ports_close(struct net_ports *ports);

/* One worker's half. Everything is borrowed. */
struct net *net_create(struct net_ports *ports, unsigned worker, const struct net_ops *ops,
		       void *owner, struct counters *counters);
void net_destroy(struct net *net);

/* Receives up to `max` TCP packets into pkts (data at the TCP header, pkt_priv src and dst set,
 * checksums verified), having handled what else arrived. *work is set when any frame came. */
unsigned net_rx(struct net *net, uint64_t now_us, struct rte_mbuf **pkts, unsigned max, bool *work);

/* Sends a TCP segment as tcp_ops.output describes. path: 8 bytes of cache or NULL. */
void net_tx_tcp(struct net *net, const struct net_addr *src, const struct net_addr *dst,
		struct rte_mbuf *m, void *path);

/* Is any interface punted: does the kernel speak for what weir does not own? */
bool net_punts(const struct net *net);
/* A segment that net_rx() gave and that no connection or listener is for. True: it was taken,
 * and goes to the kernel. Its data may start anywhere in the frame. */
bool net_punt_tcp(struct net *net, struct rte_mbuf *m);

/* Where all workers copy packets to from their next pass on; NULL: nowhere. */
void net_set_capture(struct net_ports *ports, struct capture *c);

/* Hands what is queued to the devices. True: one was busy, and the rest waits for the next
 * call, which should be soon. */
bool net_flush(struct net *net);
/* So much waits for a busy device that nothing should be added that can wait, too. */
bool net_tx_busy(const struct net *net);

/* Neighbour timers: call once per pass; cheap when nothing is due. next: lower bound. */
void net_timers(struct net *net, uint64_t now_us);
uint64_t net_next_timer(const struct net *net);

/* The address to use towards dst, and the MTU of the way there. False: no route. */
bool net_route(const struct net *net, const struct ip_addr *dst, struct ip_addr *src,
	       uint16_t *mtu);
/* The smallest MTU of the ports that speak IPv6; 0: none does. */
uint16_t net_ipv6_mtu(const struct net *net);
bool net_is_local(const struct net *net, const struct ip_addr *ip);
bool net_scattered_tx(const struct net *net);

/* Would a packet from `remote` to `local` be handled by this worker? */
bool net_steers_here(const struct net *net, const struct net_addr *local,
		     const struct net_addr *remote);

/* Adaptive idling: sleeps until a packet may have arrived, `wake` is written to, or
 * timeout_us has passed. Falls back to a short sleep where a device cannot wake us. Call
 * after net_flush(). wake_fd is an eventfd; what was written to it is read here. */
void net_wait(struct net *net, int wake_fd, uint64_t timeout_us);

/* Wakes another worker, if it sleeps, to see what net_ops.mail sees. */
void net_wake(const struct net *net, unsigned worker);

/* For the control thread, at any time: an own IPv6 address that is not used because another
 * host has it (RFC 4862 section 5.4); each is told once. False: no more. */
bool net_next_duplicate(struct net_ports *ports, unsigned *port, struct ip_addr *ip);

/* Before workers run: the eventfd by which a worker that hands packets over wakes another.
 * Borrowed. Without one (-1, as net_ports_open() leaves it) a worker is not woken. */
void net_set_wake_fd(struct net_ports *ports, unsigned worker, int fd);
