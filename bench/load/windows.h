/* windows.h - the latencies of an open loop, short window by short window.
 *
 * A pause of the machine (a virtual CPU that is not run for milliseconds) is seen by every request
 * that was due meanwhile, and a few of them are more than one request in a hundred of the whole
 * run. By window they can be told from what the system under test does itself: they spoil the
 * windows they fall into and leave the others. */
#pragma once
#include <stdint.h>

#include "histogram.h"

#define WINDOWS_KEPT 3000 /* later windows are not kept */

struct window {
	uint64_t responses;
	uint64_t p50, p99, max; /* TSC cycles */
};

struct windows {
	uint64_t length, end; /* TSC cycles; TSC */
	uint32_t n;
	struct histogram current;
	struct window kept[WINDOWS_KEPT];
};

/* length: of each window, TSC cycles. */
void windows_begin(struct windows *w, uint64_t length, uint64_t now);

/* Closes the window when its time is over, and begins the next. */
void windows_turn(struct windows *w, uint64_t now);
