/* The admin API over real sockets: a blocking client on a thread of its own, the API turned
 * by the test as the control loop turns it. */
#include <admin/server.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "fixture.h"

struct api {
	struct fixture f;
	struct admin *admin;
	char dir[32], path[64];
};

/* A request and what came back until the server closed. */
struct exchange {
	const char *path, *request;
	char answer[1 << 20];
	size_t len;
	int done;
};

static int connect_unix(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void *client(void *arg)
{
	struct exchange *x = arg;
	int fd = connect_unix(x->path);
	ssize_t n;

	if (fd >= 0 && send(fd, x->request, strlen(x->request), MSG_NOSIGNAL) > 0)
		while ((n = read(fd, x->answer + x->len, sizeof(x->answer) - 1 - x->len)) > 0)
			x->len += (size_t)n;
	close(fd);
	__atomic_store_n(&x->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void turn(struct api *api)
{
	struct pollfd_set {
		struct epoll_event e[4];
	} set;
	int fds[ADMIN_SOCKETS_MAX], epoll_fd = epoll_create1(0), timeout;
	unsigned n = admin_fds(api->admin, fds);

	for (unsigned i = 0; i < n; i++) {
		struct epoll_event e = {.events = EPOLLIN};

		assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &e), 0);
	}
	timeout = admin_timeout_ms(api->admin);
	epoll_wait(epoll_fd, set.e, 4, timeout >= 0 && timeout < 20 ? timeout : 20);
	close(epoll_fd);
	admin_run(api->admin);
}

static void exchange(struct api *api, struct exchange *x)
{
	pthread_t thread;

	alarm(20);
	x->path = api->path;
	x->len = 0;
	x->done = 0;
	assert_int_equal(pthread_create(&thread, NULL, client, x), 0);
	while (!__atomic_load_n(&x->done, __ATOMIC_ACQUIRE))
		turn(api);
	pthread_join(thread, NULL);
	x->answer[x->len] = '\0';
	alarm(0);
}

/* Returns the status and leaves the body in *body. */
static int request(struct api *api, struct exchange *x, const char *method, const char *target,
		   const char **body)
{
	char text[512], *end;

	snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 method, target);
	x->request = text;
	exchange(api, x);
	assert_memory_equal(x->answer, "HTTP/1.1 ", 9);
	end = strstr(x->answer, "\r\n\r\n");
	assert_non_null(end);
	*body = end + 4;
	return atoi(x->answer + 9);
}

static int get(struct api *api, struct exchange *x, const char *target, const char **body)
{
	return request(api, x, "GET", target, body);
}

static int setup(void **state)
{
	struct api *api = calloc(1, sizeof(*api));
	char err[256] = "";

	fixture_init(&api->f);
	strcpy(api->dir, "/tmp/weir-admin-XXXXXX");
	assert_non_null(mkdtemp(api->dir));
	snprintf(api->path, sizeof(api->path), "%s/run/admin.sock", api->dir);
	api->admin = admin_create(&api->f.state, "127.0.0.1:0", api->path, err, sizeof(err));
	if (!api->admin)
		fail_msg("%s", err);
	*state = api;
	return 0;
}

static int teardown(void **state)
{
	struct api *api = *state;
	char run[64];

	admin_destroy(api->admin);
	assert_int_not_equal(access(api->path, F_OK), 0); /* removed */
	snprintf(run, sizeof(run), "%s/run", api->dir);
	rmdir(run);
	rmdir(api->dir);
	fixture_fini(&api->f);
	free(api);
	return 0;
}

static struct exchange x; /* large: not on the stack */

/* ---- readiness ---- */

static void ready_says_why_not(void **state)
{
	struct api *api = *state;
	const char *body;

	assert_int_equal(get(api, &x, "/ready", &body), 200);
	assert_string_equal(body, "LIVE\n");
	api->f.cell.current = NULL;
	assert_int_equal(get(api, &x, "/ready", &body), 503);
	assert_non_null(strstr(body, "no valid configuration"));
	api->f.state.running = false;
	assert_int_equal(get(api, &x, "/ready", &body), 503);
	assert_memory_equal(body, "STARTING", 8);
	api->f.state.draining = true;
	assert_int_equal(get(api, &x, "/ready", &body), 503);
	assert_memory_equal(body, "DRAINING", 8);
}

/* ---- captures ---- */

static void a_capture_answers_when_its_time_is_over(void **state)
{
	const uint8_t section[] = {0x0a, 0x0d, 0x0d, 0x0a};
	struct api *api = *state;
	const char *body;

	assert_int_equal(get(api, &x, "/api/v1/capture?seconds=1&filter=tcp+port+80", &body), 200);
	assert_memory_equal(body, section, sizeof(section));
	assert_null(api->f.dataplane->capture);
	assert_int_equal(get(api, &x, "/api/v1/capture?filter=nonsense", &body), 400);
	assert_non_null(strstr(body, "\"nonsense\""));
	assert_int_equal(request(api, &x, "HEAD", "/api/v1/capture", &body), 405);
	api->f.state.running = false;
	assert_int_equal(get(api, &x, "/api/v1/capture", &body), 503);
}

/* ---- HTTP ---- */

static void unknown_path_is_404(void **state)
{
	const char *body;

	assert_int_equal(get(*state, &x, "/nothing", &body), 404);
	assert_int_equal(get(*state, &x, "/ready/", &body), 404);
	assert_int_equal(get(*state, &x, "/../etc/passwd", &body), 404);
	assert_int_equal(request(*state, &x, "POST", "/nothing", &body), 404);
}

static void other_methods_are_405(void **state)
{
	const char *body;

	assert_int_equal(request(*state, &x, "POST", "/ready", &body), 405);
	assert_non_null(strstr(x.answer, "\r\nAllow: GET, HEAD\r\n"));
	assert_int_equal(request(*state, &x, "DELETE", "/config_dump", &body), 405);
}

static void head_has_the_headers_only(void **state)
{
	const char *body;

	assert_int_equal(request(*state, &x, "HEAD", "/metrics", &body), 200);
	assert_int_equal(*body, '\0');
	assert_null(strstr(x.answer, "Content-Length: 0"));
	assert_non_null(strstr(x.answer, "Content-Length: "));
}

static void content_types(void **state)
{
	static const struct {
		const char *target, *header;
	} expected[] = {
		{"/metrics", "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"},
		{"/config_dump", "Content-Type: application/json\r\n"},
		{"/api/v1/status", "Content-Type: application/json\r\n"},
		{"/", "Content-Type: text/html; charset=utf-8\r\n"},
		{"/stats", "Content-Type: text/plain; charset=utf-8\r\n"},
	};
	const char *body;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(get(*state, &x, expected[i].target, &body), 200);
		assert_non_null(strstr(x.answer, expected[i].header));
	}
}

static void garbage_does_no_harm(void **state)
{
	static const char *const garbage[] = {
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"\x16\x03\x01\x02\x01\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"GET /%00%ff?name=%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	};
	const char *body;

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct api *api = *state;
		int fd = connect_unix(api->path);

		assert_true(send(fd, garbage[i], strlen(garbage[i]), MSG_NOSIGNAL) > 0);
		for (int n = 0; n < 3; n++)
			turn(api);
		close(fd);
		for (int n = 0; n < 3; n++)
			turn(api);
	}
	assert_int_equal(get(*state, &x, "/ready", &body), 200);
}

/* More clients than connections are allowed: the surplus is refused, nobody waits for ever,
 * and there is room again afterwards. */
static void connections_are_limited(void **state)
{
	struct api *api = *state;
	int fds[100];
	const char *body;

	for (int i = 0; i < 100; i++) {
		fds[i] = connect_unix(api->path);
		if (i % 10 == 0)
			turn(api);
	}
	for (int i = 0; i < 100; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (int i = 0; i < 10; i++)
		turn(api);
	assert_int_equal(get(api, &x, "/ready", &body), 200);
}

/* ---- documents ---- */

static json_t *get_json(struct api *api, const char *target)
{
	json_error_t error;
	const char *body;
	json_t *j;

	assert_int_equal(get(api, &x, target, &body), 200);
	j = json_loads(body, JSON_REJECT_DUPLICATES, &error);
	if (!j)
		fail_msg("%s: %s", target, error.text);
	return j;
}

static void assert_member(json_t *object, const char *key, const char *expected)
{
	assert_string_equal(json_string_value(json_object_get(object, key)), expected);
}

static void shared_hosts_are_listed_once(void **state)
{
	struct api *s = *state;
	const struct listener *of = s->f.snapshot.listener_by_id[0];
	struct listener second = *of;
	const struct listener *both[] = {of, &second};
	json_t *j, *listeners;

	second.name = "[::]:80";
	s->f.snapshot.listener_by_id = both;
	s->f.snapshot.n_listener_ids = 2;
	j = get_json(*state, "/listeners");
	listeners = json_object_get(j, "listeners");
	assert_non_null(json_object_get(json_array_get(listeners, 0), "hosts"));
	assert_null(json_object_get(json_array_get(listeners, 1), "hosts"));
	assert_member(json_array_get(listeners, 1), "same_hosts_as", "0.0.0.0:80");
	json_decref(j);
	j = get_json(*state, "/listeners?name=%3A%3A");
	listeners = json_object_get(j, "listeners");
	assert_non_null(json_object_get(json_array_get(listeners, 0), "hosts"));
	json_decref(j);
}

static void config_dump_is_the_snapshot(void **state)
{
	json_t *j = get_json(*state, "/config_dump"), *listeners, *hosts, *vhosts, *clusters;

	assert_int_equal(json_integer_value(json_object_get(j, "generation")), 7);
	listeners = json_object_get(j, "listeners");
	assert_int_equal(json_array_size(listeners), 2);
	assert_member(json_array_get(listeners, 0), "kind", "gateway");
	hosts = json_object_get(json_array_get(listeners, 0), "hosts");
	assert_int_equal(json_object_size(hosts), 4);
	assert_member(hosts, "shop.example.com", "shop.example.com:80");
	assert_member(hosts, "*.example.org", "*:80");
	assert_member(hosts, "*", "*:80");
	assert_member(json_array_get(listeners, 1), "fallback", "shop.example.com:80");
	vhosts = json_object_get(j, "virtual_hosts");
	assert_int_equal(json_array_size(vhosts), 2); /* each once */
	assert_member(json_array_get(vhosts, 0), "name", "*:80");
	clusters = json_object_get(j, "clusters");
	assert_int_equal(json_array_size(clusters), 2);
	json_decref(j);
}

static void config_dump_shows_routes(void **state)
{
	json_t *j = get_json(*state, "/config_dump?name=shop"), *route, *match, *targets;

	route = json_array_get(
		json_object_get(json_array_get(json_object_get(j, "virtual_hosts"), 0), "routes"),
		0);
	assert_member(route, "name", "canary");
	match = json_object_get(route, "match");
	assert_member(json_array_get(match, 0), "value", "/api");
	assert_member(json_array_get(match, 0), "op", "prefix");
	assert_member(json_array_get(match, 1), "header", "end-user");
	assert_true(json_is_true(json_object_get(json_array_get(match, 1), "negate")));
	assert_true(json_is_true(json_object_get(json_array_get(match, 2), "ignore_case")));
	assert_member(json_array_get(match, 3), "op", "present");
	targets = json_object_get(route, "targets");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(targets, 0), "weight")),
			 3);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(targets, 1), "weight")),
			 1);
	/* The name selects: neither listeners nor clusters have it. */
	assert_int_equal(json_array_size(json_object_get(j, "listeners")), 0);
	assert_int_equal(json_array_size(json_object_get(j, "clusters")), 0);
	assert_int_equal(json_array_size(json_object_get(j, "virtual_hosts")), 1);
	json_decref(j);
}

static void clusters_show_endpoints(void **state)
{
	json_t *j = get_json(*state, "/clusters?name=reviews"), *cluster, *endpoints;

	cluster = json_array_get(json_object_get(j, "clusters"), 0);
	assert_member(cluster, "name", "outbound|9080|v1|reviews.default.svc.cluster.local");
	assert_member(cluster, "load_balancer", "ROUND_ROBIN");
	endpoints = json_object_get(cluster, "endpoints");
	assert_int_equal(json_array_size(endpoints), 2);
	assert_member(json_array_get(endpoints, 1), "address", "198.18.1.12:9080");
	assert_int_equal(json_array_size(json_object_get(j, "clusters")), 1);
	json_decref(j);
}

static void dumps_before_the_first_snapshot(void **state)
{
	struct api *api = *state;

	api->f.cell.current = NULL;
	json_decref(get_json(api, "/config_dump"));
	json_decref(get_json(api, "/listeners"));
	json_decref(get_json(api, "/clusters"));
	json_decref(get_json(api, "/api/v1/status"));
}

static void status_lists_the_problems(void **state)
{
	struct api *api = *state;
	json_t *j, *load, *problem;

	api->f.state.last_load.ok = false;
	diag_add(&api->f.state.last_load.diags, DIAG_ERROR, "WEIR0113",
		 (struct pos){"/etc/\xff.yaml", 3, 9}, "VirtualService default/reviews",
		 "spec.hosts", "\"%s\" is no list", "x");
	j = get_json(api, "/api/v1/status");
	assert_member(j, "version", WEIR_VERSION);
	assert_member(json_object_get(j, "node"), "name", "gw-1");
	assert_true(json_is_true(json_object_get(j, "ready"))); /* the last good one serves */
	assert_int_equal(json_array_size(json_object_get(j, "workers")), 2);
	load = json_object_get(j, "last_load");
	assert_true(json_is_false(json_object_get(load, "ok")));
	assert_member(load, "time", "2023-11-14T22:13:20Z");
	problem = json_array_get(json_object_get(load, "diagnostics"), 0);
	assert_member(problem, "code", "WEIR0113");
	assert_member(problem, "file", "/etc/\xef\xbf\xbd.yaml");
	assert_member(problem, "message", "\"x\" is no list");
	assert_int_equal(json_integer_value(json_object_get(problem, "line")), 3);
	json_decref(j);
}

static void page_is_self_contained(void **state)
{
	const char *body;

	assert_int_equal(get(*state, &x, "/", &body), 200);
	assert_memory_equal(body, "<!doctype html>", 15);
	assert_null(strstr(body, "http://"));
	assert_null(strstr(body, "https://"));
	assert_null(strstr(body, "innerHTML"));
	assert_non_null(strstr(x.answer, "Content-Security-Policy: default-src 'none'"));
}

/* ---- sockets ---- */

static void unix_socket_has_its_mode(void **state)
{
	struct api *api = *state;
	struct stat st;

	assert_int_equal(stat(api->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void socket_in_use_is_not_taken(void **state)
{
	struct api *api = *state;
	char err[256] = "";
	const char *body;

	assert_null(admin_create(&api->f.state, "", api->path, err, sizeof(err)));
	assert_non_null(strstr(err, "another process listens there"));
	assert_int_equal(get(api, &x, "/ready", &body), 200); /* and still works */
}

static void stale_socket_is_taken_over(void **state)
{
	struct api *api = *state;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char err[256] = "";
	struct admin *second;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/stale", api->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd); /* the file stays, as after a crash */
	second = admin_create(&api->f.state, "", sun.sun_path, err, sizeof(err));
	if (!second)
		fail_msg("%s", err);
	admin_destroy(second);
}

static void file_is_not_taken_over(void **state)
{
	struct api *api = *state;
	char path[64], err[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", api->dir);
	f = fopen(path, "we");
	fclose(f);
	assert_null(admin_create(&api->f.state, "", path, err, sizeof(err)));
	assert_int_equal(unlink(path), 0); /* still there */
}

static void bad_addresses_are_sentences(void **state)
{
	static const char *const bad[] = {
		"15000",   "127.0.0.1", "127.0.0.1:",   ":80",
		"[::1:80", "[::1]80:",  "256.1.1.1:80", "198.51.100.1:80"};
	struct api *api = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char err[256] = "";

		assert_null(admin_create(&api->f.state, bad[i], "", err, sizeof(err)));
		assert_memory_equal(err, "cannot listen on ", 17);
		assert_non_null(strstr(err, bad[i]));
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ready_says_why_not),
		T(a_capture_answers_when_its_time_is_over),
		T(unknown_path_is_404),
		T(other_methods_are_405),
		T(head_has_the_headers_only),
		T(content_types),
		T(garbage_does_no_harm),
		T(connections_are_limited),
		T(config_dump_is_the_snapshot),
		T(shared_hosts_are_listed_once),
		T(config_dump_shows_routes),
		T(clusters_show_endpoints),
		T(dumps_before_the_first_snapshot),
		T(status_lists_the_problems),
		T(page_is_self_contained),
		T(unix_socket_has_its_mode),
		T(socket_in_use_is_not_taken),
		T(stale_socket_is_taken_over),
		T(file_is_not_taken_over),
		T(bad_addresses_are_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
