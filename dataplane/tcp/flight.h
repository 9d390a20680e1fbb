/* flight.h - what a connection remembers of its flight once it fills the window or loses
 * something: recovery, pacing and congestion control beyond cwnd and ssthresh. A connection
 * that exchanges small messages never has one.
 *
 * Owned by the connection, from the context's slab. Times are the low 32 bits of the clock. */
#pragma once
#include <tcp/ctx.h>
#include <tcp/options.h>

/* RFC 9406: the round in progress and the one before. */
struct tcp_hystart {
	uint32_t round_end;
	uint32_t last_min_us, min_us, base_us; /* UINT32_MAX: no sample */
	uint8_t samples;
	uint8_t css_rounds; /* of conservative slow start; 0: not in it */
};

struct tcp_cubic {
	uint32_t w_max, w_prior, epoch_ms, k_ms;
	uint32_t w_est;
	uint64_t est_rest; /* what w_est's division left */
	uint32_t before_w_max, before_w_prior;
	struct tcp_hystart hystart;
};

struct tcp_reno {
	uint32_t acked; /* bytes counted towards the next segment of cwnd */
};

struct tcp_bbr {
	uint64_t bw[2];      /* bytes/s: largest of the window's two halves */
	uint64_t full_bw;    /* the bandwidth that growth is measured against */
	uint32_t bw_round;   /* of the present half */
	uint32_t rounds;     /* counted */
	uint32_t round_end;  /* in delivered bytes */
	uint32_t min_rtt_us; /* 0: never measured */
	uint32_t min_rtt_ms; /* when */
	uint32_t cycle_us;   /* start of the present gain */
	uint32_t probe_ms;   /* end of the present look for the minimal RTT; 0: not known */
	uint32_t before;     /* cwnd before recovery or that look */
	uint32_t lost_round; /* bytes lost in the present round */
	uint8_t mode;
	uint8_t cycle;
	uint8_t full_rounds; /* without growth; 3: the pipe is full */
	bool round_start;
	bool conserve; /* first round of a recovery */
	bool cut;      /* that has only begun */
};

struct tcp_flight {
	/* RACK (RFC 8985): the latest sent segment that is known to have arrived. */
	uint32_t rack_us, rack_end;
	uint32_t rack_rtt_us;
	uint32_t fack;        /* rightmost end of what arrived */
	uint32_t dsack_round; /* snd_nxt when the reordering window was last widened */
	uint8_t reo_mult, reo_persist;
	bool reordered;
	/* TLP: while a probe is unanswered. */
	bool tlp, tlp_again; /* it repeated data */
	uint32_t tlp_end;
	/* PRR (RFC 6937, RFC 9937), bytes. */
	uint32_t prr_delivered, prr_out, prr_flight;
	/* Undo: what was before, and how many repetitions are not known to be needless. */
	uint32_t before, before_ssthresh, rexmt_ts;
	uint16_t undo_left;
	bool undo;
	/* Blocks of the last acknowledgement with any, and the entry that holds the byte before
	 * fack (valid while fack > snd_una): where to go on reading. */
	struct tcp_sack_block seen[TCP_SACK_MAX];
	uint8_t n_seen;
	struct rte_mbuf *high;
	/* RFC 2883: to report. */
	struct tcp_sack_block dsack;
	/* Pacing. */
	uint64_t pace_ns;   /* the line is taken until */
	uint64_t pace_rate; /* bytes/s */
	/* Delivery rate. */
	uint32_t delivered; /* bytes, modulo 2^32 */
	uint32_t delivered_us, first_sent_us;
	uint32_t app_limited; /* until so much was delivered samples are too small; 0: no */
	union {
		struct tcp_cubic cubic;
		struct tcp_reno reno;
		struct tcp_bbr bbr;
	};
};

/* What one segment told about ours. */
struct tcp_delivered {
	uint32_t bytes;               /* newly known to have arrived */
	uint32_t rtt_us;              /* of the latest sent that was sent once; 0: none */
	uint32_t lost;                /* bytes newly found lost */
	bool timed, again;            /* sent_us, again_us are valid */
	bool original;                /* something sent only once was among it */
	bool held;                    /* ... selectively acknowledged */
	uint32_t first_us;            /* earliest of those sent once, */
	uint32_t sent_us, end;        /* and the latest */
	uint32_t again_us, again_end; /* and of those sent again */
	uint32_t original_end;        /* lowest of those sent once */
	uint32_t fack;                /* flight->fack before */
	/* The delivery rate's: of the latest sent of all. */
	bool sampled;
	uint32_t sample_us, delivered, delivered_us, first_sent_us;
};

/* c's, made when there is none: never NULL. */
struct tcp_flight *tcp_flight_get(struct tcp_ctx *ctx, struct tcp_conn *c);
/* There is nothing to send any more. */
void tcp_flight_put(struct tcp_ctx *ctx, struct tcp_conn *c);

/* p, not acknowledged before, has arrived: notes it in d. */
void tcp_flight_arrived(const struct pkt_priv *p, struct tcp_delivered *d, bool held);
