/* nearest.h - the known word that a misspelt one most likely means. */
#pragma once
#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours, without regard to case, that
 * turn a into b; long words are compared on their first 48 bytes. */
unsigned nearest_distance(const char *a, const char *b);

/* Keeps the better of `best` (may be NULL) and `candidate` for `word`; candidates that are
 * nothing like it are not kept. Call for every known word. */
const char *nearest_pick(const char *word, const char *best, const char *candidate);
