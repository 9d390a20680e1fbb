/* state.h - what the admin API shows. The control loop owns it and keeps it current; the API
 * only reads. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <config/node.h>
#include <weir/dataplane.h>
#include <weir/publish.h>

struct access_log;

/* The last attempt to read the resources. */
struct load_report {
	bool ok;
	uint64_t when_us;   /* since the epoch; 0 = none yet */
	uint64_t took_us;   /* reading to publication */
	size_t resources;   /* read, also when they were refused */
	struct diags diags; /* errors and warnings */
};

struct admin_state {
	const struct node_config *node;
	struct dataplane *dataplane;
	const struct publish_cell *cell;
	const struct access_log *access_log; /* NULL: none is written */

	bool running;        /* the workers poll */
	bool draining;       /* they take no new connections */
	uint64_t started_us; /* since the epoch */

	unsigned snapshots_alive;
	double apply_seconds; /* of the last publication */
	uint64_t loads_ok, loads_failed;
	struct load_report last_load;
};

/* The current snapshot; NULL before the first. Valid until the control loop publishes. */
static inline const struct snapshot *admin_snapshot(const struct admin_state *s)
{
	return publish_load(s->cell);
}

/* Why requests are not served; NULL when they are. */
static inline const char *admin_not_ready(const struct admin_state *s)
{
	if (s->draining)
		return "DRAINING: no new connections are taken";
	if (!s->running)
		return "STARTING: the workers do not run yet";
	if (!admin_snapshot(s))
		return "NOT READY: no valid configuration was loaded yet, "
		       "see /api/v1/status for what is wrong";
	return NULL;
}
