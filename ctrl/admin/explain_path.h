/* explain_path.h - the normal form of a path, as the workers make it of a request's before they
 * look for its route (weir/path.h). Written plainly; that it is theirs is tested
 * (tests/unit/match). */
#pragma once
#include <stdbool.h>

#include <weir/path.h>

#include "span.h"

/* A normal form is at most so many times as long. */
#define EXPLAIN_PATH_GROWTH 3

/* path: without the query, begins with "/". out: room for EXPLAIN_PATH_GROWTH times its bytes;
 * *result lies there, or is path itself. False: there is no such form, the request gets 400. */
bool explain_path_normalize(struct span path, enum path_normalization kind, char *out,
			    struct span *result);
