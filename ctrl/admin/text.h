/* text.h - a growing string with a limit, and the escapes of the formats built in it.
 *
 * Every put is all or nothing: what would exceed the limit, or memory, is left out and
 * `full` is set for whoever built the text to look at once, at the end. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* not terminated */
	size_t len, cap;
	size_t max; /* bytes */
	bool full;
};

void text_init(struct text *t, size_t max);
void text_fini(struct text *t);

void text_put(struct text *t, const char *p, size_t n);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first n bytes. */
void text_shift(struct text *t, size_t n);

/* A JSON string with its quotes (RFC 8259 section 7). Bytes that are not UTF-8 become U+FFFD:
 * a log reader must never choke on what a client sent. */
void text_put_json(struct text *t, const char *p, size_t n);
/* The value of a Prometheus label, without its quotes; not UTF-8 as above. */
void text_put_label(struct text *t, const char *p, size_t n);
/* One field of a text log line: whatever could end the field or the line, and whatever is
 * not ASCII, becomes \xNN. */
void text_put_field(struct text *t, const char *p, size_t n);

/* Bytes of the well-formed UTF-8 character at p (RFC 3629 section 4), 0 when there is none.
 * n is at least 1. */
size_t text_utf8_len(const char *p, size_t n);
