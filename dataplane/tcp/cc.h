/* cc.h - congestion control: what decides cwnd and ssthresh, apart from finding losses. */
#pragma once
#include <tcp/ctx.h>

#define TCP_CWND_MAX (1u << 30)

struct tcp_cc {
	const char *name;
	void (*init)(struct tcp_conn *c);
	/* acked more bytes were acknowledged and cwnd was what held the sender back. */
	void (*grow)(const struct tcp_ctx *ctx, struct tcp_conn *c, uint32_t acked);
	/* A loss was found: sets ssthresh; cwnd is the caller's. */
	void (*reduce)(struct tcp_conn *c);
};

extern const struct tcp_cc tcp_cc_cubic;

/* RFC 6928: min(10 MSS, max(2 MSS, 14600)). */
static inline uint32_t tcp_cc_initial_window(uint16_t mss)
{
	uint32_t floor = 2u * mss > 14600 ? 2u * mss : 14600;

	return 10u * mss < floor ? 10u * mss : floor;
}
