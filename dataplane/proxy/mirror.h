/* mirror.h - copies of requests to other clusters (istio/reference 2.4.8).
 *
 * A copy is a stream of its own whose client end swallows the response: it shares the request's
 * bytes by reference and nothing else, so that a slow or dead mirror is no matter to the request.
 * What does not fit into its share of memory is dropped and counted, and a cluster that refuses
 * connections is asked again after a rest only: each of them costs the worker more than a request
 * that is served. Nobody waits for a copy, so that it is begun after a pass has sent all that is
 * waited for, and so are the events of its connection. */
#pragma once
#include <proxy/stream.h>

/* Makes those that are drawn, to be begun when there is time; h: the request's head, on its way
 * upstream. */
void mirror_begin(struct stream *s, const struct http_head *h);

/* Begins a copy that was put off. */
void mirror_go(struct stream *copy);

/* Body of a request with copies; data stays the caller's. */
void mirror_data(struct stream *s, const struct mbq *data);
void mirror_end(struct stream *s);

/* s, a request with copies or a copy, is about to be over. Copies that have all of their request
 * go on by themselves. */
void mirror_leave(struct stream *s);

/* The body that waited for a copy's upstream. */
void mirror_take_pending(struct stream *copy, struct mbq *data);

/* The copy's connection was not made; or it was, and the head is sent. */
void mirror_refused(struct stream *copy);
void mirror_reached(struct stream *copy);

/* The host that a copy is sent to. False when there is no room for it. */
bool mirror_host(struct stream *copy, struct http_head *h);
