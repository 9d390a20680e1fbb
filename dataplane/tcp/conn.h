/* conn.h - one connection: its state, laid out by who touches what together.
 *
 * Line 0 is what the user sees, 1 what an acknowledgement and a transmission touch, 2 what
 * arriving data touches, 3 what a header is made of and 4 the deadlines; the last is for loss
 * and the ends of a connection's life. A connection at rest is these six lines and its place in
 * the flow table. */
#pragma once
#include <sys/queue.h>

#include <base/bytestream.h>
#include <base/wheel.h>
#include <tcp/tcp.h>

/* LISTEN is no state of a connection: listen.c answers for tuples that have none. */
#define TCP_STATE_LIST(X)                                                                          \
	X(CLOSED)                                                                                  \
	X(SYN_SENT)                                                                                \
	X(SYN_RECEIVED)                                                                            \
	X(ESTABLISHED)                                                                             \
	X(FIN_WAIT_1)                                                                              \
	X(FIN_WAIT_2)                                                                              \
	X(CLOSE_WAIT)                                                                              \
	X(CLOSING)                                                                                 \
	X(LAST_ACK)                                                                                \
	X(TIME_WAIT)

enum tcp_state {
#define X(name) TCP_##name,
	TCP_STATE_LIST(X)
#undef X
		TCP_STATES
};

enum tcp_conn_flag {
	TCP_F_TS = 1u << 0,     /* timestamps on (RFC 7323) */
	TCP_F_SACK = 1u << 1,   /* selective acknowledgements on (RFC 2018) */
	TCP_F_WSCALE = 1u << 2, /* window scaling on */
	TCP_F_USER = 1u << 3,   /* somebody has the stream and will release or abort it */
	TCP_F_DIRTY = 1u << 4,  /* on ctx->dirty */
	TCP_F_READY = 1u << 5,  /* on ctx->ready */
	TCP_F_DEAD = 1u << 6,   /* on ctx->dead: nobody may find it, freed by the flush */
	TCP_F_FLOW = 1u << 7,   /* in the flow table */
	/* What the next flush owes the peer. */
	TCP_F_SYN_DUE = 1u << 8, /* SYN, or SYN and ACK in SYN-RECEIVED */
	TCP_F_ACK_DUE = 1u << 9,
	TCP_F_FIN_DUE = 1u << 10,   /* the FIN alone, again */
	TCP_F_REXMT_DUE = 1u << 11, /* one retransmission whatever the window (RFC 6675 4.3) */
	TCP_F_PROBE_DUE = 1u << 12, /* a segment that only provokes an ACK */
	TCP_F_FORCE_DUE = 1u << 13, /* override of SWS avoidance (RFC 9293 3.8.6.2.1 (4)) */
	TCP_F_ORPHAN = 1u << 14,    /* released and not over: ctx->n_orphans */
	TCP_F_SILENT = 1u << 15,    /* on ctx->silent */
	/* Ends of the two directions. */
	TCP_F_FIN_QUEUED = 1u << 16, /* the user wrote its last byte: snd_end is final */
	TCP_F_FIN_SENT = 1u << 17,
	TCP_F_FIN_KNOWN = 1u << 18, /* the peer's FIN was seen: fin_seq is valid */
	TCP_F_PERSIST = 1u << 19,   /* the retransmission timer runs as persist timer */
	TCP_F_CWND_FULL = 1u << 20, /* the last flush stopped at cwnd: growing it makes sense */
	/* Was a recovery needless? (RFC 3522) */
	TCP_F_DOUBT = 1u << 21,       /* flight->before is what it was when the loss was found */
	TCP_F_DOUBT_TIMED = 1u << 22, /* flight->rexmt_ts is the first retransmission's timestamp */
	TCP_F_DOUBT_ORIGINAL = 1u << 23, /* RFC 5682: a first transmission arriving would tell */
	TCP_F_TLP_DUE = 1u << 24,        /* a probe of the tail, whatever cwnd says */
	TCP_F_PACED = 1u << 25,          /* flight->pace_* say when the next segment may go */
	TCP_F_DSACK_DUE = 1u << 26,      /* flight->dsack is to be reported */
	/* RFC 3168. */
	TCP_F_ECN = 1u << 27,       /* both ends want it */
	TCP_F_ECE = 1u << 28,       /* congestion was met: said until the peer answers CWR */
	TCP_F_CWR = 1u << 29,       /* the next new data tells the peer that it was heard */
	TCP_F_MTU_LOW = 1u << 30,   /* mss is less than mss_max: mtu.c */
	TCP_F_KEEPALIVE = 1u << 31, /* `keepalive` is set, and not `cookie` */
};

#define TCP_BACKOFF_MAX 15u /* what backoff can hold */

enum tcp_recovery {
	TCP_OPEN,     /* nothing is known to be lost */
	TCP_REDUCING, /* nothing either, but cwnd is on its way down until `recover` */
	TCP_RECOVERY, /* fast recovery, until `recover` is acknowledged */
	TCP_LOSS      /* after a timeout, until `recover` is acknowledged */
};

/* What the retransmission deadline is for; RFC 8985 section 8: never for two of them. */
enum tcp_retrans_kind {
	TCP_RETRANS_RTO,
	TCP_RETRANS_PROBE,  /* tail loss probe */
	TCP_RETRANS_REORDER /* what is late now is lost then */
};

/* Deadlines of a connection; the wheel knows only the earliest, and that lazily: moving a
 * deadline back is a store, the timer that fires too soon arms itself again. */
enum tcp_deadline {
	TCP_DUE_RETRANS, /* retransmission, persist, SYN */
	TCP_DUE_ACK,     /* delayed acknowledgement */
	TCP_DUE_KEEPALIVE,
	TCP_DUE_PACE, /* the next segment may go */
	TCP_DUE_LIFE, /* connect timeout, 2 MSL, FIN-WAIT-2, a released stream without progress */
	TCP_DEADLINES
};

#define TCP_RECENT_MAX 3 /* blocks that grew last; further ones are reported by sequence */

struct tcp_flight;

struct tcp_conn {
	struct bytestream s;

	/* Send. The queue is sendq.c's: entries [sq_head, sq_unsent) were sent. */
	uint32_t snd_una, snd_nxt, snd_wnd, snd_wnd_max;
	uint32_t snd_wl1;
	uint32_t snd_end; /* after the last byte written; the FIN's number */
	uint32_t cwnd, ssthresh;
	struct rte_mbuf *sq_head, *sq_tail, *sq_unsent;
	struct tcp_conn *ready_next;

	/* Receive. */
	uint32_t rcv_nxt;
	uint32_t rcv_edge;  /* rightmost sequence number ever offered: never taken back */
	uint32_t rcv_acked; /* last acknowledgement sent: RFC 7323's Last.ACK.sent */
	uint32_t rcv_held;  /* bytes given to the user and not yet consumed */
	uint32_t ts_recent, ts_recent_ms;
	uint32_t ts_offset;
	uint32_t flags;        /* enum tcp_conn_flag */
	uint8_t state;         /* enum tcp_state */
	uint8_t recovery : 2;  /* enum tcp_recovery */
	uint8_t cc : 2;        /* enum congestion */
	uint8_t rcv_grown : 4; /* the receive window has doubled as often */
	uint8_t dupacks;
	uint8_t backoff : 4; /* timeouts in a row, as far as they count: the RTO is doubled as often
			      */
	uint8_t rcv_quick : 4; /* segments still to be acknowledged one by one: receive.c */
	uint8_t events;        /* enum bytestream_event, not yet delivered */
	uint8_t snd_wscale : 4;
	uint8_t retrans_kind : 2; /* enum tcp_retrans_kind */
	uint8_t rcv_dups : 2;     /* ACKs of rcv_nxt for what is beyond it; 3: or more */
	uint8_t due;              /* bits by enum tcp_deadline: due_ms is valid */
	uint8_t probes;           /* keep-alives without an answer */
	uint16_t mss;             /* payload bytes in a full segment to the peer */
	uint16_t rcv_mss;         /* largest segment seen from the peer */
	uint32_t srtt_us;         /* 0: never measured */
	uint32_t rttvar_us;
	uint32_t min_rtt_us;  /* 0: never measured */
	struct rte_mbuf *ooo; /* reasm.c: segments beyond rcv_nxt, by sequence */

	/* Whose it is and how to get there. */
	struct tcp_tuple tuple;
	uint64_t path; /* the IP layer's */
	struct tcp_conn *dirty_next;

	/* Timers. */
	struct wheel_timer timer;
	uint32_t due_ms[TCP_DEADLINES];
	uint32_t since_ms; /* start of the peer's present silence */
	uint32_t sent_ms;  /* last transmission of data */
	uint32_t sacked;   /* see below */
	union {
		uint64_t cookie; /* of ops->admit */
		struct tcp_keepalive keepalive;
	};

	/* Loss: bytes of sent segments by what is known of them (RFC 6675's pipe). */
	uint32_t lost;
	uint32_t retrans; /* lost and sent again */
	uint32_t recover; /* snd_nxt when loss was found */
	uint16_t n_sacked, n_ooo;
	uint32_t recent[TCP_RECENT_MAX]; /* one in each of them, latest first */
	uint32_t fin_seq;                /* the peer's FIN */
	uint32_t answer_ms;              /* limit.c: the allowance of unasked-for answers */
	uint32_t ecn_mark;               /* snd_nxt when a mark was last answered */
	struct tcp_flight *flight;       /* NULL until it fills its window or loses something */
	union {
		TAILQ_ENTRY(tcp_conn) age; /* on half_open, silent, time_wait, dead */
		struct {                   /* from ESTABLISHED on, while it has a user */
			uint32_t rcv_mark, rcv_mark_ms; /* receive.c: the present round trip */
			uint32_t mtu_ms;                /* mtu.c: when mss was lowered */
			uint16_t mss_max;               /* what it was before */
		};
	};
} WEIR_CACHE_ALIGNED;

static_assert(CONGESTIONS <= 4, "cc has two bits");
static_assert(sizeof(struct bytestream) <= WEIR_CACHE_LINE, "the user's view is line 0");
static_assert(offsetof(struct tcp_conn, snd_una) == WEIR_CACHE_LINE, "ACK state opens line 1");
static_assert(offsetof(struct tcp_conn, rcv_nxt) == 2 * WEIR_CACHE_LINE,
	      "receive state opens line 2");
static_assert(offsetof(struct tcp_conn, tuple) == 3 * WEIR_CACHE_LINE, "addresses open line 3");
static_assert(offsetof(struct tcp_conn, timer) == 4 * WEIR_CACHE_LINE, "timers open line 4");
static_assert(offsetof(struct tcp_conn, lost) == 5 * WEIR_CACHE_LINE, "loss opens line 5");
static_assert(sizeof(struct tcp_conn) == 6 * WEIR_CACHE_LINE, "six lines a connection");

static inline bool tcp_conn_is_synchronized(const struct tcp_conn *c)
{
	return c->state >= TCP_ESTABLISHED;
}

/* RFC 6675's pipe: bytes believed to be under way. */
static inline uint32_t tcp_conn_in_flight(const struct tcp_conn *c)
{
	uint32_t sent = c->snd_nxt - c->snd_una + c->retrans;
	uint32_t gone = c->sacked + c->lost;

	return sent > gone ? sent - gone : 0;
}

static inline bool tcp_conn_fin_acked(const struct tcp_conn *c)
{
	return (c->flags & TCP_F_FIN_SENT) && c->snd_una == c->snd_end + 1;
}
