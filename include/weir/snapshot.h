/* snapshot.h - the root of one immutable configuration, and who still uses it.
 *
 * ctrl builds it, publishes it (publish.h) and frees it when the grace period is over and
 * no request has it pinned. Workers load the pointer once per pass. A request that lives
 * longer than the pass pins the snapshot it was routed with. */
#pragma once
#include <weir/abi.h>
#include <weir/cluster.h>
#include <weir/listener.h>

struct hs_scratch; /* Hyperscan */

/* One worker's pins on one snapshot. Written by that worker alone; ctrl sums them after
 * the grace period, when no new pin can appear. */
struct snapshot_pin {
	uint64_t n;
} WEIR_CACHE_ALIGNED;

struct snapshot {
	uint64_t generation; /* 1, 2, 3 ... in order of publication */

	struct listener_table listeners;

	/* Indexed by id; NULL where this snapshot has none. Arrays of per-worker state are
	 * grown to these sizes when a worker first sees the snapshot. */
	uint32_t n_listener_ids;
	const struct listener *const *listener_by_id;
	uint32_t n_cluster_ids;
	const struct cluster *const *cluster_by_id;
	uint32_t n_endpoint_ids;
	const struct endpoint *const *endpoint_by_id;
	uint32_t n_split_ids;

	/* Hyperscan scratch that fits every pattern_set here, one per worker; NULL when the
	 * snapshot has no regular expressions. Owned by the snapshot. */
	struct hs_scratch *scratch[WEIR_WORKERS_MAX];

	struct snapshot_pin pins[WEIR_WORKERS_MAX];
};

/* Both from the pinning worker only. */
static inline void snapshot_pin(struct snapshot *s, unsigned worker)
{
	__atomic_store_n(&s->pins[worker].n, s->pins[worker].n + 1, __ATOMIC_RELAXED);
}

/* Release: what the request read from the snapshot happened before ctrl frees it. */
static inline void snapshot_unpin(struct snapshot *s, unsigned worker)
{
	__atomic_store_n(&s->pins[worker].n, s->pins[worker].n - 1, __ATOMIC_RELEASE);
}

static inline uint64_t snapshot_pins(const struct snapshot *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WEIR_WORKERS_MAX; i++)
		n += __atomic_load_n(&s->pins[i].n, __ATOMIC_ACQUIRE);
	return n;
}

static inline const struct cluster *snapshot_cluster(const struct snapshot *s, uint32_t id)
{
	return id < s->n_cluster_ids ? s->cluster_by_id[id] : NULL;
}

static inline const struct listener *snapshot_listener(const struct snapshot *s, uint32_t id)
{
	return id < s->n_listener_ids ? s->listener_by_id[id] : NULL;
}
