/* vs_l4.c - tls[] and tcp[]: checked like the rest, whoever executes them (reference 2.8,
 * 2.9). */
#include <validate/vs.h>

#include <validate/names.h>

/* An SNI host must lie inside one of the VirtualService's hosts. A short host stands for a
 * name below the object's namespace, which a short SNI host equally does. */
static bool lies_inside(const struct string_list *hosts, const char *sni)
{
	uint32_t i;

	for (i = 0; i < hosts->n; i++)
		if (name_covers(hosts->items[i], sni))
			return true;
	return false;
}

static void check_sni_host(struct check *c, const struct virtual_service *vs, const char *sni)
{
	if (name_is_ip(sni)) {
		check_report(c, DIAG_VS_SNI_ADDRESS,
			     "clients do not send addresses as SNI: %s never matches", sni);
		return;
	}
	if (check_host(c, sni) && vs->hosts.n && !lies_inside(&vs->hosts, sni))
		check_report(c, DIAG_VS_SNI_OUTSIDE,
			     "\"%s\" is outside the hosts of this VirtualService: add it to hosts",
			     sni);
}

static void check_sni_hosts(struct check *c, const struct virtual_service *vs,
			    const struct l4_match *m)
{
	size_t outer = check_field(c, "sniHosts");
	uint32_t i;

	if (m->sni_hosts.n == 0)
		check_report(c, DIAG_VS_SNI_NONE,
			     "a tls match needs sniHosts: \"*\" matches every one");
	for (i = 0; i < m->sni_hosts.n; i++) {
		size_t mark = check_item(c, i);

		check_sni_host(c, vs, m->sni_hosts.items[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

static void check_subnets(struct check *c, const struct l4_match *m)
{
	size_t outer = check_field(c, "destinationSubnets"), mark;
	uint32_t i;

	for (i = 0; i < m->destination_subnets.n; i++) {
		mark = check_item(c, i);
		check_address_or_cidr(c, m->destination_subnets.items[i]);
		check_leave(c, mark);
	}
	check_leave(c, outer);
	mark = check_field(c, "destinationSubnet");
	if (m->destination_subnet && *m->destination_subnet)
		check_address_or_cidr(c, m->destination_subnet);
	check_leave(c, mark);
	mark = check_field(c, "sourceSubnet");
	if (m->source_subnet && *m->source_subnet)
		check_address_or_cidr(c, m->source_subnet);
	check_leave(c, mark);
}

static void check_match(struct check *c, const struct virtual_service *vs, const struct l4_match *m,
			bool tls)
{
	if (tls)
		check_sni_hosts(c, vs, m);
	check_subnets(c, m);
	check_gateway_names(c, &m->gateways);
	check_labels(c, "sourceLabels", &m->source_labels);
	check_source_namespace(c, m->source_namespace);
}

static void check_rule(struct check *c, const struct virtual_service *vs, const struct l4_rule *r,
		       bool tls)
{
	size_t outer = check_field(c, "match");
	uint32_t i;

	if (tls && r->n_match == 0)
		check_report(c, DIAG_VS_TLS_NO_MATCH,
			     "a tls rule needs a match with the sniHosts that it is for");
	for (i = 0; i < r->n_match; i++) {
		size_t mark = check_item(c, i);

		check_match(c, vs, &r->match[i], tls);
		check_leave(c, mark);
	}
	check_leave(c, outer);
	if (r->n_route == 0)
		check_report(c, DIAG_VS_L4_NO_ROUTE, "the rule needs a route with a destination");
	check_routes(c, r->route, r->n_route);
}

static void check_section(struct check *c, const struct virtual_service *vs, const char *field,
			  const struct l4_rule *rules, uint32_t n)
{
	size_t outer = check_field(c, field);
	uint32_t i;

	for (i = 0; i < n; i++) {
		size_t mark = check_item(c, i);

		check_rule(c, vs, &rules[i], rules == vs->tls);
		check_leave(c, mark);
	}
	check_leave(c, outer);
}

void check_l4(struct check *c, const struct virtual_service *vs)
{
	check_section(c, vs, "tls", vs->tls, vs->n_tls);
	check_section(c, vs, "tcp", vs->tcp, vs->n_tcp);
}
