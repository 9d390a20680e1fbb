/* cluster_state.c - reads breakers and outlier detection while workers write them. */
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

void cluster_state_describe_endpoint(json_t *j, const struct endpoint *e)
{
	if (!e->health)
		return;
	json_object_set_new(j, "ejected", json_boolean(endpoint_is_ejected(e->health)));
	json_put_int(j, "ejections", __atomic_load_n(&e->health->ejections, __ATOMIC_RELAXED));
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

/* Rows of one family stand together; the first has the help. */
static const struct cluster_metric {
	const char *name, *label, *type, *help;
	bool outlier; /* of outlier detection, else of the limits */
	uint64_t (*read)(const struct cluster *c);
} cluster_metrics[] = {
	{"weir_cluster_connections", "", "gauge", "Upstream connections of clusters with limits",
	 false, read_connections},
	{"weir_cluster_pending_requests", "", "gauge", "Requests without a connection", false,
	 read_pending},
	{"weir_cluster_active_requests", "", "gauge", "Requests on a connection", false,
	 read_requests},
	{"weir_cluster_waits_total", "", "counter", "Requests that had to wait for a connection",
	 false, read_waits},
	{"weir_cluster_overflows_total", ",limit=\"pending\"", "counter",
	 "Requests and retries turned away by a limit", false, read_pending_overflows},
	{"weir_cluster_overflows_total", ",limit=\"requests\"", "counter", "", false,
	 read_request_overflows},
	{"weir_cluster_overflows_total", ",limit=\"retries\"", "counter", "", false,
	 read_retry_overflows},
	{"weir_cluster_ejected_endpoints", "", "gauge", "Endpoints that are out", true,
	 read_ejected},
	{"weir_cluster_ejections_total", "", "counter", "Ejections by outlier detection", true,
	 read_ejections},
	{"weir_cluster_ejections_refused_total", "", "counter",
	 "Ejections that maxEjectionPercent did not allow", true, read_refused},
};

static void put_samples(const struct snapshot *s, const struct cluster_metric *m, struct text *out)
{
	for (uint32_t i = 0; s && i < s->n_cluster_ids; i++) {
		const struct cluster *c = s->cluster_by_id[i];

		if (!c || !(m->outlier ? c->outlier != NULL : c->breaker != NULL))
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
