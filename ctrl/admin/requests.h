/* requests.h - the workers' statistics of requests and sessions, added up over workers and like
 * rows. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <weir/dataplane.h>

struct request_sum {
	const struct request_stat *key; /* one of the rows added up; valid as the dataplane is */
	uint64_t count, duration_us, request_bytes, response_bytes, opened;
};

/* Rows with the same labels in Istio's metrics; those of sessions come last. */
int requests_compare_labels(const struct request_stat *a, const struct request_stat *b);
/* Rows with the same cluster and the same class of status (2xx), or of its sessions. */
int requests_compare_class(const struct request_stat *a, const struct request_stat *b);

/* Stores an array that the caller frees, ordered by `compare`; returns its length. Without
 * memory it is empty. */
size_t requests_collect(const struct dataplane *dp,
			int (*compare)(const struct request_stat *, const struct request_stat *),
			struct request_sum **out);
