/* idle.c - owns the decision to sleep. Whether the CPU is the worker's own is seen by how often it
 * is taken away: on one that is isolated hardly ever, on one that is shared thousands of times a
 * second. */
#include <worker/idle.h>

#include <sys/resource.h>

#define LOOK_US     10000u
#define CROWDED_MIN 5 /* preemptions between two looks */
/* A worker that sleeps early is preempted less: that the CPU is shared is remembered. */
#define CROWDED_US 100000u

void idle_note(struct idle *i, long preempted, uint64_t now_us)
{
	if (i->looked_us && preempted - i->preempted >= CROWDED_MIN)
		i->crowded_end_us = now_us + CROWDED_US;
	i->preempted = preempted;
	i->looked_us = now_us;
}

bool idle_is_over(struct idle *i, uint64_t now_us)
{
	uint64_t spun_us = now_us - i->since_us;

	if (spun_us <= IDLE_SPIN_CROWDED_US)
		return false;
	if (now_us - i->looked_us > LOOK_US) {
		struct rusage used;

		if (getrusage(RUSAGE_THREAD, &used) == 0)
			idle_note(i, used.ru_nivcsw, now_us);
	}
	return spun_us > IDLE_SPIN_US || now_us < i->crowded_end_us;
}
