/* reasm.h - segments that arrived before their turn (RFC 9293 section 3.10.7.4). */
#pragma once
#include <tcp/ctx.h>
#include <tcp/options.h>

enum tcp_reasm {
	TCP_REASM_NOTHING, /* nothing was new, or there was no room */
	TCP_REASM_MORE,    /* of the block that grew last, or what is next */
	TCP_REASM_OTHER,   /* another block has begun or grown */
};

/* Takes m, whose data is the payload starting at seq, into the queue. Bytes that are there
 * already stay: the first that arrived win. m is gone in any case. */
enum tcp_reasm tcp_reasm_take(struct tcp_ctx *ctx, struct tcp_conn *c, struct rte_mbuf *m,
			      uint32_t seq);

/* The next mbuf whose data starts at rcv_nxt, trimmed to that; NULL when there is a hole. */
struct rte_mbuf *tcp_reasm_pop(struct tcp_conn *c);

/* Blocks to report, the one that grew last first (RFC 2018 section 4), and each again until so many
 * others have grown, since acknowledgements get lost, too. Returns how many. */
unsigned tcp_reasm_blocks(const struct tcp_conn *c, struct tcp_sack_block *b, unsigned max);

/* Are all bytes of [start, end) there? */
bool tcp_reasm_holds(const struct tcp_conn *c, uint32_t start, uint32_t end);

void tcp_reasm_free(struct tcp_conn *c);
