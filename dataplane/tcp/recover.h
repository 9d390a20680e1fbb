/* recover.h - acknowledgements and losses (RFC 5681, 6298, 6582, 6675, 6937, 8985). */
#pragma once
#include <tcp/ctx.h>
#include <tcp/segment.h>

#define TCP_DUP_THRESHOLD 3 /* RFC 5681, RFC 6675 */

/* The fast path's: ack > snd_una, nothing is held or lost. Frees what it covers, measures, grows
 * cwnd. opt: the segment's, for its timestamps. */
void tcp_recover_acked(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t ack,
		       const struct tcp_options *opt);

/* Any acceptable acknowledgement, with its SACK blocks, also a duplicate.
 * same_window: it does not change the peer's window. */
void tcp_recover_segment(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s,
			 bool same_window);

/* The retransmission deadline passed with something outstanding: by what it was for. */
void tcp_recover_timeout(struct tcp_ctx *ctx, struct tcp_conn *c);
void tcp_recover_probe(struct tcp_ctx *ctx, struct tcp_conn *c);
void tcp_recover_reorder(struct tcp_ctx *ctx, struct tcp_conn *c);
