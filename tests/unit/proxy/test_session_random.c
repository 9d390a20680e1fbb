/* test_session_random.c - anything that clients, servers and memory do to connections of TCP
 * routes, in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "session_rig.h"

#define LIVES 24

struct chaos {
	struct rig *r;
	uint32_t seed;
	struct peer *clients[LIVES], *origins[LIVES];
	unsigned n_origins;
	struct session_mbufs held;
};

static uint32_t draw(struct chaos *c, uint32_t n)
{
	c->seed = c->seed * 1664525u + 1013904223u;
	return (c->seed >> 8) % n;
}

static void stir(struct chaos *c, struct peer *p)
{
	static const char *const words[] = {
		"hello",
		GRANTED,
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"5\r\n01234\r\n",
		"0\r\n\r\n",
		"HTTP/1.1 403 No\r\n\r\n",
	};
	const char *text = words[draw(c, RTE_DIM(words))];

	if (!p || !p->stream)
		return;
	if (p->connecting) {
		if (draw(c, 8) == 0)
			peer_reset(p);
		else if (draw(c, 2))
			peer_accept(p);
		return;
	}
	switch (draw(c, 12)) {
	case 0:
		peer_end(p);
		break;
	case 1:
		peer_reset(p);
		break;
	case 2:
		p->deaf = !p->deaf;
		break;
	default:
		if (!p->end_queued)
			peer_send(p, text, 1 + draw(c, (uint32_t)strlen(text)));
	}
}

static void live(struct chaos *c)
{
	struct rig *r = c->r;
	unsigned i = draw(c, LIVES);

	if (!c->clients[i] || !c->clients[i]->stream) {
		r->endpoints[0].announce = (uint8_t)draw(c, 3);
		c->clients[i] = rig_client(r, PORT_TCP);
	}
	stir(c, c->clients[i]);
	rig_pass(r);
	while (rig_has_origin(r))
		c->origins[c->n_origins++ % LIVES] = rig_origin(r);
	stir(c, c->origins[draw(c, LIVES)]);
	if (draw(c, 40) == 0) {
		session_take_mbufs(r, &c->held);
		rig_pass(r);
		session_give_mbufs(&c->held);
	}
	if (draw(c, 10) == 0)
		rig_wait(r, draw(c, 20) * SECOND / 10);
	rig_pass(r);
}

static void live_and_leave(struct chaos *c, unsigned seed)
{
	struct rig *r = c->r = rig_open();

	c->seed = seed;
	if (seed % 3)
		session_behind_tunnel(r, seed % 3 == 2);
	r->tcp.connect = seed & 8 ? FAKE_HOLD : FAKE_ACCEPT;
	r->clusters[0].tcp_idle_us = 3 * SECOND;
	r->clusters[0].max_connection_us = seed & 4 ? 5 * SECOND : 0;
	r->clusters[0].connect_timeout_us = 2 * SECOND;
	for (unsigned i = 0; i < 600; i++)
		live(c);
	for (unsigned i = 0; i < r->tcp.n_peers; i++)
		r->tcp.peers[i]->deaf = false;
	rig_close(r);
}

/* Whatever happens when, nothing is left in the end: rig_close() looks. */
static void anything_at_any_time(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 16; seed++) {
		struct chaos *c = calloc(1, sizeof(*c));

		live_and_leave(c, seed);
		free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anything_at_any_time),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
