/* tcp_route.h - VirtualService tcp[] of Gateway servers (istio/reference 2.9): which rule a port
 * has, compiled. Holds the ids of its clusters and of its split, as long as the layout. */
#pragma once
#include <compile/route.h>

/* The first rule of vs that counts for the server that scope is of; UINT32_MAX: none does. */
uint32_t tcp_route_rule(struct build *b, const struct resource *vs,
			const struct route_scope *scope);

/* Rule number rule of vs, in memory of b->tmp. NULL: it leads nowhere (reported). */
const struct tcp_route *tcp_route_compile(struct build *b, const struct resource *vs, uint32_t rule,
					  const struct route_scope *scope);
void tcp_route_put(struct compiler *c, const struct tcp_route *r);
