/* retry.h - HTTPRetry to a retry policy (istio/reference 2.4.6). */
#pragma once
#include <compile/build.h>

/* retries NULL: the era's default. vs and rule say where it is written. */
struct retry_policy retry_plan(struct build *b, const struct resource *vs, uint32_t rule,
			       const struct http_retry *retries);
