/* retry.h - what is worth another try, and when (istio/reference 2.4.6). */
#pragma once
#include <http/message.h>
#include <upstream/upstream.h>
#include <weir/route.h>

/* Bits of enum retry_on that an outcome stands for. */

/* sent: some of the request had been written to the upstream. */
uint32_t retry_on_failure(enum upstream_failure why, bool sent);
/* A limit per try was reached. */
uint32_t retry_on_timeout(void);
/* Also the policy has a say: a rate-limited response is retried only where it says so. */
uint32_t retry_on_response(const struct retry_policy *r, const struct http_head *h);

/* Microseconds before try number `tries` + 1: full jitter over a span that doubles. */
uint64_t retry_backoff_us(const struct retry_policy *r, uint32_t tries, uint64_t random);

/* May a response or a reset make this policy repeat a request whose body is on its way? Then the
 * body is worth keeping. grpc: the request is one. refused_late: the upstream may refuse a request
 * that it has some of. */
bool retry_keeps_body(const struct retry_policy *r, bool grpc, bool refused_late);
