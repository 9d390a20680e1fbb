/* client.h - the client role: connections, requests on time, answers checked byte by byte. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "histogram.h"
#include "http.h"
#include "options.h"
#include "pacing.h"
#include "request.h"
#include "sides.h"
#include "tcp.h"
#include "windows.h"

#define CLIENT_EXAMPLES   5
#define CLIENT_STATUSES   600
#define CLIENT_HEADS      4 /* answer heads that are known by heart */
#define CLIENT_HEAD_MAX   1024
#define CLIENT_HANDSHAKES 512 /* at once */

enum client_phase {
	CLIENT_RESOLVE, /* the next hop's Ethernet address */
	CLIENT_OPEN,    /* all connections; with --idle-hold the first request too */
	CLIENT_WARMUP,
	CLIENT_MEASURE,
	CLIENT_HOLD,  /* --idle-hold: nothing is sent */
	CLIENT_AGAIN, /* and then one request more on each */
	CLIENT_CLOSE,
	CLIENT_DONE,
	CLIENT_FAILED, /* nothing can be measured; error says why */
};

/* A head that was parsed and accepted: the same bytes again mean the same. */
struct known_head {
	struct http_head head;
	uint8_t bytes[CLIENT_HEAD_MAX + 16];
};

struct client_counts {
	uint64_t requests, responses, wrong;
	uint64_t connects, connect_failures, resets, timeouts;
	uint64_t status[CLIENT_STATUSES];
};

struct client_idle {
	uint32_t held, served_again, lost;
};

struct client_flood {
	uint64_t sent, syn_acks;
	uint64_t began, ended; /* TSC */
	uint64_t rng;
	struct pacer pacer;
};

struct client {
	struct tcp tcp;
	struct request request;
	const struct options *o;
	const struct pattern *pattern;
	const struct clock *clock;
	struct sides sides;

	enum client_phase phase;
	uint64_t phase_began; /* TSC */
	bool stopping;        /* a signal: end as soon as possible */
	bool aborting;        /* inside tcp_abort() */
	bool recording;       /* latencies */
	bool flooding;
	bool resetting; /* CLIENT_CLOSE takes too long */
	char error[200];

	uint64_t *stamps; /* when each request in flight was, or should have been, sent */
	uint32_t stamp_mask, stamp_shift;
	uint16_t *odd_status; /* of the answer that is arriving, when it is not the right one */
	uint32_t known_last;
	struct known_head known[CLIENT_HEADS];

	uint32_t next_open; /* connections from here on were never opened */
	uint32_t opening;   /* handshakes (with --idle-hold: and first requests) in flight */
	uint32_t cursor, in_flight; /* of CLIENT_AGAIN and CLIENT_CLOSE */
	struct fifo reopen;         /* connections to open again */
	struct fifo retry;          /* those that could not be opened: later */
	struct fifo ready; /* open loop: connections that can take a request, once for each */
	struct pacer ramp, rate;
	uint64_t ramp_cycles;

	struct client_counts counts;
	struct client_idle idle;
	struct client_flood flood;
	struct histogram latency;
	struct windows windows; /* of an open loop */
	uint32_t n_examples;
	char examples[CLIENT_EXAMPLES][200];
};

/* False, and a sentence in cl->error, when it cannot. */
bool client_init(struct client *cl, const struct options *o, const struct pattern *pattern,
		 struct wire *wire, const struct clock *clock);

/* What is to be done in a pass, besides answering what arrives. */
void client_run(struct client *cl);

/* A segment of no connection: counts what a flood brings back, refuses the rest. */
void client_stray(struct client *cl, const struct segment *s);

/* Issues a request; stamp: when it should be, or is, sent. */
void client_issue(struct client *cl, uint32_t conn, uint64_t stamp);

/* Requests without an answer yet; *oldest: for how long the first of them has none, TSC. */
uint32_t client_unanswered(struct client *cl, uint64_t *oldest);

extern const struct tcp_ops client_ops;

static inline uint32_t client_outstanding(const struct conn *c)
{
	return c->client.issued - c->client.answered;
}
