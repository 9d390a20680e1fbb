/* receive.h - the receiving half: bytes to the user, window and acknowledgement policy. */
#pragma once
#include <tcp/ctx.h>
#include <tcp/segment.h>

/* Takes the payload of an acceptable segment: what is in order goes to the user, the rest
 * waits in reasm. Sees to the acknowledgement. */
void tcp_receive_data(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s);

/* The fast path's half of that: s is exactly the next data and nothing waits in reasm. */
void tcp_receive_next(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s);

/* [start, end) arrived that was there: the peer is told so (RFC 2883). */
void tcp_receive_again(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t start, uint32_t end);

/* Notes a FIN that the segment carries. Returns true when every byte before the peer's FIN
 * has arrived and it has just been taken. */
bool tcp_receive_fin(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s);

/* Of an acceptable segment between two ends that speak of congestion (RFC 3168). */
void tcp_receive_marks(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s);

/* The user took n bytes. */
void tcp_receive_consumed(struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t n);

/* The window to offer now, as the header's field; moves rcv_edge. scaled: not in a SYN. */
uint16_t tcp_receive_window(struct tcp_ctx *ctx, struct tcp_conn *c, bool scaled);
