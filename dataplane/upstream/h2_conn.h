/* h2_conn.h - HTTP/2 connections to endpoints and the streams they carry; private to this folder.
 *
 * A connection is in its endpoint's pool while it has no streams, among the roomy ones while it
 * could carry another, and otherwise known by its streams alone. It is written to once a pass
 * (upstream_settle()), so that what many streams say leaves in common segments; nothing is freed
 * while nghttp2 is at work. */
#pragma once
#include <http/h2.h>
#include <upstream/conn.h>

struct endpoint_pool;

/* A request's place on a connection. */
struct h2_request {
	struct upstream_conn uc; /* first: what its user holds */
	struct h2_stream stream;
	struct h2_conn *conn;
	struct h2_request *next, *prev; /* of the connection */
	struct h2_request *next_ready;
	bool ready;   /* the user is to be told something */
	bool blocked; /* the user waits for room */
	bool lost;
	uint8_t why; /* enum upstream_failure, when lost */
};

struct h2_requests {
	struct h2_request *first, *last;
};

struct h2_conn {
	struct h2_session session;
	struct upstream_conn *uc;
	struct h2_requests waiting; /* for the connection to be opened */
	struct h2_requests active;
	struct h2_request *ready;
	uint32_t n;           /* waiting and active */
	uint32_t max_streams; /* of the cluster */
	uint64_t idle_at_us;  /* closed then; UINT64_MAX: never */
	uint64_t ping_at_us;  /* asked then, or given up; UINT64_MAX: never */
	uint64_t ping_interval_us, ping_timeout_us;
	bool pinged, due, roomy;
	bool gone; /* nothing can be said or heard any more */
	struct h2_conn *next_due;
	struct h2_conn *next_roomy, *prev_roomy;
	struct h2_conn *next, *prev; /* of all */
};

/* ---- h2_conn.c ---- */

void h2_conns_init(struct upstream *u, uint32_t max_conns);
void h2_conns_fini(struct upstream *u);
/* As upstream_acquire(). */
struct upstream_conn *h2_acquire(struct upstream *u, const struct cluster *c,
				 const struct endpoint *e, bool fresh, void *user,
				 struct upstream_claim *cl, bool *reused,
				 enum upstream_failure *why);
/* The pool's endpoint may have changed. */
void h2_conns_adopt(struct endpoint_pool *p);
void h2_conns_settle(struct upstream *u);
void h2_conn_timer(struct upstream_conn *uc);
/* For upstream_discard(). There are no streams any more. */
void h2_conn_close(struct upstream_conn *uc, bool abort);
/* To be seen to at the end of the pass. */
void h2_conn_touch(struct h2_conn *c);
/* Takes the request off its connection, which may be free for others then. */
void h2_conn_detach(struct h2_request *r);

/* ---- h2_client.c ---- */

extern const struct exchange_ops h2_client_ops;
extern const struct h2_events h2_client_events;
/* The connection is open: the request may be written, or its time has not come (http2MaxRequests).
 */
void h2_client_begin(struct h2_request *r);
/* The request is over, and its user told so. */
void h2_client_fail(struct h2_request *r, enum upstream_failure why);
/* The request is lost; its user is told by h2_client_run(). */
void h2_client_lose(struct h2_request *r, enum upstream_failure why);
/* Tells users what there is to tell. */
void h2_client_run(struct h2_conn *c);
/* The user is done: for upstream_put(). */
void h2_client_leave(struct upstream_conn *uc);
/* Gives back the memory, unless somebody still looks at it. */
void h2_client_free(struct h2_request *r);
