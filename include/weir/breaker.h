/* breaker.h - the limits of a cluster's connectionPool, counted exactly over all workers.
 *
 * The counts belong to a cluster's name and outlive snapshots: ctrl makes a breaker when the
 * first snapshot with limits for that name is compiled, and frees it when neither a snapshot
 * nor a worker (holds) needs it any more. Workers alone change what is in it, with atomics.
 *
 * A worker's place at a breaker is its seat: the queue of its requests that wait for a
 * connection, and what others tell it. A seat with news is linked into its worker's mailbox. */
#pragma once
#include <weir/abi.h>

#define BREAKER_NO_LIMIT UINT32_MAX

struct breaker_limits {
	uint32_t connections; /* tcp.maxConnections: open ones, in any state */
	uint32_t pending;     /* http1MaxPendingRequests: requests without a connection */
	uint32_t requests;    /* http2MaxRequests: requests on a connection */
	uint32_t retries;     /* maxRetries: requests being tried again */
	/* retryBudget, instead of retries: this share, in millionths, of the requests that are
	 * active or pending, and at least so many. retries_min is 0 where there is no budget. */
	uint32_t retries_share, retries_min;
};

#define BREAKER_SHARE_WHOLE 1000000u

enum breaker_overflow {
	BREAKER_CONNECTIONS, /* not an error: the request had to wait */
	BREAKER_PENDING,
	BREAKER_REQUESTS,
	BREAKER_RETRIES,
	BREAKER_OVERFLOWS
};

struct breaker;

struct breaker_seat {
	struct breaker_seat *next; /* of the mailbox */
	struct breaker *breaker;
	/* Set by anybody. */
	uint32_t posted;  /* it is in the mailbox, or about to be */
	uint32_t granted; /* connections passed on to this worker, counted already */
	uint32_t wished;  /* idle connections that others would like closed */
	/* Set by the worker, read by all. */
	uint32_t idle;   /* idle connections of its pools */
	uint64_t ticket; /* of the first in its queue; 0: nobody waits */
	/* The worker's alone. */
	void *first, *last; /* the queue */
	uint32_t overtook;  /* requests served here while older ones waited elsewhere */
	uint32_t roomy;     /* connections in use that can carry another request */
} WEIR_CACHE_ALIGNED;

static_assert(sizeof(struct breaker_seat) == WEIR_CACHE_LINE, "one line a worker");

struct breaker {
	uint32_t cluster_id; /* stable as long as the breaker is */
	uint32_t n_seats;    /* workers */
	/* Of the newest snapshot that a worker has seen. */
	struct breaker_limits limits;

	uint32_t connections WEIR_CACHE_ALIGNED;
	uint32_t requests;
	uint32_t retries;
	uint32_t holds;   /* pointers that workers keep beyond their snapshot */
	uint64_t pending; /* those that wait in queues << 32 | those whose connection opens */
	uint64_t waiting; /* workers whose queue is not empty, a bit each */
	uint64_t tickets; /* given out */
	uint64_t overflows[BREAKER_OVERFLOWS];

	struct breaker_seat seats[];
};

/* Requests without a connection: both parts of `pending`. */
static inline uint32_t breaker_pending(const struct breaker *b)
{
	uint64_t v = __atomic_load_n(&b->pending, __ATOMIC_RELAXED);

	return (uint32_t)(v >> 32) + (uint32_t)v;
}

/* How many requests may be tried again at the moment. */
static inline uint32_t breaker_retries_max(const struct breaker *b)
{
	uint64_t requests = __atomic_load_n(&b->requests, __ATOMIC_RELAXED);
	uint32_t min = __atomic_load_n(&b->limits.retries_min, __ATOMIC_RELAXED);
	uint64_t share;

	if (min == 0)
		return __atomic_load_n(&b->limits.retries, __ATOMIC_RELAXED);
	share = (requests + breaker_pending(b)) *
		__atomic_load_n(&b->limits.retries_share, __ATOMIC_RELAXED) / BREAKER_SHARE_WHOLE;
	return share > min ? (uint32_t)share : min;
}
