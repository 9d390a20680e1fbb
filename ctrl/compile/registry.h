/* registry.h - the services that traffic can be sent to, and where they run.
 *
 * From Service and ServiceEntry; endpoints from Pod, WorkloadEntry, EndpointSlice, Endpoints
 * and inline endpoints (istio/reference 5 and 6). Lives for one build. */
#pragma once
#include <compile/build.h>

struct reg_endpoint {
	struct net_addr addr;
	const struct labels *labels;      /* never NULL */
	uint32_t weight;                  /* at least 1 */
	const char *locality;             /* "region/zone/subzone", "" when it is not known */
	const struct health_check *check; /* of its WorkloadGroup; NULL */
};

struct reg_port {
	const struct service_port *spec;
	uint32_t n, cap;
	struct reg_endpoint *endpoints; /* no address twice */
};

struct reg_service {
	const struct resource *from;
	const char *host; /* lower case; may be "*.suffix" */
	const char *name, *ns;
	bool platform; /* a Kubernetes Service */
	uint32_t n_ports, n_vips;
	struct reg_port *ports;
	struct ip_addr *vips;
};

struct registry {
	struct map by_host;
	struct list services; /* struct reg_service, in order of the set */
};

void registry_collect(struct registry *reg, struct build *b);
void registry_drop(struct registry *reg);

/* NULL when no service has this host. */
struct reg_service *registry_service(const struct registry *reg, const char *host);

/* Does HTTP, or what may be HTTP, run on the port? */
bool registry_port_is_http(const struct reg_port *p);
