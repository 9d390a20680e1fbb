/* tcp.h - one worker's TCP (RFC 9293): what the layers above and below call.
 *
 * Pure state machines: time is ctx->now_us, set once per pass; output, randomness and
 * events leave through ops and lists. Nothing here knows a NIC, a clock or a thread, so
 * tests run it against itself over a simulated link.
 *
 * A pass is: tcp_take_segments() for what arrived, tcp_next_event() until false for the
 * user's turn, wheel_turn() for timers, tcp_flush() to send what all that made. Output is
 * put off to the flush so that an answer carries the acknowledgement. */
#pragma once
#include <base/bytestream.h>
#include <base/wheel.h>
#include <weir/addr.h>
#include <weir/congestion.h>
#include <weir/counters.h>
#include <weir/dataplane.h>
#include <weir/tcp_keepalive.h>

struct tcp_conn; /* conn.h */
struct tcp_ctx;

struct tcp_tuple {
	struct net_addr local, remote;
};

struct tcp_ops {
	/* Sends one segment: m's data starts at the TCP header (l4_len set, checksum field 0);
	 * payload may follow in chained segments. Takes m. There is headroom for IP and
	 * Ethernet. conn is NULL for a segment of no connection (a RST); else the IP layer may
	 * use tcp_conn_path() to cache its decision. */
	void (*output)(void *owner, struct tcp_conn *conn, const struct tcp_tuple *t,
		       struct rte_mbuf *m);
	/* Is the way out so full that what is due should wait for the next flush? NULL: never. */
	bool (*busy)(void *owner);
	/* May a SYN to t->local open a connection? Returns false to answer RST. Otherwise sets
	 * *cookie, which tcp_conn_cookie() gives back. */
	bool (*admit)(void *owner, const struct tcp_tuple *t, uint64_t *cookie);
	/* Takes m, a segment of no connection to a port that nobody admits, for whoever else may
	 * want it; false when nobody does and it is to be answered RST. NULL: nobody does. */
	bool (*unclaimed)(void *owner, struct rte_mbuf *m);
	/* A handshake completed: the user sets notify and user of s. */
	void (*accepted)(void *owner, struct bytestream *s);
	/* MTU of the path to t->remote in bytes of IP packet; 0 when there is no route. */
	uint16_t (*mtu)(void *owner, const struct tcp_tuple *t);
	/* Can packets of several segments (chained mbufs) be sent? When not, payload that cannot
	 * be sent in place is copied. */
	bool scattered_output;
};

struct tcp_config {
	uint32_t max_conns; /* size of the slab and the flow table */
	uint32_t
		max_half_open; /* SYN-RECEIVED at most; beyond it cookies or the oldest gives way */
	enum syn_cookies cookies;
	uint32_t max_time_wait; /* TIME-WAIT at most; beyond it the oldest gives way */
	/* Released connections that are not over, at most; beyond it the oldest in FIN-WAIT-2 gives
	 * way, else who is released is reset. */
	uint32_t max_orphans;
	uint32_t rcv_buf;        /* bytes of receive window at most, per connection */
	uint32_t snd_limit;      /* bytestream.tx_limit at most; it grows with cwnd */
	uint64_t time_wait_us;   /* 2 MSL */
	uint64_t keepalive_us;   /* idle time before probes; 0 = none */
	uint64_t zero_window_us; /* a peer that answers but takes nothing; 0 = for ever */
	enum congestion cc;
	bool ecn; /* marks and answers marks when the peer asks (RFC 3168) */
	/* The largest MSS that tcp_connect() announces, so that what comes in goes out again to a
	 * peer of any family in as many segments; 0: as the path allows. */
	uint16_t connect_mss;
	uint8_t secret[16]; /* key of ISNs (RFC 6528) and of timestamp offsets */
};

struct tcp_config tcp_config_default(void);

/* Allocates slab and tables; pool is borrowed, as are ops, owner, counters and wheel.
 * The wheel is the worker's; the user of the wheel calls tcp_timer() for TCP's timers.
 * Returns NULL when memory is short. */
struct tcp_ctx *tcp_create(const struct tcp_config *cfg, const struct tcp_ops *ops, void *owner,
			   struct wheel *wheel, struct rte_mempool *pool,
			   struct counters *counters);
void tcp_destroy(struct tcp_ctx *ctx);

/* The pass's clock, microseconds, monotonic. */
void tcp_set_now(struct tcp_ctx *ctx, uint64_t now_us);

/* From now on a connection holds at most so many bytes each way, if its configuration does not
 * say less. What a peer was promised before stays promised. At least TCP_LIMIT_MIN. */
#define TCP_LIMIT_MIN 4096u
void tcp_set_limit(struct tcp_ctx *ctx, uint64_t bytes);

/* Of `total` packet buffers `left` are free for this worker: sets the limit, and sheds load while
 * they are scarce (pressure.c). Call it once in a pass, before what arrived is taken. */
void tcp_set_memory(struct tcp_ctx *ctx, uint32_t left, uint32_t total);

/* For how long packet buffers have been scarce, milliseconds, at least 1; 0: they are not. */
uint32_t tcp_scarce_ms(const struct tcp_ctx *ctx);

/* Takes n packets whose data starts at the TCP header and ends with the IP payload; source
 * and destination are in pkt_priv. The checksum has been verified. Single-segment mbufs. */
void tcp_take_segments(struct tcp_ctx *ctx, struct rte_mbuf **pkts, unsigned n);

/* An ICMP error about a segment we sent (RFC 5927 checks are made here).
 * mtu: next-hop MTU of "fragmentation needed", 0 for other errors. */
void tcp_take_icmp_error(struct tcp_ctx *ctx, const struct tcp_tuple *t, uint32_t seq, bool hard,
			 uint16_t mtu);

/* No neighbour answers for this connection's next hop. */
void tcp_unreachable(struct tcp_ctx *ctx, const struct tcp_tuple *t);

/* Delivers pending notifications, one connection a call; false when there is none left. */
bool tcp_next_event(struct tcp_ctx *ctx);

/* The same for streams whose users are patient, and how many there are at most. */
bool tcp_next_patient_event(struct tcp_ctx *ctx);
uint32_t tcp_patient_events(const struct tcp_ctx *ctx);

/* Is a notification pending? Timers make some after the user's turn: a worker must not sleep
 * on them. */
bool tcp_has_events(const struct tcp_ctx *ctx);

/* The wheel fired a timer that lies in a tcp_conn. */
void tcp_timer(struct tcp_ctx *ctx, struct wheel_timer *t);

/* Sends everything that became due in this pass, as long as the way out is not busy. */
void tcp_flush(struct tcp_ctx *ctx);

/* Active open. local->port 0: TCP takes a free ephemeral port for which steer(owner, tuple)
 * is true (steer may be NULL). connect_timeout_us limits the handshake. Returns NULL when no
 * port or no memory is left. BS_CONNECTED or BS_CLOSED follows. */
struct bytestream *tcp_connect(struct tcp_ctx *ctx, const struct net_addr *remote,
			       const struct net_addr *local, uint64_t connect_timeout_us,
			       bool (*steer)(void *owner, const struct tcp_tuple *t));

/* From now on this stream that tcp_connect() made is asked for a sign of life as k says, not as
 * the configuration does. */
void tcp_stream_keepalive(struct bytestream *s, const struct tcp_keepalive *k);

/* Of a stream that TCP made; the cookie only of those it accepted. */
const struct tcp_tuple *tcp_stream_tuple(const struct bytestream *s);
uint64_t tcp_stream_cookie(const struct bytestream *s);

/* Is there a connection of this tuple, in any state? */
bool tcp_knows(const struct tcp_ctx *ctx, const struct tcp_tuple *t);

/* Connections in any state. */
uint32_t tcp_conns_in_use(const struct tcp_ctx *ctx);
/* Those that still have something to tell their peer, or to hear: neither in TIME-WAIT nor in
 * FIN-WAIT-2, where all was said and acknowledged. 0 means that a drain is complete. */
uint32_t tcp_conns_unfinished(const struct tcp_ctx *ctx);

/* 8 bytes for the IP layer to cache a forwarding decision in; zero at first. */
void *tcp_conn_path(struct tcp_conn *c);
