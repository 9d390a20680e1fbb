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
	};
	uint32_t scanned; /* of the response head */
	uint8_t state;    /* enum upstream_state */
	uint8_t method;   /* enum http_method */
	uint8_t announce; /* version of the PROXY header it begins with; 0: none */
	bool entered : 1; /* its events are being handled: freed on the way out */
	bool dead : 1;    /* discarded meanwhile */
	bool keep : 1;    /* the response allows reuse */
	bool upgrade : 1; /* a 101 is welcome */
	bool chunked_request : 1;
	bool request_done : 1;    /* send_end() was called */
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

/* h1_client.c */
extern const struct exchange_ops h1_client_ops;
/* Handles what arrived. The connection is entered; it may be dead afterwards. */
void h1_client_run(struct upstream_conn *uc);
