/* tsc_hz.c - prints how many times a second the time stamp counter counts.
 *
 * The kernel knows but does not say; weir counts cycles, so the runner needs it to compare. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define MEASURE_NS 100000000

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int main(void)
{
	uint64_t began_ns = now_ns(), began = __rdtsc(), ns;

	do
		ns = now_ns() - began_ns;
	while (ns < MEASURE_NS);
	printf("%.0f\n", (double)(__rdtsc() - began) * 1e9 / (double)ns);
	return 0;
}
