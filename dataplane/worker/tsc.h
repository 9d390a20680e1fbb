/* tsc.h - how fast the time stamp counter counts.
 *
 * DPDK's word for it may be rounded to 10 MHz: every timeout would be late by a tenth of a
 * percent. */
#pragma once
#include <stdint.h>

/* The counter and the kernel's clock, looked at together. */
struct moment {
	uint64_t tsc, ns;
};

struct moment moment_now(void);

/* Microseconds a count, fixed point with 32 bits of fraction; to some parts in 100,000. Waits until
 * 50 ms are over since then. */
uint64_t tsc_rate_since(const struct moment *then);
