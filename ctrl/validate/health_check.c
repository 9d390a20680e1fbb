/* health_check.c - the checks of what asks for active health checks: the probe of a WorkloadGroup
 * (reference 6.2), and the annotations weir.io/health-check... */
#include <validate/check.h>

#include <string.h>

#include <common/statuses.h>
#include <validate/names.h>

/* ---- what is sent ---- */

/* Visible ASCII: it stands in a request line, or in a field. */
static bool is_visible(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	return true;
}

static void check_path(struct check *c, const char *field, const char *path)
{
	size_t mark = check_field(c, field);

	if (path && (!is_visible(path) || strchr(path, '#')))
		check_report(c, DIAG_CHECK_VALUE,
			     "\"%s\" is no path: visible ASCII characters but #", path);
	check_leave(c, mark);
}

static bool is_host(const char *host)
{
	return *host && is_visible(host) && !strpbrk(host, "/?#@\\");
}

/* ---- probe ---- */

static void check_header(struct check *c, const struct probe_header *h)
{
	static const char letters[] = "-0123456789"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz";
	size_t mark = check_field(c, "name");

	if (!h->name || !*h->name || h->name[strspn(h->name, letters)])
		check_report(c, DIAG_PROBE_HEADER,
			     "\"%s\" is no header name: letters, digits and dashes",
			     h->name ? h->name : "");
	check_leave(c, mark);
	mark = check_field(c, "value");
	for (const char *p = h->value ? h->value : ""; *p; p++) {
		if (((unsigned char)*p >= ' ' && *p != 0x7f) || *p == '\t')
			continue;
		check_report(c, DIAG_PROBE_HEADER, "a header value has no control characters");
		break;
	}
	check_leave(c, mark);
}

static void check_port(struct check *c, uint32_t port)
{
	if (!port)
		check_report(c, DIAG_FIELD_REQUIRED, "the probe needs a port from 1 to 65535");
}

static void check_http(struct check *c, const struct http_probe *p)
{
	size_t mark;

	check_port(c, p->port);
	check_path(c, "path", p->path);
	mark = check_field(c, "host");
	if (p->host && *p->host && !is_host(p->host))
		check_report(c, DIAG_CHECK_VALUE, "\"%s\" is no host", p->host);
	else if (p->host && *p->host)
		check_report(c, DIAG_PROBE_HOST,
			     "the probe goes to the workload's address; %s is only the request's "
			     "host",
			     p->host);
	check_leave(c, mark);
	mark = check_field(c, "scheme");
	if (p->scheme == PROBE_HTTPS)
		check_report(c, DIAG_NOT_SUPPORTED,
			     "probes over TLS are not supported by this version of weir: use HTTP, "
			     "or tcpSocket");
	check_leave(c, mark);
	for (uint32_t i = 0; i < p->n_headers; i++) {
		size_t outer = check_field(c, "httpHeaders");

		mark = check_item(c, i);
		check_header(c, &p->headers[i]);
		check_leave(c, mark);
		check_leave(c, outer);
	}
}

static void check_tcp(struct check *c, const struct tcp_probe *p)
{
	size_t mark = check_field(c, "host");

	if (p->host && *p->host)
		check_report(c, DIAG_PROBE_HOST,
			     "the probe goes to the workload's address, not to %s", p->host);
	check_leave(c, mark);
	check_port(c, p->port);
}

static void check_exec(struct check *c, const struct exec_probe *p)
{
	if (!p->command.n)
		check_report(c, DIAG_FIELD_REQUIRED, "exec needs a command");
	else
		check_report(c, DIAG_PROBE_METHOD,
			     "a gateway runs no command inside a workload: use httpGet or "
			     "tcpSocket");
}

static void check_probe(struct check *c, const struct probe *p)
{
	size_t mark;

	if (!p->http && !p->tcp && !p->exec && !p->grpc) {
		check_report(c, DIAG_PROBE_METHOD,
			     "the probe says nothing to do: write httpGet or tcpSocket");
		return;
	}
	mark = check_field(c, p->http   ? "httpGet"
			      : p->tcp  ? "tcpSocket"
			      : p->exec ? "exec"
					: "grpc");
	if (p->http)
		check_http(c, p->http);
	else if (p->tcp)
		check_tcp(c, p->tcp);
	else if (p->exec)
		check_exec(c, p->exec);
	else
		check_report(c, DIAG_PROBE_METHOD,
			     "grpc is in the schema, and Istio refuses it, too: use httpGet or "
			     "tcpSocket");
	check_leave(c, mark);
}

void check_workload_group(struct check *c, const struct workload_group *wg)
{
	size_t outer = check_field(c, "spec"), mark;

	check_labels(c, "metadata.labels", &wg->labels);
	mark = check_field(c, "template");
	if (wg->template)
		check_labels(c, "labels", &wg->template->labels);
	else
		check_report(c, DIAG_WG_TEMPLATE, "a WorkloadGroup needs a template");
	check_leave(c, mark);
	mark = check_field(c, "probe");
	if (wg->probe)
		check_probe(c, wg->probe);
	check_leave(c, mark);
	check_leave(c, outer);
}

/* ---- annotations ---- */

#define CHECK_KEY "weir.io/health-check"

static bool is_of_http(const char *key)
{
	static const char *const names[] = {"-path", "-host", "-expected-statuses"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(key + sizeof(CHECK_KEY) - 1, names[i]) == 0)
			return true;
	return false;
}

/* An annotation that changes nothing is a mistake. */
static void check_companion(struct check *c, const char *key, int kind)
{
	size_t mark;

	if (strncmp(key, CHECK_KEY "-", sizeof(CHECK_KEY)) != 0)
		return;
	mark = check_key(c, key);
	if (kind == CHECK_SETTINGS_NONE)
		check_report(c, DIAG_CHECK_ALONE, "nothing is checked without " CHECK_KEY);
	else if (kind == CHECK_SETTINGS_TCP && is_of_http(key))
		check_report(c, DIAG_CHECK_ALONE, CHECK_KEY ": tcp sends no request");
	check_leave(c, mark);
}

static void check_text(struct check *c, const char *key, bool ok, const char *text,
		       const char *want)
{
	size_t mark = check_key(c, key);

	if (!ok)
		check_report(c, DIAG_CHECK_VALUE, "\"%s\" is no %s", text, want);
	check_leave(c, mark);
}

void check_health_check(struct check *c, const struct check_settings *s)
{
	size_t outer = check_field(c, "metadata.annotations");
	struct status_set ignored;

	for (uint32_t i = 0; i < c->r->annotations.n; i++)
		check_companion(c, c->r->annotations.items[i].key, s->kind);
	if (s->kind == CHECK_SETTINGS_HTTP) {
		check_text(c, CHECK_KEY "-path", is_visible(s->path) && !strchr(s->path, '#'),
			   s->path, "path: visible ASCII characters but #");
		check_text(c, CHECK_KEY "-host", !s->host || is_host(s->host),
			   s->host ? s->host : "", "host");
		check_text(c, CHECK_KEY "-expected-statuses", statuses_parse(s->statuses, &ignored),
			   s->statuses, "list of statuses such as 200-399,404");
	}
	check_leave(c, outer);
}
