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
	uint64_t idle_timeout_us;
	struct h1_body body;
	uint32_t scanned; /* of the response head */
	uint8_t state;    /* enum upstream_state */
	uint8_t method;   /* enum http_method */
	bool chunked_request;
	bool request_done; /* send_end() was called */
	bool upgrade;      /* a 101 is welcome */
	bool keep;         /* the response allows reuse */
	bool entered;      /* its events are being handled: freed on the way out */
	bool dead;         /* discarded meanwhile */
	uint32_t old_ms;   /* not kept from then on, on the worker's clock; 0: for ever */
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
