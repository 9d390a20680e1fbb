/* transform.h - what changes in heads on their way through (istio/reference 4.6).
 *
 * Fields that must not pass are marked hop by hop in place; fields to add are collected in
 * px->extra, whose values live in px's scratch until the next head. */
#pragma once
#include <proxy/stream.h>

/* Called again for each try. False: what the route makes of the head is too long. */
bool transform_request(struct stream *s, struct http_head *h);
void transform_response(struct stream *s, struct http_head *h);

/* Fields of every response, local ones included: server, date. */
void transform_common(struct proxy *px, const struct http_head *h);

#define UUID_LEN 36

/* The request's id as it travels: the client's own when it is kept, else the generated one.
 * buf: UUID_LEN bytes. */
struct slice transform_request_id(const struct stream *s, const struct http_head *h, char *buf);

/* X-Forwarded-For as it travels and is logged: "client's,own,list,peer" (Envoy joins without
 * blanks). Lies in px's scratch. */
struct slice transform_forwarded_for(struct stream *s, const struct http_head *h);

/* Is the peer a neighbour whose word is taken? Envoy's rule: a private address, and no
 * X-Forwarded-For that would say it speaks for somebody else. */
bool transform_is_external(const struct ip_addr *peer, const struct http_head *h);
