/* statuses.h - sets of HTTP statuses as they are written: "200-399,404". */
#pragma once
#include <stdbool.h>

#include <weir/status_set.h>

/* Single statuses and ranges, blanks around them allowed, each from 100 to 599. False when text is
 * anything else, or empty. */
bool statuses_parse(const char *text, struct status_set *out);
