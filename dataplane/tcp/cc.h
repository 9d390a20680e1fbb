/* cc.h - congestion control: what decides cwnd and ssthresh, apart from finding losses.
 *
 * Recovery (recover.c) calls these; it owns what happens to cwnd between a loss and its repair
 * (PRR), except for controllers that model the path and so know better. */
#pragma once
#include <tcp/flight.h>

#define TCP_CWND_MAX (1u << 30)

struct tcp_cc {
	/* Sets cwnd itself at every acknowledgement, whatever the state of recovery, and
	 * flight->pace_rate with it. */
	bool model;
	/* f is new and zero. */
	void (*start)(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f);
	/* d->bytes arrived. Without model: and cwnd was what held the sender back. */
	void (*acked)(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		      const struct tcp_delivered *d);
	/* A loss was found or a mark was seen: sets ssthresh; cwnd is the caller's. */
	void (*reduce)(struct tcp_conn *c, struct tcp_flight *f);
	/* That was needless; cwnd and ssthresh are back already. */
	void (*undo)(struct tcp_conn *c, struct tcp_flight *f);
	/* What was known of the path is stale after a pause; cwnd was cut. */
	void (*restart)(struct tcp_conn *c, struct tcp_flight *f);
};

extern const struct tcp_cc tcp_cc_cubic, tcp_cc_reno, tcp_cc_bbr;
extern const struct tcp_cc *const tcp_ccs[CONGESTIONS];

static inline const struct tcp_cc *tcp_cc_of(const struct tcp_conn *c)
{
	return tcp_ccs[c->cc];
}

/* The handshake is over. */
void tcp_cc_open(struct tcp_ctx *ctx, struct tcp_conn *c);

/* Sets flight->pace_rate by cwnd and the round-trip time, or stops pacing where a window is too
 * small or a round trip too short to need it. */
void tcp_cc_pace(struct tcp_conn *c, struct tcp_flight *f);

/* The window that a reduction is a share of: all of it where it was what held the sender back.
 * What is under way may be less at the moment: of several acknowledgements in a burst the first
 * have made room that nothing has filled yet. */
static inline uint32_t tcp_cc_used(const struct tcp_conn *c)
{
	uint32_t sent = c->snd_nxt - c->snd_una;

	return (c->flags & TCP_F_CWND_FULL) || sent > c->cwnd ? c->cwnd : sent;
}

/* RFC 6928: min(10 MSS, max(2 MSS, 14600)). */
static inline uint32_t tcp_cc_initial_window(uint16_t mss)
{
	uint32_t floor = 2u * mss > 14600 ? 2u * mss : 14600;

	return 10u * mss < floor ? 10u * mss : floor;
}
