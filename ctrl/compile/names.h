/* names.h - hosts, gateway references and visibility as Istio resolves them (reference 1.2,
 * 1.3). Results live in the given arena or are borrowed from the arguments. */
#pragma once
#include <model/model.h>

#define ROOT_NAMESPACE "istio-system"
#define CLUSTER_DOMAIN "cluster.local"
#define GATEWAY_MESH   "mesh"

const char *name_lower(struct arena *a, const char *s);

/* "reviews" in namespace ns -> "reviews.ns.svc.cluster.local"; a name with a dot, a wildcard
 * and an IP address are complete already. Lower case. */
const char *name_expand_host(struct arena *a, const char *host, const char *ns);

/* "gw", "./gw", "ns/gw" and the old "gw.ns.svc..." -> "ns/gw"; "mesh" stays. */
const char *name_expand_gateway(struct arena *a, const char *ref, const char *ns);

static inline bool name_is_wildcard(const char *host)
{
	return host[0] == '*';
}

/* "*.foo.com" covers a.foo.com, a.b.foo.com and *.a.foo.com, not foo.com. */
bool name_host_covers(const char *pattern, const char *host);

/* The one of two hosts that the other covers; NULL when they have nothing in common. */
const char *name_narrower(const char *x, const char *y);

/* How an object of namespace ns is visible from namespace `to`: the order in which a gateway
 * takes VirtualServices (2.2 step 1), which is the order of these. */
enum name_visibility { VISIBLE_PRIVATE, VISIBLE_NAMED, VISIBLE_PUBLIC, VISIBLE_NOT };

enum name_visibility name_visibility(const struct string_list *export_to, const char *ns,
				     const char *to);

/* "outbound|9080|v1|reviews.default.svc.cluster.local"; subset may be NULL. */
const char *name_cluster(struct arena *a, const char *host, uint32_t port, const char *subset);

/* "VirtualService default/reviews", for diagnostics. */
const char *name_resource(struct arena *a, const struct resource *r);
