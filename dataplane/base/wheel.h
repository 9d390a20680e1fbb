/* wheel.h - one worker's timers: a hierarchical timing wheel with O(1) arm and cancel.
 *
 * Time is microseconds of the worker's clock; resolution is one tick (WHEEL_TICK_US) and a
 * timer never fires early. A timer lives inside the object it is for and is not allocated. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_TICK_US 1024u /* a shift, not a division */
#define WHEEL_BITS    8
#define WHEEL_SLOTS   (1u << WHEEL_BITS)
#define WHEEL_LEVELS  4 /* 2^32 ticks: 50 days */

struct wheel_timer {
	struct wheel_timer *next, *prev; /* next == NULL: not armed */
	uint64_t expires;                /* tick */
};

typedef void (*wheel_fn)(void *arg, struct wheel_timer *t);

struct wheel {
	uint64_t tick; /* everything before it has fired */
	uint32_t armed;
	wheel_fn fire; /* called for each expired timer, already disarmed */
	void *arg;
	struct wheel_timer slots[WHEEL_LEVELS][WHEEL_SLOTS]; /* list heads */
	uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64];
};

void wheel_init(struct wheel *w, uint64_t now_us, wheel_fn fire, void *arg);

/* Arms t for at_us (now or in the past: the next turn). t may be armed already. */
void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t at_us);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);

static inline bool wheel_armed(const struct wheel_timer *t)
{
	return t->next != NULL;
}

/* Will t fire at at_us, or earlier? Late by less than a tick counts as in time. */
static inline bool wheel_fires_by(const struct wheel_timer *t, uint64_t at_us)
{
	return wheel_armed(t) && t->expires * WHEEL_TICK_US <= at_us + WHEEL_TICK_US;
}

/* Fires what has expired by now_us. Callbacks may arm and cancel any timer. */
void wheel_turn(struct wheel *w, uint64_t now_us);

/* The earliest time at which a turn may have work, UINT64_MAX when nothing is armed.
 * A lower bound: a turn then may only move timers between levels. */
uint64_t wheel_next(const struct wheel *w);
