/* endpoints.h - the workloads of a resource set, and which of them serve a port. */
#pragma once
#include <compile/checks.h>
#include <compile/registry.h>

/* Something with an address that can serve: a WorkloadEntry, an inline endpoint or a Pod. */
struct workload {
	const struct resource *from;
	const struct workload_entry *entry; /* NULL for a Pod */
	const struct pod *pod;              /* NULL for a WorkloadEntry */
	const struct labels *labels;
	const struct health_check *check; /* of its WorkloadGroup; NULL */
	struct ip_addr ip;
};

/* Workloads by namespace and label, pods by name, slices by the Service they belong to. */
struct endpoint_index {
	struct map by_label; /* "ns\nkey=value" -> struct list of struct workload */
	struct map by_ns;    /* "ns" -> likewise, for selectors without labels */
	struct map pods;     /* "ns/name" -> struct workload */
	struct map slices;   /* "ns/service" -> struct list of struct endpoint_slice */
	struct map seen;     /* (port, address) that endpoints were added for */
	struct workload_groups groups;
};

void endpoint_index_init(struct endpoint_index *x, struct build *b);
void endpoint_index_fini(struct endpoint_index *x);

/* Adds the endpoint of w on a port: spec says where it listens (reference 5.3). */
void endpoints_add_workload(struct endpoint_index *x, struct build *b, struct reg_port *port,
			    const struct service_port *spec, const struct workload *w);
/* Adds all workloads of a namespace that the selector selects. */
void endpoints_add_selected(struct endpoint_index *x, struct build *b, struct reg_port *port,
			    const struct service_port *spec, const char *ns,
			    const struct labels *selector);
/* Adds what EndpointSlices and Endpoints say of a Service. */
void endpoints_add_slices(struct endpoint_index *x, struct build *b, struct reg_port *port,
			  const char *ns, const char *service);
/* Inline endpoints of a ServiceEntry. */
void endpoints_add_inline(struct endpoint_index *x, struct build *b, struct reg_port *port,
			  const struct service_port *spec, const struct resource *se);
