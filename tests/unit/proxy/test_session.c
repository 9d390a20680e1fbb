/* test_session.c - connections of TCP routes: routed, connected, joined, and told apart when they
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "session_rig.h"

/* ---- joined ---- */

static void relays_anything(void **state)
{
	struct rig *r = *state;
	struct session_pair t = session_open(r);
	const struct log_record *rec;

	assert_int_equal(proxy_conns(r->px), 1);
	for (unsigned i = 0; i < 3; i++) {
		rig_ask(r, t.client, "GET / HTTP/1.1\r\n\r\n");
		session_check_heard(t.origin, "GET / HTTP/1.1\r\n\r\n");
		rig_answer(r, t.origin, "\x01\x02");
		session_check_heard(t.client, "\x01\x02");
	}
	peer_end(t.client);
	rig_run(r);
	assert_true(t.origin->ended);
	assert_false(t.client->ended);
	rig_answer(r, t.origin, "last words");
	session_check_heard(t.client, "last words");
	peer_end(t.origin);
	session_check_closed(r, t.client);
	rec = session_check_log(r, 0, "");
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
	struct session_pair t;

	r->tcp.connect = FAKE_HOLD;
	t = session_open(r);
	peer_say(t.client, "early");
	peer_end(t.client);
	rig_run(r);
	peer_accept(t.origin);
	rig_run(r);
	session_check_heard(t.origin, "early");
	assert_true(t.origin->ended);
	rig_answer(r, t.origin, "late");
	session_check_heard(t.client, "late");
}

static void the_server_speaks_first(void **state)
{
	struct rig *r = *state;
	struct session_pair t = session_open(r);

	rig_answer(r, t.origin, "220 ready\r\n");
	session_check_heard(t.client, "220 ready\r\n");
}

static void resets(void **state)
{
	struct rig *r = *state;
	struct session_pair t = session_open(r);

	peer_reset(t.client);
	rig_run(r);
	assert_true(t.origin->was_reset);
	session_check_log(r, RESPONSE_FLAG_DC, "");
	t = session_open(r);
	peer_reset(t.origin);
	rig_run(r);
	assert_true(t.client->was_reset);
	session_check_log(r, RESPONSE_FLAG_UC, "");
}

static void backpressure(void **state)
{
	struct rig *r = *state;
	struct session_pair t = session_open(r);
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
	session_check_closed(r, client);
	session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "delayed connect error");
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
	session_check_closed(r, client);
	session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "connection timeout");
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
	session_check_log(r, RESPONSE_FLAG_DC, "");
}

static void nowhere_to_go(void **state)
{
	struct rig *r = *state;
	struct split_target *t = &r->targets[PORT_TCP - PORT_ROUTED];

	t->cluster_id = 1;
	session_check_closed(r, rig_client(r, PORT_TCP));
	session_check_log(r, RESPONSE_FLAG_UH, "");
	t->cluster_id = WEIR_ID_NONE;
	session_check_closed(r, rig_client(r, PORT_TCP));
	session_check_log(r, RESPONSE_FLAG_NC, "");
	assert_int_equal(rig_count(r, CTR_SESSIONS), 2);
	assert_false(rig_has_origin(r));
}

/* ---- no memory ---- */

static void no_memory_to_begin(void **state)
{
	struct rig *r = *state;
	static struct session_mbufs held;

	for (unsigned tunnel = 0; tunnel < 2; tunnel++) {
		struct session_pair t;

		r->endpoints[0].announce = !tunnel;
		if (tunnel)
			session_behind_tunnel(r, false);
		r->tcp.connect = FAKE_HOLD;
		t = session_open(r);
		peer_say(t.client, "early");
		session_take_mbufs(r, &held);
		peer_accept(t.origin);
		session_check_closed(r, t.client);
		assert_true(t.origin->was_reset);
		session_check_log(r, RESPONSE_FLAG_UO, "");
		session_give_mbufs(&held);
	}
}

/* Without a coder nothing is needed; a chunk that cannot be framed ends the connection. */
static void no_memory_to_relay(void **state)
{
	struct rig *r = *state;
	static struct session_mbufs held;
	struct session_pair t = session_open(r);

	session_take_mbufs(r, &held);
	rig_ask(r, t.client, "hello");
	session_check_heard(t.origin, "hello");
	session_give_mbufs(&held);
	session_behind_tunnel(r, true);
	t = session_open(r);
	rig_answer(r, t.origin, GRANTED);
	session_take_mbufs(r, &held);
	peer_end(t.client);
	rig_run(r);
	assert_true(t.client->was_reset);
	assert_true(t.origin->was_reset);
	session_check_log(r, RESPONSE_FLAG_UPE, "");
	session_give_mbufs(&held);
}

/* ---- time ---- */

static void idles(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	r->clusters[0].tcp_idle_us = 30 * SECOND;
	t = session_open(r);
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
	session_check_closed(r, t.client);
	assert_true(t.origin->ended);
	session_check_log(r, RESPONSE_FLAG_SI, "");
}

static void never_idle(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	r->clusters[0].tcp_idle_us = 0;
	t = session_open(r);
	rig_wait(r, 24 * 3600 * SECOND);
	rig_ask(r, t.client, "still here");
	session_check_heard(t.origin, "still here");
}

static void grows_old(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	r->clusters[0].max_connection_us = 10 * SECOND;
	t = session_open(r);
	for (unsigned i = 0; i < 9; i++) {
		rig_wait(r, SECOND);
		rig_ask(r, t.client, ".");
	}
	rig_wait(r, SECOND + 100000);
	session_check_closed(r, t.client);
	session_check_log(r, RESPONSE_FLAG_DT, "");
}

static void grows_old_before_it_is_joined(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	r->clusters[0].max_connection_us = 5 * SECOND;
	for (unsigned tunnel = 0; tunnel < 2; tunnel++) {
		if (tunnel)
			session_behind_tunnel(r, false);
		r->tcp.connect = tunnel ? FAKE_ACCEPT : FAKE_HOLD;
		t = session_open(r);
		rig_wait(r, 5 * SECOND + 100000);
		session_check_closed(r, t.client);
		session_check_log(r, RESPONSE_FLAG_DT, "");
	}
}

/* ---- what is known of it ---- */

static void announces_the_client(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	r->endpoints[0].announce = 1;
	t = session_open(r);
	session_check_heard(t.origin, "PROXY TCP4 10.0.0.7 198.18.0.2 40000 84\r\n");
	rig_ask(r, t.client, "hello");
	session_check_heard(t.origin, "hello");
}

static void learns_the_client(void **state)
{
	struct rig *r = *state;
	struct peer *client;
	const struct log_record *rec;

	r->listeners[PORT_TCP - PORT_ROUTED].proxy_protocol = true;
	client = rig_client(r, PORT_TCP);
	rig_ask(r, client, "PROXY TCP4 192.0.2.1 192.0.2.2 1234 5678\r\nhello");
	session_check_heard(rig_origin(r), "hello");
	peer_reset(client);
	rig_run(r);
	rec = session_check_log(r, RESPONSE_FLAG_DC, "");
	assert_int_equal(rec->downstream_remote.port, 1234);
	assert_int_equal(rec->downstream_local.port, 5678);
	assert_int_equal(rec->downstream_direct.port, 40000);
}

/* ---- drain ---- */

static void goes_on_while_draining(void **state)
{
	struct rig *r = *state;
	struct session_pair t = session_open(r);

	proxy_drain(r->px);
	rig_ask(r, t.client, "still here");
	session_check_heard(t.origin, "still here");
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
		CASE(goes_on_while_draining),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
