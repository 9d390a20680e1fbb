/* backend.h - the backend role: reads requests, answers them with the pattern. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "http.h"
#include "options.h"
#include "sides.h"
#include "tcp.h"

#define BACKEND_HEAD_MAX 1024
#define BACKEND_DELAYED  (1u << 20) /* answers that can be waiting */

/* What a request head means. */
struct request_plan {
	uint32_t head_len;
	uint32_t kind;   /* of the answer */
	uint32_t errors; /* every so manieth answer is an error; 0: none */
	bool post;       /* the body is the pattern, or the answer an error */
	bool sized;      /* GET /bytes/N: what --backend-corrupt applies to */
	struct http_head head;
};

struct delayed {
	uint64_t due; /* TSC */
	uint32_t conn, kind;
};

struct backend_counts {
	uint64_t requests,
		wrong; /* wrong: bodies that were not the pattern, heads that were none */
};

struct backend {
	struct tcp tcp;
	const struct options *o;
	const struct pattern *pattern;
	const struct clock *clock;
	struct sides sides;
	struct backend_counts counts;
	uint64_t sized; /* answers to GET /bytes/N */

	uint64_t latency; /* TSC */
	struct delayed *delayed;
	uint32_t delayed_head, delayed_tail;

	/* The last whole head: the same bytes again mean the same. */
	struct request_plan known;
	uint8_t known_bytes[BACKEND_HEAD_MAX + 16];
	struct answers answers;
};

/* False when there is no memory. */
bool backend_init(struct backend *be, const struct options *o, const struct pattern *pattern,
		  struct wire *wire, const struct clock *clock);

/* Answers that are due. */
void backend_run(struct backend *be);

/* What a head means; exposed for tests. */
void backend_plan(const struct http_head *h, struct request_plan *plan);
