/* upstream.h - one worker's connections to endpoints: opened, pooled, spoken to.
 *
 * A pool per endpoint, LIFO, so that surplus connections grow old and are closed. A
 * connection belongs to at most one user at a time; idle ones are watched and dropped when
 * the server closes them. Of HTTP/2 it is a stream that belongs to a user, and connections carry
 * many. The client codecs live here: the user sees an exchange_end and the events below. */
#pragma once
#include <base/bytestream.h>
#include <base/slab.h>
#include <base/wheel.h>
#include <http/exchange.h>
#include <http/h1_io.h>
#include <weir/cluster.h>
#include <weir/counters.h>
#include <weir/snapshot.h>

struct tcp_ctx;
struct tcp_tuple;
struct upstream;
struct upstream_conn;
struct breaker;
struct breaker_seat;
struct mailbox;

/* Why an exchange with an upstream ended without a complete response. */
enum upstream_failure {
	UPSTREAM_CONNECT_REFUSED, /* RST to our SYN, or no route */
	UPSTREAM_CONNECT_TIMEOUT,
	UPSTREAM_RESET,    /* connection closed or reset */
	UPSTREAM_PROTOCOL, /* the response breaks HTTP */
	UPSTREAM_NO_MEMORY,
	UPSTREAM_OVERFLOW,    /* a limit of the cluster */
	UPSTREAM_CANCELLED,   /* the server gave up this request, and not its connection */
	UPSTREAM_REFUSED,     /* likewise, and says that it has not looked at it */
	UPSTREAM_UNPROCESSED, /* the server takes no more requests here: it did not look at this one
			       */
	UPSTREAM_NO_UPGRADE,  /* it cannot be asked there for what the client asks for */
};

/* What a request holds of its cluster's limits: part of the user, zeroed when that begins. */
struct upstream_claim {
	struct breaker_seat *seat;          /* NULL: nothing */
	struct upstream_claim *next, *prev; /* in its queue */
	void *user;
	uint64_t ticket, since_us; /* its place there */
	struct breaker *retries;   /* where a retry is counted */
	bool queued;               /* waits */
	bool admitted;             /* has waited, and may have a connection now */
	bool granted;              /* holds a connection that is not, or no longer, in the pools */
	bool active;               /* is counted as a request */
	bool retrying;
};

/* For whom a request is sent. Connections that tell the endpoint so, by a header of the PROXY
 * protocol, serve that client's requests alone. */
struct upstream_client {
	const struct net_addr *source, *destination; /* of the client's connection */
	/* Where its idle ones wait, NULL at first: upstream_drop_kept() when it leaves. NULL: they
	 * are not kept. */
	struct upstream_conn **kept;
};

/* What the user of a connection is told. After failed() the connection is gone. */
struct upstream_user {
	/* Only asked for endpoints with `announce`. */
	struct upstream_client (*client)(void *user);
	void (*ready)(void *user);
	void (*interim)(void *user, const struct http_head *h);
	void (*response)(void *user, const struct http_head *h);
	void (*data)(void *user, struct mbq *data); /* takes */
	void (*end)(void *user);
	void (*writable)(void *user);
	void (*failed)(void *user, enum upstream_failure why);
	bool (*can_take)(void *user); /* room for response data */
	/* 101: the user takes the stream with upstream_detach(); the first `used` bytes of its
	 * rx are the head. */
	void (*upgraded)(void *user, const struct http_head *h, uint32_t used);
	/* It has waited: upstream_admit() lets it go on now. */
	void (*admitted)(void *user);
};

struct upstream_env {
	struct tcp_ctx *tcp;
	struct rte_mempool *pool;
	struct counters *counters;
	struct wheel *wheel;
	struct h1_linear *linear;
	struct http_head *head; /* scratch for responses */
	const struct upstream_user *user_ops;
	struct h1_limits limits;
	const uint64_t *now_us;
	/* Source address towards an endpoint; false: no route. */
	bool (*source)(void *owner, const struct ip_addr *dst, struct ip_addr *src);
	void *owner; /* of source() */
	/* May a connection of this tuple be this worker's? NULL: any may. Called by tcp_connect()
	 * with TCP's owner, not ours. */
	bool (*steer)(void *tcp_owner, const struct tcp_tuple *t);
	/* Clusters' limits are shared: every worker's mailbox, and how one of them is woken after
	 * it got mail (NULL: they do not sleep). */
	unsigned worker;
	struct mailbox *mailboxes;
	void (*wake)(void *owner, unsigned worker);
};

/* Returns NULL when memory is short. env is copied. */
struct upstream *upstream_create(const struct upstream_env *env, uint32_t max_conns);
void upstream_destroy(struct upstream *u);

/* A worker sees a new snapshot: makes room for its endpoint ids and closes idle connections
 * of endpoints that are gone. False when memory is short: ids beyond are not pooled. */
bool upstream_adopt(struct upstream *u, const struct snapshot *s);

/* Asks the cluster's limits, before an endpoint is chosen. True: go on with upstream_acquire().
 * False: cl->queued, the user will be admitted() or not, but is not forgotten; or overflow. Only
 * for clusters with a breaker. */
bool upstream_admit(struct upstream *u, const struct cluster *c, struct upstream_claim *cl,
		    void *user);

/* The right to a connection that is nobody's but the caller's, at once or not at all, until
 * upstream_release(). False (counted): there are as many as the limit allows. Likewise. */
bool upstream_take(struct upstream *u, const struct cluster *c, struct upstream_claim *cl);

/* Returns what the request holds; it may wait no longer. After every try, and at the end. */
void upstream_release(struct upstream *u, struct upstream_claim *cl);

/* May another request of the cluster be tried again (maxRetries, retryBudget)? It is counted until
 * upstream_retry_end(), which forgives a request that does not retry. */
bool upstream_retry_begin(const struct cluster *c, struct upstream_claim *cl);
void upstream_retry_end(struct upstream_claim *cl);

/* Serves requests that wait, as far as connections were given up, and writes what was put together
 * for many: once a pass, after the events. True when there was anything to do. */
bool upstream_settle(struct upstream *u);

/* A connection for one request: a pooled one (*reused) is ready to be written to at once, a
 * new one says ready() or failed() later. NULL: it cannot even be tried, *why says why, or
 * it waits again (cl->queued). cl: what upstream_admit() was given, if the cluster has limits. The
 * endpoint and cluster are borrowed for the call. fresh: not a pooled one. */
struct upstream_conn *upstream_acquire(struct upstream *u, const struct cluster *c,
				       const struct endpoint *e, bool fresh, void *user,
				       struct upstream_claim *cl, bool *reused,
				       enum upstream_failure *why);

struct exchange_end *upstream_end(struct upstream_conn *uc);

/* Nobody waits for this exchange: what comes of it is told after what others wait for. */
void upstream_set_patient(struct upstream_conn *uc, bool patient);

/* Announces the request about to be sent: decides how the response is framed. */
void upstream_expect(struct upstream_conn *uc, enum http_method method, bool upgrade);

/* The exchange is over. Keeps the connection when request and response are complete and both
 * sides allow it, else closes it. */
void upstream_put(struct upstream_conn *uc);

/* A client leaves: closes the idle connections that were announced as its own. */
void upstream_drop_kept(struct upstream_conn **kept);

/* After upgraded(): the raw stream; the connection object is gone. It counts as a connection until
 * cl is released. */
struct bytestream *upstream_detach(struct upstream_conn *uc, struct upstream_claim *cl);

const struct tcp_tuple *upstream_tuple(const struct upstream_conn *uc);

/* When the server last took bytes that were sent to it. */
uint64_t upstream_taken_us(const struct upstream_conn *uc);

/* Connections in any state, idle ones included. */
uint32_t upstream_conns(const struct upstream *u);

/* Timers that the wheel fired. */
void upstream_timer(struct upstream *u, struct wheel_timer *t);

/* Closes all idle connections: a drain. */
void upstream_drain(struct upstream *u);
