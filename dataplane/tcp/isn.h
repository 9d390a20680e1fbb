/* isn.h - numbers that a stranger must not guess: initial sequence numbers (RFC 6528),
 * timestamp offsets (RFC 7323 section 5.4) and ephemeral ports (RFC 6056). */
#pragma once
#include <tcp/ctx.h>

/* Derives the keys from cfg->secret. */
void tcp_isn_init(struct tcp_ctx *ctx);

/* Grows by one every 4 us for a given tuple, so that a connection never meets its
 * predecessor's segments. */
uint32_t tcp_isn(const struct tcp_ctx *ctx, const struct tcp_tuple *t);

/* Constant for a tuple: its timestamps go on growing from one connection to the next, which
 * is what lets a peer in TIME-WAIT accept us (RFC 6191). */
uint32_t tcp_isn_ts_offset(const struct tcp_ctx *ctx, const struct tcp_tuple *t);

/* Finds a free local port for t->local.ip -> t->remote (RFC 6056 algorithm 4) that steer
 * (may be NULL) agrees to and stores it in t. False when all are taken. */
bool tcp_isn_pick_port(struct tcp_ctx *ctx, struct tcp_tuple *t,
		       bool (*steer)(void *owner, const struct tcp_tuple *t));
