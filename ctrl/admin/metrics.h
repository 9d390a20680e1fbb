/* metrics.h - everything weir counts, as Prometheus text (exposition format 0.0.4) and as
 * plain "name: value" lines. */
#pragma once
#include "state.h"
#include "text.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Per-worker values carry a label worker="N"; see docs/operations.md. */
void metrics_write(const struct admin_state *s, struct text *out);

/* Sums over the workers, by the same names, and requests by cluster:
 * "cluster.NAME.requests_2xx: 12". */
void metrics_write_stats(const struct admin_state *s, struct text *out);
