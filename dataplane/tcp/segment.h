/* segment.h - one arrived segment, parsed: what input hands to the state machines. */
#pragma once
#include <rte_tcp.h>

#include <tcp/options.h>
#include <tcp/tcp.h>

#define TCP_FIN RTE_TCP_FIN_FLAG
#define TCP_SYN RTE_TCP_SYN_FLAG
#define TCP_RST RTE_TCP_RST_FLAG
#define TCP_PSH RTE_TCP_PSH_FLAG
#define TCP_ACK RTE_TCP_ACK_FLAG
#define TCP_ECE RTE_TCP_ECE_FLAG
#define TCP_CWR RTE_TCP_CWR_FLAG

#define TCP_IP_CE 3 /* the IP header's ECN field: congestion experienced */

struct tcp_segment {
	struct rte_mbuf *m; /* data is the payload; NULL once somebody took it */
	struct tcp_tuple tuple;
	uint32_t hash; /* of tuple */
	uint32_t seq, ack;
	uint32_t len; /* payload bytes; SYN and FIN not counted */
	uint16_t wnd; /* as on the wire, unscaled */
	uint8_t flags;
	uint8_t opt_len;
	uint8_t ecn; /* IP ECN bits */
	const uint8_t *opt_bytes;
	struct tcp_options opt; /* read on the slow path only */
};

/* Sequence number after the segment, FIN and SYN counted. */
static inline uint32_t tcp_segment_end(const struct tcp_segment *s)
{
	return s->seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
}
