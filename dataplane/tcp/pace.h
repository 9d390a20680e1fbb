/* pace.h - when a segment may go: cwnd says how much may be under way, this how fast it gets
 * there.
 *
 * The wheel's tick is 1 ms, so what goes out together is what the rate allows in one: segments
 * leave up to PACE_AHEAD_NS before their time, or two where the rate allows fewer: a peer that
 * acknowledges every second one would let its timer decide. */
#pragma once
#include <tcp/flight.h>

#define PACE_AHEAD_NS  1000000u
#define PACE_CREDIT_NS 1000000u /* what a late tick may make up for */
/* Segments that may go at once after a pause. A window of fewer is not paced. */
#define PACE_BURST 64u

/* Must the next segment wait? Then the deadline is set that wakes c again. */
bool tcp_pace_waits(struct tcp_ctx *ctx, struct tcp_conn *c);

/* p was sent, for the first time or again, in a flight: the rates are kept by it. */
void tcp_pace_sent(struct tcp_ctx *ctx, struct tcp_conn *c, struct pkt_priv *p);

/* Nothing more waits to be sent though more could be: rates measured now are the user's. */
void tcp_pace_starved(struct tcp_conn *c);
