/* test_proxy_protocol.c - the PROXY protocol's header on both sides: whose requests a connection
 * carries, and that nobody else's ever do (B270). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#define GET       "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
#define OK        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEADER    "PROXY TCP4 192.0.2.9 198.18.0.2 40000 80\r\n"
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static int setup(void **state)
{
	return rig_setup(state);
}

/* Endpoints are told of the client from now on. */
static void announce(struct rig *r, uint8_t version)
{
	for (unsigned i = 0; i < RIG_ENDPOINTS; i++)
		r->endpoints[i].announce = version;
	r->snap.generation++;
	rig_run(r);
}

static struct peer *listen_for_header(struct rig *r)
{
	r->listeners[0].proxy_protocol = true;
	return rig_client(r, PORT_ROUTED);
}

static void answer(struct rig *r, struct peer *client, struct peer *origin)
{
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK);
	rig_expect_response(r, client, 200);
}

/* ---- upstream ---- */

static void take_header(struct peer *origin, const char *expected)
{
	size_t n = strlen(expected);

	assert_true(origin->heard.n >= n);
	assert_memory_equal(origin->heard.p, expected, n);
	bytes_drop(&origin->heard, n);
}

static struct peer *told_origin(struct rig *r, struct peer *client)
{
	struct peer *origin;
	char header[128];

	rig_ask(r, client, GET);
	origin = rig_origin(r);
	snprintf(header, sizeof(header), "PROXY TCP4 10.0.0.7 198.18.0.2 %u 80\r\n",
		 client->tuple.remote.port);
	take_header(origin, header);
	return origin;
}

static void b270_connection_begins_with_a_line(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	announce(r, 1);
	origin = told_origin(r, client);
	answer(r, client, origin);
	/* Once, not before each request. */
	rig_ask(r, client, GET);
	assert_false(rig_has_origin(r));
	answer(r, client, origin);
}

static void b270_version_2(void **state)
{
	static const char expected[] = SIGNATURE "\x21\x11\x00\x0c\x0a\x00\x00\x07\xc6\x12\x00\x02";
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	announce(r, 2);
	rig_ask(r, client, GET);
	origin = rig_origin(r);
	assert_memory_equal(origin->heard.p, expected, sizeof(expected) - 1);
	bytes_drop(&origin->heard, 28);
	answer(r, client, origin);
}

static void others_never_use_it(void **state)
{
	struct rig *r = *state;
	struct peer *one = rig_client(r, PORT_ROUTED), *other = rig_client(r, PORT_ROUTED);
	struct peer *of_one, *of_other;

	announce(r, 1);
	of_one = told_origin(r, one);
	answer(r, one, of_one);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 1);
	of_other = told_origin(r, other);
	assert_ptr_not_equal(of_other, of_one);
	answer(r, other, of_other);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 2);
	/* Each has its own, in whatever order. */
	for (unsigned i = 0; i < 2; i++) {
		rig_ask(r, one, GET);
		answer(r, one, of_one);
		rig_ask(r, other, GET);
		answer(r, other, of_other);
	}
	assert_int_equal(rig_count(r, CTR_UPSTREAM_CONNECTS), 2);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_REUSES), 4);
}

static void closes_with_its_client(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	announce(r, 1);
	origin = told_origin(r, client);
	answer(r, client, origin);
	assert_non_null(origin->stream);
	peer_end(client);
	rig_run(r);
	assert_null(origin->stream);
	assert_false(origin->was_reset);
	assert_int_equal(rig_count(r, CTR_UPSTREAM_IDLE), 0);
}

/* The server closes one that waits, and the next request opens another. */
static void a_dead_one_is_not_used(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *origin;

	announce(r, 1);
	origin = told_origin(r, client);
	answer(r, client, origin);
	peer_end(origin);
	origin = told_origin(r, client);
	answer(r, client, origin);
}

/* What was opened before the policy changed told nothing, or something else. */
static void a_new_policy_needs_new_connections(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED), *plain, *told;

	rig_ask(r, client, GET);
	plain = rig_origin(r);
	answer(r, client, plain);
	announce(r, 1);
	assert_null(plain->stream);
	told = told_origin(r, client);
	rig_expect_request(r, told);
	/* In use while it changes: closed after the response. */
	announce(r, 2);
	rig_answer(r, told, OK);
	rig_expect_response(r, client, 200);
	assert_null(told->stream);
	announce(r, 0);
	rig_ask(r, client, GET);
	answer(r, client, rig_origin(r));
}

/* ---- downstream ---- */

static void whose_it_is(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);
	const struct log_record *rec;
	char addr[NET_ADDR_STRLEN];

	rig_ask(r, client, HEADER GET);
	answer(r, client, rig_origin(r));
	rig_check_field(&r->request, "x-forwarded-for", "192.0.2.9");
	rig_check_field(&r->request, "x-envoy-external-address", "192.0.2.9");
	rec = rig_check_log(r, 200, 0, "via_upstream");
	assert_string_equal(net_addr_format(&rec->downstream_remote, addr), "192.0.2.9:40000");
	assert_string_equal(net_addr_format(&rec->downstream_local, addr), "198.18.0.2:80");
	assert_string_equal(ip_addr_format(&rec->downstream_direct.ip, addr), "10.0.0.7");
	assert_int_equal(rig_count(r, CTR_PROXY_HEADERS), 1);
	/* So are the next request and a refused one. */
	rig_ask(r, client, GET "bad\r\n\r\n");
	answer(r, client, r->tcp.peers[r->next_origin - 1]);
	rig_check_field(&r->request, "x-forwarded-for", "192.0.2.9");
	rig_expect_response(r, client, 400);
	rig_log(r);
	rec = rig_log(r);
	assert_string_equal(net_addr_format(&rec->downstream_remote, addr), "192.0.2.9:40000");
	assert_string_equal(ip_addr_format(&rec->downstream_direct.ip, addr), "10.0.0.7");
}

static void is_passed_on(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r), *origin;

	announce(r, 1);
	rig_ask(r, client, HEADER GET);
	origin = rig_origin(r);
	take_header(origin, HEADER);
	answer(r, client, origin);
}

static void local_means_the_proxy_itself(void **state)
{
	static const char local[] = SIGNATURE "\x20\x00\x00\x00" GET;
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);
	const struct log_record *rec;

	peer_send(client, local, sizeof(local) - 1);
	rig_run(r);
	answer(r, client, rig_origin(r));
	rig_check_field(&r->request, "x-forwarded-for", "10.0.0.7");
	rec = rig_log(r);
	assert_int_equal(rec->downstream_direct.port, 0);
}

/* Cut anywhere, header and request are the same. */
static void comes_in_two_pieces(void **state)
{
	static const char v2[] = SIGNATURE "\x21\x11\x00\x0f\xc0\x00\x02\x09\xc6\x12\x00\x02"
					   "\x9c\x40\x00\x50\x04\x00\x00" GET;
	static const char v1[] = HEADER GET;
	struct rig *r = *state;

	for (size_t i = 1; i < sizeof(v1) - 1 + sizeof(v2) - 1; i++) {
		bool first = i < sizeof(v1);
		const char *text = first ? v1 : v2;
		size_t n = first ? sizeof(v1) - 1 : sizeof(v2) - 1;
		size_t cut = first ? i : i - (sizeof(v1) - 1);
		struct peer *client = listen_for_header(r), *origin;

		peer_send(client, text, cut);
		rig_run(r);
		rig_expect_silence(r, client);
		peer_send(client, text + cut, n - cut);
		rig_run(r);
		origin = rig_has_origin(r) ? rig_origin(r) : r->tcp.peers[r->next_origin - 1];
		answer(r, client, origin);
		rig_check_field(&r->request, "x-forwarded-for", "192.0.2.9");
		rig_log(r);
		peer_end(client);
		peer_end(origin);
		rig_run(r);
	}
}

static void check_closed(struct rig *r, struct peer *client, enum counter_id why)
{
	assert_null(client->stream);
	assert_int_equal(client->heard.n, 0);
	assert_int_equal(rig_count(r, why), 1);
	assert_int_equal(rig_count(r, CTR_PROXY_HEADERS), 0);
	assert_false(rig_has_origin(r));
	rig_check_no_log(r);
}

static void without_header_there_is_no_request(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);

	rig_ask(r, client, GET);
	check_closed(r, client, CTR_PROXY_HEADERS_BAD);
}

static void malformed_header(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);

	rig_ask(r, client, "PROXY TCP4 192.0.2.9 198.18.0.2 40000\r\n" GET);
	check_closed(r, client, CTR_PROXY_HEADERS_BAD);
}

static void client_ends_too_early(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);

	peer_say(client, "PROXY TCP4 ");
	peer_end(client);
	rig_run(r);
	check_closed(r, client, CTR_PROXY_HEADERS_CUT);
}

static void client_resets(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);

	rig_ask(r, client, "PROXY TCP4 ");
	peer_reset(client);
	rig_run(r);
	check_closed(r, client, CTR_PROXY_HEADERS_CUT);
}

/* Not even a byte now and then gains time. */
static void a_slow_sender(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);

	for (unsigned i = 0; i < 4; i++) {
		peer_send(client, &HEADER[i], 1);
		rig_wait(r, 1000000);
		assert_non_null(client->stream);
	}
	rig_wait(r, 1100000);
	check_closed(r, client, CTR_PROXY_HEADERS_LATE);
}

static void a_drain_closes_those_that_wait(void **state)
{
	struct rig *r = *state;
	struct peer *client = listen_for_header(r);

	rig_ask(r, client, "PROXY ");
	assert_int_equal(proxy_conns(r->px), 1);
	proxy_drain(r->px);
	rig_run(r);
	assert_null(client->stream);
	assert_int_equal(proxy_conns(r->px), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b270_connection_begins_with_a_line),
		CASE(b270_version_2),
		CASE(others_never_use_it),
		CASE(closes_with_its_client),
		CASE(a_dead_one_is_not_used),
		CASE(a_new_policy_needs_new_connections),
		CASE(whose_it_is),
		CASE(is_passed_on),
		CASE(local_means_the_proxy_itself),
		CASE(comes_in_two_pieces),
		CASE(without_header_there_is_no_request),
		CASE(malformed_header),
		CASE(client_ends_too_early),
		CASE(client_resets),
		CASE(a_slow_sender),
		CASE(a_drain_closes_those_that_wait),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
