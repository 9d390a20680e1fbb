/* conn.h - one connection, of either role: a cache line. */
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/abi.h>

/* Our SYN and our FIN count as bytes of what is sent: snd_end is behind them. */
enum conn_state {
	CONN_FREE,
	CONN_SYN_SENT,
	CONN_SYN_RCVD,
	CONN_OPEN,
	CONN_HALF, /* the peer has sent its FIN */
	CONN_DEAD, /* closed, but its user has not let go of it */
};

enum conn_flag {
	CONN_QUEUED = 1,   /* in the queue of those with something to send */
	CONN_TIMED = 2,    /* in the queue of the retransmission timer */
	CONN_LAZY = 4,     /* in the queue of delayed acknowledgements */
	CONN_ACK_NOW = 8,  /* an acknowledgement is owed */
	CONN_FIN = 16,     /* the last byte before snd_end is our FIN */
	CONN_RECOVER = 32, /* went back; duplicate ACKs are its echo until `recover` is acked */
	CONN_TS = 64,      /* both sides send timestamps */
};

/* What survives when a record is used again: queue entries stay where they are. */
#define CONN_IN_QUEUES (CONN_QUEUED | CONN_TIMED | CONN_LAZY)

#define CONN_CWND_OPEN 255 /* of cwnd: nothing but the peer's window limits */

struct conn {
	uint32_t snd_una, snd_nxt, snd_end;
	uint32_t rcv_nxt;
	uint32_t ts_recent; /* network order, as it is echoed */
	uint32_t msg_seq;   /* where the oldest message of ours that is not all acked begins */
	uint32_t body_at;   /* bytes of the peer's body so far */
	uint32_t body_left; /* bytes to come of it, or of its chunk */

	uint16_t snd_wnd;  /* as in the header: << wscale */
	uint16_t mss;      /* payload of a full segment, options taken off */
	uint16_t timer_ms; /* when the oldest byte in flight was sent */
	uint16_t port;     /* network order; the client's: ours for a client, the peer's else */
	uint16_t addr;     /* which of our addresses */
	uint16_t side;     /* its block in struct sides; 0: none */
	uint16_t recover;  /* bits 8 to 23 of a sequence number */
	uint8_t cwnd;      /* segments */
	uint8_t flags;     /* enum conn_flag */
	uint8_t state;     /* enum conn_state */
	uint8_t parse;     /* enum body_state, and above that BODY_* flags */
	uint8_t wscale : 4, tries : 4;
	uint8_t dupacks : 4, unacked : 4; /* segments received and not acknowledged */

	union {
		struct {
			uint32_t issued, answered; /* requests so far */
			uint32_t first;            /* number of the request at msg_seq */
		} client;
		struct {
			uint32_t raddr;   /* network order */
			uint32_t kind;    /* of the answer at msg_seq */
			uint16_t count;   /* that many of it; 0: nothing is unacknowledged */
			uint16_t waiting; /* answers that are being delayed */
		} backend;
	};
} WEIR_CACHE_ALIGNED;

static_assert(sizeof(struct conn) == WEIR_CACHE_LINE, "a connection is one cache line");

static inline void conn_reset(struct conn *c)
{
	uint8_t flags = c->flags & CONN_IN_QUEUES;

	*c = (struct conn){.flags = flags};
}
