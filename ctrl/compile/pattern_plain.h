/* pattern_plain.h - regular expressions that any engine matches in one pass.
 *
 * A sequence of characters and classes, each once or repeated by *, + or ?, where a repeated one
 * has nothing in common with what may follow it: there is never a choice to take back. */
#pragma once
#include <stdbool.h>

bool pattern_is_plain(const char *pattern);
