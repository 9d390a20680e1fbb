/* regex.h - is this RE2 syntax?
 *
 * Istio's patterns are RE2; ours are compiled by an engine that knows more (look-around,
 * back-references, possessive quantifiers) and, in places, less. A pattern that RE2 would
 * refuse must be refused here, or it would work on this gateway alone. */
#pragma once
#include <stddef.h>

#define REGEX_MAX 1024 /* bytes of a pattern, by Istio's validation */

/* NULL when the pattern is RE2 syntax; otherwise what is wrong, with the offset in *at. */
const char *regex_problem(const char *pattern, size_t *at);

/* How many groups of a valid pattern capture. */
unsigned regex_groups(const char *pattern);
