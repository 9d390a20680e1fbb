/* test_session.c - connections of TCP routes: routed, connected, joined, and told apart when they
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define CONNECT "CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n"
#define POST    "POST / HTTP/1.1\r\nhost: db.test:5432\r\ntransfer-encoding: chunked\r\n\r\n"
#define GRANTED "HTTP/1.1 200 OK\r\n\r\n"

#define SECOND 1000000ull

struct pair {
	struct peer *client, *origin;
};

static struct pair open_session(struct rig *r)
{
	struct pair t = {.client = rig_client(r, PORT_TCP)};

	rig_run(r);
	t.origin = rig_origin(r);
	return t;
}

static void check_heard(struct peer *p, const char *text)
{
	assert_string_equal(p->heard.p, text);
	bytes_drop(&p->heard, p->heard.n);
}

/* Nothing of it is HTTP's. */
static const struct log_record *check_log(struct rig *r, uint32_t flags, const char *why)
{
	const struct log_record *rec = rig_check_log(r, 0, flags, NULL);

	assert_true(rec->session);
	assert_string_equal(rig_log_text(rec, LOG_METHOD), "");
	assert_string_equal(rig_log_text(rec, LOG_TRANSPORT_FAILURE), why);
	return rec;
}

static void check_closed(struct rig *r, struct peer *client)
{
	rig_run(r);
	assert_true(client->ended);
	assert_false(client->was_reset);
	assert_int_equal(r->px->sessions.used, 0);
}

/* ---- joined ---- */

static void relays_anything(void **state)
{
	struct rig *r = *state;
	struct pair t = open_session(r);
	const struct log_record *rec;

	assert_int_equal(proxy_conns(r->px), 1);
	for (unsigned i = 0; i < 3; i++) {
		rig_ask(r, t.client, "GET / HTTP/1.1\r\n\r\n");
		check_heard(t.origin, "GET / HTTP/1.1\r\n\r\n");
		rig_answer(r, t.origin, "\x01\x02");
		check_heard(t.client, "\x01\x02");
	}
	peer_end(t.client);
	rig_run(r);
	assert_true(t.origin->ended);
	assert_false(t.client->ended);
	rig_answer(r, t.origin, "last words");
	check_heard(t.client, "last words");
	peer_end(t.origin);
	check_closed(r, t.client);
	rec = check_log(r, 0, "");
	assert_int_equal(rec->bytes_received, 3 * 18);
	assert_int_equal(rec->bytes_sent, 3 * 2 + 10);
	assert_int_equal(rec->upstream_remote.port, 9080);
	assert_int_not_equal(rec->upstream_local.port, 0);
	assert_string_equal(rig_log_text(rec, LOG_UPSTREAM_CLUSTER), r->clusters[0].name);
	assert_int_equal(rig_count(r, CTR_WORKER_REQUESTS), 0);
	assert_int_equal(rig_requests(r, 0, 0), 1);
}

/* What the client sends, and its end, wait for the connection. */
static void early_bytes(void **state)
{
	struct rig *r = *state;
	struct pair t;

	r->tcp.connect = FAKE_HOLD;
	t = open_session(r);
	peer_say(t.client, "early");
	peer_end(t.client);
	rig_run(r);
	peer_accept(t.origin);
	rig_run(r);
	check_heard(t.origin, "early");
	assert_true(t.origin->ended);
	rig_answer(r, t.origin, "late");
	check_heard(t.client, "late");
}

static void the_server_speaks_first(void **state)
{
	struct rig *r = *state;
	struct pair t = open_session(r);

	rig_answer(r, t.origin, "220 ready\r\n");
	check_heard(t.client, "220 ready\r\n");
}

static void resets(void **state)
{
	struct rig *r = *state;
	struct pair t = open_session(r);

	peer_reset(t.client);
	rig_run(r);
	assert_true(t.origin->was_reset);
	check_log(r, RESPONSE_FLAG_DC, "");
	t = open_session(r);
	peer_reset(t.origin);
	rig_run(r);
	assert_true(t.client->was_reset);
	check_log(r, RESPONSE_FLAG_UC, "");
}

static void backpressure(void **state)
{
	struct rig *r = *state;
	struct pair t = open_session(r);
	size_t n = 600000;
	char *bytes = malloc(n);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 31 + i / 256);
	t.origin->deaf = true;
	peer_send(t.client, bytes, n);
	rig_run(r);
	assert_true(t.client->out.n > 150000);
	while (t.origin->heard.n < 100000) {
		peer_hear(t.origin, 3000);
		rig_run(r);
	}
	t.origin->deaf = false;
	rig_run(r);
	assert_int_equal(t.origin->heard.n, n);
	assert_memory_equal(t.origin->heard.p, bytes, n);
	free(bytes);
}

/* ---- not joined ---- */

static void refused(void **state)
{
	struct rig *r = *state;
	struct peer *client;

	r->tcp.connect = FAKE_REFUSE;
	client = rig_client(r, PORT_TCP);
	check_closed(r, client);
	check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "delayed connect error");
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 1); /* one attempt */
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECT_FAILS), 1);
}

static void connect_timeout(void **state)
{
	struct rig *r = *state;
	struct peer *client;

	r->tcp.connect = FAKE_HOLD;
	client = rig_client(r, PORT_TCP);
	rig_run(r);
	rig_origin(r);
	rig_wait(r, 9 * SECOND);
	assert_false(client->ended);
	rig_wait(r, 2 * SECOND);
	check_closed(r, client);
	check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "connection timeout");
}

static void client_leaves_while_connecting(void **state)
{
	struct rig *r = *state;
	struct peer *client;

	r->tcp.connect = FAKE_HOLD;
	client = rig_client(r, PORT_TCP);
	rig_run(r);
	peer_reset(client);
	rig_run(r);
	assert_null(rig_origin(r)->stream);
	check_log(r, RESPONSE_FLAG_DC, "");
}

static void nowhere_to_go(void **state)
{
	struct rig *r = *state;
	struct split_target *t = &r->targets[PORT_TCP - PORT_ROUTED];

	t->cluster_id = 1;
	check_closed(r, rig_client(r, PORT_TCP));
	check_log(r, RESPONSE_FLAG_UH, "");
	t->cluster_id = WEIR_ID_NONE;
	check_closed(r, rig_client(r, PORT_TCP));
	check_log(r, RESPONSE_FLAG_NC, "");
	assert_int_equal(rig_count(r, CTR_SESSIONS), 2);
	assert_false(rig_has_origin(r));
}

/* ---- no memory ---- */

struct mbufs {
	struct rte_mbuf *m[16384];
	unsigned n;
};

static void take_all(struct rig *r, struct mbufs *held)
{
	held->n = 0;
	while (held->n < RTE_DIM(held->m) && (held->m[held->n] = rte_pktmbuf_alloc(r->pool)))
		held->n++;
	assert_true(held->n < RTE_DIM(held->m));
}

static void give_back(struct mbufs *held)
{
	rte_pktmbuf_free_bulk(held->m, held->n);
}

static void behind_tunnel(struct rig *r, bool post);

static void no_memory_to_begin(void **state)
{
	struct rig *r = *state;
	static struct mbufs held;

	for (unsigned tunnel = 0; tunnel < 2; tunnel++) {
		struct pair t;

		r->endpoints[0].announce = !tunnel;
		if (tunnel)
			behind_tunnel(r, false);
		r->tcp.connect = FAKE_HOLD;
		t = open_session(r);
		peer_say(t.client, "early");
		take_all(r, &held);
		peer_accept(t.origin);
		check_closed(r, t.client);
		assert_true(t.origin->was_reset);
		check_log(r, RESPONSE_FLAG_UO, "");
		give_back(&held);
	}
}

/* Without a coder nothing is needed; a chunk that cannot be framed ends the connection. */
static void no_memory_to_relay(void **state)
{
	struct rig *r = *state;
	static struct mbufs held;
	struct pair t = open_session(r);

	take_all(r, &held);
	rig_ask(r, t.client, "hello");
	check_heard(t.origin, "hello");
	give_back(&held);
	behind_tunnel(r, true);
	t = open_session(r);
	rig_answer(r, t.origin, GRANTED);
	take_all(r, &held);
	peer_end(t.client);
	rig_run(r);
	assert_true(t.client->was_reset);
	assert_true(t.origin->was_reset);
	check_log(r, RESPONSE_FLAG_UPE, "");
	give_back(&held);
}

/* ---- time ---- */

static void idles(void **state)
{
	struct rig *r = *state;
	struct pair t;

	r->clusters[0].tcp_idle_us = 30 * SECOND;
	t = open_session(r);
	for (unsigned i = 0; i < 6; i++) {
		rig_wait(r, 20 * SECOND);
		if (i % 2)
			rig_ask(r, t.client, ".");
		else
			rig_answer(r, t.origin, ".");
	}
	rig_wait(r, 30 * SECOND - 100000);
	assert_non_null(t.client->stream);
	rig_wait(r, 200000);
	check_closed(r, t.client);
	assert_true(t.origin->ended);
	check_log(r, RESPONSE_FLAG_SI, "");
}

static void never_idle(void **state)
{
	struct rig *r = *state;
	struct pair t;

	r->clusters[0].tcp_idle_us = 0;
	t = open_session(r);
	rig_wait(r, 24 * 3600 * SECOND);
	rig_ask(r, t.client, "still here");
	check_heard(t.origin, "still here");
}

static void grows_old(void **state)
{
	struct rig *r = *state;
	struct pair t;

	r->clusters[0].max_connection_us = 10 * SECOND;
	t = open_session(r);
	for (unsigned i = 0; i < 9; i++) {
		rig_wait(r, SECOND);
		rig_ask(r, t.client, ".");
	}
	rig_wait(r, SECOND + 100000);
	check_closed(r, t.client);
	check_log(r, RESPONSE_FLAG_DT, "");
}

static void grows_old_before_it_is_joined(void **state)
{
	struct rig *r = *state;
	struct pair t;

	r->clusters[0].max_connection_us = 5 * SECOND;
	for (unsigned tunnel = 0; tunnel < 2; tunnel++) {
		if (tunnel)
			behind_tunnel(r, false);
		r->tcp.connect = tunnel ? FAKE_ACCEPT : FAKE_HOLD;
		t = open_session(r);
		rig_wait(r, 5 * SECOND + 100000);
		check_closed(r, t.client);
		check_log(r, RESPONSE_FLAG_DT, "");
	}
}

/* ---- what is known of it ---- */

static void announces_the_client(void **state)
{
	struct rig *r = *state;
	struct pair t;

	r->endpoints[0].announce = 1;
	t = open_session(r);
	check_heard(t.origin, "PROXY TCP4 10.0.0.7 198.18.0.2 40000 84\r\n");
	rig_ask(r, t.client, "hello");
	check_heard(t.origin, "hello");
}

static void learns_the_client(void **state)
{
	struct rig *r = *state;
	struct peer *client;
	const struct log_record *rec;

	r->listeners[PORT_TCP - PORT_ROUTED].proxy_protocol = true;
	client = rig_client(r, PORT_TCP);
	rig_ask(r, client, "PROXY TCP4 192.0.2.1 192.0.2.2 1234 5678\r\nhello");
	check_heard(rig_origin(r), "hello");
	peer_reset(client);
	rig_run(r);
	rec = check_log(r, RESPONSE_FLAG_DC, "");
	assert_int_equal(rec->downstream_remote.port, 1234);
	assert_int_equal(rec->downstream_local.port, 5678);
	assert_int_equal(rec->downstream_direct.port, 40000);
}

/* ---- tunnels ---- */

static void behind_tunnel(struct rig *r, bool post)
{
	static struct tunnel tunnel;

	tunnel = (struct tunnel){.request = post ? POST : CONNECT, .post = post};
	tunnel.len = (uint32_t)strlen(tunnel.request);
	r->clusters[0].tunnel = &tunnel;
}

static void tunnel_every_cut(void **state)
{
	struct rig *r = *state;
	const char *answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\n"
			     "proxy: a\r\n\r\nhello";

	behind_tunnel(r, false);
	for (size_t at = 1; at < strlen(answer); at++) {
		struct pair t = open_session(r);

		rig_ask(r, t.client, "early");
		check_heard(t.origin, CONNECT);
		peer_send(t.origin, answer, at);
		rig_run(r);
		rig_answer(r, t.origin, answer + at);
		check_heard(t.client, "hello");
		check_heard(t.origin, "early");
		peer_end(t.client);
		peer_end(t.origin);
		check_closed(r, t.client);
	}
}

static void tunnel_not_granted(void **state)
{
	struct rig *r = *state;
	static const struct {
		const char *answer, *why;
	} cases[] = {
		{"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", "tunnel: refused"},
		{"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
		 "tunnel: refused"},
		{"SSH-2.0-x\r\n", "tunnel: malformed answer"},
	};

	behind_tunnel(r, false);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct pair t = open_session(r);

		rig_answer(r, t.origin, cases[i].answer);
		check_closed(r, t.client);
		assert_true(t.origin->was_reset);
		rig_expect_silence(r, t.client);
		check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, cases[i].why);
		assert_int_equal(rig_count(r, CTR_TUNNELS_REFUSED), i + 1);
	}
}

/* What an honest proxy never sends; that it is too long is known before it ends. */
static void tunnel_oversized_answer(void **state)
{
	struct rig *r = *state;
	struct pair t;

	behind_tunnel(r, false);
	t = open_session(r);
	peer_say(t.origin, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 5000; i++)
		peer_say(t.origin, "x-filler: 0123456789abcdef\r\n");
	check_closed(r, t.client);
	check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: malformed answer");
}

/* RFC 9110 9.3.6: behind a CONNECT's 2xx there is no content, whatever its fields say. */
static void tunnel_answer_with_framing(void **state)
{
	struct rig *r = *state;
	static const char *const fields[] = {"content-length: 0", "content-length: 5",
					     "transfer-encoding: chunked"};

	behind_tunnel(r, false);
	for (unsigned i = 0; i < RTE_DIM(fields); i++) {
		struct pair t = open_session(r);
		char answer[128];

		snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n%s\r\n\r\nhello", fields[i]);
		rig_answer(r, t.origin, answer);
		check_heard(t.client, "hello");
		peer_reset(t.client);
		rig_run(r);
	}
}

static void client_leaves_while_asking(void **state)
{
	struct rig *r = *state;
	struct pair t;

	behind_tunnel(r, false);
	t = open_session(r);
	peer_say(t.origin, "HTTP/1.1 2");
	rig_ask(r, t.client, "early");
	peer_reset(t.client);
	rig_run(r);
	assert_true(t.origin->was_reset);
	check_log(r, RESPONSE_FLAG_DC, "");
}

static void tunnel_lost(void **state)
{
	struct rig *r = *state;
	struct pair t;

	behind_tunnel(r, false);
	t = open_session(r);
	peer_say(t.origin, "HTTP/1.1 2");
	peer_end(t.origin);
	check_closed(r, t.client);
	check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: connection lost");
	t = open_session(r);
	peer_reset(t.origin);
	check_closed(r, t.client);
	check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: connection lost");
	assert_int_equal(rig_count(r, CTR_TUNNELS_REFUSED), 2);
}

static void tunnel_without_answer(void **state)
{
	struct rig *r = *state;
	struct pair t;

	behind_tunnel(r, false);
	t = open_session(r);
	rig_wait(r, 9 * SECOND);
	assert_false(t.client->ended);
	rig_wait(r, 2 * SECOND);
	check_closed(r, t.client);
	check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: no answer in time");
}

static void tunnel_by_post(void **state)
{
	struct rig *r = *state;
	struct pair t;
	const struct log_record *rec;

	behind_tunnel(r, true);
	t = open_session(r);
	rig_ask(r, t.client, "early");
	check_heard(t.origin, POST);
	rig_answer(r, t.origin,
		   "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
	check_heard(t.client, "abc");
	check_heard(t.origin, "5\r\nearly\r\n");
	peer_end(t.client);
	rig_run(r);
	check_heard(t.origin, "0\r\n\r\n");
	assert_false(t.origin->ended);
	rig_answer(r, t.origin, "2\r\nde\r\n0\r\n\r\n");
	check_heard(t.client, "de");
	check_closed(r, t.client);
	rec = check_log(r, 0, "");
	assert_int_equal(rec->bytes_received, 5);
	assert_int_equal(rec->bytes_sent, 5);
}

static void post_every_cut(void **state)
{
	struct rig *r = *state;
	const char *answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
			     "3;x=\"y\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nt: x\r\n\r\n";

	behind_tunnel(r, true);
	for (size_t at = 1; at < strlen(answer); at++) {
		struct pair t = open_session(r);

		peer_send(t.origin, answer, at);
		rig_run(r);
		assert_false(t.client->ended);
		rig_answer(r, t.origin, answer + at);
		check_heard(t.client, "abc0123456789");
		assert_true(t.client->ended);
		peer_end(t.client);
		check_closed(r, t.client);
		check_heard(t.origin, POST "0\r\n\r\n");
	}
}

/* Nothing of the target's would ever come. */
static void post_without_content(void **state)
{
	struct rig *r = *state;
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
	};

	behind_tunnel(r, true);
	for (unsigned i = 0; i < RTE_DIM(answers); i++) {
		struct pair t = open_session(r);

		rig_answer(r, t.origin, answers[i]);
		check_closed(r, t.client);
		check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: refused");
	}
}

/* Both ways at once, to readers that do not read for a while. */
static void post_backpressure(void **state)
{
	struct rig *r = *state;
	size_t n = 600000;
	char *bytes = malloc(n);
	struct pair t;

	behind_tunnel(r, true);
	t = open_session(r);
	memset(bytes, 'x', n);
	rig_answer(r, t.origin, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
	check_heard(t.origin, POST);
	t.client->deaf = t.origin->deaf = true;
	peer_say(t.origin, "927c0\r\n");
	peer_send(t.origin, bytes, n);
	peer_say(t.origin, "\r\n0\r\n\r\n");
	peer_send(t.client, bytes, n);
	peer_end(t.client);
	rig_run(r);
	assert_true(t.client->out.n > 150000);
	assert_true(t.origin->out.n > 150000);
	while (t.client->heard.n < 300000) {
		peer_hear(t.client, 3000);
		peer_hear(t.origin, 3000);
		rig_run(r);
	}
	t.client->deaf = t.origin->deaf = false;
	rig_run(r);
	assert_int_equal(t.client->heard.n, n);
	assert_true(t.origin->heard.n > n);
	assert_string_equal(t.origin->heard.p + t.origin->heard.n - 7, "\r\n0\r\n\r\n");
	check_closed(r, t.client);
	free(bytes);
}

static void post_until_the_end(void **state)
{
	struct rig *r = *state;
	struct pair t;

	behind_tunnel(r, true);
	t = open_session(r);
	rig_answer(r, t.origin, GRANTED "whatever");
	check_heard(t.client, "whatever");
	peer_end(t.origin);
	rig_run(r);
	assert_true(t.client->ended);
	peer_end(t.client);
	check_closed(r, t.client);
}

static void post_broken(void **state)
{
	struct rig *r = *state;
	static const char *const bodies[] = {"5\r\nabc", "zz\r\n"};

	behind_tunnel(r, true);
	for (unsigned i = 0; i < RTE_DIM(bodies); i++) {
		struct pair t = open_session(r);

		rig_answer(r, t.origin, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
		peer_say(t.origin, bodies[i]);
		peer_end(t.origin);
		rig_run(r);
		assert_true(t.client->was_reset);
		check_log(r, RESPONSE_FLAG_UPE, "");
	}
}

/* ---- drain ---- */

static void goes_on_while_draining(void **state)
{
	struct rig *r = *state;
	struct pair t = open_session(r);

	proxy_drain(r->px);
	rig_ask(r, t.client, "still here");
	check_heard(t.origin, "still here");
	assert_int_equal(proxy_conns(r->px), 1);
	peer_end(t.client);
	peer_end(t.origin);
	rig_run(r);
	assert_int_equal(proxy_conns(r->px), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(relays_anything),
		CASE(early_bytes),
		CASE(the_server_speaks_first),
		CASE(resets),
		CASE(backpressure),
		CASE(refused),
		CASE(connect_timeout),
		CASE(client_leaves_while_connecting),
		CASE(nowhere_to_go),
		CASE(no_memory_to_begin),
		CASE(no_memory_to_relay),
		CASE(idles),
		CASE(never_idle),
		CASE(grows_old),
		CASE(grows_old_before_it_is_joined),
		CASE(announces_the_client),
		CASE(learns_the_client),
		CASE(tunnel_every_cut),
		CASE(tunnel_not_granted),
		CASE(tunnel_oversized_answer),
		CASE(tunnel_answer_with_framing),
		CASE(client_leaves_while_asking),
		CASE(tunnel_lost),
		CASE(tunnel_without_answer),
		CASE(tunnel_by_post),
		CASE(post_every_cut),
		CASE(post_without_content),
		CASE(post_backpressure),
		CASE(post_until_the_end),
		CASE(post_broken),
		CASE(goes_on_while_draining),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
