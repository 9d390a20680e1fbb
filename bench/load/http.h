/* http.h - heads of requests and responses, and the framing of bodies, as they arrive. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <emmintrin.h>

#include "conn.h"
#include "pattern.h"

#define HTTP_NO_LENGTH UINT64_MAX

struct http_head {
	uint32_t len; /* of the head, with the empty line */
	uint16_t status;
	bool post; /* the request has another method than GET */
	bool chunked, close;
	uint64_t length; /* Content-Length, or HTTP_NO_LENGTH */
	const uint8_t *path;
	uint32_t path_len;
};

/* Reads a head at the start of n bytes. Returns its length, 0 when its end has not arrived,
 * -1 when it is none. Of a response every line is checked; of a request, which may have come
 * through a proxy and is read far more often, only those that frame it. */
int http_read_response(const uint8_t *p, uint32_t n, struct http_head *h);
int http_read_request(const uint8_t *p, uint32_t n, struct http_head *h);

/* memcmp() for lengths known to be small, without the call. Both sides are followed by 16
 * bytes that may be read. */
static inline bool http_same(const uint8_t *a, const uint8_t *b, uint32_t n)
{
	uint32_t i = 0, differ;
	__m128i x, y;

	for (; i + 16 <= n; i += 16) {
		x = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
		y = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
		if (_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) != 0xffff)
			return false;
	}
	x = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
	y = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
	differ = 0xffff ^ (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));
	return (differ & ((1u << (n - i)) - 1)) == 0;
}

/* ---- bodies ---- */

/* conn.parse: the state in the low bits, flags above. */
enum body_state {
	BODY_HEAD,  /* between messages */
	BODY_PLAIN, /* body_left bytes are to come */
	BODY_CHUNK_SIZE,
	BODY_CHUNK_DIGITS, /* behind the first digit of a chunk's size */
	BODY_CHUNK_EXT,    /* behind the last */
	BODY_CHUNK_DATA,
	BODY_CHUNK_END, /* the line break behind the data */
	BODY_TRAILER,   /* at the start of a line */
	BODY_TRAILER_LINE,
	BODY_DONE,
	BODY_STATE = 15,

	BODY_CHECK = 16, /* it must be the pattern */
	BODY_WRONG = 32, /* it was not */
	BODY_CLOSE = 64, /* the connection ends with this message */
	BODY_FLAG = 128, /* of the user */
};

/* A body begins. False when its length is more than is supported. */
bool body_begin(struct conn *c, const struct http_head *h, uint8_t flags);

/* Takes what belongs to the body from n bytes; how many, or -1 when the framing is broken. The
 * state is BODY_DONE at its end. Sets BODY_WRONG, and *wrong_at, at the first wrong byte. */
int body_take(struct conn *c, const struct pattern *pattern, const uint8_t *p, uint32_t n,
	      uint32_t *wrong_at);

static inline enum body_state body_state(const struct conn *c)
{
	return (enum body_state)(c->parse & BODY_STATE);
}
