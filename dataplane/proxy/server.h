/* server.h - the HTTP/1.1 codec towards clients: one connection, one request at a time.
 *
 * Reads requests strictly, keeps pipelined ones waiting in the receive queue, writes
 * responses, closes as RFC 9112 9.6 says. */
#pragma once
#include <proxy/proxy.h>

struct stream;
struct downstream;

/* A connection begins. Takes d, which says whose it is; NULL: TCP's tuple does. False: there was no
 * room, and it is gone. */
bool server_accept(struct proxy *px, struct bytestream *bs, struct downstream *d);
void server_timer(struct proxy *px, struct wheel_timer *t);
size_t server_size(void); /* of a connection object, for the slab */

/* The end has a request in progress from here on. */
void server_attach(struct exchange_end *e, struct stream *s);

/* The stream of this end is over and accounted: the connection goes on to its next request or
 * closes. whole: the response was sent completely. */
void server_stream_done(struct exchange_end *e, bool whole);

/* Gives the client's stream to a tunnel, which is counted in its place (admission.h); the
 * connection object is gone. Bytes behind the request head are still in the stream's rx. */
struct bytestream *server_detach(struct exchange_end *e, struct conn_count **count);

/* Lets l->count count the connections that came to l and are not counted; returns how many. */
uint32_t server_count_at(struct proxy *px, const struct listener *l);

/* Looks at the next `look` connections and closes those that wait for a request, and those whose
 * request has begun and does not go on; at most max. Returns how many. */
uint32_t server_shed_idle(struct proxy *px, uint32_t look, uint32_t max);

/* Where idle upstream connections wait that were announced as this client's (upstream.h); NULL when
 * there is no room. */
struct upstream_conn **server_kept(struct exchange_end *e);

/* Closes idle connections, and busy ones after their request. */
void server_drain(struct proxy *px);
