/* service_entry.c - the checks of a ServiceEntry (reference 5). */
#include <validate/check.h>

#include <string.h>

#include <validate/names.h>

#define HOSTS_MAX 256u

static bool is_dns(enum se_resolution r)
{
	return r == RES_DNS || r == RES_DNS_ROUND_ROBIN;
}

static bool is_unix(const struct workload_entry *we)
{
	return we->address && strncmp(we->address, "unix://", 7) == 0;
}

/* ---- hosts ---- */

static void check_hosts(struct check *c, const struct service_entry *se)
{
	size_t outer = check_field(c, "hosts");
	uint32_t i;

	if (!se->hosts.n)
		check_report(c, DIAG_SE_HOSTS, "a ServiceEntry needs at least one host");
	if (se->hosts.n > HOSTS_MAX)
		check_report(c, DIAG_SE_HOSTS, "%u hosts, at most %u are allowed", se->hosts.n,
			     HOSTS_MAX);
	for (i = 0; i < se->hosts.n; i++) {
		const char *host = se->hosts.items[i];
		size_t mark = check_item(c, i);

		if (strcmp(host, "*") == 0)
			check_report(c, DIAG_SE_HOSTS, "\"*\" names no service");
		else if (check_host(c, host) && name_is_partial_wildcard(host))
			check_report(c, DIAG_SE_PARTIAL_WILDCARD,
				     "\"%s\": a partial wildcard is not understood everywhere; "
				     "write *.DOMAIN",
				     host);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_addresses(struct check *c, const struct service_entry *se)
{
	size_t outer = check_field(c, "addresses");
	uint32_t i;
	bool cidr;

	for (i = 0; i < se->addresses.n; i++) {
		size_t mark = check_item(c, i);

		check_address_or_cidr(c, se->addresses.items[i]);
		if (name_is_ip_or_cidr(se->addresses.items[i], &cidr) && cidr &&
		    se->resolution != RES_NONE && se->resolution != RES_STATIC)
			check_report(c, DIAG_SE_CIDR,
				     "a CIDR block needs resolution NONE or STATIC");
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

/* ---- ports ---- */

static bool is_opaque(enum port_protocol p)
{
	return !port_protocol_is_http(p) && p != PROTO_HTTPS && p != PROTO_TLS;
}

static void check_port_unique(struct check *c, const struct service_entry *se, uint32_t i)
{
	const struct service_port *p = &se->ports[i];
	uint32_t j;

	for (j = 0; j < i; j++) {
		const struct service_port *q = &se->ports[j];

		if (p->number && p->number == q->number)
			check_report(c, DIAG_SE_PORT_TWICE, "ports[%u] has the number %u too", j,
				     p->number);
		if (p->name && q->name && strcmp(p->name, q->name) == 0)
			check_report(c, DIAG_SE_PORT_TWICE, "ports[%u] has the name \"%s\" too", j,
				     p->name);
	}
}

static void check_port(struct check *c, const struct service_entry *se, uint32_t i)
{
	const struct service_port *p = &se->ports[i];
	size_t mark = check_field(c, "name");

	if (!p->name || !*p->name)
		check_report(c, DIAG_SE_PORT_NAME, "the port needs a name");
	else if (!name_is_dns_label(p->name))
		check_report(c, DIAG_SE_PORT_NAME,
			     "\"%s\" is no port name: up to 63 lower-case letters, digits and "
			     "inner dashes",
			     p->name);
	check_leave(c, mark);
	if (!p->number)
		check_report(c, DIAG_FIELD_REQUIRED, "the port needs a number from 1 to 65535");
	check_port_unique(c, se, i);
	if (!is_opaque(p->protocol))
		return;
	if (se->hosts.n > 1 && se->resolution != RES_NONE)
		check_report(c, DIAG_SE_MANY_HOSTS_TCP,
			     "with several hosts a port must be HTTP or TLS, which name the host");
	if (!se->addresses.n && (p->protocol == PROTO_TCP || p->protocol == PROTO_UNSET))
		check_report(c, DIAG_SE_TCP_NO_ADDRESS,
			     "without addresses every TCP connection to port %u looks like this "
			     "service",
			     p->number);
}

static void check_ports(struct check *c, const struct service_entry *se)
{
	size_t outer = check_field(c, "ports");
	uint32_t i;

	for (i = 0; i < se->n_ports; i++) {
		size_t mark = check_item(c, i);

		check_port(c, se, i);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

/* ---- endpoints ---- */

static bool has_port(const struct service_entry *se, const char *name)
{
	uint32_t i;

	for (i = 0; i < se->n_ports; i++)
		if (se->ports[i].name && strcmp(se->ports[i].name, name) == 0)
			return true;
	return false;
}

static void check_endpoint_address(struct check *c, const struct service_entry *se,
				   const struct workload_entry *we)
{
	size_t mark;

	if (!we->address || !*we->address)
		return;
	mark = check_field(c, "address");
	if (is_unix(we)) {
		if (se->resolution != RES_STATIC)
			check_report(c, DIAG_SE_ENDPOINT_ADDRESS,
				     "a unix socket needs resolution STATIC");
		if (se->n_ports != 1)
			check_report(c, DIAG_SE_ENDPOINT_ADDRESS,
				     "with a unix socket the service has exactly one port");
	} else if (se->resolution == RES_STATIC && !name_is_ip(we->address)) {
		check_report(c, DIAG_SE_ENDPOINT_ADDRESS,
			     "\"%s\" is no IP address, which resolution STATIC needs", we->address);
	} else if (is_dns(se->resolution) && !name_is_ip(we->address) &&
		   name_fqdn_problem(we->address)) {
		check_report(c, DIAG_SE_ENDPOINT_ADDRESS,
			     "\"%s\" is neither a host name nor an IP address", we->address);
	}
	check_leave(c, mark);
}

static void check_endpoint(struct check *c, const struct service_entry *se,
			   const struct workload_entry *we)
{
	size_t outer;
	uint32_t i;

	check_endpoint_common(c, we);
	check_endpoint_address(c, se, we);
	outer = check_field(c, "ports");
	for (i = 0; i < we->n_ports; i++) {
		size_t mark = check_key(c, we->ports[i].name);

		if (!has_port(se, we->ports[i].name))
			check_report(c, DIAG_SE_ENDPOINT_PORT,
				     "the service has no port of the name \"%s\"",
				     we->ports[i].name);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_endpoints(struct check *c, const struct service_entry *se)
{
	size_t outer = check_field(c, "endpoints");
	uint32_t i;

	if (se->has_selector && se->n_endpoints)
		check_report(c, DIAG_SE_BOTH_SOURCES,
			     "endpoints and workloadSelector are both set: only one of them may "
			     "be");
	if (se->n_endpoints && (se->resolution == RES_NONE || se->resolution == RES_DYNAMIC_DNS))
		check_report(c, DIAG_SE_ENDPOINTS_NONE,
			     "resolution %s takes no endpoints: write STATIC or DNS",
			     se->resolution == RES_NONE ? "NONE" : "DYNAMIC_DNS");
	if (se->resolution == RES_DNS_ROUND_ROBIN && se->n_endpoints > 1)
		check_report(c, DIAG_SE_ONE_ENDPOINT,
			     "resolution DNS_ROUND_ROBIN takes at most one endpoint");
	for (i = 0; i < se->n_endpoints; i++) {
		size_t mark = check_item(c, i);

		check_endpoint(c, se, &se->endpoints[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

/* ---- resolution and selector ---- */

/* Without endpoints it is the hosts that DNS resolves. */
static void check_dns_hosts(struct check *c, const struct service_entry *se)
{
	size_t outer = check_field(c, "hosts");
	uint32_t i;

	for (i = 0; i < se->hosts.n; i++) {
		const char *host = se->hosts.items[i];
		size_t mark = check_item(c, i);

		if (is_dns(se->resolution) && !se->n_endpoints && !se->has_selector &&
		    name_is_partial_wildcard(host))
			check_report(c, DIAG_SE_DNS_HOST,
				     "DNS cannot resolve \"%s\": give endpoints", host);
		if (se->resolution == RES_DYNAMIC_DNS && !name_is_wildcard(host))
			check_report(c, DIAG_SE_DNS_HOST,
				     "resolution DYNAMIC_DNS is for wildcard hosts");
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static bool has_name_endpoint(const struct service_entry *se)
{
	uint32_t i;

	for (i = 0; i < se->n_endpoints; i++)
		if (se->endpoints[i].address && !name_is_ip(se->endpoints[i].address))
			return true;
	return false;
}

static void check_resolution(struct check *c, const struct service_entry *se)
{
	static const char *const names[] = {
		[RES_NONE] = "NONE",
		[RES_STATIC] = "STATIC",
		[RES_DNS] = "DNS",
		[RES_DNS_ROUND_ROBIN] = "DNS_ROUND_ROBIN",
		[RES_DYNAMIC_DNS] = "DYNAMIC_DNS",
	};
	size_t mark = check_field(c, "resolution");

	/* Endpoints that are addresses need no DNS. */
	if (se->resolution != RES_STATIC &&
	    !(is_dns(se->resolution) && se->n_endpoints && !has_name_endpoint(se)))
		check_report(c, DIAG_SE_RESOLUTION,
			     "this version does not resolve %s: requests to the service get 503; "
			     "STATIC with endpoints works",
			     names[se->resolution]);
	check_leave(c, mark);
}

static void check_selector(struct check *c, const struct service_entry *se)
{
	size_t outer;
	uint32_t i;

	if (!se->has_selector)
		return;
	outer = check_field(c, "workloadSelector.labels");
	if (!se->selector.n)
		check_report(c, DIAG_SE_SELECTOR_EMPTY,
			     "the selector is empty: it selects every workload of the namespace");
	for (i = 0; i < se->selector.n; i++) {
		const struct label *l = &se->selector.items[i];
		size_t mark = check_key(c, l->key);

		if (!*l->key)
			check_report(c, DIAG_SE_SELECTOR, "a label key is empty");
		else if (strchr(l->key, '*') || strchr(l->value, '*'))
			check_report(c, DIAG_SE_SELECTOR, "wildcards are not supported here");
		else if (!name_is_label_key(l->key) || !name_is_label_value(l->value))
			check_report(c, DIAG_SE_SELECTOR, "\"%s: %s\" is no label", l->key,
				     l->value);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

void check_service_entry(struct check *c, const struct service_entry *se)
{
	size_t outer = check_field(c, "spec");

	check_hosts(c, se);
	check_addresses(c, se);
	check_ports(c, se);
	check_resolution(c, se);
	check_dns_hosts(c, se);
	check_endpoints(c, se);
	check_selector(c, se);
	check_export_to(c, &se->export_to);
	check_leave(c, outer);
}
