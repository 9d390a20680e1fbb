/* re2_match.h - RE2 itself, set up as Envoy does: the judge of the engines that weir uses. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct re2_pattern;

#ifdef __cplusplus
extern "C" {
#endif
struct re2_pattern *re2_create(const char *pattern); /* NULL: RE2 does not accept it */
void re2_destroy(struct re2_pattern *p);
bool re2_full_match(const struct re2_pattern *p, const char *text, size_t n);
#ifdef __cplusplus
}
#endif
