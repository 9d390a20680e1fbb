/* bench.h - timing for microbenchmarks: cycles per operation, as medians over many runs.
 *
 * A program measures one budget line of the data path. It prints one JSON line per case on
 * stdout: {"bench", "case", "line", "cycles_per_op", "p10", "p90", "ns_per_op", "runs"}, the
 * cycles being TSC ticks. All randomness is seeded: two runs do the same work. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

#define BENCH_RUNS_MAX 4096

struct bench_case {
	const char *name;
	const char *line; /* NULL: bench_init()'s */
	/* Does n operations. */
	void (*run)(void *arg, unsigned n);
	/* Before each run, not measured; may be NULL. */
	void (*prepare)(void *arg, unsigned n);
	void *arg;
	unsigned batch; /* operations between two readings of the clock */
	unsigned runs;  /* at most; 0: as many as are usual */
};

/* What was measured so far of one case. */
struct bench_samples {
	unsigned n;
	double cycles[BENCH_RUNS_MAX]; /* per operation, one a run */
};

/* Reads the arguments that all benchmarks have, and exits on others:
 *   --smoke        a few runs only, to see that it works
 *   --requests N   what bench_requests() returns
 * Then starts the EAL without devices, with mib of memory.
 * bench: the program's name; line: the budget line that its cases belong to. */
#define BENCH_EAL_MIB 64 /* enough for a benchmark without packets, or with few */
void bench_init(int argc, char **argv, const char *bench, const char *line, unsigned mib);
/* What main() returns. */
int bench_exit(void);
bool bench_is_smoke(void);
/* 0 when it was not asked for. */
uint64_t bench_requests(void);

/* A pool of packets with the private area that the data path wants. */
struct rte_mempool *bench_create_pool(unsigned n);

/* Measures and prints one case. */
void bench_measure(const struct bench_case *c);

/* For a benchmark that turns its own loop: a run of ops operations took so many cycles.
 * Samples beyond BENCH_RUNS_MAX are ignored. */
void bench_sample(struct bench_samples *s, uint64_t cycles, uint64_t ops);
/* line as in a case; more: further members of the JSON object, such as "\"frames\": 4", or NULL. */
void bench_print(struct bench_samples *s, const char *name, const char *line, const char *more);

/* xorshift64*; the same sequence in each program. */
uint64_t bench_random(void);
/* The numbers below n in random order. The caller frees it. */
uint32_t *bench_shuffled(uint32_t n);

/* Ends the program: something that must hold does not. */
_Noreturn void bench_fail(const char *what);

static inline void bench_require(bool ok, const char *what)
{
	if (!ok)
		bench_fail(what);
}
