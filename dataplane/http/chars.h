/* chars.h - the character classes of RFC 9110 and 9112, one byte at a time. */
#pragma once
#include <base/slice.h>

enum http_char {
	CHAR_TOKEN = 1u << 0,    /* tchar, RFC 9110 5.6.2 */
	CHAR_REG_NAME = 1u << 1, /* RFC 3986 reg-name without "%" and without "," */
	CHAR_DIGIT = 1u << 2,
	CHAR_HEX = 1u << 3,
};

extern const uint8_t http_chars[256];

static inline bool http_char_is(char c, enum http_char class)
{
	return http_chars[(uint8_t)c] & class;
}

static inline bool http_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One or more characters of a class and nothing else. */
static inline bool http_all(struct slice s, enum http_char class)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (!http_char_is(s.p[i], class))
			return false;
	return s.n > 0;
}
