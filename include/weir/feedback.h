/* feedback.h - what workers tell the control thread: access log records and request counts.
 *
 * Each worker has a single-producer ring of records; a full ring drops the record and
 * counts it. The control thread formats and writes: workers never do. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/addr.h>

/* Envoy's response flags, a bit each (istio/reference 8.3). */
#define RESPONSE_FLAGS(X)                                                                          \
	X(UH, "UH")                                                                                \
	X(UF, "UF")                                                                                \
	X(UO, "UO")                                                                                \
	X(NR, "NR")                                                                                \
	X(NC, "NC")                                                                                \
	X(URX, "URX")                                                                              \
	X(UT, "UT")                                                                                \
	X(UC, "UC")                                                                                \
	X(UPE, "UPE")                                                                              \
	X(LR, "LR")                                                                                \
	X(DC, "DC")                                                                                \
	X(DPE, "DPE")                                                                              \
	X(DI, "DI")                                                                                \
	X(FI, "FI")                                                                                \
	X(RL, "RL")                                                                                \
	X(SI, "SI")                                                                                \
	X(DT, "DT")                                                                                \
	X(UR, "UR")

enum response_flag_bit {
#define X(id, name) RESPONSE_FLAG_BIT_##id,
	RESPONSE_FLAGS(X)
#undef X
};

enum response_flag {
#define X(id, name) RESPONSE_FLAG_##id = 1u << RESPONSE_FLAG_BIT_##id,
	RESPONSE_FLAGS(X)
#undef X
};

/* Strings of a record lie one after the other in `text`; a length of 0 means absent ("-"). */
enum log_text {
	LOG_METHOD,
	LOG_PATH,
	LOG_AUTHORITY,
	LOG_USER_AGENT,
	LOG_REQUEST_ID,
	LOG_FORWARDED_FOR,
	LOG_ROUTE_NAME,
	LOG_UPSTREAM_CLUSTER,
	LOG_DETAILS,           /* response_code_details */
	LOG_TRANSPORT_FAILURE, /* upstream_transport_failure_reason */
	LOG_TEXTS
};

#define LOG_TEXT_MAX 1536

struct log_record {
	uint64_t start_us;    /* since the epoch, when the request head was complete */
	uint64_t duration_us; /* until the last byte of the response was handed to TCP */
	uint64_t upstream_us; /* until the response head came; UINT64_MAX when none did */
	uint64_t bytes_received, bytes_sent; /* bodies */
	uint16_t status;                     /* 0: no response was sent */
	uint8_t minor;                       /* HTTP/1.minor of the request */
	uint8_t session;                     /* 1: of a TCP route, nothing is HTTP's */
	uint32_t flags;                      /* enum response_flag */
	struct net_addr downstream_remote, downstream_local;
	struct net_addr downstream_direct; /* of the proxy that announced them; port 0: none */
	struct net_addr upstream_remote, upstream_local; /* port 0: none */
	uint16_t text_len[LOG_TEXTS];
	char text[LOG_TEXT_MAX];
};

/* Power of two, so that an index is a mask away. */
#define LOG_RING_SIZE 1024

struct log_ring {
	uint32_t head WEIR_CACHE_ALIGNED; /* written by the worker */
	uint32_t tail WEIR_CACHE_ALIGNED; /* written by ctrl */
	struct log_record records[LOG_RING_SIZE];
};

/* Worker: the record to fill, or NULL when the ring is full. */
static inline struct log_record *log_ring_reserve(struct log_ring *r)
{
	if (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == LOG_RING_SIZE)
		return NULL;
	return &r->records[r->head % LOG_RING_SIZE];
}

static inline void log_ring_commit(struct log_ring *r)
{
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
}

/* Control: the oldest record, or NULL; it stays valid until log_ring_release(). */
static inline const struct log_record *log_ring_peek(const struct log_ring *r)
{
	if (r->tail == __atomic_load_n(&r->head, __ATOMIC_ACQUIRE))
		return NULL;
	return &r->records[r->tail % LOG_RING_SIZE];
}

static inline void log_ring_release(struct log_ring *r)
{
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
}

/* istio_requests_total, istio_tcp_* and their companions, one row per (cluster, version, code,
 * flags). A worker fills a row's key and then sets `used` (release); the sums have one writer. */
#define REQUEST_STATS_ROWS 4096 /* power of two */

struct request_stat {
	uint32_t used; /* 0 = free */
	uint32_t flags;
	uint16_t status;
	bool session; /* connections of TCP routes: those that are over, without a status */
	char cluster[192];
	char service_host[128], service_name[64], service_namespace[64];
	char version[64];
	uint64_t count, duration_us, request_bytes, response_bytes;
	uint64_t opened; /* sessions that have begun, all without flags */
};

struct request_stats {
	struct request_stat rows[REQUEST_STATS_ROWS];
};
