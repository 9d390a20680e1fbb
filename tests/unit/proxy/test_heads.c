/* test_heads.c - what changes in heads on their way, and what is written down about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* Sends a request with these fields from an address; the origin's view is in r->request. */
static void pass(struct rig *r, const char *from, const char *fields)
{
	struct peer *client = rig_client_from(r, PORT_ROUTED, from), *origin;

	peer_say(client, "GET / HTTP/1.1\r\nHost: web\r\n");
	peer_say(client, fields);
	rig_ask(r, client, "\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	peer_say(origin, OK);
	peer_end(origin);
	rig_expect_response(r, client, 200);
	peer_reset(client);
	rig_run(r);
}

static void check(struct rig *r, const char *name, const char *value)
{
	rig_check_field(&r->request, name, value);
}

static void hop_by_hop(void **state)
{
	struct rig *r = *state;

	pass(r, "10.0.0.7",
	     "Connection: X-Hop, keep-alive, TE\r\nX-Hop: 1\r\nX-Stay: 2\r\nKeep-Alive: "
	     "timeout=5\r\n"
	     "Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-T\r\nUpgrade: foo\r\n");
	check(r, "x-hop", NULL);
	check(r, "x-stay", "2");
	check(r, "connection", NULL);
	check(r, "keep-alive", NULL);
	check(r, "proxy-connection", NULL);
	check(r, "te", NULL);
	check(r, "trailer", NULL);
	check(r, "upgrade", NULL);
}

/* Connection cannot take away what others rely on. */
static void hop_by_hop_abuse(void **state)
{
	struct rig *r = *state;

	pass(r, "203.0.113.9",
	     "Connection: Host, X-Forwarded-For, X-Request-Id, Authorization\r\n");
	check(r, "host", "web");
	check(r, "x-forwarded-for", "203.0.113.9");
	assert_non_null(message_field(&r->request, "x-request-id"));
}

static void fidelity(void **state)
{
	struct rig *r = *state;

	pass(r, "10.0.0.7",
	     "X-Multi: one\r\nX-Empty:\r\nX-Multi: two\r\nX-Ows: \t padded \t \r\n"
	     "X-Obs: caf\xe9\xff\r\nX-PUNCT: ()<>@,;:\\\"/[]?={}\r\nCookie: a=1; b=2\r\n");
	assert_string_equal(message_field_at(&r->request, "x-multi", 0), "one");
	assert_string_equal(message_field_at(&r->request, "x-multi", 1), "two");
	check(r, "x-empty", "");
	check(r, "x-ows", "padded");
	check(r, "x-obs", "caf\xe9\xff");
	check(r, "x-punct", "()<>@,;:\\\"/[]?={}");
	check(r, "cookie", "a=1; b=2");
	/* No body, no framing. */
	check(r, "content-length", NULL);
	check(r, "transfer-encoding", NULL);
}

static void targets(void **state)
{
	static const struct {
		const char *sent, *line, *host;
	} cases[] = {
		{"GET /a%20b/%2e%2e//c/./d?x=[1]|{2}&y=%zz? HTTP/1.1\r\nHost: web",
		 "GET /a%20b/%2e%2e//c/./d?x=[1]|{2}&y=%zz? HTTP/1.1", "web"},
		{"GET http://WEB/x?y HTTP/1.1\r\nHost: evil.example", "GET /x?y HTTP/1.1", "WEB"},
		{"GET http://web HTTP/1.1\r\nHost: web", "GET / HTTP/1.1", "web"},
		{"OPTIONS * HTTP/1.1\r\nHost: web", "OPTIONS * HTTP/1.1", "web"},
		{"X!#$ / HTTP/1.1\r\nHost: web:80", "X!#$ / HTTP/1.1", "web:80"},
		{"\r\nGET / HTTP/1.1\r\nHost: [::1]:80", "GET / HTTP/1.1", "[::1]:80"},
	};
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin = NULL;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		peer_say(client, cases[i].sent);
		rig_ask(r, client, "\r\n\r\n");
		if (!origin)
			origin = rig_origin(r);
		rig_expect_request(r, origin);
		assert_string_equal(r->request.line, cases[i].line);
		check(r, "host", cases[i].host);
		rig_answer(r, origin, OK);
		rig_expect_response(r, client, 200);
	}
}

static bool is_uuid4(const char *s)
{
	static const char shape[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof(shape); i++) {
		if (shape[i] == 'x' && (!s[i] || !strchr("0123456789abcdef", s[i])))
			return false;
		if (shape[i] == 'y' && (!s[i] || !strchr("89ab", s[i])))
			return false;
		if (!strchr("xy", shape[i]) && shape[i] != s[i])
			return false;
	}
	return true;
}

static void from_outside(void **state)
{
	struct rig *r = *state;
	char id[64];

	pass(r, "203.0.113.9",
	     "X-Envoy-Upstream-Rq-Timeout-Ms: 1\r\nx-envoy-internal: true\r\n"
	     "X-Request-Id: mine\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Client-Cert: By=me\r\n"
	     "X-Envoyage: yes\r\n");
	check(r, "x-envoy-upstream-rq-timeout-ms", NULL);
	check(r, "x-envoy-internal", NULL);
	check(r, "x-envoy-external-address", "203.0.113.9");
	check(r, "x-envoy-attempt-count", "1");
	check(r, "x-forwarded-for", "203.0.113.9");
	check(r, "x-forwarded-proto", "http");
	check(r, "x-forwarded-client-cert", NULL);
	check(r, "x-envoyage", "yes");
	snprintf(id, sizeof(id), "%s", message_field(&r->request, "x-request-id"));
	assert_true(is_uuid4(id));
	assert_string_equal(rig_log_text(rig_log(r), LOG_REQUEST_ID), id);
	pass(r, "203.0.113.9", "");
	assert_string_not_equal(message_field(&r->request, "x-request-id"), id);
}

static void from_inside(void **state)
{
	struct rig *r = *state;

	pass(r, "192.168.3.4", "X-Request-Id: mine\r\n");
	check(r, "x-envoy-internal", "true");
	check(r, "x-envoy-external-address", NULL);
	check(r, "x-request-id", "mine");
	assert_string_equal(rig_log_text(rig_log(r), LOG_REQUEST_ID), "mine");
	pass(r, "fd00::7", "");
	check(r, "x-envoy-internal", "true");
	check(r, "x-forwarded-for", "fd00::7");
	assert_true(is_uuid4(message_field(&r->request, "x-request-id")));
	pass(r, "2001:db8::1", "");
	check(r, "x-envoy-external-address", "2001:db8::1");
}

/* A neighbour that speaks for somebody is not taken at its word. */
static void forwarded_for(void **state)
{
	struct rig *r = *state;
	const struct log_record *rec;

	pass(r, "10.0.0.7",
	     "X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nX-Request-Id: theirs\r\n"
	     "x-forwarded-for: 9.9.9.9\r\n");
	check(r, "x-forwarded-for", "1.2.3.4, 5.6.7.8,9.9.9.9,10.0.0.7");
	check(r, "x-envoy-internal", NULL);
	assert_true(is_uuid4(message_field(&r->request, "x-request-id")));
	rec = rig_log(r);
	/* Logged as it travelled, which is what Envoy does. */
	assert_string_equal(rig_log_text(rec, LOG_FORWARDED_FOR),
			    "1.2.3.4, 5.6.7.8,9.9.9.9,10.0.0.7");
}

static void responses(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	rig_ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n");
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_answer(r, origin,
		   "HTTP/1.1 200 Very Fine\r\nServer: apache\r\nDate: Thu, 01 Jan 1970 00:00:00 "
		   "GMT\r\n"
		   "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nX-E:\r\nX-O: \xe9\r\n"
		   "Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=77\r\n"
		   "X-Envoy-Upstream-Service-Time: 99\r\nContent-Length: 2\r\n\r\nok");
	rig_expect_response(r, client, 200);
	assert_string_equal(r->response.line, "HTTP/1.1 200 Very Fine");
	rig_check_field(&r->response, "server", "istio-envoy");
	rig_check_field(&r->response, "date", "Thu, 01 Jan 1970 00:00:00 GMT");
	rig_check_field(&r->response, "x-envoy-upstream-service-time", "0");
	assert_string_equal(message_field_at(&r->response, "set-cookie", 0), "a=1; Path=/");
	assert_string_equal(message_field_at(&r->response, "set-cookie", 1), "b=2");
	rig_check_field(&r->response, "x-e", "");
	rig_check_field(&r->response, "x-o", "\xe9");
	rig_check_field(&r->response, "x-hop", NULL);
	rig_check_field(&r->response, "keep-alive", NULL);
	rig_check_field(&r->response, "connection", NULL);
	rig_check_field(&r->response, "content-length", "2");
	/* Every response has a date (RFC 9110 6.6.1), also when the upstream's was not for us. */
	rig_ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n");
	rig_expect_request(r, origin);
	rig_answer(r, origin, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	assert_string_equal(r->response.line, "HTTP/1.1 200 OK");
	rig_check_field(&r->response, "date", "Tue, 14 Nov 2023 22:13:21 GMT");
}

/* Texts that a client chose cannot push the gateway's own out of a record. */
static void long_texts(void **state)
{
	static char fields[30000];
	struct rig *r = *state;
	const struct log_record *rec;

	memcpy(fields, "User-Agent: ", 12);
	memset(fields + 12, 'u', 20000);
	strcpy(fields + 20012, "\r\n");
	pass(r, "10.0.0.7", fields);
	rec = rig_check_log(r, 200, 0, "via_upstream");
	assert_string_equal(rig_log_text(rec, LOG_ROUTE_NAME), "default");
	assert_in_range(rec->text_len[LOG_USER_AGENT], 100, 1000);
}

/* A full ring loses records, not requests. */
static void full_ring(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_NO_HOST);

	for (unsigned i = 0; i < LOG_RING_SIZE + 5; i++) {
		rig_ask(r, client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n");
		rig_expect_response(r, client, 404);
	}
	assert_int_equal(rig_count(r, CTR_LOG_DROPPED), 5);
	assert_int_equal(rig_requests(r, 404, RESPONSE_FLAG_NR), LOG_RING_SIZE + 5);
}

/* One row for each cluster, version, status and flags; sums in it. */
static void rows(void **state)
{
	struct rig *r = *state;
	const struct request_stat *row = r->stats->rows;

	for (unsigned i = 0; i < 3; i++)
		pass(r, "10.0.0.7", "");
	assert_true(row[0].used);
	assert_int_equal(row[0].count, 3);
	assert_string_equal(row[0].cluster, "outbound|80||web.default.svc.cluster.local");
	assert_string_equal(row[0].service_name, "web");
	assert_string_equal(row[0].service_namespace, "default");
	assert_string_equal(row[0].version, "v1");
	assert_false(row[1].used);
	r->endpoints[0].version = "v9";
	pass(r, "10.0.0.7", "");
	assert_int_equal(row[0].count, 3);
	assert_string_equal(row[1].version, "v9");
	assert_int_equal(row[1].count, 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(hop_by_hop),   CASE(hop_by_hop_abuse), CASE(fidelity),      CASE(targets),
		CASE(from_outside), CASE(from_inside),      CASE(forwarded_for), CASE(responses),
		CASE(long_texts),   CASE(full_ring),        CASE(rows),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
