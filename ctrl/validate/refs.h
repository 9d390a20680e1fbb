/* refs.h - the checks between objects: of one object against all others, and of all together. */
#pragma once
#include <validate/check.h>
#include <validate/registry.h>

/* Destinations, Gateways and hosts that one object names. */
void refs_resource(const struct registry *reg, const struct resource *r, struct diags *d);

/* VirtualServices of the mesh that claim one host. */
void refs_mesh_hosts(const struct registry *reg, struct arena *scratch, struct diags *d);
