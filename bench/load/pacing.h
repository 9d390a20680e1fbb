/* pacing.h - the times at which an open loop means to act: evenly spaced, whatever happens.
 *
 * Whoever takes a turn late is told when it was meant to be, and counts latency from there:
 * a stalled server makes the requests that waited for it slow, not fewer (coordinated
 * omission). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pacer {
	uint64_t next; /* TSC of the next turn */
	uint64_t part; /* fraction of a cycle, 1/2^32 */
	uint64_t step; /* cycles between turns, 32.32 fixed point; 0: never */
};

static inline void pacer_init(struct pacer *p, double per_second, uint64_t hz, uint64_t now)
{
	p->next = now;
	p->part = 0;
	p->step = per_second > 0 ? (uint64_t)((double)hz / per_second * 4294967296.0) : 0;
}

static inline bool pacer_due(const struct pacer *p, uint64_t now)
{
	return p->step && now >= p->next;
}

/* Takes the oldest turn that is due; the time at which it was meant to be. */
static inline uint64_t pacer_take(struct pacer *p)
{
	uint64_t intended = p->next, part = p->part + (p->step & UINT32_MAX);

	p->next += (p->step >> 32) + (part >> 32);
	p->part = part & UINT32_MAX;
	return intended;
}
