/* node_interfaces.c - interfaces: addresses, prefixes and routes that fit together. */
#include <config/node_fields.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define IPV6_MTU_MIN 1280u

/* "10.0.0.1/24" or "2001:2::1/64": the address as written, bits counted of 128. */
static bool parse_prefix(const char *text, struct ip_prefix *out)
{
	const char *slash = strchr(text, '/');
	char ip[IP_ADDR_STRLEN] = {0};
	char *end;
	long bits;
	bool v4;

	if (!slash || (size_t)(slash - text) >= sizeof(ip) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(ip, text, (size_t)(slash - text));
	if (!ip_addr_parse(ip, &out->ip))
		return false;
	v4 = ip_addr_is_v4(&out->ip);
	bits = strtol(slash + 1, &end, 10);
	if (*end || bits > (v4 ? 32 : 128))
		return false;
	out->len = (uint8_t)(v4 ? bits + 96 : bits);
	return true;
}

static void clear_host_bits(struct ip_prefix *p)
{
	unsigned i;

	for (i = p->len; i < 128; i++)
		p->ip.b[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
}

static bool is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* Why no host can have this IPv4 address (RFC 1122 section 3.2.1.3), or NULL. Prefixes of 31
 * and 32 bits have neither of the last two (RFC 3021). */
static const char *unfit_v4(const struct ip_prefix *p)
{
	uint32_t v4 = ntohl(ip_addr_to_v4(&p->ip));
	uint32_t host = (uint32_t)((1ull << (128 - p->len)) - 1);

	if (v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 24 >= 224)
		return "reserved, loopback or multicast";
	if (p->len > 126)
		return NULL;
	if ((v4 & host) == 0)
		return "that of the network itself";
	return (v4 & host) == host ? "that of all hosts, for broadcasts" : NULL;
}

/* The same for IPv6 (RFC 4291 section 2). Prefixes of 127 and 128 bits have no address of all
 * routers (RFC 6164). */
static const char *unfit_v6(const struct ip_prefix *p)
{
	struct ip_prefix network = *p;

	if (p->ip.b[0] == 0xff)
		return "multicast";
	if (p->ip.q[0] == 0 && p->ip.w[2] == 0)
		return "unspecified, loopback or IPv4-compatible";
	if (is_link_local(&p->ip) &&
	    (p->len < 64 || p->ip.b[1] != 0x80 || p->ip.w[1] || p->ip.b[2] || p->ip.b[3]))
		return "link-local outside fe80::/64";
	clear_host_bits(&network);
	return p->len < 127 && ip_addr_eq(&network.ip, &p->ip) ? "that of the network's routers"
							       : NULL;
}

/* The interface that has this address already, by index; or n. */
static unsigned find_owner(const struct iface_config *ifaces, unsigned n, const struct ip_addr *ip)
{
	unsigned i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < ifaces[i].n_addrs; k++)
			if (ip_addr_eq(&ifaces[i].addrs[k].ip, ip))
				return i;
	return n;
}

/* One link-local address may be that of several interfaces: each is another link. */
static void check_address(struct decoder *dec, const struct written_node *w, struct pos pos,
			  const char *text, const struct ip_prefix *p)
{
	const struct dataplane_config *dp = &w->cfg.dataplane;
	const char *unfit = ip_addr_is_v4(&p->ip) ? unfit_v4(p) : unfit_v6(p);
	unsigned first = is_link_local(&p->ip) ? dp->n_ifaces - 1 : 0;
	unsigned owner = first + find_owner(dp->ifaces + first, dp->n_ifaces - first, &p->ip);

	if (unfit)
		node_report(dec, DIAG_NODE_ADDRESS, pos, "%s is no host's address but %s", text,
			    unfit);
	else if (owner < dp->n_ifaces)
		node_report(dec, DIAG_NODE_ADDRESS, pos, "interfaces[%u] has the address %s too",
			    owner, text);
}

static void build_addresses(struct decoder *dec, const struct written_node *node,
			    const struct written_interface *w, struct iface_config *out)
{
	size_t outer = field_path_push(&dec->path, "addresses");
	uint32_t i;

	if (w->addresses.n > IFACE_ADDRS_MAX)
		node_report(dec, DIAG_NODE_INTERFACE, w->pos,
			    "%u addresses, at most %d are possible", w->addresses.n,
			    IFACE_ADDRS_MAX);
	for (i = 0; i < w->addresses.n && i < IFACE_ADDRS_MAX; i++) {
		struct ip_prefix p;
		size_t mark = field_path_push_index(&dec->path, i);

		if (!parse_prefix(w->addresses.items[i], &p)) {
			node_report(dec, DIAG_NODE_ADDRESS, w->addresses.pos[i],
				    "\"%s\" must be an address and a prefix length, such as "
				    "198.18.0.2/24",
				    w->addresses.items[i]);
		} else {
			check_address(dec, node, w->addresses.pos[i], w->addresses.items[i], &p);
			out->addrs[out->n_addrs++] = p;
		}
		field_path_pop(&dec->path, mark);
	}
	field_path_pop(&dec->path, outer);
}

/* A link-local next hop is on every link where IPv6 is spoken. */
static bool is_on_link(const struct iface_config *iface, const struct ip_addr *via)
{
	unsigned i;

	for (i = 0; i < iface->n_addrs; i++)
		if (ip_addr_is_v4(&iface->addrs[i].ip) == ip_addr_is_v4(via) &&
		    (is_link_local(via) || ip_prefix_contains(&iface->addrs[i], via)))
			return true;
	return false;
}

static bool has_route(const struct iface_config *iface, const struct iface_route *route)
{
	unsigned i;

	for (i = 0; i < iface->n_routes; i++)
		if (iface->routes[i].to.len == route->to.len &&
		    ip_addr_eq(&iface->routes[i].to.ip, &route->to.ip) &&
		    ip_addr_eq(&iface->routes[i].via, &route->via))
			return true;
	return false;
}

/* Why packets cannot go this way, or NULL. */
static const char *unfit_route(const struct iface_config *iface, const struct iface_route *route)
{
	if (ip_addr_is_v4(&route->to.ip) != ip_addr_is_v4(&route->via))
		return "to and via are not of one address family";
	if (!is_on_link(iface, &route->via))
		return "the next hop is in none of the interface's own networks";
	if (find_owner(iface, 1, &route->via) == 0)
		return "the next hop is the interface itself";
	return has_route(iface, route) ? "the interface has this route already" : NULL;
}

static void build_route(struct decoder *dec, const struct written_route *w,
			struct iface_config *out)
{
	struct iface_route route;
	const char *unfit;

	if (!w->to || !parse_prefix(w->to, &route.to)) {
		node_report(dec, DIAG_NODE_ADDRESS, w->pos,
			    "to must be an address and a prefix length, such as 0.0.0.0/0");
		return;
	}
	if (!w->via || !ip_addr_parse(w->via, &route.via)) {
		node_report(dec, DIAG_NODE_ADDRESS, w->pos,
			    "via must be the address of a next hop");
		return;
	}
	clear_host_bits(&route.to);
	unfit = unfit_route(out, &route);
	if (unfit)
		node_report(dec, DIAG_NODE_ROUTE, w->pos, "to %s via %s: %s", w->to, w->via, unfit);
	else
		out->routes[out->n_routes++] = route;
}

static void build_routes(struct decoder *dec, const struct written_interface *w,
			 struct iface_config *out)
{
	size_t outer = field_path_push(&dec->path, "routes");
	uint32_t i;

	if (w->n_routes > IFACE_ROUTES_MAX)
		node_report(dec, DIAG_NODE_INTERFACE, w->pos, "%u routes, at most %d are possible",
			    w->n_routes, IFACE_ROUTES_MAX);
	for (i = 0; i < w->n_routes && i < IFACE_ROUTES_MAX; i++) {
		size_t mark = field_path_push_index(&dec->path, i);

		build_route(dec, &w->routes[i], out);
		field_path_pop(&dec->path, mark);
	}
	field_path_pop(&dec->path, outer);
}

/* What only makes sense with a kernel to hand things to is no silent wish without. */
static void build_punt(struct decoder *dec, const struct written_interface *w,
		       struct iface_config *out)
{
	out->punt = (enum iface_punt)w->punt;
	out->punt_rate = w->punt_rate;
	out->kernel_echoes = w->echo;
	if (w->punt == IFACE_PUNT_NONE && (w->echo || w->has_punt_rate))
		node_report(dec, DIAG_NODE_INTERFACE, w->pos,
			    "echo: kernel and puntRate need punt: tap, which gives the kernel its "
			    "part");
	if (w->punt == IFACE_PUNT_TAP && strlen(out->name) > TAP_NAME_MAX)
		node_report(
			dec, DIAG_NODE_INTERFACE, w->pos,
			"with punt: tap the name has at most %d bytes: the kernel's interface is "
			"called " TAP_PREFIX "NAME",
			TAP_NAME_MAX);
}

static bool speaks_v6(const struct iface_config *iface)
{
	unsigned i;

	for (i = 0; i < iface->n_addrs; i++)
		if (!ip_addr_is_v4(&iface->addrs[i].ip))
			return true;
	return false;
}

static void build_ndp(struct decoder *dec, const struct written_interface *w,
		      struct iface_config *out)
{
	out->dad_transmits = (uint8_t)w->dad_transmits;
	out->router_solicitation = w->router_solicitation;
	if (speaks_v6(out) && w->mtu < IPV6_MTU_MIN)
		node_report(dec, DIAG_NODE_NDP, w->pos,
			    "the MTU is %u, and IPv6 needs %u at least (RFC 8200 section 5)",
			    w->mtu, IPV6_MTU_MIN);
	if (!speaks_v6(out) && (w->router_solicitation || w->has_dad_transmits))
		node_report(
			dec, DIAG_NODE_NDP, w->pos,
			"ndp is about IPv6, and the interface has no address of it: a link-local "
			"one such as fe80::1/64 suffices");
}

static void build_interface(struct decoder *dec, const struct written_node *node,
			    const struct written_interface *w, struct iface_config *out)
{
	out->mtu = w->mtu;
	node_copy_text(dec, w, "name", w->name, out->name, sizeof(out->name));
	node_devices_build(dec, w, out);
	out->vlan = w->vlan;
	build_punt(dec, w, out);
	build_addresses(dec, node, w, out);
	build_routes(dec, w, out);
	build_ndp(dec, w, out);
}

static void check_name(struct decoder *dec, const struct written_node *w, uint32_t i)
{
	const struct written_interface *a = &w->interfaces[i];
	uint32_t j;

	for (j = 0; j < i; j++) {
		const struct written_interface *b = &w->interfaces[j];

		if (a->name && b->name && strcmp(a->name, b->name) == 0)
			node_report(dec, DIAG_NODE_INTERFACE, a->pos,
				    "interfaces[%u] has the name \"%s\" too", j, a->name);
	}
}

void node_interfaces_build(struct decoder *dec, struct written_node *w)
{
	struct dataplane_config *dp = &w->cfg.dataplane;
	size_t outer = field_path_push(&dec->path, "interfaces");
	struct pos top = {.file = dec->file};
	uint32_t i;

	if (!w->n_interfaces && !w->unread)
		node_report(dec, DIAG_NODE_NO_INTERFACES, top,
			    "no interface is configured: nothing "
			    "will be served");
	if (w->n_interfaces > WEIR_PORTS_MAX)
		node_report(dec, DIAG_NODE_INTERFACE, w->interfaces[0].pos,
			    "%u interfaces, at most %d are possible", w->n_interfaces,
			    WEIR_PORTS_MAX);
	for (i = 0; i < w->n_interfaces && i < WEIR_PORTS_MAX; i++) {
		size_t mark = field_path_push_index(&dec->path, i);

		check_name(dec, w, i);
		node_devices_check_shared(dec, w, i);
		build_interface(dec, w, &w->interfaces[i], &dp->ifaces[dp->n_ifaces++]);
		field_path_pop(&dec->path, mark);
	}
	field_path_pop(&dec->path, outer);
}
