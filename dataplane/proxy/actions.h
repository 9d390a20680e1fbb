/* actions.h - what a route does besides forwarding, in the order of Envoy's filters: rate limits,
 * fault, CORS, then the router with its redirects, direct responses, rewrites and header operations
 * (istio/ reference 0.4 steps 7 to 9).
 *
 * Called only for routes that have actions. */
#pragma once
#include <proxy/stream.h>

/* Counts the request against the route's rate limits; true: it is refused, and s is gone. */
bool actions_refuse(struct stream *s);

/* Draws the fault's delay; true: the request is held. */
bool actions_delay(struct stream *s);

/* What comes after the delay. False: the request is answered, and s is gone. */
bool actions_go_on(struct stream *s, struct http_head *h);

/* Rewrites the head that goes upstream. False: what it becomes is too long. */
bool actions_on_request(struct stream *s, struct http_head *h);

/* Rewrites the head that goes to the client. */
void actions_on_response(struct stream *s, struct http_head *h);

/* Adds to px->extra what a reply of the gateway itself says; px->reply is its head. */
void actions_on_reply(struct stream *s);
