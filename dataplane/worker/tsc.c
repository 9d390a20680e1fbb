/* tsc.c - the time stamp counter beside the kernel's clock. */
#include <worker/tsc.h>

#include <time.h>

#include <rte_cycles.h>

#define MEASURE_NS 50000000ull
/* Whoever was stopped between the two has looked at two moments. */
#define TOGETHER_CYCLES 10000u
#define TRIES           100u

struct moment moment_now(void)
{
	uint64_t before, cycles = UINT64_MAX;
	struct timespec ts = {0};
	struct moment m = {0};

	for (unsigned i = 0; i < TRIES && cycles > TOGETHER_CYCLES; i++) {
		before = rte_rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		m.tsc = rte_rdtsc();
		cycles = m.tsc - before;
	}
	m.ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	return m;
}

uint64_t tsc_rate_since(const struct moment *then)
{
	struct moment now = moment_now();

	while (now.ns - then->ns < MEASURE_NS)
		now = moment_now();
	return (uint64_t)(((unsigned __int128)(now.ns - then->ns) << 32) / (now.tsc - then->tsc) /
			  1000);
}
