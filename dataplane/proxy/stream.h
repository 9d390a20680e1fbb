/* stream.h - one request's state machine: route, choose, forward, relay, answer, account.
 *
 * Sits between two exchange ends and knows neither codec. The client's codec calls the
 * stream_request* functions, the upstream's calls come through upstream_user. */
#pragma once
#include <proxy/proxy.h>
#include <proxy/relay.h>
#include <proxy/reply.h>
#include <weir/feedback.h>

#define STREAM_TRIES_MAX 8

enum stream_state {
	STREAM_CONNECTING, /* waiting for an upstream connection */
	STREAM_OPEN,       /* request sent or being sent, no response yet */
	STREAM_RESPONDING, /* response head passed on */
	STREAM_WAITING,    /* between tries */
	STREAM_DELAYED,    /* held by a fault, before the first try */
};

struct stream {
	struct wheel_timer timer; /* the next of: route timeout, back-off; a tunnel's idle time */
	struct proxy *px;
	struct exchange_end *down;   /* the client's side */
	struct upstream_conn *up;    /* NULL while there is none */
	struct upstream_claim claim; /* of the cluster's limits */
	struct snapshot *snap;       /* pinned */
	const struct route *route;   /* of snap; NULL: nothing matched */
	const struct split_target *target;
	const struct cluster *cluster;
	struct endpoint_health *health; /* of the try's endpoint; NULL: nobody watches it */
	struct check_tally *tally;      /* of its active checks; NULL: it has none */
	const char *cluster_name;       /* also when the cluster is missing */
	struct mbq head;                /* the request head's bytes, for retries and the log */
	struct mbq body;                /* what was sent of its body, by reference, for retries */
	struct net_addr client, local;  /* downstream tuple */
	struct net_addr direct;         /* of the proxy that announced it; port 0: none */
	struct net_addr upstream_remote, upstream_local;
	const char *version; /* label of the endpoint, "unknown" when none */
	const char *details;
	const char *transport_failure; /* NULL */
	struct relay *tunnel;          /* after an upgrade, else NULL */
	struct conn_count *count;      /* then: where the client's is counted */
	/* mirror.c: the copies that still get what this request brings, in a list; of a copy, the
	 * next one, and the request it follows. */
	struct stream *copies, *next_copy, *original;
	TAILQ_ENTRY(stream) due;  /* of a copy that is put off: px->copies */
	struct exchange_end sink; /* of a copy: down */
	uint64_t start_us, response_us, end_us;
	uint64_t timeout_us, timeout_at_us; /* of the whole; 0 = none */
	uint64_t try_timeout_us, try_at_us; /* of each try; 0 = none */
	uint64_t resume_at_us; /* end of a back-off or a fault's delay; 0 = not waiting */
	uint64_t bytes_received, bytes_sent;
	uint64_t request_id[2];
	uint64_t active_us; /* last byte either way */
	uint64_t hash;      /* of affinity, when has_hash */
	uint64_t cookie;    /* value of the one that the client is given, when cookie_made */
	uint32_t flags;     /* enum response_flag */
	uint32_t tries, attempts;
	uint32_t tried[STREAM_TRIES_MAX]; /* endpoint ids */
	uint32_t endpoint_id, endpoint_gen;
	struct lb_bound bound; /* of the cluster's set, when counted */
	uint16_t status;
	uint8_t state;  /* enum stream_state */
	uint8_t method; /* enum http_method */
	uint8_t minor;
	bool counted;         /* lb_request_begin() was called */
	bool reused;          /* the connection had served before */
	bool request_started; /* body bytes left for the upstream */
	bool keeps_body;      /* all of them are in body: they can be sent again */
	bool request_done;
	bool grpc;            /* by its content-type */
	bool external;        /* the peer is not a trusted neighbour: reference 4.6 */
	bool keep_request_id; /* the client's own x-request-id stays */
	bool expects_continue;
	bool hash_known; /* it was looked for */
	bool has_hash;
	bool cookie_made;
	bool copy;         /* for a mirror: nobody waits for the response */
	bool put_off;      /* a copy that is not begun */
	bool host_suffix;  /* a copy's host is "name-shadow" */
	bool mirrored;     /* its copies were begun */
	bool cross_origin; /* by an origin that the route's CORS policy allows */
};

/* t: the client's address and the one it came to; direct: of the proxy that announced them, NULL:
 * nobody did. l: whose virtual hosts count; NULL: there are none any more.
 * Begins the exchange for a parsed head and attaches it to down (server_attach). `head` takes
 * the head's bytes (left empty); h stays valid for the call. The exchange may be over, and
 * down told so, when this returns. False: no room for another request, nothing happened. */
bool stream_begin(struct proxy *px, struct exchange_end *down, const struct tcp_tuple *t,
		  const struct net_addr *direct, const struct listener *l, struct http_head *h,
		  struct mbq *head);

/* Body of the request. data is taken. */
bool stream_can_take_request(struct stream *s);
void stream_request_data(struct stream *s, struct mbq *data);
void stream_request_end(struct stream *s);

/* The client can be written to again. */
void stream_writable(struct stream *s);

/* The client is gone (DC), broke the rules (DPE), or its request cannot be read on (UO). The
 * exchange ends; down is not called. status is what the client is told instead, 0: nothing; it
 * does not count when the response has begun. details is borrowed for ever. */
void stream_abandon(struct stream *s, enum response_flag flag, uint16_t status,
		    const char *details);

/* Answers the request here and ends the exchange: px->extra's fields, and those of every response.
 * details is borrowed for ever. */
void stream_answer(struct stream *s, uint16_t status, struct slice text, const char *details);

/* The same to a gRPC client: a status of its own in fields of a 200 (reference 2.5). */
void stream_answer_grpc(struct stream *s, unsigned grpc_status, struct slice message,
			const char *details);

/* The same with a reply of the table, in the client's terms; status 0: the table's. */
void stream_reply(struct stream *s, const struct reply *r, uint16_t status);

/* Holds the request; actions_go_on() is called when the time is over. */
void stream_delay(struct stream *s, uint64_t us);

/* No byte for too long: 408, or a cut when the response has begun. */
void stream_idle(struct stream *s);

/* When anything was last received or taken, but for what the client took. */
uint64_t stream_active_us(const struct stream *s);

void stream_timer(struct stream *s);

/* The request head parsed again, into px->req. */
struct http_head *stream_reparse(struct stream *s);

/* Accounts for the exchange and frees it. whole: the response was sent completely. */
void stream_finish(struct stream *s, bool whole);

/* ---- for attempt.c ---- */

/* The timer, for what is due next. */
void stream_arm(struct stream *s);
/* The route's timeout runs from the moment the request is complete, over all tries. */
void stream_start_timeout(struct stream *s);
/* Leaves the counts of the endpoint, and of its cluster's limits. */
void stream_leave_endpoint(struct stream *s);
/* Resets the upstream connection, if there is one. */
void stream_drop_upstream(struct stream *s);
/* The response cannot be completed: the client must see that. */
void stream_break(struct stream *s, enum response_flag flag, const char *details);
/* stream_reply() by kind. */
void stream_refuse(struct stream *s, enum reply_kind kind);

/* ---- for mirror.c ---- */

/* Ends the exchange where it is. */
void stream_cut(struct stream *s);

extern const struct upstream_user stream_upstream_user;
