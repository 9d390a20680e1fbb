/* retry.c - owns the words of retryOn and the defaults. */
#include <compile/retry.h>

#include <ctype.h>
#include <stdlib.h>

#define BACKOFF_US 25000
#define ATTEMPTS   2
#define RETRY_DEFAULT                                                                              \
	(RETRY_CONNECT_FAILURE | RETRY_REFUSED_STREAM | RETRY_GRPC_UNAVAILABLE |                   \
	 RETRY_GRPC_CANCELLED)

static const struct {
	const char *name;
	uint32_t bits;
} conditions[] = {
#define X(id, name) {name, RETRY_##id},
	RETRY_CONDITIONS(X)
#undef X
		{"http3-post-connect-failure", 0}, /* HTTP/3 only */
	{"retriable-headers", 0},                  /* not configurable through Istio: never */
};

static uint32_t condition_bits(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
		if (strlen(conditions[i].name) == len && memcmp(conditions[i].name, word, len) == 0)
			return conditions[i].bits;
	return 0;
}

/* A status code among the words is one to retry on. */
static void add_status(struct build *b, struct retry_policy *p, unsigned long status)
{
	struct status_set *set = (struct status_set *)p->statuses;

	if (status >= STATUS_SET_MAX)
		return;
	if (!set)
		p->statuses = set = arena_alloc(b->tmp, sizeof(*set));
	status_set_add(set, (unsigned)status);
	p->on |= RETRY_STATUS;
}

static void parse_retry_on(struct build *b, const char *list, struct retry_policy *p)
{
	for (;;) {
		size_t len;

		list += strspn(list, " \t,");
		len = strcspn(list, " \t,");
		if (len == 0)
			return;
		if (isdigit((unsigned char)*list) && len == strspn(list, "0123456789"))
			add_status(b, p, strtoul(list, NULL, 10));
		else
			p->on |= condition_bits(list, len);
		list += len;
	}
}

struct retry_policy retry_plan(struct build *b, const struct http_retry *retries)
{
	struct retry_policy p = {.backoff_us = BACKOFF_US};

	if (!retries) {
		p.attempts = b->c->compat_08 ? 0 : ATTEMPTS;
		p.on = b->c->compat_08 ? 0 : RETRY_DEFAULT;
		return p;
	}
	if (retries->attempts <= 0)
		return p;
	p.attempts = (uint32_t)retries->attempts;
	p.per_try_timeout_us = retries->per_try_timeout_us;
	p.same_hosts = retries->has_ignore_previous_hosts && !retries->ignore_previous_hosts;
	if (retries->retry_on && retries->retry_on[0])
		parse_retry_on(b, retries->retry_on, &p);
	else
		p.on = RETRY_DEFAULT;
	if (retries->backoff_us)
		p.backoff_us = retries->backoff_us;
	return p;
}

void retry_key(struct cache_key *k, const struct retry_policy *p)
{
	static const struct status_set none;
	const struct status_set *set = p->statuses ? p->statuses : &none;

	cache_key_number(k, (uint64_t)p->attempts << 32 | p->on);
	cache_key_number(k, p->backoff_us);
	cache_key_number(k, p->per_try_timeout_us << 1 | p->same_hosts);
	for (size_t i = 0; i < sizeof(set->bits) / sizeof(set->bits[0]); i++)
		cache_key_number(k, set->bits[i]);
}

struct retry_policy retry_copy(struct arena *a, const struct retry_policy *p)
{
	struct retry_policy copy = *p;
	struct status_set *set;

	if (p->statuses) {
		set = arena_alloc(a, sizeof(*set));
		*set = *p->statuses;
		copy.statuses = set;
	}
	return copy;
}
