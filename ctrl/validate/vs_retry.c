/* vs_retry.c - http[].retries: how often, and after what (reference 2.4.6). */
#include <validate/vs.h>

#include <stdlib.h>
#include <string.h>

struct condition {
	const char *name;
	bool executed;
};

/* The two that are not executed are never met: HTTP/3 only, and not configurable through Istio. */
static const struct condition conditions[] = {
	{"5xx", true},
	{"gateway-error", true},
	{"reset", true},
	{"connect-failure", true},
	{"refused-stream", true},
	{"unavailable", true},
	{"cancelled", true},
	{"reset-before-request", true},
	{"retriable-4xx", true},
	{"retriable-status-codes", true},
	{"retriable-headers", false},
	{"envoy-ratelimited", true},
	{"http3-post-connect-failure", false},
	{"deadline-exceeded", true},
	{"internal", true},
	{"resource-exhausted", true},
};

/* Status codes with a registered meaning, as ranges. */
static bool is_known_status(long code)
{
	static const short ranges[][2] = {{100, 103}, {200, 208}, {226, 226}, {300, 305},
					  {307, 308}, {400, 418}, {421, 426}, {428, 429},
					  {431, 431}, {451, 451}, {500, 508}, {510, 511}};
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	return false;
}

static const struct condition *find_condition(const char *item, size_t len)
{
	static const struct condition status = {"a status code", true};
	size_t i;
	char *end;
	long code;

	for (i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
		if (strlen(conditions[i].name) == len &&
		    strncmp(conditions[i].name, item, len) == 0)
			return &conditions[i];
	if (len == 3 && item[0] >= '1' && item[0] <= '5') {
		code = strtol(item, &end, 10);
		if (end == item + len && is_known_status(code))
			return &status;
	}
	return NULL;
}

static void check_retry_on(struct check *c, const char *list)
{
	size_t mark = check_field(c, "retryOn");

	for (; list && *list; list += *list == ',') {
		size_t len = strcspn(list, ",");
		const struct condition *found = find_condition(list, len);

		if (!found)
			check_report(c, DIAG_VS_RETRY_ON, "\"%.*s\" is no condition to retry on%s",
				     (int)len, list,
				     memchr(list, ' ', len) ? ": write the list without blanks"
							    : "");
		else if (!found->executed)
			check_report(c, DIAG_NO_EFFECT,
				     "retryOn %.*s is accepted and has no effect in this version",
				     (int)len, list);
		list += len;
	}
	check_leave(c, mark);
}

void check_retries(struct check *c, const struct http_retry *r)
{
	size_t outer, mark;

	if (!r)
		return;
	outer = check_field(c, "retries");
	mark = check_field(c, "attempts");
	if (r->attempts < 0)
		check_report(c, DIAG_VS_RETRY_ATTEMPTS, "attempts is %d: 0 is the least",
			     r->attempts);
	if (r->attempts == 0 &&
	    (r->has_per_try_timeout || r->has_remote_localities || (r->retry_on && *r->retry_on)))
		check_report(c, DIAG_VS_RETRY_DISABLED,
			     "attempts 0 switches retries off: leave the other fields out, or "
			     "give a number");
	check_leave(c, mark);
	check_retry_on(c, r->retry_on);
	check_leave(c, outer);
}
