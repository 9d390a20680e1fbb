/* health.h - active health checks: what is asked of an endpoint, and what came of it.
 *
 * A check is part of a cluster and immutable. What came of it belongs to an endpoint's name within
 * its cluster and outlives snapshots. Each endpoint is checked by one worker (its id modulo their
 * number); any worker may find that it asks to be left alone. Times are of the clock that all
 * workers and dataplane_now_us() share. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/status_set.h>

/* Results of checks: id, label of the metric, what is said of the endpoint then. */
#define CHECK_RESULTS(X)                                                                           \
	X(PASSED, "passed", "it passed its health checks")                                         \
	X(STATUS, "status", "its health check was answered with an unexpected status")             \
	X(ASKED, "asked", "it answered x-envoy-immediate-health-check-fail")                       \
	X(REFUSED, "refused", "it refused the connection of its health check")                     \
	X(RESET, "reset", "it broke the connection of its health check")                           \
	X(TIMEOUT, "timeout", "its health check was not answered in time")                         \
	X(PROTOCOL, "protocol", "its health check was answered with what is not HTTP")             \
	X(UNREACHABLE, "unreachable", "there is no way to it")

enum check_result {
#define X(id, label, text) CHECK_##id,
	CHECK_RESULTS(X)
#undef X
		CHECK_RESULT_COUNT
};

struct health_check {
	bool http; /* else the connection is all */
	/* Envoy's rules for active checks, not those of Istio's agent: a wrong answer puts the
	 * endpoint out at once, unhealthy_threshold counts those that got none; and the first
	 * check of all puts it in by itself. */
	bool envoy;
	uint16_t port; /* 0: where the endpoint serves */
	uint32_t healthy_threshold, unhealthy_threshold;
	uint64_t delay_us, interval_us, timeout_us;
	struct status_set expected;
	/* The request is before, host, after; host is the address asked when NULL. */
	const char *before, *host, *after;
	uint64_t hash; /* of all this: equal checks have equal ones */
};

/* Of one endpoint: by the worker that checks it, but for `told`. */
struct check_record {
	uint32_t passes, failures; /* in a row, towards a change */
	uint32_t last;             /* enum check_result; when checks is not 0 */
	uint32_t status;           /* of the last answer; 0: there was none */
	uint64_t checks, passed;   /* ever */
	uint32_t told;             /* what the control thread has said of it: enum health_state */
};

/* Of one cluster. */
struct check_tally {
	uint64_t changes; /* of its endpoints' states, ever: raised after each */
};

struct cluster_checks {
	struct check_tally *tally;
	const struct health_check *const *of; /* by index of the endpoint; NULL: it has none */
};

enum health_state {
	HEALTH_WELL,
	HEALTH_FAILING, /* its checks say so; or it is new, and nothing has been said */
	/* It asked to be left alone. Not even a cluster that ignores health, because too little of
	 * it is left, sends it requests. */
	HEALTH_LEAVING,
};
