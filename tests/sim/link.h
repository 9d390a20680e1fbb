/* link.h - a simulated wire between two TCPs: delay, jitter, rate, queue, loss by ones and in
 * bursts, of acknowledgements alone, duplication, reordering, corruption.
 *
 * Everything is drawn from one seeded generator in the order of the calls, so a seed is a
 * whole run. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <base/mbq.h>

struct rng {
	uint64_t s;
};

uint64_t rng_next(struct rng *r);
/* 0 <= result < n. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* True with probability p. */
bool rng_chance(struct rng *r, double p);

enum link_strip { /* options of SYNs that a middlebox removes */
		  LINK_STRIP_TS = 1,
		  LINK_STRIP_SACK = 2,
		  LINK_STRIP_WSCALE = 4,
};

struct link_config {
	double loss[2];                /* by receiver */
	double ack_loss;               /* of segments without payload, besides */
	double burst_start, burst_end; /* per packet: a burst of loss begins, ends */
	double corrupt;                /* one bit flipped: the receiver's checksum must notice */
	double duplicate;
	double reorder; /* share of packets delayed by up to reorder_us more */
	uint32_t reorder_us;
	uint32_t delay_us, jitter_us;
	uint32_t pause_us, pause_every_us; /* nothing arrives for so long, now and then */
	double mbit;                       /* 0: infinitely fast */
	uint32_t queue_us; /* longest wait for the wire; beyond it packets are dropped */
	unsigned strip;    /* enum link_strip */
	bool trace;        /* print every segment */
};

struct link_packet {
	uint64_t at_us, order;
	struct rte_mbuf *m;
};

struct link {
	struct link_config cfg;
	struct rng *rng;
	struct rte_mempool *pool;
	struct link_packet *heap[2]; /* to receiver 0 and 1 */
	unsigned n[2], room[2];
	uint64_t free_at_us[2]; /* the wire towards it is busy until */
	bool in_burst[2];
	uint64_t order;
	uint64_t sent, dropped, corrupted;
	const char *broken; /* what should never be */
};

void link_init(struct link *l, const struct link_config *cfg, struct rng *rng,
	       struct rte_mempool *pool);
void link_fini(struct link *l);

/* Copies the TCP segment m (any chain) onto the wire towards receiver `to`; src and dst go
 * into the copy's pkt_priv. */
void link_send(struct link *l, unsigned to, uint64_t now_us, const struct rte_mbuf *m,
	       const struct ip_addr *src, const struct ip_addr *dst);

/* Takes what has arrived by now_us; the caller owns it. Returns how many. */
unsigned link_receive(struct link *l, unsigned to, uint64_t now_us, struct rte_mbuf **pkts,
		      unsigned max);

/* When something arrives next; UINT64_MAX when nothing is under way. */
uint64_t link_next(const struct link *l);
