/* test_upstream.c - upstreams that refuse, vanish or lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET        "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define RESET_TEXT "upstream connect error or disconnect/reset before headers. "

#define BEFORE(reason) "upstream_reset_before_response_started{" reason "}"
#define AFTER(reason)  "upstream_reset_after_response_started{" reason "}"

/* A request on its way: the origin has its head. */
static struct peer *ask(struct rig *r, struct peer *client, const char *text)
{
	struct peer *origin;

	rig_ask(r, client, text);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	return origin;
}

static void check_ok_after(struct rig *r, struct peer *client)
{
	struct peer *origin = ask(r, client, GET);

	rig_answer(r, origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
	peer_end(origin);
	rig_run(r);
}

/* ---- no upstream at all ---- */

static void check_local(struct rig *r, enum rig_port port, int status, const char *body,
			uint32_t flags, const char *details)
{
	struct peer *client = rig_client(r, port);

	rig_ask(r, client, GET);
	rig_expect_response(r, client, status);
	rig_check_body(&r->response, body);
	rig_check_field(&r->response, "server", "istio-envoy");
	rig_check_field(&r->response, "date", "Tue, 14 Nov 2023 22:13:21 GMT");
	rig_check_field(&r->response, "content-type", *body ? "text/plain" : NULL);
	rig_check_log(r, (unsigned)status, flags, details);
	assert_int_equal(rig_requests(r, (unsigned)status, flags), 1);
	assert_int_equal(rig_count(r, CTR_HTTP_LOCAL_REPLIES), 1);
	/* The connection is none the worse for it. */
	rig_ask(r, client, GET);
	rig_expect_response(r, client, status);
	assert_false(rig_has_origin(r));
}

static void no_route(void **state)
{
	check_local(*state, PORT_NO_HOST, 404, "", RESPONSE_FLAG_NR, "route_not_found");
}

static void no_cluster(void **state)
{
	check_local(*state, PORT_NO_CLUSTER, 503, "", RESPONSE_FLAG_NC, "cluster_not_found");
}

static void no_endpoints(void **state)
{
	check_local(*state, PORT_EMPTY, 503, "no healthy upstream", RESPONSE_FLAG_UH,
		    "no_healthy_upstream");
}

static void head_gets_no_text(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_EMPTY);

	rig_ask(r, client, "HEAD / HTTP/1.1\r\nHost: web\r\n\r\n");
	rig_expect_response_to_head(r, client, 503);
	rig_check_field(&r->response, "content-length", "19");
	assert_int_equal(rig_log(r)->bytes_sent, 0);
	rig_expect_silence(r, client);
}

/* ---- connecting ---- */

static void refused(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);
	const struct log_record *rec;

	r->routes[0].retry.attempts = 0;
	r->tcp.connect = FAKE_REFUSE;
	rig_ask(r, client, GET);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, RESET_TEXT "reset reason: remote connection failure");
	rec = rig_check_log(r, 503, RESPONSE_FLAG_UF, BEFORE("remote_connection_failure"));
	assert_string_equal(rig_log_text(rec, LOG_TRANSPORT_FAILURE), "delayed connect error");
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECT_FAILS), 1);
	r->tcp.connect = FAKE_ACCEPT;
	r->next_origin = r->tcp.n_peers;
	check_ok_after(r, client);
}

static void connect_timeout(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->routes[0].retry.attempts = 0;
	r->tcp.connect = FAKE_HOLD;
	rig_ask(r, client, GET);
	rig_wait(r, 9999000);
	rig_expect_silence(r, client);
	rig_wait(r, 2000);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, RESET_TEXT "reset reason: connection timeout");
	rig_check_log(r, 503, RESPONSE_FLAG_UF, BEFORE("connection_timeout"));
}

static void nowhere_to_connect_from(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->routes[0].retry.attempts = 0;
	r->net.no_route = true;
	rig_ask(r, client, GET);
	rig_expect_response(r, client, 503);
	rig_check_log(r, 503, RESPONSE_FLAG_UF, BEFORE("remote_connection_failure"));
	r->net.no_route = false;
	r->tcp.connect = FAKE_NO_PORT;
	rig_ask(r, client, GET);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, RESET_TEXT "reset reason: overflow");
	rig_check_field(&r->response, "x-envoy-overloaded", "true");
	rig_check_log(r, 503, RESPONSE_FLAG_UO, BEFORE("overflow"));
}

/* ---- lost before the response ---- */

static void check_lost(struct rig *r, const char *part, bool reset)
{
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	peer_say(origin, part);
	if (reset) {
		rig_run(r);
		peer_reset(origin);
	} else {
		peer_end(origin);
	}
	rig_run(r);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, RESET_TEXT "reset reason: connection termination");
	rig_check_log(r, 503, RESPONSE_FLAG_UC, BEFORE("connection_termination"));
	assert_null(origin->stream);
	check_ok_after(r, client);
}

static void lost_before_response(void **state)
{
	static const char *const parts[] = {"", "HTTP/1.", "HTTP/1.1 200 OK\r\nX-A: b\r\nConte"};

	for (unsigned i = 0; i < RTE_DIM(parts); i++) {
		check_lost(*state, parts[i], false);
		check_lost(*state, parts[i], true);
	}
}

/* ---- lost in the response ---- */

/* The client must be able to tell. */
static void check_cut(struct rig *r, const char *request, const char *part, bool reset)
{
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, request);

	peer_say(origin, part);
	if (reset) {
		rig_run(r);
		peer_reset(origin);
	} else {
		peer_end(origin);
	}
	rig_run(r);
	if (message_take(client, &r->response, MESSAGE_RESPONSE))
		assert_true(r->response.until_close && client->was_reset);
	assert_true(client->ended || client->was_reset);
	rig_check_log(r, 200, RESPONSE_FLAG_UC, AFTER("connection_termination"));
	assert_int_equal(rig_requests(r, 200, RESPONSE_FLAG_UC) > 0, 1);
}

static void lost_in_body(void **state)
{
	static const char *const parts[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n",
	};

	for (unsigned i = 0; i < RTE_DIM(parts) * 2; i++)
		check_cut(*state, GET, parts[i / 2], i % 2);
	check_cut(*state, GET, "HTTP/1.1 200 OK\r\n\r\nsome", true);
	check_cut(*state, "GET / HTTP/1.0\r\n\r\n", parts[3], false);
	check_cut(*state, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nsome", true);
}

/* What came before the RST counts. */
static void reset_behind_response(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

	peer_say(origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	fake_arrivals(&r->tcp);
	peer_reset(origin);
	rig_expect_response(r, client, 200);
	rig_check_log(r, 200, 0, "via_upstream");
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
}

/* A body that ends with the connection ended when the FIN came, whatever comes behind it, and
 * whenever the client reads. */
static void reset_behind_end(void **state)
{
	struct rig *r = *state;
	struct peer *client, *origin;

	r->tcp.tx_limit = 1000;
	client = rig_client(r, PORT_ROUTED);
	client->deaf = true;
	origin = ask(r, client, GET);
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\n\r\n");
	for (unsigned i = 0; i < 200; i++)
		peer_say(origin, "0123456789");
	rig_run(r);
	peer_say(origin, "the end");
	peer_end(origin);
	rig_run(r);
	peer_reset(origin);
	rig_run(r);
	client->deaf = false;
	rig_expect_response(r, client, 200);
	assert_int_equal(r->response.body.n, 2007);
	rig_check_log(r, 200, 0, "via_upstream");
}

/* ---- lies ---- */

#define H200 "HTTP/1.1 200 OK\r\n"
#define TE   "Transfer-Encoding: chunked\r\n\r\n"

static void garbage(void **state)
{
	static const char *const answers[] = {
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"<html>no header</html>\r\n",
		H200 "Content-Length: 5\r\nContent-Length: 2\r\n\r\nhello",
		H200 "Content-Length: +5\r\n\r\nhello",
		H200 "X-A : b\r\nContent-Length: 2\r\n\r\nok",
		H200 "X-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
		H200 "Transfer-Encoding: cow\r\n\r\nhello",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n",
		("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
		 "Upgrade\r\n\r\n"),
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(answers); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

		rig_answer(r, origin, answers[i]);
		rig_expect_response(r, client, 502);
		rig_check_body(&r->response, RESET_TEXT "reset reason: protocol error");
		rig_check_log(r, 502, RESPONSE_FLAG_UPE, BEFORE("protocol_error"));
		assert_true(origin->was_reset);
		check_ok_after(r, client);
	}
	assert_int_equal(rig_count(r, CTR_UPSTREAM_PROTOCOL_ERRORS), RTE_DIM(answers));
}

static void oversize_head(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);
	char line[2048];

	peer_say(origin, H200);
	memset(line, 'a', sizeof(line));
	memcpy(line, "x: ", 3);
	line[sizeof(line) - 3] = '\0';
	strcat(line, "\r\n");
	for (unsigned i = 0; i < 40; i++)
		peer_say(origin, line);
	rig_expect_response(r, client, 502);
	rig_check_log(r, 502, RESPONSE_FLAG_UPE, BEFORE("protocol_error"));
}

static void garbage_in_body(void **state)
{
	static const char *const bodies[] = {"xyz\r\nhello\r\n0\r\n\r\n",
					     "10000000000000005\r\nhello\r\n0\r\n\r\n",
					     "5\r\nhello0\r\n\r\n", "2\r\nok\r\nno\r\n"};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(bodies); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);

		peer_say(origin, H200 TE);
		rig_answer(r, origin, bodies[i]);
		assert_false(message_take(client, &r->response, MESSAGE_RESPONSE));
		assert_true(client->ended);
		assert_true(origin->was_reset);
		rig_check_log(r, 200, RESPONSE_FLAG_UPE, AFTER("protocol_error"));
	}
}

/* Bytes behind a response are nobody's answer: the connection is not used again. */
static void more_than_one_response(void **state)
{
	static const char *const answers[] = {
		H200 "Content-Length: 5\r\n\r\nhello",
		H200 TE "5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\n\r\n",
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(answers) * 3; i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin = ask(r, client, GET);
		const char *evil = H200 "Content-Length: 4\r\n\r\nEVIL";

		peer_say(origin, answers[i / 3]);
		/* In the same segment, in the same pass as the next request, before it. */
		if (i % 3 == 0)
			peer_say(origin, evil);
		rig_run(r);
		assert_true(message_take(client, &r->response, MESSAGE_RESPONSE));
		if (i % 3)
			peer_say(origin, evil);
		if (i % 3 == 2)
			rig_run(r);
		peer_say(client, GET);
		rig_run(r);
		origin = rig_origin(r);
		rig_expect_request(r, origin);
		rig_answer(r, origin, H200 "Content-Length: 4\r\n\r\ngood");
		rig_expect_response(r, client, 200);
		rig_check_body(&r->response, "good");
		peer_end(origin);
		rig_run(r);
	}
}

/* Interim responses without end wait for the client. */
static void interim_flood(void **state)
{
	struct rig *r = *state;
	struct peer *client, *origin;
	unsigned got = 0, sent = 3000;

	r->tcp.tx_limit = 8192;
	client = rig_client(r, PORT_ROUTED);
	client->deaf = true;
	origin = ask(r, client, GET);
	for (unsigned i = 0; i < sent; i++)
		rig_answer(r, origin,
			   "HTTP/1.1 102 Processing\r\nX-Long: 0123456789012345678901234\r\n\r\n");
	assert_true(peer_stream(client)->tx_queued < 9000);
	assert_true(origin->out.n > 0);
	peer_say(origin, H200 "Content-Length: 2\r\n\r\nok");
	client->deaf = false;
	rig_run(r);
	while (assert_true(message_take(client, &r->response, MESSAGE_RESPONSE)),
	       r->response.status == 102)
		got++;
	assert_int_equal(got, sent);
	rig_check_body(&r->response, "ok");
}

/* ---- snapshots ---- */

/* An endpoint id given to another server: the old connections are not for it. */
static void endpoint_replaced(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *busy = rig_client(r, PORT_ROUTED);
	struct peer *idle, *used = ask(r, busy, GET);

	idle = ask(r, client, GET);
	rig_answer(r, idle, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 1);
	r->endpoints[0].gen = 2;
	r->snap.generation = 2;
	rig_run(r);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
	assert_true(idle->ended);
	rig_answer(r, used, H200 "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, busy, 200);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
	rig_log(r);
	rig_log(r);
	check_ok_after(r, client);
}

static void listener_gone(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->snap.listeners.n = 0;
	r->listeners[0].gen = 2;
	r->snap.generation = 2;
	rig_ask(r, client, GET);
	rig_expect_response(r, client, 404);
	assert_true(client->ended);
}

/* Gone and back, as when a file is deleted and written anew: the connection goes on. */
static void listener_replaced(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->listeners[0].gen = 2;
	r->snap.generation = 2;
	check_ok_after(r, client);
}

/* tcpKeepalive: connections to the cluster have it, those of clients do not. */
static void keepalive_is_the_clusters(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->clusters[0].has_keepalive = true;
	r->clusters[0].keepalive =
		(struct tcp_keepalive){.time_s = 3, .interval_s = 2, .probes = 1};
	rig_ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	assert_int_equal(origin->keepalive.time_s, 3);
	assert_int_equal(origin->keepalive.probes, 1);
	assert_int_equal(client->keepalive.time_s, 0);
	peer_reset(client);
	rig_run(r);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(no_route),
		CASE(no_cluster),
		CASE(no_endpoints),
		CASE(head_gets_no_text),
		CASE(refused),
		CASE(connect_timeout),
		CASE(nowhere_to_connect_from),
		CASE(lost_before_response),
		CASE(lost_in_body),
		CASE(reset_behind_response),
		CASE(reset_behind_end),
		CASE(garbage),
		CASE(oversize_head),
		CASE(garbage_in_body),
		CASE(more_than_one_response),
		CASE(interim_flood),
		CASE(endpoint_replaced),
		CASE(listener_gone),
		CASE(listener_replaced),
		CASE(keepalive_is_the_clusters),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
