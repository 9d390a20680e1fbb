/* path.h - paths rewritten (istio/reference 2.4.4). */
#pragma once
#include <base/scratch.h>
#include <filter/regex.h>
#include <weir/action.h>

/* path without its query, changed; the query is the caller's. The result lies in scratch, path or
 * the rewrite; its p is NULL when there is no room. */
struct slice path_change(struct regex_state *re, struct scratch *scratch,
			 const struct path_rewrite *w, struct slice path);
