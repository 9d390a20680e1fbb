/* tunnel.h - after an upgrade: two byte streams joined, nothing parsed (RFC 9110 7.8). */
#pragma once
#include <proxy/stream.h>

/* Joins the stream's two ends; the codecs' connection objects are gone afterwards. The first
 * `used` bytes waiting from the upstream are its 101 head. */
void tunnel_start(struct stream *s, uint32_t used);

/* The stream's timer fired. */
void tunnel_timer(struct stream *s);
