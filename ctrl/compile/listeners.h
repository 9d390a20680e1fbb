/* listeners.h - from servers and VIPs to the listeners of a layout. */
#pragma once
#include <compile/hosts.h>
#include <compile/route.h>

/* VirtualServices by what they are bound to, each list in the order in which they count. */
struct bindings {
	struct map by_gateway; /* "ns/name" or "mesh" -> struct list of struct resource */
};

void bindings_init(struct bindings *x, struct build *b);
void bindings_fini(struct bindings *x);
const struct list *bindings_of(const struct bindings *x, const char *gateway); /* may be NULL */

/* Gateway servers that this node serves (reference 2.2, 4). */
void gateway_listeners(struct build *b, const struct bindings *x);
/* VIPs of the registry's services. */
void mesh_listeners(struct build *b, const struct bindings *x);
