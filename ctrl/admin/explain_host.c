/* explain_host.c - see explain_host.h. */
#include "explain_host.h"

#include <common/nearest.h>
#include <stdio.h>
#include <string.h>

#include "describe.h"

/* Longer than any DNS name with a port: only "*" can be meant. */
#define HOST_MAX 512u

/* ---- virtual hosts ---- */

/* Without ":port", which is a port only if it is all digits. */
static uint32_t without_port(struct span authority)
{
	uint32_t n = authority.n;

	while (n > 0 && authority.p[n - 1] >= '0' && authority.p[n - 1] <= '9')
		n--;
	return n > 0 && authority.p[n - 1] == ':' ? n - 1 : authority.n;
}

static const struct host_entry *look_up(const struct host_entry *table, uint32_t mask,
					struct span key)
{
	uint32_t hash = match_hash(key.p, key.n);

	for (uint32_t i = hash & mask; table && table[i].vhost; i = (i + 1) & mask)
		if (table[i].hash == hash && table[i].len == key.n &&
		    memcmp(table[i].host, key.p, key.n) == 0)
			return &table[i];
	return NULL;
}

/* The longest suffix wins; it leaves at least one byte before it. One that does not begin at a dot
 * is rare, but it costs nothing to look. */
static const struct host_entry *look_up_suffix(const struct host_table *t, struct span host)
{
	const struct host_entry *e = NULL;

	for (uint32_t i = 1; i < host.n && !e; i++)
		e = look_up(t->suffix, t->suffix_mask, span_of(host.p + i, host.n - i));
	return e;
}

static struct explain_host found(const struct host_entry *e, enum host_found how)
{
	return (struct explain_host){e->vhost, how, span_of(e->host, e->len)};
}

struct explain_host explain_find_host(const struct listener *l, struct span authority)
{
	char lower[HOST_MAX];
	struct span host = span_of(lower, without_port(authority));
	const struct host_entry *e = NULL;

	for (uint32_t i = 0; i < host.n && host.n <= HOST_MAX; i++)
		lower[i] = span_lower(authority.p[i]);
	if (host.n <= HOST_MAX) {
		e = look_up(l->hosts.exact, l->hosts.exact_mask, host);
		if (e)
			return found(e, HOST_EXACT);
		e = look_up_suffix(&l->hosts, host);
		if (e)
			return found(e, HOST_SUFFIX);
	}
	if (l->hosts.any)
		return (struct explain_host){l->hosts.any, HOST_ANY, {"*", 1}};
	if (l->fallback)
		return (struct explain_host){l->fallback, HOST_FALLBACK, {"", 0}};
	return (struct explain_host){NULL, HOST_NONE, {"", 0}};
}

static const char *terminated(char buf[HOST_MAX + 1], struct span s)
{
	snprintf(buf, HOST_MAX + 1, "%.*s", (int)s.n, s.p);
	return buf;
}

void explain_say_nearest(const struct listener *l, struct span authority, struct text *out)
{
	char host[HOST_MAX + 1], domain[HOST_MAX + 1], best[HOST_MAX + 1] = "";
	const struct host_table *t = &l->hosts;

	terminated(host, span_of(authority.p, without_port(authority)));
	for (uint32_t i = 0; i < describe_table_size(t->exact_mask); i++) {
		const struct host_entry *e = &t->exact[i];

		if (!e->vhost)
			continue;
		terminated(domain, span_of(e->host, e->len));
		if (nearest_pick(host, *best ? best : NULL, domain) == domain)
			memcpy(best, domain, sizeof(best));
	}
	if (*best)
		text_printf(out, "; the nearest is %s", best);
}

/* ---- listeners ---- */

static bool is_link_local(const struct ip_addr *ip)
{
	return ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

static bool is_own(const struct dataplane_config *cfg, const struct ip_addr *ip)
{
	for (unsigned i = 0; i < cfg->n_ifaces; i++)
		for (unsigned k = 0; k < cfg->ifaces[i].n_addrs; k++)
			if (ip_addr_eq(&cfg->ifaces[i].addrs[k].ip, ip))
				return true;
	return is_link_local(ip);
}

static void say_ports(const struct snapshot *snap, const struct ip_addr *ip, struct text *why)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < snap->n_listener_ids; i++) {
		const struct listener *l = snap->listener_by_id[i];

		if (!l || (ip && !ip_addr_eq(&l->addr.ip, ip)))
			continue;
		if (n++ == 8) {
			text_puts(why, " ...");
			break;
		}
		text_printf(why, "%s%s", n == 1 ? "; there are listeners on " : ", ", l->name);
	}
}

static const struct listener *by_address(const struct admin_state *s, const struct snapshot *snap,
					 const struct explain_request *r, struct text *why)
{
	static const struct ip_addr any;
	const struct listener *l = listener_find(&snap->listeners, &r->to, r->port);
	bool own = is_own(&s->node->dataplane, &r->to);
	struct net_addr to = {r->to, r->port};
	char text[NET_ADDR_STRLEN];

	if (!l && own)
		l = listener_find(&snap->listeners, &any, r->port);
	if (l)
		return l;
	text_printf(why, "nothing listens on %s", net_addr_format(&to, text));
	if (!own)
		text_puts(why, ", which is not an address of this node");
	say_ports(snap, own ? NULL : &r->to, why);
	return NULL;
}

/* How well a listener fits a request whose URL has a name; 0: not at all. */
static unsigned fit(const struct listener *l, const struct explain_request *r)
{
	struct explain_host h;

	if (l->addr.port != r->port)
		return 0;
	h = explain_find_host(l, r->authority);
	if (l->kind == LISTENER_GATEWAY)
		return h.vhost ? 3 : 1;
	return h.vhost == l->fallback && h.found != HOST_FALLBACK ? 2 : 0;
}

static const struct listener *by_name(const struct snapshot *snap, const struct explain_request *r,
				      struct text *why)
{
	const struct listener *best = NULL;
	unsigned best_fit = 0;

	for (uint32_t i = 0; i < snap->n_listener_ids; i++) {
		const struct listener *l = snap->listener_by_id[i];
		unsigned f = l ? fit(l, r) : 0;

		if (f > best_fit) {
			best = l;
			best_fit = f;
		}
	}
	if (best)
		return best;
	text_printf(why, "no gateway listens on port %u, and no service of this name has it",
		    r->port);
	say_ports(snap, NULL, why);
	return NULL;
}

const struct listener *explain_find_listener(const struct admin_state *s,
					     const struct snapshot *snap,
					     const struct explain_request *r, struct text *why)
{
	return r->has_to ? by_address(s, snap, r, why) : by_name(snap, r, why);
}
