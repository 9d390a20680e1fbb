/* workload_entry.c - the checks of a WorkloadEntry (reference 6.1). */
#include <validate/check.h>

#include <string.h>

#include <validate/names.h>

static const char unix_scheme[] = "unix://";

static void check_unix_address(struct check *c, const struct workload_entry *we)
{
	const char *path = we->address + sizeof(unix_scheme) - 1;

	if (path[0] != '/' && !(path[0] == '@' && path[1]))
		check_report(c, DIAG_WE_UNIX,
			     "\"%s\" needs an absolute path or @name behind unix://", we->address);
	else if (we->n_ports)
		check_report(c, DIAG_WE_UNIX, "an endpoint on a unix socket has no ports");
	else
		check_report(c, DIAG_WE_UNIX_UNREACHABLE,
			     "this version does not reach unix sockets: the endpoint gets no "
			     "requests");
}

void check_endpoint_common(struct check *c, const struct workload_entry *we)
{
	size_t outer = check_field(c, "address");
	uint32_t i;

	if (we->address && strncmp(we->address, unix_scheme, sizeof(unix_scheme) - 1) == 0)
		check_unix_address(c, we);
	else if ((!we->address || !*we->address) && !(we->network && *we->network))
		check_report(c, DIAG_WE_ADDRESS, "an endpoint needs an address");
	else if (!we->address || !*we->address)
		check_report(c, DIAG_WE_NETWORK_ONLY,
			     "an endpoint with a network and no address gets no requests");
	check_leave(c, outer);
	outer = check_field(c, "ports");
	for (i = 0; i < we->n_ports; i++) {
		size_t mark = check_key(c, we->ports[i].name);

		if (!name_is_dns_label(we->ports[i].name))
			check_report(c, DIAG_WE_PORT_NAME, "\"%s\" is no port name",
				     we->ports[i].name);
		check_leave(c, mark);
	}
	check_leave(c, outer);
	check_labels(c, "labels", &we->labels);
}

void check_workload_entry(struct check *c, const struct workload_entry *we)
{
	size_t outer = check_field(c, "spec"), mark;

	check_endpoint_common(c, we);
	mark = check_field(c, "address");
	if (we->address && *we->address && strncmp(we->address, unix_scheme, 7) != 0 &&
	    !name_is_ip(we->address) && name_fqdn_problem(we->address))
		check_report(c, DIAG_WE_ADDRESS, "\"%s\" is neither an IP address nor a host name",
			     we->address);
	check_leave(c, mark);
	check_leave(c, outer);
}
