/* pattern_plain.h - regular expressions that any engine matches in one pass.
 *
 * A sequence of characters and classes, each once or repeated by *, + or ?, where a repeated one
 * has nothing in common with what may follow it: there is never a choice to take back. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PATTERN_LITERAL_MAX 256u

bool pattern_is_plain(const char *pattern);

/* The bytes that each of its matches begins with: their number. 0 also when it is not plain. */
uint32_t pattern_literal(const char *pattern, char literal[PATTERN_LITERAL_MAX]);
