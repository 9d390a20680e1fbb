/* status_set.h - a set of HTTP statuses, a bit each. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define STATUS_SET_MAX 600u /* statuses below it can be in a set */

struct status_set {
	uint64_t bits[(STATUS_SET_MAX + 63) / 64];
};

static inline bool status_set_has(const struct status_set *s, unsigned status)
{
	return status < STATUS_SET_MAX && (s->bits[status / 64] >> (status % 64) & 1);
}

/* status is below STATUS_SET_MAX. */
static inline void status_set_add(struct status_set *s, unsigned status)
{
	s->bits[status / 64] |= 1ull << (status % 64);
}
