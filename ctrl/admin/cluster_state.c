/* cluster_state.c - reads breakers and health while workers write them. */
#include "cluster_state.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"

static uint64_t overflows(const struct cluster *c, enum breaker_overflow what)
{
	return __atomic_load_n(&c->breaker->overflows[what], __ATOMIC_RELAXED);
}

/* ---- JSON ---- */

static void put_limit(json_t *j, const char *name, uint32_t limit)
{
	if (limit != BREAKER_NO_LIMIT)
		json_put_int(j, name, limit);
}

static void describe_breaker(json_t *j, const struct cluster *c)
{
	const struct breaker *b = c->breaker;
	json_t *limits = json_object();

	put_limit(limits, "max_connections", c->limits.connections);
	put_limit(limits, "max_pending_requests", c->limits.pending);
	put_limit(limits, "max_requests", c->limits.requests);
	put_limit(limits, "max_retries", c->limits.retries);
	if (c->limits.retries_min) {
		json_put_int(limits, "min_retries", c->limits.retries_min);
		json_object_set_new(
			limits, "retries_percent",
			json_real(c->limits.retries_share * 100.0 / BREAKER_SHARE_WHOLE));
	}
	json_object_set_new(j, "limits", limits);
	json_put_int(j, "connections", __atomic_load_n(&b->connections, __ATOMIC_RELAXED));
	json_put_int(j, "pending_requests", breaker_pending(b));
	json_put_int(j, "active_requests", __atomic_load_n(&b->requests, __ATOMIC_RELAXED));
	json_put_int(j, "active_retries", __atomic_load_n(&b->retries, __ATOMIC_RELAXED));
	json_put_int(j, "overflows",
		     overflows(c, BREAKER_PENDING) + overflows(c, BREAKER_REQUESTS) +
			     overflows(c, BREAKER_RETRIES));
}

void cluster_state_describe(json_t *j, const struct cluster *c)
{
	if (c->breaker)
		describe_breaker(j, c);
	if (!c->outlier)
		return;
	json_put_int(j, "ejected", __atomic_load_n(&c->outlier_state->ejected, __ATOMIC_RELAXED));
	json_put_int(j, "ejections",
		     __atomic_load_n(&c->outlier_state->ejections, __ATOMIC_RELAXED));
}

/* Envoy's health flags. */
static void add_flag(json_t *flags, const char *name, bool set)
{
	if (set)
		json_array_append_new(flags, json_string(name));
}

static void put_ejection(json_t *j, const struct endpoint_health *h, bool ejected, uint64_t now_us)
{
	uint64_t until_us = __atomic_load_n(&h->until_us, __ATOMIC_RELAXED);

	json_object_set_new(j, "ejected", json_boolean(ejected));
	if (ejected)
		json_put_int(j, "ejected_for_ms",
			     until_us > now_us ? (until_us - now_us) / 1000 : 0);
	json_put_int(j, "ejections", __atomic_load_n(&h->ejections, __ATOMIC_RELAXED));
}

static uint64_t read_checks(const struct check_record *r)
{
	return __atomic_load_n(&r->checks, __ATOMIC_RELAXED);
}

static uint64_t read_passed(const struct check_record *r)
{
	return __atomic_load_n(&r->passed, __ATOMIC_ACQUIRE);
}

static void put_checks(json_t *j, const struct check_record *r)
{
	static const char *const labels[CHECK_RESULT_COUNT] = {
#define X(id, label, text) [CHECK_##id] = label,
		CHECK_RESULTS(X)
#undef X
	};
	uint32_t status = __atomic_load_n(&r->status, __ATOMIC_RELAXED);
	uint64_t checks = read_checks(r);

	json_put_int(j, "health_checks", checks);
	json_put_int(j, "health_checks_passed", read_passed(r));
	if (!checks)
		return;
	json_put_string(j, "last_health_check",
			labels[__atomic_load_n(&r->last, __ATOMIC_RELAXED)]);
	if (status)
		json_put_int(j, "last_health_check_status", status);
}

void cluster_state_describe_endpoint(json_t *j, const struct cluster *c, uint32_t i,
				     uint64_t now_us)
{
	const struct endpoint_health *h = c->endpoints->endpoints[i].health;
	bool checked = c->checks && c->checks->of[i], ejected = endpoint_is_ejected(h);
	enum health_state state = checked ? endpoint_health_state(h) : HEALTH_WELL;
	json_t *flags = json_array();

	json_put_string(j, "health", ejected || state != HEALTH_WELL ? "unhealthy" : "healthy");
	add_flag(flags, "failed_active_hc", state != HEALTH_WELL);
	add_flag(flags, "failed_outlier_check", ejected);
	add_flag(flags, "pending_active_hc",
		 state == HEALTH_FAILING && read_checks(&h->record) == 0);
	add_flag(flags, "excluded_via_immediate_hc_fail", state == HEALTH_LEAVING);
	json_object_set_new(j, "health_flags", flags);
	if (c->outlier)
		put_ejection(j, h, ejected, now_us);
	if (checked)
		put_checks(j, &h->record);
}

/* ---- Prometheus ---- */

static uint64_t read_connections(const struct cluster *c)
{
	return __atomic_load_n(&c->breaker->connections, __ATOMIC_RELAXED);
}

static uint64_t read_pending(const struct cluster *c)
{
	return breaker_pending(c->breaker);
}

static uint64_t read_requests(const struct cluster *c)
{
	return __atomic_load_n(&c->breaker->requests, __ATOMIC_RELAXED);
}

static uint64_t read_waits(const struct cluster *c)
{
	return overflows(c, BREAKER_CONNECTIONS);
}

static uint64_t read_pending_overflows(const struct cluster *c)
{
	return overflows(c, BREAKER_PENDING);
}

static uint64_t read_request_overflows(const struct cluster *c)
{
	return overflows(c, BREAKER_REQUESTS);
}

static uint64_t read_retry_overflows(const struct cluster *c)
{
	return overflows(c, BREAKER_RETRIES);
}

static uint64_t read_ejected(const struct cluster *c)
{
	return __atomic_load_n(&c->outlier_state->ejected, __ATOMIC_RELAXED);
}

static uint64_t read_ejections(const struct cluster *c)
{
	return __atomic_load_n(&c->outlier_state->ejections, __ATOMIC_RELAXED);
}

static uint64_t read_refused(const struct cluster *c)
{
	return __atomic_load_n(&c->outlier_state->refused, __ATOMIC_RELAXED);
}

static bool is_checked(const struct cluster *c, uint32_t i)
{
	return c->checks->of[i] != NULL;
}

static uint64_t count_unhealthy(const struct cluster *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->endpoints->n; i++)
		n += is_checked(c, i) &&
		     endpoint_health_state(c->endpoints->endpoints[i].health) != HEALTH_WELL;
	return n;
}

static uint64_t count_passed(const struct cluster *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->endpoints->n; i++)
		if (is_checked(c, i))
			n += read_passed(&c->endpoints->endpoints[i].health->record);
	return n;
}

static uint64_t count_failed(const struct cluster *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->endpoints->n; i++) {
		const struct endpoint_health *h = c->endpoints->endpoints[i].health;
		/* In this order: a check is counted before its pass. */
		uint64_t passed = is_checked(c, i) ? read_passed(&h->record) : 0;

		n += is_checked(c, i) ? read_checks(&h->record) - passed : 0;
	}
	return n;
}

/* What a cluster must have to be counted. */
enum metric_of { OF_LIMITS, OF_OUTLIER, OF_CHECKS };

static bool has(const struct cluster *c, enum metric_of of)
{
	switch (of) {
	case OF_LIMITS:
		return c->breaker != NULL;
	case OF_OUTLIER:
		return c->outlier != NULL;
	case OF_CHECKS:
		return c->checks != NULL;
	}
	return false;
}

/* Rows of one family stand together; the first has the help. */
static const struct cluster_metric {
	const char *name, *label, *type, *help;
	enum metric_of of;
	uint64_t (*read)(const struct cluster *c);
} cluster_metrics[] = {
	{"weir_cluster_connections", "", "gauge", "Upstream connections of clusters with limits",
	 OF_LIMITS, read_connections},
	{"weir_cluster_pending_requests", "", "gauge", "Requests without a connection", OF_LIMITS,
	 read_pending},
	{"weir_cluster_active_requests", "", "gauge", "Requests on a connection", OF_LIMITS,
	 read_requests},
	{"weir_cluster_waits_total", "", "counter", "Requests that had to wait for a connection",
	 OF_LIMITS, read_waits},
	{"weir_cluster_overflows_total", ",limit=\"pending\"", "counter",
	 "Requests and retries turned away by a limit", OF_LIMITS, read_pending_overflows},
	{"weir_cluster_overflows_total", ",limit=\"requests\"", "counter", "", OF_LIMITS,
	 read_request_overflows},
	{"weir_cluster_overflows_total", ",limit=\"retries\"", "counter", "", OF_LIMITS,
	 read_retry_overflows},
	{"weir_cluster_ejected_endpoints", "", "gauge", "Endpoints that are out", OF_OUTLIER,
	 read_ejected},
	{"weir_cluster_ejections_total", "", "counter", "Ejections by outlier detection",
	 OF_OUTLIER, read_ejections},
	{"weir_cluster_ejections_refused_total", "", "counter",
	 "Ejections that maxEjectionPercent did not allow", OF_OUTLIER, read_refused},
	{"weir_cluster_unhealthy_endpoints", "", "gauge", "Endpoints that fail their active checks",
	 OF_CHECKS, count_unhealthy},
	{"weir_cluster_health_checks_total", ",result=\"passed\"", "counter",
	 "Active health checks of the endpoints there are", OF_CHECKS, count_passed},
	{"weir_cluster_health_checks_total", ",result=\"failed\"", "counter", "", OF_CHECKS,
	 count_failed},
};

static void put_samples(const struct snapshot *s, const struct cluster_metric *m, struct text *out)
{
	for (uint32_t i = 0; s && i < s->n_cluster_ids; i++) {
		const struct cluster *c = s->cluster_by_id[i];

		if (!c || !has(c, m->of))
			continue;
		text_printf(out, "%s{cluster=\"", m->name);
		text_put_label(out, c->name, strlen(c->name));
		text_printf(out, "\"%s} %" PRIu64 "\n", m->label, m->read(c));
	}
}

void cluster_state_write(const struct snapshot *s, struct text *out)
{
	for (size_t i = 0; i < sizeof(cluster_metrics) / sizeof(cluster_metrics[0]); i++) {
		const struct cluster_metric *m = &cluster_metrics[i];

		if (*m->help)
			text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
				    m->type);
		put_samples(s, m, out);
	}
}
