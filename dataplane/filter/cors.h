/* cors.h - cross-origin requests (istio/reference 2.4.10; the Fetch standard's CORS protocol). */
#pragma once
#include <filter/regex.h>
#include <http/exchange.h>
#include <weir/action.h>

enum cors_verdict {
	CORS_PASS,              /* no origin, or one that is not allowed: nothing is added */
	CORS_ALLOWED,           /* the response says so: cors_allow() */
	CORS_PREFLIGHT,         /* answered here: cors_preflight() */
	CORS_UNKNOWN_PREFLIGHT, /* answered here, without permission */
};

enum cors_verdict cors_judge(struct regex_state *re, const struct cors *c,
			     const struct http_head *req);

/* The request's origin; empty when it has none. Lies in req. */
struct slice cors_origin(const struct http_head *req);

/* What the response to an allowed origin says; resp's own fields of these names do not count. */
void cors_allow(const struct cors *c, struct slice origin, struct http_head *resp,
		struct http_extra *extra);

/* Fields of the answer to an allowed preflight. */
void cors_preflight(const struct cors *c, struct slice origin, struct http_extra *extra);
