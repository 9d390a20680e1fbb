/* virtual_service.c - the checks of a VirtualService (reference 2). */
#include <validate/check.h>

#include <stdlib.h>
#include <string.h>

#include <validate/names.h>
#include <validate/regex.h>

/* ---- hosts and gateways ---- */

static bool names_mesh(const struct string_list *gateways)
{
	uint32_t i;

	for (i = 0; i < gateways->n; i++)
		if (strcmp(gateways->items[i], "mesh") == 0)
			return true;
	return gateways->n == 0;
}

static void check_overlap(struct check *c, const struct string_list *hosts, uint32_t i)
{
	uint32_t j;

	for (j = 0; j < i; j++)
		if (name_overlaps(hosts->items[i], hosts->items[j])) {
			check_report(c, DIAG_VS_HOST_OVERLAP,
				     "\"%s\" overlaps \"%s\" of this VirtualService: keep one",
				     hosts->items[i], hosts->items[j]);
			return;
		}
}

static void check_hosts(struct check *c, const struct virtual_service *vs)
{
	size_t outer = check_field(c, "hosts");
	uint32_t i;

	for (i = 0; i < vs->hosts.n; i++) {
		const char *host = vs->hosts.items[i];
		size_t mark = check_item(c, i);

		if (!name_is_ip(host) && check_host(c, host) && strcmp(host, "*") == 0 &&
		    names_mesh(&vs->gateways))
			check_report(c, DIAG_VS_MESH_WILDCARD,
				     "host \"*\" cannot apply to the mesh: name hosts, or a "
				     "gateway other than mesh");
		check_overlap(c, &vs->hosts, i);
		check_leave(c, mark);
	}
	if (vs->hosts.n == 0 && (vs->gateways.n || vs->has_tls || vs->has_tcp))
		check_report(c, DIAG_VS_HOSTS,
			     "a VirtualService needs hosts; without them it is a delegate, which "
			     "has no gateways, tls or tcp");
	else if (vs->hosts.n == 0)
		check_report(c, DIAG_VS_DELEGATE,
			     "without hosts this is a delegate, which this version does not use");
	check_leave(c, outer);
}

/* ---- matches ---- */

static void check_regex(struct check *c, const struct string_match *m)
{
	const char *problem;
	size_t at;

	if (!*m->value) {
		check_report(c, DIAG_MATCH_EMPTY,
			     "the regular expression is empty: use prefix "
			     "\"\" or leave the condition out");
	} else if (strlen(m->value) > REGEX_MAX) {
		check_report(c, DIAG_REGEX_LONG,
			     "the regular expression has %zu bytes, at most 1024 are allowed",
			     strlen(m->value));
	} else {
		problem = regex_problem(m->value, &at);
		if (problem)
			check_report(c, DIAG_REGEX_SYNTAX,
				     "not a regular expression in RE2 syntax: %s (at byte %zu)",
				     problem, at);
	}
}

/* Only a path may have the empty prefix, which every path has. */
static void check_match_value(struct check *c, const struct string_match *m, bool path)
{
	static const char *const names[] = {[SM_PRESENT] = "",
					    [SM_EXACT] = "exact",
					    [SM_PREFIX] = "prefix",
					    [SM_REGEX] = "regex"};
	size_t mark;

	if (m->kind == SM_PRESENT)
		return;
	mark = check_field(c, names[m->kind]);
	if (m->kind == SM_PREFIX && !*m->value && !path)
		check_report(c, DIAG_MATCH_EMPTY,
			     "the prefix is empty: write {} to test that there is any value");
	if (m->kind == SM_REGEX)
		check_regex(c, m);
	check_leave(c, mark);
}

static void check_match(struct check *c, const char *field, const struct string_match *m)
{
	size_t mark = check_field(c, field);

	if (m)
		check_match_value(c, m, strcmp(field, "uri") == 0);
	check_leave(c, mark);
}

static void check_header_name(struct check *c, const char *name)
{
	if (!*name)
		check_report(c, DIAG_VS_HEADER_NAME, "a header name is empty");
	else if (name[0] == '@')
		check_report(c, DIAG_NOT_SUPPORTED,
			     "matching on JWT claims is not supported by this version of weir: "
			     "remove it");
	else if (!name_is_pseudo_header(name) && !name_is_token(name))
		check_report(c, DIAG_VS_HEADER_NAME,
			     "\"%s\" is no header name: letters, digits and !#$%%&'*+-.^_`|~",
			     name);
}

static void check_header_matches(struct check *c, const char *field,
				 const struct named_match *matches, uint32_t n)
{
	bool without = strcmp(field, "withoutHeaders") == 0;
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct named_match *m = &matches[i];
		size_t mark = check_key(c, m->name);

		check_header_name(c, m->name);
		if (m->null && !without)
			check_report(c, DIAG_VS_HEADER_NULL,
				     "the match is null: write {} to test that the header exists");
		/* regex "*" is how withoutHeaders says "any value" (reference 1.4). */
		if (!(without && m->match.kind == SM_REGEX && strcmp(m->match.value, "*") == 0))
			check_match_value(c, &m->match, false);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_query_params(struct check *c, const struct http_match *m)
{
	size_t outer = check_field(c, "queryParams");
	uint32_t i;

	for (i = 0; i < m->n_query_params; i++) {
		size_t mark = check_key(c, m->query_params[i].name);

		check_match_value(c, &m->query_params[i].match, false);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_block(struct check *c, const struct http_match *m)
{
	size_t mark;

	check_match(c, "uri", m->uri);
	check_match(c, "scheme", m->scheme);
	check_match(c, "method", m->method);
	check_match(c, "authority", m->authority);
	check_header_matches(c, "headers", m->headers, m->n_headers);
	check_header_matches(c, "withoutHeaders", m->without_headers, m->n_without_headers);
	check_query_params(c, m);
	check_gateway_names(c, &m->gateways);
	check_labels(c, "sourceLabels", &m->source_labels);
	mark = check_field(c, "sourceNamespace");
	if (m->source_namespace && *m->source_namespace && !name_is_dns_label(m->source_namespace))
		check_report(c, DIAG_VS_SOURCE_NAMESPACE, "\"%s\" is no namespace",
			     m->source_namespace);
	check_leave(c, mark);
}

/* ---- destinations ---- */

static void check_destination(struct check *c, const struct destination *d)
{
	size_t outer = check_field(c, "destination"), mark;

	if (!d) {
		check_report(c, DIAG_VS_NO_DESTINATION, "a route needs a destination");
		check_leave(c, outer);
		return;
	}
	mark = check_field(c, "host");
	if (!d->host || !*d->host)
		check_report(c, DIAG_VS_NO_DESTINATION, "a destination needs a host");
	else if (strcmp(d->host, "*") == 0)
		check_report(c, DIAG_VS_DESTINATION_HOST, "\"*\" names no service");
	else if (name_is_ip(d->host))
		check_report(c, DIAG_VS_DESTINATION_HOST,
			     "%s is an address, not a service: declare a ServiceEntry for it",
			     d->host);
	else
		check_host(c, d->host);
	check_leave(c, mark);
	mark = check_field(c, "subset");
	if (d->subset && *d->subset && !name_is_dns_label(d->subset))
		check_report(c, DIAG_VS_SUBSET_NAME,
			     "\"%s\" is no subset name: up to 63 lower-case letters, digits and "
			     "inner dashes",
			     d->subset);
	check_leave(c, mark);
	check_leave(c, outer);
}

/* With one destination the weight means nothing; with several any positive sum is fine
 * (reference D13), but 100 is what everybody expects. */
static void check_weight_sum(struct check *c, const struct http_rule *rule)
{
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < rule->n_route; i++) {
		if (rule->route[i].weight < 0)
			return;
		sum += rule->route[i].weight;
	}
	if (rule->n_route < 2 || sum == 100)
		return;
	if (sum == 0)
		check_report(c, DIAG_VS_WEIGHT_ZERO,
			     "all %u destinations have weight 0: no request would have one",
			     rule->n_route);
	else
		check_report(c, DIAG_VS_WEIGHT_SUM,
			     "the weights add up to %lld, not to 100: each destination gets its "
			     "share of the sum",
			     (long long)sum);
}

static void check_routes(struct check *c, const struct http_rule *rule)
{
	size_t outer = check_field(c, "route");
	uint32_t i;

	for (i = 0; i < rule->n_route; i++) {
		size_t item = check_item(c, i), mark;

		check_destination(c, rule->route[i].destination);
		mark = check_field(c, "weight");
		if (rule->route[i].weight < 0)
			check_report(c, DIAG_VS_WEIGHT_NEGATIVE, "the weight %d is negative",
				     rule->route[i].weight);
		check_leave(c, mark);
		check_leave(c, item);
	}
	check_weight_sum(c, rule);
	check_leave(c, outer);
}

/* ---- retries ---- */

struct condition {
	const char *name;
	bool executed;
};

/* gRPC statuses that Istio retries by default say nothing on HTTP/1; no need to warn. */
static const struct condition conditions[] = {
	{"5xx", true},
	{"gateway-error", true},
	{"reset", true},
	{"connect-failure", true},
	{"refused-stream", true},
	{"unavailable", true},
	{"cancelled", true},
	{"reset-before-request", true},
	{"retriable-4xx", true},
	{"retriable-status-codes", true},
	{"retriable-headers", false},
	{"envoy-ratelimited", true},
	{"http3-post-connect-failure", false},
	{"deadline-exceeded", true},
	{"internal", true},
	{"resource-exhausted", true},
};

/* Status codes with a registered meaning, as ranges. */
static bool is_known_status(long code)
{
	static const short ranges[][2] = {{100, 103}, {200, 208}, {226, 226}, {300, 305},
					  {307, 308}, {400, 418}, {421, 426}, {428, 429},
					  {431, 431}, {451, 451}, {500, 508}, {510, 511}};
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	return false;
}

static const struct condition *find_condition(const char *item, size_t len)
{
	static const struct condition status = {"a status code", true};
	size_t i;
	char *end;
	long code;

	for (i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
		if (strlen(conditions[i].name) == len &&
		    strncmp(conditions[i].name, item, len) == 0)
			return &conditions[i];
	if (len == 3 && item[0] >= '1' && item[0] <= '5') {
		code = strtol(item, &end, 10);
		if (end == item + len && is_known_status(code))
			return &status;
	}
	return NULL;
}

static void check_retry_on(struct check *c, const char *list)
{
	size_t mark = check_field(c, "retryOn");

	for (; list && *list; list += *list == ',') {
		size_t len = strcspn(list, ",");
		const struct condition *found = find_condition(list, len);

		if (!found)
			check_report(c, DIAG_VS_RETRY_ON, "\"%.*s\" is no condition to retry on%s",
				     (int)len, list,
				     memchr(list, ' ', len) ? ": write the list without blanks"
							    : "");
		else if (!found->executed)
			check_report(c, DIAG_NO_EFFECT,
				     "retryOn %.*s is accepted and has no effect in this version",
				     (int)len, list);
		list += len;
	}
	check_leave(c, mark);
}

static void check_retries(struct check *c, const struct http_retry *r)
{
	size_t outer, mark;

	if (!r)
		return;
	outer = check_field(c, "retries");
	mark = check_field(c, "attempts");
	if (r->attempts < 0)
		check_report(c, DIAG_VS_RETRY_ATTEMPTS, "attempts is %d: 0 is the least",
			     r->attempts);
	if (r->attempts == 0 &&
	    (r->has_per_try_timeout || r->has_remote_localities || (r->retry_on && *r->retry_on)))
		check_report(c, DIAG_VS_RETRY_DISABLED,
			     "attempts 0 switches retries off: leave the other fields out, or "
			     "give a number");
	check_leave(c, mark);
	check_retry_on(c, r->retry_on);
	check_leave(c, outer);
}

/* ---- rules ---- */

static bool has_other_action(const struct http_rule *rule)
{
	return rule->redirect || rule->direct_response || rule->delegate;
}

static void check_rule(struct check *c, const struct http_rule *rule)
{
	size_t outer = check_field(c, "match");
	uint32_t i;

	for (i = 0; i < rule->n_match; i++) {
		size_t mark = check_item(c, i);

		check_block(c, &rule->match[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
	if (rule->n_route == 0 && !has_other_action(rule))
		check_report(c, DIAG_VS_NO_ACTION,
			     "the rule says nothing to do: give it a route with a destination, a "
			     "redirect or a directResponse");
	check_routes(c, rule);
	check_retries(c, rule->retries);
}

static void check_sections(struct check *c, const struct virtual_service *vs)
{
	if (vs->n_http)
		return;
	if (vs->has_tls || vs->has_tcp)
		check_report(c, DIAG_VS_NOT_HTTP,
			     "this version executes http rules only: the object has no effect");
	else
		check_report(c, DIAG_VS_NO_RULES, "there are no rules: give it http, tls or tcp");
}

static void check_not_http(struct check *c, const struct virtual_service *vs)
{
	const char *const sections[] = {vs->has_tls ? "tls" : NULL, vs->has_tcp ? "tcp" : NULL};
	size_t i, mark;

	for (i = 0; i < 2 && vs->n_http; i++) {
		if (!sections[i])
			continue;
		mark = check_field(c, sections[i]);
		check_report(c, DIAG_VS_NOT_HTTP,
			     "this version executes http rules only: the %s rules have no effect",
			     sections[i]);
		check_leave(c, mark);
	}
}

void check_virtual_service(struct check *c, const struct virtual_service *vs)
{
	size_t outer = check_field(c, "spec"), mark;
	uint32_t i;

	check_hosts(c, vs);
	check_gateway_names(c, &vs->gateways);
	check_sections(c, vs);
	check_not_http(c, vs);
	mark = check_field(c, "http");
	for (i = 0; i < vs->n_http; i++) {
		size_t item = check_item(c, i);

		check_rule(c, &vs->http[i]);
		check_leave(c, item);
	}
	check_leave(c, mark);
	check_export_to(c, &vs->export_to);
	check_reachability(c, vs);
	check_leave(c, outer);
}
