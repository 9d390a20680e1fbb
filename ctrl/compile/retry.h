/* retry.h - HTTPRetry to a retry policy (istio/reference 2.4.6). */
#pragma once
#include <compile/build.h>

/* retries NULL: the era's default. The result's parts live as long as the build. */
struct retry_policy retry_plan(struct build *b, const struct http_retry *retries);
void retry_key(struct cache_key *k, const struct retry_policy *p);
struct retry_policy retry_copy(struct arena *a, const struct retry_policy *p);
