/* span.h - bytes that belong to somebody else. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *p;
	uint32_t n;
};

static inline struct span span_of(const char *p, size_t n)
{
	return (struct span){p, (uint32_t)n};
}

/* ASCII, as everything in a message head is. */
static inline char span_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static inline bool span_eq_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++)
		if (span_lower(a.p[i]) != span_lower(b.p[i]))
			return false;
	return true;
}
