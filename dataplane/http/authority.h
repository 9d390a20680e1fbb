/* authority.h - the syntax of uri-host [":" port] (RFC 9110 7.2, RFC 3986 3.2). */
#pragma once
#include <base/slice.h>

/* A reg-name, IPv4 address or bracketed IPv6 address with an optional port of 0..65535, which
 * may be empty. Refused though RFC 3986 has them: user information (RFC 9110 4.2.4), an empty
 * host (4.2.1), "," (two Host lines joined by somebody would look like one name) and IPvFuture. */
bool http_authority_valid(struct slice s);

/* Same, with the port there: what CONNECT asks for (RFC 9112 3.2.3). */
bool http_authority_has_port(struct slice s);
