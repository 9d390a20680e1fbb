/* state.h - the slow path: RFC 9293 section 3.10.7, one function per state. */
#pragma once
#include <tcp/ctx.h>
#include <tcp/segment.h>

/* What a segment means, by state and by its SYN, FIN, RST and ACK bits. */
enum tcp_action {
	TCP_ACT_DROP,      /* no legal combination; counted */
	TCP_ACT_SEGMENT,   /* to the state's function */
	TCP_ACT_RESET,     /* RST of a synchronized connection (RFC 5961 section 3) */
	TCP_ACT_CHALLENGE, /* SYN in one (RFC 5961 section 4) */
	TCP_ACT_SYN_AGAIN, /* in SYN-RECEIVED */
	TCP_ACT_REOPEN,    /* in TIME-WAIT (RFC 6191) */
	TCP_ACT_IGNORE,    /* RST in TIME-WAIT (RFC 1337) */
};

enum tcp_action tcp_state_action(enum tcp_state state, uint8_t flags);

/* Handles one segment of c; s->opt is filled in here. */
void tcp_state_segment(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_segment *s);

/* The window of a SYN: never scaled. */
uint16_t tcp_state_first_window(const struct tcp_ctx *ctx);

/* Takes over what the peer's SYN says: numbers, window, options. */
void tcp_state_peer_syn(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s);

/* The user's last byte is in the queue: the FIN follows it. */
void tcp_state_shutdown(struct tcp_ctx *ctx, struct tcp_conn *c);
