/* run.h - one run: two ends, a link between them, and the clock that moves both. */
#pragma once
#include "side.h"

#define RUN_LIMIT_US (400ull * 1000 * 1000) /* for all users together */

struct run {
	struct rng rng;
	struct link link;
	struct side side[2];
	uint64_t seed, start_us, now_us;
	struct tcp_config cfg[2];
	uint64_t moved_us; /* when a user last got anything */
	uint64_t gap_us;   /* the longest time between two such moments */
	uint64_t moves;
	char why[160];
};

/* Always false. */
bool run_fail(struct run *r, const char *why);

void run_set_up(struct run *r, const struct link_config *l, const struct tcp_config cfg[2],
		struct rte_mempool *pool, uint16_t mtu);
/* Frees it all; false when mbufs are missing. */
bool run_tear_down(struct run *r, struct rte_mempool *pool, bool good);

/* The k-th pair of users: 0's side connects. */
void run_pair(struct run *r, unsigned k, const struct app_plan *client,
	      const struct app_plan *server);

/* Until done; false, with the reason in why, when it takes longer than limit_us or something is
 * wrong. */
bool run_until(struct run *r, bool (*done)(const struct run *r), uint64_t limit_us,
	       const char *why);

bool run_all_over(const struct run *r);
bool run_no_conns(const struct run *r);

struct rte_mempool *run_pool(void);
