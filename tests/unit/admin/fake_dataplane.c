/* fake_dataplane.c - dataplane.h without devices. Idle at once when drained, unless
 * WEIR_FAKE_BUSY is set: then it never is. */
#include "fake_dataplane.h"

#include <stdlib.h>
#include <string.h>

struct dataplane *fake_dataplane_create(unsigned n_workers)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));

	dp->n_workers = n_workers;
	dp->counters = aligned_alloc(WEIR_CACHE_LINE, n_workers * sizeof(*dp->counters));
	memset(dp->counters, 0, n_workers * sizeof(*dp->counters));
	dp->requests = calloc(n_workers, sizeof(*dp->requests));
	dp->rings = aligned_alloc(WEIR_CACHE_LINE, n_workers * sizeof(*dp->rings));
	memset(dp->rings, 0, n_workers * sizeof(*dp->rings));
	dp->mbufs_total = 4096;
	dp->idle = getenv("WEIR_FAKE_BUSY") == NULL;
	return dp;
}

struct request_stat *fake_dataplane_row(struct dataplane *dp, unsigned worker, const char *cluster,
					uint16_t status)
{
	struct request_stat *r = dp->requests[worker].rows;

	while (r->used)
		r++;
	r->used = 1;
	r->status = status;
	strcpy(r->cluster, cluster);
	return r;
}

struct dataplane *dataplane_create(const struct dataplane_config *cfg, struct publish_cell *cell,
				   char *err, size_t err_len)
{
	(void)cell;
	if (cfg->n_ifaces && strncmp(cfg->ifaces[0].device, "net_broken", 10) == 0) {
		snprintf(err, err_len, "interface %s: there is no such device",
			 cfg->ifaces[0].name);
		return NULL;
	}
	return fake_dataplane_create(cfg->n_workers);
}

void dataplane_start(struct dataplane *dp)
{
	dp->started = true;
}

void dataplane_wake(struct dataplane *dp)
{
	dp->wakes++;
}

void dataplane_drain(struct dataplane *dp)
{
	dp->draining = true;
}

bool dataplane_idle(const struct dataplane *dp)
{
	return dp->idle;
}

void dataplane_stop(struct dataplane *dp)
{
	dp->stopped = true;
}

void dataplane_destroy(struct dataplane *dp)
{
	free(dp->counters);
	free(dp->requests);
	free(dp->rings);
	free(dp);
}

void dataplane_capture(struct dataplane *dp, struct capture *c)
{
	dp->capture = c;
}

uint64_t dataplane_now_us(const struct dataplane *dp)
{
	(void)dp;
	return 1000000;
}

unsigned dataplane_workers(const struct dataplane *dp)
{
	return dp->n_workers;
}

const struct counters *dataplane_counters(const struct dataplane *dp, unsigned worker)
{
	return &dp->counters[worker];
}

const struct request_stats *dataplane_requests(const struct dataplane *dp, unsigned worker)
{
	return &dp->requests[worker];
}

struct log_ring *dataplane_log_ring(struct dataplane *dp, unsigned worker)
{
	return &dp->rings[worker];
}

bool dataplane_next_duplicate(struct dataplane *dp, const char **iface, struct ip_addr *ip)
{
	(void)dp, (void)iface, (void)ip;
	return false;
}

bool dataplane_member_up(const struct dataplane *dp, unsigned iface, unsigned member)
{
	return dp->members_up[iface] >> member & 1;
}

uint32_t dataplane_mbufs_in_use(const struct dataplane *dp)
{
	return dp->mbufs_in_use;
}

uint32_t dataplane_mbufs_total(const struct dataplane *dp)
{
	return dp->mbufs_total;
}
