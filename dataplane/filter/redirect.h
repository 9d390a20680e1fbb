/* redirect.h - where a redirect points to (istio/reference 2.4.2). */
#pragma once
#include <filter/path.h>
#include <filter/view.h>

/* The value of Location; empty when there is no room in v->scratch. scheme: the request's. */
struct slice redirect_location(const struct filter_view *v, struct regex_state *re,
			       const struct redirect *r, struct slice scheme);
