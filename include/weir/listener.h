/* listener.h - where connections are accepted, and which virtual hosts they see. */
#pragma once
#include <stdbool.h>

#include <weir/abi.h>
#include <weir/addr.h>
#include <weir/route.h>
#include <weir/tcp_route.h>

/* Host lookup (istio/reference 0.4 step 4): exact, then longest "*.suffix", then "*".
 * Keys are lower case, without port. Open addressing, empty when vhost is NULL. */
struct host_entry {
	const char *host; /* exact: the name; suffix: ".example.com" */
	uint32_t len;
	uint32_t hash; /* match_hash() */
	const struct vhost *vhost;
};

struct host_table {
	const struct host_entry *exact, *suffix;
	uint32_t exact_mask, suffix_mask; /* size-1; 0 = no table */
	const struct vhost *any;          /* host "*"; may be NULL */
};

enum listener_kind {
	LISTENER_GATEWAY, /* a Gateway server: matches only the node's own addresses */
	LISTENER_MESH,    /* a registry service's VIP: matches traffic routed through the node */
};

/* Client connections of a listener whose number is limited. Outlives snapshots, by the listener's
 * name, as long as a connection is counted. Workers change it, with atomics. */
struct conn_count {
	uint32_t open;
	uint64_t adopted; /* workers that have counted those they had before, a bit each */
} WEIR_CACHE_ALIGNED;

struct listener {
	uint32_t id; /* stable over snapshots */
	uint32_t gen;
	struct net_addr addr; /* ip all zero: any (own) address */
	uint8_t kind;         /* enum listener_kind */
	bool proxy_protocol;  /* each connection begins with a header of the PROXY protocol */
	const char *name;     /* "198.18.0.2:80" or "10.96.0.10:9080" */
	struct host_table hosts;
	/* Mesh: the VIP's own virtual host, used when Host names no service of the port. */
	const struct vhost *fallback;
	uint32_t max_connections; /* with count: over all workers; those beyond are reset */
	struct conn_count *count; /* NULL: no limit */
	/* Where its connections go, of which nothing is read; NULL: HTTP is spoken. */
	const struct tcp_route *tcp;
};

/* All listeners, hashed by address and port. */
struct listener_table {
	uint32_t n;
	const struct listener *const *slots; /* open addressing; NULL = empty */
	uint32_t mask;
};

static inline uint32_t listener_hash(const struct ip_addr *ip, uint16_t port)
{
	return (uint32_t)ip_addr_hash(ip, port);
}

/* Exactly this address and port (ip may be all zero for the any-address listener);
 * NULL when there is none. */
static inline const struct listener *listener_find(const struct listener_table *t,
						   const struct ip_addr *ip, uint16_t port)
{
	if (t->n == 0)
		return NULL;
	for (uint32_t i = listener_hash(ip, port) & t->mask; t->slots[i]; i = (i + 1) & t->mask)
		if (t->slots[i]->addr.port == port && ip_addr_eq(&t->slots[i]->addr.ip, ip))
			return t->slots[i];
	return NULL;
}
