/* attempt.h - the tries of one request: which endpoint, how the request gets there, and what
 * follows when it gave no answer (reference 2.4.6). */
#pragma once
#include <proxy/reply.h>
#include <proxy/stream.h>

/* h: the parsed head, or NULL when it must be parsed again; fresh: not over a pooled connection.
 * True when the head is sent and the body may follow; false: not yet, or the exchange is over. */
bool attempt_begin(struct stream *s, struct http_head *h, bool fresh);
/* Sends the request, as far as it is there, to the upstream connection that s has. False: the
 * exchange is over, or waits for another try. */
bool attempt_send(struct stream *s, struct http_head *h);
/* The request is complete. False: as above. */
bool attempt_end_request(struct stream *s);

/* Gives up this try for another one later, if the policy wants one for what has happened, the
 * request can be repeated and its time is not over before that. */
bool attempt_repeat(struct stream *s, uint32_t condition);
/* The upstream connection is gone before its response was complete. */
void attempt_lost(struct stream *s, enum upstream_failure why);
/* Its time is over. A response that has begun may take as long as all of it may. */
void attempt_give_up(struct stream *s);

/* Flag URX: the last of several tries ended like those before it. */
void attempt_note_exhausted(struct stream *s, uint32_t condition);
/* The endpoint gave no answer, or not all of it. */
void attempt_note_failure(struct stream *s);
