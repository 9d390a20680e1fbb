/* answer.c - see answer.h. */
#include "answer.h"

#include <stdio.h>

#include <rte_common.h>

static const char *status_line(uint32_t kind)
{
	switch (kind & ANSWER_WHAT) {
	case ANSWER_UNAVAILABLE:
		return "503 Service Unavailable";
	case ANSWER_MISSING:
		return "404 Not Found";
	case ANSWER_BAD:
		return "400 Bad Request";
	default:
		return "200 OK";
	}
}

static uint32_t body_length(uint32_t kind)
{
	return (kind & ANSWER_LENGTH) + ((kind & ANSWER_WHAT) == ANSWER_LONGER);
}

void answer_make(struct answers *a, uint32_t kind, struct answer *e)
{
	uint32_t body = body_length(kind);
	struct emit out = {.at = e->bytes};

	e->kind = kind;
	e->head_len = (uint32_t)snprintf(
		(char *)e->bytes, ANSWER_CACHED,
		"HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %u\r\n"
		"%s\r\n",
		status_line(kind), body, kind & ANSWER_CLOSE ? "Connection: close\r\n" : "");
	e->total = e->head_len + body;
	e->sum = cksum_add(0, e->bytes, e->head_len);
	if (e->total > ANSWER_CACHED)
		return;
	out.n = e->head_len;
	answer_emit(a, e, e->head_len, body, &out);
	e->sum = cksum_add(0, e->bytes, e->total);
}

/* The byte in the middle is another one. */
static void emit_flipped(const struct answers *a, uint32_t length, uint32_t at, uint32_t n,
			 struct emit *out)
{
	uint32_t wrong = length / 2;
	uint8_t byte = *pattern_at(a->pattern, wrong) ^ 1;
	uint8_t buf[32] = {byte};

	if (wrong < at || wrong >= at + n) {
		emit_pattern(out, a->pattern, at, n);
		return;
	}
	emit_pattern(out, a->pattern, at, wrong - at);
	emit_bytes(out, buf, 1);
	emit_pattern(out, a->pattern, wrong + 1, at + n - wrong - 1);
}

void answer_emit(const struct answers *a, const struct answer *e, uint32_t rel, uint32_t n,
		 struct emit *out)
{
	uint32_t head = rel < e->head_len ? RTE_MIN(n, e->head_len - rel) : 0;

	if (head == e->head_len && e->total > ANSWER_CACHED)
		emit_summed(out, e->bytes, head, e->sum);
	else if (head)
		emit_bytes(out, e->bytes + rel, head);
	rel += head;
	n -= head;
	if (n == 0)
		return;
	if ((e->kind & ANSWER_WHAT) == ANSWER_FLIPPED)
		emit_flipped(a, e->kind & ANSWER_LENGTH, rel - e->head_len, n, out);
	else
		emit_pattern(out, a->pattern, rel - e->head_len, n);
}
