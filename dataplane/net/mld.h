/* mld.h - Multicast Listener Discovery, a listener's side. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <weir/dataplane.h>

#define MLD_QUERY      130
#define MLD_REPORT_OLD 131
#define MLD_REPORT     143

struct ip_packet;
struct net;
struct rte_mbuf;

/* In struct net; all zero: nothing was said yet. */
struct mld {
	struct mld_link {
		uint64_t due_us; /* of the next report */
		uint8_t said;    /* reports since the start, as far as they count */
		bool old;        /* the last query was of the first version */
	} links[WEIR_PORTS_MAX];
};

/* As after a start: the port's link may lead to another switch now. */
void mld_say_again(struct net *net, uint16_t port);

/* Reports what is due. Returns when the next is: UINT64_MAX, never. */
uint64_t mld_turn(struct net *net);

/* A query whose checksum is right: borrows m, which starts at the ICMPv6 header. False: no sound
 * router sent it. */
bool mld_take_query(struct net *net, struct rte_mbuf *m, const struct ip_packet *ip,
		    uint8_t hop_limit);
