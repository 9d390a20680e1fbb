/* fly.h - flights of segments of 1000 bytes, named by their index, and a peer that reports what it
 * has of them. */
#pragma once
#include "rig.h"

#define FLY_RTT_US 20000u

/* Opens with options, writes n segments of 1000 bytes and sends what the window allows. */
static inline void fly(struct rig *r, unsigned options, unsigned n)
{
	r->peer_options = options;
	r->peer_mss = 1000 + (options & PEER_TS ? 12 : 0);
	rig_establish(r);
	/* The handshake took no time: a tail would be probed at once. */
	if (options & PEER_SACK)
		rig_conn(r)->srtt_us = FLY_RTT_US;
	rig_write(r, n * 1000, 1000);
	rig_pass(r, 0);
}

static inline void expect_data(struct rig *r, unsigned index)
{
	struct out *o = rig_sent(r);

	assert_int_equal(o->seq, r->iss + 1 + index * 1000);
	assert_int_equal(o->len, 1000);
}

static inline void sack(struct rig *r, unsigned ack, unsigned n, const unsigned *b)
{
	struct tcp_options o = {.n_sack = (uint8_t)n};
	struct in in = {.flags = TCP_ACK, .has_ack = true, .ack = r->iss + 1 + ack * 1000};

	for (size_t i = 0; i < n; i++)
		o.sack[i] = (struct tcp_sack_block){r->iss + 1 + b[2 * i] * 1000,
						    r->iss + 1 + b[2 * i + 1] * 1000};
	in.opt_len = tcp_options_write(in.opt, &o);
	peer(r, in);
}

#define SACK(r, ack, n, ...) sack(r, ack, n, (const unsigned[]){__VA_ARGS__})
#define DUP(r, n)            PEER(r, .flags = TCP_ACK, ACKNO((r)->iss + 1 + (n)*1000))

/* Timestamps of what is held and of what fills the hole. */
static inline void sack_ts(struct rig *r, unsigned ack, unsigned from, unsigned to, uint32_t ecr)
{
	struct tcp_options o = {.n_sack = from < to ? 1 : 0, .present = TCP_OPT_TS};
	struct in in = {.flags = TCP_ACK, .no_ts = true, .has_ack = true};

	in.ack = r->iss + 1 + ack * 1000;
	o.sack[0] = (struct tcp_sack_block){r->iss + 1 + from * 1000, r->iss + 1 + to * 1000};
	o.ts_val = r->peer_ts + (uint32_t)(r->now_us / 1000);
	o.ts_ecr = ecr;
	in.opt_len = tcp_options_write(in.opt, &o);
	peer(r, in);
}
