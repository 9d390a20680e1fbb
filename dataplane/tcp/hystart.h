/* hystart.h - HyStart++ (RFC 9406): slow start that ends before a loss, where delay grows. */
#pragma once
#include <tcp/flight.h>

/* A flight begins at snd_una. */
void tcp_hystart_begin(const struct tcp_conn *c, struct tcp_hystart *h);

/* d->bytes arrived while cwnd < ssthresh: cwnd grows; ssthresh comes down to it when the queue has
 * built up for long enough. */
void tcp_hystart_acked(struct tcp_conn *c, struct tcp_hystart *h, const struct tcp_delivered *d);
