/* admission.h - how many client connections there may be: over all, and at a listener.
 *
 * Counted exactly over all workers, from the handshake to the connection's end, as a tunnel, too.
 */
#pragma once
#include <proxy/proxy.h>

/* A connection has come to this listener. False (counted): it is one too many; else it is counted
 * until admission_leave(), of which *count is a part. */
bool admission_enter(struct proxy *px, uint32_t listener_id, uint32_t listener_gen,
		     struct conn_count **count);
void admission_leave(struct proxy *px, struct conn_count **count);

/* The same connection is somebody else's from now on, who leaves when it ends; the first owner's
 * admission_leave() then changes nothing in sum. */
void admission_pass_on(struct proxy *px, struct conn_count **from, struct conn_count **to);

/* A new snapshot: connections that are open already count where a limit has come. They stay,
 * however many there are; tunnels are not counted then. */
void admission_adopt(struct proxy *px);
