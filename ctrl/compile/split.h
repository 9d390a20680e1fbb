/* split.h - weights to tables: every index as often as its weight says, in a good order.
 *
 * A table is a row of blocks, each of which keeps the weights exactly. Inside a block the
 * order is even (an index comes back at regular distances) and then shuffled within short
 * windows, so that any run of requests, wherever it starts, is off by a few at most, and a
 * client with a period of its own does not resonate with the table. */
#pragma once
#include <common/arena.h>
#include <stdbool.h>
#include <stdint.h>

/* Slots for weights of sums up to this are exact. */
#define SPLIT_SLOTS_MAX 65535u

/* Divides weights by their greatest common divisor and, should their sum still be above max,
 * scales them down to it (nothing falls to 0 that was not 0). False when it had to. */
bool split_reduce(uint32_t *weights, uint32_t n, uint32_t max);

/* Even order of reduced weights: the sum of the weights slots. */
uint32_t *split_spread(struct arena *a, const uint32_t *weights, uint32_t n, uint32_t *n_slots);

/* The table of a split over n reduced weights; seed decides the shuffling. */
uint16_t *split_table(struct arena *a, const uint32_t *weights, uint32_t n, const char *seed,
		      uint32_t *n_slots);
