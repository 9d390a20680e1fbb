/* alloc_count.c - counts what a program asks the allocator for, by thread: LD_PRELOAD.
 *
 * The counts lie in the file that BENCH_ALLOC_FILE names, an array of `struct slot` that the
 * benchmark's runner reads while the program runs. A thread takes a slot with its first call and
 * keeps it; a forked child takes its own. Without the file nothing is counted. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 256 /* the runner's alloc.py knows it too */

struct slot {
	uint64_t tid; /* 0: free */
	uint64_t calls;
	uint64_t bytes;
	uint64_t unused[5]; /* a cache line: threads do not disturb each other */
};

/* glibc's own names of what is replaced here: no dlsym(), which allocates itself. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct slot *slots;
static uint64_t taken;
static __thread struct slot *mine __attribute__((tls_model("initial-exec")));

/* The parent's slot stays the parent's. */
static void after_fork(void)
{
	mine = NULL;
}

__attribute__((constructor)) static void open_slots(void)
{
	const char *path = getenv("BENCH_ALLOC_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return;
	at = mmap(NULL, SLOTS * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return;
	pthread_atfork(NULL, NULL, after_fork);
	slots = at;
}

/* Programs that the counted one starts find the next slots free: `taken` is only a hint. */
static struct slot *take_slot(void)
{
	uint64_t i = __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);

	for (; i < SLOTS; i++) {
		uint64_t none = 0;

		if (__atomic_compare_exchange_n(&slots[i].tid, &none, (uint64_t)gettid(), 0,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return &slots[i];
	}
	return NULL;
}

static void count(size_t size)
{
	if (!slots)
		return;
	if (!mine)
		mine = take_slot();
	if (!mine)
		return;
	mine->calls++;
	mine->bytes += size;
}

void *malloc(size_t size)
{
	count(size);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count(n * size);
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	count(size);
	return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
	count(size);
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p;

	if (alignment % sizeof(void *) || alignment == 0 || (alignment & (alignment - 1)))
		return EINVAL;
	p = memalign(alignment, size);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}
