/* region.h - large zeroed arrays for one core, on huge pages where the kernel has some.
 *
 * A million connections in random order would miss the TLB with nearly every touch of a small
 * page. Memory is reserved at once and touched as it is first used, two megabytes at a time
 * at most, so that a large limit costs nothing until it is needed. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define REGION_HUGE (2u * 1024 * 1024)

static inline size_t region_round(size_t size)
{
	return (size + REGION_HUGE - 1) & ~(size_t)(REGION_HUGE - 1);
}

/* At least size bytes, aligned to REGION_HUGE; NULL when memory is short. */
static inline void *region_map(size_t size)
{
	size_t want = region_round(size ? size : 1), all = want + REGION_HUGE;
	char *p = mmap(NULL, all, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = (size_t)(-(uintptr_t)p & (REGION_HUGE - 1));
	if (before)
		munmap(p, before);
	munmap(p + before + want, all - before - want);
	/* Small ones would only be rounded up. Without the advice it works as well, slower. */
	if (want >= 2 * (size_t)REGION_HUGE)
		madvise(p + before, want, MADV_HUGEPAGE);
	return p + before;
}

/* p: what region_map() gave for the same size, or NULL. */
static inline void region_unmap(void *p, size_t size)
{
	if (p)
		munmap(p, region_round(size ? size : 1));
}
