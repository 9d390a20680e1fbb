/* arena.h - memory that is freed all at once: a resource, a compiled object, a snapshot. */
#pragma once
#include <stddef.h>

struct arena;

struct arena *arena_create(void);
void arena_destroy(struct arena *a); /* NULL is fine */

/* Zeroed, aligned for anything. Never NULL: the process ends when memory is gone, with a
 * message (control code only; workers never allocate). */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
/* Likewise, at the start of a cache line. */
void *arena_lines(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_bytes(const struct arena *a);
