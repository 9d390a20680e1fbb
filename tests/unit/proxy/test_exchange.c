/* test_exchange.c - requests and responses that go well, in every framing and at every cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: web\r\n\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n"

/* A body that shows where bytes are lost or swapped. */
static char *make_body(size_t n)
{
	char *body = malloc(n + 1);

	assert_non_null(body);
	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + (i * 7 + i / 26 + i / 1000) % 26);
	body[n] = '\0';
	return body;
}

/* Client and origin joined by one finished GET. */
static struct peer *introduce(struct rig *r, struct peer *client)
{
	struct peer *origin;

	rig_ask(r, client, GET("/hello"));
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK(2) "hi");
	rig_expect_response(r, client, 200);
	return origin;
}

/* ---- one request ---- */

static void get(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;
	const struct log_record *rec;

	rig_ask(r, client,
		"GET /a?b=c HTTP/1.1\r\nHost: Web:80\r\nUser-Agent: test/1\r\nX-Own: 1\r\n\r\n");
	assert_int_equal(rig_count(r, CTR_HTTP_ACTIVE), 1);
	assert_int_equal(snapshot_pins(&r->snap), 1);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	assert_string_equal(r->request.line, "GET /a?b=c HTTP/1.1");
	rig_check_field(&r->request, "host", "Web:80");
	rig_check_field(&r->request, "x-own", "1");
	rig_check_field(&r->request, "user-agent", "test/1");
	r->now_us += 7000;
	rig_answer(r, origin, "HTTP/1.1 200 Fine\r\nX-Its: 2\r\nContent-Length: 5\r\n\r\nhello");
	rig_expect_response(r, client, 200);
	assert_string_equal(r->response.line, "HTTP/1.1 200 Fine");
	rig_check_field(&r->response, "x-its", "2");
	rig_check_field(&r->response, "connection", NULL);
	rig_check_field(&r->response, "x-envoy-upstream-service-time", "7");
	rig_check_body(&r->response, "hello");

	rec = rig_check_log(r, 200, 0, "via_upstream");
	assert_int_equal(rec->start_us, 1700000000000000 + 1000000);
	assert_int_equal(rec->duration_us, 7000);
	assert_int_equal(rec->upstream_us, 7000);
	assert_int_equal(rec->bytes_sent, 5);
	assert_int_equal(rec->bytes_received, 0);
	assert_int_equal(rec->upstream_remote.port, 9080);
	assert_int_equal(rec->downstream_remote.port, client->tuple.remote.port);
	assert_string_equal(rig_log_text(rec, LOG_METHOD), "GET");
	assert_string_equal(rig_log_text(rec, LOG_PATH), "/a?b=c");
	assert_string_equal(rig_log_text(rec, LOG_AUTHORITY), "Web:80");
	assert_string_equal(rig_log_text(rec, LOG_USER_AGENT), "test/1");
	assert_string_equal(rig_log_text(rec, LOG_ROUTE_NAME), "default");
	assert_string_equal(rig_log_text(rec, LOG_UPSTREAM_CLUSTER),
			    "outbound|80||web.default.svc.cluster.local");
	assert_int_equal(rig_requests(r, 200, 0), 1);
	assert_int_equal(rig_count(r, CTR_WORKER_REQUESTS), 1);
	assert_int_equal(rig_count(r, CTR_HTTP_ACTIVE), 0);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 1);
	assert_int_equal(snapshot_pins(&r->snap), 0);
}

/* Every byte a segment of its own, both ways. */
static void single_bytes(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->tcp.piece = 1;
	rig_ask(r, client,
		"POST /x HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n0a;x=y\r\n0123456789\r\n00\r\nX-T: 1\r\n\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_check_body(&r->request, "abc0123456789");
	rig_answer(r, origin,
		   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n"
		   "5\r\npedia\r\n0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "wikipedia");
	rig_check_log(r, 200, 0, "via_upstream");
}

static const char *const posts[] = {
	"POST /x HTTP/1.1\r\nHost: web\r\nContent-Length: 9\r\n\r\nwikipedia",
	"POST /x HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n"
	"4\r\nwiki\r\n5;e=1\r\npedia\r\n0\r\nX: y\r\n\r\n",
};

static const char *const answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-A: b\r\n\r\nencyclops",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"7\r\nencyclo\r\n2\r\nps\r\n0\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n"
	"\r\nencyclops",
};

static void take_interim(struct rig *r, struct peer *client, const char *answer)
{
	if (!strstr(answer, " 103 "))
		return;
	rig_expect_response(r, client, 103);
	rig_check_field(&r->response, "link", "</x>");
}

/* The request cut in two, with the upstream connection ready before the first part (0), between
 * the parts (1) or after both (2). */
static void post_cut_at(struct rig *r, struct peer *client, const char *text, size_t at,
			unsigned ready, const char *answer)
{
	struct peer *origin;

	r->tcp.connect = ready == 0 ? FAKE_ACCEPT : FAKE_HOLD;
	peer_send(client, text, at);
	rig_run(r);
	if (ready == 1 && rig_has_origin(r)) {
		origin = rig_origin(r);
		peer_accept(origin);
		rig_run(r);
		rig_ask(r, client, text + at);
	} else {
		rig_ask(r, client, text + at);
		origin = rig_origin(r);
		if (origin->connecting)
			peer_accept(origin);
	}
	rig_expect_request(r, origin);
	rig_check_body(&r->request, "wikipedia");
	rig_answer(r, origin, answer);
	take_interim(r, client, answer);
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "encyclops");
	peer_end(origin);
	rig_run(r);
	rig_check_log(r, 200, 0, "via_upstream");
}

static void post_every_cut(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	for (unsigned post = 0; post < RTE_DIM(posts); post++)
		for (size_t at = 0; at < strlen(posts[post]); at++)
			for (unsigned ready = 0; ready < 3; ready++)
				post_cut_at(r, client, posts[post], at, ready,
					    answers[(at + ready) % RTE_DIM(answers)]);
	rig_check_no_log(r);
}

static void response_every_cut(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = introduce(r, client);

	for (unsigned i = 0; i < RTE_DIM(answers); i++)
		for (size_t at = 0; at < strlen(answers[i]); at++) {
			rig_ask(r, client, GET("/cut"));
			rig_expect_request(r, origin);
			peer_send(origin, answers[i], at);
			rig_run(r);
			rig_answer(r, origin, answers[i] + at);
			take_interim(r, client, answers[i]);
			rig_expect_response(r, client, 200);
			rig_check_body(&r->response, "encyclops");
		}
	assert_false(rig_has_origin(r));
}

/* ---- framing of responses ---- */

static void chunked_to_http10(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	assert_string_equal(r->request.line, "GET / HTTP/1.1");
	rig_check_field(&r->request, "host", "198.18.0.2");
	rig_answer(r, origin,
		   "HTTP/1.1 103 Early Hints\r\n\r\n"
		   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_field(&r->response, "connection", "close");
	assert_true(r->response.until_close);
	rig_check_body(&r->response, "hello");
	assert_false(client->was_reset);
}

static void http10_keep_alive(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK(2) "ok");
	rig_expect_response(r, client, 200);
	rig_check_field(&r->response, "connection", "keep-alive");
	rig_ask(r, client, "GET / HTTP/1.0\r\n\r\n");
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK(2) "ok");
	rig_expect_response(r, client, 200);
	rig_check_field(&r->response, "connection", "close");
	assert_true(client->ended);
}

static void http10_refused(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->http.accept_http10 = false;
	rig_ask(r, client, "GET / HTTP/1.0\r\nHost: web\r\n\r\n");
	rig_expect_response(r, client, 426);
	assert_true(client->ended);
	assert_false(rig_has_origin(r));
}

static void until_close(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, GET("/"));
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\n\r\nhello ");
	peer_say(origin, "until close");
	peer_end(origin);
	rig_expect_response(r, client, 200);
	assert_true(r->response.chunked);
	rig_check_body(&r->response, "hello until close");
	assert_false(client->ended);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
}

/* The response is passed on as it comes, not when it is complete. */
static void streams(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, GET("/"));
	origin = rig_origin(r);
	rig_answer(r, origin,
		   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
	assert_non_null(strstr(client->heard.p, "\r\n5\r\nfirst\r\n"));
	rig_answer(r, origin, "4\r\nlast\r\n0\r\n\r\n");
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "firstlast");
}

static void bodiless(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = introduce(r, client);

	rig_ask(r, client, "HEAD / HTTP/1.1\r\nHost: web\r\n\r\n");
	rig_expect_request(r, origin);
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	rig_expect_response_to_head(r, client, 200);
	rig_check_field(&r->response, "content-length", "1000");

	rig_ask(r, client, GET("/204"));
	rig_expect_request(r, origin);
	rig_answer(r, origin, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_expect_response(r, client, 204);
	rig_check_field(&r->response, "content-length", NULL);

	rig_ask(r, client, GET("/304"));
	rig_expect_request(r, origin);
	rig_answer(r, origin, "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n");
	rig_expect_response(r, client, 304);
	rig_check_field(&r->response, "content-length", "500");

	rig_ask(r, client, GET("/last"));
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK(0));
	rig_expect_response(r, client, 200);
	assert_false(rig_has_origin(r));
}

/* ---- connections ---- */

static void keep_alive(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = introduce(r, client);

	for (unsigned i = 0; i < 5; i++) {
		rig_ask(r, client, GET("/again"));
		rig_expect_request(r, origin);
		rig_answer(r, origin, OK(2) "ok");
		rig_expect_response(r, client, 200);
		assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 1);
	}
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 1);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_REUSES), 5);
}

static void another_client_reuses(void **state)
{
	struct rig *r = *state;
	struct peer *a = rig_client(r, PORT_ROUTED), *b = rig_client(r, PORT_ROUTED);
	struct peer *origin = introduce(r, a);

	rig_ask(r, b, GET("/b"));
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK(1) "b");
	rig_expect_response(r, b, 200);
	assert_false(rig_has_origin(r));
}

static void client_closes(void **state)
{
	static const char *const values[] = {"close", "ClOsE", "x, close ,y"};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(values); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin;
		char text[256];

		snprintf(text, sizeof(text),
			 "GET /1 HTTP/1.1\r\nHost: web\r\nConnection: %s\r\n\r\n" GET("/2"),
			 values[i]);
		rig_ask(r, client, text);
		origin = rig_origin(r);
		rig_expect_request(r, origin);
		rig_answer(r, origin, OK(2) "ok");
		rig_expect_response(r, client, 200);
		rig_check_field(&r->response, "connection", "close");
		assert_true(client->ended);
		assert_false(client->was_reset);
		rig_expect_silence(r, origin);
		peer_end(origin);
		rig_run(r);
	}
}

/* The upstream's wish to close is its own affair. */
static void upstream_closes(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, GET("/1"));
	origin = rig_origin(r);
	rig_answer(r, origin,
		   "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
	rig_expect_response(r, client, 200);
	rig_check_field(&r->response, "connection", NULL);
	assert_false(client->ended);
	assert_true(origin->ended);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
	introduce(r, client);
}

static void max_requests(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->clusters[0].max_requests_per_connection = 2;
	origin = introduce(r, client);
	rig_ask(r, client, GET("/2"));
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK(2) "ok");
	rig_expect_response(r, client, 200);
	assert_true(origin->ended);
	introduce(r, client);
}

static void idle_upstream_closed(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->clusters[0].idle_timeout_us = 10000000;
	origin = introduce(r, client);
	rig_wait(r, 9000000);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 1);
	rig_wait(r, 1100000);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
	assert_true(origin->ended);
}

/* ---- pipelining ---- */

static void pipelined(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = NULL;
	char text[64];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%s /%u HTTP/1.1\r\nHost: web\r\n",
			 i % 3 == 2 ? "GET" : "POST", i);
		peer_say(client, text);
		peer_say(client, i % 3 == 0 ? "Content-Length: 3\r\n\r\nabc"
				 : i % 3 == 1
					 ? "Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n"
					 : "\r\n");
	}
	for (unsigned i = 0; i < 20; i++) {
		rig_run(r);
		if (!origin)
			origin = rig_origin(r);
		rig_expect_request(r, origin);
		snprintf(text, sizeof(text), "%s /%u HTTP/1.1", i % 3 == 2 ? "GET" : "POST", i);
		assert_string_equal(r->request.line, text);
		rig_check_body(&r->request, i % 3 == 0 ? "abc" : i % 3 == 1 ? "xy" : "");
		/* One at a time: nothing of the next before the answer. */
		rig_expect_silence(r, origin);
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02u", i);
		rig_answer(r, origin, text);
		rig_expect_response(r, client, 200);
		rig_check_body(&r->response, text + strlen(text) - 2);
	}
	assert_false(rig_has_origin(r));
}

/* A client that pipelines and does not read is not read from either. */
static void pipelined_without_reading(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_NO_HOST);
	unsigned asked = 0, answered = 0;

	r->tcp.tx_limit = 4096;
	client = rig_client(r, PORT_NO_HOST);
	client->deaf = true;
	while (peer_window(client) > 60 && asked < 100000) {
		rig_ask(r, client, GET("/404"));
		asked++;
	}
	assert_true(peer_window(client) <= 60);
	assert_true(rig_count(r, CTR_WORKER_REQUESTS) < 60);
	client->deaf = false;
	rig_run(r);
	while (message_take(client, &r->response, MESSAGE_RESPONSE)) {
		assert_int_equal(r->response.status, 404);
		answered++;
		rig_run(r);
	}
	assert_int_equal(answered, asked);
}

/* ---- size and backpressure ---- */

static void upload(struct rig *r, size_t n, bool chunked)
{
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;
	char *body = make_body(n), head[128];

	snprintf(head, sizeof(head), "PUT / HTTP/1.1\r\nHost: web\r\n%s: %s\r\n\r\n",
		 chunked ? "Transfer-Encoding" : "Content-Length", chunked ? "chunked" : "500000");
	peer_say(client, head);
	for (size_t at = 0, part; chunked && at < n; at += part) {
		part = n - at < 5021 ? n - at : 5021;
		snprintf(head, sizeof(head), "%zX\r\n", part);
		peer_say(client, head);
		peer_send(client, body + at, part);
		peer_say(client, "\r\n");
	}
	if (chunked)
		peer_say(client, "0\r\n\r\n");
	else
		peer_send(client, body, n);
	r->tcp.connect = FAKE_HOLD;
	rig_run(r);
	/* Not read before there is somewhere to put it. */
	assert_true(peer_window(client) == 0);
	origin = rig_origin(r);
	origin->deaf = true;
	peer_accept(origin);
	rig_run(r);
	/* What is neither with the origin nor in our buffers is still the client's. */
	assert_true(client->out.n > n / 3);
	origin->deaf = false;
	rig_expect_request(r, origin);
	assert_int_equal(r->request.body.n, n);
	assert_memory_equal(r->request.body.p, body, n);
	assert_int_equal(r->request.chunked, chunked);
	rig_answer(r, origin, OK(0));
	rig_expect_response(r, client, 200);
	assert_int_equal(rig_log(r)->bytes_received, n);
	peer_end(origin);
	rig_run(r);
	free(body);
}

static void upload_length(void **state)
{
	upload(*state, 500000, false);
}

static void upload_chunked(void **state)
{
	upload(*state, 500000, true);
}

static void download(struct rig *r, const char *framing, bool end)
{
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;
	char *body = make_body(500000);

	client->deaf = true;
	rig_ask(r, client, GET("/"));
	origin = rig_origin(r);
	rig_answer(r, origin, "HTTP/1.1 200 OK\r\n");
	rig_answer(r, origin, framing);
	peer_send(origin, body, 500000);
	if (strstr(framing, "chunked"))
		peer_say(origin, "\r\n0\r\n\r\n");
	if (end)
		peer_end(origin);
	rig_run(r);
	assert_true(origin->out.n > 150000);
	for (unsigned i = 0; i < 30; i++) {
		peer_hear(client, 5000);
		rig_run(r);
	}
	client->deaf = false;
	rig_expect_response(r, client, 200);
	assert_int_equal(r->response.body.n, 500000);
	assert_memory_equal(r->response.body.p, body, 500000);
	peer_end(client);
	if (!end)
		peer_end(origin);
	rig_run(r);
	free(body);
}

static void downloads(void **state)
{
	download(*state, "Content-Length: 500000\r\n\r\n", false);
	download(*state, "Transfer-Encoding: chunked\r\n\r\n7a120\r\n", false);
	download(*state, "\r\n", true);
}

/* A head that needs many segments, and one that fills the limit to the byte. */
static void large_heads(void **state)
{
	static char value[60 * 1024], text[64 * 1024];
	struct rig *r = *state;
	size_t limit = r->http.max_header_bytes;

	for (unsigned over = 0; over < 2; over++) {
		struct peer *client = rig_client(r, PORT_ROUTED);
		size_t fixed = strlen("GET / HTTP/1.1\r\nHost: web\r\nX-Big: \r\n\r\n");

		memset(value, 'v', limit - fixed + over);
		value[limit - fixed + over] = '\0';
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: web\r\nX-Big: %s\r\n\r\n",
			 value);
		rig_ask(r, client, text);
		if (over) {
			rig_expect_response(r, client, 431);
			assert_true(client->ended);
			assert_false(rig_has_origin(r));
			rig_check_log(r, 431, RESPONSE_FLAG_DPE, "http1.head_too_large");
		} else {
			struct peer *origin = rig_origin(r);

			rig_expect_request(r, origin);
			rig_check_field(&r->request, "x-big", value);
			snprintf(
				text, sizeof(text),
				"HTTP/1.1 200 OK\r\nX-Big: %.50000s\r\nContent-Length: 2\r\n\r\nok",
				value);
			rig_answer(r, origin, text);
			rig_expect_response(r, client, 200);
			assert_int_equal(strlen(message_field(&r->response, "x-big")), 50000);
			rig_check_log(r, 200, 0, "via_upstream");
		}
	}
}

/* What was matched is what is forwarded, also by a second try, and what is logged. */
static void path_in_its_normal_form(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->http.path_normalization = PATH_BASE;
	r->routes[0].retry =
		(struct retry_policy){.attempts = 1, .on = RETRY_RESET, .backoff_us = 1000};
	rig_ask(r, client, GET("/a/../b%2f%41/./c?d=/../e"));
	peer_reset(rig_origin(r));
	rig_run(r);
	rig_wait(r, 20000);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	assert_string_equal(r->request.line, "GET /b%2fA/c?d=/../e HTTP/1.1");
	rig_answer(r, origin, OK(0));
	rig_expect_response(r, client, 200);
	assert_string_equal(rig_log_text(rig_check_log(r, 200, 0, "via_upstream"), LOG_PATH),
			    "/b%2fA/c?d=/../e");
}

static void path_as_it_came(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	r->http.path_normalization = PATH_NONE;
	rig_ask(r, client, GET("/a/../b%00"));
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	assert_string_equal(r->request.line, "GET /a/../b%00 HTTP/1.1");
	rig_answer(r, origin, OK(0));
	rig_expect_response(r, client, 200);
}

static void path_without_a_normal_form(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	r->http.path_normalization = PATH_BASE;
	rig_ask(r, client, GET("/a%00"));
	rig_expect_response(r, client, 400);
	assert_false(rig_has_origin(r));
	rig_check_log(r, 400, RESPONSE_FLAG_DPE, "path_normalization_failed");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(get),
		CASE(path_in_its_normal_form),
		CASE(path_as_it_came),
		CASE(path_without_a_normal_form),
		CASE(single_bytes),
		CASE(post_every_cut),
		CASE(response_every_cut),
		CASE(chunked_to_http10),
		CASE(http10_keep_alive),
		CASE(http10_refused),
		CASE(until_close),
		CASE(streams),
		CASE(bodiless),
		CASE(keep_alive),
		CASE(another_client_reuses),
		CASE(client_closes),
		CASE(upstream_closes),
		CASE(max_requests),
		CASE(idle_upstream_closed),
		CASE(pipelined),
		CASE(pipelined_without_reading),
		CASE(upload_length),
		CASE(upload_chunked),
		CASE(downloads),
		CASE(large_heads),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
