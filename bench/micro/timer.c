/* timer.c - cycles to arm, move, cancel and fire timers, and to find that none is due. */
#include <stdlib.h>
#include <string.h>

#include <base/wheel.h>

#include "bench.h"

#define HOT      256u
#define COLD     1000000u
#define PASS_US  16u
#define LEAST_US 1000u           /* deadlines lie between these from now: delayed ACKs ... */
#define MOST_US  (3600000000ull) /* ... and idle times */

struct clock {
	struct wheel wheel;
	uint64_t now_us;
	struct wheel_timer *timers;
	uint32_t *order;
	uint64_t *due_us; /* distances from now, as random as the timers */
	uint32_t n, next;
	uint64_t fired;
};

static void fire(void *arg, struct wheel_timer *t)
{
	struct clock *c = arg;

	(void)t;
	c->fired++;
}

/* As many deadlines in each decade. */
static uint64_t distance(void)
{
	uint64_t most = LEAST_US;

	for (uint64_t i = bench_random() % 7; i; i--)
		most *= 10;
	return LEAST_US + bench_random() % (most < MOST_US ? most : MOST_US);
}

static void make(struct clock *c, uint32_t n)
{
	memset(c, 0, sizeof(*c));
	c->now_us = 1000 * WHEEL_TICK_US; /* at the start of a tick */
	c->n = n;
	c->timers = calloc(n, sizeof(*c->timers));
	c->due_us = malloc(n * sizeof(*c->due_us));
	bench_require(c->timers && c->due_us, "memory for timers");
	c->order = bench_shuffled(n);
	wheel_init(&c->wheel, c->now_us, fire, c);
	for (uint32_t i = 0; i < n; i++)
		c->due_us[i] = distance();
}

static void clear(struct clock *c)
{
	free(c->timers);
	free(c->due_us);
	free(c->order);
}

static uint32_t next(struct clock *c)
{
	if (c->next == c->n)
		c->next = 0;
	return c->next++;
}

static void arm(void *arg, unsigned n)
{
	struct clock *c = arg;

	for (unsigned i = 0; i < n; i++) {
		uint32_t k = next(c);

		wheel_arm(&c->wheel, &c->timers[c->order[k]], c->now_us + c->due_us[k]);
	}
}

static void cancel(void *arg, unsigned n)
{
	struct clock *c = arg;

	for (unsigned i = 0; i < n; i++)
		wheel_cancel(&c->wheel, &c->timers[c->order[next(c)]]);
}

static void arm_all(void *arg, unsigned n)
{
	struct clock *c = arg;

	(void)n;
	c->next = 0;
	arm(c, c->n);
	c->next = 0;
}

static void cancel_all(void *arg, unsigned n)
{
	struct clock *c = arg;

	(void)n;
	c->next = 0;
	cancel(c, c->n);
	c->next = 0;
}

/* Nothing is due for the next millisecond: what a pass usually finds. */
static void turn_idle(void *arg, unsigned n)
{
	struct clock *c = arg;

	for (unsigned i = 0; i < n; i++)
		wheel_turn(&c->wheel, c->now_us + i * PASS_US / n);
}

static void prepare_firing(void *arg, unsigned n)
{
	struct clock *c = arg;

	for (unsigned i = 0; i < n; i++)
		wheel_arm(&c->wheel, &c->timers[c->order[next(c)]], c->now_us + LEAST_US);
	c->now_us += 3 * LEAST_US;
}

static void turn_firing(void *arg, unsigned n)
{
	struct clock *c = arg;
	uint64_t before = c->fired;

	wheel_turn(&c->wheel, c->now_us);
	bench_require(c->fired - before == n, "every timer fires");
}

static void measure(struct clock *c, const char *name, unsigned batch,
		    void (*prepare)(void *, unsigned), void (*run)(void *, unsigned))
{
	bench_measure(&(struct bench_case){
		.name = name, .prepare = prepare, .run = run, .arg = c, .batch = batch});
}

static void measure_hot(void)
{
	struct clock c;

	make(&c, HOT);
	measure(&c, "arm", HOT, cancel_all, arm);
	measure(&c, "rearm", HOT, arm_all, arm);
	measure(&c, "cancel", HOT, arm_all, cancel);
	measure(&c, "turn_idle", HOT, arm_all, turn_idle);
	cancel_all(&c, 0);
	measure(&c, "fire", HOT, prepare_firing, turn_firing);
	clear(&c);
}

/* Each tick has a batch's timers, all over memory; those of far ticks come down the levels. */
static void spread(struct clock *c)
{
	for (uint32_t k = 0; k < c->n; k++)
		wheel_arm(&c->wheel, &c->timers[c->order[k]],
			  c->now_us + (k / HOT + 2) * WHEEL_TICK_US);
	c->now_us += WHEEL_TICK_US;
}

static void next_tick(void *arg, unsigned n)
{
	struct clock *c = arg;

	(void)n;
	c->now_us += WHEEL_TICK_US;
}

static void measure_cold(void)
{
	struct clock c;

	make(&c, bench_is_smoke() ? 16 * HOT : COLD / HOT * HOT);
	arm_all(&c, 0);
	measure(&c, "rearm_cold", HOT, NULL, arm);
	spread(&c);
	measure(&c, "fire_cold", HOT, next_tick, turn_firing);
	clear(&c);
}

int main(int argc, char **argv)
{
	bench_init(argc, argv, "timer", "other", BENCH_EAL_MIB);
	measure_hot();
	measure_cold();
	return bench_exit();
}
