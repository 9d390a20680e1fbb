/* shared_count.h - counts that all workers share and that may not pass a limit. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Counts one more, unless there are as many as the limit says already. */
static inline bool shared_count_up(uint32_t *count, uint32_t limit)
{
	uint32_t v = __atomic_load_n(count, __ATOMIC_RELAXED);

	do {
		if (v >= limit)
			return false;
	} while (!__atomic_compare_exchange_n(count, &v, v + 1, true, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return true;
}
