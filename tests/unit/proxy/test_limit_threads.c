/* test_limit_threads.c - workers on threads of their own share a cluster's limits: never more than
 * they allow, at any moment, and nobody waits for ever. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rig.h"

#define WORKERS     3
#define CLIENTS     12 /* of each worker, at once */
#define REQUESTS    3000
#define ORIGINS_MAX 8192
#define PASS_US     5
#define IN_STEP     400 /* requests of a worker, where all wait for each other */
#define STUCK_S     15  /* without any answer */

#define GET "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#define NONE BREAKER_NO_LIMIT

struct crew {
	struct breaker *b;
	struct breaker_limits limits;
	struct mailbox boxes[WORKERS];
	unsigned clients;      /* of each worker, at once; 0: as many as there is room for */
	bool once;             /* a connection serves one request */
	bool in_step;          /* nobody asks again before all have been answered */
	unsigned leave_one_in; /* clients that do not wait for their answer; 0: none */
	/* Changed by all. */
	uint32_t held; /* requests that origins have and have not answered */
	uint32_t too_many, done, stuck;
	uint32_t served, refused, gone;
};

/* One worker, its clients and the origins it has connections to. */
struct hand {
	struct crew *crew;
	struct rig *r;
	pthread_t thread;
	uint64_t random;
	unsigned to_ask, waiting;
	unsigned first; /* peers before this one are over */
	struct peer *clients[CLIENTS];
	bool asked[CLIENTS];
	struct {
		bool holds;
		unsigned passes; /* until it answers */
	} origins[ORIGINS_MAX];
};

static unsigned draw(struct hand *h, unsigned n)
{
	h->random = h->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(h->random >> 33) % n;
}

static void note(uint32_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

/* ---- clients ---- */

/* The status of a whole response; 0: it is not there yet. */
static int answer_of(const struct peer *p)
{
	const char *head = strstr(p->heard.p, "\r\n\r\n");
	const char *length = strstr(p->heard.p, "ontent-length: ");

	if (!head || p->heard.n < 12)
		return 0;
	if (!length)
		length = strstr(p->heard.p, "ontent-Length: ");
	if (!length ||
	    p->heard.n < (size_t)(head + 4 - p->heard.p) + strtoul(length + 15, NULL, 10))
		return 0;
	return atoi(p->heard.p + 9);
}

static void ask(struct hand *h, unsigned i)
{
	if (!h->clients[i])
		h->clients[i] = rig_client(h->r, PORT_ROUTED);
	peer_say(h->clients[i], GET);
	h->asked[i] = true;
	h->waiting++;
	h->to_ask--;
}

static void answered(struct hand *h, unsigned i, int status)
{
	bytes_drop(&h->clients[i]->heard, h->clients[i]->heard.n);
	h->asked[i] = false;
	h->waiting--;
	note(status == 200 ? &h->crew->served : &h->crew->refused);
}

static void leave(struct hand *h, unsigned i)
{
	peer_reset(h->clients[i]);
	h->clients[i] = NULL;
	h->asked[i] = false;
	h->waiting--;
	note(&h->crew->gone);
}

static uint32_t answers_of(const struct crew *c)
{
	return __atomic_load_n(&c->served, __ATOMIC_RELAXED) +
	       __atomic_load_n(&c->refused, __ATOMIC_RELAXED);
}

static bool may_ask(struct hand *h)
{
	const struct crew *c = h->crew;
	uint32_t answers = answers_of(c);

	if (c->in_step)
		return h->to_ask && answers >= WORKERS * (IN_STEP - h->to_ask);
	return h->to_ask && draw(h, 4) == 0;
}

static void turn_clients(struct hand *h)
{
	unsigned one_in = h->crew->leave_one_in;
	unsigned n = h->crew->clients ? h->crew->clients : CLIENTS;

	for (unsigned i = 0; i < n; i++) {
		int status = h->asked[i] ? answer_of(h->clients[i]) : 0;

		if (status)
			answered(h, i, status);
		else if (h->asked[i] && one_in && draw(h, one_in) == 0)
			leave(h, i);
		else if (!h->asked[i] && may_ask(h))
			ask(h, i);
	}
}

/* ---- origins ---- */

static void take_request(struct hand *h, unsigned i)
{
	struct peer *p = h->r->tcp.peers[i];
	uint32_t held = __atomic_add_fetch(&h->crew->held, 1, __ATOMIC_SEQ_CST);

	/* Where clients leave, their connections go before their origins know. */
	if (held > h->crew->limits.connections && !h->crew->leave_one_in)
		note(&h->crew->too_many);
	bytes_drop(&p->heard, p->heard.n);
	h->origins[i].holds = true;
	h->origins[i].passes = draw(h, 8);
}

static void let_go(struct hand *h, unsigned i)
{
	h->origins[i].holds = false;
	__atomic_fetch_sub(&h->crew->held, 1, __ATOMIC_SEQ_CST);
}

static void turn_origins(struct hand *h)
{
	while (h->first < h->r->tcp.n_peers && !h->r->tcp.peers[h->first]->stream &&
	       !h->origins[h->first].holds)
		h->first++;
	for (unsigned i = h->first; i < h->r->tcp.n_peers && i < ORIGINS_MAX; i++) {
		struct peer *p = h->r->tcp.peers[i];

		if (!p->active)
			continue;
		if (h->origins[i].holds && !p->stream)
			let_go(h, i);
		else if (h->origins[i].holds && h->origins[i].passes-- == 0) {
			let_go(h, i);
			peer_say(p, OK);
		} else if (p->stream && !h->origins[i].holds && strstr(p->heard.p, "\r\n\r\n"))
			take_request(h, i);
	}
}

/* ---- the limits, as anybody may see them ---- */

static void check(struct crew *c)
{
	if (__atomic_load_n(&c->b->connections, __ATOMIC_SEQ_CST) > c->limits.connections ||
	    __atomic_load_n(&c->b->requests, __ATOMIC_SEQ_CST) > c->limits.requests ||
	    __atomic_load_n(&c->b->pending, __ATOMIC_SEQ_CST) >> 32 > c->limits.pending)
		note(&c->too_many);
}

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Whoever has nothing to ask any more still gives up what others wait for. */
static void *work(void *arg)
{
	struct hand *h = arg;
	struct crew *c = h->crew;
	time_t end = now_s() + STUCK_S;
	uint32_t answers = 0;
	bool done = false;

	while (__atomic_load_n(&c->done, __ATOMIC_RELAXED) < WORKERS) {
		h->r->now_us += PASS_US;
		turn_clients(h);
		turn_origins(h);
		rig_pass(h->r);
		check(c);
		if (!done && !h->to_ask && !h->waiting) {
			done = true;
			note(&c->done);
		}
		if (answers_of(c) != answers) {
			answers = answers_of(c);
			end = now_s() + STUCK_S;
		}
		if (now_s() > end) {
			note(&c->stuck);
			break;
		}
		if (draw(h, 16) == 0)
			sched_yield();
	}
	return NULL;
}

/* ---- a run ---- */

static struct breaker *make_breaker(void)
{
	size_t size = sizeof(struct breaker) + WORKERS * sizeof(struct breaker_seat);
	struct breaker *b = aligned_alloc(WEIR_CACHE_LINE, size);

	assert_non_null(b);
	memset(b, 0, size);
	b->n_seats = WORKERS;
	for (unsigned i = 0; i < WORKERS; i++)
		b->seats[i].breaker = b;
	return b;
}

static struct hand *make_hand(struct crew *c, unsigned worker)
{
	struct hand *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->crew = c;
	h->random = worker + 1;
	h->to_ask = c->in_step ? IN_STEP : REQUESTS;
	h->r = rig_open_worker(worker, c->boxes);
	h->r->clusters[0].breaker = c->b;
	h->r->clusters[0].limits = c->limits;
	h->r->clusters[0].max_requests_per_connection = c->once;
	h->r->snap.generation++;
	rig_run(h->r);
	return h;
}

static void settle_all(struct hand **hands)
{
	for (unsigned i = 0; i < 4 * WORKERS; i++)
		rig_run(hands[i % WORKERS]->r);
}

static void end(struct crew *c, struct hand **hands)
{
	for (unsigned i = 0; i < WORKERS; i++)
		for (unsigned k = 0; k < hands[i]->r->tcp.n_peers; k++) {
			struct peer *p = hands[i]->r->tcp.peers[k];

			if (p->stream && !p->active)
				peer_reset(p);
		}
	settle_all(hands);
	for (unsigned i = 0; i < WORKERS; i++)
		proxy_drain(hands[i]->r->px);
	settle_all(hands);
	assert_int_equal(c->b->connections, 0);
	assert_int_equal(c->b->requests, 0);
	assert_int_equal(c->b->pending, 0);
	assert_int_equal(c->b->waiting, 0);
	assert_int_equal(c->b->holds, 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		rig_close(hands[i]->r);
		free(hands[i]);
	}
	free(c->b);
}

static void run(struct crew *c)
{
	struct hand *hands[WORKERS];

	c->b = make_breaker();
	for (unsigned i = 0; i < WORKERS; i++)
		hands[i] = make_hand(c, i);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&hands[i]->thread, NULL, work, hands[i]), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(hands[i]->thread, NULL);
	print_message("%u served, %u refused, %u left\n", c->served, c->refused, c->gone);
	assert_int_equal(c->stuck, 0);
	assert_int_equal(c->too_many, 0);
	assert_int_equal(c->served + c->refused + c->gone,
			 WORKERS * (c->in_step ? IN_STEP : REQUESTS));
	end(c, hands);
}

static void all_are_served_in_the_end(void **state)
{
	struct crew c = {.limits = {2, NONE, NONE, NONE, 0, 0}};

	(void)state;
	run(&c);
	assert_int_equal(c.served, WORKERS * REQUESTS);
}

/* Fewer connections than workers: each has to come round. */
static void one_connection_for_all(void **state)
{
	struct crew c = {.limits = {1, NONE, NONE, NONE, 0, 0}};

	(void)state;
	run(&c);
	assert_int_equal(c.served, WORKERS * REQUESTS);
}

/* Three come, two connections go: who begins to wait just then must not be missed, because nobody
 * comes after him. */
static void nobody_comes_after(void **state)
{
	struct crew c = {
		.limits = {2, NONE, NONE, NONE, 0, 0}, .clients = 1, .once = true, .in_step = true};

	(void)state;
	run(&c);
	assert_int_equal(c.served, WORKERS * IN_STEP);
}

static void some_are_refused(void **state)
{
	struct crew c = {.limits = {3, 4, 3, NONE, 0, 0}};

	(void)state;
	run(&c);
	assert_true(c.served > 0 && c.refused > 0);
}

static void some_do_not_wait(void **state)
{
	struct crew c = {.limits = {2, 8, NONE, NONE, 0, 0}, .leave_one_in = 50};

	(void)state;
	run(&c);
	assert_true(c.served > 0 && c.gone > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_served_in_the_end),
		cmocka_unit_test(one_connection_for_all),
		cmocka_unit_test(nobody_comes_after),
		cmocka_unit_test(some_are_refused),
		cmocka_unit_test(some_do_not_wait),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
