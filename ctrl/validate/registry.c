/* registry.c - sorted arrays over a resource set, for the checks of references. */
#include <validate/registry.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <validate/names.h>

#define CLUSTER_DOMAIN "svc.cluster.local"

const char *registry_full_host(const char *host, const char *ns, char *buf, size_t size)
{
	if (strchr(host, '.') || name_is_wildcard(host) || name_is_ip(host))
		return host;
	snprintf(buf, size, "%s.%s." CLUSTER_DOMAIN, host, ns);
	return buf;
}

static int compare_hosts(const void *a, const void *b)
{
	return strcasecmp(((const struct known_host *)a)->host,
			  ((const struct known_host *)b)->host);
}

static void add_host(struct registry *reg, const char *host, const struct resource *r,
		     const struct service_port *ports, uint32_t n_ports)
{
	reg->hosts[reg->n_hosts++] = (struct known_host){host, r, ports, n_ports};
}

static void add_entry_hosts(struct registry *reg, const struct resource *r)
{
	uint32_t i;

	for (i = 0; i < r->se->hosts.n; i++)
		add_host(reg, r->se->hosts.items[i], r, r->se->ports, r->se->n_ports);
}

static void collect_hosts(struct registry *reg)
{
	size_t first, last, entries, end, i, n;

	resource_set_range(reg->set, KIND_SERVICE, &first, &last);
	resource_set_range(reg->set, KIND_SERVICE_ENTRY, &entries, &end);
	n = last - first;
	for (i = entries; i < end; i++)
		n += reg->set->items[i]->se->hosts.n;
	reg->hosts = arena_array(reg->arena, n, sizeof(*reg->hosts));
	for (i = first; i < last; i++) {
		const struct resource *r = reg->set->items[i];

		add_host(reg, arena_printf(reg->arena, "%s.%s." CLUSTER_DOMAIN, r->name, r->ns), r,
			 r->svc->ports, r->svc->n_ports);
	}
	for (i = entries; i < end; i++)
		add_entry_hosts(reg, reg->set->items[i]);
	if (reg->n_hosts > 1)
		qsort(reg->hosts, reg->n_hosts, sizeof(*reg->hosts), compare_hosts);
}

static void collect_wildcards(struct registry *reg)
{
	size_t i;

	reg->wildcards = arena_array(reg->arena, reg->n_hosts, sizeof(*reg->wildcards));
	for (i = 0; i < reg->n_hosts; i++)
		if (name_is_wildcard(reg->hosts[i].host))
			reg->wildcards[reg->n_wildcards++] = &reg->hosts[i];
}

/* The subsets of a rule, under the full name of its host. */
struct rule {
	const char *host;
	const struct resource *r;
};

static int compare_rules(const void *a, const void *b)
{
	return strcasecmp(((const struct rule *)a)->host, ((const struct rule *)b)->host);
}

static void collect_rules(struct registry *reg)
{
	char buf[REGISTRY_HOST_SIZE];
	struct rule *rules;
	size_t first, last, i;

	resource_set_range(reg->set, KIND_DESTINATION_RULE, &first, &last);
	reg->n_rules = last - first;
	rules = arena_array(reg->arena, reg->n_rules, sizeof(*rules));
	for (i = 0; i < reg->n_rules; i++) {
		const struct resource *r = reg->set->items[first + i];
		const char *host = r->dr->host ? r->dr->host : "";

		host = registry_full_host(host, r->ns, buf, sizeof(buf));
		rules[i] = (struct rule){arena_strdup(reg->arena, host), r};
	}
	if (reg->n_rules > 1)
		qsort(rules, reg->n_rules, sizeof(*rules), compare_rules);
	reg->rules = arena_array(reg->arena, reg->n_rules, sizeof(*reg->rules));
	reg->rule_hosts = arena_array(reg->arena, reg->n_rules, sizeof(*reg->rule_hosts));
	for (i = 0; i < reg->n_rules; i++) {
		reg->rules[i] = rules[i].r;
		reg->rule_hosts[i] = rules[i].host;
		reg->n_wildcard_rules += name_is_wildcard(rules[i].host);
	}
}

void registry_init(struct registry *reg, const struct resource_set *set)
{
	*reg = (struct registry){.arena = arena_create(), .set = set};
	collect_hosts(reg);
	collect_wildcards(reg);
	collect_rules(reg);
}

void registry_fini(struct registry *reg)
{
	arena_destroy(reg->arena);
}

const struct known_host *registry_find(const struct registry *reg, const char *host)
{
	struct known_host key = {.host = host};
	struct known_host *found = NULL;
	size_t i;

	if (reg->n_hosts)
		found = bsearch(&key, reg->hosts, reg->n_hosts, sizeof(key), compare_hosts);
	for (i = 0; !found && i < reg->n_wildcards; i++)
		if (name_covers(reg->wildcards[i]->host, host))
			found = reg->wildcards[i];
	return found;
}

bool registry_covers_any(const struct registry *reg, const char *wildcard)
{
	size_t i;

	for (i = 0; i < reg->n_hosts; i++)
		if (name_overlaps(wildcard, reg->hosts[i].host))
			return true;
	return false;
}

static bool has_subset(const struct destination_rule *dr, const char *subset)
{
	uint32_t i;

	for (i = 0; i < dr->n_subsets; i++)
		if (dr->subsets[i].name && strcmp(dr->subsets[i].name, subset) == 0)
			return true;
	return false;
}

/* First rule whose host does not sort before this one. */
static size_t lower_bound(const struct registry *reg, const char *host)
{
	size_t low = 0, high = reg->n_rules;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcasecmp(reg->rule_hosts[mid], host) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool registry_has_subset(const struct registry *reg, const char *host, const char *subset)
{
	size_t i;

	for (i = lower_bound(reg, host);
	     i < reg->n_rules && strcasecmp(reg->rule_hosts[i], host) == 0; i++)
		if (has_subset(reg->rules[i]->dr, subset))
			return true;
	for (i = 0; i < reg->n_rules && reg->n_wildcard_rules; i++)
		if (name_is_wildcard(reg->rule_hosts[i]) && name_covers(reg->rule_hosts[i], host) &&
		    has_subset(reg->rules[i]->dr, subset))
			return true;
	return false;
}

static bool equals(const char *s, const char *other, size_t len)
{
	return strncmp(s, other, len) == 0 && !s[len];
}

const struct resource *registry_gateway(const struct registry *reg, const char *ns, size_t ns_len,
					const char *name, size_t name_len)
{
	size_t first, last, i;

	resource_set_range(reg->set, KIND_GATEWAY, &first, &last);
	for (i = first; i < last; i++) {
		const struct resource *r = reg->set->items[i];

		if (equals(r->ns, ns, ns_len) && equals(r->name, name, name_len))
			return r;
	}
	return NULL;
}
