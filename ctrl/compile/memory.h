/* memory.h - heap memory of the compiler that outlives one build: zeroed, never NULL.
 *
 * Control code ends the process when memory is gone, as arenas do. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *memory_check(void *p)
{
	if (!p) {
		fprintf(stderr, "weir: out of memory while compiling the configuration\n");
		abort();
	}
	return p;
}

static inline void *memory_alloc(size_t size)
{
	return memory_check(calloc(1, size ? size : 1));
}

/* A growable array's next buffer: room for one more of n elements, doubling. */
static inline void *memory_grow(void *items, uint32_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return items;
	*cap = *cap ? *cap * 2 : 8;
	return memory_check(realloc(items, *cap * size));
}

static inline void *memory_copy(const void *from, size_t size)
{
	return memcpy(memory_alloc(size), from, size);
}
