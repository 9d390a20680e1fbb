/* idle.h - for how long a worker without work spins before it sleeps. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Cheaper than a system call when traffic is merely sparse; on a CPU that others want, too, it is
 * theirs that is spent, and a system call is the better price. */
#define IDLE_SPIN_US         40u
#define IDLE_SPIN_CROWDED_US 5u

struct idle {
	uint64_t since_us;       /* the last work */
	uint64_t looked_us;      /* when `preempted` was read */
	long preempted;          /* times that the kernel gave the CPU to somebody else */
	uint64_t crowded_end_us; /* the CPU is taken for shared until then; 0: it never was */
};

/* The thread has been preempted so often in all, as of now. */
void idle_note(struct idle *i, long preempted, uint64_t now_us);

/* Has the calling worker, which has no work, spun for long enough? */
bool idle_is_over(struct idle *i, uint64_t now_us);
