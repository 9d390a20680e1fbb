/* mbq.h - the private area of every mbuf, and queues of mbufs linked through it.
 *
 * mbuf->next belongs to DPDK and means "next segment of this packet"; a queue of packets or
 * of payload pieces is linked here instead. Every pool is made with sizeof(struct pkt_priv)
 * of private area. */
#pragma once
#include <assert.h>

#include <rte_mbuf.h>

#include <weir/abi.h>
#include <weir/addr.h>

/* In ol_flags of a direct mbuf: pkt_priv's sum is that of a payload. A dynamic flag of DPDK's
 * (net_ports_open() registers it), so an mbuf that was freed and allocated again is without. */
#define PKT_F_SUMMED_BIT 39
#define PKT_F_SUMMED     (1ull << PKT_F_SUMMED_BIT)

/* Likewise: a segment on its way out whose IP header says ECT(0) (RFC 3168). */
#define PKT_F_ECT_BIT 40
#define PKT_F_ECT     (1ull << PKT_F_ECT_BIT)

struct pkt_priv {
	struct rte_mbuf *next; /* in an mbq */
	union {
		/* From the IP layer up to TCP input. */
		struct {
			struct ip_addr src, dst;
		};
		/* In a TCP send queue. data_off and data_len belong to whoever transmits;
		 * the payload's place is kept here. */
		struct {
			uint32_t seq;     /* of the first payload byte */
			uint32_t sent_us; /* last transmission, low 32 bits of the clock */
			/* Of the connection when this was sent: what the rate at which it delivers
			 * is measured by. */
			uint32_t delivered, delivered_us, first_sent_us;
			/* Of what the peer holds, and of what waits to be reassembled: the last of
			 * those that follow each other from here on, or one on the way to it. */
			struct rte_mbuf *run;
			uint16_t off; /* from buf_addr */
			uint16_t len;
			uint8_t flags; /* enum in tcp/output.c */
			uint8_t transmits;
		};
	};
	uint16_t port;      /* received on */
	uint16_t frame_off; /* data_off at the frame's Ethernet header, as received */
	uint8_t ecn;        /* IP ECN bits as received */
	/* The ones' complement sum of a payload as it was received, and its place (from buf_addr):
	 * sent on as one segment it need not be summed again. */
	uint16_t sum, sum_off, sum_len;
};

static_assert(sizeof(struct pkt_priv) <= WEIR_CACHE_LINE, "one line of private area");

static inline struct pkt_priv *pkt_priv(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

/* m's bytes are not those that were received, even if they lie in the same place. */
static inline void pkt_changed(struct rte_mbuf *m)
{
	m->ol_flags &= ~PKT_F_SUMMED;
}

/* FIFO of mbufs; each entry is one single-segment mbuf. Owns what is in it. */
struct mbq {
	struct rte_mbuf *head, *tail;
	uint32_t n;     /* mbufs */
	uint32_t bytes; /* sum of data_len when pushed, kept by push/pop/trim */
};

static inline void mbq_init(struct mbq *q)
{
	q->head = q->tail = NULL;
	q->n = q->bytes = 0;
}

/* Takes m. */
static inline void mbq_push(struct mbq *q, struct rte_mbuf *m)
{
	pkt_priv(m)->next = NULL;
	if (q->tail)
		pkt_priv(q->tail)->next = m;
	else
		q->head = m;
	q->tail = m;
	q->n++;
	q->bytes += m->data_len;
}

/* Gives the first mbuf to the caller; NULL when empty. */
static inline struct rte_mbuf *mbq_pop(struct mbq *q)
{
	struct rte_mbuf *m = q->head;

	if (!m)
		return NULL;
	q->head = pkt_priv(m)->next;
	if (!q->head)
		q->tail = NULL;
	q->n--;
	q->bytes -= m->data_len;
	pkt_priv(m)->next = NULL;
	return m;
}

/* Moves all of `from` to the end of `to`. */
static inline void mbq_append(struct mbq *to, struct mbq *from)
{
	if (!from->head)
		return;
	if (to->tail)
		pkt_priv(to->tail)->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	to->n += from->n;
	to->bytes += from->bytes;
	mbq_init(from);
}

static inline void mbq_free(struct mbq *q)
{
	struct rte_mbuf *m;

	while ((m = mbq_pop(q)))
		rte_pktmbuf_free_seg(m);
}

/* Drops the first n bytes (n <= q->bytes), freeing mbufs that become empty. */
static inline void mbq_trim(struct mbq *q, uint32_t n)
{
	while (n) {
		struct rte_mbuf *m = q->head;

		if (n < m->data_len) {
			m->data_off = (uint16_t)(m->data_off + n);
			m->data_len = (uint16_t)(m->data_len - n);
			m->pkt_len = m->data_len;
			q->bytes -= n;
			return;
		}
		n -= m->data_len;
		rte_pktmbuf_free_seg(mbq_pop(q));
	}
}
