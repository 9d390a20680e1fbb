/* load.h - everything one run owns, and the loop that runs it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "client.h"
#include "options.h"
#include "pattern.h"
#include "wire.h"

#define LOAD_WIRES 2

struct net_ports;

/* Running totals; the result is the difference of two readings. */
struct load_counts {
	uint64_t requests, responses, wrong;
	uint64_t connects, connect_failures, resets, timeouts;
	uint64_t status[CLIENT_STATUSES];
	uint64_t bytes_in, bytes_out, retransmits;
	uint64_t checksum_errors, rx_drops, tx_drops, busy_cycles;
	uint64_t backend_requests, backend_wrong, backend_bytes_in, backend_bytes_out;
};

#define LOAD_COUNTS (sizeof(struct load_counts) / sizeof(uint64_t))

struct load {
	struct options o;
	struct clock clock;
	struct pattern pattern;
	struct net_ports *ports;
	unsigned n_wires;
	struct wire *client_wire, *backend_wire; /* may be the same */
	struct wire wires[LOAD_WIRES];
	struct client client;
	struct backend backend;

	uint64_t busy_cycles; /* of passes that found something to do */
	uint64_t pass_ended;  /* TSC; of the last one */
	uint32_t dice;        /* of --loss */
	bool measured;
	uint64_t began, ended; /* TSC; of the window */
	uint64_t warmup_wrong;
	uint32_t connections; /* at the end of the window */
	uint32_t backend_connections;
	uint32_t unanswered;
	uint64_t oldest; /* TSC: how long the oldest of these has been waiting */
	struct load_counts at_begin, at_end;
};

/* Opens the device and makes the roles. False, and a sentence in err, when it cannot. */
bool load_open(struct load *l, const volatile int *stop, char *err, size_t err_len);
void load_close(struct load *l);

/* Runs to the end, or until *stop is set. False: nothing was measured, and err says why. */
bool load_run(struct load *l, const volatile int *stop, char *err, size_t err_len);

/* Writes the result as one JSON object. */
void result_write(const struct load *l, FILE *f);
