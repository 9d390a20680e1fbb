/* limit.h - requests and connections of clusters that have limits; private to this folder.
 *
 * Requests that find no connection wait in their worker's queue. A connection that is given
 * up, or left idle while somebody waits, goes to whoever waits longest over all workers: the
 * right to open one is passed to that worker's seat, which is then posted to its mailbox.
 *
 * No wake-up is lost: a request first shows that it waits (breaker.waiting) and then looks
 * for a free connection; whoever frees one does so first and looks for those who wait then.
 * All four are sequentially consistent, so one of the two sees the other. */
#pragma once
#include <upstream/conn.h>
#include <upstream/mailbox.h>

/* A request without connection: LIMIT_GO when it may look for one now. */
enum limit_verdict { LIMIT_GO, LIMIT_WAIT, LIMIT_OVERFLOW };
enum limit_verdict limit_admit(struct upstream *u, const struct cluster *c,
			       struct upstream_claim *cl, void *user);

/* A request takes a connection that was idle; false: http2MaxRequests. */
bool limit_begin_request(struct upstream_claim *cl);
/* The right to open a connection, or another wait for one. */
enum limit_verdict limit_begin_connect(struct upstream *u, struct upstream_claim *cl);
/* The request waits with others for one connection that is being opened; false:
 * http1MaxPendingRequests. limit_connected() ends it. */
bool limit_begin_pending(struct upstream_claim *cl);
/* It needs no connection of its own after all. */
void limit_spare(struct upstream *u, struct upstream_claim *cl);
/* The connection is being opened with that right. */
void limit_opened(struct upstream_conn *uc, struct upstream_claim *cl);
/* It could not be. */
void limit_not_opened(struct upstream *u, struct upstream_claim *cl);
/* The handshake is over, one way or the other. */
void limit_connected(struct upstream_conn *uc);
/* A counted connection ends. */
void limit_closed(struct upstream_conn *uc);
/* It is idle from now on, or no longer. */
void limit_idle(struct upstream_conn *uc);
void limit_busy(struct upstream_conn *uc);
/* It is in use and has room for another stream, or no longer. */
void limit_roomy(struct upstream_conn *uc, bool roomy);
/* The connection lives on outside the pools, in its request. */
void limit_detach(struct upstream_conn *uc, struct upstream_claim *cl);
/* More are open than the limit allows today. */
bool limit_exceeded(const struct upstream_conn *uc);

/* Serves requests that wait; true when there was anything to do. */
bool limit_settle(struct upstream *u);

/* The limits of a snapshot count from now on. */
void limit_adopt(struct upstream *u, const struct cluster *c);

/* pool.c */
const struct snapshot *upstream_snapshot(const struct upstream *u);
/* An idle connection to any endpoint of the cluster; NULL: there is none. */
struct upstream_conn *upstream_any_idle(struct upstream *u, const struct cluster *c);
