/* cookie.h - SYN cookies (RFC 4987 section 3.6): a handshake whose state is in the numbers that
 * the peer has to send back, for when there is no room to remember it.
 *
 * The sequence number carries the peer's MSS (rounded down to one of a few) and a keyed hash;
 * the window scale and SACK travel in the lowest bits of our timestamp, so that without
 * timestamps only the MSS survives. A cookie is good for one to two generations. */
#pragma once
#include <tcp/ctx.h>
#include <tcp/segment.h>

#define TCP_COOKIE_GENERATION_US 60000000ull

/* The sequence number of the answer to SYN s, and its options in *reply. */
uint32_t tcp_cookie_make(struct tcp_ctx *ctx, const struct tcp_segment *s,
			 struct tcp_options *reply);

/* Have cookies been sent that may still come back? */
bool tcp_cookie_expected(const struct tcp_ctx *ctx);

/* Does s, which belongs to no connection, acknowledge a cookie that answered a SYN of number irs?
 * Then *offered is what that SYN had offered, as far as a cookie can tell. */
bool tcp_cookie_check(const struct tcp_ctx *ctx, const struct tcp_segment *s, uint32_t irs,
		      struct tcp_options *offered);
