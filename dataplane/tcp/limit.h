/* limit.h - how often we answer what we need not answer: challenge ACKs (RFC 5961), segments out
 * of the window, and segments of nobody. Without limits a flood would make us its reflector. */
#pragma once
#include <tcp/ctx.h>

/* May a challenge ACK of c go out (RFC 5961 section 7)? Bounded for the connection, and for all
 * together by a number that nobody outside knows: a fixed one can be counted down from outside
 * to learn what other connections do (CVE-2016-5696). */
bool tcp_limit_challenge(struct tcp_ctx *ctx, struct tcp_conn *c);

/* May an empty segment out of the window be answered? Two ends that disagree would answer each
 * other's for ever. */
bool tcp_limit_stray(struct tcp_ctx *ctx, struct tcp_conn *c);

/* May a segment of no connection be refused by RST? */
bool tcp_limit_reset(struct tcp_ctx *ctx);
