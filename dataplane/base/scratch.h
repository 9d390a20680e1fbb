/* scratch.h - short-lived bytes: taken one after the other, given back all at once. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct scratch {
	char *buf;
	uint32_t size, used;
};

/* Room for n bytes, NULL when there is none left. */
static inline char *scratch_take(struct scratch *s, uint32_t n)
{
	char *p = s->buf + s->used;

	if (n > s->size - s->used)
		return NULL;
	s->used += n;
	return p;
}

static inline void scratch_reset(struct scratch *s)
{
	s->used = 0;
}
