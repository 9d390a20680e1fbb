/* dataplane.c - the control thread's handle on all workers (include/weir/dataplane.h). */
#include <weir/dataplane.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <rte_pause.h>

#include <net/bond.h>
#include <upstream/mailbox.h>
#include <worker/tsc.h>
#include <worker/worker.h>

struct dataplane {
	struct dataplane_config cfg;
	struct worker_orders orders;
	struct net_ports *ports;
	struct rte_mempool *pool;
	unsigned n_workers;
	uint32_t downstream WEIR_CACHE_ALIGNED; /* client connections, where they are limited */
	struct mailbox mailboxes[WEIR_WORKERS_MAX];
	struct worker workers[];
};

struct dataplane *dataplane_create(const struct dataplane_config *cfg, struct publish_cell *cell,
				   char *err, size_t err_len)
{
	size_t size = sizeof(struct dataplane) + cfg->n_workers * sizeof(struct worker);
	struct dataplane *dp = aligned_alloc(64, (size + 63) & ~(size_t)63);
	struct moment start = moment_now();
	uint64_t rate;

	if (!dp) {
		snprintf(err, err_len, "no memory for %u workers", cfg->n_workers);
		return NULL;
	}
	memset(dp, 0, size);
	dp->cfg = *cfg;
	dp->ports = net_ports_open(&dp->cfg, &dp->pool, err, err_len);
	if (!dp->ports) {
		free(dp);
		return NULL;
	}
	rate = tsc_rate_since(&start);
	for (unsigned i = 0; i < cfg->n_workers; i++) {
		struct worker *w = &dp->workers[i];

		w->index = i;
		w->cell = cell;
		w->orders = &dp->orders;
		w->mailboxes = dp->mailboxes;
		w->downstream = &dp->downstream;
		w->tsc_start = start.tsc;
		w->us_per_tsc = rate;
		w->wake_fd = -1;
		dp->n_workers++;
		if (!worker_init(w, &dp->cfg, dp->ports, dp->pool, err, err_len)) {
			dataplane_destroy(dp);
			return NULL;
		}
	}
	return dp;
}

void dataplane_start(struct dataplane *dp)
{
	unsigned lcore, i = 0;

	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (i == dp->n_workers)
			break;
		rte_eal_remote_launch(worker_main, &dp->workers[i++], lcore);
	}
	for (i = 0; i < dp->n_workers; i++)
		while (!__atomic_load_n(&dp->workers[i].running, __ATOMIC_ACQUIRE))
			usleep(100);
}

void dataplane_wake(struct dataplane *dp)
{
	const uint64_t one = 1;

	for (unsigned i = 0; i < dp->n_workers; i++) {
		/* A full eventfd is awake already. */
		if (write(dp->workers[i].wake_fd, &one, sizeof(one)) < 0)
			continue;
	}
}

void dataplane_drain(struct dataplane *dp)
{
	for (unsigned i = 0; i < dp->n_workers; i++)
		__atomic_store_n(&dp->workers[i].open, UINT32_MAX, __ATOMIC_RELAXED);
	__atomic_store_n(&dp->orders.drain, true, __ATOMIC_RELEASE);
	dataplane_wake(dp);
}

bool dataplane_idle(const struct dataplane *dp)
{
	for (unsigned i = 0; i < dp->n_workers; i++)
		if (__atomic_load_n(&dp->workers[i].open, __ATOMIC_RELAXED))
			return false;
	return true;
}

void dataplane_stop(struct dataplane *dp)
{
	__atomic_store_n(&dp->orders.stop, true, __ATOMIC_RELEASE);
	dataplane_wake(dp);
	rte_eal_mp_wait_lcore();
}

void dataplane_destroy(struct dataplane *dp)
{
	if (!dp)
		return;
	for (unsigned i = 0; i < dp->n_workers; i++)
		worker_fini(&dp->workers[i]);
	net_ports_close(dp->ports);
	free(dp);
}

/* A worker takes the pointer anew in each pass, and is quiescent between two. */
void dataplane_capture(struct dataplane *dp, struct capture *c)
{
	net_set_capture(dp->ports, c);
	publish_synchronize(dp->workers[0].cell);
}

uint64_t dataplane_now_us(const struct dataplane *dp)
{
	return worker_clock_us(&dp->workers[0], rte_rdtsc());
}

unsigned dataplane_workers(const struct dataplane *dp)
{
	return dp->n_workers;
}

const struct counters *dataplane_counters(const struct dataplane *dp, unsigned worker)
{
	return &dp->workers[worker].counters;
}

const struct request_stats *dataplane_requests(const struct dataplane *dp, unsigned worker)
{
	return dp->workers[worker].stats;
}

struct log_ring *dataplane_log_ring(struct dataplane *dp, unsigned worker)
{
	return dp->workers[worker].log;
}

bool dataplane_next_duplicate(struct dataplane *dp, const char **iface, struct ip_addr *ip)
{
	unsigned port;

	if (!net_next_duplicate(dp->ports, &port, ip))
		return false;
	*iface = dp->cfg.ifaces[port].name;
	return true;
}

bool dataplane_member_up(const struct dataplane *dp, unsigned iface, unsigned member)
{
	return bond_member_up(dp->ports, iface, member);
}

uint32_t dataplane_mbufs_in_use(const struct dataplane *dp)
{
	return rte_mempool_in_use_count(dp->pool);
}

uint32_t dataplane_mbufs_total(const struct dataplane *dp)
{
	return dp->pool->size;
}
