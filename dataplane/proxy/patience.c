/* patience.c - owns the headers by which clients ask for limits. */
#include <proxy/patience.h>

#define DIGITS_MAX 18 /* fit into 64 bits */

#define ASKS                                                                                       \
	(1u << HTTP_FIELD_GRPC_TIMEOUT | 1u << HTTP_FIELD_X_ENVOY_TIMEOUT |                        \
	 1u << HTTP_FIELD_X_ENVOY_PER_TRY_TIMEOUT | 1u << HTTP_FIELD_X_ENVOY_MAX_RETRIES)

/* Leading digits; *used of them. False when there are none, or too many. */
static bool parse_digits(struct slice s, uint64_t *value, uint32_t *used)
{
	uint32_t i = 0;

	*value = 0;
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
		if (i == DIGITS_MAX)
			return false;
		*value = *value * 10 + (uint64_t)(s.p[i] - '0');
	}
	*used = i;
	return i > 0;
}

/* The whole number in a field; false when there is no such field, or something else in it. */
static bool asked_number(const struct http_head *h, enum http_field_id id, uint64_t *value)
{
	const struct http_field *f = http_find(h, id);
	uint32_t used;

	return f && parse_digits(f->value, value, &used) && used == f->value.n;
}

/* gRPC's "TimeoutValue TimeoutUnit" in microseconds, rounded up; 0 when it is malformed. */
static uint64_t grpc_timeout_us(struct slice s)
{
	static const struct {
		char unit;
		uint64_t us;
	} units[] = {{'H', 3600000000}, {'M', 60000000}, {'S', 1000000}, {'m', 1000}, {'u', 1}};
	uint64_t value;
	uint32_t used;

	/* At most eight digits, says gRPC's protocol. */
	if (!parse_digits(s, &value, &used) || used > 8 || used + 1 != s.n)
		return 0;
	if (s.p[used] == 'n')
		return (value + 999) / 1000;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (s.p[used] == units[i].unit)
			return value * units[i].us;
	return 0;
}

static __attribute__((noinline)) void ask(struct stream *s, const struct http_head *h)
{
	const struct http_field *grpc = http_find(h, HTTP_FIELD_GRPC_TIMEOUT);
	uint64_t n, us = s->grpc && grpc ? grpc_timeout_us(grpc->value) : 0;

	if (us && (!s->timeout_us || us < s->timeout_us))
		s->timeout_us = us;
	if (s->external)
		return;
	if (asked_number(h, HTTP_FIELD_X_ENVOY_TIMEOUT, &n) && n <= UINT32_MAX)
		s->timeout_us = n * 1000;
	if (asked_number(h, HTTP_FIELD_X_ENVOY_PER_TRY_TIMEOUT, &n) && n <= UINT32_MAX)
		s->try_timeout_us = n * 1000;
	if (asked_number(h, HTTP_FIELD_X_ENVOY_MAX_RETRIES, &n) && n <= UINT32_MAX)
		s->attempts = (uint32_t)n;
}

void patience_set(struct stream *s, const struct http_head *h)
{
	s->timeout_us = s->route->timeout_us;
	s->try_timeout_us = s->route->retry.per_try_timeout_us;
	s->attempts = s->route->retry.attempts;
	if (unlikely(h->seen & ASKS))
		ask(s, h);
	/* Then it could only come too late. */
	if (s->timeout_us && s->try_timeout_us >= s->timeout_us)
		s->try_timeout_us = 0;
}
