/* sack.h - what the peer says it holds (RFC 2018), and holds twice (RFC 2883). */
#pragma once
#include <tcp/flight.h>

/* Marks what o's blocks cover and notes in d what is new. una: snd_una before this segment.
 * Returns the bytes reported as received twice. */
uint32_t tcp_sack_take(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_options *o,
		       uint32_t una, struct tcp_delivered *d);

/* [start, end) arrived again: the next acknowledgement says so. */
void tcp_sack_duplicate(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t start, uint32_t end);

/* Blocks to report, a duplicate first. Returns how many. */
unsigned tcp_sack_report(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_sack_block *b,
			 unsigned max);
