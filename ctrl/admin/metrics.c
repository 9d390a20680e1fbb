/* metrics.c - families of samples from the counter list, the request statistics and the
 * control loop's own numbers. */
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "cluster_state.h"
#include "flags.h"
#include "requests.h"

struct metric {
	const char *name; /* labels included */
	const char *help; /* "": the family's first one has it */
	bool gauge;
};

static const struct metric metrics[CTR_COUNT] = {
#define X(id, name, help) [CTR_##id] = {name, help, false},
	NET_COUNTERS(X) TCP_COUNTERS(X) HTTP_COUNTERS(X) WORKER_COUNTERS(X)
#undef X
#define X(id, name, help) [CTR_##id] = {name, help, true},
		GAUGES(X)
#undef X
};

/* Does a share b's family: the name up to the labels? */
static bool same_family(const char *a, const char *b)
{
	size_t n = strcspn(a, "{");

	return n == strcspn(b, "{") && memcmp(a, b, n) == 0;
}

static void put_head(struct text *out, const char *name, const char *type, const char *help)
{
	int len = (int)strcspn(name, "{");

	text_printf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, name, help, len, name, type);
}

/* ---- the workers' counters ---- */

/* A gauge is the difference of what was added and taken: as a signed number it is right even
 * when one worker took what another added. */
static void put_value(struct text *out, bool gauge, uint64_t value)
{
	if (gauge)
		text_printf(out, " %" PRId64 "\n", (int64_t)value);
	else
		text_printf(out, " %" PRIu64 "\n", value);
}

static void put_worker_samples(struct text *out, const struct dataplane *dp, enum counter_id id)
{
	const struct metric *m = &metrics[id];
	const char *labels = strchr(m->name, '{');
	int len = (int)strcspn(m->name, "{");

	for (unsigned w = 0; w < dataplane_workers(dp); w++) {
		text_printf(out, "%.*s{worker=\"%u\"%s%s", len, m->name, w, labels ? "," : "}",
			    labels ? labels + 1 : "");
		put_value(out, m->gauge, counter_read(dataplane_counters(dp, w), id));
	}
}

/* All samples of a family stand together, wherever the list has them. */
static void put_worker_family(struct text *out, const struct dataplane *dp, unsigned first)
{
	const struct metric *m = &metrics[first];

	for (unsigned i = 0; i < first; i++)
		if (same_family(metrics[i].name, m->name))
			return;
	put_head(out, m->name, m->gauge ? "gauge" : "counter", m->help);
	for (unsigned i = first; i < CTR_COUNT; i++)
		if (same_family(metrics[i].name, m->name))
			put_worker_samples(out, dp, i);
}

/* ---- Istio's ---- */

static void put_label(struct text *out, const char *name, const char *value, size_t max)
{
	size_t n = strnlen(value, max);

	text_printf(out, "%s=\"", name);
	text_put_label(out, n ? value : "unknown", n ? n : strlen("unknown"));
	text_puts(out, "\",");
}

static void put_labels(struct text *out, const struct request_stat *r)
{
	char flags[FLAGS_TEXT_MAX];

	text_puts(out, "{reporter=\"source\",");
	if (!r->session)
		text_printf(out, "response_code=\"%u\",", r->status);
	text_printf(out, "response_flags=\"%s\",", flags_format(r->flags, flags));
	put_label(out, "destination_service", r->service_host, sizeof(r->service_host));
	put_label(out, "destination_service_name", r->service_name, sizeof(r->service_name));
	put_label(out, "destination_service_namespace", r->service_namespace,
		  sizeof(r->service_namespace));
	put_label(out, "destination_version", r->version, sizeof(r->version));
	text_printf(out, "request_protocol=\"%s\",connection_security_policy=\"unknown\"",
		    r->session ? "tcp" : "http");
}

/* A histogram as far as the workers keep it: sum and count. Its one bucket is the infinite
 * one, so averages are right and a quantile is refused instead of invented. */
static void put_histogram(struct text *out, const char *name, const struct request_sum *r,
			  double sum)
{
	text_printf(out, "%s_bucket", name);
	put_labels(out, r->key);
	text_printf(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum", r->count, name);
	put_labels(out, r->key);
	text_printf(out, "} %.15g\n%s_count", sum, name);
	put_labels(out, r->key);
	text_printf(out, "} %" PRIu64 "\n", r->count);
}

static void put_requests(struct text *out, const struct request_sum *r, size_t n)
{
	put_head(out, "istio_requests_total", "counter", "Requests, by destination and response");
	for (size_t i = 0; i < n; i++) {
		text_puts(out, "istio_requests_total");
		put_labels(out, r[i].key);
		text_printf(out, "} %" PRIu64 "\n", r[i].count);
	}
	put_head(out, "istio_request_duration_milliseconds", "histogram",
		 "Time from the request's head to the response's last byte");
	for (size_t i = 0; i < n; i++)
		put_histogram(out, "istio_request_duration_milliseconds", &r[i],
			      (double)r[i].duration_us / 1000);
	put_head(out, "istio_request_bytes", "histogram", "Bytes of request bodies");
	for (size_t i = 0; i < n; i++)
		put_histogram(out, "istio_request_bytes", &r[i], (double)r[i].request_bytes);
	put_head(out, "istio_response_bytes", "histogram", "Bytes of response bodies");
	for (size_t i = 0; i < n; i++)
		put_histogram(out, "istio_response_bytes", &r[i], (double)r[i].response_bytes);
}

/* ---- Istio's, of TCP routes ---- */

static const struct session_metric {
	const char *name, *help;
	size_t offset; /* in a request_sum */
} session_metrics[] = {
	{"istio_tcp_connections_opened_total", "Connections of TCP routes that have begun",
	 offsetof(struct request_sum, opened)},
	{"istio_tcp_connections_closed_total", "Connections of TCP routes that are over",
	 offsetof(struct request_sum, count)},
	{"istio_tcp_received_bytes_total", "Bytes from clients, of those that are over",
	 offsetof(struct request_sum, request_bytes)},
	{"istio_tcp_sent_bytes_total", "Bytes to clients, of those that are over",
	 offsetof(struct request_sum, response_bytes)},
};

static void put_sessions(struct text *out, const struct request_sum *r, size_t n)
{
	for (size_t m = 0; m < sizeof(session_metrics) / sizeof(session_metrics[0]); m++) {
		const struct session_metric *it = &session_metrics[m];

		put_head(out, it->name, "counter", it->help);
		for (size_t i = 0; i < n; i++) {
			text_puts(out, it->name);
			put_labels(out, r[i].key);
			text_printf(out, "} %" PRIu64 "\n",
				    *(const uint64_t *)((const char *)&r[i] + it->offset));
		}
	}
}

/* ---- the control loop's ---- */

struct control_metric {
	const char *name, *type, *help;
	double (*read)(const struct admin_state *s);
};

static double read_mbufs_used(const struct admin_state *s)
{
	return dataplane_mbufs_in_use(s->dataplane);
}

static double read_mbufs_total(const struct admin_state *s)
{
	return dataplane_mbufs_total(s->dataplane);
}

static double read_generation(const struct admin_state *s)
{
	const struct snapshot *snap = admin_snapshot(s);

	return snap ? (double)snap->generation : 0;
}

static double read_apply(const struct admin_state *s)
{
	return s->apply_seconds;
}

static double read_alive(const struct admin_state *s)
{
	return s->snapshots_alive;
}

static double read_errors(const struct admin_state *s)
{
	return (double)s->last_load.diags.errors;
}

static double read_warnings(const struct admin_state *s)
{
	return (double)s->last_load.diags.warnings;
}

static double read_loads_ok(const struct admin_state *s)
{
	return (double)s->loads_ok;
}

static double read_loads_failed(const struct admin_state *s)
{
	return (double)s->loads_failed;
}

static double read_log_lines(const struct admin_state *s)
{
	return s->access_log ? (double)access_log_lines(s->access_log) : 0;
}

static double read_log_lost(const struct admin_state *s)
{
	return s->access_log ? (double)access_log_lost(s->access_log) : 0;
}

static double read_ready(const struct admin_state *s)
{
	return admin_not_ready(s) == NULL;
}

static const struct control_metric control_metrics[] = {
	{"weir_ready", "gauge", "1 when requests are served", read_ready},
	{"weir_mbuf_in_use", "gauge", "Packet buffers in use", read_mbufs_used},
	{"weir_mbuf_total", "gauge", "Packet buffers there are", read_mbufs_total},
	{"weir_snapshot_generation", "gauge", "Generation the workers run on", read_generation},
	{"weir_snapshot_apply_seconds", "gauge", "Last publication, until every worker ran on it",
	 read_apply},
	{"weir_snapshots_alive", "gauge", "Snapshots some request still uses, and the current one",
	 read_alive},
	{"weir_config_errors", "gauge", "Errors of the last load; 0 when it was applied",
	 read_errors},
	{"weir_config_warnings", "gauge", "Warnings of the last load", read_warnings},
	{"weir_config_loads_total{result=\"ok\"}", "counter", "Loads of the resources, by result",
	 read_loads_ok},
	{"weir_config_loads_total{result=\"error\"}", "counter", "", read_loads_failed},
	{"weir_access_log_lines_total", "counter", "Access log lines formatted", read_log_lines},
	{"weir_access_log_lost_total", "counter", "Access log lines given up on a write error",
	 read_log_lost},
};

#define N_CONTROL_METRICS (sizeof(control_metrics) / sizeof(control_metrics[0]))

static void put_control(struct text *out, const struct admin_state *s)
{
	put_head(out, "weir_build_info", "gauge", "1, by version");
	text_puts(out, "weir_build_info{version=\"" WEIR_VERSION "\"} 1\n");
	for (size_t i = 0; i < N_CONTROL_METRICS; i++) {
		const struct control_metric *m = &control_metrics[i];

		if (i == 0 || !same_family(m[-1].name, m->name))
			put_head(out, m->name, m->type, m->help);
		text_printf(out, "%s %.15g\n", m->name, m->read(s));
	}
}

/* ---- devices of bonds ---- */

static void put_bond(struct text *out, const struct dataplane *dp, const struct iface_config *iface,
		     unsigned i)
{
	for (unsigned k = 0; k < iface->bond.n_members; k++) {
		const char *device = iface->bond.members[k];

		text_puts(out, "weir_net_bond_member_up{");
		put_label(out, "interface", iface->name, sizeof(iface->name));
		text_puts(out, "device=\"");
		text_put_label(out, device, strlen(device));
		text_printf(out, "\"} %d\n", dataplane_member_up(dp, i, k));
	}
}

/* No family where there is no bond. */
static void put_bonds(struct text *out, const struct admin_state *s)
{
	const struct dataplane_config *cfg = &s->node->dataplane;
	unsigned n = 0;

	for (unsigned i = 0; i < cfg->n_ifaces; i++) {
		if (cfg->ifaces[i].bond.mode == BOND_NONE)
			continue;
		if (n++ == 0)
			put_head(out, "weir_net_bond_member_up", "gauge",
				 "1 when the device of a bond can carry");
		put_bond(out, s->dataplane, &cfg->ifaces[i], i);
	}
}

/* Sessions come last: how many are requests. */
static size_t count_requests(const struct request_sum *r, size_t n)
{
	while (n && r[n - 1].key->session)
		n--;
	return n;
}

void metrics_write(const struct admin_state *s, struct text *out)
{
	struct request_sum *r;
	size_t n = requests_collect(s->dataplane, requests_compare_labels, &r);
	size_t requests = count_requests(r, n);

	put_control(out, s);
	for (unsigned i = 0; i < CTR_COUNT; i++)
		put_worker_family(out, s->dataplane, i);
	put_bonds(out, s);
	cluster_state_write(admin_snapshot(s), out);
	put_requests(out, r, requests);
	put_sessions(out, r + requests, n - requests);
	free(r);
}

/* ---- plain lines ---- */

static void put_class(struct text *out, const struct request_sum *r)
{
	const struct request_stat *k = r->key;
	size_t len = strnlen(k->cluster, sizeof(k->cluster));

	text_puts(out, "cluster.");
	text_put_field(out, len ? k->cluster : "-", len ? len : 1);
	if (k->session)
		text_printf(out, ".sessions: %" PRIu64 "\n", r->count);
	else
		text_printf(out, ".requests_%uxx: %" PRIu64 "\n", k->status / 100, r->count);
}

void metrics_write_stats(const struct admin_state *s, struct text *out)
{
	struct request_sum *r;
	size_t n = requests_collect(s->dataplane, requests_compare_class, &r);

	for (size_t i = 0; i < N_CONTROL_METRICS; i++)
		text_printf(out, "%s: %.15g\n", control_metrics[i].name,
			    control_metrics[i].read(s));
	for (unsigned id = 0; id < CTR_COUNT; id++) {
		uint64_t sum = 0;

		for (unsigned w = 0; w < dataplane_workers(s->dataplane); w++)
			sum += counter_read(dataplane_counters(s->dataplane, w), id);
		text_printf(out, "%s:", metrics[id].name);
		put_value(out, metrics[id].gauge, sum);
	}
	for (size_t i = 0; i < n; i++)
		put_class(out, &r[i]);
	free(r);
}
