/* publisher.c - owns the RCU cell and the snapshots that are current or retired.
 *
 * A snapshot is freed in two steps, and the argument why nobody holds it then has two halves.
 * (1) It is unpublished, and every worker has passed a quiescent state since: no worker has it
 * from publish_load() any more, so no new pin can appear. (2) Its pins are zero: the requests
 * that were routed with it are over. */
#include <snapshot/publisher.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks at the workers while waiting for a grace period. */
#define GRACE_POLL_NS 20000

struct retired {
	struct retired *next;
	struct snapshot *snapshot;
};

struct publisher {
	struct compiler *compiler;
	struct publish_cell cell;
	struct retired *retired; /* past their grace period */
	uint64_t generation;
	double apply_seconds;
};

static void *check(void *p)
{
	if (!p) {
		fprintf(stderr, "weir: out of memory while publishing the configuration\n");
		abort();
	}
	return p;
}

/* All workers are registered and offline: they come online when they start to poll. */
static struct rte_rcu_qsbr *make_qsbr(unsigned n_workers)
{
	size_t size = rte_rcu_qsbr_get_memsize(WEIR_WORKERS_MAX);
	struct rte_rcu_qsbr *v;

	size = (size + WEIR_CACHE_LINE - 1) / WEIR_CACHE_LINE * WEIR_CACHE_LINE;
	v = check(aligned_alloc(WEIR_CACHE_LINE, size));
	memset(v, 0, size);
	rte_rcu_qsbr_init(v, WEIR_WORKERS_MAX);
	for (unsigned i = 0; i < n_workers && i < WEIR_WORKERS_MAX; i++)
		rte_rcu_qsbr_thread_register(v, i);
	return v;
}

struct publisher *publisher_create(struct compiler *c, unsigned n_workers)
{
	struct publisher *p = check(calloc(1, sizeof(*p)));

	p->compiler = c;
	p->cell.qsbr = make_qsbr(n_workers);
	return p;
}

struct publish_cell *publisher_cell(struct publisher *p)
{
	return &p->cell;
}

/* Like publish_synchronize(), but gives the core away: a worker may share it. */
static void wait_grace(struct publisher *p)
{
	const struct timespec pause = {.tv_nsec = GRACE_POLL_NS};
	uint64_t token = rte_rcu_qsbr_start(p->cell.qsbr);

	while (rte_rcu_qsbr_check(p->cell.qsbr, token, false) == 0)
		nanosleep(&pause, NULL);
}

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void retire(struct publisher *p, struct snapshot *s)
{
	struct retired *r = check(malloc(sizeof(*r)));

	*r = (struct retired){p->retired, s};
	p->retired = r;
}

void publisher_publish(struct publisher *p, struct snapshot *s, void (*wake)(void *), void *arg)
{
	double start = now_seconds();
	struct snapshot *old;

	p->generation = s->generation;
	old = publish_swap(&p->cell, s);
	if (wake)
		wake(arg);
	wait_grace(p);
	p->apply_seconds = now_seconds() - start;
	if (old)
		retire(p, old);
	publisher_reap(p);
}

void publisher_reap(struct publisher *p)
{
	struct retired **at = &p->retired, *r;

	while ((r = *at) != NULL) {
		if (snapshot_pins(r->snapshot) > 0) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		compiler_free_snapshot(p->compiler, r->snapshot);
		free(r);
	}
}

unsigned publisher_alive(const struct publisher *p)
{
	unsigned n = p->cell.current != NULL;

	for (const struct retired *r = p->retired; r; r = r->next)
		n++;
	return n;
}

uint64_t publisher_generation(const struct publisher *p)
{
	return p->generation;
}

double publisher_last_apply_seconds(const struct publisher *p)
{
	return p->apply_seconds;
}

void publisher_destroy(struct publisher *p)
{
	struct retired *r, *next;

	if (!p)
		return;
	for (r = p->retired; r; r = next) {
		next = r->next;
		compiler_free_snapshot(p->compiler, r->snapshot);
		free(r);
	}
	compiler_free_snapshot(p->compiler, p->cell.current);
	free(p->cell.qsbr);
	free(p);
}
