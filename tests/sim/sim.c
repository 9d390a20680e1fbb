/* sim.c - two TCPs over a bad wire, thousands of seeded runs: every byte arrives once and in
 * order, nothing stalls, nothing leaks. Prints the seed of a run that fails.
 *
 *   sim [runs [first seed]]
 *
 * Ends with a table of throughput by loss, so that a change of recovery shows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mempool.h>

#include "side.h"

#define RUNS        3000
#define MBUFS       16383
#define STALL_US    (400ull * 1000 * 1000)
#define CLEAN_UP_US (400ull * 1000 * 1000)
#define START_US    1000000
#define PASS_MIN_US 20

struct run {
	struct rng rng;
	struct link link;
	struct side side[2];
	uint64_t seed, now_us;
	char why[160];
};

static bool fail(struct run *r, const char *why)
{
	if (!r->why[0])
		snprintf(r->why, sizeof(r->why), "%s", why);
	return false;
}

static uint64_t next_time(const struct run *r)
{
	uint64_t next = link_next(&r->link);

	for (unsigned i = 0; i < 2; i++) {
		uint64_t t = side_next(&r->side[i]);

		next = t < next ? t : next;
	}
	return next;
}

/* One step of both ends. False when nothing will ever happen again. */
static bool step(struct run *r)
{
	uint64_t next = next_time(r);

	if (next == UINT64_MAX)
		return false;
	r->now_us = next > r->now_us + PASS_MIN_US ? next : r->now_us + PASS_MIN_US;
	for (unsigned i = 0; i < 2; i++)
		side_pass(&r->side[i], r->now_us);
	return true;
}

static bool all_over(const struct run *r)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < r->side[i].n_apps; k++) {
			const struct app *a = &r->side[i].apps[k];

			/* A server end that never came to be: its client went before. */
			if (!a->over && !(!a->client && !a->s && a->peer->over))
				return false;
		}
	return true;
}

/* What the end of one user implies for what it got. */
static bool check_app(struct run *r, const struct app *a)
{
	const struct app *p = a->peer;

	if (a->plan.end != APP_CLOSE)
		return true;
	if (p->plan.end == APP_ABORT)
		return a->read <= p->written || fail(r, "more bytes than were written");
	if (a->error && p->plan.end == APP_CLOSE)
		return fail(r, "closed with an error");
	if (!a->error && (!a->eof || a->read != p->written))
		return fail(r, "bytes are missing");
	if (p->plan.end == APP_RELEASE && a->error)
		return fail(r, "a released stream did not deliver");
	return true;
}

static bool check_apps(struct run *r)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < r->side[i].n_apps; k++)
			if (!check_app(r, &r->side[i].apps[k]))
				return false;
	return true;
}

static bool is_broken(struct run *r)
{
	for (unsigned i = 0; i < 2; i++)
		if (r->side[i].broken)
			return !fail(r, r->side[i].broken);
	return false;
}

static bool run_until(struct run *r, bool (*done)(const struct run *r), uint64_t limit_us,
		      const char *why)
{
	uint64_t end = r->now_us + limit_us;

	while (!done(r)) {
		if (is_broken(r))
			return false;
		if (r->now_us > end || !step(r))
			return fail(r, why);
	}
	return !is_broken(r);
}

static bool no_conns(const struct run *r)
{
	return !tcp_conns_in_use(r->side[0].tcp) && !tcp_conns_in_use(r->side[1].tcp) &&
	       link_next(&r->link) == UINT64_MAX;
}

static struct app_plan random_plan(struct rng *g, uint64_t bytes)
{
	struct app_plan p = {.bytes = rng_below(g, (uint32_t)bytes),
			     .piece_max = 1 + rng_below(g, 1900),
			     .read_max = 1 + rng_below(g, 100000),
			     .odd_mbufs = rng_chance(g, 0.5)};

	if (rng_chance(g, 0.3))
		p.read_every_us = rng_below(g, 20000);
	if (p.read_every_us && p.read_max < 2000)
		p.read_max = 2000;
	if (!p.read_every_us)
		p.read_max = UINT32_MAX;
	if (rng_chance(g, 0.15))
		p.end = APP_RELEASE;
	else if (rng_chance(g, 0.1))
		p.end = APP_ABORT;
	p.end_after = rng_below(g, (uint32_t)bytes * 2);
	return p;
}

static struct link_config random_link(struct rng *g)
{
	struct link_config l = {.delay_us = 20 + rng_below(g, 30000)};

	if (rng_chance(g, 0.7))
		l.loss[0] = l.loss[1] = rng_below(g, 100) / 1000.0;
	if (rng_chance(g, 0.2))
		l.loss[rng_below(g, 2)] = rng_below(g, 150) / 1000.0;
	if (rng_chance(g, 0.4))
		l.duplicate = rng_below(g, 100) / 1000.0;
	if (rng_chance(g, 0.5)) {
		l.reorder = rng_below(g, 300) / 1000.0;
		l.reorder_us = rng_below(g, 20000);
	}
	if (rng_chance(g, 0.3))
		l.jitter_us = rng_below(g, 5000);
	if (rng_chance(g, 0.5)) {
		l.mbit = 1 + rng_below(g, 200);
		l.queue_us = 2000 + rng_below(g, 60000);
	}
	if (rng_chance(g, 0.4))
		l.strip = rng_below(g, 8);
	return l;
}

static struct tcp_config random_config(struct rng *g)
{
	struct tcp_config c = tcp_config_default();

	c.max_conns = 64;
	c.max_half_open = 32;
	c.cookies = rng_chance(g, 0.2) ? SYN_COOKIES_ALWAYS : SYN_COOKIES_AUTO;
	c.max_time_wait = 16;
	c.rcv_buf = rng_chance(g, 0.3) ? 3000 + rng_below(g, 8000) : 20000 + rng_below(g, 300000);
	c.snd_limit = 2000 + rng_below(g, 200000);
	c.time_wait_us = 60000000;
	c.keepalive_us = 20000000;
	for (unsigned i = 0; i < sizeof(c.secret); i++)
		c.secret[i] = (uint8_t)rng_next(g);
	return c;
}

static void pair(struct run *r, unsigned k, const struct app_plan *client,
		 const struct app_plan *server)
{
	const struct app_plan *plans[2] = {client, server};

	for (unsigned i = 0; i < 2; i++) {
		struct app *a = &r->side[i].apps[k];

		a->side = &r->side[i];
		a->peer = &r->side[!i].apps[k];
		a->client = i == 0;
		a->plan = *plans[i];
		a->key = rng_next(&r->rng);
		a->wake_us = UINT64_MAX;
		r->side[i].n_apps = k + 1;
	}
	/* Two ends that both wait for the other's EOF would wait for ever. */
	r->side[1].apps[k].plan.patient = !client->patient && rng_chance(&r->rng, 0.3);
}

static void set_up(struct run *r, const struct link_config *l, const struct tcp_config cfg[2],
		   struct rte_mempool *pool, uint16_t mtu)
{
	link_init(&r->link, l, &r->rng, pool);
	for (unsigned i = 0; i < 2; i++)
		side_init(&r->side[i], i, &cfg[i], rng_chance(&r->rng, 0.5), &r->link, &r->rng,
			  pool, mtu);
	r->side[0].other = &r->side[1];
	r->side[1].other = &r->side[0];
	r->now_us = START_US + rng_next(&r->rng) % (1ull << 40);
	for (unsigned i = 0; i < 2; i++)
		side_pass(&r->side[i], r->now_us);
}

static bool tear_down(struct run *r, struct rte_mempool *pool, bool good)
{
	link_fini(&r->link);
	for (unsigned i = 0; i < 2; i++)
		side_fini(&r->side[i]);
	if (rte_mempool_avail_count(pool) != MBUFS)
		return fail(r, "mbufs leaked");
	return good;
}

static bool run_seed(struct run *r, uint64_t seed, struct rte_mempool *pool)
{
	struct tcp_config cfg[2];
	struct link_config l;
	unsigned n;
	bool good;

	memset(r, 0, sizeof(*r));
	r->seed = seed;
	r->rng.s = seed * 0x2545f4914f6cdd1dull + 1;
	l = random_link(&r->rng);
	cfg[0] = random_config(&r->rng);
	cfg[1] = random_config(&r->rng);
	set_up(r, &l, cfg, pool,
	       rng_chance(&r->rng, 0.7) ? 1500 : (uint16_t)(576 + rng_below(&r->rng, 1300)));
	n = 1 + rng_below(&r->rng, 4);
	for (unsigned k = 0; k < n; k++) {
		uint64_t bytes = rng_chance(&r->rng, 0.2) ? 2 : 1 + rng_below(&r->rng, 120000);
		struct app_plan c = random_plan(&r->rng, bytes), s = random_plan(&r->rng, bytes);

		c.patient = rng_chance(&r->rng, 0.2);
		pair(r, k, &c, &s);
		app_connect(&r->side[0].apps[k],
			    rng_chance(&r->rng, 0.5) ? 0 : (uint16_t)(2000 + k));
	}
	for (unsigned i = 0; i < 2; i++)
		side_pass(&r->side[i], r->now_us);
	good = run_until(r, all_over, STALL_US, "stalled") &&
	       run_until(r, no_conns, CLEAN_UP_US, "connections leaked") && check_apps(r);
	return tear_down(r, pool, good);
}

/* One bulk transfer; returns Mbit/s, or a negative number when it failed. */
static double throughput(struct run *r, double loss, double reorder, struct rte_mempool *pool)
{
	struct link_config l = {.loss = {loss, loss},
				.delay_us = 5000,
				.mbit = 100,
				.queue_us = 20000,
				.reorder = reorder,
				.reorder_us = 3000};
	struct app_plan client = {
		.bytes = 4 << 20, .read_max = UINT32_MAX, .piece_max = 1448, .full = true};
	struct app_plan server = {.bytes = 0, .read_max = UINT32_MAX, .piece_max = 1448};
	struct tcp_config cfg[2];
	uint64_t start;
	bool good;

	memset(r, 0, sizeof(*r));
	r->rng.s = 42;
	cfg[0] = cfg[1] = tcp_config_default();
	cfg[0].max_conns = cfg[1].max_conns = 16;
	set_up(r, &l, cfg, pool, 1500);
	pair(r, 0, &client, &server);
	start = r->now_us;
	app_connect(&r->side[0].apps[0], 0);
	side_pass(&r->side[0], r->now_us);
	good = run_until(r, all_over, STALL_US, "stalled");
	start = r->now_us - start;
	good = tear_down(r, pool, good);
	return good ? (4 << 20) * 8.0 / (double)start : -1;
}

static int print_table(struct run *r, struct rte_mempool *pool)
{
	static const double losses[] = {0, 0.001, 0.01, 0.03, 0.05, 0.1};
	int bad = 0;

	printf("100 Mbit/s, RTT 10 ms, 20 ms of queue, 4 MiB:\n  loss    in order   5%% "
	       "reordered\n");
	for (unsigned i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		double a = throughput(r, losses[i], 0, pool);
		double b = throughput(r, losses[i], 0.05, pool);

		printf("  %4.1f%% %8.2f     %8.2f Mbit/s\n", losses[i] * 100, a, b);
		bad += a < 0 || b < 0;
	}
	return bad;
}

int main(int argc, char **argv)
{
	static char *eal[] = {(char *)"sim",
			      (char *)"--no-huge",
			      (char *)"--no-shconf",
			      (char *)"--no-pci",
			      (char *)"--no-telemetry",
			      (char *)"-l",
			      (char *)"0",
			      (char *)"-m",
			      (char *)"128",
			      (char *)"--log-level=error"};
	uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 0) : RUNS;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	static struct run r;
	struct rte_mempool *pool;
	int bad = 0;

	if (rte_eal_init(10, eal) < 0)
		return 2;
	pool = rte_pktmbuf_pool_create("sim", MBUFS, 0, sizeof(struct pkt_priv),
				       2048 + RTE_PKTMBUF_HEADROOM, 0);
	if (!pool)
		return 2;
	for (uint64_t i = 0; i < runs; i++) {
		if (run_seed(&r, first + i, pool))
			continue;
		printf("seed %" PRIu64 ": %s (at %.3f s)\n", first + i, r.why,
		       (double)r.now_us / 1e6);
		if (++bad >= 10)
			break;
	}
	printf("%" PRIu64 " runs, %d failed\n", runs, bad);
	if (runs > 1 && !bad)
		bad += print_table(&r, pool);
	return bad ? 1 : 0;
}
