/* destination_rule.c - the checks of a DestinationRule (reference 3). */
#include <validate/check.h>

#include <string.h>

#include <validate/load_balancer.h>
#include <validate/names.h>

#define PORTS_MAX        4096u
#define KEEPALIVE_MAX_US (32767 * 1000000ull)

static void check_http_pool(struct check *c, const struct pool_settings *p)
{
	size_t outer = check_field(c, "http"), mark;

	if (p->use_client_protocol && p->h2_upgrade == MODEL_H2_UPGRADE) {
		mark = check_field(c, "useClientProtocol");
		check_report(c, DIAG_DR_H2_UPGRADE,
			     "the client's protocol cannot be kept and upgraded to HTTP/2, too: "
			     "remove useClientProtocol or h2UpgradePolicy");
		check_leave(c, mark);
	}
	mark = check_field(c, "http2KeepAlive");
	if (p->has_http2_keepalive && !p->http2_keepalive_interval_us)
		check_report(c, DIAG_DR_HTTP2_KEEPALIVE, "it needs an interval");
	if (p->has_http2_keepalive && !p->http2_keepalive_timeout_us)
		check_report(c, DIAG_DR_HTTP2_KEEPALIVE, "it needs a timeout");
	check_leave(c, mark);
	check_leave(c, outer);
}

/* What TCP's options can hold on Linux, too. */
static void check_keepalive(struct check *c, const char *field, uint64_t us)
{
	size_t mark = check_field(c, field);

	if (us > KEEPALIVE_MAX_US)
		check_report(c, DIAG_OUT_OF_RANGE, "must be at most 32767s");
	check_leave(c, mark);
}

static void check_pool(struct check *c, const struct traffic_policy *p)
{
	size_t mark;

	if (!p->has_connection_pool)
		return;
	mark = check_field(c, "connectionPool");
	if (!p->pool.has_tcp && !p->pool.has_http)
		check_report(c, DIAG_DR_EMPTY_POOL, "it is empty: give it tcp or http");
	check_keepalive(c, "tcp.tcpKeepalive.time", p->pool.keepalive_time_us);
	check_keepalive(c, "tcp.tcpKeepalive.interval", p->pool.keepalive_interval_us);
	check_http_pool(c, &p->pool);
	check_leave(c, mark);
}

static void check_outlier(struct check *c, const struct traffic_policy *p)
{
	size_t mark;

	if (p->outlier.consecutive_local == 0 || p->outlier.split_local)
		return;
	mark = check_field(c, "outlierDetection.consecutiveLocalOriginFailures");
	check_report(c, DIAG_DR_OUTLIER_LOCAL,
		     "failures of the gateway's own are not counted apart without "
		     "splitExternalLocalOriginErrors: true");
	check_leave(c, mark);
}

/* Sending plain text where the user asked for TLS would be worse than not starting. */
static void check_tls(struct check *c, const struct traffic_policy *p)
{
	static const char *const modes[] = {
		[MODEL_TLS_DISABLE] = "DISABLE",
		[MODEL_TLS_SIMPLE] = "SIMPLE",
		[MODEL_TLS_MUTUAL] = "MUTUAL",
		[MODEL_TLS_ISTIO_MUTUAL] = "ISTIO_MUTUAL",
	};
	size_t mark;

	if (p->tls_mode == MODEL_TLS_DISABLE)
		return;
	mark = check_field(c, "tls.mode");
	check_report(c, DIAG_DR_TLS,
		     "TLS to the upstream (%s) is not supported by this version of weir: remove "
		     "it, or write DISABLE if plain text is meant",
		     modes[p->tls_mode]);
	check_leave(c, mark);
}

/* What the policies of hosts, subsets and ports have in common. */
static void check_blocks(struct check *c, const struct traffic_policy *p)
{
	check_load_balancer(c, p);
	check_pool(c, p);
	check_outlier(c, p);
	check_tls(c, p);
}

static void check_retry_budget(struct check *c, const struct retry_budget *r)
{
	size_t mark = check_field(c, "retryBudget.percent");

	/* Not a number, too. */
	if (!(r->percent >= 0 && r->percent <= 100))
		check_report(c, DIAG_OUT_OF_RANGE, "must be a number from 0 to 100");
	check_leave(c, mark);
}

static void check_tunnel(struct check *c, const struct traffic_policy *p)
{
	const struct tunnel_settings *t = &p->tunnel;
	size_t outer = check_field(c, "tunnel"), mark = check_field(c, "protocol");
	const char *host = t->target_host ? t->target_host : "";

	/* Absent or empty: CONNECT. */
	if (t->protocol && *t->protocol && strcmp(t->protocol, "CONNECT") != 0 &&
	    strcmp(t->protocol, "POST") != 0)
		check_report(c, DIAG_DR_TUNNEL_PROTOCOL, "\"%s\" is neither CONNECT nor POST",
			     t->protocol);
	check_leave(c, mark);
	mark = check_field(c, "targetHost");
	if (!*host)
		check_report(c, DIAG_DR_TUNNEL_TARGET, "a tunnel needs a target host");
	else if (!name_is_ip(host) && name_fqdn_problem(host))
		check_report(c, DIAG_DR_TUNNEL_TARGET,
			     "\"%s\" is neither an address nor a host name: %s", host,
			     name_fqdn_problem(host));
	check_leave(c, mark);
	if (!t->target_port)
		check_report(c, DIAG_DR_TUNNEL_TARGET, "a tunnel needs a targetPort");
	check_leave(c, outer);
}

static bool says_something(const struct traffic_policy *p)
{
	return p->has_load_balancer || p->has_connection_pool || p->has_outlier_detection ||
	       p->has_retry_budget || p->has_tls || p->has_tunnel || p->has_proxy_protocol ||
	       p->unsupported.n;
}

static void check_ports(struct check *c, const struct port_policy *ports, uint32_t n)
{
	size_t outer = check_field(c, "portLevelSettings");
	uint32_t i, j;

	if (n > PORTS_MAX)
		check_report(c, DIAG_DR_PORTS_MANY, "%u entries, at most %u are allowed", n,
			     PORTS_MAX);
	for (i = 0; i < n && i < PORTS_MAX; i++) {
		size_t mark = check_item(c, i);

		if (!ports[i].port)
			check_report(c, DIAG_FIELD_REQUIRED, "it needs port.number");
		for (j = 0; j < i && ports[i].port; j++)
			if (ports[j].port == ports[i].port) {
				check_report(c, DIAG_DR_PORT_TWICE,
					     "port %u has settings already in entry %u",
					     ports[i].port, j);
				break;
			}
		if (!says_something(&ports[i].policy))
			check_report(c, DIAG_DR_EMPTY_POLICY,
				     "the settings of this port are empty");
		check_blocks(c, &ports[i].policy);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_policy(struct check *c, const struct traffic_policy *p,
			 const struct port_policy *ports, uint32_t n_ports)
{
	size_t mark;

	if (!p)
		return;
	mark = check_field(c, "trafficPolicy");
	if (!says_something(p) && !n_ports)
		check_report(c, DIAG_DR_EMPTY_POLICY, "it is empty: give it a field, or remove it");
	if (p->has_tunnel && p->has_proxy_protocol)
		check_report(c, DIAG_DR_TUNNEL,
			     "tunnel and proxyProtocol are both set: only one of them may be");
	if (p->has_tunnel)
		check_tunnel(c, p);
	check_blocks(c, p);
	check_retry_budget(c, &p->retry_budget);
	check_ports(c, ports, n_ports);
	check_leave(c, mark);
}

static void check_subset_name(struct check *c, const struct destination_rule *dr, uint32_t i)
{
	const char *name = dr->subsets[i].name;
	size_t mark = check_field(c, "name");
	uint32_t j;

	if (!name || !*name)
		check_report(c, DIAG_DR_SUBSET_NAME, "a subset needs a name");
	else if (!name_is_dns_label(name))
		check_report(c, DIAG_DR_SUBSET_NAME,
			     "\"%s\" is no subset name: up to 63 lower-case letters, digits and "
			     "inner dashes",
			     name);
	for (j = 0; name && j < i; j++)
		if (dr->subsets[j].name && strcmp(dr->subsets[j].name, name) == 0) {
			check_report(c, DIAG_DR_SUBSET_TWICE, "subsets[%u] has the name \"%s\" too",
				     j, name);
			break;
		}
	check_leave(c, mark);
}

static void check_subsets(struct check *c, const struct destination_rule *dr)
{
	size_t outer = check_field(c, "subsets");
	uint32_t i;

	for (i = 0; i < dr->n_subsets; i++) {
		const struct subset *s = &dr->subsets[i];
		size_t mark = check_item(c, i);

		check_subset_name(c, dr, i);
		check_labels(c, "labels", &s->labels);
		check_policy(c, s->policy, s->ports, s->n_ports);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static bool hashes(const struct traffic_policy *p, const struct port_policy *ports, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (ports[i].policy.lb.hash)
			return true;
	return p && p->lb.hash;
}

/* weir.io/hash-balance-factor */
static void check_hash_factor(struct check *c, const struct destination_rule *dr)
{
	size_t outer, mark;
	uint32_t i;

	if (!dr->hash_balance_factor || hashes(dr->policy, dr->ports, dr->n_ports))
		return;
	for (i = 0; i < dr->n_subsets; i++)
		if (hashes(dr->subsets[i].policy, dr->subsets[i].ports, dr->subsets[i].n_ports))
			return;
	outer = check_field(c, "metadata.annotations");
	mark = check_key(c, "weir.io/hash-balance-factor");
	check_report(c, DIAG_DR_HASH_FACTOR,
		     "it bounds the loads of consistentHash, which no policy here has: it has no "
		     "effect");
	check_leave(c, mark);
	check_leave(c, outer);
}

/* A rule for some workloads only stays in its own namespace (reference 1.3). */
static void check_selector_export(struct check *c, const struct destination_rule *dr)
{
	size_t outer;
	uint32_t i;

	if (!dr->has_workload_selector)
		return;
	check_labels(c, "workloadSelector.matchLabels", &dr->workload_selector);
	outer = check_field(c, "exportTo");
	if (dr->export_to.n > 1)
		check_report(c, DIAG_DR_SELECTOR_EXPORT,
			     "with workloadSelector there may be one entry only, \".\"");
	for (i = 0; i < dr->export_to.n; i++) {
		const char *entry = dr->export_to.items[i];
		size_t mark = check_item(c, i);

		if (strcmp(entry, ".") != 0 && strcmp(entry, c->r->ns) != 0)
			check_report(c, DIAG_DR_SELECTOR_EXPORT,
				     "with workloadSelector the rule cannot be exported beyond its "
				     "namespace");
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

void check_destination_rule(struct check *c, const struct destination_rule *dr)
{
	size_t outer, mark;

	check_hash_factor(c, dr);
	outer = check_field(c, "spec");
	mark = check_field(c, "host");
	if (!dr->host || !*dr->host)
		check_report(c, DIAG_FIELD_REQUIRED, "a DestinationRule needs a host");
	else
		check_host(c, dr->host);
	check_leave(c, mark);
	check_policy(c, dr->policy, dr->ports, dr->n_ports);
	check_subsets(c, dr);
	check_export_to(c, &dr->export_to);
	check_selector_export(c, dr);
	check_leave(c, outer);
}
