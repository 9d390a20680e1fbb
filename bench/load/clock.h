/* clock.h - the time of one pass of the loop, in every unit that somebody needs.
 *
 * TCP's time (us, ms) stands still while this process does not run: what waits in a ring
 * meanwhile must not be taken for lost. */
#pragma once
#include <stdint.h>
#include <time.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#define CLOCK_GAP_MS 10

struct clock {
	uint64_t now;   /* TSC: the real time */
	uint64_t start; /* TSC, moved on by what TCP's time leaves out */
	uint64_t gap;   /* cycles; a pass takes less */
	uint64_t hz;
	uint64_t us_per_cycle; /* 32.32 fixed point, scaled by 2^32 once more: see clock_read() */
	uint32_t us;           /* since the start; wraps */
	uint32_t ms;           /* since the machine's start, so that a later run goes on from it */
	uint32_t ms_start;
};

static inline void clock_read(struct clock *c)
{
	uint64_t us, now = rte_rdtsc();

	if (unlikely(now - c->now > c->gap))
		c->start += now - c->now - c->gap;
	c->now = now;
	us = (uint64_t)(((unsigned __int128)(c->now - c->start) * c->us_per_cycle) >> 64);
	c->us = (uint32_t)us;
	c->ms = c->ms_start + (uint32_t)(us / 1000);
}

static inline void clock_init(struct clock *c)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	c->hz = rte_get_tsc_hz();
	c->us_per_cycle = (uint64_t)(((unsigned __int128)1000000 << 64) / c->hz);
	c->ms_start = (uint32_t)((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
	c->gap = c->hz / 1000 * CLOCK_GAP_MS;
	c->start = c->now = rte_rdtsc();
	clock_read(c);
}
