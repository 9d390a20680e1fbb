/* table.c - bulk transfers over links of one fault each, for every controller. */
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES    (4u << 20)
#define SEEDS    20u
#define SEED     100u /* the first */
#define SHARE_US (20ull * 1000 * 1000)

/* 100 Mbit/s, 10 ms round trip and 20 ms of queue, where nothing else is said. */
static const struct row {
	const char *name;
	struct link_config link;
	uint32_t window; /* of the receiver; 0: the default */
} rows[] = {
	{.name = "clean"},
	{.name = "loss-0.1%", .link = {.loss = {0.001, 0.001}}},
	{.name = "loss-1%", .link = {.loss = {0.01, 0.01}}},
	{.name = "loss-5%", .link = {.loss = {0.05, 0.05}}},
	{.name = "loss-10%", .link = {.loss = {0.1, 0.1}}},
	{.name = "bursts", .link = {.burst_start = 0.0005, .burst_end = 0.2}},
	{.name = "ack-loss-30%", .link = {.ack_loss = 0.3}},
	{.name = "corrupt-1%", .link = {.corrupt = 0.01}},
	{.name = "reorder-5%", .link = {.reorder = 0.05, .reorder_us = 3000}},
	{.name = "duplicate-1%", .link = {.duplicate = 0.01}},
	{.name = "jitter-2ms", .link = {.jitter_us = 2000}},
	{.name = "pauses", .link = {.pause_us = 120000, .pause_every_us = 1000000}},
	{.name = "queue-2ms", .link = {.queue_us = 2000}},
	{.name = "queue-200ms", .link = {.queue_us = 200000}},
	{.name = "far", .link = {.delay_us = 50000, .queue_us = 100000}},
	{.name = "far-loss-1%", .link = {.delay_us = 50000, .loss = {0.01, 0.01}}},
	{.name = "window-4k", .window = 4096},
	{.name = "no-sack-loss-1%", .link = {.loss = {0.01, 0.01}, .strip = LINK_STRIP_SACK}},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const names[CONGESTIONS] = {
#define X(id, name) [CONGESTION_##id] = #name,
	CONGESTION_LIST(X)
#undef X
};

static struct link_config link_of(const struct row *row)
{
	struct link_config l = row->link;

	l.mbit = 100;
	if (!l.delay_us)
		l.delay_us = 5000;
	if (!l.queue_us)
		l.queue_us = 20000;
	return l;
}

static void start_bulk(struct run *r, unsigned k, uint64_t bytes)
{
	struct app_plan client = {
		.bytes = bytes, .read_max = UINT32_MAX, .piece_max = 1448, .full = true};
	struct app_plan server = {.read_max = UINT32_MAX, .piece_max = 1448};

	run_pair(r, k, &client, &server);
	app_connect(&r->side[0].apps[k], 0);
	side_pass(&r->side[0], r->now_us);
}

static void set_up(struct run *r, const struct link_config *l, enum congestion cc, uint32_t window,
		   uint64_t seed, struct rte_mempool *pool)
{
	struct tcp_config cfg[2] = {tcp_config_default(), tcp_config_default()};

	memset(r, 0, sizeof(*r));
	r->rng.s = seed;
	cfg[0].max_conns = cfg[1].max_conns = 16;
	cfg[0].cc = cfg[1].cc = cc;
	if (window)
		cfg[1].rcv_buf = window;
	run_set_up(r, l, cfg, pool, 1500);
}

/* Microseconds of one transfer; 0 when it failed. */
static uint64_t transfer(struct run *r, const struct row *row, enum congestion cc, uint64_t seed,
			 struct rte_mempool *pool)
{
	struct link_config l = link_of(row);
	uint64_t start;
	bool good;

	set_up(r, &l, cc, row->window, seed, pool);
	start = r->now_us;
	start_bulk(r, 0, BYTES);
	good = run_until(r, run_all_over, RUN_LIMIT_US, "stalled");
	start = r->now_us - start;
	return run_tear_down(r, pool, good) ? start : 0;
}

/* Mbit/s over several seeds; negative when one failed. */
struct goodput {
	double mbit;
	double error; /* standard error, as a share */
};

static struct goodput goodput(struct run *r, const struct row *row, enum congestion cc,
			      struct rte_mempool *pool)
{
	double us = 0, squares = 0, mean;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t one = transfer(r, row, cc, SEED + seed, pool);

		if (!one) {
			printf("%s, %s, seed %u: %s\n", row->name, names[cc], (unsigned)seed,
			       r->why);
			return (struct goodput){-1, 0};
		}
		us += (double)one;
		squares += (double)one * (double)one;
	}
	mean = us / SEEDS;
	return (struct goodput){BYTES * 8.0 / mean,
				sqrt(fmax(squares / SEEDS - mean * mean, 0) / (SEEDS - 1)) / mean};
}

/* What the file says of this row and column; negative when it says nothing. */
static double recorded(FILE *f, const char *row, enum congestion cc)
{
	char line[200], name[64];
	double v[CONGESTIONS];

	if (!f)
		return -1;
	rewind(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lf %lf %lf", name, &v[0], &v[1], &v[2]) == 4 &&
		    strcmp(name, row) == 0)
			return v[cc];
	return -1;
}

/* Any change of the code throws the dice of a lossy link anew: what that explains (three standard
 * errors of the difference) is no regression. */
static bool is_worse(FILE *f, const char *row, enum congestion cc, struct goodput now)
{
	double before = recorded(f, row, cc);
	double less = fmax(TABLE_TOLERANCE / 100.0, 3 * M_SQRT2 * now.error);

	if (now.mbit >= before * (1 - less))
		return false;
	fprintf(stderr, "%s, %s: %.2f Mbit/s, recorded are %.2f\n", row, names[cc], now.mbit,
		before);
	return true;
}

static bool never(const struct run *r)
{
	(void)r;
	return false;
}

/* Percent that the second of two flows gets, begun a second later, on one bottleneck. What fits
 * into it is less than the window that a receiver offers at its rate: a flow that the window holds
 * back just below a full queue would never lose anything, and who comes later nothing else. */
static double share(struct run *r, enum congestion first, enum congestion second,
		    struct rte_mempool *pool)
{
	struct link_config l = {.mbit = 30, .delay_us = 10000, .queue_us = 40000};
	uint64_t a, b;

	set_up(r, &l, first, 0, 7, pool);
	start_bulk(r, 0, UINT32_MAX);
	run_until(r, never, 1000000, "");
	side_set_congestion(&r->side[0], second);
	start_bulk(r, 1, UINT32_MAX);
	run_until(r, never, SHARE_US, "");
	a = r->side[1].apps[0].read;
	b = r->side[1].apps[1].read;
	run_until(r, never, SHARE_US, "");
	a = r->side[1].apps[0].read - a;
	b = r->side[1].apps[1].read - b;
	run_tear_down(r, pool, true);
	return a + b ? 100.0 * (double)b / (double)(a + b) : 0;
}

/* Whoever comes second must get something, whatever the first is. */
#define SHARE_MIN 20.0

static int print_shares(struct run *r, struct rte_mempool *pool)
{
	int bad = 0;

	printf("\n# percent of a bottleneck (30 Mbit/s, 20 ms, 40 ms of queue) for the second "
	       "flow,\n"
	       "# by its controller, against the first's\n%-16s",
	       "# first");
	for (unsigned cc = 0; cc < CONGESTIONS; cc++)
		printf("%9s", names[cc]);
	for (unsigned first = 0; first < CONGESTIONS; first++) {
		printf("\nbeside-%-9s", names[first]);
		for (unsigned second = 0; second < CONGESTIONS; second++) {
			double s = share(r, first, second, pool);

			printf("%9.2f", s);
			bad += s < SHARE_MIN;
		}
	}
	printf("\n");
	return bad;
}

int table_check(struct run *r, struct rte_mempool *pool, const char *file)
{
	FILE *f = file ? fopen(file, "r") : NULL;
	int bad = file && !f;

	printf("# Mbit/s of payload, 4 MiB, mean of %u seeds. Links are of 100 Mbit/s, 10 ms "
	       "round\n"
	       "# trip (far: 100) and 20 ms of queue. Written by `tcp_sim table`.\n%-16s",
	       SEEDS, "# link");
	for (unsigned cc = 0; cc < CONGESTIONS; cc++)
		printf("%9s", names[cc]);
	for (unsigned i = 0; i < ROWS; i++) {
		printf("\n%-16s", rows[i].name);
		for (unsigned cc = 0; cc < CONGESTIONS; cc++) {
			struct goodput now = goodput(r, &rows[i], cc, pool);

			printf("%9.2f", now.mbit);
			fflush(stdout);
			bad += now.mbit < 0 || (file && is_worse(f, rows[i].name, cc, now));
		}
	}
	bad += print_shares(r, pool);
	if (f)
		fclose(f);
	return bad;
}
