/* answer.h - what a backend answers: a kind says all of it, so that any piece of it can be made
 * again. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "emit.h"

/* A kind: the length of the body in the low bits, what it is above them. */
#define ANSWER_LENGTH 0x0fffffffu
#define ANSWER_CLOSE  0x80000000u /* says that the connection ends, and ends it */
#define ANSWER_WHAT   0x70000000u

enum answer_what {
	ANSWER_OK = 0,
	ANSWER_UNAVAILABLE = 1u << 28, /* 503 */
	ANSWER_MISSING = 2u << 28,     /* 404 */
	ANSWER_BAD = 3u << 28,         /* 400 */
	ANSWER_FLIPPED = 4u << 28,     /* one byte of the body is wrong */
	ANSWER_LONGER = 5u << 28,      /* the body is one byte longer */
};

#define ANSWER_CACHE_BITS 12
#define ANSWER_CACHED     480 /* bytes: small answers are kept whole */

struct answer {
	uint32_t kind;
	uint32_t head_len;
	uint32_t total; /* head and body; 0: the entry is empty */
	uint64_t sum;   /* of all when it is kept whole, else of the head */
	uint8_t bytes[ANSWER_CACHED + 16];
};

struct answers {
	const struct pattern *pattern;
	struct answer cache[1u << ANSWER_CACHE_BITS];
};

void answer_make(struct answers *a, uint32_t kind, struct answer *e);

/* Valid until the next call for another kind. */
static inline const struct answer *answer_get(struct answers *a, uint32_t kind)
{
	struct answer *e = &a->cache[(kind * 0x9e3779b9u) >> (32 - ANSWER_CACHE_BITS)];

	if (__builtin_expect(e->kind != kind || e->total == 0, 0))
		answer_make(a, kind, e);
	return e;
}

/* Adds n bytes of an answer, from `rel` on. */
void answer_emit(const struct answers *a, const struct answer *e, uint32_t rel, uint32_t n,
		 struct emit *out);
