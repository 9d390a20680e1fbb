/* test_session_tunnel.c - TCP routes through a proxy: what it is asked, and all that it may answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "session_rig.h"

/* ---- CONNECT ---- */

static void tunnel_every_cut(void **state)
{
	struct rig *r = *state;
	const char *answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\n"
			     "proxy: a\r\n\r\nhello";

	session_behind_tunnel(r, false);
	for (size_t at = 1; at < strlen(answer); at++) {
		struct session_pair t = session_open(r);

		rig_ask(r, t.client, "early");
		session_check_heard(t.origin, CONNECT);
		peer_send(t.origin, answer, at);
		rig_run(r);
		rig_answer(r, t.origin, answer + at);
		session_check_heard(t.client, "hello");
		session_check_heard(t.origin, "early");
		peer_end(t.client);
		peer_end(t.origin);
		session_check_closed(r, t.client);
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

	session_behind_tunnel(r, false);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct session_pair t = session_open(r);

		rig_answer(r, t.origin, cases[i].answer);
		session_check_closed(r, t.client);
		assert_true(t.origin->was_reset);
		rig_expect_silence(r, t.client);
		session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, cases[i].why);
		assert_int_equal(rig_count(r, CTR_TUNNELS_REFUSED), i + 1);
	}
}

/* What an honest proxy never sends; that it is too long is known before it ends. */
static void tunnel_oversized_answer(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	session_behind_tunnel(r, false);
	t = session_open(r);
	peer_say(t.origin, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 5000; i++)
		peer_say(t.origin, "x-filler: 0123456789abcdef\r\n");
	session_check_closed(r, t.client);
	session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: malformed answer");
}

/* RFC 9110 9.3.6: behind a CONNECT's 2xx there is no content, whatever its fields say. */
static void tunnel_answer_with_framing(void **state)
{
	struct rig *r = *state;
	static const char *const fields[] = {"content-length: 0", "content-length: 5",
					     "transfer-encoding: chunked"};

	session_behind_tunnel(r, false);
	for (unsigned i = 0; i < RTE_DIM(fields); i++) {
		struct session_pair t = session_open(r);
		char answer[128];

		snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n%s\r\n\r\nhello", fields[i]);
		rig_answer(r, t.origin, answer);
		session_check_heard(t.client, "hello");
		peer_reset(t.client);
		rig_run(r);
	}
}

static void client_leaves_while_asking(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	session_behind_tunnel(r, false);
	t = session_open(r);
	peer_say(t.origin, "HTTP/1.1 2");
	rig_ask(r, t.client, "early");
	peer_reset(t.client);
	rig_run(r);
	assert_true(t.origin->was_reset);
	session_check_log(r, RESPONSE_FLAG_DC, "");
}

static void tunnel_lost(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	session_behind_tunnel(r, false);
	t = session_open(r);
	peer_say(t.origin, "HTTP/1.1 2");
	peer_end(t.origin);
	session_check_closed(r, t.client);
	session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: connection lost");
	t = session_open(r);
	peer_reset(t.origin);
	session_check_closed(r, t.client);
	session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: connection lost");
	assert_int_equal(rig_count(r, CTR_TUNNELS_REFUSED), 2);
}

static void tunnel_without_answer(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	session_behind_tunnel(r, false);
	t = session_open(r);
	rig_wait(r, 9 * SECOND);
	assert_false(t.client->ended);
	rig_wait(r, 2 * SECOND);
	session_check_closed(r, t.client);
	session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: no answer in time");
}

/* ---- POST ---- */

static void tunnel_by_post(void **state)
{
	struct rig *r = *state;
	struct session_pair t;
	const struct log_record *rec;

	session_behind_tunnel(r, true);
	t = session_open(r);
	rig_ask(r, t.client, "early");
	session_check_heard(t.origin, POST);
	rig_answer(r, t.origin,
		   "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
	session_check_heard(t.client, "abc");
	session_check_heard(t.origin, "5\r\nearly\r\n");
	peer_end(t.client);
	rig_run(r);
	session_check_heard(t.origin, "0\r\n\r\n");
	assert_false(t.origin->ended);
	rig_answer(r, t.origin, "2\r\nde\r\n0\r\n\r\n");
	session_check_heard(t.client, "de");
	session_check_closed(r, t.client);
	rec = session_check_log(r, 0, "");
	assert_int_equal(rec->bytes_received, 5);
	assert_int_equal(rec->bytes_sent, 5);
}

static void post_every_cut(void **state)
{
	struct rig *r = *state;
	const char *answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
			     "3;x=\"y\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nt: x\r\n\r\n";

	session_behind_tunnel(r, true);
	for (size_t at = 1; at < strlen(answer); at++) {
		struct session_pair t = session_open(r);

		peer_send(t.origin, answer, at);
		rig_run(r);
		assert_false(t.client->ended);
		rig_answer(r, t.origin, answer + at);
		session_check_heard(t.client, "abc0123456789");
		assert_true(t.client->ended);
		peer_end(t.client);
		session_check_closed(r, t.client);
		session_check_heard(t.origin, POST "0\r\n\r\n");
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

	session_behind_tunnel(r, true);
	for (unsigned i = 0; i < RTE_DIM(answers); i++) {
		struct session_pair t = session_open(r);

		rig_answer(r, t.origin, answers[i]);
		session_check_closed(r, t.client);
		session_check_log(r, RESPONSE_FLAG_UF | RESPONSE_FLAG_URX, "tunnel: refused");
	}
}

/* Both ways at once, to readers that do not read for a while. */
static void post_backpressure(void **state)
{
	struct rig *r = *state;
	size_t n = 600000;
	char *bytes = malloc(n);
	struct session_pair t;

	session_behind_tunnel(r, true);
	t = session_open(r);
	memset(bytes, 'x', n);
	rig_answer(r, t.origin, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
	session_check_heard(t.origin, POST);
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
	session_check_closed(r, t.client);
	free(bytes);
}

static void post_until_the_end(void **state)
{
	struct rig *r = *state;
	struct session_pair t;

	session_behind_tunnel(r, true);
	t = session_open(r);
	rig_answer(r, t.origin, GRANTED "whatever");
	session_check_heard(t.client, "whatever");
	peer_end(t.origin);
	rig_run(r);
	assert_true(t.client->ended);
	peer_end(t.client);
	session_check_closed(r, t.client);
}

static void post_broken(void **state)
{
	struct rig *r = *state;
	static const char *const bodies[] = {"5\r\nabc", "zz\r\n"};

	session_behind_tunnel(r, true);
	for (unsigned i = 0; i < RTE_DIM(bodies); i++) {
		struct session_pair t = session_open(r);

		rig_answer(r, t.origin, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
		peer_say(t.origin, bodies[i]);
		peer_end(t.origin);
		rig_run(r);
		assert_true(t.client->was_reset);
		session_check_log(r, RESPONSE_FLAG_UPE, "");
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
