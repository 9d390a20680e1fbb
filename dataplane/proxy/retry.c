/* retry.c - owns the meaning of every condition of retryOn. */
#include <proxy/retry.h>

#include <rte_common.h>

/* A wait is at most this many times its base. */
#define BACKOFF_CAP 10

uint32_t retry_on_timeout(void)
{
	return RETRY_RESET | RETRY_5XX | RETRY_GATEWAY_ERROR;
}

uint32_t retry_on_failure(enum upstream_failure why, bool sent)
{
	uint32_t no_response = RETRY_RESET | RETRY_5XX | RETRY_GATEWAY_ERROR;

	if (!sent)
		no_response |= RETRY_RESET_BEFORE_REQUEST;
	switch (why) {
	case UPSTREAM_CONNECT_REFUSED:
	case UPSTREAM_CONNECT_TIMEOUT:
		return no_response | RETRY_CONNECT_FAILURE;
	case UPSTREAM_RESET:
	case UPSTREAM_CANCELLED:
		return no_response;
	case UPSTREAM_REFUSED:
	case UPSTREAM_UNPROCESSED:
		return no_response | RETRY_REFUSED_STREAM;
	case UPSTREAM_PROTOCOL:
	case UPSTREAM_NO_MEMORY:
	case UPSTREAM_OVERFLOW:
	case UPSTREAM_NO_UPGRADE:
		break;
	}
	return 0;
}

static const struct http_field *find(const struct http_head *h, struct slice name)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_FIELD_OTHER && slice_eq_nocase(h->fields[i].name, name))
			return &h->fields[i];
	return NULL;
}

/* A response that is all head says its gRPC status there; one that fails later has begun. */
static uint32_t grpc_conditions(const struct http_head *h)
{
	static const struct {
		const char *status;
		uint32_t condition;
	} conditions[] = {
		{"1", RETRY_GRPC_CANCELLED},          {"4", RETRY_GRPC_DEADLINE_EXCEEDED},
		{"8", RETRY_GRPC_RESOURCE_EXHAUSTED}, {"13", RETRY_GRPC_INTERNAL},
		{"14", RETRY_GRPC_UNAVAILABLE},
	};
	const struct http_field *f = find(h, SLICE("grpc-status"));

	for (size_t i = 0; f && i < RTE_DIM(conditions); i++)
		if (slice_eq(f->value, slice_str(conditions[i].status)))
			return conditions[i].condition;
	return 0;
}

static uint32_t status_conditions(const struct retry_policy *r, uint16_t status)
{
	uint32_t c = 0;

	if (status >= 500)
		c |= RETRY_5XX;
	if (status >= 502 && status <= 504)
		c |= RETRY_GATEWAY_ERROR;
	if (status == 409)
		c |= RETRY_RETRIABLE_4XX;
	if (r->statuses && status_set_has(r->statuses, status))
		c |= RETRY_STATUS;
	return c;
}

uint32_t retry_on_response(const struct retry_policy *r, const struct http_head *h)
{
	uint32_t c = status_conditions(r, h->status);

	if (r->on & RETRY_GRPC)
		c |= grpc_conditions(h);
	/* Who limits does not want more of the same, unless the policy says so. */
	if ((c & r->on || r->on & RETRY_RATELIMITED) && find(h, SLICE("x-envoy-ratelimited")))
		return r->on & RETRY_RATELIMITED;
	return c;
}

uint64_t retry_backoff_us(const struct retry_policy *r, uint32_t tries, uint64_t random)
{
	uint64_t base = r->backoff_us, span = base << RTE_MIN(tries - 1, 16u);

	span = RTE_MIN(span, base * BACKOFF_CAP);
	return span ? random % span : 0;
}

bool retry_keeps_body(const struct retry_policy *r, bool grpc, bool refused_late)
{
	/* Those happen before the body is asked for. */
	uint32_t on = r->on & ~(uint32_t)(RETRY_CONNECT_FAILURE | RETRY_RESET_BEFORE_REQUEST |
					  (refused_late ? 0 : RETRY_REFUSED_STREAM));

	return r->attempts && on & (grpc ? UINT32_MAX : ~(uint32_t)RETRY_GRPC);
}
