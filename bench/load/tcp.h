/* tcp.h - a lean TCP (RFC 9293) for one core and one kind of user: a client or a backend.
 *
 * There are no send buffers: what is sent can be made again from its place in the stream, and
 * the user is asked for it once more when it was lost (go-back-N). There are no receive buffers
 * either: a segment that is not the next one is dropped and asked for by a duplicate ACK. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "conn.h"
#include "fifo.h"
#include "flows.h"
#include "wire.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

enum tcp_end {
	TCP_END_CLOSED,  /* both sides have sent their FIN */
	TCP_END_RESET,   /* by the peer, or by tcp_abort() */
	TCP_END_REFUSED, /* a reset in answer to our SYN */
	TCP_END_TIMEOUT, /* the peer does not acknowledge */
};

struct tcp_ops {
	void (*opened)(void *user, uint32_t conn);
	/* n bytes of the stream; borrowed for the call. */
	void (*data)(void *user, uint32_t conn, const uint8_t *p, uint32_t n);
	/* snd_una has advanced: moves msg_seq. */
	void (*acked)(void *user, struct conn *c);
	/* Writes n bytes of what was sent from sequence number seq on; returns their checksum,
	 * dst counting as an even offset. May write up to 16 bytes more. */
	uint64_t (*fill)(void *user, const struct conn *c, uint8_t *dst, uint32_t seq, uint32_t n);
	/* The peer sends no more. */
	void (*peer_closed)(void *user, uint32_t conn);
	/* The connection is gone; its state is still the last it had. False: the record is kept
	 * until tcp_release(). */
	bool (*ended)(void *user, uint32_t conn, enum tcp_end how);
};

struct tcp_stats {
	uint64_t bytes_in, bytes_out; /* payload */
	uint64_t retransmits;         /* segments sent again */
	uint64_t accepted, refused;   /* by a backend; refused: no record was free */
	uint64_t out_of_order;
};

/* Where our connections are: chosen by arithmetic (client) or by the peers (backend). */
struct tcp_place {
	bool client;
	uint32_t local;   /* our first address, host order */
	uint32_t n_local; /* consecutive */
	uint32_t remote;  /* the client's target, network order */
	uint16_t port;    /* of the target, or our own as a backend; network order */
	struct port_plan plan;
};

struct tcp {
	const struct tcp_ops *ops;
	void *user;
	struct wire *wire;
	const struct clock *clock;
	struct conn *conns;
	uint32_t n_conns;
	struct tcp_place place;
	struct fifo dirty, lazy, timers;
	uint16_t mss, window;
	uint8_t wscale;
	bool timestamps;
	uint32_t n_open; /* OPEN or HALF */
	struct tcp_stats stats;
	/* A backend's. */
	struct flow_table flows;
	uint32_t *free;
	uint32_t n_free;
};

struct tcp_config {
	uint32_t mtu, window; /* bytes */
	bool timestamps;
	uint32_t n_conns;
};

/* False when there is no memory. The place is set beforehand. */
bool tcp_init(struct tcp *t, const struct tcp_config *cfg, const struct tcp_ops *ops, void *user,
	      struct wire *wire, const struct clock *clock);

/* ---- input: a burst is looked up in stages, so that each can prefetch for the next ---- */

/* What the segment's connection is found by; also starts fetching it. */
uint32_t tcp_lookup_begin(struct tcp *t, const struct segment *s);
/* Starts fetching the record itself, where the stage before could not. */
static inline void tcp_lookup_fetch(const struct tcp *t, uint32_t key);
/* The record, or FLOWS_NONE. */
uint32_t tcp_lookup_end(struct tcp *t, const struct segment *s, uint32_t key);
void tcp_input(struct tcp *t, uint32_t conn, const struct segment *s);
/* A segment that belongs to no connection: a SYN to accept, or something to refuse. */
void tcp_input_stray(struct tcp *t, const struct segment *s);

/* ---- what the user does ---- */

void tcp_connect(struct tcp *t, uint32_t conn);
/* n more bytes are to be sent. */
static inline void tcp_send(struct tcp *t, struct conn *c, uint32_t n);
/* Sends a FIN after what is to be sent. */
void tcp_close(struct tcp *t, struct conn *c);
/* Sends a RST; the connection ends. */
void tcp_abort(struct tcp *t, uint32_t conn);
void tcp_release(struct tcp *t, uint32_t conn);
/* A SYN that belongs to no record; false when there is no buffer. Ports in network order. */
bool tcp_send_bare_syn(struct tcp *t, uint32_t src, uint16_t sport, uint32_t seq);

/* ---- the rest of a pass ---- */

void tcp_timers(struct tcp *t);
void tcp_output(struct tcp *t);

/* ---- inside ---- */

static inline uint32_t tcp_index(const struct tcp *t, const struct conn *c)
{
	return (uint32_t)(c - t->conns);
}

#define TCP_TIMER_STEP_US 100000 /* how often one with bytes in flight is looked at */

static inline void tcp_arm(struct tcp *t, struct conn *c)
{
	if (c->flags & CONN_TIMED)
		return;
	c->flags |= CONN_TIMED;
	fifo_push(&t->timers, tcp_index(t, c), t->clock->us + TCP_TIMER_STEP_US);
}

static inline void tcp_lookup_fetch(const struct tcp *t, uint32_t key)
{
	if (!t->place.client)
		__builtin_prefetch(&t->conns[flow_guess(&t->flows, key)], 1);
}

static inline void tcp_touch(struct tcp *t, struct conn *c)
{
	if (c->flags & CONN_QUEUED)
		return;
	c->flags |= CONN_QUEUED;
	fifo_push(&t->dirty, tcp_index(t, c), 0);
}

static inline void tcp_send(struct tcp *t, struct conn *c, uint32_t n)
{
	c->snd_end += n;
	tcp_touch(t, c);
}

static inline bool tcp_is_open(const struct conn *c)
{
	return c->state == CONN_OPEN || c->state == CONN_HALF;
}

/* The connection is over; its user is told. */
void tcp_end(struct tcp *t, struct conn *c, enum tcp_end how);
/* False when there is no buffer or no room. */
bool tcp_send_ack(struct tcp *t, struct conn *c);
bool tcp_send_syn(struct tcp *t, struct conn *c);
void tcp_send_reset(struct tcp *t, const struct segment *s);
void tcp_go_back(struct tcp *t, struct conn *c, uint8_t cwnd);
