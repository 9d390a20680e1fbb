/* clock.h - the time of one pass of the loop, in every unit that somebody needs. */
#pragma once
#include <stdint.h>
#include <time.h>

#include <rte_cycles.h>

struct clock {
	uint64_t now; /* TSC */
	uint64_t start;
	uint64_t hz;
	uint64_t us_per_cycle; /* 32.32 fixed point, scaled by 2^32 once more: see clock_read() */
	uint32_t us;           /* since the start; wraps */
	uint32_t ms;           /* since the machine's start, so that a later run goes on from it */
	uint32_t ms_start;
};

static inline void clock_read(struct clock *c)
{
	uint64_t us;

	c->now = rte_rdtsc();
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
	c->start = rte_rdtsc();
	clock_read(c);
}
