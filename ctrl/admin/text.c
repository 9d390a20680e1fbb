/* text.c - owns the memory of a text and the three escapes. */
#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void text_init(struct text *t, size_t max)
{
	*t = (struct text){.max = max};
}

void text_fini(struct text *t)
{
	free(t->data);
	*t = (struct text){.max = t->max};
}

static bool reserve(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 1024;
	char *data;

	if (n > t->max - t->len) {
		t->full = true;
		return false;
	}
	if (n <= t->cap - t->len)
		return true;
	while (cap - t->len < n)
		cap *= 2;
	data = realloc(t->data, cap);
	if (!data) {
		t->full = true;
		return false;
	}
	t->data = data;
	t->cap = cap;
	return true;
}

void text_put(struct text *t, const char *p, size_t n)
{
	if (n == 0 || !reserve(t, n))
		return;
	memcpy(t->data + t->len, p, n);
	t->len += n;
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* One more for the terminator, which does not count. */
	if (n < 0 || !reserve(t, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(t->data + t->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

void text_shift(struct text *t, size_t n)
{
	if (n == 0)
		return;
	memmove(t->data, t->data + n, t->len - n);
	t->len -= n;
}

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t text_utf8_len(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (!is_tail(p[i]))
			return 0;
	return len;
}

/* An escape writes what stands for an ASCII character and returns its length; 0: itself. */
static size_t escape_json(unsigned char c, char out[8])
{
	static const char named[] = "btn_fr"; /* 0x08 to 0x0d; 0x0b has no name */

	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c >= 0x20 && c != 0x7f)
		return 0;
	if (c >= 0x08 && c <= 0x0d && c != 0x0b) {
		out[0] = '\\';
		out[1] = named[c - 0x08];
		return 2;
	}
	return (size_t)snprintf(out, 8, "\\u%04x", c);
}

static size_t escape_label(unsigned char c, char out[8])
{
	if (c != '"' && c != '\\' && c != '\n')
		return 0;
	out[0] = '\\';
	out[1] = c == '\n' ? 'n' : (char)c;
	return 2;
}

/* Copies p, runs of ordinary bytes at once. */
static void put_escaped(struct text *t, const char *p, size_t n,
			size_t (*escape)(unsigned char c, char out[8]))
{
	size_t i = 0, run = 0;

	while (i < n) {
		char out[8];
		size_t len = text_utf8_len(p + i, n - i), esc = 0;

		if (len == 1)
			esc = escape((unsigned char)p[i], out);
		if (len && !esc) {
			i += len;
			continue;
		}
		text_put(t, p + run, i - run);
		if (len)
			text_put(t, out, esc);
		else
			text_puts(t, REPLACEMENT);
		run = ++i;
	}
	text_put(t, p + run, n - run);
}

void text_put_json(struct text *t, const char *p, size_t n)
{
	text_puts(t, "\"");
	put_escaped(t, p, n, escape_json);
	text_puts(t, "\"");
}

void text_put_label(struct text *t, const char *p, size_t n)
{
	put_escaped(t, p, n, escape_label);
}

void text_put_field(struct text *t, const char *p, size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			continue;
		text_put(t, p + run, i - run);
		text_printf(t, "\\x%02X", c);
		run = i + 1;
	}
	text_put(t, p + run, n - run);
}
