/* The exposition, read by a parser stricter than Prometheus' own, and its numbers. */
#include <admin/metrics.h>

#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

/* ---- a strict reader of format 0.0.4 ---- */

#define SAMPLES_MAX  4096
#define FAMILIES_MAX 512

struct sample {
	char *series; /* name and labels, as written */
	double value;
};

struct exposition {
	size_t n_samples, n_families;
	struct sample samples[SAMPLES_MAX];
	char *families[FAMILIES_MAX];
	char type[16]; /* of the family being read */
	bool has_help;
};

static size_t name_len(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == ':')
		n++;
	if (n == 0 || isdigit((unsigned char)s[0]))
		fail_msg("no metric name: %.60s", s);
	return n;
}

/* Skips {name="value",...}; quotes inside values must be escaped. */
static const char *skip_labels(const char *s)
{
	char seen[16][64];
	size_t n_seen = 0;

	assert_int_equal(*s++, '{');
	for (;;) {
		size_t n = name_len(s);

		assert_true(n < sizeof(seen[0]) && n_seen < 16);
		memcpy(seen[n_seen], s, n);
		seen[n_seen][n] = '\0';
		for (size_t i = 0; i < n_seen; i++)
			assert_string_not_equal(seen[i], seen[n_seen]);
		n_seen++;
		s += n;
		assert_int_equal(*s++, '=');
		assert_int_equal(*s++, '"');
		while (*s != '"') {
			assert_true(*s != '\n' && *s != '\0');
			if (*s == '\\' && *++s != '\\' && *s != '"' && *s != 'n')
				fail_msg("bad escape in a label");
			s += text_utf8_len(s, strlen(s));
		}
		s++;
		if (*s == '}')
			return s + 1;
		assert_int_equal(*s++, ',');
	}
}

static void begin_family(struct exposition *e, const char *name, size_t n)
{
	for (size_t i = 0; i < e->n_families; i++)
		if (strncmp(e->families[i], name, n) == 0 && !e->families[i][n])
			fail_msg("family twice: %s", e->families[i]);
	assert_true(e->n_families < FAMILIES_MAX);
	e->families[e->n_families++] = strndup(name, n);
	e->type[0] = '\0';
	e->has_help = true;
}

static void read_comment(struct exposition *e, const char *line)
{
	if (strncmp(line, "# HELP ", 7) == 0) {
		size_t n = name_len(line + 7);

		begin_family(e, line + 7, n);
		assert_int_equal(line[7 + n], ' ');
		assert_true(strlen(line) > 8 + n); /* says something */
		return;
	}
	assert_memory_equal(line, "# TYPE ", 7);
	{
		size_t n = name_len(line + 7);

		assert_true(e->has_help);
		assert_int_equal(strlen(e->families[e->n_families - 1]), n);
		assert_memory_equal(e->families[e->n_families - 1], line + 7, n);
		snprintf(e->type, sizeof(e->type), "%s", line + 8 + n);
		assert_true(strcmp(e->type, "counter") == 0 || strcmp(e->type, "gauge") == 0 ||
			    strcmp(e->type, "histogram") == 0);
	}
}

static void check_family(const struct exposition *e, const char *name, size_t n)
{
	const char *family = e->families[e->n_families - 1];
	size_t len = strlen(family);

	assert_true(n >= len && memcmp(name, family, len) == 0);
	if (strcmp(e->type, "histogram") == 0) {
		size_t rest = n - len;

		assert_true((rest == 7 && memcmp(name + len, "_bucket", 7) == 0) ||
			    (rest == 4 && memcmp(name + len, "_sum", 4) == 0) ||
			    (rest == 6 && memcmp(name + len, "_count", 6) == 0));
		return;
	}
	assert_int_equal(n, len);
	if (strcmp(e->type, "counter") == 0)
		assert_memory_equal(name + n - 6, "_total", 6);
}

static void read_sample(struct exposition *e, const char *line)
{
	size_t n = name_len(line);
	const char *s = line + n;
	char *end;

	assert_true(e->type[0] != '\0');
	check_family(e, line, n);
	if (*s == '{')
		s = skip_labels(s);
	assert_int_equal(*s, ' ');
	assert_true(e->n_samples < SAMPLES_MAX);
	e->samples[e->n_samples].series = strndup(line, (size_t)(s - line));
	e->samples[e->n_samples].value = strtod(s + 1, &end);
	assert_true(end > s + 1 && *end == '\0');
	e->n_samples++;
}

static int compare_samples(const void *a, const void *b)
{
	return strcmp(((const struct sample *)a)->series, ((const struct sample *)b)->series);
}

static struct exposition *parse(struct text *t)
{
	struct exposition *e = calloc(1, sizeof(*e));
	char *line, *save = NULL, *copy = strndup(t->data, t->len);

	assert_int_equal(strlen(copy), t->len);
	assert_int_equal(t->data[t->len - 1], '\n');
	assert_null(strstr(copy, "\n\n"));
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '#')
			read_comment(e, line);
		else
			read_sample(e, line);
	}
	free(copy);
	qsort(e->samples, e->n_samples, sizeof(e->samples[0]), compare_samples);
	for (size_t i = 1; i < e->n_samples; i++)
		assert_string_not_equal(e->samples[i - 1].series, e->samples[i].series);
	return e;
}

static void exposition_free(struct exposition *e)
{
	for (size_t i = 0; i < e->n_samples; i++)
		free(e->samples[i].series);
	for (size_t i = 0; i < e->n_families; i++)
		free(e->families[i]);
	free(e);
}

static double value(const struct exposition *e, const char *series)
{
	struct sample key = {.series = (char *)(uintptr_t)series};
	struct sample *s = bsearch(&key, e->samples, e->n_samples, sizeof(key), compare_samples);

	if (!s)
		fail_msg("no sample %s", series);
	return s ? s->value : 0;
}

static struct exposition *scrape(const struct fixture *f)
{
	struct exposition *e;
	struct text t;

	text_init(&t, 64 << 20);
	metrics_write(&f->state, &t);
	assert_false(t.full);
	e = parse(&t);
	text_fini(&t);
	return e;
}

static char *stats(const struct fixture *f)
{
	struct text t;

	text_init(&t, 64 << 20);
	metrics_write_stats(&f->state, &t);
	text_put(&t, "", 1);
	return t.data;
}

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	fixture_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

/* ---- tests ---- */

static void counters_of_every_worker(void **state)
{
	struct fixture *f = *state;
	struct exposition *e;

	for (unsigned w = 0; w < 2; w++)
		for (unsigned i = 0; i < CTR_COUNT; i++)
			counter_add(&f->dataplane->counters[w], i, (w + 1) * 1000 + i);
	e = scrape(f);
	assert_int_equal(value(e, "weir_worker_requests_total{worker=\"0\"}"),
			 1000 + CTR_WORKER_REQUESTS);
	assert_int_equal(value(e, "weir_worker_requests_total{worker=\"1\"}"),
			 2000 + CTR_WORKER_REQUESTS);
	assert_int_equal(value(e, "weir_worker_cycles_total{worker=\"1\",state=\"idle\"}"),
			 2000 + CTR_WORKER_CYCLES_IDLE);
	assert_int_equal(value(e, "weir_tcp_drops_total{worker=\"0\",reason=\"paws\"}"),
			 1000 + CTR_DROP_TCP_PAWS);
	assert_int_equal(value(e, "weir_tcp_curr_estab{worker=\"1\"}"), 2000 + CTR_TCP_CURR_ESTAB);
	exposition_free(e);
}

static void every_counter_is_there_once(void **state)
{
	struct exposition *e = scrape(*state);
	size_t per_worker = 0;

	for (size_t i = 0; i < e->n_samples; i++)
		per_worker += strstr(e->samples[i].series, "worker=\"") != NULL;
	assert_int_equal(per_worker, 2 * CTR_COUNT);
	exposition_free(e);
}

/* One worker closes what another opened: its share is below zero, the sum is right. */
static void gauges_may_be_negative(void **state)
{
	struct fixture *f = *state;
	struct exposition *e;
	char *lines;

	counter_add(&f->dataplane->counters[0], CTR_HTTP_ACTIVE, 5);
	counter_add(&f->dataplane->counters[1], CTR_HTTP_ACTIVE, -2);
	e = scrape(f);
	assert_true(value(e, "weir_http_active_requests{worker=\"1\"}") == -2);
	lines = stats(f);
	assert_non_null(strstr(lines, "\nweir_http_active_requests: 3\n"));
	free(lines);
	exposition_free(e);
}

static void control_numbers(void **state)
{
	struct fixture *f = *state;
	struct exposition *e;

	f->dataplane->mbufs_in_use = 17;
	diag_add(&f->state.last_load.diags, DIAG_ERROR, "X", (struct pos){0}, "", "", "bad");
	e = scrape(f);
	assert_int_equal(value(e, "weir_mbuf_in_use"), 17);
	assert_int_equal(value(e, "weir_mbuf_total"), 4096);
	assert_int_equal(value(e, "weir_snapshot_generation"), 7);
	assert_true(value(e, "weir_snapshot_apply_seconds") == 0.25);
	assert_int_equal(value(e, "weir_snapshots_alive"), 2);
	assert_int_equal(value(e, "weir_config_errors"), 1);
	assert_int_equal(value(e, "weir_config_loads_total{result=\"ok\"}"), 3);
	assert_int_equal(value(e, "weir_config_loads_total{result=\"error\"}"), 1);
	assert_int_equal(value(e, "weir_build_info{version=\"" WEIR_VERSION "\"}"), 1);
	assert_int_equal(value(e, "weir_ready"), 1);
	exposition_free(e);
	f->cell.current = NULL;
	e = scrape(f);
	assert_int_equal(value(e, "weir_snapshot_generation"), 0);
	assert_int_equal(value(e, "weir_ready"), 0);
	exposition_free(e);
}

static void devices_of_bonds(void **state)
{
	struct fixture *f = *state;
	struct iface_config *i = f->node.dataplane.ifaces;
	struct exposition *e;

	f->node.dataplane.n_ifaces = 2;
	strcpy(i[0].name, "int");
	strcpy(i[1].name, "ext");
	f->dataplane->members_up[1] = 1u << 1;
	e = scrape(f);
	for (size_t k = 0; k < e->n_samples; k++)
		assert_null(strstr(e->samples[k].series, "weir_net_bond_member_up"));
	exposition_free(e);
	i[1].bond = (struct bond_config){.mode = BOND_BALANCE,
					 .n_members = 2,
					 .members = {"0000:03:00.0", "net_tap0,iface=\"m\""}};
	e = scrape(f);
	assert_int_equal(
		value(e, "weir_net_bond_member_up{interface=\"ext\",device=\"0000:03:00.0\"}"), 0);
	assert_int_equal(value(e, "weir_net_bond_member_up{interface=\"ext\","
				  "device=\"net_tap0,iface=\\\"m\\\"\"}"),
			 1);
	exposition_free(e);
}

static void fill_row(struct request_stat *r, uint64_t count)
{
	strcpy(r->service_host, "reviews.default.svc.cluster.local");
	strcpy(r->service_name, "reviews");
	strcpy(r->service_namespace, "default");
	strcpy(r->version, "v1");
	r->count = count;
	r->duration_us = count * 1500;
	r->request_bytes = count * 10;
	r->response_bytes = count * 100;
}

#define REVIEWS(code, flags)                                                                       \
	"{reporter=\"source\",response_code=\"" code "\",response_flags=\"" flags "\","            \
	"destination_service=\"reviews.default.svc.cluster.local\","                               \
	"destination_service_name=\"reviews\",destination_service_namespace=\"default\","          \
	"destination_version=\"v1\",request_protocol=\"http\","                                    \
	"connection_security_policy=\"unknown\""

static void requests_are_added_up(void **state)
{
	struct fixture *f = *state;
	struct request_stat *r;
	struct exposition *e;

	/* Both workers, and two clusters that differ in nothing that Istio's labels show. */
	fill_row(fake_dataplane_row(f->dataplane, 0, "outbound|9080|v1|reviews", 200), 5);
	fill_row(fake_dataplane_row(f->dataplane, 1, "outbound|9080|v1|reviews", 200), 7);
	fill_row(fake_dataplane_row(f->dataplane, 1, "outbound|9090|v1|reviews", 200), 100);
	r = fake_dataplane_row(f->dataplane, 0, "outbound|9080|v1|reviews", 503);
	fill_row(r, 2);
	r->flags = RESPONSE_FLAG_UF | RESPONSE_FLAG_URX;
	e = scrape(f);
	assert_int_equal(value(e, "istio_requests_total" REVIEWS("200", "-") "}"), 112);
	assert_int_equal(value(e, "istio_requests_total" REVIEWS("503", "UF,URX") "}"), 2);
	assert_true(value(e, "istio_request_duration_milliseconds_sum" REVIEWS("200", "-") "}") ==
		    168);
	assert_int_equal(
		value(e, "istio_request_duration_milliseconds_count" REVIEWS("200", "-") "}"), 112);
	assert_int_equal(value(e, "istio_request_bytes_sum" REVIEWS("200", "-") "}"), 1120);
	assert_int_equal(
		value(e, "istio_response_bytes_bucket" REVIEWS("200", "-") ",le=\"+Inf\"}"), 112);
	assert_int_equal(value(e, "istio_response_bytes_sum" REVIEWS("503", "UF,URX") "}"), 200);
	exposition_free(e);
}

#define SESSIONS(flags)                                                                            \
	"{reporter=\"source\",response_flags=\"" flags "\","                                       \
	"destination_service=\"reviews.default.svc.cluster.local\","                               \
	"destination_service_name=\"reviews\",destination_service_namespace=\"default\","          \
	"destination_version=\"v1\",request_protocol=\"tcp\","                                     \
	"connection_security_policy=\"unknown\"}"

/* They are no requests, whatever else they share with some. */
static void sessions_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct request_stat *r;
	struct exposition *e;

	fill_row(fake_dataplane_row(f->dataplane, 0, "outbound|9080|v1|reviews", 0), 3);
	for (unsigned w = 0; w < 2; w++) {
		r = fake_dataplane_row(f->dataplane, w, "outbound|9080|v1|reviews", 0);
		fill_row(r, 5);
		r->session = true;
		r->opened = 8;
	}
	r = fake_dataplane_row(f->dataplane, 1, "outbound|9080|v1|reviews", 0);
	fill_row(r, 2);
	r->session = true;
	r->flags = RESPONSE_FLAG_UO;
	e = scrape(f);
	assert_int_equal(value(e, "istio_requests_total" REVIEWS("0", "-") "}"), 3);
	assert_int_equal(value(e, "istio_tcp_connections_opened_total" SESSIONS("-")), 16);
	assert_int_equal(value(e, "istio_tcp_connections_closed_total" SESSIONS("-")), 10);
	assert_int_equal(value(e, "istio_tcp_connections_closed_total" SESSIONS("UO")), 2);
	assert_int_equal(value(e, "istio_tcp_received_bytes_total" SESSIONS("-")), 100);
	assert_int_equal(value(e, "istio_tcp_sent_bytes_total" SESSIONS("-")), 1000);
	exposition_free(e);
}

static void stats_are_sums(void **state)
{
	struct fixture *f = *state;
	char *lines;

	counter_add(&f->dataplane->counters[0], CTR_WORKER_REQUESTS, 5);
	counter_add(&f->dataplane->counters[1], CTR_WORKER_REQUESTS, 6);
	fill_row(fake_dataplane_row(f->dataplane, 0, "outbound|9080|v1|reviews", 200), 5);
	fill_row(fake_dataplane_row(f->dataplane, 1, "outbound|9080|v1|reviews", 204), 7);
	fill_row(fake_dataplane_row(f->dataplane, 1, "outbound|9080|v1|reviews", 404), 1);
	fill_row(fake_dataplane_row(f->dataplane, 1, "", 404), 4);
	lines = stats(f);
	assert_non_null(strstr(lines, "\nweir_worker_requests_total: 11\n"));
	assert_non_null(strstr(lines, "\ncluster.outbound|9080|v1|reviews.requests_2xx: 12\n"));
	assert_non_null(strstr(lines, "\ncluster.outbound|9080|v1|reviews.requests_4xx: 1\n"));
	assert_non_null(strstr(lines, "\ncluster.-.requests_4xx: 4\n"));
	free(lines);
}

/* Strings that fill their field, and bytes that no label may hold as they are. */
static void hostile_labels(void **state)
{
	struct fixture *f = *state;
	struct request_stat *r = fake_dataplane_row(f->dataplane, 0, "c", 200);
	struct exposition *e;
	char *lines;

	memset(r->service_host, 'h', sizeof(r->service_host));
	strcpy(r->service_name, "a\"} 1\nforged_total{x=\"\\");
	strcpy(r->service_namespace, "\xff\xc3");
	memset(r->cluster, '\n', sizeof(r->cluster));
	r->count = 1;
	e = scrape(f);
	for (size_t i = 0; i < e->n_samples; i++)
		assert_null(strstr(e->samples[i].series, "\nforged"));
	exposition_free(e);
	lines = stats(f);
	assert_null(strstr(lines, "\n\n"));
	free(lines);
}

static void empty_label_is_unknown(void **state)
{
	struct fixture *f = *state;
	struct text t;

	fake_dataplane_row(f->dataplane, 0, "", 404)->flags = RESPONSE_FLAG_NR;
	text_init(&t, 64 << 20);
	metrics_write(&f->state, &t);
	text_put(&t, "", 1);
	assert_non_null(strstr(t.data, "destination_service=\"unknown\""));
	assert_non_null(strstr(t.data, "response_flags=\"NR\""));
	text_fini(&t);
}

/* All rows of all workers used: the answer is large, but one. */
static void full_tables(void **state)
{
	struct fixture *f = *state;
	struct text t;

	for (unsigned w = 0; w < 2; w++)
		for (unsigned i = 0; i < REQUEST_STATS_ROWS; i++) {
			struct request_stat *r = &f->dataplane->requests[w].rows[i];

			r->used = 1;
			r->status = 200;
			r->count = 1;
			snprintf(r->service_host, sizeof(r->service_host), "s%u", i);
		}
	text_init(&t, 64 << 20);
	metrics_write(&f->state, &t);
	assert_false(t.full);
	assert_non_null(memmem(t.data, t.len, "destination_service=\"s4095\"", 27));
	text_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counters_of_every_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(every_counter_is_there_once, setup, teardown),
		cmocka_unit_test_setup_teardown(gauges_may_be_negative, setup, teardown),
		cmocka_unit_test_setup_teardown(control_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(devices_of_bonds, setup, teardown),
		cmocka_unit_test_setup_teardown(requests_are_added_up, setup, teardown),
		cmocka_unit_test_setup_teardown(sessions_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(stats_are_sums, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_labels, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_label_is_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(full_tables, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
