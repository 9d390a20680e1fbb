/* overload.h - what HTTP gives up while packet buffers are scarce.
 *
 * TCP takes no new connections from the first moment (tcp/pressure.c); when that does not help,
 * connections without a request are closed, and then new requests are refused. After that it is
 * TCP's turn again. The whole order is in docs/operations.md. */
#pragma once
#include <proxy/proxy.h>

/* Once a pass while px->scarce_ms is not 0. */
void overload_turn(struct proxy *px);

/* Is a request that begins now to be refused? */
static inline bool overload_refuses(const struct proxy *px)
{
	return unlikely(px->scarce_ms > OVERLOAD_REFUSE_MS);
}
