/* random.c - stands in for getrandom(): the secrets and seeds of a worker are the same in every
 * run, so that two runs do the same work. Linked with --wrap=getrandom. */
#include <sys/random.h>
#include <sys/types.h>

#include "bench.h"

ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags);

ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags)
{
	unsigned char *p = buf;

	(void)flags;
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(bench_random() >> 32);
	return (ssize_t)n;
}
