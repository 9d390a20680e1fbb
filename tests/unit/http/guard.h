/* guard.h - parser input that ends where a page ends: reading one byte too many is a fault. */
#pragma once
#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	char *base, *end; /* end is the first byte that cannot be touched */
	size_t room;
};

static inline struct guard guard_create(size_t room)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct guard g;

	room = (room + page - 1) / page * page;
	g.base =
		mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(g.base != MAP_FAILED);
	g.end = g.base + room;
	g.room = room;
	assert(mprotect(g.end, page, PROT_NONE) == 0);
	return g;
}

static inline void guard_destroy(struct guard *g)
{
	munmap(g->base, g->room + (size_t)sysconf(_SC_PAGESIZE));
}

/* A copy of p[0..n) that ends at the guard page. */
static inline char *guard_put(const struct guard *g, const void *p, size_t n)
{
	assert(n <= g->room);
	return memcpy(g->end - n, p, n);
}
