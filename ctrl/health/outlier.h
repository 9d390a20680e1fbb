/* outlier.h - the sweep of outlier detection: endpoints come back, and are forgiven in time
 * (istio/reference 3.6). Each cluster has an interval of its own; what is due outlives snapshots.
 *
 * Times are of the workers' clock. */
#pragma once
#include <weir/snapshot.h>

struct outlier_sweep {
	uint32_t n, cap;
	const struct cluster **clusters; /* of the current snapshot, those that are watched */
	uint64_t due_us;                 /* UINT64_MAX: never */
};

void outlier_sweep_init(struct outlier_sweep *o);
void outlier_sweep_fini(struct outlier_sweep *o);

/* From now on the clusters of s, which is borrowed until another call; NULL: none. */
void outlier_sweep_follow(struct outlier_sweep *o, const struct snapshot *s, uint64_t now_us);

/* Does what is due. */
void outlier_sweep_run(struct outlier_sweep *o, uint64_t now_us);
