/* listeners.h - from servers and VIPs to the listeners of the snapshot under construction. */
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

/* Adds a listener, whose id the snapshot then holds. False when the address is taken. */
bool listeners_add(struct build *b, const struct listener *l);
/* Makes the snapshot's table of what was added. */
void listeners_table(struct build *b);

/* Gateway servers that this node serves (reference 2.2, 4). */
void gateway_listeners(struct build *b, const struct registry *reg, const struct bindings *x);
/* VIPs of the registry's services. */
void mesh_listeners(struct build *b, const struct registry *reg, const struct bindings *x);
