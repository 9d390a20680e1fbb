/* mtu.h - the segment size that the path takes: what routers say of it (RFC 1191, 8201), and what
 * their silence says (RFC 4821). */
#pragma once
#include <tcp/ctx.h>

#define TCP_MTU_RAISE_MS 600000u /* RFC 8201 section 4: try a larger one after ten minutes */

/* A router knows the MTU of its next hop. Never below the minimum that every path has (RFC 5927
 * section 7.2). */
void tcp_mtu_told(struct tcp_ctx *ctx, struct tcp_conn *c, uint16_t mtu);

/* The retransmission timer is about to repeat the first segment: when that is a full one, and the
 * third try is due, something may swallow large packets without a word. */
void tcp_mtu_timeout(struct tcp_ctx *ctx, struct tcp_conn *c);

/* Something is to be sent and TCP_F_MTU_LOW is set: after a while larger segments are tried. */
void tcp_mtu_raise(struct tcp_ctx *ctx, struct tcp_conn *c);
