/* explain.h - what the workers would do with a request, and why: /api/v1/explain. */
#pragma once
#include "query.h"
#include "state.h"
#include "text.h"

/* Writes a JSON object: the request as understood, its listener, virtual host and route, the
 * routes before it with the first condition of each that does not hold, and what comes of it.
 * misses=N limits those; without it the MISSES_DEFAULT nearest are told. False: out has a
 * sentence that says what is wrong with the question (explain_request.h). */
bool explain(const struct admin_state *s, const struct query *q, struct text *out);

#define EXPLAIN_MISSES_DEFAULT 10
