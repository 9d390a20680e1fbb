/* tcp_route.h - where a listener's connections go whose bytes nobody reads (istio/reference 2.9).
 *
 * What a match asks for is decided when it is compiled: one route is left of a listener. */
#pragma once
#include <weir/route.h>

struct tcp_route {
	struct split split; /* the first target's cluster says how long connections last */
	struct route_origin origin;
};
