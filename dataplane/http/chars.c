/* chars.c - the table behind chars.h. */
#include <http/chars.h>

#define MARK_IN_NAMES (CHAR_TOKEN | CHAR_REG_NAME)

const uint8_t http_chars[256] = {
	['0' ... '9'] = CHAR_TOKEN | CHAR_REG_NAME | CHAR_DIGIT | CHAR_HEX,
	['A' ... 'F'] = CHAR_TOKEN | CHAR_REG_NAME | CHAR_HEX,
	['G' ... 'Z'] = CHAR_TOKEN | CHAR_REG_NAME,
	['a' ... 'f'] = CHAR_TOKEN | CHAR_REG_NAME | CHAR_HEX,
	['g' ... 'z'] = CHAR_TOKEN | CHAR_REG_NAME,
	['!'] = MARK_IN_NAMES,
	['$'] = MARK_IN_NAMES,
	['&'] = MARK_IN_NAMES,
	['\''] = MARK_IN_NAMES,
	['*'] = MARK_IN_NAMES,
	['+'] = MARK_IN_NAMES,
	['-'] = MARK_IN_NAMES,
	['.'] = MARK_IN_NAMES,
	['_'] = MARK_IN_NAMES,
	['~'] = MARK_IN_NAMES,
	['#'] = CHAR_TOKEN,
	['%'] = CHAR_TOKEN,
	['^'] = CHAR_TOKEN,
	['`'] = CHAR_TOKEN,
	['|'] = CHAR_TOKEN,
	['('] = CHAR_REG_NAME,
	[')'] = CHAR_REG_NAME,
	[';'] = CHAR_REG_NAME,
	['='] = CHAR_REG_NAME,
};
