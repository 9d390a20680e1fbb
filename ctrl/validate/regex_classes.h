/* regex_classes.h - the names that RE2 knows between \p{ } and between [: :]. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

bool regex_class_exists(const char *name, size_t len);
bool regex_posix_exists(const char *name, size_t len);
