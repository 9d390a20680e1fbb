/* registry.h - which hosts, rules and gateways a set of resources defines, by name. */
#pragma once
#include <model/model.h>

/* A service by one of its hosts. */
struct known_host {
	const char *host; /* in full; may be a wildcard of a ServiceEntry */
	const struct resource *r;
	const struct service_port *ports;
	uint32_t n_ports;
};

struct registry {
	struct arena *arena;
	const struct resource_set *set;
	struct known_host *hosts; /* sorted by host */
	size_t n_hosts;
	struct known_host **wildcards;
	size_t n_wildcards;
	const struct resource **rules; /* DestinationRules sorted by their full host */
	const char **rule_hosts;
	size_t n_rules, n_wildcard_rules; /* wildcards come first: '*' */
};

/* set is sorted and borrowed. */
void registry_init(struct registry *reg, const struct resource_set *set);
void registry_fini(struct registry *reg);

/* The host in full: a short name is completed with the namespace of the object that uses it
 * (reference 1.2). buf is used when something must be added. */
const char *registry_full_host(const char *host, const char *ns, char *buf, size_t size);
#define REGISTRY_HOST_SIZE 640

/* NULL when no service has this host. */
const struct known_host *registry_find(const struct registry *reg, const char *host);

/* Does a wildcard cover the host of any service, or the other way round? */
bool registry_covers_any(const struct registry *reg, const char *wildcard);

/* Does any DestinationRule for the host define the subset? */
bool registry_has_subset(const struct registry *reg, const char *host, const char *subset);

/* A Gateway by namespace and name; NULL when there is none. */
const struct resource *registry_gateway(const struct registry *reg, const char *ns, size_t ns_len,
					const char *name, size_t name_len);
