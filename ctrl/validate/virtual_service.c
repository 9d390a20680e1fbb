/* virtual_service.c - the checks of a VirtualService as a whole (reference 2.1); those of its
 * rules are in files of their own. */
#include <validate/vs.h>

#include <string.h>

#include <common/nearest.h>
#include <validate/names.h>

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
	if (vs->hosts.n == 0 && (vs->gateways.n || vs->n_tls || vs->n_tcp))
		check_report(c, DIAG_VS_HOSTS,
			     "a VirtualService needs hosts; without them it is a delegate, which "
			     "has no gateways, tls or tcp");
	check_leave(c, outer);
}

/* ---- rules ---- */

static void check_rule(struct check *c, const struct virtual_service *vs,
		       const struct http_rule *rule)
{
	size_t outer = check_field(c, "match");
	uint32_t i;

	for (i = 0; i < rule->n_match; i++) {
		size_t mark = check_item(c, i);

		check_http_match(c, &rule->match[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
	check_conflicts(c, vs, rule);
	check_redirect(c, rule);
	check_direct_response(c, rule->direct_response);
	check_rewrite(c, rule->rewrite);
	check_routes(c, rule->route, rule->n_route);
	check_retries(c, rule->retries);
	check_fault(c, rule->fault);
	check_mirrors(c, rule);
	check_rule_headers(c, rule);
	check_cors(c, rule->cors);
}

static void check_executed(struct check *c, const struct virtual_service *vs)
{
	size_t mark = check_field(c, "tls");

	if (vs->n_tls)
		check_report(c, DIAG_VS_NOT_HTTP,
			     "this version does not execute tls rules: they have no effect");
	check_leave(c, mark);
	mark = check_field(c, "tcp");
	if (vs->n_tcp && names_mesh(&vs->gateways))
		check_report(c, DIAG_VS_NOT_HTTP,
			     "this version executes tcp rules on Gateways only: they have no "
			     "effect on the mesh");
	check_leave(c, mark);
}

/* Every name in weir.io/rate-limit is a rule's. */
static void check_rates(struct check *c, const struct virtual_service *vs)
{
	size_t outer = check_field(c, "metadata.annotations"), mark;
	uint32_t i, k;

	mark = check_key(c, "weir.io/rate-limit");
	for (i = 0; i < vs->rates.n; i++) {
		const char *want = vs->rates.items[i].name, *near = NULL;
		bool found = !want;

		for (k = 0; k < vs->n_http && !found; k++) {
			const char *name = vs->http[k].name;

			found = name && strcmp(name, want) == 0;
			near = name ? nearest_pick(want, near, name) : near;
		}
		if (!found)
			check_report(c, DIAG_RATE_LIMIT_NAME,
				     "no http rule has the name \"%s\"%s%s%s", want,
				     near ? "; did you mean " : "", near ? near : "",
				     near ? "?" : "");
	}
	check_leave(c, mark);
	check_leave(c, outer);
}

void check_virtual_service(struct check *c, const struct virtual_service *vs)
{
	size_t outer, mark;
	uint32_t i;

	check_rates(c, vs);
	outer = check_field(c, "spec");
	check_hosts(c, vs);
	check_gateway_names(c, &vs->gateways);
	if (!vs->n_http && !vs->n_tls && !vs->n_tcp)
		check_report(c, DIAG_VS_NO_RULES, "there are no rules: give it http, tls or tcp");
	check_executed(c, vs);
	mark = check_field(c, "http");
	for (i = 0; i < vs->n_http; i++) {
		size_t item = check_item(c, i);

		check_rule(c, vs, &vs->http[i]);
		check_leave(c, item);
	}
	check_leave(c, mark);
	check_l4(c, vs);
	check_export_to(c, &vs->export_to);
	check_reachability(c, vs);
	check_leave(c, outer);
}
