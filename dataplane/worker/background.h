/* background.h - when a worker does what nobody waits for: copies of requests, and the answers to
 * them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* How long it stands back for what somebody waits for. */
#define BACKGROUND_WAIT_US 50u

struct background {
	uint64_t due_us; /* when it has stood back for long enough; 0: there is none */
};

enum background_share {
	BACKGROUND_NOTHING,
	BACKGROUND_ONE,  /* the next thing */
	BACKGROUND_PART, /* a part of all, until nothing is left */
};

/* What to do of it in this pass. any: there is something; wanted: somebody waits for the worker, or
 * will when an answer arrives. */
enum background_share background_turn(struct background *b, bool any, bool wanted, uint64_t now_us);
