/* h2_mem.c - malloc() with an account; one thread's, so that malloc() has it in its cache. */
#include <http/h2_mem.h>

#include <stdlib.h>
#include <string.h>

/* In front of every piece, whose alignment it keeps. */
struct piece {
	size_t size;
} __attribute__((aligned(16)));

static void *resize(void *p, size_t size, void *arg)
{
	struct h2_mem *m = arg;
	struct piece *piece = p ? (struct piece *)p - 1 : NULL;
	size_t before = piece ? piece->size : 0, all = size + sizeof(*piece);

	if (all < size || m->used - before > m->max || all > m->max - (m->used - before)) {
		counter_inc(m->counters, CTR_HTTP2_MEMORY_REFUSED);
		return NULL;
	}
	piece = realloc(piece, all);
	if (!piece)
		return NULL;
	piece->size = all;
	m->used += all - before;
	return piece + 1;
}

static void *get(size_t size, void *arg)
{
	return resize(NULL, size, arg);
}

static void *get_zeroed(size_t n, size_t size, void *arg)
{
	void *p = size && n > SIZE_MAX / size ? NULL : resize(NULL, n * size, arg);

	return p ? memset(p, 0, n * size) : NULL;
}

static void put(void *p, void *arg)
{
	struct h2_mem *m = arg;
	struct piece *piece = p ? (struct piece *)p - 1 : NULL;

	if (piece)
		m->used -= piece->size;
	free(piece);
}

void h2_mem_init(struct h2_mem *m, size_t max, struct counters *counters)
{
	m->api = (nghttp2_mem){
		.mem_user_data = m,
		.malloc = get,
		.free = put,
		.calloc = get_zeroed,
		.realloc = resize,
	};
	m->used = 0;
	m->max = max;
	m->counters = counters;
}

void *h2_mem_get(struct h2_mem *m, size_t size)
{
	return get_zeroed(1, size, m);
}

void h2_mem_put(struct h2_mem *m, void *p)
{
	put(p, m);
}
