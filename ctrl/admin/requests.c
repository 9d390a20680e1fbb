/* requests.c - copies what the workers counted, so that one answer agrees with itself while
 * they go on counting. */
#include "requests.h"

#include <stdlib.h>
#include <string.h>

int requests_compare_labels(const struct request_stat *a, const struct request_stat *b)
{
	int c = (int)a->session - (int)b->session;

	if (c == 0)
		c = strncmp(a->service_host, b->service_host, sizeof(a->service_host));
	if (c == 0)
		c = strncmp(a->service_name, b->service_name, sizeof(a->service_name));
	if (c == 0)
		c = strncmp(a->service_namespace, b->service_namespace,
			    sizeof(a->service_namespace));
	if (c == 0)
		c = strncmp(a->version, b->version, sizeof(a->version));
	if (c == 0)
		c = (int)a->status - (int)b->status;
	return c ? c : (a->flags > b->flags) - (a->flags < b->flags);
}

int requests_compare_class(const struct request_stat *a, const struct request_stat *b)
{
	int c = strncmp(a->cluster, b->cluster, sizeof(a->cluster));

	if (c == 0)
		c = (int)a->session - (int)b->session;
	return c ? c : a->status / 100 - b->status / 100;
}

static int compare_with(const void *a, const void *b, void *compare)
{
	const struct request_sum *x = a, *y = b;
	int (**fn)(const struct request_stat *, const struct request_stat *) = compare;

	return (*fn)(x->key, y->key);
}

static size_t count_rows(const struct request_stats *stats)
{
	size_t n = 0;

	for (unsigned i = 0; i < REQUEST_STATS_ROWS; i++)
		n += __atomic_load_n(&stats->rows[i].used, __ATOMIC_ACQUIRE) != 0;
	return n;
}

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Copies at most max rows; a worker may have started more since they were counted. */
static size_t copy_rows(const struct request_stats *stats, struct request_sum *out, size_t max)
{
	size_t n = 0;

	for (unsigned i = 0; i < REQUEST_STATS_ROWS && n < max; i++) {
		const struct request_stat *r = &stats->rows[i];

		if (!__atomic_load_n(&r->used, __ATOMIC_ACQUIRE))
			continue;
		out[n++] = (struct request_sum){r,
						load(&r->count),
						load(&r->duration_us),
						load(&r->request_bytes),
						load(&r->response_bytes),
						load(&r->opened)};
	}
	return n;
}

static void add(struct request_sum *to, const struct request_sum *from)
{
	to->count += from->count;
	to->duration_us += from->duration_us;
	to->request_bytes += from->request_bytes;
	to->response_bytes += from->response_bytes;
	to->opened += from->opened;
}

size_t requests_collect(const struct dataplane *dp,
			int (*compare)(const struct request_stat *, const struct request_stat *),
			struct request_sum **out)
{
	size_t rows = 0, n = 0, merged = 0;

	for (unsigned w = 0; w < dataplane_workers(dp); w++)
		rows += count_rows(dataplane_requests(dp, w));
	*out = rows ? calloc(rows, sizeof(**out)) : NULL;
	if (!*out)
		return 0;
	for (unsigned w = 0; w < dataplane_workers(dp); w++)
		n += copy_rows(dataplane_requests(dp, w), *out + n, rows - n);
	qsort_r(*out, n, sizeof(**out), compare_with, &compare);
	for (size_t i = 0; i < n; i++) {
		if (merged && compare((*out)[merged - 1].key, (*out)[i].key) == 0)
			add(&(*out)[merged - 1], &(*out)[i]);
		else
			(*out)[merged++] = (*out)[i];
	}
	return merged;
}
