/* h1_body.c - tells content from framing (RFC 9112 6 and 7.1), at any cut of the bytes.
 *
 * The chunked syntax is a table of state x class of character; what it does not name is an
 * error. Chunk extensions and trailers are dropped when a body is framed anew, but their syntax
 * is checked all the same: where somebody else would see a line end (a bare LF in an extension)
 * is where requests are smuggled. */
#include <http/h1.h>

#include <limits.h>

#include <http/chars.h>

enum class {
	C_CONTROL, /* what may stand nowhere */
	C_TEXT,    /* VCHAR and obs-text that are nothing below */
	C_HEX,
	C_TOKEN,
	C_BLANK,
	C_SEMICOLON,
	C_EQUALS,
	C_COLON,
	C_QUOTE,
	C_BACKSLASH,
	C_CR,
	C_LF,
	CLASSES
};

enum state {
	BROKEN,
	SIZE,          /* before the first digit */
	SIZE_MORE,     /* behind one */
	EXT_BEFORE,    /* blanks that must lead to ";" */
	EXT_SEPARATOR, /* behind ";" */
	EXT_NAME,
	EXT_NAME_AFTER, /* blanks behind a name */
	EXT_EQUALS,
	EXT_VALUE,
	EXT_QUOTED,
	EXT_ESCAPE,
	EXT_QUOTED_AFTER,
	SIZE_LF,
	DATA, /* never looked up: content is skipped, not read */
	DATA_CR,
	DATA_LF,
	TRAILER, /* at a line's start; everything from here on is the trailer section */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	STATES
};

/* In the order of ASCII. */
static const uint8_t class_of[256] = {
	['\t'] = C_BLANK,         ['\n'] = C_LF,           ['\r'] = C_CR,
	[' '] = C_BLANK,          ['!'] = C_TOKEN,         ['"'] = C_QUOTE,
	['#' ... '\''] = C_TOKEN, ['(' ... ')'] = C_TEXT,  ['*' ... '+'] = C_TOKEN,
	[','] = C_TEXT,           ['-' ... '.'] = C_TOKEN, ['/'] = C_TEXT,
	['0' ... '9'] = C_HEX,    [':'] = C_COLON,         [';'] = C_SEMICOLON,
	['<'] = C_TEXT,           ['='] = C_EQUALS,        ['>' ... '@'] = C_TEXT,
	['A' ... 'F'] = C_HEX,    ['G' ... 'Z'] = C_TOKEN, ['['] = C_TEXT,
	['\\'] = C_BACKSLASH,     [']'] = C_TEXT,          ['^' ... '`'] = C_TOKEN,
	['a' ... 'f'] = C_HEX,    ['g' ... 'z'] = C_TOKEN, ['{'] = C_TEXT,
	['|'] = C_TOKEN,          ['}'] = C_TEXT,          ['~'] = C_TOKEN,
	[0x80 ... 0xff] = C_TEXT,
};

/* Anything that may stand in a field value or be quoted. */
#define ON_TEXT(to)                                                                                \
	[C_TEXT] = (to), [C_HEX] = (to), [C_TOKEN] = (to), [C_BLANK] = (to), [C_SEMICOLON] = (to), \
	[C_EQUALS] = (to), [C_COLON] = (to)
#define ON_TCHAR(to) [C_HEX] = (to), [C_TOKEN] = (to)

static const uint8_t next[STATES][CLASSES] = {
	[SIZE] = {[C_HEX] = SIZE_MORE},
	[SIZE_MORE] = {[C_HEX] = SIZE_MORE,
		       [C_BLANK] = EXT_BEFORE,
		       [C_SEMICOLON] = EXT_SEPARATOR,
		       [C_CR] = SIZE_LF},
	[EXT_BEFORE] = {[C_BLANK] = EXT_BEFORE, [C_SEMICOLON] = EXT_SEPARATOR},
	[EXT_SEPARATOR] = {[C_BLANK] = EXT_SEPARATOR, ON_TCHAR(EXT_NAME)},
	[EXT_NAME] = {ON_TCHAR(EXT_NAME), [C_BLANK] = EXT_NAME_AFTER, [C_EQUALS] = EXT_EQUALS,
		      [C_SEMICOLON] = EXT_SEPARATOR, [C_CR] = SIZE_LF},
	[EXT_NAME_AFTER] = {[C_BLANK] = EXT_NAME_AFTER,
			    [C_EQUALS] = EXT_EQUALS,
			    [C_SEMICOLON] = EXT_SEPARATOR},
	[EXT_EQUALS] = {[C_BLANK] = EXT_EQUALS, ON_TCHAR(EXT_VALUE), [C_QUOTE] = EXT_QUOTED},
	[EXT_VALUE] = {ON_TCHAR(EXT_VALUE), [C_BLANK] = EXT_BEFORE, [C_SEMICOLON] = EXT_SEPARATOR,
		       [C_CR] = SIZE_LF},
	[EXT_QUOTED] =
		{ON_TEXT(EXT_QUOTED), [C_BACKSLASH] = EXT_ESCAPE, [C_QUOTE] = EXT_QUOTED_AFTER},
	[EXT_ESCAPE] = {ON_TEXT(EXT_QUOTED), [C_BACKSLASH] = EXT_QUOTED, [C_QUOTE] = EXT_QUOTED},
	[EXT_QUOTED_AFTER] =
		{[C_BLANK] = EXT_BEFORE, [C_SEMICOLON] = EXT_SEPARATOR, [C_CR] = SIZE_LF},
	[SIZE_LF] = {[C_LF] = DATA}, /* or TRAILER behind the last chunk's size */
	[DATA_CR] = {[C_CR] = DATA_LF},
	[DATA_LF] = {[C_LF] = SIZE},
	[TRAILER] = {ON_TCHAR(TRAILER_NAME), [C_CR] = LAST_LF},
	[TRAILER_NAME] = {ON_TCHAR(TRAILER_NAME), [C_COLON] = TRAILER_VALUE},
	[TRAILER_VALUE] = {ON_TEXT(TRAILER_VALUE), [C_QUOTE] = TRAILER_VALUE,
			   [C_BACKSLASH] = TRAILER_VALUE, [C_CR] = TRAILER_LF},
	[TRAILER_LF] = {[C_LF] = TRAILER},
	[LAST_LF] = {[C_LF] = TRAILER}, /* and the body is done */
};

void h1_body_init(struct h1_body *b, const struct http_head *h)
{
	*b = (struct h1_body){.framing = h->framing, .state = SIZE};
	if (h->framing == HTTP_BODY_LENGTH)
		b->left = h->length;
	b->done = h->framing == HTTP_BODY_NONE || (h->framing == HTTP_BODY_LENGTH && !b->left);
}

static unsigned hex_value(char c)
{
	unsigned digit = (uint8_t)c - '0';

	return digit < 10 ? digit : ((uint8_t)c | 0x20u) - 'a' + 10;
}

/* False when the size is longer or larger than any peer means. */
static bool add_digit(struct h1_body *b, char c)
{
	b->left = b->left << 4 | hex_value(c);
	b->digits++;
	return b->digits <= H1_CHUNK_DIGITS_MAX && b->left <= INT64_MAX;
}

static bool within_limit(const struct h1_body *b)
{
	return b->line_len <= (b->state < TRAILER ? H1_CHUNK_LINE_MAX : H1_TRAILER_BYTES_MAX);
}

static int fail(struct h1_body *b)
{
	int error = b->state >= TRAILER ? H1_BAD_TRAILER : H1_BAD_CHUNK;

	b->state = BROKEN;
	return error;
}

/* A line end that is legal in the state. */
static void end_line(struct h1_body *b, enum state from)
{
	if (from == SIZE_LF) {
		b->state = b->left ? DATA : TRAILER;
		b->digits = 0;
		b->line_len = 0;
	} else if (from == DATA_LF) {
		b->line_len = 0;
	} else if (from == LAST_LF) {
		b->done = true;
	}
}

/* One byte of framing. */
static inline int step(struct h1_body *b, char c)
{
	enum state from = b->state, to = next[from][class_of[(uint8_t)c]];

	b->line_len++;
	if (to == BROKEN || !within_limit(b))
		return fail(b);
	b->state = (uint8_t)to;
	if (to == SIZE_MORE && !add_digit(b, c))
		return fail(b);
	if (c == '\n')
		end_line(b, from);
	return 0;
}

/* Bytes of this chunk's data among n. */
static uint32_t take_data(struct h1_body *b, uint32_t n)
{
	uint32_t data = b->left < n ? (uint32_t)b->left : n;

	b->left -= data;
	if (!b->left)
		b->state = DATA_CR;
	return data;
}

static int parse_chunked(struct h1_body *b, const char *p, uint32_t n, uint32_t *skip,
			 uint32_t *data)
{
	uint32_t i = 0;

	while (i < n && !b->done && b->state != DATA) {
		int rc = step(b, p[i]);

		if (rc < 0)
			return rc;
		i++;
	}
	*skip = i;
	if (b->state == DATA)
		*data = take_data(b, n - i);
	return (int)(*skip + *data);
}

int h1_body_parse(struct h1_body *b, const char *p, uint32_t n, uint32_t *skip, uint32_t *data)
{
	*skip = *data = 0;
	if (b->done || n == 0)
		return 0;
	if (n > INT_MAX)
		n = INT_MAX;
	if (b->framing == HTTP_BODY_CHUNKED)
		return parse_chunked(b, p, n, skip, data);
	*data = n;
	if (b->framing == HTTP_BODY_LENGTH) {
		if (b->left < n)
			*data = (uint32_t)b->left;
		b->left -= *data;
		b->done = b->left == 0;
	}
	return (int)*data;
}
