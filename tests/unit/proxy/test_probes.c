/* test_probes.c - active health checks on the wire, and when they are made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#include <upstream/prober.h>

#define MS     1000u
#define SECOND 1000000u
#define TICK   (2 * MS) /* more than the wheel's */
#define OK     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct endpoint_health healths[RIG_ENDPOINTS];
static struct check_tally tally;
static struct health_check check;
static const struct health_check *check_of[RIG_ENDPOINTS];
static const struct cluster_checks checks = {.tally = &tally, .of = check_of};

static void publish(struct rig *r)
{
	r->snap.generation++;
	rig_run(r);
	rig_wait(r, TICK);
}

/* The first n endpoints are checked; nothing is known of them. */
static void begin(struct rig *r, uint32_t n)
{
	memset(healths, 0, sizeof(healths));
	memset(&tally, 0, sizeof(tally));
	check = (struct health_check){
		.http = true,
		.healthy_threshold = 1,
		.unhealthy_threshold = 1,
		.interval_us = 10 * SECOND,
		.timeout_us = SECOND,
		.before = "GET /healthz HTTP/1.1\r\nhost: ",
		.after = "\r\nuser-agent: test\r\n\r\n",
		.hash = 1,
	};
	for (unsigned s = 200; s < 400; s++)
		status_set_add(&check.expected, s);
	for (uint32_t i = 0; i < n; i++) {
		healths[i].state = HEALTH_FAILING;
		r->endpoints[i].health = &healths[i];
		check_of[i] = &check;
	}
	r->sets[0].n = n;
	r->sets[0].serial = 7;
	r->clusters[0].checks = &checks;
	r->clusters[0].elaborate = true;
}

static enum health_state state_of(unsigned i)
{
	return endpoint_health_state(&healths[i]);
}

/* One endpoint; its first check has come. */
static struct peer *first_check(struct rig *r)
{
	begin(r, 1);
	publish(r);
	return rig_origin(r);
}

static void check_result_is(struct rig *r, struct peer *origin, enum counter_id result,
			    enum health_state state)
{
	assert_int_equal(rig_count(r, result), 1);
	assert_int_equal(healths[0].record.checks, 1);
	assert_int_equal(state_of(0), state);
	assert_null(origin->stream);
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECKS_ACTIVE), 0);
}

static void passes(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	rig_expect_request(r, origin);
	rig_check_field(&r->request, "host", "198.18.1.10:9080");
	rig_check_field(&r->request, "user-agent", "test");
	assert_int_equal(state_of(0), HEALTH_FAILING);
	rig_answer(r, origin, OK);
	check_result_is(r, origin, CTR_HEALTH_CHECK_PASSED, HEALTH_WELL);
	assert_int_equal(tally.changes, 1);
	assert_false(origin->was_reset);
}

static void host_of_the_check(void **state)
{
	struct rig *r = *state;

	begin(r, 1);
	check.host = "web.test";
	publish(r);
	rig_expect_request(r, rig_origin(r));
	rig_check_field(&r->request, "host", "web.test");
}

/* Where the endpoint wants the PROXY protocol's header the check has one, with its own addresses;
 * another port than that of the endpoint speaks something of its own. */
static void announces_itself(void **state)
{
	struct rig *r = *state;
	struct peer *origin;
	char header[128], local[IP_ADDR_STRLEN];
	size_t n;

	begin(r, 1);
	r->endpoints[0].announce = 1;
	publish(r);
	origin = rig_origin(r);
	n = (size_t)snprintf(header, sizeof(header), "PROXY TCP4 %s 198.18.1.10 %u 9080\r\n",
			     ip_addr_format(&origin->tuple.local.ip, local),
			     origin->tuple.local.port);
	assert_true(origin->heard.n > n);
	assert_memory_equal(origin->heard.p, header, n);
	bytes_drop(&origin->heard, n);
	rig_expect_request(r, origin);
	rig_answer(r, origin, OK);
	check_result_is(r, origin, CTR_HEALTH_CHECK_PASSED, HEALTH_WELL);
}

static void another_port_is_not_announced_to(void **state)
{
	struct rig *r = *state;

	begin(r, 1);
	check.port = 9080;
	r->endpoints[0].addr.port = 9081;
	r->endpoints[0].announce = 2;
	publish(r);
	rig_expect_request(r, rig_origin(r));
}

/* What the first check is answered with, and what that makes of it. */
static void answered(struct rig *r, const char *text, enum counter_id result,
		     enum health_state state)
{
	struct peer *origin = first_check(r);

	rig_answer(r, origin, text);
	check_result_is(r, origin, result, state);
}

static void b284_redirect(void **state)
{
	answered(*state, "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", CTR_HEALTH_CHECK_PASSED,
		 HEALTH_WELL);
}

static void b284_bad_request(void **state)
{
	answered(*state, "HTTP/1.1 400 Bad Request\r\n\r\n", CTR_HEALTH_CHECK_STATUS,
		 HEALTH_FAILING);
	assert_int_equal(healths[0].record.status, 400);
}

static void not_http(void **state)
{
	answered(*state, "SSH-2.0-OpenSSH_9.2\r\n", CTR_HEALTH_CHECK_PROTOCOL, HEALTH_FAILING);
}

static void switches_protocols(void **state)
{
	answered(*state, "HTTP/1.1 101 Switching Protocols\r\n\r\n", CTR_HEALTH_CHECK_PROTOCOL,
		 HEALTH_FAILING);
}

static void after_early_hints(void **state)
{
	answered(*state, "HTTP/1.1 103 Early Hints\r\n\r\n" OK, CTR_HEALTH_CHECK_PASSED,
		 HEALTH_WELL);
}

static void asks_to_be_left_alone(void **state)
{
	answered(*state, "HTTP/1.1 200 OK\r\nx-envoy-immediate-health-check-fail: true\r\n\r\n",
		 CTR_HEALTH_CHECK_ASKED, HEALTH_LEAVING);
}

static void in_pieces(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);
	const char *text = OK;

	for (; text[2]; text++) {
		assert_int_equal(healths[0].record.checks, 0);
		peer_send(origin, text, 1);
		rig_run(r);
	}
	/* The body is not waited for. */
	check_result_is(r, origin, CTR_HEALTH_CHECK_PASSED, HEALTH_WELL);
}

static void answered_and_closed_at_once(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	peer_say(origin, OK);
	peer_end(origin);
	rig_run(r);
	check_result_is(r, origin, CTR_HEALTH_CHECK_PASSED, HEALTH_WELL);
}

static void closed_without_an_answer(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	peer_say(origin, "HTTP/1.1 200");
	peer_end(origin);
	rig_run(r);
	check_result_is(r, origin, CTR_HEALTH_CHECK_RESET, HEALTH_FAILING);
}

static void reset_without_an_answer(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	peer_reset(origin);
	rig_run(r);
	check_result_is(r, origin, CTR_HEALTH_CHECK_RESET, HEALTH_FAILING);
}

static void refused(void **state)
{
	struct rig *r = *state;

	r->tcp.connect = FAKE_REFUSE;
	check_result_is(r, first_check(r), CTR_HEALTH_CHECK_REFUSED, HEALTH_FAILING);
}

/* B284: no answer within its time, whether or not somebody listens. */
static void b284_no_answer(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	rig_expect_request(r, origin);
	rig_wait(r, SECOND - 10 * MS);
	assert_non_null(origin->stream);
	rig_wait(r, 20 * MS);
	check_result_is(r, origin, CTR_HEALTH_CHECK_TIMEOUT, HEALTH_FAILING);
	assert_true(origin->was_reset);
}

static void nobody_there(void **state)
{
	struct rig *r = *state;
	struct peer *origin;

	r->tcp.connect = FAKE_HOLD;
	origin = first_check(r);
	rig_wait(r, SECOND + TICK);
	check_result_is(r, origin, CTR_HEALTH_CHECK_TIMEOUT, HEALTH_FAILING);
}

static void no_way_there(void **state)
{
	struct rig *r = *state;

	r->net.no_route = true;
	begin(r, 1);
	publish(r);
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECK_UNREACHABLE), 1);
	assert_int_equal(state_of(0), HEALTH_FAILING);
	assert_false(rig_has_origin(r));
}

/* That says nothing about the endpoint: it is asked again soon. */
static void no_room(void **state)
{
	struct rig *r = *state;

	r->tcp.connect = FAKE_NO_PORT;
	begin(r, 1);
	healths[0].state = HEALTH_WELL;
	publish(r);
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECKS_POSTPONED), 1);
	assert_int_equal(healths[0].record.checks, 0);
	assert_int_equal(state_of(0), HEALTH_WELL);
	r->tcp.connect = FAKE_ACCEPT;
	rig_wait(r, 10 * MS + TICK);
	rig_answer(r, rig_origin(r), OK);
	assert_int_equal(healths[0].record.passed, 1);
}

static void b285_connection_is_enough(void **state)
{
	struct rig *r = *state;
	struct peer *origin;

	begin(r, 1);
	check.http = false;
	publish(r);
	origin = rig_origin(r);
	check_result_is(r, origin, CTR_HEALTH_CHECK_PASSED, HEALTH_WELL);
	assert_int_equal(origin->heard.n, 0);
	assert_false(origin->was_reset);
}

/* ---- when ---- */

static void every_interval(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	rig_answer(r, origin, OK);
	for (unsigned i = 0; i < 20; i++) {
		rig_wait(r, 9400 * MS);
		assert_false(rig_has_origin(r));
		rig_wait(r, 1200 * MS);
		rig_answer(r, rig_origin(r), i % 2 ? OK : "HTTP/1.1 503 x\r\n\r\n");
		assert_int_equal(state_of(0), i % 2 ? HEALTH_WELL : HEALTH_FAILING);
	}
	assert_int_equal(tally.changes, 21);
}

static void initial_delay(void **state)
{
	struct rig *r = *state;

	begin(r, 1);
	check.delay_us = 3 * SECOND;
	publish(r);
	rig_wait(r, 2900 * MS);
	assert_false(rig_has_origin(r));
	rig_wait(r, 110 * MS);
	assert_true(rig_has_origin(r));
}

static void unchanged_goes_on(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);
	struct health_check copy = check;

	check_of[0] = &copy; /* compiled anew */
	publish(r);
	assert_non_null(origin->stream);
	assert_false(rig_has_origin(r));
	rig_answer(r, origin, OK);
	assert_int_equal(state_of(0), HEALTH_WELL);
	rig_wait(r, 5 * SECOND);
	publish(r);
	assert_false(rig_has_origin(r));
	rig_wait(r, 5500 * MS);
	assert_true(rig_has_origin(r));
}

static void changed_begins_anew(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	check.hash = 2;
	check.host = "other.test";
	publish(r);
	assert_null(origin->stream);
	assert_int_equal(healths[0].record.checks, 0);
	origin = rig_origin(r);
	rig_expect_request(r, origin);
	rig_check_field(&r->request, "host", "other.test");
}

static void gone_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct peer *origin;

	begin(r, 2);
	publish(r);
	rig_answer(r, rig_origin(r), OK);
	origin = rig_origin(r);
	r->sets[0].n = 1;
	publish(r);
	assert_null(origin->stream);
	rig_wait(r, 11 * SECOND);
	rig_answer(r, rig_origin(r), OK);
	assert_false(rig_has_origin(r));
	r->clusters[0].checks = NULL;
	publish(r);
	rig_wait(r, 60 * SECOND);
	assert_false(rig_has_origin(r));
	assert_int_equal(prober_next(r->px->prober), UINT64_MAX);
}

/* Another endpoint under the same id. */
static void another_of_the_same_id(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	r->endpoints[0].gen++;
	publish(r);
	assert_null(origin->stream);
	assert_true(rig_has_origin(r));
}

#define MANY 600u

/* Neither all at once nor more in flight than there may be. */
static void many(void **state)
{
	struct rig *r = *state;
	struct endpoint *all = calloc(MANY, sizeof(*all));
	struct endpoint_health *of_all = aligned_alloc(64, MANY * sizeof(*of_all));
	const struct endpoint **by_id = calloc(MANY, sizeof(*by_id));
	const struct health_check **rules = calloc(MANY, sizeof(*rules));
	struct cluster_checks all_checks = {.tally = &tally, .of = rules};

	begin(r, 1);
	memset(of_all, 0, MANY * sizeof(*of_all));
	for (uint32_t i = 0; i < MANY; i++) {
		all[i] = r->endpoints[0];
		all[i].id = i;
		all[i].health = &of_all[i];
		by_id[i] = &all[i];
		rules[i] = &check;
	}
	r->sets[0] = (struct endpoint_set){.n = MANY, .endpoints = all, .serial = 9};
	r->clusters[0].checks = &all_checks;
	r->snap.n_endpoint_ids = MANY;
	r->snap.endpoint_by_id = by_id;
	r->tcp.connect = FAKE_HOLD;
	publish(r);
	assert_in_range(rig_count(r, CTR_HEALTH_CHECKS_STARTED), 1, 40);
	rig_wait(r, 20 * MS);
	assert_in_range(rig_count(r, CTR_HEALTH_CHECKS_STARTED), 150, 250);
	rig_wait(r, 100 * MS);
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECKS_STARTED), 512);
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECKS_ACTIVE), 512);
	assert_true(rig_count(r, CTR_HEALTH_CHECKS_POSTPONED) >= MANY - 512);
	rig_wait(r, SECOND);
	rig_wait(r, 20 * MS);
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECKS_STARTED), MANY);
	proxy_drain(r->px);
	assert_int_equal(rig_count(r, CTR_HEALTH_CHECKS_ACTIVE), 0);
	r->sets[0].n = 0;
	free(all);
	free(of_all);
	free(by_id);
	free(rules);
}

static void none_after_a_drain(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r);

	proxy_drain(r->px);
	rig_run(r);
	assert_null(origin->stream);
	rig_wait(r, 60 * SECOND);
	assert_false(rig_has_origin(r));
}

/* ---- requests ---- */

#define GET "GET / HTTP/1.1\r\nHost: web\r\n\r\n"

static void b287_out_until_a_check_passes(void **state)
{
	struct rig *r = *state;
	struct peer *origin = first_check(r), *client = rig_client(r, PORT_ROUTED);

	rig_ask(r, client, GET);
	rig_expect_response(r, client, 503);
	rig_check_body(&r->response, "no healthy upstream");
	rig_check_log(r, 503, RESPONSE_FLAG_UH, "no_healthy_upstream");
	rig_answer(r, origin, OK);
	rig_ask(r, client, GET);
	rig_answer(r, rig_origin(r), OK);
	rig_expect_response(r, client, 200);
}

static void answer_puts_it_out(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	rig_answer(r, first_check(r), OK);
	rig_ask(r, client, GET);
	rig_answer(r, rig_origin(r),
		   "HTTP/1.1 200 OK\r\nX-Envoy-Immediate-Health-Check-Fail: 1\r\n"
		   "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	/* As Envoy passes it on. */
	rig_check_field(&r->response, "x-envoy-immediate-health-check-fail", "1");
	assert_int_equal(state_of(0), HEALTH_LEAVING);
	rig_ask(r, client, GET);
	rig_expect_response(r, client, 503);
	rig_wait(r, 10600 * MS);
	rig_answer(r, rig_origin(r), OK);
	assert_int_equal(state_of(0), HEALTH_WELL);
}

/* ... but not where nobody checks: nothing would put it in again. */
static void answer_without_checks(void **state)
{
	struct rig *r = *state;
	struct peer *client = rig_client(r, PORT_ROUTED);

	begin(r, 1);
	check_of[0] = NULL;
	healths[0].state = HEALTH_WELL;
	publish(r);
	rig_ask(r, client, GET);
	rig_answer(r, rig_origin(r),
		   "HTTP/1.1 200 OK\r\nx-envoy-immediate-health-check-fail: 1\r\n"
		   "Content-Length: 0\r\n\r\n");
	rig_expect_response(r, client, 200);
	assert_int_equal(state_of(0), HEALTH_WELL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(passes),
		T(host_of_the_check),
		T(announces_itself),
		T(another_port_is_not_announced_to),
		T(b284_redirect),
		T(b284_bad_request),
		T(not_http),
		T(switches_protocols),
		T(after_early_hints),
		T(asks_to_be_left_alone),
		T(in_pieces),
		T(answered_and_closed_at_once),
		T(closed_without_an_answer),
		T(reset_without_an_answer),
		T(refused),
		T(b284_no_answer),
		T(nobody_there),
		T(no_way_there),
		T(no_room),
		T(b285_connection_is_enough),
		T(every_interval),
		T(initial_delay),
		T(unchanged_goes_on),
		T(changed_begins_anew),
		T(gone_is_left_alone),
		T(another_of_the_same_id),
		T(many),
		T(none_after_a_drain),
		T(b287_out_until_a_check_passes),
		T(answer_puts_it_out),
		T(answer_without_checks),
	};

	return cmocka_run_group_tests(tests, rig_global_setup, NULL);
}
