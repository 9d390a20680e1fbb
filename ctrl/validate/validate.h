/* validate.h - what a decoded object must satisfy (istio/reference), and what it refers to.
 *
 * Object checks are errors and refuse the configuration. A reference to something that does
 * not exist is a warning, as in Istio. */
#pragma once
#include <model/model.h>

/* Checks of one object on its own. */
void validate_resource(const struct resource *r, struct diags *d);

/* Checks between objects, of a sorted set. */
void validate_references(const struct resource_set *s, struct diags *d);
