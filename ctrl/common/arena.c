/* arena.c - chained blocks of memory that live and die together. */
#include <common/arena.h>

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Most resources are a few kilobytes: start small, double up to the limit. */
#define BLOCK_FIRST 1024u
#define BLOCK_LIMIT (256u * 1024u)
#define LINE        64u
#define HUGE        (2u * 1024u * 1024u)

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) uint8_t bytes[];
};

struct arena {
	struct block *head;
	size_t bytes; /* handed out, for statistics */
	size_t next_size;
};

static void die_of_memory(size_t size)
{
	fprintf(stderr, "weir: out of memory: %zu more bytes for configuration\n", size);
	abort();
}

static void *must_calloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		die_of_memory(size);
	return p;
}

/* Tables of that size are looked up in all over: on huge pages a look-up has one miss less. */
static void *must_calloc_huge(size_t size)
{
	void *p = aligned_alloc(HUGE, (size + HUGE - 1) / HUGE * HUGE);

	if (!p)
		die_of_memory(size);
	madvise(p, size, MADV_HUGEPAGE); /* where it is refused, the pages are small */
	memset(p, 0, size);
	return p;
}

struct arena *arena_create(void)
{
	struct arena *a = must_calloc(sizeof(*a));

	a->next_size = BLOCK_FIRST;
	return a;
}

void arena_destroy(struct arena *a)
{
	struct block *b, *next;

	if (!a)
		return;
	for (b = a->head; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

/* A large object gets a block of its own behind the head, so that the room left in the
 * current block is not lost. */
static struct block *grow(struct arena *a, size_t need)
{
	bool large = need > a->next_size;
	size_t size = large ? need : a->next_size;
	struct block *b;

	if (size > SIZE_MAX - sizeof(*b) - HUGE)
		die_of_memory(size);
	b = size < HUGE ? must_calloc(sizeof(*b) + size) : must_calloc_huge(sizeof(*b) + size);
	b->size = size;
	if (large && a->head) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		b->next = a->head;
		a->head = b;
	}
	if (!large && a->next_size < BLOCK_LIMIT)
		a->next_size *= 2;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t mask = alignof(max_align_t) - 1;
	struct block *b = a->head;
	void *p;

	if (size > SIZE_MAX / 2)
		die_of_memory(size);
	size = size ? (size + mask) & ~mask : alignof(max_align_t);
	if (!b || b->size - b->used < size)
		b = grow(a, size);
	p = b->bytes + b->used;
	b->used += size;
	a->bytes += size;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / 2 / size)
		die_of_memory(SIZE_MAX);
	return arena_alloc(a, n * size);
}

void *arena_lines(struct arena *a, size_t n, size_t size)
{
	uintptr_t p;

	if (size && n > SIZE_MAX / 4 / size)
		die_of_memory(SIZE_MAX);
	p = (uintptr_t)arena_alloc(a, n * size + LINE - 1);
	return (void *)((p + LINE - 1) & ~(uintptr_t)(LINE - 1));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text, *s;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		die_of_memory(strlen(fmt));
	s = arena_strdup(a, text);
	free(text);
	return s;
}

size_t arena_bytes(const struct arena *a)
{
	return a->bytes;
}
