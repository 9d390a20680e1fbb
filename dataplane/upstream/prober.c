/* prober.c - owns the times of active checks. */
#include <upstream/prober.h>

#include <stdlib.h>

#include <upstream/health.h>
#include <upstream/probe.h>

/* In flight at once; what is due beyond it waits a little. */
#define PROBES_MAX  512u
#define POSTPONE_US 10000u

/* New endpoints are first checked so far apart: 10,000 of them within a second. */
#define STAGGER_US 100u

/* An interval is so much longer or shorter, at random, that endpoints that began together do not
 * stay together: one part in so many, either way. */
#define JITTER_PART 20u

struct job {
	struct probe probe;       /* first: probes are jobs */
	struct wheel_timer timer; /* the next check, or the end of the time for this one */
	struct prober *p;
	/* Of the worker's snapshot. */
	const struct endpoint *endpoint;
	struct check_tally *tally;
	uint32_t gen;        /* of the endpoint's id */
	uint32_t round;      /* of the adoption that found it last */
	uint64_t hash;       /* of its check */
	uint64_t started_us; /* the last check */
};

struct prober {
	struct upstream_env env;
	struct wheel wheel;
	uint64_t due_us; /* nothing is before it */
	unsigned n_workers;
	uint64_t random;
	uint32_t n_slots, n_jobs, in_flight, round;
	struct job **jobs; /* by endpoint id / n_workers; NULL: not checked */
	bool draining;
};

static struct job *job_of(struct wheel_timer *t)
{
	return (struct job *)((char *)t - offsetof(struct job, timer));
}

static uint64_t random_next(struct prober *p)
{
	uint64_t x = p->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	p->random = x;
	return x * 0x2545f4914f6cdd1dull;
}

/* ---- one check ---- */

static void arm(struct job *j, uint64_t at_us)
{
	struct prober *p = j->p;

	wheel_arm(&p->wheel, &j->timer, at_us);
	if (at_us < p->due_us)
		p->due_us = at_us;
}

static uint64_t jittered(struct prober *p, uint64_t interval_us)
{
	uint64_t part = interval_us / JITTER_PART;

	return part ? interval_us - part + random_next(p) % (2 * part) : interval_us;
}

static void arm_next(struct job *j)
{
	struct prober *p = j->p;
	uint64_t at = j->started_us + jittered(p, j->probe.check->interval_us);

	arm(j, at > *p->env.now_us ? at : *p->env.now_us);
}

static void set_in_flight(struct prober *p, int by)
{
	p->in_flight += (uint32_t)by;
	counter_add(p->env.counters, CTR_HEALTH_CHECKS_ACTIVE, by);
}

static void report(struct job *j, enum check_result r, uint16_t status)
{
	static_assert(CTR_HEALTH_CHECK_UNREACHABLE - CTR_HEALTH_CHECK_PASSED + 1 ==
			      CHECK_RESULT_COUNT,
		      "a counter for each result, in their order");
	counter_inc(j->p->env.counters, (enum counter_id)(CTR_HEALTH_CHECK_PASSED + r));
	health_report(j->probe.check, j->endpoint->health, j->tally, r, status);
	arm_next(j);
}

static void postpone(struct job *j)
{
	counter_inc(j->p->env.counters, CTR_HEALTH_CHECKS_POSTPONED);
	arm(j, *j->p->env.now_us + POSTPONE_US);
}

static void on_done(struct probe *pr, enum check_result r, uint16_t status)
{
	struct job *j = (struct job *)pr;

	set_in_flight(j->p, -1);
	report(j, r, status);
}

static void on_given_up(struct probe *pr)
{
	struct job *j = (struct job *)pr;

	set_in_flight(j->p, -1);
	postpone(j);
}

static void start(struct job *j)
{
	struct prober *p = j->p;

	j->started_us = *p->env.now_us;
	if (p->in_flight == PROBES_MAX) {
		postpone(j);
		return;
	}
	switch (probe_open(&j->probe, j->endpoint)) {
	case PROBE_OPENED:
		counter_inc(p->env.counters, CTR_HEALTH_CHECKS_STARTED);
		set_in_flight(p, 1);
		arm(j, j->started_us + j->probe.check->timeout_us);
		break;
	case PROBE_NO_ROUTE:
		report(j, CHECK_UNREACHABLE, 0);
		break;
	case PROBE_NO_ROOM:
		postpone(j);
		break;
	}
}

static void stop(struct job *j)
{
	wheel_cancel(&j->p->wheel, &j->timer);
	if (!j->probe.bs)
		return;
	probe_abort(&j->probe);
	set_in_flight(j->p, -1);
}

static void fire(void *arg, struct wheel_timer *t)
{
	struct job *j = job_of(t);

	(void)arg;
	if (!j->probe.bs) {
		start(j);
		return;
	}
	stop(j);
	report(j, CHECK_TIMEOUT, 0);
}

/* ---- snapshots ---- */

static void drop(struct prober *p, uint32_t slot)
{
	stop(p->jobs[slot]);
	free(p->jobs[slot]);
	p->jobs[slot] = NULL;
	p->n_jobs--;
}

static bool make_room(struct prober *p, const struct snapshot *s)
{
	uint32_t n = s->n_endpoint_ids / p->n_workers + 1;
	struct job **jobs;

	if (n <= p->n_slots)
		return true;
	jobs = realloc(p->jobs, n * sizeof(*jobs));
	if (!jobs)
		return false;
	memset(jobs + p->n_slots, 0, (n - p->n_slots) * sizeof(*jobs));
	p->jobs = jobs;
	p->n_slots = n;
	return true;
}

static struct job *make_job(struct prober *p, uint32_t slot)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	/* The wheel stands still while there are none. */
	if (p->n_jobs++ == 0)
		wheel_init(&p->wheel, *p->env.now_us, fire, p);
	j->p = p;
	j->probe.env = &p->env;
	j->probe.done = on_done;
	j->probe.given_up = on_given_up;
	p->jobs[slot] = j;
	return j;
}

/* False: there is no memory for it. *first_us: when the next one that begins anew does. */
static bool adopt_endpoint(struct prober *p, const struct cluster *c, uint32_t i,
			   uint64_t *first_us)
{
	const struct endpoint *e = &c->endpoints->endpoints[i];
	const struct health_check *k = c->checks->of[i];
	uint32_t slot = e->id / p->n_workers;
	struct job *j = slot < p->n_slots ? p->jobs[slot] : NULL;
	bool same;

	if (j && j->gen != e->gen) {
		drop(p, slot);
		j = NULL;
	}
	same = j && j->hash == k->hash;
	if (!j && (slot >= p->n_slots || !(j = make_job(p, slot))))
		return false;
	if (!same)
		stop(j);
	j->endpoint = e;
	j->tally = c->checks->tally;
	j->probe.check = k;
	j->gen = e->gen;
	j->hash = k->hash;
	j->round = p->round;
	if (!same) {
		e->health->record.passes = e->health->record.failures = 0;
		arm(j, *first_us + k->delay_us);
		*first_us += STAGGER_US;
	}
	return true;
}

static bool adopt_cluster(struct prober *p, const struct cluster *c, uint64_t *first_us)
{
	bool room = true;

	for (uint32_t i = 0; i < c->endpoints->n; i++)
		if (c->checks->of[i] &&
		    c->endpoints->endpoints[i].id % p->n_workers == p->env.worker)
			room &= adopt_endpoint(p, c, i, first_us);
	return room;
}

void prober_adopt(struct prober *p, const struct snapshot *s)
{
	uint64_t first_us = *p->env.now_us;
	bool room;

	if (p->draining)
		return;
	room = make_room(p, s);
	p->round++;
	/* Without room for all, those there are go on. */
	for (uint32_t i = 0; i < s->n_cluster_ids; i++) {
		const struct cluster *c = s->cluster_by_id[i];

		if (c && c->checks)
			room &= adopt_cluster(p, c, &first_us);
	}
	if (!room)
		counter_inc(p->env.counters, CTR_HEALTH_CHECKS_NO_MEMORY);
	for (uint32_t i = 0; i < p->n_slots; i++)
		if (p->jobs[i] && p->jobs[i]->round != p->round)
			drop(p, i);
}

/* ---- life ---- */

void prober_turn(struct prober *p)
{
	if (likely(*p->env.now_us < p->due_us))
		return;
	p->due_us = UINT64_MAX;
	if (!p->n_jobs)
		return;
	wheel_turn(&p->wheel, *p->env.now_us);
	p->due_us = wheel_next(&p->wheel);
}

uint64_t prober_next(const struct prober *p)
{
	return p->due_us;
}

static void drop_all(struct prober *p)
{
	for (uint32_t i = 0; i < p->n_slots; i++)
		if (p->jobs[i])
			drop(p, i);
}

void prober_drain(struct prober *p)
{
	p->draining = true;
	drop_all(p);
}

struct prober *prober_create(const struct upstream_env *env, unsigned n_workers, uint64_t seed)
{
	struct prober *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->env = *env;
	p->n_workers = n_workers ? n_workers : 1;
	p->due_us = UINT64_MAX;
	p->random = seed | 1; /* 0 is the one state that it never leaves */
	return p;
}

/* Connections are TCP's, which has stopped and goes next. */
void prober_destroy(struct prober *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->n_slots; i++)
		free(p->jobs[i]);
	free(p->jobs);
	free(p);
}
