/* test_random.c - seeded interleavings of several clients and origins that talk in pieces, pause,
 * vanish and stop reading: whoever gets a complete answer gets its own.
 *
 * Without faults every request must be answered; with faults, and when the pool runs dry at any
 * moment, none may get another's answer, and nothing may leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_mempool.h>

#include "rig.h"

#define SEEDS        1000
#define CLIENTS_MAX  5
#define REQUESTS_MAX 8 /* of a client */
#define ORIGINS_MAX  256
#define STEPS        250
#define BODY_MAX     9000

struct request {
	bool post;
	unsigned body; /* bytes */
	unsigned seen; /* by origins, complete */
};

struct client {
	struct peer *peer;
	struct bytes text; /* not said yet */
	unsigned n, answered;
	bool left; /* reset, or ended its side while answers were due */
};

struct origin {
	struct peer *peer;
	struct bytes text;
	bool end; /* behind text */
};

struct world {
	struct rig *r;
	uint64_t seed;
	bool faults, starve;
	struct request requests[CLIENTS_MAX][REQUESTS_MAX];
	struct client clients[CLIENTS_MAX];
	unsigned n_clients;
	struct origin origins[ORIGINS_MAX];
	unsigned n_origins;
	struct rte_mbuf *held[8192]; /* kept from the proxy */
	unsigned n_held;
};

static uint64_t draw(struct world *w, uint64_t below)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (w->seed >> 11) % below;
}

static bool chance(struct world *w, unsigned percent)
{
	return draw(w, 100) < percent;
}

static void add_text(struct bytes *b, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	bytes_add(b, text, strlen(text));
}

/* The i-th byte of the body of somebody's k-th message. */
static char pattern(unsigned who, unsigned k, size_t i)
{
	return (char)('a' + (i * 3 + i / 26 + who * 5 + k) % 26);
}

static void add_pattern(struct bytes *b, unsigned who, unsigned k, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++) {
		char c = pattern(who, k, i);

		bytes_add(b, &c, 1);
	}
}

static void check_pattern(const struct bytes *b, size_t at, unsigned who, unsigned k)
{
	for (size_t i = at; i < b->n; i++)
		if (b->p[i] != pattern(who, k, i - at))
			fail_msg("byte %zu of message %u of %u", i, k, who);
}

/* A body in a framing of chance; its first bytes are `prefix`. */
static void add_body(struct world *w, struct bytes *b, const char *prefix, unsigned who, unsigned k,
		     size_t n)
{
	size_t len = strlen(prefix), at = 0;

	if (chance(w, 50)) {
		add_text(b, "Content-Length: %zu\r\n\r\n%s", len + n, prefix);
		add_pattern(b, who, k, 0, n);
		return;
	}
	add_text(b, "Transfer-Encoding: chunked\r\n\r\n");
	if (len)
		add_text(b, "%zx\r\n%s\r\n", len, prefix);
	while (at < n) {
		size_t part = 1 + draw(w, n - at);

		add_text(b, "%zx%s\r\n", part, chance(w, 10) ? ";x=\"y\"" : "");
		add_pattern(b, who, k, at, part);
		add_text(b, "\r\n");
		at += part;
	}
	add_text(b, "0\r\n%s\r\n", chance(w, 10) ? "X-Trailer: z\r\n" : "");
}

static size_t body_size(struct world *w)
{
	return chance(w, 30) ? 0 : chance(w, 70) ? draw(w, 600) : draw(w, BODY_MAX);
}

static void plan_client(struct world *w, unsigned who)
{
	struct client *c = &w->clients[who];

	c->peer = rig_client(w->r, PORT_ROUTED);
	c->n = 1 + (unsigned)draw(w, REQUESTS_MAX);
	for (unsigned k = 0; k < c->n; k++) {
		struct request *q = &w->requests[who][k];

		q->post = chance(w, 50);
		add_text(&c->text, "%s /%u/%u HTTP/1.1\r\nHost: web\r\nX-Pad: %.*s\r\n",
			 q->post ? "POST" : "GET", who, k, (int)draw(w, 60),
			 "------------------------------------------------------------");
		if (!q->post) {
			add_text(&c->text, "\r\n");
			continue;
		}
		q->body = (unsigned)body_size(w);
		add_body(w, &c->text, "", who, k, q->body);
	}
}

/* ---- origins ---- */

static void answer(struct world *w, struct origin *o, unsigned who, unsigned k)
{
	size_t n = body_size(w);
	char name[32];

	snprintf(name, sizeof(name), "%u/%u:", who, k);
	if (chance(w, 15))
		add_text(&o->text, "HTTP/1.1 103 Early Hints\r\nLink: </%u>\r\n\r\n", k);
	add_text(&o->text, "HTTP/1.1 200 OK\r\n");
	o->end = chance(w, 15);
	if (o->end && chance(w, 50)) {
		add_text(&o->text, "\r\n%s", name);
		add_pattern(&o->text, who, k, 0, n);
		return;
	}
	if (o->end)
		add_text(&o->text, "Connection: close\r\n");
	add_body(w, &o->text, name, who, k, n);
}

static void take_requests(struct world *w, struct origin *o)
{
	struct message *m = &w->r->request;
	unsigned who, k;

	while (message_take(o->peer, m, MESSAGE_REQUEST)) {
		struct request *q;

		assert_int_equal(sscanf(m->line, "%*s /%u/%u HTTP/1.1", &who, &k), 2);
		q = &w->requests[who][k];
		q->seen++;
		assert_int_equal(m->line[0], q->post ? 'P' : 'G');
		assert_int_equal(m->body.n, q->body);
		check_pattern(&m->body, 0, who, k);
		/* What is not idempotent is not repeated. */
		assert_true(!q->post || q->seen == 1);
		answer(w, o, who, k);
	}
}

static void say_some(struct world *w, struct peer *p, struct bytes *text, size_t most)
{
	size_t n = 1 + draw(w, most);

	if (n > text->n)
		n = text->n;
	peer_send(p, text->p, n);
	bytes_drop(text, n);
}

static void step_origin(struct world *w, struct origin *o)
{
	if (!o->peer->stream)
		return;
	if (o->peer->connecting) {
		if (w->faults && chance(w, 5))
			peer_reset(o->peer);
		else if (chance(w, 40))
			peer_accept(o->peer);
		return;
	}
	take_requests(w, o);
	if (o->text.n && !o->peer->end_queued)
		say_some(w, o->peer, &o->text, chance(w, 30) ? 20 : 4000);
	if (!o->text.n && o->end)
		peer_end(o->peer);
	if (w->faults && chance(w, 1))
		peer_reset(o->peer);
	o->peer->deaf = chance(w, 30);
}

static void find_origins(struct world *w)
{
	while (rig_has_origin(w->r)) {
		assert_true(w->n_origins < ORIGINS_MAX);
		w->origins[w->n_origins++].peer = rig_origin(w->r);
	}
}

/* ---- clients ---- */

static void take_responses(struct world *w, unsigned who)
{
	struct client *c = &w->clients[who];
	struct message *m = &w->r->response;
	char name[32];

	while (message_take(c->peer, m, MESSAGE_RESPONSE)) {
		if (m->status < 200)
			continue;
		assert_true(c->answered < c->n);
		snprintf(name, sizeof(name), "%u/%u:", who, c->answered);
		if (m->status == 200) {
			assert_memory_equal(m->body.p, name, strlen(name));
			check_pattern(&m->body, strlen(name), who, c->answered);
			assert_true(w->requests[who][c->answered].seen > 0);
		} else {
			assert_true(w->faults || w->starve);
			assert_true(m->status == 503 || m->status == 502);
		}
		c->answered++;
	}
}

static void step_client(struct world *w, unsigned who)
{
	struct client *c = &w->clients[who];

	take_responses(w, who);
	if (!c->peer->stream)
		return;
	if (c->text.n && !c->peer->end_queued)
		say_some(w, c->peer, &c->text, chance(w, 30) ? 10 : 3000);
	if (w->faults && chance(w, 1)) {
		peer_reset(c->peer);
		c->left = true;
	} else if (w->faults && !c->text.n && !c->peer->end_queued && chance(w, 2)) {
		peer_end(c->peer);
		c->left = true;
	}
	c->peer->deaf = chance(w, 30);
	if (c->peer->deaf)
		peer_hear(c->peer, (uint32_t)draw(w, 2000));
}

/* ---- the pool ---- */

static void feed(struct world *w)
{
	while (w->n_held)
		rte_pktmbuf_free(w->held[--w->n_held]);
}

/* Leaves the proxy n mbufs. */
static void starve(struct world *w, unsigned n)
{
	while (rte_mempool_avail_count(w->r->pool) > n && w->n_held < RTE_DIM(w->held)) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->r->pool);

		if (!m)
			return;
		w->held[w->n_held++] = m;
	}
}

/* ---- one seed ---- */

static void step(struct world *w)
{
	if (w->starve && chance(w, 10))
		starve(w, (unsigned)draw(w, 4));
	else if (w->n_held && chance(w, 30))
		feed(w);
	for (unsigned i = 0; i < w->n_clients; i++)
		if (chance(w, 60))
			step_client(w, i);
	find_origins(w);
	for (unsigned i = 0; i < w->n_origins; i++)
		if (chance(w, 60))
			step_origin(w, &w->origins[i]);
	w->r->now_us += draw(w, 4000);
	rig_pass(w->r);
}

/* No more faults: what is under way comes to its end. */
static void settle(struct world *w)
{
	feed(w);
	w->faults = w->starve = false;
	for (unsigned turn = 0; turn < 400; turn++) {
		for (unsigned i = 0; i < w->n_clients; i++) {
			struct client *c = &w->clients[i];

			c->peer->deaf = false;
			if (c->peer->stream && c->text.n && !c->peer->end_queued)
				say_some(w, c->peer, &c->text, 20000);
		}
		find_origins(w);
		for (unsigned i = 0; i < w->n_origins; i++) {
			step_origin(w, &w->origins[i]);
			w->origins[i].peer->deaf = false;
		}
		w->r->now_us += 3000;
		rig_run(w->r);
	}
}

static void configure(struct world *w)
{
	struct rig *r = w->r;

	r->tcp.piece = chance(w, 30) ? 1 + (uint32_t)draw(w, 40) : 0;
	r->tcp.coalesce = chance(w, 50);
	r->tcp.tx_limit = chance(w, 50) ? 1000 + (uint32_t)draw(w, 3000) : 64 * 1024;
	r->tcp.rcv_buf = chance(w, 50) ? 4096 : 128 * 1024;
	r->tcp.shuffle = chance(w, 80) ? 1 + draw(w, UINT32_MAX) : 0;
	r->tcp.connect = chance(w, 50) ? FAKE_HOLD : FAKE_ACCEPT;
	r->clusters[0].max_requests_per_connection = chance(w, 20) ? 3 : 0;
	r->sets[0].n = 1 + (uint32_t)draw(w, RIG_ENDPOINTS);
	r->routes[0].retry.backoff_us = 2000;
}

static void check_end(struct world *w, bool faults, bool starved)
{
	for (unsigned i = 0; i < w->n_clients; i++) {
		struct client *c = &w->clients[i];

		w->faults = faults;
		w->starve = starved;
		take_responses(w, i);
		if (c->left || c->answered == c->n)
			continue;
		/* Only one whose connection was lost may still wait. */
		assert_true(faults || starved);
		assert_true(c->peer->ended || c->peer->was_reset);
	}
}

static void run_seed(uint64_t seed, bool faults, bool starved)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->seed = seed * 0x9e3779b97f4a7c15ull + 1;
	w->r = rig_open();
	w->faults = faults;
	w->starve = starved;
	configure(w);
	w->n_clients = 1 + (unsigned)draw(w, CLIENTS_MAX);
	for (unsigned i = 0; i < w->n_clients; i++)
		plan_client(w, i);
	for (unsigned i = 0; i < STEPS; i++)
		step(w);
	settle(w);
	check_end(w, faults, starved);
	rig_close(w->r);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		free(w->clients[i].text.p);
	for (unsigned i = 0; i < ORIGINS_MAX; i++)
		free(w->origins[i].text.p);
	free(w);
}

static void run_seeds(uint64_t from, unsigned n, bool faults, bool starved)
{
	const char *only = getenv("WEIR_SEED");

	for (uint64_t seed = from; seed < from + n; seed++) {
		if (only && strtoull(only, NULL, 10) != seed)
			continue;
		if (only)
			print_message("seed %llu\n", (unsigned long long)seed);
		run_seed(seed, faults, starved);
	}
}

static void without_faults(void **state)
{
	(void)state;
	run_seeds(0, SEEDS / 2, false, false);
}

static void with_faults(void **state)
{
	(void)state;
	run_seeds(10000, SEEDS / 2, true, false);
}

static void with_an_empty_pool(void **state)
{
	(void)state;
	run_seeds(20000, SEEDS / 2, true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults),
		cmocka_unit_test(with_faults),
		cmocka_unit_test(with_an_empty_pool),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
