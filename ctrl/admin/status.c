/* status.c - /api/v1/status: what weirctl and people ask first. */
#include <time.h>

#include "dump.h"
#include "json.h"

/* One broken file can have thousands of problems; stderr has them all. */
#define DIAGS_SHOWN_MAX 1000

static void put_time(json_t *j, const char *key, uint64_t us)
{
	time_t sec = (time_t)(us / 1000000);
	struct tm tm;
	char buf[40];

	gmtime_r(&sec, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_put_string(j, key, buf);
}

static json_t *node_json(const struct node_config *node)
{
	json_t *j = json_object(), *labels = json_object();

	json_put_string(j, "name", node->name);
	json_put_string(j, "namespace", node->ns);
	json_put_string(j, "locality", node->locality);
	for (uint32_t i = 0; i < node->labels.n; i++)
		json_put_string(labels, node->labels.items[i].key, node->labels.items[i].value);
	json_object_set_new(j, "labels", labels);
	return j;
}

static json_t *workers_json(const struct dataplane *dp)
{
	static const struct {
		const char *key;
		enum counter_id id;
	} shown[] = {
		{"requests", CTR_WORKER_REQUESTS},       {"active_requests", CTR_HTTP_ACTIVE},
		{"connections", CTR_TCP_CONNS},          {"cycles_busy", CTR_WORKER_CYCLES_BUSY},
		{"cycles_idle", CTR_WORKER_CYCLES_IDLE},
	};
	json_t *workers = json_array();

	for (unsigned w = 0; w < dataplane_workers(dp); w++) {
		json_t *j = json_object();

		json_put_int(j, "worker", w);
		for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
			json_put_int(j, shown[i].key,
				     counter_read(dataplane_counters(dp, w), shown[i].id));
		json_array_append_new(workers, j);
	}
	return workers;
}

static json_t *sources_json(const struct node_config *node)
{
	json_t *sources = json_array();

	for (uint32_t i = 0; i < node->directories.n; i++) {
		json_t *j = json_object();

		json_put_string(j, "directory", node->directories.items[i]);
		json_array_append_new(sources, j);
	}
	return sources;
}

static json_t *diag_json(const struct diag *d)
{
	json_t *j = json_object();

	json_put_string(j, "severity", d->severity == DIAG_ERROR ? "error" : "warning");
	json_put_string(j, "code", d->code);
	json_put_string(j, "file", d->file);
	json_put_int(j, "line", d->line);
	json_put_int(j, "column", d->col);
	json_put_string(j, "resource", d->resource);
	json_put_string(j, "field", d->field);
	json_put_string(j, "message", d->message);
	return j;
}

static json_t *load_json(const struct load_report *load)
{
	json_t *j = json_object(), *diags = json_array();

	json_put_bool(j, "ok", load->ok);
	put_time(j, "time", load->when_us);
	json_put_int(j, "took_us", load->took_us);
	json_put_int(j, "resources", load->resources);
	json_put_int(j, "errors", load->diags.errors);
	json_put_int(j, "warnings", load->diags.warnings);
	for (size_t i = 0; i < load->diags.n && i < DIAGS_SHOWN_MAX; i++)
		json_array_append_new(diags, diag_json(&load->diags.items[i]));
	json_object_set_new(j, "diagnostics", diags);
	return j;
}

void dump_status(const struct admin_state *s, struct text *out)
{
	const struct snapshot *snap = admin_snapshot(s);
	const char *reason = admin_not_ready(s);
	json_t *j = json_object();

	json_put_string(j, "version", WEIR_VERSION);
	put_time(j, "started", s->started_us);
	json_put_bool(j, "ready", !reason);
	json_put_bool(j, "draining", s->draining);
	json_put_string(j, "reason", reason ? reason : "");
	json_object_set_new(j, "node", node_json(s->node));
	json_put_int(j, "generation", snap ? snap->generation : 0);
	json_put_int(j, "snapshots_alive", s->snapshots_alive);
	json_object_set_new(j, "workers", workers_json(s->dataplane));
	json_object_set_new(j, "sources", sources_json(s->node));
	json_object_set_new(j, "last_load",
			    s->last_load.when_us ? load_json(&s->last_load) : json_null());
	json_write(out, j);
	text_puts(out, "\n");
}
