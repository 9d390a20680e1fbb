/* fifo.h - connections in the order in which something is due for them. One entry for each
 * connection at most (a flag of the connection says that it is in), so that it never overflows
 * when it was made for all of them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

struct fifo_entry {
	uint32_t conn;
	uint32_t due_us;
};

struct fifo {
	struct fifo_entry *at;
	uint32_t mask, head, tail;
};

/* False when there is no memory. Freed with the process. */
static inline bool fifo_init(struct fifo *f, uint32_t capacity)
{
	uint32_t n = 2;

	while (n <= capacity)
		n *= 2;
	f->at = memory_reserve((size_t)n * sizeof(*f->at));
	f->mask = n - 1;
	f->head = f->tail = 0;
	return f->at != NULL;
}

static inline uint32_t fifo_count(const struct fifo *f)
{
	return f->tail - f->head;
}

static inline bool fifo_full(const struct fifo *f)
{
	return fifo_count(f) > f->mask;
}

static inline void fifo_push(struct fifo *f, uint32_t conn, uint32_t due_us)
{
	f->at[f->tail++ & f->mask] = (struct fifo_entry){conn, due_us};
}

static inline uint32_t fifo_pop(struct fifo *f)
{
	return f->at[f->head++ & f->mask].conn;
}

/* Is the first entry's time come? */
static inline bool fifo_due(const struct fifo *f, uint32_t now_us)
{
	return f->head != f->tail && (int32_t)(now_us - f->at[f->head & f->mask].due_us) >= 0;
}
