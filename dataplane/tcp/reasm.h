/* reasm.h - segments that arrived before their turn (RFC 9293 section 3.10.7.4). */
#pragma once
#include <tcp/ctx.h>
#include <tcp/options.h>

/* Takes m, whose data is the payload starting at seq, into the queue. Bytes that are there
 * already stay: the first that arrived win. Returns false when nothing of it was new or there
 * was no room; m is gone either way. */
bool tcp_reasm_take(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq);

/* The next mbuf whose data starts at rcv_nxt, trimmed to that; NULL when there is a hole. */
struct rte_mbuf *tcp_reasm_pop(struct tcp_conn *c);

/* Blocks to report, the one that grew last first (RFC 2018 section 4). Returns how many. */
unsigned tcp_reasm_blocks(const struct tcp_conn *c, struct tcp_sack_block *b, unsigned max);

/* Are all bytes of [start, end) there? */
bool tcp_reasm_holds(const struct tcp_conn *c, uint32_t start, uint32_t end);

void tcp_reasm_free(struct tcp_conn *c);
