/* downstream.h - what is known of a client connection beyond its TCP stream: whose it is by the
 * PROXY protocol's header, and which upstream connections were announced as its own.
 *
 * Where the listener says so, a connection waits here until its header has come and only then is
 * one that anybody serves. Most connections never have such a record. */
#pragma once
#include <proxy/proxy.h>
#include <tcp/tcp.h>

struct downstream {
	struct wheel_timer timer; /* while the header is awaited */
	struct proxy *px;
	struct bytestream *bs;          /* likewise; NULL afterwards */
	struct downstream *next, *prev; /* of those that wait */
	struct conn_count *count;       /* where it is counted while it waits */
	struct tcp_tuple tuple;         /* whose it is: as announced, or as TCP knows it */
	bool announced;                 /* TCP's remote is a proxy's address */
	struct upstream_conn *kept;     /* struct upstream_client's kept */
};

/* Waits for the header of a new connection; then proxy_serve(). */
void downstream_accept(struct proxy *px, struct bytestream *bs);
/* The time for the header is over. */
void downstream_timer(struct proxy *px, struct wheel_timer *t);
/* Closes those that wait. */
void downstream_drain(struct proxy *px);

/* A record for a connection that had no header. NULL when there is no room. */
struct downstream *downstream_get(struct proxy *px, const struct tcp_tuple *t);
/* The client is gone: closes the upstream connections that are of no use to others. */
void downstream_put(struct downstream *d);
