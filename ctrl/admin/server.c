/* server.c - owns the sockets, the libmicrohttpd daemons on them, and the table of paths. */
#include "server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "dump.h"
#include "explain.h"
#include "metrics.h"
#include "page.h"
#include "socket.h"
#include "text.h"

#define CONNECTIONS_MAX   64
#define CONNECTION_IDLE_S 30
#define CONNECTION_MEMORY (32u << 10)
#define ANSWER_BYTES_MAX  (64u << 20)
#define ANSWERS_BYTES_MAX (256u << 20) /* all that slow clients have not read yet */
#define CONTENT_TYPE_TEXT "text/plain; charset=utf-8"
#define CONTENT_TYPE_JSON "application/json"
#define CONTENT_TYPE_FILE "application/octet-stream"
#define CAPTURE_PATH      "/api/v1/capture"
#define CONTENT_TYPE_HTML "text/html; charset=utf-8"
#define CONTENT_POLICY                                                                             \
	"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "              \
	"connect-src 'self'"

struct admin {
	const struct admin_state *state;
	unsigned n;
	struct MHD_Daemon *daemons[ADMIN_SOCKETS_MAX];
	int epoll_fds[ADMIN_SOCKETS_MAX];
	char *socket_path;   /* to be removed; NULL = none */
	size_t answer_bytes; /* not yet sent */
	/* The capture in progress, and who waits for it; NULL: none. */
	struct capture_session *capture;
	struct MHD_Connection *waiter; /* suspended until the capture is through */
};

/* An answer in libmicrohttpd's hands. */
struct answer {
	struct admin *admin;
	struct text text;
};

/* ---- paths ---- */

static unsigned get_ready(const struct admin_state *s, const struct query *q, struct text *out)
{
	const char *reason = admin_not_ready(s);

	(void)q;
	text_printf(out, "%s\n", reason ? reason : "LIVE");
	return reason ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK;
}

static unsigned get_metrics(const struct admin_state *s, const struct query *q, struct text *out)
{
	(void)q;
	metrics_write(s, out);
	return MHD_HTTP_OK;
}

static unsigned get_stats(const struct admin_state *s, const struct query *q, struct text *out)
{
	(void)q;
	metrics_write_stats(s, out);
	return MHD_HTTP_OK;
}

static unsigned get_config(const struct admin_state *s, const struct query *q, struct text *out)
{
	dump_config(s, q, out);
	return MHD_HTTP_OK;
}

static unsigned get_listeners(const struct admin_state *s, const struct query *q, struct text *out)
{
	dump_listeners(s, q, out);
	return MHD_HTTP_OK;
}

static unsigned get_clusters(const struct admin_state *s, const struct query *q, struct text *out)
{
	dump_clusters(s, q, out);
	return MHD_HTTP_OK;
}

static unsigned get_vhosts(const struct admin_state *s, const struct query *q, struct text *out)
{
	dump_vhosts(s, q, out);
	return MHD_HTTP_OK;
}

static unsigned get_explain(const struct admin_state *s, const struct query *q, struct text *out)
{
	return explain(s, q, out) ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST;
}

static unsigned get_status(const struct admin_state *s, const struct query *q, struct text *out)
{
	(void)q;
	dump_status(s, out);
	return MHD_HTTP_OK;
}

static unsigned get_page(const struct admin_state *s, const struct query *q, struct text *out)
{
	(void)s;
	(void)q;
	text_puts(out, page_html);
	return MHD_HTTP_OK;
}

static const struct path {
	const char *path, *content_type;
	/* Writes the body and returns the status; name is the query's, or NULL. */
	unsigned (*get)(const struct admin_state *s, const struct query *q, struct text *out);
} paths[] = {
	{"/", CONTENT_TYPE_HTML, get_page},
	{"/ready", CONTENT_TYPE_TEXT, get_ready},
	{"/metrics", METRICS_CONTENT_TYPE, get_metrics},
	{"/stats", CONTENT_TYPE_TEXT, get_stats},
	{"/config_dump", CONTENT_TYPE_JSON, get_config},
	{"/listeners", CONTENT_TYPE_JSON, get_listeners},
	{"/clusters", CONTENT_TYPE_JSON, get_clusters},
	{"/virtual_hosts", CONTENT_TYPE_JSON, get_vhosts},
	{"/api/v1/status", CONTENT_TYPE_JSON, get_status},
	{"/api/v1/explain", CONTENT_TYPE_JSON, get_explain},
};

/* ---- answers ---- */

static void answer_free(void *arg)
{
	struct answer *a = arg;

	a->admin->answer_bytes -= a->text.cap;
	text_fini(&a->text);
	free(a);
}

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, const char *content_type,
			     struct MHD_Response *r)
{
	enum MHD_Result result;

	if (!r)
		return MHD_NO; /* closes the connection */
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Content-Security-Policy", CONTENT_POLICY);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *why)
{
	return queue(c, status, CONTENT_TYPE_TEXT,
		     MHD_create_response_from_buffer(strlen(why), (void *)(uintptr_t)why,
						     MHD_RESPMEM_PERSISTENT));
}

/* Takes a. */
static enum MHD_Result send_answer(struct admin *admin, struct MHD_Connection *c, unsigned status,
				   const char *content_type, struct answer *a)
{
	admin->answer_bytes += a->text.cap;
	if (a->text.full || admin->answer_bytes > ANSWERS_BYTES_MAX) {
		answer_free(a);
		return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE,
			      "The answer is too large: ask for a part of it with ?name=SUBSTRING, "
			      "or wait until others have read theirs.\n");
	}
	return queue(c, status, content_type,
		     MHD_create_response_from_buffer_with_free_callback_cls(
			     a->text.len, a->text.data, answer_free, a));
}

static enum MHD_Result add_argument(void *arg, enum MHD_ValueKind kind, const char *key,
				    const char *value)
{
	struct query *q = arg;

	(void)kind;
	if (q->n == QUERY_ARGS_MAX) {
		q->full = true;
		return MHD_NO;
	}
	q->args[q->n++] = (struct query_arg){key, value};
	return MHD_YES;
}

static enum MHD_Result answer(struct admin *admin, struct MHD_Connection *c,
			      const struct path *path)
{
	struct answer *a = calloc(1, sizeof(*a));
	struct query q = {0};
	unsigned status;

	if (!a)
		return MHD_NO;
	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_argument, &q);
	a->admin = admin;
	text_init(&a->text, ANSWER_BYTES_MAX);
	status = path->get(admin->state, &q, &a->text);
	return send_answer(admin, c, status,
			   status < MHD_HTTP_BAD_REQUEST ? path->content_type : CONTENT_TYPE_TEXT,
			   a);
}

/* ---- captures: the answer comes when its time is over ---- */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static const char *argument(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result refuse_copy(struct MHD_Connection *c, unsigned status, const char *why)
{
	char text[300];

	snprintf(text, sizeof(text), "%s\n", why);
	return queue(c, status, CONTENT_TYPE_TEXT,
		     MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY));
}

static enum MHD_Result begin_capture(struct admin *admin, struct MHD_Connection *c, void **request)
{
	struct capture_request r = {argument(c, "filter"), argument(c, "packets"),
				    argument(c, "seconds"), argument(c, "keep")};
	char err[256];

	if (!admin->state->running)
		return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "The workers do not run yet.\n");
	if (admin->capture)
		return refuse(c, MHD_HTTP_CONFLICT, "A capture is in progress already.\n");
	admin->capture = capture_start(admin->state, &r, now_us(), err, sizeof(err));
	if (!admin->capture)
		return refuse_copy(c, MHD_HTTP_BAD_REQUEST, err);
	admin->waiter = c;
	*request = admin->capture;
	MHD_suspend_connection(c);
	return MHD_YES;
}

/* From here on the request is no capture: another may get the same place in memory while this
 * answer is being read. */
static enum MHD_Result end_capture(struct admin *admin, struct MHD_Connection *c, void **request)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a)
		return MHD_NO; /* on_completed() ends it */
	a->admin = admin;
	text_init(&a->text, ANSWER_BYTES_MAX);
	capture_finish(admin->capture, &a->text);
	admin->capture = NULL;
	*request = NULL;
	return send_answer(admin, c, MHD_HTTP_OK, CONTENT_TYPE_FILE, a);
}

static enum MHD_Result on_capture(struct admin *admin, struct MHD_Connection *c, const char *method,
				  void **request)
{
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET.\n");
	if (*request && *request == admin->capture)
		return end_capture(admin, c, request);
	return begin_capture(admin, c, request);
}

static void resume(struct admin *admin)
{
	struct MHD_Connection *c = admin->waiter;

	admin->waiter = NULL;
	if (c)
		MHD_resume_connection(c);
}

/* Also of those whose client left before the answer. */
static void on_completed(void *arg, struct MHD_Connection *c, void **request,
			 enum MHD_RequestTerminationCode how)
{
	struct admin *admin = arg;

	(void)c;
	(void)how;
	if (!*request || *request != admin->capture)
		return;
	capture_finish(admin->capture, NULL);
	admin->capture = NULL;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *body,
				  size_t *body_len, void **request)
{
	(void)version;
	(void)body;
	(void)body_len;
	if (strcmp(url, CAPTURE_PATH) == 0)
		return on_capture(arg, c, method, request);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(url, paths[i].path) != 0)
			continue;
		if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
			return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
		return answer(arg, c, &paths[i]);
	}
	return refuse(c, MHD_HTTP_NOT_FOUND, "There is nothing at this path.\n");
}

/* ---- life ---- */

/* Takes fd. */
static bool serve(struct admin *a, int fd)
{
	struct MHD_Daemon *d;
	const union MHD_DaemonInfo *info;

	d = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, a,
			     MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
			     (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
			     (unsigned)CONNECTION_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
			     (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
			     a, MHD_OPTION_END);
	if (!d) {
		close(fd);
		return false;
	}
	info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);
	a->daemons[a->n] = d;
	a->epoll_fds[a->n++] = info->epoll_fd;
	return true;
}

static bool open_sockets(struct admin *a, const char *listen, const char *path, char *err,
			 size_t err_len)
{
	int fd;

	if (*listen) {
		fd = admin_listen_tcp(listen, err, err_len);
		if (fd < 0)
			return false;
		if (!serve(a, fd))
			goto fail;
	}
	if (*path) {
		fd = admin_listen_unix(path, err, err_len);
		if (fd < 0)
			return false;
		a->socket_path = strdup(path);
		if (!serve(a, fd))
			goto fail;
	}
	return true;
fail:
	snprintf(err, err_len, "cannot start the admin API: %s", strerror(errno));
	return false;
}

struct admin *admin_create(const struct admin_state *state, const char *listen,
			   const char *socket_path, char *err, size_t err_len)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (!a) {
		snprintf(err, err_len, "cannot start the admin API: out of memory");
		return NULL;
	}
	a->state = state;
	if (open_sockets(a, listen, socket_path, err, err_len))
		return a;
	admin_destroy(a);
	return NULL;
}

void admin_destroy(struct admin *a)
{
	if (!a)
		return;
	resume(a); /* a daemon does not stop with one that is suspended */
	for (unsigned i = 0; i < a->n; i++)
		MHD_stop_daemon(a->daemons[i]);
	if (a->socket_path)
		unlink(a->socket_path);
	free(a->socket_path);
	free(a);
}

unsigned admin_fds(const struct admin *a, int fds[ADMIN_SOCKETS_MAX])
{
	memcpy(fds, a->epoll_fds, a->n * sizeof(fds[0]));
	return a->n;
}

void admin_run(struct admin *a)
{
	if (a->waiter && capture_left_ms(a->capture, now_us()) == 0)
		resume(a);
	for (unsigned i = 0; i < a->n; i++)
		MHD_run(a->daemons[i]);
}

int admin_timeout_ms(const struct admin *a)
{
	MHD_UNSIGNED_LONG_LONG ms, least = INT_MAX;
	bool limited = false;

	for (unsigned i = 0; i < a->n; i++) {
		if (MHD_get_timeout(a->daemons[i], &ms) != MHD_YES)
			continue;
		limited = true;
		if (ms < least)
			least = ms;
	}
	if (a->waiter) {
		ms = capture_left_ms(a->capture, now_us());
		limited = true;
		if (ms < least)
			least = ms;
	}
	return limited ? (int)least : -1;
}
