/* patience.h - how long a request may take and how often it may be tried: what its route says, and
 * what a client that is trusted asks for instead (Envoy's x-envoy-* request headers; gRPC's
 * grpc-timeout, istio/reference 2.4.5). */
#pragma once
#include <proxy/stream.h>

/* Sets timeout_us, try_timeout_us and attempts of a stream that has a route. */
void patience_set(struct stream *s, const struct http_head *h);
