/* proxy.h - one worker's HTTP: from accepted connections to upstreams and back.
 *
 * Everything mutable is the worker's own. The snapshot pointer is the pass's; requests that
 * live longer pin theirs. */
#pragma once
#include <sys/queue.h>

#include <base/scratch.h>
#include <base/slab.h>
#include <base/wheel.h>
#include <filter/regex.h>
#include <http/exchange.h>
#include <http/h1_io.h>
#include <lb/lb.h>
#include <match/match.h>
#include <upstream/upstream.h>
#include <weir/dataplane.h>
#include <weir/feedback.h>
#include <weir/snapshot.h>

struct tcp_ctx;
struct tcp_tuple;
struct net;
struct h1_server;
struct downstream;
struct session;
struct request_index;
struct mailbox;
struct prober;

struct proxy_env {
	unsigned worker, n_workers;
	const struct http_config *http;
	struct tcp_ctx *tcp;
	struct net *net;
	struct rte_mempool *pool;
	struct counters *counters;
	struct log_ring *log; /* NULL: access log off */
	struct request_stats *stats;
	uint32_t max_conns;
	/* Client connections of all workers, borrowed; NULL: without a limit. */
	uint32_t *open, max_open;
	uint64_t seed;
	/* May a connection of this tuple be this worker's? Given to tcp_connect(), which calls it
	 * with TCP's owner. NULL: any may. */
	bool (*steer)(void *tcp_owner, const struct tcp_tuple *t);
	/* One for each worker, borrowed: upstream/mailbox.h. */
	struct mailbox *mailboxes;
	/* Wall clock minus worker clock, microseconds: adds up to the time since the epoch. */
	int64_t epoch_offset_us;
};

/* Copies of requests, the oldest first. */
TAILQ_HEAD(copy_queue, stream);

/* A mirror that refuses connections is left alone for a while: mirror.c. */
struct mirror_rest {
	uint32_t cluster_id, cluster_gen;
	uint32_t failures; /* connects in a row */
	uint32_t wait_us;  /* how long the last rest was; 0: there was none */
	uint64_t until_us;
};
#define MIRROR_RESTS 16u /* places, by cluster id; who comes later takes the place */

struct proxy {
	struct proxy_env env;
	struct snapshot *snap; /* of this pass; NULL before the first */
	uint64_t now_us;
	bool draining;
	struct wheel wheel; /* HTTP's timers; TCP has its own */
	struct match *match;
	struct lb_state *lb;
	struct upstream *up;
	struct prober *prober;
	struct slab servers, streams, downstreams, sessions;
	struct slab relays;         /* of streams that are tunnels */
	struct h1_server *conns;    /* all client connections */
	struct downstream *awaited; /* those whose PROXY header has not come */
	struct session *relayed;    /* those of TCP routes */
	uint32_t n_conns, n_tunnels, n_awaited;
	uint32_t n_mirrored, mirrored_max; /* copies of requests on their way; so many may be */
	struct copy_queue copies;          /* those that are to be begun */
	uint32_t n_copies;
	struct mirror_rest rests[MIRROR_RESTS];
	uint32_t kept, kept_max;       /* mbufs in the streams' bodies; so many may be */
	uint32_t scarce_ms, shed_next; /* overload.h: for so long; the next connection to look at */
	uint64_t shed_at_us;           /* when some are closed again */
	uint64_t generation;           /* of snap */
	struct http_head req, resp;    /* scratch of one parse each */
	struct http_head reply;        /* scratch of local replies */
	struct http_extra extra;
	struct h1_linear linear;
	struct h1_linear relinear; /* of requests parsed again: a response may lie in the other */
	struct h1_limits limits;
	char *path;                 /* req's, where it had to be normalised */
	struct request_index *rows; /* where a key's row is in env.stats */
	char date[32];              /* IMF-fixdate of date_s, RFC 9110 5.6.7 */
	int64_t date_s;
	struct scratch scratch; /* what a head is changed to, for the time of one send_head */
	struct regex_state *regex;
};

/* NULL when memory is short. env is copied. */
struct proxy *proxy_create(const struct proxy_env *env);
void proxy_destroy(struct proxy *px);

/* Wall clock minus worker clock, microseconds: adds up to the time since the epoch. */
void proxy_set_epoch(struct proxy *px, int64_t offset_us);

/* Start of a pass. s may be NULL, or the same as before. */
void proxy_set_now(struct proxy *px, uint64_t now_us);
void proxy_adopt(struct proxy *px, struct snapshot *s);

/* Packet buffers have been scarce for so long, 0: they are not. Every pass, before proxy_turn(). */
#define OVERLOAD_IDLE_MS   100u /* then connections without a request are closed */
#define OVERLOAD_REFUSE_MS 500u /* then new requests are refused */
void proxy_set_scarcity(struct proxy *px, uint32_t ms);

/* TCP asks whether a SYN to local is welcome; *cookie names the listener. */
bool proxy_admit(struct proxy *px, const struct net_addr *local, uint64_t *cookie);
/* Is TCP to this address terminated here though it is not the node's own? */
bool proxy_captures(struct proxy *px, const struct ip_addr *ip, uint16_t port);
/* The listener that serves this address now; NULL when there is none. */
const struct listener *proxy_listener(const struct proxy *px, const struct net_addr *local);
/* A connection was accepted. */
void proxy_accept(struct proxy *px, struct bytestream *bs);
/* It is served from now on: its PROXY header was read. Takes d, which says whose it is; NULL: TCP's
 * tuple does. True: what has arrived already is to be notified. */
bool proxy_serve(struct proxy *px, struct bytestream *bs, struct downstream *d);

/* Fires timers. */
void proxy_turn(struct proxy *px);
uint64_t proxy_next_timer(const struct proxy *px);

/* Lets requests go on that have waited for limits of their clusters: after the pass's events. True
 * when there were any. */
bool proxy_settle(struct proxy *px);
/* Copies of requests that are to be begun, and the first n of them begun: after all that somebody
 * waits for. */
uint32_t proxy_copies(const struct proxy *px);
void proxy_begin_copies(struct proxy *px, uint32_t n);

/* Requests of clients that are in progress, without tunnels. */
uint32_t proxy_requests(const struct proxy *px);

/* Is there something to settle? For whoever is about to sleep, in a way that fits mailboxes. */
bool proxy_has_mail(const struct proxy *px);

/* No new connections; idle ones are closed, busy ones after their request. */
void proxy_drain(struct proxy *px);
/* Client connections, tunnels and those of TCP routes included, and copies of requests on their way
 * to mirrors. */
uint32_t proxy_conns(const struct proxy *px);

/* h1_read_request() into px->req, with its path normalised; H1_BAD_PATH when that is impossible. */
int proxy_read_request(struct proxy *px, const struct mbq *q, uint32_t *scanned,
		       struct h1_linear *lin);

/* "Mon, 23 Nov 2026 02:19:37 GMT", of this second. */
struct slice proxy_date(struct proxy *px);
