/* episode.h - from the finding of a loss, or of a mark, to its repair: how cwnd comes down, and
 * back when the finding was wrong. Called by recover.c alone. */
#pragma once
#include <tcp/flight.h>
#include <tcp/segment.h>

/* Something is lost: fast recovery begins. */
void tcp_episode_enter(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		       const struct tcp_delivered *d);

/* One report of arrivals: the end of an episode, or the proof that it was needless. twice: bytes
 * reported as received twice. */
void tcp_episode_follow(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
			struct tcp_delivered *d, const struct tcp_options *opt, bool advances,
			uint32_t twice);

/* Without SACK: are the duplicates enough? Then d->lost says so. */
void tcp_episode_duplicates(struct tcp_conn *c, struct tcp_delivered *d);

/* Proportional rate reduction (RFC 6937, with the bound of RFC 9937). */
void tcp_episode_window(struct tcp_conn *c, struct tcp_flight *f, const struct tcp_delivered *d,
			bool advances);

/* A tail loss probe is under way: does this settle it? (RFC 8985 section 7.4.2) */
void tcp_episode_probe_answered(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
				bool progress, uint32_t twice);

/* Congestion marks that the peer reports (RFC 3168 section 6.1.2). */
void tcp_episode_marks(struct tcp_ctx *ctx, struct tcp_conn *c, const struct tcp_segment *s);

/* The retransmission timer fired. */
void tcp_episode_timeout(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f);
