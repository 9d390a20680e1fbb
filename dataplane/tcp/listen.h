/* listen.h - segments for a tuple that has no connection: the LISTEN and CLOSED states. */
#pragma once
#include <tcp/ctx.h>
#include <tcp/segment.h>

/* A SYN may become a connection in SYN-RECEIVED; most other things are answered by RST. */
void tcp_listen_segment(struct tcp_ctx *ctx, struct tcp_segment *s);
