/* h1_body.c - fuzz target: chunked bodies, against a slow and obvious decoder.
 *
 * The first byte seeds the sizes of the pieces. The content that comes out must be the same in
 * one piece, in pieces, and byte by byte; and when the body is complete, what the reference
 * (which knows sizes, CRLFs and nothing of limits or syntax of extensions) makes of it. */
#include <string.h>

#include <http/h1.h>

#include "fuzz.h"

#define BODY_MAX 65536

struct outcome {
	int error;
	bool done;
	size_t used;
	uint32_t n;
	char content[BODY_MAX];
};

static void decode(const char *p, size_t n, uint32_t step, struct outcome *o)
{
	const struct http_head h = {.framing = HTTP_BODY_CHUNKED};
	struct h1_body b;
	uint32_t skip, data;

	h1_body_init(&b, &h);
	o->error = 0;
	o->used = o->n = 0;
	while (o->used < n && !b.done && !o->error) {
		uint32_t piece = (uint32_t)(n - o->used < step ? n - o->used : step);
		int rc = h1_body_parse(&b, p + o->used, piece, &skip, &data);

		if (rc < 0) {
			o->error = rc;
			break;
		}
		MUST(rc > 0 && (uint32_t)rc <= piece && (uint32_t)rc == skip + data);
		memcpy(o->content + o->n, p + o->used + skip, data);
		o->n += data;
		o->used += (size_t)rc;
		step = step > 1 ? step * 5 % 97 + 1 : 1;
	}
	o->done = b.done;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	MUST(a->error == b->error && a->done == b->done);
	if (a->error)
		return;
	MUST(a->used == b->used && a->n == b->n);
	MUST(memcmp(a->content, b->content, a->n) == 0);
}

/* Line end at or after p, or NULL. */
static const char *line_end(const char *p, const char *end)
{
	return memmem(p, (size_t)(end - p), "\r\n", 2);
}

/* A body that was accepted: n bytes, all of them used. */
static void check_reference(const char *p, size_t n, const struct outcome *o)
{
	const char *end = p + n;
	uint32_t at = 0;

	for (;;) {
		unsigned long size = strtoul(p, NULL, 16);

		p = line_end(p, end);
		MUST(p);
		p += 2;
		if (!size)
			break;
		MUST(size <= o->n - at && size + 2 <= (size_t)(end - p));
		MUST(memcmp(o->content + at, p, size) == 0);
		MUST(memcmp(p + size, "\r\n", 2) == 0);
		at += (uint32_t)size;
		p += size + 2;
	}
	MUST(at == o->n);
	while (line_end(p, end) != p) {
		p = line_end(p, end);
		MUST(p);
		p += 2;
	}
	MUST(p + 2 == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, pieces;
	const char *p = (const char *)data + 1;

	if (size < 1 || size > BODY_MAX)
		return 0;
	decode(p, size - 1, UINT32_MAX, &whole);
	decode(p, size - 1, data[0] + 2u, &pieces);
	check_same(&whole, &pieces);
	decode(p, size - 1, 1, &pieces);
	check_same(&whole, &pieces);
	if (whole.done)
		check_reference(p, whole.used, &whole);
	return 0;
}
