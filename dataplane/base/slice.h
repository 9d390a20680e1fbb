/* slice.h - borrowed bytes with a length: what parsers hand out instead of strings. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	uint32_t n;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *p, uint32_t n)
{
	return (struct slice){p, n};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){s, (uint32_t)strlen(s)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	/* Two empty slices may have no memory to compare. */
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char ascii_lower(char c)
{
	return (unsigned char)(c - 'A') < 26 ? (char)(c | 0x20) : c;
}

/* ASCII case does not count. */
static inline bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}
