/* options.h - the command line. Addresses and ports are in host order, times in seconds. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_ether.h>

struct options {
	const char *device;
	const char *json; /* NULL: standard output */
	int32_t lcore;    /* -1: any */
	uint32_t memory_mib, mtu, window_kib;
	uint32_t loss; /* of 1000 received frames so many are dropped: for tests */
	bool hugepages, no_timestamps, has_mac;
	struct rte_ether_addr mac;

	/* The client; n_connections is 0 when there is none. */
	bool client;
	uint32_t clients, clients_len, client_addresses;
	uint32_t target, target_port, gateway; /* gateway 0: the target is on the link */
	const char *host, *path;
	uint32_t connections, pipeline, path_count;
	uint32_t expect_bytes, expect_status, upload;
	bool has_expect_bytes, path_bytes; /* path_bytes: %n itself is the length expected */
	bool close, allow_errors, idle_hold;
	double rate, ramp, duration, warmup;
	uint32_t latency_window_ms;
	double flood_rate;
	uint32_t flood_count;

	bool backend;
	uint32_t backend_ip, backend_port, backend_addresses;
	uint32_t backend_prompt; /* the first so many addresses know no latency */
	uint32_t backend_latency_us, backend_connections, backend_corrupt;

	uint32_t print_pattern; /* print that much of it, and that is all */
};

enum options_verdict { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD };

/* Messages that name the option go to err, help to out. Strings borrow argv. */
enum options_verdict options_parse(struct options *o, int argc, char **argv, FILE *out, FILE *err);
