/* output.h - segments to the peer. */
#pragma once
#include <tcp/ctx.h>
#include <tcp/segment.h>

/* Sends what c owes and may send: retransmissions, new data, FIN, acknowledgement. */
void tcp_output_conn(struct tcp_ctx *ctx, struct tcp_conn *c);

/* An acknowledgement at once, for the cases where each segment deserves its own. */
void tcp_output_ack(struct tcp_ctx *ctx, struct tcp_conn *c);

/* RST of a connection that ends. */
void tcp_output_reset(struct tcp_ctx *ctx, struct tcp_conn *c);

/* RST in answer to a segment that belongs to nothing (RFC 9293 section 3.10.7.1), if the limit on
 * those allows. */
void tcp_output_refuse(struct tcp_ctx *ctx, const struct tcp_segment *s);

/* A segment without data of no connection: what listen.c and the like say without remembering. */
struct tcp_bare {
	const struct tcp_tuple *tuple;
	uint32_t seq, ack;
	uint16_t wnd;
	uint8_t flags;
	struct tcp_options opt;
};
void tcp_output_bare(struct tcp_ctx *ctx, const struct tcp_bare *b);
