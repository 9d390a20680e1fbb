/* sim.c - two TCPs over a bad wire, thousands of seeded runs: every byte arrives once and in
 * order, nothing stalls for longer than its losses explain, nothing leaks. Prints the seed of a
 * run that fails.
 *
 *   sim [runs [first seed [trace]]]
 *   sim table [FILE]     throughput by link and controller; compared with FILE's */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "../eal.h"
#include "table.h"

#define RUNS        10000
#define COOKIES_US  (180ull * 1000 * 1000)
#define CLEAN_UP_US (400ull * 1000 * 1000)
#define RELEASED_US (60ull * 1000 * 1000) /* of a released stream, without progress */

/* What the end of one user implies for what it got. */
static bool check_app(struct run *r, const struct app *a)
{
	const struct app *p = a->peer;

	if (a->plan.end != APP_CLOSE)
		return true;
	if (p->plan.end == APP_ABORT)
		return a->read <= p->written || run_fail(r, "more bytes than were written");
	if (a->error && p->plan.end == APP_CLOSE)
		return run_fail(r, "closed with an error");
	if (!a->error && (!a->eof || a->read != p->written))
		return run_fail(r, "bytes are missing");
	if (p->plan.end == APP_RELEASE && a->error && r->gap_us < RELEASED_US)
		return run_fail(r, "a released stream did not deliver");
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

static struct app_plan random_plan(struct rng *g, uint64_t bytes)
{
	struct app_plan p = {.bytes = rng_below(g, (uint32_t)bytes),
			     .piece_max = 1 + rng_below(g, 1900),
			     .read_max = 1 + rng_below(g, 100000),
			     .odd_mbufs = rng_chance(g, 0.5)};

	if (rng_chance(g, 0.3))
		p.read_every_us = rng_below(g, 20000);
	if (rng_chance(g, 0.05)) { /* a silly reader */
		p.bytes = rng_below(g, 4000);
		p.read_every_us = 1 + rng_below(g, 2000);
		p.read_max = 1 + rng_below(g, 40);
	} else if (p.read_every_us && p.read_max < 2000) {
		p.read_max = 2000;
	}
	if (!p.read_every_us)
		p.read_max = UINT32_MAX;
	if (rng_chance(g, 0.15))
		p.end = APP_RELEASE;
	else if (rng_chance(g, 0.1))
		p.end = APP_ABORT;
	p.end_after = rng_below(g, (uint32_t)bytes * 2);
	return p;
}

static void random_losses(struct rng *g, struct link_config *l)
{
	if (rng_chance(g, 0.7))
		l->loss[0] = l->loss[1] = rng_below(g, 100) / 1000.0;
	if (rng_chance(g, 0.2))
		l->loss[rng_below(g, 2)] = rng_below(g, 120) / 1000.0;
	if (rng_chance(g, 0.15))
		l->ack_loss = rng_below(g, 200) / 1000.0;
	if (rng_chance(g, 0.15)) {
		l->burst_start = rng_below(g, 10) / 1000.0;
		l->burst_end = 0.5 + rng_below(g, 400) / 1000.0;
	}
	if (rng_chance(g, 0.2))
		l->corrupt = rng_below(g, 30) / 1000.0;
}

static struct link_config random_link(struct rng *g)
{
	struct link_config l = {.delay_us = 20 + rng_below(g, 30000)};

	random_losses(g, &l);
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
	if (rng_chance(g, 0.1)) {
		l.pause_every_us = 200000 + rng_below(g, 2000000);
		l.pause_us = rng_below(g, l.pause_every_us / 2);
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
	if (rng_chance(g, 0.05))
		c.rcv_buf = 300 + rng_below(g, 2000); /* less than a segment, or little more */
	c.cc = (enum congestion)rng_below(g, CONGESTIONS);
	c.snd_limit = 2000 + rng_below(g, 200000);
	c.time_wait_us = 60000000;
	c.keepalive_us = 20000000;
	for (unsigned i = 0; i < sizeof(c.secret); i++)
		c.secret[i] = (uint8_t)rng_next(g);
	return c;
}

/* Of a segment towards `to`, whatever it is. */
static double loss_towards(const struct link_config *l, unsigned to)
{
	double burst = l->burst_start > 0 ? l->burst_start / (l->burst_start + l->burst_end) : 0;

	return 1 - (1 - l->loss[to]) * (1 - l->corrupt) * (1 - l->ack_loss) * (1 - burst);
}

/* How long nobody may get anything: a segment and its acknowledgement fail k times in a row,
 * which would happen in one of 10^9 such sequences, and each time the timeout doubles. A queue
 * that overflows loses, too. */
static uint64_t stall_bound_us(const struct link_config *l)
{
	double q = 1 - (1 - loss_towards(l, 0)) * (1 - loss_towards(l, 1));
	uint64_t rto_us = 1200000 + 4ull * (l->delay_us + l->jitter_us + l->reorder_us +
					    l->queue_us + l->pause_us);
	uint64_t sum = 0;
	unsigned k;

	if (l->mbit > 0 && q < 0.1)
		q = 0.1;
	k = q > 0 ? (unsigned)ceil(log(1e-9) / log(q)) : 1;
	for (unsigned i = 0; i < k; i++)
		sum += rto_us << i < 60000000 && i < 16 ? rto_us << i : 60000000;
	return sum;
}

static bool within_bound(struct run *r, const struct link_config *l)
{
	uint64_t bound_us = stall_bound_us(l);

	/* While cookies are out nobody is told that a connection is no more. */
	if (r->cfg[0].cookies == SYN_COOKIES_ALWAYS || r->cfg[1].cookies == SYN_COOKIES_ALWAYS)
		bound_us += COOKIES_US;

	if (r->gap_us <= bound_us)
		return true;
	snprintf(r->why, sizeof(r->why), "nothing for %.3f s, at most %.3f s are explained",
		 (double)r->gap_us / 1e6, (double)bound_us / 1e6);
	return false;
}

static bool run_seed(struct run *r, uint64_t seed, bool trace, struct rte_mempool *pool)
{
	struct tcp_config cfg[2];
	struct link_config l;
	unsigned n;
	bool good;

	memset(r, 0, sizeof(*r));
	r->seed = seed;
	r->rng.s = seed * 0x2545f4914f6cdd1dull + 1;
	l = random_link(&r->rng);
	l.trace = trace;
	cfg[0] = random_config(&r->rng);
	cfg[1] = random_config(&r->rng);
	run_set_up(r, &l, cfg, pool,
		   rng_chance(&r->rng, 0.7) ? 1500 : (uint16_t)(576 + rng_below(&r->rng, 1300)));
	n = 1 + rng_below(&r->rng, 4);
	for (unsigned k = 0; k < n; k++) {
		uint64_t bytes = rng_chance(&r->rng, 0.2) ? 2 : 1 + rng_below(&r->rng, 120000);
		struct app_plan c = random_plan(&r->rng, bytes), s = random_plan(&r->rng, bytes);

		c.patient = rng_chance(&r->rng, 0.2);
		run_pair(r, k, &c, &s);
		app_connect(&r->side[0].apps[k],
			    rng_chance(&r->rng, 0.5) ? 0 : (uint16_t)(2000 + k));
	}
	for (unsigned i = 0; i < 2; i++)
		side_pass(&r->side[i], r->now_us);
	good = run_until(r, run_all_over, RUN_LIMIT_US, "stalled") && within_bound(r, &l) &&
	       run_until(r, run_no_conns, CLEAN_UP_US, "connections leaked") && check_apps(r);
	return run_tear_down(r, pool, good);
}

/* What a failed run was like. */
static void describe(const struct run *r)
{
	const struct link_config *l = &r->link.cfg;

	printf("seed %" PRIu64 ": %s (after %.3f s)\n", r->seed, r->why,
	       (double)(r->now_us - r->start_us) / 1e6);
	printf("  loss %.3f/%.3f ack %.3f burst %.3f/%.3f corrupt %.3f duplicate %.3f "
	       "reorder %.3f by %u us, delay %u us, jitter %u us, %.0f Mbit/s, queue %u us, strip "
	       "%u\n",
	       l->loss[0], l->loss[1], l->ack_loss, l->burst_start, l->burst_end, l->corrupt,
	       l->duplicate, l->reorder, l->reorder_us, l->delay_us, l->jitter_us, l->mbit,
	       l->queue_us, l->strip);
	for (unsigned i = 0; i < 2; i++)
		printf("  side %u: rcv_buf %u, snd_limit %u, controller %d, mtu %u\n", i,
		       r->cfg[i].rcv_buf, r->cfg[i].snd_limit, (int)r->cfg[i].cc, r->side[i].mtu);
}

static int run_seeds(struct run *r, struct rte_mempool *pool, uint64_t runs, uint64_t first,
		     bool trace)
{
	int bad = 0;

	for (uint64_t i = 0; i < runs && bad < 10; i++) {
		if (run_seed(r, first + i, trace, pool))
			continue;
		describe(r);
		bad++;
	}
	printf("%" PRIu64 " runs, %d failed\n", runs, bad);
	return bad;
}

int main(int argc, char **argv)
{
	bool table = argc > 1 && strcmp(argv[1], "table") == 0;
	static struct run r;
	struct rte_mempool *pool;
	int bad;

	if (!test_eal_init("sim", "160"))
		return 2;
	pool = run_pool();
	if (!pool)
		return 2;
	if (table)
		bad = table_check(&r, pool, argc > 2 ? argv[2] : NULL);
	else
		bad = run_seeds(&r, pool, argc > 1 ? strtoull(argv[1], NULL, 0) : RUNS,
				argc > 2 ? strtoull(argv[2], NULL, 0) : 1, argc > 3);
	return bad ? 1 : 0;
}
