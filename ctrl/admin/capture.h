/* capture.h - /api/v1/capture: one capture at a time, bounded in packets and time, answered as
 * a pcapng file when it is through. */
#pragma once
#include <weir/capture.h>

#include "state.h"
#include "text.h"

struct capture_session;

/* The query's parameters as written; NULL for those that are absent. */
struct capture_request {
	const char *filter;  /* see capture_filter.h; default: everything */
	const char *packets; /* 1 to CAPTURE_PACKETS_MAX, default 1000 */
	const char *seconds; /* 1 to 60, default 5 */
	const char *keep;    /* "last" (default) or "first": then it ends when it is full */
};

/* Starts one. On failure returns NULL and a sentence in err. */
struct capture_session *capture_start(const struct admin_state *s, const struct capture_request *r,
				      uint64_t now_us, char *err, size_t err_len);

/* Milliseconds until it has to be looked at again; 0: it is through. */
unsigned capture_left_ms(const struct capture_session *c, uint64_t now_us);

/* Takes it back from the workers; what it has is written as pcapng. out may be NULL. */
void capture_finish(struct capture_session *c, struct text *out);
