/* run.c - moves two ends and the link between them from event to event. */
#include "run.h"

#include <stdio.h>
#include <string.h>

#include <rte_mempool.h>

#define MBUFS       32767
#define START_US    1000000
#define PASS_MIN_US 20

bool run_fail(struct run *r, const char *why)
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

bool run_all_over(const struct run *r)
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

static bool is_broken(struct run *r)
{
	if (r->link.broken)
		return !run_fail(r, r->link.broken);
	for (unsigned i = 0; i < 2; i++)
		if (r->side[i].broken)
			return !run_fail(r, r->side[i].broken);
	return false;
}

/* Everything that a user notices, summed. */
static uint64_t moves(const struct run *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < r->side[i].n_apps; k++) {
			const struct app *a = &r->side[i].apps[k];

			n += a->read + a->written + a->opened + a->eof + a->drained + a->over;
		}
	return n;
}

static void note_progress(struct run *r)
{
	uint64_t n = moves(r);

	if (r->now_us - r->moved_us > r->gap_us)
		r->gap_us = r->now_us - r->moved_us;
	if (n != r->moves)
		r->moved_us = r->now_us;
	r->moves = n;
}

bool run_until(struct run *r, bool (*done)(const struct run *r), uint64_t limit_us, const char *why)
{
	uint64_t end = r->now_us + limit_us;

	r->moved_us = r->now_us;
	while (!done(r)) {
		note_progress(r);
		if (is_broken(r))
			return false;
		if (r->now_us > end || !step(r))
			return run_fail(r, why);
	}
	return !is_broken(r);
}

bool run_no_conns(const struct run *r)
{
	return !tcp_conns_in_use(r->side[0].tcp) && !tcp_conns_in_use(r->side[1].tcp) &&
	       link_next(&r->link) == UINT64_MAX;
}

void run_pair(struct run *r, unsigned k, const struct app_plan *client,
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

void run_set_up(struct run *r, const struct link_config *l, const struct tcp_config cfg[2],
		struct rte_mempool *pool, uint16_t mtu)
{
	link_init(&r->link, l, &r->rng, pool);
	for (unsigned i = 0; i < 2; i++)
		side_init(&r->side[i], i, &cfg[i], rng_chance(&r->rng, 0.5), &r->link, &r->rng,
			  pool, mtu);
	r->side[0].other = &r->side[1];
	r->side[1].other = &r->side[0];
	r->now_us = START_US + rng_next(&r->rng) % (1ull << 40);
	r->start_us = r->now_us;
	memcpy(r->cfg, cfg, sizeof(r->cfg));
	for (unsigned i = 0; i < 2; i++)
		side_pass(&r->side[i], r->now_us);
}

bool run_tear_down(struct run *r, struct rte_mempool *pool, bool good)
{
	link_fini(&r->link);
	for (unsigned i = 0; i < 2; i++)
		side_fini(&r->side[i]);
	if (rte_mempool_avail_count(pool) != MBUFS)
		return run_fail(r, "mbufs leaked");
	return good;
}

struct rte_mempool *run_pool(void)
{
	return rte_pktmbuf_pool_create("sim", MBUFS, 0, sizeof(struct pkt_priv),
				       2048 + RTE_PKTMBUF_HEADROOM, 0);
}
