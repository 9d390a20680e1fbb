/* literal.h - which path expressions are filed under the text that all their matches begin with.
 *
 * Such an expression is run alone, and only for paths that begin like it: a virtual host can have
 * as many of them as prefixes. What it costs is bounded: no path begins like more than
 * LITERAL_CROWD of them, and their texts have at most LITERAL_LENS_MAX lengths. All others are
 * scanned for together (pattern.h). */
#pragma once
#include <compile/list.h>

#define LITERAL_CROWD    4u
#define LITERAL_LENS_MAX 16u

/* Sets cond.literal of the path expressions of these routes (struct route_plan). */
void literals_choose(struct arena *tmp, const struct list *routes);
