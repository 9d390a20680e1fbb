/* validate.h - what a decoded object must satisfy (istio/reference), and what it refers to.
 *
 * Object checks are errors and refuse the configuration. A reference to something that does
 * not exist is a warning, as in Istio. */
#pragma once
#include <model/model.h>

/* Checks of one object on its own. */
void validate_resource(const struct resource *r, struct diags *d);

/* Objects of one kind, namespace and name: an error. */
void validate_duplicates(const struct resource_set *s, struct diags *d);

/* Checks between objects, duplicates included, of sorted sets one after the other: what is found
 * once is not looked at again while it and what it refers to stay the same objects. */
struct references;

struct references *references_create(void);
void references_destroy(struct references *x); /* NULL is fine */
/* Reports all that is wrong with a set. Holds its resources until the next one. */
void references_check(struct references *x, const struct resource_set *s, struct diags *d);

/* The same for a single set. */
void validate_references(const struct resource_set *s, struct diags *d);
