/* explain_match.h - does a condition hold for a request, and what does it look at?
 *
 * The same answers as the workers' own code gives, found in the plainest way: there is no index
 * and no care for time, and that both agree is tested (tests/unit/match). */
#pragma once
#include <weir/route.h>

#include "explain_request.h"

struct evaluation;

/* Borrows both until destroy. NULL: no memory. */
struct evaluation *evaluation_create(const struct vhost *v, const struct explain_request *r);
void evaluation_destroy(struct evaluation *e); /* NULL is fine */

bool evaluation_holds(struct evaluation *e, const struct predicate *p);

/* How many of a route's conditions do not hold; first: the number of the first of those. */
unsigned evaluation_misses(struct evaluation *e, const struct route *r, unsigned *first);

/* What the request has there: "the path is /foo". */
void evaluation_actual(struct evaluation *e, const struct predicate *p, struct text *out);

/* The first route whose conditions all hold; n_routes when there is none. */
uint32_t evaluation_first(struct evaluation *e);
