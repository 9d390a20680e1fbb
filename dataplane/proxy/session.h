/* session.h - a client's connection that a TCP route takes: an endpoint is chosen, one connection
 * to it opened, and the two joined (relay.h). There is no exchange: of HTTP is only what a tunnel's
 * proxy is asked (session_tunnel.c).
 *
 * Nothing is tried twice. What cannot be connected is closed; the access log says why. */
#pragma once
#include <proxy/proxy.h>
#include <proxy/relay.h>
#include <weir/tcp_route.h>

enum session_state {
	SESSION_CONNECTING, /* to the endpoint; what the client sends waits */
	SESSION_ASKING,     /* connected to a tunnel's proxy, which has not answered */
	SESSION_JOINED,
};

struct session {
	struct wheel_timer timer; /* the next of: answer_by_us, idle_us over, until_us */
	struct proxy *px;
	struct session *next, *prev;
	struct bytestream *down, *up; /* until they are joined; up may be NULL */
	struct relay relay;           /* from then on */
	struct snapshot *snap;        /* pinned */
	const struct tcp_route *route;
	const struct split_target *target;
	const struct cluster *cluster;   /* NULL: it does not exist */
	const struct endpoint *endpoint; /* NULL: none was chosen */
	struct upstream_claim claim;     /* of the cluster's limits */
	struct lb_bound bound;
	struct net_addr client, local; /* as announced, or as TCP knows them */
	struct net_addr direct;        /* of the proxy that announced them; port 0: none */
	struct net_addr upstream_local;
	struct conn_count *count;      /* where its listener counts it; NULL: nowhere */
	const char *transport_failure; /* NULL */
	uint64_t start_us, end_us;
	uint64_t answer_by_us; /* while asking */
	uint64_t idle_us;      /* 0: for ever */
	uint64_t until_us;     /* UINT64_MAX: for ever */
	uint32_t flags;        /* enum response_flag */
	uint32_t listener_id, listener_gen;
	uint32_t scanned;    /* of the proxy's answer */
	struct h1_body body; /* what follows that, of a POST */
	uint8_t state;       /* enum session_state */
	bool begun;          /* counted as opened */
};

struct downstream;

/* A connection to l, which has a TCP route, begins. Takes d, which says whose it is; NULL: TCP's
 * tuple does. What has arrived already is looked at when the two are joined. */
void session_accept(struct proxy *px, struct bytestream *bs, const struct listener *l,
		    struct downstream *d);
void session_timer(struct session *x);

/* Lets l->count count the sessions that came to l and are not counted; returns how many. */
uint32_t session_count_at(struct proxy *px, const struct listener *l);

/* ---- session_tunnel.c ---- */

/* Asks the proxy for the tunnel's target. False when memory is short. */
bool session_ask(struct session *x);

enum session_answer { SESSION_WAITS, SESSION_GRANTED, SESSION_REFUSED };

/* Looks for the proxy's answer in what it has sent. Granted: the rest is the target's, as
 * x->relay's coder understands it. Refused: x->transport_failure says how. */
enum session_answer session_read_answer(struct session *x);
