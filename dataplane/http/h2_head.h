/* h2_head.h - heads between the exchange and HTTP/2's header blocks (RFC 9113 8). */
#pragma once
#include <http/h2.h>

#define H2_REQUEST_FIELDS_MAX (HTTP_FIELDS_MAX + HTTP_EXTRA_MAX + 6)

/* A head as nghttp2 takes it, who copies it and makes names lower case. */
struct h2_fields {
	size_t n;
	nghttp2_nv nv[H2_REQUEST_FIELDS_MAX];
	char length[20];
};

/* What is hop by hop stays behind, as h1_client.c has it; Host becomes :authority. */
void h2_write_request(struct h2_fields *f, const struct http_head *h,
		      const struct http_extra *extra);

/* A final or interim response. last: no content follows. h points into the block. False: it says
 * what no response may, or more than the limits let it. */
bool h2_read_response(struct http_head *h, const struct h2_block *b, const struct h1_limits *limits,
		      enum http_method request_method, bool last);

/* Is it a response's head? Else it is trailers. */
bool h2_is_response(const struct h2_block *b);
