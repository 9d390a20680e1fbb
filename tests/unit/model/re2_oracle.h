/* re2_oracle.h - RE2's own opinion of a pattern. */
#pragma once
#include <stdbool.h>

#ifdef __cplusplus
extern "C"
#endif
	bool
	re2_accepts(const char *pattern);
