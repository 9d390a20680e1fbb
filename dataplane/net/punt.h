/* punt.h - the exception path: frames that weir does not own go to the kernel by a TAP, and what
 * the kernel says on it goes out of the port.
 *
 * A thread of its own reads and writes the TAPs: to a worker, punting is a bounded queue. The
 * thread takes at most punt_rate packets a second each way, so that a queue that overflows
 * is how a flood is cut; its last half is kept for what routing needs. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <weir/counters.h>
#include <weir/dataplane.h>

struct net;
struct net_ports;
struct punt;
struct rte_mbuf;

#define PUNT_QUEUE 512 /* frames to the kernel, of one port; and from it, of all */

/* Makes the TAPs of the interfaces that have one, and starts the thread; ports are open.
 * ports->punt stays NULL when none has. On failure: negative, and a sentence in err. */
int punt_open(struct net_ports *ports, const struct dataplane_config *cfg, char *err,
	      size_t err_len);
void punt_close(struct net_ports *ports);

/* The same with given descriptors, one a port, -1 for none: a datagram is a frame. Takes the
 * descriptors. For tests. */
int punt_start(struct net_ports *ports, const int *fds, const uint32_t *rates);

/* ---- a worker's side ---- */

/* Takes m, wherever in it its data now starts: to the kernel when the interface it came by is
 * punted, else dropped for the reason given. */
void punt_or_drop(struct net *net, struct rte_mbuf *m, enum counter_id why);

/* The kernel gets a copy, if the interface is punted. */
void punt_copy(struct net *net, struct rte_mbuf *m);

/* Sends what the kernel said: the first worker's business, once a pass. */
void punt_take(struct net *net);
bool punt_pending(const struct net *net);

/* Is the interface punted that m came by? */
bool punt_wants(const struct net *net, struct rte_mbuf *m);
