/* memory.h - big arrays: zeroed, touched only as they are used, in huge pages where the kernel
 * gives some. They live as long as the process. */
#pragma once
#include <stddef.h>
#include <sys/mman.h>

/* NULL when there is no memory. Aligned to a page. */
static inline void *memory_reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}
