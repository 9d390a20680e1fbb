/* head_check.h - parses a head at a guard page, whole and at every cut, and says in one line
 * what came out, so that a case is a row of input and expectation. */
#pragma once
#include <http/h1.h>

#include "guard.h"

#define CHECK_TEXT 1024

enum check_kind { CHECK_REQUEST, CHECK_RESPONSE };

struct check {
	enum check_kind kind;
	enum http_method method; /* the request's, for a response */
	struct h1_limits limits;
	struct guard guard;
};

/* The outcome of parsing p[0..n): bytes used or error, and the line that describes the head.
 *
 * Request: "GET /path authority framing"; response: "200 framing". Framing is "none", "len=N",
 * "chunked" or "close". Then, where they hold: " has=N" (a Content-Length that is not the
 * framing), " close" (not kept alive), " continue", " upgrade", " ws", " trailers", and
 * " hop:name" for each field that is marked and is not marked by its name alone. */
int check_parse(struct check *c, const char *p, size_t n, char *text);

/* Parses whole, after a cut at every place, and byte by byte; all must agree. A refused input
 * should end with a line end, before which a later call need not look. */
int check_everywhere(struct check *c, const char *p, size_t n, char *text);
