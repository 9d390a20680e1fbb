/* rack.h - losses found by time (RFC 8985): what was sent clearly before something that has
 * arrived is lost; and a probe where nothing comes that could tell. */
#pragma once
#include <tcp/flight.h>

/* Notes what arrived, and whether it did out of order. */
void tcp_rack_arrived(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
		      const struct tcp_delivered *d, const struct tcp_options *opt);

/* Marks what is lost and counts it in d. Returns after how many ms more may be; 0: none. */
uint32_t tcp_rack_detect(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f,
			 struct tcp_delivered *d);

/* After a timeout: the first segment and all that is as old as it. */
void tcp_rack_timeout(struct tcp_ctx *ctx, struct tcp_conn *c, struct tcp_flight *f);

/* A repetition was needless: segments may be later than was thought. */
void tcp_rack_widen(struct tcp_conn *c, struct tcp_flight *f);

/* A recovery ended without such a finding. */
void tcp_rack_narrow(struct tcp_flight *f);

/* How long to wait for an acknowledgement before the tail is probed; 0: not to be probed. */
uint32_t tcp_rack_probe_ms(const struct tcp_conn *c, uint32_t rto_ms);
