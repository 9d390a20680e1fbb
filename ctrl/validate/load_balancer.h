/* load_balancer.h - the checks of a DestinationRule's loadBalancer (reference 3.3 and 3.4). */
#pragma once
#include <validate/check.h>

/* The path is that of the policy. */
void check_load_balancer(struct check *c, const struct traffic_policy *p);
