/* test_smuggling.c - requests whose end can be read in two ways: what hides behind them reaches
 * no origin, and no other client gets an answer it did not ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: web\r\nX-Smug: 1\r\n\r\n"
#define POST   "POST /x HTTP/1.1\r\nHost: web\r\n"
#define TE     "Transfer-Encoding: chunked\r\n"

/* By one reading the hidden request is content, by the other it is a request. */
#define CL_TE(te) POST "Content-Length: 51\r\n" te "\r\n0\r\n\r\n" HIDDEN
#define TE_CL(te) POST "Content-Length: 4\r\n" te "\r\n2e\r\n" HIDDEN "\r\n0\r\n\r\n"
#define CL(lines) POST lines "\r\n" HIDDEN
#define CHUNK(c)  POST TE "\r\n" c HIDDEN

static const char *const samples[] = {
	CL_TE(TE),
	TE_CL(TE),
	CL_TE("Transfer-Encoding: xchunked\r\n"),
	TE_CL("Transfer-Encoding: xchunked\r\n"),
	CL_TE("Transfer-Encoding : chunked\r\n"),
	CL_TE("Transfer-Encoding\t: chunked\r\n"),
	CL_TE("Transfer-Encoding:\tchunked\r\n"),
	CL_TE("Transfer-Encoding: \x0b"
	      "chunked\r\n"),
	CL_TE("Transfer-Encoding: \xa0"
	      "chunked\r\n"),
	CL_TE("Transfer-Encoding: \"chunked\"\r\n"),
	CL_TE("Transfer-Encoding: ,chunked\r\n"),
	CL_TE("Transfer-Encoding: identity, chunked\r\n"),
	TE_CL("Transfer-Encoding: chunked, identity\r\n"),
	TE_CL("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n"),
	CL_TE("Transfer-Encoding: cow\r\n" TE),
	CL_TE(TE TE),
	CL_TE("Transfer-Encoding:\r\n chunked\r\n"),
	CL_TE("X-A: b\r\n " TE),
	CL_TE("X-A: b\n" TE),
	CL_TE("X-A: b\r" TE),
	CL_TE("Transfer-Encoding:\r\n"),
	CL_TE("Transfer-Encoding:: chunked\r\n"),
	CL("Transfer-Encoding: gzip\r\n"),
	CL("Content-Length: 0\r\nContent-Length: 46\r\n"),
	CL("Content-Length: 46\r\nContent-Length: 0\r\n"),
	CL("Content-Length: 0, 46\r\n"),
	CL("Content-Length: +46\r\n"),
	CL("Content-Length: -0\r\n"),
	CL("Content-Length: 0 46\r\n"),
	CL("Content-Length: 0x5\r\n"),
	CL("Content-Length:\r\n"),
	CL("Content-Length: 0,\r\n"),
	CL("Content-Length: 18446744073709551616\r\n"),
	CL("Content-Length : 46\r\n"),
	CL("X-A: b\nContent-Length: 46\r\n"),
	CHUNK("5\r\nhello0\r\n\r\n"),
	CHUNK("5\r\nhelloXX\r\n0\r\n\r\n"),
	CHUNK("5\nhello\r\n0\r\n\r\n"),
	CHUNK("5\r\nhello\n0\r\n\r\n"),
	CHUNK("5\r\nhello\r\n0\n\r\n"),
	CHUNK("10000000000000005\r\nhello\r\n0\r\n\r\n"),
	CHUNK("FFFFFFFFFFFFFFFB\r\nhello\r\n0\r\n\r\n"),
	CHUNK("5;a\nb\r\nhello\r\n0\r\n\r\n"),
	CHUNK("2;\nxx\r\n4c\r\n0\r\n\r\n"),
	CHUNK("0x5\r\nhello\r\n0\r\n\r\n"),
	CHUNK("\r\nhello\r\n0\r\n\r\n"),
	CHUNK("5\r\nhello\r\n0\r\ngarbage\r\n\r\n"),
	"POST /x HTTP/1.0\r\nHost: web\r\nConnection: keep-alive\r\nContent-Length: 51\r\n" TE
	"\r\n0\r\n\r\n" HIDDEN,
	"GET /x HTTP/1.1\r\nHost: web\r\n\r" HIDDEN,
	"GET /x\n HTTP/1.1\r\nHost: web\r\n\r\n" HIDDEN,
	"CONNECT web:80 HTTP/1.1\r\nHost: web:80\r\n\r\n" HIDDEN,
};

/* Answers whatever comes; none of it is the hidden one, and all of it is whole requests. */
static void serve(struct rig *r)
{
	for (unsigned i = 0; i < r->tcp.n_peers; i++) {
		struct peer *p = r->tcp.peers[i];
		char text[512];

		if (!p->active)
			continue;
		while (message_take(p, &r->request, MESSAGE_REQUEST)) {
			assert_null(strstr(r->request.line, "/hidden"));
			rig_check_field(&r->request, "x-smug", NULL);
			snprintf(text, sizeof(text),
				 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%.100s",
				 strlen(r->request.line), r->request.line);
			rig_answer(r, p, text);
		}
	}
}

static void check_own_answer(struct rig *r)
{
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_ask(r, client, "GET /canary HTTP/1.1\r\nHost: web\r\n\r\n");
	serve(r);
	rig_expect_response(r, client, 200);
	rig_check_body(&r->response, "GET /canary HTTP/1.1");
	peer_reset(client);
	rig_run(r);
}

static void try_sample(struct rig *r, const char *text)
{
	struct peer *client = rig_client(r, PORT_ROUTED);

	/* A pooled connection for what gets through. */
	check_own_answer(r);
	rig_ask(r, client, text);
	serve(r);
	rig_wait(r, 3000000);
	serve(r);
	while (message_take(client, &r->response, MESSAGE_RESPONSE))
		assert_true(r->response.status >= 400 || strstr(r->response.body.p, " /x "));
	assert_string_equal(client->heard.p, "");
	assert_true(client->ended);
	check_own_answer(r);
}

static void samples_whole(void **state)
{
	for (unsigned i = 0; i < RTE_DIM(samples); i++)
		try_sample(*state, samples[i]);
}

static void samples_in_bytes(void **state)
{
	struct rig *r = *state;

	r->tcp.piece = 1;
	for (unsigned i = 0; i < RTE_DIM(samples); i++)
		try_sample(r, samples[i]);
}

/* A response that ends early or late is not the next one's, whoever asks next. */
static void responses(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" TE "\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"
		"Content-Length: 4\r\n\r\nEVIL",
		"HTTP/1.1 204 No Content\r\nContent-Length: 41\r\n\r\nHTTP/1.1 200 OK\r\n"
		"Content-Length: 4\r\n\r\nEVIL",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 41\r\n\r\nHTTP/1.1 200 OK\r\n"
		"Content-Length: 4\r\n\r\nEVIL",
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(answers); i++) {
		struct peer *client = rig_client(r, PORT_ROUTED), *origin;

		r->next_origin = r->tcp.n_peers;
		rig_ask(r, client, "GET /x HTTP/1.1\r\nHost: web\r\n\r\n");
		origin = rig_origin(r);
		rig_expect_request(r, origin);
		rig_answer(r, origin, answers[i]);
		assert_true(message_take(client, &r->response, MESSAGE_RESPONSE));
		assert_null(strstr(r->response.body.p, "EVIL"));
		rig_expect_silence(r, client);
		check_own_answer(r);
		peer_reset(client);
		for (unsigned k = 0; k < r->tcp.n_peers; k++)
			if (r->tcp.peers[k]->active && r->tcp.peers[k]->stream)
				peer_reset(r->tcp.peers[k]);
		rig_run(r);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(samples_whole),
		CASE(samples_in_bytes),
		CASE(responses),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
