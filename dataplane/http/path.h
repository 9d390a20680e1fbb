/* path.h - one form for paths that mean the same, as Envoy has it under Istio.
 *
 * PATH_BASE resolves "." and ".." segments, also with dots that are escaped, takes "\" for "/",
 * resolves escapes of unreserved characters, and escapes what may not stand in a path; ".." at the
 * root stays there. A rule then cannot be walked around, and what was matched is what is
 * forwarded. The query is not touched. */
#pragma once
#include <http/message.h>
#include <weir/path.h>

/* A path in its new form is at most so many times as long: every byte may have to be escaped. */
#define HTTP_PATH_GROWTH 3

/* Makes h->path (and path_len) what the kind says; out has room for HTTP_PATH_GROWTH times the old
 * one, and h points into it when anything changed. False: there is no such form ("%00"), the
 * request is to be refused with 400. */
bool http_path_normalize(struct http_head *h, enum path_normalization kind, char *out);
