/* h1_framing.h - what the fields of a head say about the message and its connection. */
#pragma once
#include <assert.h>

#include <http/fields.h>

/* Where the well-known fields of a head are, noted while they are parsed. */
struct h1_index {
	uint32_t seen, repeated;         /* HTTP_FIELD_BIT */
	uint8_t first[HTTP_FIELD_COUNT]; /* into http_head.fields, valid where seen */
};

static_assert(HTTP_FIELDS_MAX <= UINT8_MAX, "h1_index.first");

static inline void h1_index_add(struct h1_index *ix, unsigned id, unsigned at)
{
	uint32_t bit = 1u << id;

	if (ix->seen & bit)
		ix->repeated |= bit;
	else
		ix->first[id] = (uint8_t)at;
	ix->seen |= bit;
}

/* Complete a head whose start line and fields are parsed: framing, length, keep_alive, expect,
 * upgrade, authority, and hop of fields that Connection names. 0 or enum h1_error. */
int h1_frame_request(struct http_head *h, const struct h1_index *ix);
int h1_frame_response(struct http_head *h, const struct h1_index *ix, enum http_method request);
