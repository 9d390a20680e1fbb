/* sendq.h - bytes written and not yet acknowledged: one mbuf is one segment. */
#pragma once
#include <tcp/flight.h>

enum tcp_sendq_flag {
	TCP_SQ_SACKED = 1u << 0,
	TCP_SQ_LOST = 1u << 1,
	TCP_SQ_RETRANS = 1u << 2, /* lost, sent again, not known to be lost again */
};

/* Takes every mbuf of q. */
void tcp_sendq_write(struct tcp_ctx *ctx, struct tcp_conn *c, struct mbq *q);

/* Frees what lies before una and trims a part; notes in d what had not arrived before. */
void tcp_sendq_ack(struct tcp_conn *c, uint32_t una, struct tcp_delivered *d);

/* The same where nothing was ever sent twice, held or lost. */
struct tcp_sendq_span {
	uint32_t bytes;
	uint32_t first_us, last_us; /* transmissions; when bytes is not 0 */
};
struct tcp_sendq_span tcp_sendq_ack_plain(struct tcp_conn *c, uint32_t una);

/* Leaves m its first n bytes and makes an entry of the rest behind it. False when there is
 * no mbuf. */
bool tcp_sendq_split(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m, uint16_t n);

/* The MSS has become smaller: no entry may be larger. What was sent larger counts as lost. */
void tcp_sendq_resegment(struct tcp_ctx *ctx, struct tcp_conn *c);

/* Nothing sent is known lost or selectively acknowledged any more. */
void tcp_sendq_forget(struct tcp_conn *c);

void tcp_sendq_free(struct tcp_conn *c);

static inline struct rte_mbuf *tcp_sendq_next(struct rte_mbuf *m)
{
	return pkt_priv(m)->next;
}

/* The entry behind m, or, when the peer holds m, behind all that it holds from there on: what is
 * held is stepped over at once, however much it is. */
static inline struct rte_mbuf *tcp_sendq_past(struct rte_mbuf *m)
{
	struct rte_mbuf *last, *next;

	if (!(pkt_priv(m)->flags & TCP_SQ_SACKED))
		return pkt_priv(m)->next;
	last = pkt_priv(m)->run;
	while ((next = pkt_priv(last)->next) && (pkt_priv(next)->flags & TCP_SQ_SACKED))
		last = pkt_priv(next)->run;
	pkt_priv(m)->run = last;
	return pkt_priv(last)->next;
}

static inline uint32_t tcp_sendq_end(struct rte_mbuf *m)
{
	return pkt_priv(m)->seq + pkt_priv(m)->len;
}
