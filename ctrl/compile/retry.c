/* retry.c - owns the words of retryOn that the workers execute. */
#include <compile/retry.h>

#define BACKOFF_US    25000
#define ATTEMPTS      2
#define RETRY_DEFAULT (RETRY_CONNECT_FAILURE | RETRY_REFUSED_STREAM)

/* The conditions on gRPC statuses and HTTP/3 of the default list cannot occur on HTTP/1.1
 * and mean nothing here; the others of bits == 0 could and are named to the user. */
static const struct {
	const char *name;
	uint32_t bits;
	bool silent;
} conditions[] = {
	{"5xx", RETRY_5XX, false},
	{"gateway-error", RETRY_GATEWAY_ERROR, false},
	{"reset", RETRY_RESET, false},
	{"connect-failure", RETRY_CONNECT_FAILURE, false},
	{"refused-stream", RETRY_REFUSED_STREAM, false},
	{"unavailable", 0, true},
	{"cancelled", 0, true},
	{"deadline-exceeded", 0, true},
	{"internal", 0, true},
	{"resource-exhausted", 0, true},
	{"http3-post-connect-failure", 0, true},
	{"retriable-headers", 0, true}, /* not configurable through Istio: never */
};

/* Bits of one condition; false when the workers do not know it. */
static bool find_condition(const char *word, size_t len, uint32_t *bits)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		if (strlen(conditions[i].name) != len || memcmp(conditions[i].name, word, len) != 0)
			continue;
		*bits |= conditions[i].bits;
		return conditions[i].bits || conditions[i].silent;
	}
	return false;
}

static uint32_t parse_retry_on(struct build *b, const struct resource *vs, uint32_t rule,
			       const struct http_retry *r)
{
	const char *p = r->retry_on;
	uint32_t bits = 0;

	for (;;) {
		size_t len;

		p += strspn(p, " \t,");
		len = strcspn(p, " \t,");
		if (len == 0)
			return bits;
		if (!find_condition(p, len, &bits))
			build_report(b, PROBLEM_NOT_EXECUTED, vs, r->pos,
				     arena_printf(b->tmp, "spec.http[%u].retries.retryOn", rule),
				     "\"%.*s\" has no effect in this version", (int)len, p);
		p += len;
	}
}

struct retry_policy retry_plan(struct build *b, const struct resource *vs, uint32_t rule,
			       const struct http_retry *retries)
{
	struct retry_policy p = {.backoff_us = BACKOFF_US};

	if (!retries) {
		p.attempts = b->c->compat_08 ? 0 : ATTEMPTS;
		p.on = b->c->compat_08 ? 0 : RETRY_DEFAULT;
		return p;
	}
	if (retries->attempts <= 0)
		return p;
	if (retries->has_per_try_timeout)
		build_report(b, PROBLEM_NOT_EXECUTED, vs, retries->pos,
			     arena_printf(b->tmp, "spec.http[%u].retries.perTryTimeout", rule),
			     "a limit per try has no effect in this version");
	p.attempts = (uint32_t)retries->attempts;
	p.on = RETRY_DEFAULT;
	if (retries->retry_on && retries->retry_on[0])
		p.on = parse_retry_on(b, vs, rule, retries);
	if (retries->backoff_us)
		p.backoff_us = retries->backoff_us;
	return p;
}
