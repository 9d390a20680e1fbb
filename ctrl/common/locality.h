/* locality.h - "region/zone/subzone", and patterns of it that end in "*" (istio/reference 3.4). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define LOCALITY_PARTS 3u /* region, zone, subzone */

/* The n-th part of a locality, its length at *len; NULL and 0 when it has not so many. */
const char *locality_part(const char *locality, unsigned n, size_t *len);

/* How many leading parts two localities have in common, of the parts of a. */
unsigned locality_common(const char *a, const char *b);

/* "r1" covers what is in r1, so does "r1" with a last part "*"; "*" covers everything, and
 * "r1/z1/s1" itself. */
bool locality_covers(const char *pattern, const char *locality);

/* Is there a locality that both cover? */
bool locality_overlap(const char *a, const char *b);
