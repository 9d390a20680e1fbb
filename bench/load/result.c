/* result.c - the result of a run as one JSON object; what does not apply is null. */
#include <inttypes.h>
#include <stdio.h>

#include "load.h"

static void put_text(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		fprintf(f, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	fputc('"', f);
}

static void put_count(FILE *f, const char *name, bool applies, uint64_t value)
{
	if (applies)
		fprintf(f, "\"%s\": %" PRIu64 ",\n", name, value);
	else
		fprintf(f, "\"%s\": null,\n", name);
}

static void put_real(FILE *f, const char *name, bool applies, double value)
{
	if (applies)
		fprintf(f, "\"%s\": %.6g,\n", name, value);
	else
		fprintf(f, "\"%s\": null,\n", name);
}

static double seconds(const struct load *l)
{
	return (double)(l->ended - l->began) / (double)l->clock.hz;
}

static double us(const struct load *l, uint64_t cycles)
{
	return (double)cycles * 1e6 / (double)l->clock.hz;
}

static void put_latency(const struct load *l, FILE *f)
{
	static const struct {
		const char *name;
		double q;
	} points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
	const struct histogram *h = &l->client.latency;

	if (!l->o.client || h->n == 0) {
		fprintf(f, "\"latency_us\": null,\n\"histogram\": null,\n");
		return;
	}
	fprintf(f, "\"latency_us\": {\"min\": %.3f, \"mean\": %.3f, ", us(l, h->min),
		us(l, h->sum) / (double)h->n);
	for (size_t i = 0; i < RTE_DIM(points); i++)
		fprintf(f, "\"%s\": %.3f, ", points[i].name,
			us(l, histogram_quantile(h, points[i].q)));
	fprintf(f, "\"max\": %.3f},\n\"histogram\": [", us(l, h->max));
	for (uint32_t i = 0, n = 0; i < HISTOGRAM_BUCKETS; i++)
		if (h->count[i])
			fprintf(f, "%s[%.3f, %" PRIu64 "]", n++ ? ", " : "",
				us(l, histogram_upper(i)), h->count[i]);
	fprintf(f, "],\n");
}

static void put_windows(const struct load *l, FILE *f)
{
	const struct windows *w = &l->client.windows;

	if (!l->o.client || w->n == 0) {
		fprintf(f, "\"windows\": null,\n");
		return;
	}
	fprintf(f, "\"windows\": {\"ms\": %u, \"responses_p50_p99_max_us\": [",
		l->o.latency_window_ms);
	for (uint32_t i = 0; i < w->n; i++)
		fprintf(f, "%s[%" PRIu64 ", %.3f, %.3f, %.3f]", i ? ", " : "", w->kept[i].responses,
			us(l, w->kept[i].p50), us(l, w->kept[i].p99), us(l, w->kept[i].max));
	fprintf(f, "]},\n");
}

static void put_status(const struct load_counts *d, FILE *f)
{
	unsigned n = 0;

	fprintf(f, "\"status\": {");
	for (unsigned s = 0; s < CLIENT_STATUSES; s++)
		if (d->status[s])
			fprintf(f, "%s\"%u\": %" PRIu64, n++ ? ", " : "", s, d->status[s]);
	fprintf(f, "},\n");
}

static void put_examples(const struct client *cl, FILE *f)
{
	fprintf(f, "\"wrong_examples\": [");
	for (uint32_t i = 0; i < cl->n_examples; i++) {
		fputs(i ? ", " : "", f);
		put_text(f, cl->examples[i]);
	}
	fprintf(f, "],\n");
}

static void put_client(const struct load *l, const struct load_counts *d, FILE *f)
{
	bool client = l->o.client && l->o.connections > 0;
	double s = seconds(l);

	put_count(f, "requests", client, d->requests);
	put_count(f, "responses", client, d->responses);
	put_real(f, "rps", client && !l->o.idle_hold, (double)d->responses / s);
	put_count(f, "bytes_in", client, d->bytes_in);
	put_count(f, "bytes_out", client, d->bytes_out);
	put_real(f, "gbps", client && !l->o.idle_hold, (double)d->bytes_in * 8 / s / 1e9);
	put_count(f, "connections", client, l->connections);
	put_count(f, "connects", client, d->connects);
	put_count(f, "connect_failures", client, d->connect_failures);
	put_count(f, "wrong", client, d->wrong);
	put_count(f, "wrong_before", client, l->warmup_wrong);
	put_examples(&l->client, f);
	put_status(d, f);
	put_count(f, "resets", client, d->resets);
	put_count(f, "timeouts", client, d->timeouts);
	put_count(f, "unanswered", client, l->unanswered);
	put_real(f, "oldest_unanswered_us", client && l->unanswered, us(l, l->oldest));
	put_latency(l, f);
	put_windows(l, f);
	put_real(f, "cycles_busy_per_response", client && d->responses,
		 (double)d->busy_cycles / (double)d->responses);
	put_real(f, "ramp_seconds", client && l->client.ramp_cycles,
		 us(l, l->client.ramp_cycles) / 1e6);
}

static void put_idle(const struct load *l, FILE *f)
{
	const struct client_idle *i = &l->client.idle;

	if (l->o.idle_hold)
		fprintf(f,
			"\"idle\": {\"connections_held\": %u, \"served_again\": %u, \"lost\": "
			"%u},\n",
			i->held, i->served_again, i->lost);
	else
		fprintf(f, "\"idle\": null,\n");
}

static void put_flood(const struct load *l, FILE *f)
{
	const struct client_flood *fl = &l->client.flood;

	if (l->o.flood_rate > 0)
		fprintf(f,
			"\"flood\": {\"syns_sent\": %" PRIu64 ", \"syn_acks\": %" PRIu64
			", \"seconds\": %.3f},\n",
			fl->sent, fl->syn_acks, us(l, fl->ended - fl->began) / 1e6);
	else
		fprintf(f, "\"flood\": null,\n");
}

static void put_backend(const struct load *l, const struct load_counts *d, FILE *f)
{
	if (l->o.backend)
		fprintf(f,
			"\"backend\": {\"connections\": %u, \"requests\": %" PRIu64
			", \"wrong\": %" PRIu64 ", \"bytes_in\": %" PRIu64
			", \"bytes_out\": %" PRIu64 "}\n",
			l->backend_connections, d->backend_requests, d->backend_wrong,
			d->backend_bytes_in, d->backend_bytes_out);
	else
		fprintf(f, "\"backend\": null\n");
}

void result_write(const struct load *l, FILE *f)
{
	const uint64_t *begin = (const uint64_t *)&l->at_begin, *end = (const uint64_t *)&l->at_end;
	struct load_counts d;

	for (size_t i = 0; i < LOAD_COUNTS; i++)
		((uint64_t *)&d)[i] = end[i] - begin[i];
	fprintf(f, "{\"seconds\": %.6f,\n", seconds(l));
	put_client(l, &d, f);
	put_count(f, "retransmits", true, d.retransmits);
	put_count(f, "rx_drops", true, d.rx_drops);
	put_count(f, "checksum_errors", true, d.checksum_errors);
	put_idle(l, f);
	put_flood(l, f);
	put_backend(l, &d, f);
	fprintf(f, "}\n");
}
