/* rig.h - a TCP with a hand-driven peer: segments are made by hand, what comes back is kept in
 * a list to be looked at, time is an argument. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/wheel.h>
#include <tcp/ctx.h>
#include <tcp/options.h>
#include <tcp/segment.h>
#include <tcp/state.h>

#define PEER_ISS  1000u
#define PEER_PORT 5000
#define OUR_PORT  80
#define OUT_MAX   256
#define MS        1000ull
#define SEC       1000000ull

struct out { /* a segment the TCP sent */
	uint32_t seq, ack;
	uint16_t wnd, src_port, dst_port;
	uint8_t flags;
	bool ect; /* its IP header is to say so */
	unsigned len;
	unsigned segs; /* mbufs it was made of */
	bool conn;     /* sent on behalf of a connection */
	struct tcp_options opt;
	uint8_t data[4096];
};

struct in { /* a segment for it; what is 0 takes the value the peer would send */
	uint8_t flags;
	uint32_t seq, ack;
	bool has_seq, has_ack, has_wnd;
	uint16_t wnd;
	const char *data;
	unsigned len; /* of data; with data NULL: so many letters x */
	uint8_t opt[TCP_OPTIONS_MAX];
	unsigned opt_len;
	bool no_ts;
	uint8_t ecn; /* of its IP header */
	bool has_tsval;
	uint32_t tsval;
	uint16_t port; /* 0: PEER_PORT */
	uint16_t to;   /* 0: OUR_PORT */
};

#define SEQ(x)   .has_seq = true, .seq = (x)
#define ACKNO(x) .has_ack = true, .ack = (x)
#define WND(x)   .has_wnd = true, .wnd = (x)
#define TSVAL(x) .has_tsval = true, .tsval = (x)

enum peer_options { /* what the peer's SYN offers */
		    PEER_PLAIN = 0,
		    PEER_TS = 1,
		    PEER_SACK = 2,
		    PEER_WSCALE = 4, /* 7 */
};

struct rig {
	struct tcp_ctx *tcp;
	struct tcp_ops ops;
	struct tcp_config cfg;
	struct wheel wheel;
	struct counters counters;
	uint64_t now_us;
	struct out out[OUT_MAX];
	unsigned n_out, next_out;
	struct bytestream *s; /* the last accepted or connected */
	uint32_t events;
	unsigned n_accepted, n_notified;
	bool refuse;      /* admit() says no */
	bool batch;       /* peer() only queues; rig_pass() delivers */
	bool keep_silent; /* the device holds what it is given */
	struct rte_mbuf *queued[64], *held[256];
	unsigned n_queued, n_held;
	uint16_t mtu;
	uint64_t connect_timeout_us;
	struct ip_addr our_ip, peer_ip;
	/* The peer's side of the connection in the making. */
	unsigned peer_options;
	uint16_t peer_mss, peer_wnd;
	uint32_t peer_seq; /* its SND.NXT */
	uint32_t peer_ack; /* its RCV.NXT */
	uint32_t peer_ts, our_ts;
	bool ts_on;
	uint32_t iss; /* ours */
	void (*on_notify)(struct rig *r, uint32_t events);
	void (*on_accept)(struct rig *r);
};

int rig_group_setup(void **state); /* EAL and pool, once */
int rig_group_teardown(void **state);
int rig_setup(void **state);    /* a fresh rig in *state */
int rig_teardown(void **state); /* checks that no mbuf leaked */

/* Replaces the TCP by one made from r->cfg and r->ops. */
void rig_restart(struct rig *r);

/* The peer says something; the pass is run (except in batch mode). */
void peer(struct rig *r, struct in in);
#define PEER(r, ...) peer((r), (struct in){__VA_ARGS__})

/* A pass `us` later: segments, events, timers, output. */
void rig_pass(struct rig *r, uint64_t us);

/* As many passes of 1 ms. */
void rig_wait_ms(struct rig *r, unsigned ms);

/* The next segment that was sent; fails when there is none. */
struct out *rig_sent(struct rig *r);
/* The same, or NULL. */
struct out *rig_try(struct rig *r);
/* Nothing (more) was sent. */
void rig_silent(struct rig *r);
/* Forgets what was sent. */
void rig_forget(struct rig *r);

/* A sent segment is exactly this. */
void expect(struct rig *r, uint8_t flags, uint32_t seq, uint32_t ack, unsigned len);
/* ... a pure ACK of what the peer has sent. */
void expect_ack(struct rig *r);
void expect_rst(struct rig *r, uint32_t seq);

void rig_listen_syn(struct rig *r); /* SYN-RECEIVED, its SYN+ACK checked and taken */
void rig_establish(struct rig *r);  /* passively, with r->peer_options */
void rig_connect(struct rig *r);    /* SYN-SENT, its SYN taken */
void rig_establish_actively(struct rig *r);
/* Any state of a synchronized connection. */
void rig_in_state(struct rig *r, enum tcp_state state);

struct tcp_conn *rig_conn(struct rig *r);
enum tcp_state rig_state(struct rig *r);

/* Writes n letters, in pieces of `piece`. */
void rig_write(struct rig *r, unsigned n, unsigned piece);
/* Bytes in rx, taken and consumed. */
unsigned rig_read(struct rig *r, char *buf, unsigned max);

uint64_t rig_count(const struct rig *r, enum counter_id id);
