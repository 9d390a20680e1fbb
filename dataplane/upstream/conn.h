/* conn.h - the layout of an upstream connection; private to this folder. */
#pragma once
#include <upstream/upstream.h>
#include <weir/breaker.h>

enum upstream_state {
	UC_CONNECTING,
	UC_IDLE,     /* in its endpoint's pool */
	UC_HEAD,     /* a request is being sent; waiting for the response head */
	UC_BODY,     /* response body */
	UC_COMPLETE, /* response complete */
};

struct h2_conn;

/* In `announce`: HTTP/2 is spoken. */
#define UPSTREAM_HTTP2 0x80

/* Response content handed on at a time; the rest waits where it was received. */
#define UPSTREAM_READ_MAX (64u * 1024)

/* What serves a request. In HTTP/1.1 a connection; in HTTP/2 a stream, and the connection that
 * carries it is another of these, which no user sees (h2_conn.h). */
struct upstream_conn {
	struct exchange_end end;  /* first: upstream_end() */
	struct wheel_timer timer; /* idle timeout, while pooled */
	struct bytestream *bs;
	struct upstream *up;
	union {
		void *user;
		struct upstream_conn *next; /* pool of the endpoint, when idle */
	};
	union {
		struct upstream_claim *claim; /* the user's; NULL: without limits */
		struct upstream_conn *prev;
	};
	struct breaker_seat *seat; /* where it is counted; NULL: nowhere */
	uint32_t endpoint_id, endpoint_gen;
	uint32_t requests, max_requests;
	/* Announced: where the client keeps those that wait for its requests. NULL: nowhere. */
	struct upstream_conn **keeper;
	union {
		struct h1_body body;
		struct upstream_conn *next_kept; /* of the keeper, when idle */
		struct h2_conn *h2;              /* of a connection that carries streams */
	};
	uint32_t scanned; /* of the response head */
	uint8_t state;    /* enum upstream_state */
	uint8_t method;   /* enum http_method */
	uint8_t announce; /* version of the PROXY header it begins with, and UPSTREAM_HTTP2; 0: none
			   */
	bool entered : 1; /* its events are being handled: freed on the way out */
	bool dead : 1;    /* discarded meanwhile */
	bool keep : 1;    /* the response allows reuse */
	bool upgrade : 1; /* a 101 is welcome */
	bool chunked_request : 1;
	bool request_done : 1;    /* send_end() was called */
	bool http2 : 1;           /* a stream, or the connection that carries it */
	uint32_t idle_timeout_ms; /* 0: none */
	uint32_t old_ms;          /* not kept from then on, on the worker's clock; 0: for ever */
};

static_assert(sizeof(struct upstream_conn) <= 2 * WEIR_CACHE_LINE, "two lines a connection");

/* pool.c */
/* Between these two the object stays, even when it is discarded. */
void upstream_enter(struct upstream_conn *uc);
void upstream_leave(struct upstream_conn *uc);
void upstream_discard(struct upstream_conn *uc, bool abort);
void upstream_fail(struct upstream_conn *uc, enum upstream_failure why);
const struct upstream_env *upstream_env(const struct upstream *u);
void upstream_count_failure(struct upstream *u, enum upstream_failure why, bool connecting);

/* h1_client.c */
extern const struct exchange_ops h1_client_ops;
/* Handles what arrived. The connection is entered; it may be dead afterwards. */
void h1_client_run(struct upstream_conn *uc);
