/* fake_dataplane.h - a data path without workers, whose numbers a test sets. */
#pragma once
#include <weir/dataplane.h>

struct dataplane {
	unsigned n_workers;
	struct counters *counters;
	struct request_stats *requests;
	struct log_ring *rings;
	uint32_t mbufs_in_use, mbufs_total;
	uint32_t members_up[WEIR_PORTS_MAX]; /* a bit for each device of a bond */
	struct capture *capture;             /* the last that was published */
	bool started, draining, idle, stopped;
	unsigned wakes;
};

struct dataplane *fake_dataplane_create(unsigned n_workers);

/* Starts a row of the statistics of a worker; the caller fills in what matters to it. */
struct request_stat *fake_dataplane_row(struct dataplane *dp, unsigned worker, const char *cluster,
					uint16_t status);
