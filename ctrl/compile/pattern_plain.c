/* pattern_plain.c - reads an expression as a sequence of sets of characters. */
#include <compile/pattern_plain.h>

#include <ctype.h>
#include <string.h>

#define ITEMS_MAX PATTERN_LITERAL_MAX

/* ASCII characters; all others are either in it or not. */
struct set {
	uint64_t ascii[2];
	bool others;
};

struct item {
	struct set set;
	bool repeated; /* may be there a varying number of times */
	bool optional; /* may be missing */
};

static void set_add(struct set *s, unsigned char c)
{
	if (c < 128)
		s->ascii[c / 64] |= 1ull << (c % 64);
	else
		s->others = true;
}

static void set_invert(struct set *s)
{
	s->ascii[0] = ~s->ascii[0];
	s->ascii[1] = ~s->ascii[1];
	s->others = !s->others;
}

static bool set_overlaps(const struct set *a, const struct set *b)
{
	return (a->ascii[0] & b->ascii[0]) || (a->ascii[1] & b->ascii[1]) ||
	       (a->others && b->others);
}

/* \d, \w and \s are of ASCII, in RE2 and here (no PCRE2_UCP). */
static bool add_class(struct set *s, char name)
{
	for (unsigned c = 0; c < 128; c++)
		if (name == 'd'   ? isdigit((int)c)
		    : name == 'w' ? isalnum((int)c) || c == '_'
				  : strchr("\t\n\f\r ", (int)c) && c)
			set_add(s, (unsigned char)c);
	return name == 'd' || name == 'w' || name == 's';
}

/* An escaped character: a class, or itself when it is punctuation. Returns what follows it; NULL:
 * something else. */
static const char *read_escape(const char *p, struct set *s)
{
	unsigned char c = (unsigned char)p[1];

	if (c < 128 && ispunct(c)) {
		set_add(s, c);
		return p + 2;
	}
	return add_class(s, (char)c) ? p + 2 : NULL;
}

/* "a-z", "a" or "\d" of a class in brackets. */
static const char *read_range(const char *p, struct set *s)
{
	unsigned char from = (unsigned char)p[0], to = from;

	if (from == '\\')
		return p[2] == '-' ? NULL : read_escape(p, s);
	if (from == '[' || from >= 128)
		return NULL;
	if (p[1] == '-' && p[2] != ']') {
		to = (unsigned char)p[2];
		if (to < from || to >= 128 || to == '\\' || to == '[')
			return NULL;
		p += 2;
	}
	for (unsigned c = from; c <= to; c++)
		set_add(s, (unsigned char)c);
	return p + 1;
}

static const char *read_brackets(const char *p, struct set *s)
{
	bool negated = p[1] == '^';

	p += negated ? 2 : 1;
	if (*p == ']')
		return NULL;
	while (p && *p && *p != ']')
		p = read_range(p, s);
	if (!p || !*p)
		return NULL;
	if (negated)
		set_invert(s);
	return p + 1;
}

static const char *read_character(const char *p, struct set *s)
{
	unsigned char c = (unsigned char)*p;

	if (c == '\\')
		return read_escape(p, s);
	if (c == '[')
		return read_brackets(p, s);
	if (c == '.') {
		set_add(s, '\n');
		set_invert(s);
		return p + 1;
	}
	/* A character of several bytes would be repeated as a whole. */
	if (c >= 128 || strchr("()]{}*+?^$|", c))
		return NULL;
	set_add(s, c);
	return p + 1;
}

static const char *read_item(const char *p, struct item *i)
{
	*i = (struct item){0};
	p = read_character(p, &i->set);
	if (!p || !*p || !strchr("*+?", *p))
		return p;
	i->repeated = true;
	i->optional = *p != '+';
	p++;
	return *p && strchr("*+?", *p) ? NULL : p; /* lazy or possessive */
}

/* Can what may follow item i begin like it goes on? */
static bool is_ambiguous(const struct item *items, unsigned n, unsigned i)
{
	for (unsigned k = i + 1; items[i].repeated && k < n; k++) {
		if (set_overlaps(&items[i].set, &items[k].set))
			return true;
		if (!items[k].optional)
			break;
	}
	return false;
}

static bool read_items(const char *p, struct item items[ITEMS_MAX], unsigned *n)
{
	*n = 0;
	if (*p == '^')
		p++;
	while (*p && !(p[0] == '$' && !p[1])) {
		if (*n == ITEMS_MAX)
			return false;
		p = read_item(p, &items[(*n)++]);
		if (!p)
			return false;
	}
	for (unsigned i = 0; i < *n; i++)
		if (is_ambiguous(items, *n, i))
			return false;
	return true;
}

bool pattern_is_plain(const char *p)
{
	struct item items[ITEMS_MAX];
	unsigned n;

	return read_items(p, items, &n);
}

/* The only character of a set; 0: it has others. */
static char only_character(const struct set *s)
{
	unsigned n = (unsigned)__builtin_popcountll(s->ascii[0]) +
		     (unsigned)__builtin_popcountll(s->ascii[1]);

	if (s->others || n != 1)
		return 0;
	return (char)(s->ascii[0] ? __builtin_ctzll(s->ascii[0])
				  : 64 + __builtin_ctzll(s->ascii[1]));
}

uint32_t pattern_literal(const char *p, char literal[PATTERN_LITERAL_MAX])
{
	struct item items[ITEMS_MAX];
	unsigned n, len = 0;

	if (!read_items(p, items, &n))
		return 0;
	for (char c; len < n && !items[len].repeated; literal[len++] = c)
		if (!(c = only_character(&items[len].set)))
			break;
	return len;
}
