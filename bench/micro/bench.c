/* bench.c - see bench.h. Owns the program's arguments and the random sequence. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <base/mbq.h>

#define RUNS       1001
#define RUNS_LEAST 11
#define SMOKE_RUNS 3
/* A case that takes longer is measured with fewer runs. */
#define CASE_MS 250

static struct {
	const char *bench, *line;
	bool smoke;
	uint64_t requests;
	uint64_t random;
} self = {.random = 0x9e3779b97f4a7c15ull};

static void usage(const char *program)
{
	fprintf(stderr, "usage: %s [--smoke] [--requests N]\n", program);
	exit(2);
}

static void start_eal(unsigned mib)
{
	static char words[][20] = {"bench",
				   "--no-huge",
				   "--no-shconf",
				   "--no-pci",
				   "--no-telemetry",
				   "--log-level=error",
				   "-l",
				   "0",
				   "-m",
				   "0"};
	char *args[RTE_DIM(words)];

	snprintf(words[RTE_DIM(words) - 1], sizeof(words[0]), "%u", mib);
	for (size_t i = 0; i < RTE_DIM(words); i++)
		args[i] = words[i];
	bench_require(rte_eal_init(RTE_DIM(args), args) >= 0, "the EAL starts");
}

void bench_init(int argc, char **argv, const char *bench, const char *line, unsigned mib)
{
	self.bench = bench;
	self.line = line;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--smoke") == 0)
			self.smoke = true;
		else if (strcmp(argv[i], "--requests") == 0 && i + 1 < argc)
			self.requests = strtoull(argv[++i], NULL, 10);
		else
			usage(argv[0]);
	}
	start_eal(mib);
}

int bench_exit(void)
{
	return rte_eal_cleanup() ? 1 : 0;
}

bool bench_is_smoke(void)
{
	return self.smoke;
}

uint64_t bench_requests(void)
{
	return self.requests;
}

struct rte_mempool *bench_create_pool(unsigned n)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"bench", n, 256, RTE_ALIGN(sizeof(struct pkt_priv), RTE_MBUF_PRIV_ALIGN),
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	bench_require(pool != NULL, "memory for packets");
	return pool;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void bench_sample(struct bench_samples *s, uint64_t cycles, uint64_t ops)
{
	if (s->n < BENCH_RUNS_MAX)
		s->cycles[s->n++] = (double)cycles / (double)ops;
}

void bench_print(struct bench_samples *s, const char *name, const char *line, const char *more)
{
	double median, ghz = (double)rte_get_tsc_hz() / 1e9;

	bench_require(s->n > 0, "something was measured");
	qsort(s->cycles, s->n, sizeof(s->cycles[0]), by_value);
	median = s->cycles[s->n / 2];
	printf("{\"bench\": \"%s\", \"case\": \"%s\", \"line\": \"%s\", \"cycles_per_op\": %.1f, "
	       "\"p10\": %.1f, \"p90\": %.1f, \"ns_per_op\": %.1f, \"runs\": %u%s%s}\n",
	       self.bench, name, line ? line : self.line, median, s->cycles[s->n / 10],
	       s->cycles[s->n - 1 - s->n / 10], median / ghz, s->n, more ? ", " : "",
	       more ? more : "");
	fflush(stdout);
}

static uint64_t timed(const struct bench_case *c)
{
	uint64_t start;

	if (c->prepare)
		c->prepare(c->arg, c->batch);
	start = rte_rdtsc_precise();
	c->run(c->arg, c->batch);
	return rte_rdtsc_precise() - start;
}

void bench_measure(const struct bench_case *c)
{
	static struct bench_samples samples;
	unsigned runs = self.smoke ? SMOKE_RUNS : c->runs ? c->runs : RUNS;
	uint64_t end;

	samples.n = 0;
	for (unsigned i = 0; i < runs / 10 + 1; i++)
		timed(c);
	end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * CASE_MS;
	for (unsigned i = 0; i < runs && (i < RUNS_LEAST || rte_rdtsc() < end); i++)
		bench_sample(&samples, timed(c), c->batch);
	bench_print(&samples, c->name, c->line, NULL);
}

uint64_t bench_random(void)
{
	self.random ^= self.random >> 12;
	self.random ^= self.random << 25;
	self.random ^= self.random >> 27;
	return self.random * 0x2545f4914f6cdd1dull;
}

uint32_t *bench_shuffled(uint32_t n)
{
	uint32_t *order = malloc((n ? n : 1) * sizeof(*order));

	bench_require(order != NULL, "memory for an order");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)(bench_random() % (i + 1));

		order[i] = at == i ? i : order[at];
		order[at] = i;
	}
	return order;
}

void bench_fail(const char *what)
{
	fprintf(stderr, "%s: failed: %s\n", self.bench ? self.bench : "bench", what);
	exit(1);
}
