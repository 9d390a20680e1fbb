/* sides.h - what few connections need and does not fit their record: the part of a head that
 * has arrived, and answers of different kinds that are not acknowledged yet. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "memory.h"

#define SIDES_MAX 8192 /* blocks */
#define SIDE_HEAD 4096 /* bytes: the longest head that may arrive in pieces */
#define SIDE_RUNS 64

/* `count` answers of one kind in a row. */
struct side_run {
	uint32_t kind, count;
};

struct side {
	uint16_t next_free;
	uint16_t head_len;
	uint16_t first_run, n_runs; /* a ring */
	struct side_run runs[SIDE_RUNS];
	uint8_t head[SIDE_HEAD + 16]; /* may be read in steps of 16 */
};

struct sides {
	struct side *at;     /* block 0 is none */
	uint16_t free, used; /* blocks from `used` on were never used */
};

static inline bool sides_init(struct sides *s)
{
	s->at = memory_reserve(sizeof(*s->at) * SIDES_MAX);
	s->free = 0;
	s->used = 1;
	return s->at != NULL;
}

static inline struct side *side_of(const struct sides *s, const struct conn *c)
{
	return &s->at[c->side];
}

/* The connection's block, empty if it had none; NULL when all are in use. */
static inline struct side *side_get(struct sides *s, struct conn *c)
{
	struct side *b;

	if (c->side)
		return &s->at[c->side];
	if (s->free) {
		c->side = s->free;
		s->free = s->at[c->side].next_free;
	} else if (s->used < SIDES_MAX) {
		c->side = s->used++;
	} else {
		return NULL;
	}
	b = &s->at[c->side];
	b->head_len = b->first_run = b->n_runs = 0;
	return b;
}

static inline void side_put(struct sides *s, struct conn *c)
{
	if (!c->side)
		return;
	s->at[c->side].next_free = s->free;
	s->free = c->side;
	c->side = 0;
}

/* Gives the block back when nothing is in it. */
static inline void side_put_empty(struct sides *s, struct conn *c)
{
	if (c->side && s->at[c->side].head_len == 0 && s->at[c->side].n_runs == 0)
		side_put(s, c);
}
