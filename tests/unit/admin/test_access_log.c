/* Lines of the access log, and how they are written when nobody reads them. */
#include <admin/access_log.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <admin/text.h>
#include <cmocka.h>
#include <jansson.h>

static void set_text(struct log_record *r, enum log_text id, const char *p, size_t n)
{
	size_t at = 0;

	for (unsigned i = 0; i < (unsigned)id; i++)
		at += r->text_len[i];
	memcpy(r->text + at, p, n); /* ids are set in ascending order */
	r->text_len[id] = (uint16_t)n;
}

static struct net_addr addr(const char *ip, uint16_t port)
{
	struct net_addr a = {.port = port};

	assert_true(ip_addr_parse(ip, &a.ip));
	return a;
}

/* 2016-04-15T20:17:00.310Z, Envoy's own example. */
#define START_US 1460751420310999ull

static void set_minimal(struct log_record *r)
{
	memset(r, 0, sizeof(*r));
	r->start_us = START_US;
	r->upstream_us = UINT64_MAX;
	r->minor = 1;
}

static void set_full(struct log_record *r)
{
	static const char *const texts[LOG_TEXTS] = {
		[LOG_METHOD] = "GET",
		[LOG_PATH] = "/api/v1/locations?x=1",
		[LOG_AUTHORITY] = "locations:8080",
		[LOG_USER_AGENT] = "curl/7.88.1",
		[LOG_REQUEST_ID] = "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2",
		[LOG_FORWARDED_FOR] = "10.0.35.28",
		[LOG_ROUTE_NAME] = "default",
		[LOG_UPSTREAM_CLUSTER] = "outbound|8080|v1|locations.default.svc.cluster.local",
		[LOG_DETAILS] = "via_upstream",
		[LOG_TRANSPORT_FAILURE] = "",
	};

	set_minimal(r);
	for (unsigned i = 0; i < LOG_TEXTS; i++)
		set_text(r, i, texts[i], strlen(texts[i]));
	r->duration_us = 226999;
	r->upstream_us = 100001;
	r->bytes_received = 5;
	r->bytes_sent = 154;
	r->status = 204;
	r->downstream_remote = addr("10.0.35.28", 43210);
	r->downstream_local = addr("198.18.0.2", 80);
	r->upstream_remote = addr("2001:2::11", 9080);
	r->upstream_local = addr("2001:2::2", 40000);
}

static void assert_line(enum log_format format, const struct log_record *r, const char *expected)
{
	struct text t;

	text_init(&t, 1 << 20);
	access_log_format(format, r, &t);
	text_put(&t, "", 1);
	assert_string_equal(t.data, expected);
	text_fini(&t);
}

static void json_full(void **state)
{
	struct log_record r;

	(void)state;
	set_full(&r);
	assert_line(
		LOG_FORMAT_JSON, &r,
		"{\"start_time\":\"2016-04-15T20:17:00.310Z\",\"route_name\":\"default\","
		"\"method\":\"GET\",\"path\":\"/api/v1/locations?x=1\",\"protocol\":\"HTTP/1.1\","
		"\"response_code\":204,\"response_flags\":\"-\","
		"\"response_code_details\":\"via_upstream\","
		"\"connection_termination_details\":null,\"bytes_received\":5,\"bytes_sent\":154,"
		"\"duration\":226,\"upstream_service_time\":\"100\","
		"\"x_forwarded_for\":\"10.0.35.28\",\"user_agent\":\"curl/7.88.1\","
		"\"request_id\":\"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\","
		"\"authority\":\"locations:8080\",\"upstream_host\":\"[2001:2::11]:9080\","
		"\"upstream_cluster\":\"outbound|8080|v1|locations.default.svc.cluster.local\","
		"\"upstream_local_address\":\"[2001:2::2]:40000\","
		"\"downstream_local_address\":\"198.18.0.2:80\","
		"\"downstream_remote_address\":\"10.0.35.28:43210\","
		"\"requested_server_name\":null,\"upstream_transport_failure_reason\":null}\n");
}

static void json_names_the_proxy_in_between(void **state)
{
	struct log_record r;
	struct text t;

	(void)state;
	set_minimal(&r);
	r.downstream_remote = addr("192.0.2.9", 40000);
	r.downstream_direct = addr("10.0.35.28", 43210);
	text_init(&t, 1 << 20);
	access_log_format(LOG_FORMAT_JSON, &r, &t);
	text_put(&t, "", 1);
	assert_non_null(strstr(t.data, "\"downstream_remote_address\":\"192.0.2.9:40000\""));
	assert_non_null(
		strstr(t.data, ",\"downstream_direct_remote_address\":\"10.0.35.28:43210\"}\n"));
	text_fini(&t);
}

static void json_missing_is_null(void **state)
{
	struct log_record r;

	(void)state;
	set_minimal(&r);
	r.minor = 0;
	r.flags = RESPONSE_FLAG_DC;
	assert_line(LOG_FORMAT_JSON, &r,
		    "{\"start_time\":\"2016-04-15T20:17:00.310Z\",\"route_name\":null,"
		    "\"method\":null,\"path\":null,\"protocol\":\"HTTP/1.0\",\"response_code\":0,"
		    "\"response_flags\":\"DC\",\"response_code_details\":null,"
		    "\"connection_termination_details\":null,\"bytes_received\":0,"
		    "\"bytes_sent\":0,\"duration\":0,\"upstream_service_time\":null,"
		    "\"x_forwarded_for\":null,\"user_agent\":null,\"request_id\":null,"
		    "\"authority\":null,\"upstream_host\":null,\"upstream_cluster\":null,"
		    "\"upstream_local_address\":null,\"downstream_local_address\":null,"
		    "\"downstream_remote_address\":null,\"requested_server_name\":null,"
		    "\"upstream_transport_failure_reason\":null}\n");
}

static void text_full(void **state)
{
	struct log_record r;

	(void)state;
	set_full(&r);
	assert_line(LOG_FORMAT_TEXT, &r,
		    "[2016-04-15T20:17:00.310Z] \"GET /api/v1/locations?x=1 HTTP/1.1\" 204 - "
		    "via_upstream - \"-\" 5 154 226 100 \"10.0.35.28\" \"curl/7.88.1\" "
		    "\"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"locations:8080\" "
		    "\"[2001:2::11]:9080\" outbound|8080|v1|locations.default.svc.cluster.local "
		    "[2001:2::2]:40000 198.18.0.2:80 10.0.35.28:43210 - default\n");
}

static void text_missing_is_dash(void **state)
{
	struct log_record r;

	(void)state;
	set_minimal(&r);
	r.status = 503;
	r.flags = RESPONSE_FLAG_UF | RESPONSE_FLAG_URX;
	assert_line(LOG_FORMAT_TEXT, &r,
		    "[2016-04-15T20:17:00.310Z] \"- - HTTP/1.1\" 503 UF,URX - - \"-\" 0 0 0 - "
		    "\"-\" \"-\" \"-\" \"-\" \"-\" - - - - - -\n");
}

/* As Istio's default format has it: a connection has no request, and so no status. */
static void text_of_a_session(void **state)
{
	static const char cluster[] = "outbound|5432||db.default.svc.cluster.local";
	struct log_record r;

	(void)state;
	set_minimal(&r);
	r.session = 1;
	r.minor = 0;
	r.flags = RESPONSE_FLAG_UF | RESPONSE_FLAG_URX;
	r.duration_us = 2000;
	r.downstream_remote = addr("10.0.35.28", 43210);
	r.downstream_local = addr("198.18.0.2", 5432);
	r.upstream_remote = addr("198.18.1.11", 5432);
	set_text(&r, LOG_UPSTREAM_CLUSTER, cluster, sizeof(cluster) - 1);
	set_text(&r, LOG_TRANSPORT_FAILURE, "delayed connect error", 21);
	assert_line(LOG_FORMAT_TEXT, &r,
		    "[2016-04-15T20:17:00.310Z] \"- - -\" 0 UF,URX - - \"delayed connect error\" "
		    "0 0 2 - \"-\" \"-\" \"-\" \"-\" \"198.18.1.11:5432\" "
		    "outbound|5432||db.default.svc.cluster.local - 198.18.0.2:5432 "
		    "10.0.35.28:43210 - -\n");
}

static void every_flag_has_its_name(void **state)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{RESPONSE_FLAG_UH, "UH"}, {RESPONSE_FLAG_UF, "UF"},   {RESPONSE_FLAG_UO, "UO"},
		{RESPONSE_FLAG_NR, "NR"}, {RESPONSE_FLAG_NC, "NC"},   {RESPONSE_FLAG_URX, "URX"},
		{RESPONSE_FLAG_UT, "UT"}, {RESPONSE_FLAG_UC, "UC"},   {RESPONSE_FLAG_LR, "LR"},
		{RESPONSE_FLAG_DC, "DC"}, {RESPONSE_FLAG_DPE, "DPE"}, {RESPONSE_FLAG_DI, "DI"},
		{RESPONSE_FLAG_FI, "FI"}, {RESPONSE_FLAG_RL, "RL"},   {RESPONSE_FLAG_SI, "SI"},
		{RESPONSE_FLAG_DT, "DT"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct log_record r;
		struct text t;
		char expected[32];

		set_minimal(&r);
		r.flags = flags[i].flag;
		snprintf(expected, sizeof(expected), "\"response_flags\":\"%s\"", flags[i].name);
		text_init(&t, 1 << 20);
		access_log_format(LOG_FORMAT_JSON, &r, &t);
		text_put(&t, "", 1);
		assert_non_null(strstr(t.data, expected));
		text_fini(&t);
	}
}

static void hostile_bytes_stay_in_their_field(void **state)
{
	static const char evil[] = "x\" 200 -\n[2016] \"GET /forged\0\xff\xfe\\";
	struct log_record r;
	struct text t;
	json_t *j;

	(void)state;
	set_minimal(&r);
	set_text(&r, LOG_PATH, "/\r\nSet-Cookie: a", 16);
	set_text(&r, LOG_USER_AGENT, evil, sizeof(evil) - 1);
	text_init(&t, 1 << 20);
	access_log_format(LOG_FORMAT_TEXT, &r, &t);
	assert_ptr_equal(memchr(t.data, '\n', t.len), t.data + t.len - 1);
	assert_null(memchr(t.data, '\0', t.len));
	assert_non_null(memmem(t.data, t.len,
			       "\"x\\x22 200 -\\x0A[2016] \\x22GET /forged"
			       "\\x00\\xFF\\xFE\\x5C\" ",
			       sizeof("\"x\\x22 200 -\\x0A[2016] \\x22GET /forged"
				      "\\x00\\xFF\\xFE\\x5C\" ") -
				       1));
	t.len = 0;
	access_log_format(LOG_FORMAT_JSON, &r, &t);
	assert_ptr_equal(memchr(t.data, '\n', t.len), t.data + t.len - 1);
	j = json_loadb(t.data, t.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_int_equal(json_object_size(j), 24);
	assert_string_equal(json_string_value(json_object_get(j, "path")), "/\r\nSet-Cookie: a");
	json_decref(j);
	text_fini(&t);
}

/* Records as a broken worker might leave them: any lengths, any bytes. */
static void random_records_make_one_valid_line(void **state)
{
	unsigned seed = 7;
	struct log_record *r = malloc(sizeof(*r));
	struct text t;

	(void)state;
	text_init(&t, 1 << 20);
	for (int round = 0; round < 3000; round++) {
		json_t *j;

		for (size_t i = 0; i < sizeof(*r); i++)
			((char *)r)[i] = (char)rand_r(&seed);
		r->start_us %= 4000000000000000ull;
		r->bytes_received >>= 1; /* jansson reads integers of 63 bits */
		r->bytes_sent >>= 1;
		if (round % 2)
			for (unsigned i = 0; i < LOG_TEXTS; i++)
				r->text_len[i] %= 200;
		t.len = 0;
		access_log_format(LOG_FORMAT_JSON, r, &t);
		assert_false(t.full);
		assert_in_range(t.len, 1, 16 << 10);
		assert_ptr_equal(memchr(t.data, '\n', t.len), t.data + t.len - 1);
		j = json_loadb(t.data, t.len, JSON_ALLOW_NUL, NULL);
		assert_non_null(j);
		json_decref(j);
		t.len = 0;
		access_log_format(LOG_FORMAT_TEXT, r, &t);
		assert_ptr_equal(memchr(t.data, '\n', t.len), t.data + t.len - 1);
	}
	text_fini(&t);
	free(r);
}

/* ---- writing ---- */

static struct log_ring *ring_create(void)
{
	struct log_ring *ring = aligned_alloc(WEIR_CACHE_LINE, sizeof(*ring));

	memset(ring, 0, sizeof(*ring));
	return ring;
}

static unsigned ring_fill(struct log_ring *ring, unsigned n)
{
	struct log_record *r;
	unsigned i;

	for (i = 0; i < n && (r = log_ring_reserve(ring)) != NULL; i++) {
		set_full(r);
		log_ring_commit(ring);
	}
	return i;
}

static struct access_log *must_open(const char *path)
{
	char err[256] = "";
	struct access_log *l = access_log_open(path, LOG_FORMAT_TEXT, err, sizeof(err));

	if (!l)
		fail_msg("%s", err);
	return l;
}

static size_t count_file_lines(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;
	int c;

	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static void file_is_appended_and_reopened(void **state)
{
	char dir[] = "/tmp/weir-log-XXXXXX", path[64], old[64];
	struct log_ring *ring = ring_create();
	struct access_log *l;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.1", dir);
	l = must_open(path);
	ring_fill(ring, 3);
	assert_int_equal(access_log_drain(l, ring), 3);
	access_log_flush(l);
	assert_int_equal(count_file_lines(path), 3);
	assert_int_equal(rename(path, old), 0);
	ring_fill(ring, 2);
	access_log_drain(l, ring);
	assert_int_equal(access_log_reopen(l), 0); /* what was buffered belongs to the old one */
	ring_fill(ring, 1);
	access_log_drain(l, ring);
	access_log_close(l);
	assert_int_equal(count_file_lines(old), 5);
	assert_int_equal(count_file_lines(path), 1);
	l = must_open(path);
	ring_fill(ring, 1);
	access_log_drain(l, ring);
	access_log_close(l);
	assert_int_equal(count_file_lines(path), 2);
	unlink(path);
	unlink(old);
	rmdir(dir);
	free(ring);
}

static void reopen_that_fails_keeps_the_file(void **state)
{
	char dir[] = "/tmp/weir-log-XXXXXX", path[96], moved[64];
	struct log_ring *ring = ring_create();
	struct access_log *l;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s.moved", dir);
	l = must_open(path);
	assert_int_equal(rename(dir, moved), 0);
	assert_int_equal(access_log_reopen(l), -ENOENT);
	ring_fill(ring, 4);
	access_log_drain(l, ring);
	access_log_close(l);
	snprintf(path, sizeof(path), "%s/log", moved);
	assert_int_equal(count_file_lines(path), 4);
	unlink(path);
	rmdir(moved);
	free(ring);
}

static void bad_path_is_a_sentence(void **state)
{
	char err[256] = "";

	(void)state;
	assert_null(access_log_open("/nowhere/at/all", LOG_FORMAT_TEXT, err, sizeof(err)));
	assert_string_equal(err, "cannot open the access log /nowhere/at/all: "
				 "No such file or directory");
}

/* Reads what there is and checks that it is whole lines, one like the other. */
static size_t read_lines(int fd, char *rest, size_t *rest_len, const char *line)
{
	char buf[65536];
	size_t lines = 0, len = strlen(line);
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			assert_int_equal(buf[i], line[*rest_len]);
			rest[(*rest_len)++] = buf[i];
			if (*rest_len == len) {
				lines++;
				*rest_len = 0;
			}
		}
	return lines;
}

static void expected_line(char *out, size_t max)
{
	struct log_record r;
	struct text t;

	set_full(&r);
	text_init(&t, max);
	access_log_format(LOG_FORMAT_TEXT, &r, &t);
	memcpy(out, t.data, t.len);
	out[t.len] = '\0';
	text_fini(&t);
}

/* Nobody reads a pipe: buffer and rings fill, nothing blocks, and every record that got a
 * place in the ring is a line in the end. */
static void slow_reader(struct access_log *l, int reader)
{
	struct log_ring *ring = ring_create();
	char line[1024], rest[1024];
	size_t rest_len = 0, lines = 0;
	unsigned put = 0, taken = 0;

	expected_line(line, sizeof(line));
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	alarm(20); /* a blocking write would never return */
	for (int i = 0; i < 20; i++) {
		put += ring_fill(ring, 1000);
		taken += access_log_drain(l, ring);
		access_log_flush(l);
	}
	assert_true(taken < put); /* backpressure reached the ring */
	assert_null(log_ring_reserve(ring));
	for (int i = 0; i < 2000 && lines < put; i++) {
		lines += read_lines(reader, rest, &rest_len, line);
		access_log_flush(l);
		taken += access_log_drain(l, ring);
		access_log_flush(l);
	}
	alarm(0);
	assert_int_equal(lines, put);
	assert_int_equal(access_log_lines(l), put);
	assert_int_equal(access_log_lost(l), 0);
	free(ring);
}

static void slow_reader_of_a_fifo(void **state)
{
	char dir[] = "/tmp/weir-log-XXXXXX", path[64];
	struct access_log *l;
	int reader;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	l = must_open(path);
	slow_reader(l, reader);
	access_log_close(l);
	close(reader);
	unlink(path);
	rmdir(dir);
}

/* The log on a stdout that is a pipe or a socket of somebody else; cmocka's own output waits
 * on the saved descriptor. */
static void slow_reader_of_stdout(int writer, int reader)
{
	int saved = dup(STDOUT_FILENO);
	struct access_log *l;

	fflush(stdout);
	assert_int_equal(dup2(writer, STDOUT_FILENO), STDOUT_FILENO);
	l = must_open("/dev/stdout");
	dup2(saved, STDOUT_FILENO);
	close(saved);
	slow_reader(l, reader);
	/* O_NONBLOCK must not have reached the description that others share. */
	assert_int_equal(fcntl(writer, F_GETFL) & O_NONBLOCK, 0);
	access_log_close(l);
	close(writer);
	close(reader);
}

/* `weir > log 2>&1`: what weir itself says and the log share a file and must not overwrite
 * each other. */
static void stdout_is_a_file(void **state)
{
	char path[] = "/tmp/weir-log-XXXXXX", text[4096] = "", line[1024], expected[2048];
	struct log_ring *ring = ring_create();
	int file = mkstemp(path), saved = dup(STDOUT_FILENO);
	struct access_log *l;

	(void)state;
	assert_true(file >= 0 && saved >= 0);
	assert_int_equal(write(file, "before\n", 7), 7);
	assert_true(dup2(file, STDOUT_FILENO) >= 0);
	l = must_open("/dev/stdout");
	ring_fill(ring, 1);
	access_log_drain(l, ring);
	access_log_flush(l);
	assert_int_equal(write(file, "after\n", 6), 6);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
	expected_line(line, sizeof(line));
	snprintf(expected, sizeof(expected), "before\n%safter\n", line);
	assert_string_equal(text, expected);
	access_log_close(l);
	free(ring);
	close(file);
	close(saved);
	unlink(path);
}

static void slow_reader_of_stdout_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	slow_reader_of_stdout(fds[1], fds[0]);
}

static void slow_reader_of_stdout_socket(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	slow_reader_of_stdout(fds[1], fds[0]);
}

static void reader_that_leaves_is_counted(void **state)
{
	char dir[] = "/tmp/weir-log-XXXXXX", path[64], line[1024], rest[1024];
	struct log_ring *ring = ring_create();
	struct access_log *l;
	size_t rest_len = 0;
	int reader;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	l = must_open(path);
	close(reader);
	ring_fill(ring, 10);
	access_log_drain(l, ring);
	access_log_flush(l);
	assert_int_equal(access_log_lost(l), 10);
	reader = open(path, O_RDONLY | O_NONBLOCK); /* and comes back */
	ring_fill(ring, 5);
	access_log_drain(l, ring);
	access_log_flush(l);
	expected_line(line, sizeof(line));
	assert_int_equal(read_lines(reader, rest, &rest_len, line), 5);
	assert_int_equal(access_log_lost(l), 10);
	access_log_close(l);
	close(reader);
	unlink(path);
	rmdir(dir);
	free(ring);
}

static void full_disk_is_counted(void **state)
{
	struct log_ring *ring = ring_create();
	struct access_log *l = must_open("/dev/full");

	(void)state;
	ring_fill(ring, 10);
	assert_int_equal(access_log_drain(l, ring), 10);
	access_log_flush(l);
	assert_int_equal(access_log_lost(l), 10);
	access_log_close(l);
	free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_full),
		cmocka_unit_test(json_missing_is_null),
		cmocka_unit_test(json_names_the_proxy_in_between),
		cmocka_unit_test(text_full),
		cmocka_unit_test(text_missing_is_dash),
		cmocka_unit_test(text_of_a_session),
		cmocka_unit_test(every_flag_has_its_name),
		cmocka_unit_test(hostile_bytes_stay_in_their_field),
		cmocka_unit_test(random_records_make_one_valid_line),
		cmocka_unit_test(file_is_appended_and_reopened),
		cmocka_unit_test(reopen_that_fails_keeps_the_file),
		cmocka_unit_test(bad_path_is_a_sentence),
		cmocka_unit_test(slow_reader_of_a_fifo),
		cmocka_unit_test(stdout_is_a_file),
		cmocka_unit_test(slow_reader_of_stdout_pipe),
		cmocka_unit_test(slow_reader_of_stdout_socket),
		cmocka_unit_test(reader_that_leaves_is_counted),
		cmocka_unit_test(full_disk_is_counted),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
