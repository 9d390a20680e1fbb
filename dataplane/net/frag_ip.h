/* frag_ip.h - IPv4 and IPv6 fragments, as the network layer meets them. Cold: nothing here is
 * reached by a packet that is whole. */
#pragma once
#include <stdint.h>

struct ip_addr;
struct net;
struct rte_mbuf;

/* Takes a fragment whose data starts at an IPv4 header that was found good, and ends where the
 * packet or its frame does. When that was the last one missing, the whole datagram comes in
 * a frame of its own, to this worker in its next pass or to that of its connection. */
void frag_take_ip4(struct net *net, struct rte_mbuf *m);

/* The same for IPv6: data starts at the IPv6 header and ends with the packet. frag_off: of the
 * fragment header, which lies within it; next_off: of the byte in front that names it. The
 * datagram that comes has no fragment header. */
void frag_take_ip6(struct net *net, struct rte_mbuf *m, uint16_t frag_off, uint16_t next_off);

/* Gives up what waited for too long, and tells its senders. */
void frag_turn(struct net *net);

/* The worker that puts fragments between these two together. */
unsigned frag_worker(const struct net *net, const struct ip_addr *src, const struct ip_addr *dst);
