/* publish.h - the one pointer all workers read: publish, load, quiesce.
 *
 * Readers are identified by worker index. A worker is online while it polls; it reports
 * quiescent once per pass, holding no snapshot pointer then but pinned ones, and goes
 * offline around sleeping, so that nobody waits for a sleeper. */
#pragma once
#include <rte_rcu_qsbr.h>

#include <weir/snapshot.h>

struct publish_cell {
	struct snapshot *current; /* NULL before the first configuration */
	struct rte_rcu_qsbr *qsbr;
};

/* Worker side. The result is valid until the worker next reports quiescent. */
static inline struct snapshot *publish_load(const struct publish_cell *c)
{
	return __atomic_load_n(&c->current, __ATOMIC_ACQUIRE);
}

static inline void publish_quiescent(struct publish_cell *c, unsigned worker)
{
	rte_rcu_qsbr_quiescent(c->qsbr, worker);
}

static inline void publish_online(struct publish_cell *c, unsigned worker)
{
	rte_rcu_qsbr_thread_online(c->qsbr, worker);
}

static inline void publish_offline(struct publish_cell *c, unsigned worker)
{
	rte_rcu_qsbr_thread_offline(c->qsbr, worker);
}

/* Control side: makes s the configuration and returns the one before it (or NULL), which
 * may be freed once publish_synchronize() has returned and its pins are zero. */
static inline struct snapshot *publish_swap(struct publish_cell *c, struct snapshot *s)
{
	return __atomic_exchange_n(&c->current, s, __ATOMIC_ACQ_REL);
}

/* Returns when every online worker has passed a quiescent state after the call began:
 * each of them then runs on what was published before the call. */
static inline void publish_synchronize(struct publish_cell *c)
{
	rte_rcu_qsbr_synchronize(c->qsbr, RTE_QSBR_THRID_INVALID);
}
