/* pauses.c - how often, and for how long, a CPU does not run a program that only runs.
 *
 * Prints "N SHARE LONGEST": pauses of PAUSE_US and more, the share of time they take (0 to 1) and
 * the longest in microseconds. What they come from is not the program's: interrupts, the kernel's
 * own threads, and on a virtual machine the host, which runs somebody else meanwhile. No latency
 * measured on that CPU can be better than they let it be. */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_US 50

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t began, last, end, n = 0, sum = 0, longest = 0;
	cpu_set_t cpus;

	if (argc != 3) {
		fprintf(stderr, "usage: weir-pauses CPU SECONDS\n");
		return 2;
	}
	CPU_ZERO(&cpus);
	CPU_SET((size_t)atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0) {
		perror("sched_setaffinity");
		return 1;
	}
	began = last = now_ns();
	end = began + (uint64_t)(atof(argv[2]) * 1e9);
	while (last < end) {
		uint64_t now = now_ns(), gap = now - last;

		last = now;
		if (gap < PAUSE_US * 1000)
			continue;
		n++;
		sum += gap;
		longest = gap > longest ? gap : longest;
	}
	printf("%llu %.6f %.0f\n", (unsigned long long)n, (double)sum / (double)(last - began),
	       (double)longest / 1000);
	return 0;
}
