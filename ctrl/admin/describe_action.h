/* describe_action.h - what a route does besides choosing a cluster, in words. */
#pragma once
#include <weir/route.h>

#include "json.h"

/* Arrays of strings, one an action; empty when there are none. New references. */
json_t *describe_route_actions(const struct route *r);
json_t *describe_target_actions(const struct target_actions *a); /* may be NULL */
