/* gateway.c - the checks of a Gateway (reference 4). */
#include <validate/check.h>

#include <string.h>

#include <validate/names.h>

static bool is_tls(enum port_protocol p)
{
	return p == PROTO_HTTPS || p == PROTO_TLS;
}

static bool is_unix(const char *bind)
{
	return bind && strncmp(bind, "unix://", 7) == 0;
}

static void check_port_name(struct check *c, const struct gateway *gw, uint32_t i)
{
	const char *name = gw->servers[i].port_name;
	size_t mark = check_field(c, "name");
	uint32_t j;

	if (!name || !*name)
		check_report(c, DIAG_GW_PORT_NAME, "the port needs a name");
	for (j = 0; name && *name && j < i; j++)
		if (gw->servers[j].port_name && strcmp(gw->servers[j].port_name, name) == 0) {
			check_report(c, DIAG_GW_PORT_NAME,
				     "the port of servers[%u] has the name \"%s\" too", j, name);
			break;
		}
	check_leave(c, mark);
}

static void check_port(struct check *c, const struct gateway *gw, uint32_t i)
{
	const struct gateway_server *s = &gw->servers[i];
	size_t outer = check_field(c, "port"), mark;

	if (!s->has_port) {
		check_report(c, DIAG_FIELD_REQUIRED, "a server needs a port");
		check_leave(c, outer);
		return;
	}
	mark = check_field(c, "number");
	if (is_unix(s->bind) && s->port)
		check_report(c, DIAG_GW_BIND, "a server on a unix socket has port number 0");
	else if (!is_unix(s->bind) && !s->port)
		check_report(c, DIAG_FIELD_REQUIRED, "the port needs a number from 1 to 65535");
	check_leave(c, mark);
	mark = check_field(c, "protocol");
	if (s->protocol == PROTO_UNSET)
		check_report(c, DIAG_GW_PROTOCOL,
			     "the port needs a protocol: HTTP, HTTP2, GRPC, GRPC-WEB, HTTPS, TLS, "
			     "TCP, MONGO, REDIS or MYSQL");
	check_leave(c, mark);
	check_port_name(c, gw, i);
	check_leave(c, outer);
}

static void check_bind(struct check *c, const char *bind)
{
	size_t mark = check_field(c, "bind");

	if (is_unix(bind)) {
		if (bind[7] != '/' && bind[7] != '@')
			check_report(c, DIAG_GW_BIND,
				     "\"%s\" needs an absolute path or @name behind unix://", bind);
	} else if (bind && *bind && !name_is_ip(bind)) {
		check_report(c, DIAG_GW_BIND, "\"%s\" is no IP address", bind);
	}
	check_leave(c, mark);
}

/* The part before the slash: ".", "*" or a namespace. */
static void check_host_namespace(struct check *c, const char *host, size_t len)
{
	char ns[64];

	snprintf(ns, sizeof(ns), "%.*s", (int)(len < sizeof(ns) ? len : sizeof(ns) - 1), host);
	if (len >= sizeof(ns) ||
	    (strcmp(ns, ".") != 0 && strcmp(ns, "*") != 0 && !name_is_dns_label(ns)))
		check_report(c, DIAG_GW_HOST, "\"%.*s\" before the slash is no namespace", (int)len,
			     host);
}

static void check_server_host(struct check *c, const char *host)
{
	const char *slash = strchr(host, '/'), *name = slash ? slash + 1 : host;

	if (slash && (slash == host || !*name)) {
		check_report(c, DIAG_GW_HOST,
			     "\"%s\" needs a namespace and a host around the slash", host);
		return;
	}
	if (slash)
		check_host_namespace(c, host, (size_t)(slash - host));
	if (strcmp(name, "*") == 0 || name_is_ip(name))
		return;
	if (name_host_problem(name))
		check_report(c, DIAG_GW_HOST, "\"%s\" is not a host name: %s", name,
			     name_host_problem(name));
	else if (name_is_partial_wildcard(name))
		check_report(c, DIAG_GW_HOST,
			     "\"%s\": the wildcard must be a whole label, as in *.example.com",
			     name);
	else if (!strchr(name, '.'))
		check_report(c, DIAG_GW_HOST, "\"%s\" is a short name: write it in full", name);
}

static void check_server_hosts(struct check *c, const struct gateway_server *s)
{
	size_t outer = check_field(c, "hosts");
	uint32_t i;

	if (!s->hosts.n)
		check_report(c, DIAG_GW_NO_HOSTS, "a server needs at least one host");
	for (i = 0; i < s->hosts.n; i++) {
		size_t mark = check_item(c, i);

		check_server_host(c, s->hosts.items[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_tls(struct check *c, const struct gateway_server *s)
{
	size_t outer = check_field(c, "tls"), mark;

	if (is_tls(s->protocol) && !s->has_tls)
		check_report(c, DIAG_GW_TLS_REQUIRED, "an HTTPS or TLS server needs tls settings");
	if (s->protocol != PROTO_UNSET && !is_tls(s->protocol) && s->has_tls_settings)
		check_report(c, DIAG_GW_TLS_PLAIN,
			     "the server's protocol is plain text: remove the tls settings, or "
			     "write protocol HTTPS");
	mark = check_field(c, "httpsRedirect");
	if (s->https_redirect && port_protocol_is_http(s->protocol))
		check_report(c, DIAG_NOT_SUPPORTED,
			     "httpsRedirect is not supported by this version of weir: remove it, "
			     "requests would be answered in plain text");
	else if (s->https_redirect)
		check_report(c, DIAG_GW_REDIRECT_USELESS,
			     "httpsRedirect has an effect on HTTP servers only");
	check_leave(c, mark);
	check_leave(c, outer);
}

static void check_opened(struct check *c, const struct gateway_server *s)
{
	if (is_unix(s->bind))
		check_report(c, DIAG_GW_NOT_OPENED,
			     "this version does not open unix sockets: the server is not opened");
	else if (s->protocol != PROTO_UNSET && !port_protocol_is_http(s->protocol) &&
		 !port_protocol_is_tcp(s->protocol))
		check_report(c, DIAG_GW_NOT_OPENED,
			     "this version serves plain HTTP and TCP only: port %u is not opened",
			     s->port);
}

void check_gateway(struct check *c, const struct gateway *gw)
{
	size_t outer = check_field(c, "spec"), list;
	uint32_t i;

	check_labels(c, "selector", &gw->selector);
	list = check_field(c, "servers");
	if (!gw->n_servers)
		check_report(c, DIAG_GW_NO_SERVERS, "a Gateway needs at least one server");
	for (i = 0; i < gw->n_servers; i++) {
		const struct gateway_server *s = &gw->servers[i];
		size_t mark = check_item(c, i);

		check_port(c, gw, i);
		check_bind(c, s->bind);
		check_server_hosts(c, s);
		check_tls(c, s);
		check_opened(c, s);
		check_leave(c, mark);
	}
	check_leave(c, list);
	check_leave(c, outer);
}
