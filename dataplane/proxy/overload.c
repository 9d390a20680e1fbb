/* overload.c - owns the pace at which idle connections are closed. */
#include <proxy/overload.h>

#include <proxy/server.h>

/* Ends cost packets, too: not all of a million at once. */
#define EVERY_US 10000u
#define CLOSED   128u  /* each time, at most */
#define LOOKED   8192u /* connections looked at each time, in turn */

void overload_turn(struct proxy *px)
{
	if (px->scarce_ms <= OVERLOAD_IDLE_MS || px->now_us < px->shed_at_us)
		return;
	px->shed_at_us = px->now_us + EVERY_US;
	counter_add(px->env.counters, CTR_HTTP_SHED_CONNS, server_shed_idle(px, LOOKED, CLOSED));
}
